//! What can be typed behind `secgate sbom`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use secgate_inventory::SbomFormat;

use crate::args::ImageSource;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SbomArgs {
    /// Folder, lockfile, SBOM, or an image as for `secgate image`
    pub(crate) target: Option<String>,
    /// cyclonedx-json and cyclonedx-xml (also with @1.4 to @1.7), spdx-json, spdx-tag-value, spdx-3-json; to standard output
    #[arg(long, value_name = "FORMAT", value_parser = sbom_format)]
    pub(crate) format: Option<SbomFormat>,
    /// Write this format to a file; may be repeated
    #[arg(short, long = "output", value_name = "FORMAT=FILE", value_parser = sbom_output)]
    pub(crate) output: Vec<(SbomFormat, PathBuf)>,
    /// The time that the document carries (RFC 3339); otherwise SOURCE_DATE_EPOCH, otherwise now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<jiff::Timestamp>,
    /// Exit with 0 although something could not be read; the document says what
    #[arg(long)]
    pub(crate) accept_gaps: bool,
    /// Configuration file; otherwise secgate.yaml is looked for upwards
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) source: ImageSource,
    #[command(subcommand)]
    pub(crate) command: Option<SbomCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SbomCommand {
    /// What changed from one SBOM to another: packages, versions, licences, scopes
    Diff(SbomDiffArgs),
    /// Several SBOMs in one; each stays a part with its own dependencies
    Merge(SbomMergeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SbomDiffArgs {
    /// The earlier SBOM
    pub(crate) from: PathBuf,
    /// The later SBOM
    pub(crate) to: PathBuf,
    /// Format of standard output
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: DiffFormat,
    /// Exit with 1 when there is a difference
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    Text,
    Markdown,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct SbomMergeArgs {
    /// The SBOMs
    #[arg(required = true, num_args = 1..)]
    pub(crate) sboms: Vec<PathBuf>,
    /// What the whole is called
    #[arg(long, value_name = "NAME", default_value = "merged")]
    pub(crate) name: String,
    /// As for `secgate sbom`
    #[arg(long, value_name = "FORMAT", value_parser = sbom_format)]
    pub(crate) format: Option<SbomFormat>,
    /// The file to write; standard output without it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The time that the document carries (RFC 3339); otherwise SOURCE_DATE_EPOCH, otherwise now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<jiff::Timestamp>,
    /// Exit with 0 although one of the SBOMs has gaps; the document says which
    #[arg(long)]
    pub(crate) accept_gaps: bool,
}

fn sbom_format(text: &str) -> Result<SbomFormat, String> {
    text.parse().map_err(|error: secgate_inventory::sbom::UnknownSbomFormat| error.to_string())
}

fn sbom_output(text: &str) -> Result<(SbomFormat, PathBuf), String> {
    let (format, file) = text.split_once('=').ok_or("expected FORMAT=FILE")?;
    if file.is_empty() {
        return Err("the file is missing after `=`".to_owned());
    }
    Ok((sbom_format(format)?, PathBuf::from(file)))
}
