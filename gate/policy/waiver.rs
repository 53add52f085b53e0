use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use secgate_model::{Finding, Kind};

use crate::{
    evidence::CLOCK_SKEW,
    package_pattern::PackagePattern,
    policy::{Origin, Policy, Rule, Waivable},
    values::{Globs, add, age_words, duration_words, moment_words},
};

/// No ordinary waiver is longer than this, whatever a rule allows.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A decision of people not to act on a finding for a time, or a statement of a VEX document.
#[derive(Debug, Clone)]
pub struct Waiver {
    /// Its id, unique over all files of an evaluation.
    pub id: String,
    pub(crate) matches: WaiverMatch,
    /// Why.
    pub reason: String,
    /// `accepted_risk`, `not_affected` or `fixed`.
    pub status: String,
    /// The VEX justification, with `not_affected`.
    pub justification: Option<String>,
    /// Who answers for it: an address or a team; for VEX the document's author.
    pub owner: String,
    /// Who agreed.
    pub approved_by: Vec<Approval>,
    /// When it was written: its length is measured from an approval, else from here. One of both is there, except in VEX.
    pub created: Option<Timestamp>,
    /// The first moment at which it no longer counts; `None` only for VEX.
    pub expires: Option<Timestamp>,
    /// Where it stands.
    pub origin: Origin,
    /// Whether it comes from a VEX document.
    pub vex: bool,
}

/// One approval of a waiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// By which review.
    pub via: Option<String>,
}

/// What a waiver covers: everything that is given must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct WaiverMatch {
    pub(crate) vuln: Option<String>,
    pub(crate) rule: Option<Globs>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) package: Option<PackagePattern>,
    pub(crate) path: Option<Globs>,
    pub(crate) subject: Option<Globs>,
}

impl WaiverMatch {
    pub(crate) fn covers_subject(&self, subject: &str) -> bool {
        self.subject.as_ref().is_none_or(|globs| globs.matches(subject))
    }

    fn covers(&self, finding: &Finding, subject: &str) -> bool {
        let says_what = self.vuln.is_some() || self.rule.is_some() || self.fingerprint.is_some();
        says_what
            && self.vuln.as_ref().is_none_or(|id| {
                finding.kind == Kind::Vulnerability
                    && (finding.rule.eq_ignore_ascii_case(id)
                        || finding.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(id)))
            })
            && self.fingerprint.as_ref().is_none_or(|fingerprint| finding.fingerprint.0 == *fingerprint)
            && self.rule.as_ref().is_none_or(|globs| globs.matches(&finding.rule))
            && self.package.as_ref().is_none_or(|pattern| {
                finding.locus.component.as_ref().is_some_and(|component| pattern.matches(component))
            })
            // Every place must be covered: a waiver for one file does not reach a second one.
            && self.path.as_ref().is_none_or(|globs| {
                let locations = &finding.locus.locations;
                !locations.is_empty() && locations.iter().all(|location| globs.matches(&location.path))
            })
            && self.covers_subject(subject)
    }
}

/// All waivers of an evaluation.
#[derive(Debug, Clone, Default)]
pub struct Waivers {
    pub(crate) list: Vec<Waiver>,
    by_vuln: HashMap<String, Vec<usize>>,
    by_fingerprint: HashMap<String, Vec<usize>>,
    by_rule: Vec<usize>,
    /// Digests of the files, sorted: the order of files is no input.
    pub(crate) digests: BTreeSet<String>,
}

impl Waivers {
    /// The waivers, in the order of the files.
    pub fn list(&self) -> &[Waiver] {
        &self.list
    }

    /// An id of the form `W-2026-014` that no waiver has yet.
    pub fn next_id(&self, now: Timestamp) -> String {
        let year = now.to_zoned(jiff::tz::TimeZone::UTC).year();
        let prefix = format!("W-{year}-");
        let highest = self
            .list
            .iter()
            .filter_map(|waiver| waiver.id.strip_prefix(&prefix)?.parse::<u32>().ok())
            .max();
        format!("{prefix}{:03}", highest.unwrap_or(0).saturating_add(1))
    }

    pub(crate) fn push(&mut self, waiver: Waiver) {
        let at = self.list.len();
        if let Some(id) = &waiver.matches.vuln {
            self.by_vuln.entry(id.to_ascii_uppercase()).or_default().push(at);
        } else if let Some(fingerprint) = &waiver.matches.fingerprint {
            self.by_fingerprint.entry(fingerprint.clone()).or_default().push(at);
        } else {
            self.by_rule.push(at);
        }
        self.list.push(waiver);
    }

