use std::path::Path;

use secgate_inventory::CATALOGERS;
use secgate_source::{Limits, open_directory};

use crate::{
    args::InitArgs,
    config::NAME,
    exit::{Failure, Outcome, PASS},
    judge::write_whole,
};

const POLICY: &str = "secgate-policy.yaml";
const WAIVERS: &str = "secgate-waivers.yaml";

const EMPTY_WAIVERS: &str = "\
# Findings that somebody has accepted, each with owner, reason and expiry. `secgate waive` writes them.
apiVersion: secgate.dev/v1
kind: Waivers
waivers: []
";

pub(crate) fn run(args: &InitArgs) -> Outcome {
    if !args.path.is_dir() {
        return Err(Failure::usage(format!("{} is not a folder", args.path.display())));
    }
    for name in [NAME, POLICY, WAIVERS] {
        let path = args.path.join(name);
        if path.exists() && !args.force {
            return Err(Failure::usage(format!("{} is there already", path.display()))
                .hint("--force replaces it"));
        }
    }
    let found = detect(&args.path)?;
    write_whole(&args.path.join(NAME), config(&found).as_bytes())?;
    write_whole(&args.path.join(POLICY), policy().as_bytes())?;
    write_whole(&args.path.join(WAIVERS), EMPTY_WAIVERS.as_bytes())?;
    if found.is_empty() {
        anstream::eprintln!(
            "no lockfile, manifest or SBOM was found; the audit will have nothing to look at"
        );
    } else {
        anstream::eprintln!("found {}", found.join(", "));
    }
    anstream::eprintln!(
        "wrote {} and {}",
        args.path.join(NAME).display(),
        args.path.join(POLICY).display()
    );
    anstream::eprintln!("next: `secgate db update`, then `secgate run`");
    Ok(PASS)
}

/// The dependency files of the project, most telling first.
fn detect(path: &Path) -> Result<Vec<String>, Failure> {
    let tree = open_directory(path, Limits { depth: 6, ..Limits::default() }, &|path| {
        path.split('/').any(|part| matches!(part, "node_modules" | ".venv" | "venv" | "target"))
    })?;
    let mut found: Vec<String> = tree
        .entries()
        .iter()
        .filter(|entry| entry.name().contains('.'))
        .filter(|entry| {
            CATALOGERS.iter().any(|cataloger| !cataloger.installed() && cataloger.wants(entry))
        })
        .map(|entry| entry.path.clone())
        .collect();
    found.sort_by_key(|path| (path.matches('/').count(), path.clone()));
    found.truncate(12);
    Ok(found)
}

fn config(found: &[String]) -> String {
    let list: String = if found.is_empty() {
        "#   (none was found)\n".to_owned()
    } else {
        // A file name is anything; a line break in it must not become configuration.
        found
            .iter()
            .map(|path| format!("#   {}\n", path.escape_debug()))
            .collect::<Vec<_>>()
            .concat()
    };
    format!(
        "# Configuration of secgate: what is looked at, which policy judges it, where reports go.\n\
         # Paths are relative to this file.\n\
         apiVersion: secgate.dev/v1\n\
         kind: Config\n\
         \n\
         policy: {POLICY}\n\
         \n\
         # Findings that somebody has accepted, with owner, reason and expiry. `secgate waive` writes them.\n\
         waivers: [secgate-waivers.yaml]\n\
         # VEX documents of your suppliers (OpenVEX, CycloneDX, CSAF).\n\
         # vex: []\n\
         \n\
         # The stages that `secgate run` runs.\n\
         stages: [source]\n\
         \n\
         # Dependency files that `secgate init` saw:\n\
         {list}\
         # Leave out what is not yours to judge, for example fixtures of tests:\n\
         # exclude: [\"tests/fixtures\"]\n\
         \n\
         reports:\n\
         \x20 folder: secgate-reports\n\
         \x20 formats: [json, html, sarif, junit]\n\
         \n\
         # advisories:\n\
         #   mirror: https://osv.mirror.example/     # a mirror of the OSV export; the public one without this\n\
         #   ecosystems: [PyPI, npm]                 # fetch only these; packages of others are then not judged\n\
         \n\
         # audit:\n\
         #   accept_unpinned: true                   # requests without an exact version are no gap\n\
         #   crates_index: cargo                     # report yanked crates, by the index that Cargo keeps\n\
         #   accept_missing: [\"GitHub Actions\"]      # ecosystems that your mirror does not have\n"
    )
}

fn policy() -> &'static str {
    "# The policy of this project. `secgate policy explain` says in words what it demands.\n\
         apiVersion: secgate.dev/v1\n\
         kind: Policy\n\
         metadata: { name: project }\n\
         extends: [\"builtin:default\"]\n\
         \n\
         # Older advisories than this are no evidence.\n\
         evidence:\n\
         \x20 advisories: { max_age: 24h, starter: deny }\n\
         \n\
         # Change a rule by defining it again under its name, or add your own and name it in a stage:\n\
         #\n\
         # stages:\n\
         #   source: { use: [no-known-exploited, fixable-high, our-rule], against: new }\n\
         # rules:\n\
         #   our-rule:\n\
         #     title: Nothing of medium severity that has a fix\n\
         #     match: { kind: vulnerability, severity: \">=medium\", fix: available }\n\
         #     action: fail\n\
         #     waivable: { max: 60d }\n\
         #     help: Raise the version.\n"
}
