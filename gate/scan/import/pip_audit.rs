//! pip-audit's JSON: an object with `dependencies`, before version 2 the list alone.
//!
//! pip-audit says no severity. A dependency that it skipped is a gap.

use secgate_model::{Confidence, Kind, Vulnerability};
use serde::Deserialize;

use super::{
    component,
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, rating,
};

const FORMAT: &str = "pip-audit";

#[derive(Deserialize)]
struct Report {
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    version: Option<String>,
    vulns: Option<Vec<Flaw>>,
    skip_reason: Option<String>,
}

#[derive(Deserialize)]
struct Flaw {
    id: String,
    fix_versions: Vec<String>,
    aliases: Option<Vec<String>>,
    description: Option<String>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let dependencies = if input.text.trim_start().starts_with('[') {
        input.parse::<Vec<Dependency>>(FORMAT)?
    } else {
        input.parse::<Report>(FORMAT)?.dependencies
    };
    let mut draft = Draft::new(input, FORMAT, "pip-audit");
    if dependencies.is_empty() {
        draft.skipped("pip-audit found no dependencies");
    }
    for dependency in dependencies {
        let Dependency { name, version, vulns, skip_reason } = dependency;
        match (version, vulns, skip_reason) {
            (Some(version), Some(vulns), None) => {
                for flaw in vulns {
                    add(&mut draft, &name, &version, flaw)?;
                }
            }
            (_, None, Some(reason)) => {
                draft.gap(format!("pip-audit skipped {name}: {reason}"), None);
            }
            _ => {
                return Err(draft.refuse(format!(
                    "`{}` has neither `vulns` nor `skip_reason`",
                    phrase::line(&name)
                )));
            }
        }
    }
    Ok(draft)
}

fn add(draft: &mut Draft, name: &str, version: &str, flaw: Flaw) -> Result<(), ImportError> {
    let title = phrase::first_line([flaw.description.as_deref()]);
    let mut finding = blank(Kind::Vulnerability, &flaw.id, &title);
    finding.locus.component = component::package("pypi", name, Some(version));
    finding.confidence = Confidence::High;
    finding.description = phrase::prose_of(flaw.description.as_deref());
    let fixed_in = flaw.fix_versions;
    finding.remediation =
        (!fixed_in.is_empty()).then(|| format!("Raise {name} to {}", fixed_in.join(" or ")));
    finding.vulnerability = Some(Vulnerability {
        fixed_here: rating::fix_above(Some(version), &fixed_in),
        fixed_in,
        ..Vulnerability::default()
    });
    draft.flaw(flaw.aliases.into_iter().flatten().chain([flaw.id]), name, finding)
}
