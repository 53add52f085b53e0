//! Renders a report document in every format: `golden [REPORT.json] [FOLDER]`, by default the golden examples of the
//! project into their own folder. Run it from the project's root after a change of a format, and read the difference.

use std::{env, fs, io, path::Path};

use secgate_formats::report::{MAX_BYTES, ReportDocument};
use secgate_report::{Format, Options, read, render};

const NAMES: [(Format, &str); 8] = [
    (Format::Json, "report.json"),
    (Format::Table, "report.txt"),
    (Format::Sarif, "report.sarif"),
    (Format::Markdown, "report.md"),
    (Format::Html, "report.html"),
    (Format::Junit, "report.junit.xml"),
    (Format::Gitlab, "gl-dependency-scanning-report.json"),
    (Format::Github, "report.github.txt"),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let source = arguments.next().unwrap_or_else(|| "reports/examples/report.json".to_owned());
    let folder = arguments.next().unwrap_or_else(|| "reports/examples".to_owned());
    let mut bytes = Vec::new();
    io::Read::read_to_end(
        &mut io::Read::take(fs::File::open(&source)?, MAX_BYTES as u64),
        &mut bytes,
    )?;
    let report = read::report(&ReportDocument::from_slice(&bytes)?)?;
    for (format, name) in NAMES {
        fs::write(
            Path::new(&folder).join(name),
            render(format, &report.run(), &Options::default())?,
        )?;
    }
    Ok(())
}