    /// The waivers whose match covers `finding`, whether they still count or not, in the order of the files.
    pub(crate) fn covering(&self, finding: &Finding, subject: &str) -> Vec<usize> {
        if self.list.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<usize> = self.by_rule.clone();
        if !self.by_fingerprint.is_empty() {
            found.extend(self.by_fingerprint.get(&finding.fingerprint.0).into_iter().flatten());
        }
        if !self.by_vuln.is_empty() && finding.kind == Kind::Vulnerability {
            for id in std::iter::once(&finding.rule).chain(&finding.aliases) {
                found.extend(self.by_vuln.get(&id.to_ascii_uppercase()).into_iter().flatten());
            }
        }
        found.sort_unstable();
        found.dedup();
        found.retain(|at| {
            self.list.get(*at).is_some_and(|waiver| waiver.matches.covers(finding, subject))
        });
        found
    }
}

/// Why a waiver that covers a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    Expired,
    NotAllowed(String),
}

/// What the waivers do to one finding.
#[derive(Debug, Clone, Default)]
pub(crate) struct WaiverDecision {
    /// The waiver that counts, the one that lasts longest; by index.
    pub(crate) by: Option<usize>,
    /// Every waiver that covers the finding.
    pub(crate) covering: Vec<usize>,
    pub(crate) refused: Vec<(usize, Refusal)>,
}

/// The one function that decides whether a finding is waived. `rules` are the rules of the stage that the finding
/// breaks: a waiver holds against all of them at once or not at all.
pub(crate) fn decide(
    finding: &Finding,
    rules: &[&Rule],
    policy: &Policy,
    waivers: &Waivers,
    subject: &str,
    now: Timestamp,
) -> WaiverDecision {
    let covering = waivers.covering(finding, subject);
    let mut decision = WaiverDecision::default();
    let mut best: Option<(Timestamp, usize)> = None;
    for &at in &covering {
        let Some(waiver) = waivers.list.get(at) else { continue };
        if let Some(refusal) = refusal(waiver, rules, policy, now) {
            decision.refused.push((at, refusal));
        } else {
            let end = waiver.expires.unwrap_or(Timestamp::MAX);
            if best.is_none_or(|(longest, _)| end > longest) {
                best = Some((end, at));
            }
        }
    }
    decision.by = best.map(|(_, at)| at);
    decision.covering = covering;
    decision
}

fn refusal(waiver: &Waiver, rules: &[&Rule], policy: &Policy, now: Timestamp) -> Option<Refusal> {
    if let Some(expires) = waiver.expires {
        if expires <= now {
            return Some(Refusal::Expired);
        }
        if expires.duration_since(now) > LONGEST {
            let text = format!(
                "it runs until {}; no waiver counts for more than 366 days ahead",
                moment_words(expires)
            );
            return Some(Refusal::NotAllowed(text));
        }
    } else if !waiver.vex {
        return Some(Refusal::NotAllowed("it has no expiry".to_owned()));
    }
    rules.iter().find_map(|rule| not_allowed(waiver, rule, policy, now)).map(Refusal::NotAllowed)
}

/// Why `rule` does not let `waiver` count.
fn not_allowed(waiver: &Waiver, rule: &Rule, policy: &Policy, now: Timestamp) -> Option<String> {
    let name = &rule.name;
    let (max, approvers, vex) = match &rule.waivable {
        Waivable::No => return Some(format!("the rule {name} ({}) forbids waivers", rule.origin)),
        Waivable::Yes { max, approvers, vex } => (max, approvers, *vex),
    };
    if waiver.vex {
        return (!vex)
            .then(|| format!("the rule {name} ({}) does not take VEX documents", rule.origin));
    }
    let may = |approval: &Approval| {
        approvers.iter().any(|approver| {
            approval.who == *approver
                || policy.teams.get(approver).is_some_and(|people| people.contains(&approval.who))
        })
    };
    let agreed = |approval: &&Approval| approval.at <= now;
    // Only who may approve under this rule can let the time begin anew.
    let approved = waiver
        .approved_by
        .iter()
        .filter(agreed)
        .filter(|approval| approvers.is_empty() || may(approval))
        .map(|approval| approval.at)
        .max();
    let written = waiver.created.filter(|at| *at <= add(now, CLOCK_SKEW));
    // Measured from now it would fit into any length once enough of it is over.
    let Some(start) = approved.or(written) else {
        return Some(match waiver.created {
            Some(created) => {
                format!("it is created on {}, which lies ahead", moment_words(created))
            }
            None => "no approval that counts says since when it runs: add `created` with the day on which it was \
                     written"
                .to_owned(),
        });
    };
    let limit = max.unwrap_or(LONGEST).min(LONGEST);
    let length = waiver.expires.map(|expires| expires.duration_since(start));
    if let Some(length) = length.filter(|length| *length > limit) {
        return Some(format!(
            "the rule {name} ({}) allows {}, and it runs for {}",
            rule.origin,
            duration_words(limit),
            age_words(length)
        ));
    }
    if !approvers.is_empty() && !waiver.approved_by.iter().filter(agreed).any(may) {
        return Some(format!(
            "the rule {name} ({}) needs an approval by {}",
            rule.origin,
            approvers.join(" or ")
        ));
    }
    None
}
