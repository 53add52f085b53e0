use std::path::Path;

use secgate_inventory::{SbomFormat, SbomInput, write_sbom};
use secgate_model::{Inventory, Target};
use secgate_source::Reference;

use crate::{
    args_sbom::{SbomArgs, SbomCommand},
    cmd::image::inventories,
    config::Config,
    environment,
    exit::{ERROR, Failure, Outcome, PASS, tell_gaps},
    judge::{show, write_whole},
    look,
};

pub(crate) fn run(args: &SbomArgs) -> Outcome {
    match &args.command {
        Some(SbomCommand::Diff(args)) => super::sbom_diff::diff(args),
        Some(SbomCommand::Merge(args)) => super::sbom_diff::merge(args),
        None => write(args),
    }
}

fn write(args: &SbomArgs) -> Outcome {
    let text = args.target.as_deref().unwrap_or(".");
    let mut found = inventory(text, args)?;
    let (Some((target, inventory)), true) = (found.pop(), found.is_empty()) else {
        return Err(Failure::usage(format!("{text} stands for several images"))
            .hint("name one with --platform, and write an SBOM for each"));
    };
    let created = match args.at {
        Some(at) => at,
        None => environment::source_date()?.unwrap_or_else(environment::now),
    };
    let input = SbomInput {
        tool_version: env!("CARGO_PKG_VERSION"),
        target: &target,
        inventory: &inventory,
        created,
        parts: &[],
    };
    let render = |format: SbomFormat| write_sbom(&input, format).map_err(Failure::evidence);
    for (format, path) in &args.output {
        write_whole(path, &render(*format)?)?;
    }
    if args.output.is_empty() || args.format.is_some() {
        let format = args.format.unwrap_or_default();
        let mut bytes = render(format)?;
        if !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        show(&bytes)?;
    }
    // A document that says less than there is must not pass for a whole one where its exit code is all that is looked at.
    tell_gaps(&inventory.unknowns);
    if inventory.packages.is_empty() && inventory.unknowns.is_empty() {
        anstream::eprintln!("gap: {text} has nothing that secgate reads packages from");
        return Ok(ERROR);
    }
    Ok(if inventory.unknowns.is_empty() || args.accept_gaps { PASS } else { ERROR })
}

/// A path where there is one; otherwise an image.
fn inventory(text: &str, args: &SbomArgs) -> Result<Vec<(Target, Inventory)>, Failure> {
    let path = Path::new(text);
    if path.exists() {
        let start = super::audit::start(path);
        let config = Config::find(args.config.as_deref(), Some(start))?;
        let (target, inventory) = look::inventory(path, &config)?;
        return Ok(vec![(target, inventory)]);
    }
    // `app` could be an image of the default registry; more often it is a folder that is not there.
    if let Ok(Reference::Registry(named)) = text.parse()
        && named.host == "docker.io"
        && !text.contains([':', '@'])
        && !text.starts_with("docker.io/")
    {
        return Err(Failure::evidence(format!("there is no file or folder {text}"))
            .hint(format!("for the image of that name, write its tag: {text}:latest")));
    }
    inventories(text, &args.source)
}
