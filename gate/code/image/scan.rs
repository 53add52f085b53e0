use std::collections::BTreeMap;

use secgate_model::{Finding, Location, Locus, Problem, Target};
use secgate_scan::{About, Job, Scan, ScanError, Scanner, fingerprint, subject_key};
use secgate_source::Image;

use super::{
    IMAGE_RULES,
    facts::ImageFacts,
    rule::{Hit, Place, RuleAbout},
};

/// Hits of one rule that are told; that there are more is a gap.
pub const MAX_HITS: usize = 500;

/// Characters of a message or of what was seen.
const MAX_SHOWN: usize = 400;

/// Places of one finding.
const MAX_PLACES: usize = 20;

/// The scanner `image`: rules over an image that is open.
#[derive(Debug)]
pub struct ImageRules<'i> {
    /// The image.
    pub image: &'i Image,
}

static ABOUT: About = About { id: "image", version: env!("CARGO_PKG_VERSION"), needs: &[] };

impl Scanner for ImageRules<'_> {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn scan(&self, job: &Job<'_>) -> Result<Scan, ScanError> {
        Ok(scan_image(job.target, self.image))
    }
}

/// Holds every rule of [`IMAGE_RULES`] against an image. What could not be looked at is in [`Scan::problems`].
pub fn scan_image(target: &Target, image: &Image) -> Scan {
    let mut facts = ImageFacts::new(target, image);
    let mut scan = Scan { problems: std::mem::take(&mut facts.problems), ..Scan::default() };
    for rule in IMAGE_RULES {
        let about = rule.about();
        let hits = joined(rule.check(&facts));
        if hits.len() > MAX_HITS {
            scan.problems.push(Problem {
                location: None,
                message: format!(
                    "the rule {} objects to {} things, of which {MAX_HITS} are told",
                    about.id,
                    hits.len()
                ),
                hint: None,
                gap: true,
            });
        }
        scan.findings
            .extend(hits.into_iter().take(MAX_HITS).map(|hit| finding(target, about, hit)));
    }
    let named = facts.steps.iter().filter(|(number, ..)| {
        let step = image.config.history.get(number - 1).and_then(|step| step.created_by.as_deref());
        step.is_some_and(|text| !text.trim().is_empty())
    });
    scan.detail = format!(
        "{} rules; {} of the history's {} steps, {} variables, {} layers, {} files with telling modes, {} files of credentials",
        IMAGE_RULES.len(),
        named.count(),
        image.config.history.len(),
        facts.environment().count(),
        image.layers.len(),
        image.modes.len(),
        facts.credential_files.len(),
    );
    scan
}

/// Hits of one identity as one hit with the places of all.
fn joined(hits: Vec<Hit>) -> Vec<Hit> {
    let mut at: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let mut out: Vec<Hit> = Vec::new();
    for hit in hits {
        let first = *at.entry(hit.what.clone()).or_insert(out.len());
        match out.get_mut(first) {
            None => out.push(hit),
            Some(same) => {
                for place in hit.places {
                    if same.places.len() < MAX_PLACES && !same.places.contains(&place) {
                        same.places.push(place);
                    }
                }
            }
        }
    }
    out
}

fn finding(target: &Target, about: &'static RuleAbout, hit: Hit) -> Finding {
    let what: Vec<&str> = hit.what.iter().map(String::as_str).collect();
    let mut cwe = about.cwe.to_vec();
    cwe.sort_unstable();
    Finding {
        fingerprint: fingerprint(about.kind, &subject_key(target), about.id, &what),
        weak_fingerprint: None,
        scanner: ABOUT.id.to_owned(),
        seen_by: vec![ABOUT.id.to_owned()],
        kind: about.kind,
        rule: about.id.to_owned(),
        aliases: Vec::new(),
        cwe,
        title: shown(&hit.message),
        description: Some(about.help.to_owned()),
        severity: Some(hit.severity.unwrap_or(about.severity)),
        confidence: hit.confidence,
        locus: Locus {
            locations: hit.places.into_iter().take(MAX_PLACES).map(location).collect(),
            ..Locus::default()
        },
        vulnerability: None,
        evidence: hit.evidence.as_deref().map(shown),
        remediation: Some(about.remedy.to_owned()),
        references: about.references.iter().map(|&text| text.to_owned()).collect(),
    }
}

/// A place that is no file has a path that none has: `config:User`, `history:7`.
fn location(place: Place) -> Location {
    match place {
        Place::Config(field) => Location::file(format!("config:{}", shown(&field))),
        Place::Step(number, layer) => {
            Location { layer, ..Location::file(format!("history:{number}")) }
        }
        Place::File(path, line, layer) => Location { line, layer, ..Location::file(path) },
    }
}

/// One line of bounded length.
fn shown(text: &str) -> String {
    let mut line: String =
        text.chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        line.push('…');
    }
    line
}
