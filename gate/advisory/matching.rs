use secgate_versions::{Membership, Scheme, Version, compare, in_range};

use crate::{
    Affected, Database, DatabaseError,
    database::{Mention, PackageEntry, Text},
    record::Bound,
};

/// What the database says about one package at one version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matches {
    /// One entry an alias group that affects it, by the preferred id.
    pub groups: Vec<Group>,
    /// Advisories that could not be judged, as `id: why`.
    pub unjudged: Vec<String>,
    /// Advisories that name the package and say nothing about its versions (only commits, or nothing at all), by id.
    pub silent: Vec<String>,
}

/// An alias group that affects a package.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Every id, preferred first.
    pub ids: Vec<String>,
    /// The advisories whose versions hold the package's, by preferred id.
    pub hits: Vec<(Text, Affected)>,
    /// Every version that any advisory of the group calls fixed, in order.
    pub fixed_in: Vec<String>,
    /// The lowest of them above the version that no advisory of the group affects.
    pub fixed_here: Option<String>,
}

/// Matches a package against the database by the OSV schema's evaluation rules: a version is affected when it is among
/// an entry's `versions` or inside any of its ranges. A range that cannot be judged never hides another that can.
pub fn match_package(
    database: &Database,
    ecosystem: &str,
    name: &str,
    version: &str,
) -> Result<Matches, DatabaseError> {
    match database.package(ecosystem, name)? {
        Some(mut entry) => {
            // Go's index ignores case for purls that were made lower case; a name that has kept its case means itself.
            if ecosystem == "Go" && name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                entry.mentions.retain(|mention| mention.affected.name == name);
            }
            match_entry(database, &entry, version)
        }
        None => Ok(Matches::default()),
    }
}

fn match_entry(
    database: &Database,
    entry: &PackageEntry,
    text: &str,
) -> Result<Matches, DatabaseError> {
    let scheme = Scheme::of_ecosystem(&entry.ecosystem);
    let version =
        scheme.and_then(|scheme| scheme.parse(text).ok().map(|version| (scheme, version)));
    let mut unjudged = Vec::new();
    let mut silent = Vec::new();
    let mut hits = Vec::new();
    for mention in &entry.mentions {
        match judge(&mention.affected, text, version.as_ref()) {
            Judged::Affected => hits.push(mention),
            Judged::Clear => {}
            Judged::Silent => silent.push(mention.record),
            Judged::Unknown(why) => unjudged.push((mention, why)),
        }
    }
    let mut matches = Matches::default();
    let mut numbers: Vec<u32> = Vec::new();
    for Mention { record, group, affected } in hits {
        let at = numbers.iter().position(|held| held == group).unwrap_or_else(|| {
            numbers.push(*group);
            matches.groups.push(Group {
                ids: entry.groups.get(*group as usize).cloned().unwrap_or_default(),
                hits: Vec::new(),
                fixed_in: Vec::new(),
                fixed_here: None,
            });
            numbers.len() - 1
        });
        let Some(found) = matches.groups.get_mut(at) else { continue };
        let text = database.text(*record)?;
        match found.hits.iter_mut().find(|(held, _)| held.record.id == text.record.id) {
            // A second entry of one advisory: what it does not limit is not limited.
            Some((_, held)) => {
                held.informational =
                    held.informational.take().filter(|_| affected.informational.is_some());
                held.affects.extend(affected.affects.iter().cloned());
            }
            None => found.hits.push((text, affected.clone())),
        }
    }
    for (mention, why) in unjudged {
        // Another advisory of the same group that does affect it settles the question.
        if !numbers.contains(&mention.group) {
            matches.unjudged.push(format!("{}: {why}", database.text(mention.record)?.record.id));
        }
    }
    for record in silent {
        matches.silent.push(database.text(record)?.record.id);
    }
    for (number, found) in numbers.iter().zip(&mut matches.groups) {
        found.hits.sort_by(|(a, _), (b, _)| {
            secgate_model::preferred_id_order(&a.record.id, &b.record.id)
        });
        let members: Vec<&Affected> = entry
            .mentions
            .iter()
            .filter(|mention| mention.group == *number)
            .map(|mention| &mention.affected)
            .collect();
        (found.fixed_in, found.fixed_here) = fixes(&members, version.as_ref());
    }
    matches.groups.sort_by(|a, b| a.ids.cmp(&b.ids));
    matches.unjudged.sort();
    matches.silent.sort();
    Ok(matches)
}

/// So many fixes above a version are tried: each costs an evaluation of every advisory of its group.
const MAX_CANDIDATES: usize = 500;

pub(crate) enum Judged {
    Affected,
    Clear,
    Silent,
    Unknown(String),
}

pub(crate) fn judge(
    affected: &Affected,
    text: &str,
    version: Option<&(Scheme, Version)>,
) -> Judged {
    if affected.versions.iter().any(|listed| listed == text) {
        return Judged::Affected;
    }
    // The schema's evaluation calls nothing affected then; the entry is told apart so that somebody can look.
    if affected.versions.is_empty() && affected.ranges.is_empty() {
        return Judged::Silent;
    }
    let Some((scheme, version)) = version else {
        return Judged::Unknown(format!("the version `{text}` has no order"));
    };
    // `1.0` and `1.0.0` are one release to most ecosystems, however the list writes it.
    let same = |listed: &String| {
        scheme
            .parse(listed)
            .is_ok_and(|listed| listed.cmp_same(version) == std::cmp::Ordering::Equal)
    };
    if affected.versions.iter().any(same) {
        return Judged::Affected;
    }
    let mut unknown = None;
    for range in &affected.ranges {
        let events: Vec<_> = range.iter().map(Bound::event).collect();
        match in_range(*scheme, &events, version) {
            Membership::Inside => return Judged::Affected,
            Membership::Outside => {}
            Membership::Unordered(why) => unknown = Some(format!("`{why}` cannot be ordered")),
            Membership::Disputed(end) => {
                unknown = Some(format!(
                    "its range ends more than once, first at {end}, and is most likely meant to end at the last"
                ));
            }
        }
    }
    unknown.map_or(Judged::Clear, Judged::Unknown)
}

/// The versions that fix a group, and the lowest one above `version` that none of its entries affects.
pub(crate) fn fixes(
    members: &[&Affected],
    version: Option<&(Scheme, Version)>,
) -> (Vec<String>, Option<String>) {
    let mut all: Vec<&str> = members
        .iter()
        .flat_map(|affected| &affected.ranges)
        .flatten()
        .filter_map(|bound| match bound {
            Bound::Fixed(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    let Some((scheme, installed)) = version else {
        return (all.into_iter().map(str::to_owned).collect(), None);
    };
    all.sort_by(|a, b| compare(*scheme, a, b).unwrap_or(std::cmp::Ordering::Equal));
    // `1.0` and `1.0.0` are one fix.
    all.dedup_by(|a, b| compare(*scheme, a, b) == Ok(std::cmp::Ordering::Equal));
    let above = all.iter().filter(|text| {
        scheme
            .parse(text)
            .is_ok_and(|candidate| candidate.cmp_same(installed) == std::cmp::Ordering::Greater)
    });
    let here = above.take(MAX_CANDIDATES).find(|text| {
        scheme.parse(text).is_ok_and(|candidate| {
            let candidate = (*scheme, candidate);
            members.iter().all(|affected| {
                matches!(judge(affected, text, Some(&candidate)), Judged::Clear | Judged::Silent)
            })
        })
    });
    let here = here.map(|text| (*text).to_owned());
    (all.into_iter().map(str::to_owned).collect(), here)
}
