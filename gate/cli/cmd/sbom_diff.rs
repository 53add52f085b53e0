use std::path::{Path, PathBuf};

use secgate_inventory::{ReadSbom, SbomInput, merge_sboms, read_sbom, sbom_diff, write_sbom};
use secgate_model::{Target, TargetKind};
use secgate_report::{sbom_diff_json, sbom_diff_markdown, sbom_diff_text};

use crate::{
    args_sbom::{DiffFormat, SbomDiffArgs, SbomMergeArgs},
    environment,
    exit::{ERROR, FAIL, Failure, Outcome, PASS, tell_gaps},
    judge::{show, write_whole},
};

/// As large as the SBOMs that `secgate audit` takes.
const MAX_SBOM: u64 = 512 << 20;

pub(crate) fn diff(args: &SbomDiffArgs) -> Outcome {
    let (from, to) = (read(&args.from)?, read(&args.to)?);
    let found = sbom_diff((&from.subject, &from.inventory), (&to.subject, &to.inventory));
    let bytes = match args.format {
        DiffFormat::Text => sbom_diff_text(&found, environment::width()).into_bytes(),
        DiffFormat::Markdown => sbom_diff_markdown(&found).into_bytes(),
        DiffFormat::Json => sbom_diff_json(&found).map_err(Failure::evidence)?,
    };
    show(&bytes)?;
    // What neither document knows cannot be compared.
    if !(from.inventory.unknowns.is_empty() && to.inventory.unknowns.is_empty()) {
        anstream::eprintln!(
            "gap: an SBOM that is partial was compared: what it lacks shows as no difference"
        );
        return Ok(ERROR);
    }
    Ok(if args.exit_code && !found.is_empty() { FAIL } else { PASS })
}

pub(crate) fn merge(args: &SbomMergeArgs) -> Outcome {
    let all = args.sboms.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let (inventory, parts) = merge_sboms(all);
    let target =
        Target { kind: TargetKind::Path, name: args.name.clone(), digest: None, revision: None };
    let created = match args.at {
        Some(at) => at,
        None => environment::source_date()?.unwrap_or_else(environment::now),
    };
    let input = SbomInput {
        tool_version: env!("CARGO_PKG_VERSION"),
        target: &target,
        inventory: &inventory,
        created,
        parts: &parts,
    };
    let format = args.format.unwrap_or_default();
    let bytes = write_sbom(&input, format).map_err(Failure::evidence)?;
    match &args.output {
        Some(path) => write_whole(path, &bytes)?,
        None => show(&bytes)?,
    }
    // As for an SBOM that is made: the whole knows no more than its parts.
    tell_gaps(&inventory.unknowns);
    let is_whole = inventory.unknowns.is_empty() || args.accept_gaps;
    if inventory.packages.is_empty() && inventory.unknowns.is_empty() {
        anstream::eprintln!("gap: none of the SBOMs names a package");
        return Ok(ERROR);
    }
    Ok(if is_whole { PASS } else { ERROR })
}

/// An SBOM, whatever it is called.
fn read(path: &PathBuf) -> Result<ReadSbom, Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::evidence(format!("{}: {error}", path.display()));
    let bytes = crate::settings::read(path, MAX_SBOM).map_err(|error| failed(&error))?;
    let name = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
    read_sbom(&name.unwrap_or_default(), &bytes)
        .ok_or_else(|| failed(&"no CycloneDX or SPDX document"))?
        .map_err(|error| failed(&error))
}
