//! Matches a distribution's package against its records of one release.
//!
//! A record of another release says nothing, whatever it calls fixed. Findings are made one a CVE: a distribution's
//! bulletins name many, its CVE records one, and all that speak about one CVE make one finding, named by the CVE. What names
//! no CVE stands for itself.

use std::collections::{BTreeMap, BTreeSet};

use secgate_model::preferred_id_order;
use secgate_versions::Scheme;

use crate::{
    Affected, Database, DatabaseError, Group, Matches,
    database::Text,
    distribution::Placed,
    matching::{Judged, fixes, judge},
    record::Bound,
    release::{Archive, Release, archive},
    system_package::{Wanted, is_modular},
    vendor_word::PRO,
};

/// What the database says about one package of a distribution.
#[derive(Debug, Default)]
pub(crate) struct SystemMatches {
    /// As for every package.
    pub(crate) matches: Matches,
    /// For each group, what becomes of it, where the vendor says.
    pub(crate) statuses: Vec<Option<String>>,
}

/// An entry that speaks about the package in its release.
pub(crate) struct Spoken {
    pub(crate) record: u32,
    pub(crate) affected: Affected,
}

/// Every entry for the package's release, archive and module stream, with the version that it is to be compared with.
pub(crate) fn spoken(
    database: &Database,
    placed: &Placed,
    wanted: &Wanted,
) -> Result<Vec<(String, Vec<Spoken>)>, DatabaseError> {
    let mut found = Vec::new();
    for (name, version) in &wanted.keys {
        let Some(entry) = database.package(placed.ecosystem, name)? else { continue };
        let here: Vec<Spoken> = entry
            .mentions
            .into_iter()
            .filter(|mention| placed.release.holds(suffix(&mention.affected.ecosystem)))
            .filter(|mention| is_about(&mention.affected, wanted))
            .map(|mention| Spoken { record: mention.record, affected: mention.affected })
            .collect();
        let here = match placed.release {
            Release::Ubuntu(_) => by_archive(here, version),
            _ => here,
        };
        if !here.is_empty() {
            found.push((version.clone(), here));
        }
    }
    Ok(found)
}

/// Matches a package.
pub(crate) fn match_system_package(
    database: &Database,
    placed: &Placed,
    wanted: &Wanted,
) -> Result<SystemMatches, DatabaseError> {
    let scheme = Scheme::of_ecosystem(placed.ecosystem);
    let mut groups = Groups::default();
    let mut unjudged = BTreeMap::new();
    let mut silent = BTreeSet::new();
    let mut hit_records = BTreeSet::new();
    for (version, entries) in spoken(database, placed, wanted)? {
        let parsed =
            scheme.and_then(|scheme| scheme.parse(&version).ok().map(|version| (scheme, version)));
        let mut hits: BTreeMap<u32, Vec<&Affected>> = BTreeMap::new();
        for Spoken { record, affected } in &entries {
            match judge(affected, &version, parsed.as_ref()) {
                Judged::Affected => hits.entry(*record).or_default().push(affected),
                Judged::Clear => {}
                Judged::Silent => {
                    silent.insert(*record);
                }
                Judged::Unknown(why) => {
                    unjudged.insert(*record, why);
                }
            }
        }
        for (record, affected) in hits {
            hit_records.insert(record);
            let members: Vec<&Affected> = entries
                .iter()
                .filter(|entry| entry.record == record)
                .map(|entry| &entry.affected)
                .collect();
            groups.add(database.text(record)?, &affected, &members, parsed.as_ref());
        }
    }
    let mut found = groups.finish(scheme);
    for (record, why) in unjudged {
        // Another entry of the same record that does hold the package settles the question.
        if !hit_records.contains(&record) {
            found.matches.unjudged.push(format!("{}: {why}", database.text(record)?.record.id));
        }
    }
    for record in silent.difference(&hit_records) {
        found.matches.silent.push(database.text(*record)?.record.id);
    }
    found.matches.unjudged.sort();
    found.matches.silent.sort();
    Ok(found)
}

/// The part of an ecosystem after its name.
pub(crate) fn suffix(ecosystem: &str) -> &str {
    ecosystem.split_once(':').map_or("", |(_, suffix)| suffix)
}

/// A module's advisory is about packages of that module's stream alone, and all others about packages of no module. Where a
/// record names no stream, or nobody knows the package's, only the first half can be told. An entry for some architectures is
/// about packages of those.
fn is_about(affected: &Affected, wanted: &Wanted) -> bool {
    let mut ends = affected.ranges.iter().flatten().filter_map(|bound| match bound {
        Bound::Fixed(text) | Bound::LastAffected(text) => Some(is_modular(text)),
        Bound::Introduced(_) | Bound::Limit(_) => None,
    });
    if let Some(first) = ends.next()
        && first != wanted.is_modular
        && ends.all(|other| other == first)
    {
        return false;
    }
    let streams = affected.vendor.as_ref().map_or(&[][..], |vendor| &vendor.streams);
    let arches = affected.vendor.as_ref().map_or(&[][..], |vendor| &vendor.architectures);
    if let Some(architecture) = &wanted.architecture
        && !arches.is_empty()
        && !arches.contains(architecture)
    {
        return false;
    }
    match &wanted.stream {
        Some(stream) if !streams.is_empty() => streams.contains(stream),
        _ => true,
    }
}

/// Of each record, the entries of the archive that the installed version comes from; where it has none, those of the next
/// archive that holds the package. What only subscribers get fixed is vulnerable for everybody else.
fn by_archive(entries: Vec<Spoken>, version: &str) -> Vec<Spoken> {
    let version = version.to_ascii_lowercase();
    let order: &[Archive] = if version.contains("fips") {
        &[Archive::Fips, Archive::Pro, Archive::Main]
    } else if version.contains("esm") {
        &[Archive::Pro, Archive::Main]
    } else {
        &[Archive::Main, Archive::Pro]
    };
    let rank = |entry: &Spoken| {
        let (archive, _) = archive(suffix(&entry.affected.ecosystem))?;
        order.iter().position(|known| *known == archive)
    };
    let mut best: BTreeMap<u32, usize> = BTreeMap::new();
    let mut fixed_for_subscribers = BTreeSet::new();
    for entry in &entries {
        let Some(rank) = rank(entry) else { continue };
        let held = best.entry(entry.record).or_insert(rank);
        *held = rank.min(*held);
        if order.get(rank) == Some(&Archive::Pro) && has_fix(&entry.affected) {
            fixed_for_subscribers.insert(entry.record);
        }
    }
    let is_subscribed = order.first() != Some(&Archive::Main);
    entries
        .into_iter()
        .filter(|entry| rank(entry).is_some_and(|rank| best.get(&entry.record) == Some(&rank)))
        .map(|mut entry| {
            let only_there = rank(&entry) != Some(0) || !has_fix(&entry.affected);
            if !is_subscribed && only_there && fixed_for_subscribers.contains(&entry.record) {
                let vendor = entry.affected.vendor.get_or_insert_default();
                vendor.status = Some(PRO.to_owned());
            }
            entry
        })
        .collect()
}

fn has_fix(affected: &Affected) -> bool {
    affected.ranges.iter().flatten().any(|bound| matches!(bound, Bound::Fixed(_)))
}

/// Hits by the flaw that they are about.
#[derive(Default)]
struct Groups {
    by_flaw: BTreeMap<String, usize>,
    groups: Vec<Draft>,
}

#[derive(Default)]
struct Draft {
    flaws: BTreeSet<String>,
    /// By record id.
    hits: BTreeMap<String, (Text, Affected)>,
    /// Which of them are about other flaws too.
    bulletins: BTreeSet<String>,
    /// Vectors that other sources give the flaw.
    borrowed: BTreeSet<String>,
    fixed_in: BTreeSet<String>,
    /// Of each hit, the version that is clear of it.
    fixed_here: Vec<Option<String>>,
    status: Option<String>,
}

impl Groups {
    fn add(
        &mut self,
        mut text: Text,
        affected: &[&Affected],
        members: &[&Affected],
        version: Option<&(Scheme, secgate_versions::Version)>,
    ) {
        let Some(first) = affected.first() else { return };
        let mut said = (*first).clone();
        for other in affected.iter().skip(1) {
            said.informational =
                said.informational.take().filter(|_| other.informational.is_some());
            said.affects.extend(other.affects.iter().cloned());
        }
        let (fixed_in, fixed_here) = fixes(members, version);
        let status =
            affected.iter().filter_map(|affected| affected.vendor.as_ref()?.status.clone()).max();
        // A fix that only subscribers get is none that could be told to anybody.
        let fixed_here = fixed_here.filter(|_| status.as_deref() != Some(PRO));
        // Lists of thousands of flaws are not copied into each of thousands of findings.
        let flaws = std::mem::take(&mut text.record.flaws);
        let scores: BTreeMap<String, Vec<String>> =
            std::mem::take(&mut text.scores).into_iter().collect();
        let is_bulletin = flaws.iter().filter(|flaw| flaw.starts_with("CVE-")).count() > 1;
        // Chainguard's records are about one flaw under several ids.
        let flaws: Vec<Vec<String>> = match flaws.as_slice() {
            [] => vec![vec![text.record.id.clone()]],
            _ if text.record.id.starts_with("CGA-") => vec![flaws],
            _ => flaws.into_iter().map(|flaw| vec![flaw]).collect(),
        };
        for ids in flaws {
            let borrowed: Vec<String> =
                ids.iter().filter_map(|id| scores.get(id)).flatten().cloned().collect();
            let at = self.group(ids);
            let Some(draft) = self.groups.get_mut(at) else { continue };
            draft.hits.insert(text.record.id.clone(), (text.clone(), said.clone()));
            if is_bulletin {
                draft.bulletins.insert(text.record.id.clone());
            }
            draft.borrowed.extend(borrowed);
            draft.fixed_in.extend(fixed_in.iter().cloned());
            draft.fixed_here.push(fixed_here.clone());
            draft.status = draft.status.take().max(status.clone());
        }
    }

    /// The group that holds any of the ids, which are ids of one flaw; those that this joins become one.
    fn group(&mut self, ids: Vec<String>) -> usize {
        let known: BTreeSet<usize> =
            ids.iter().filter_map(|id| self.by_flaw.get(id).copied()).collect();
        let at = known.first().copied().unwrap_or_else(|| {
            self.groups.push(Draft::default());
            self.groups.len() - 1
        });
        for other in known.into_iter().skip(1) {
            let taken = self.groups.get_mut(other).map(std::mem::take).unwrap_or_default();
            for id in &taken.flaws {
                self.by_flaw.insert(id.clone(), at);
            }
            if let Some(draft) = self.groups.get_mut(at) {
                draft.flaws.extend(taken.flaws);
                draft.hits.extend(taken.hits);
                draft.bulletins.extend(taken.bulletins);
                draft.borrowed.extend(taken.borrowed);
                draft.fixed_in.extend(taken.fixed_in);
                draft.fixed_here.extend(taken.fixed_here);
                draft.status = draft.status.take().max(taken.status);
            }
        }
        for id in ids {
            self.by_flaw.insert(id.clone(), at);
            if let Some(draft) = self.groups.get_mut(at) {
                draft.flaws.insert(id);
            }
        }
        at
    }

    fn finish(self, scheme: Option<Scheme>) -> SystemMatches {
        let mut groups: Vec<(Group, Option<String>)> = self
            .groups
            .into_iter()
            .filter(|draft| !draft.hits.is_empty())
            .map(|draft| draft.finish(scheme))
            .collect();
        groups.sort_by(|(a, _), (b, _)| a.ids.cmp(&b.ids));
        let (groups, statuses) = groups.into_iter().unzip();
        SystemMatches { matches: Matches { groups, ..Matches::default() }, statuses }
    }
}

impl Draft {
    /// Leaves the scores that are this flaw's own: those of records about it alone, and those that other sources give it. A
    /// bulletin's scores are of the worst of its flaws, and count only where there is nothing better.
    fn own_scores(&mut self) {
        let has_own = self
            .hits
            .iter()
            .any(|(id, (text, _))| !self.bulletins.contains(id) && !text.record.vectors.is_empty());
        if !has_own && self.borrowed.is_empty() {
            return;
        }
        for id in &self.bulletins {
            if let Some((text, _)) = self.hits.get_mut(id) {
                text.record.vectors.clear();
            }
        }
        // The distribution's own score of its package counts before anybody else's.
        if !has_own && let Some((text, _)) = self.hits.values_mut().next() {
            text.record.vectors.extend(std::mem::take(&mut self.borrowed));
        }
    }

    fn finish(mut self, scheme: Option<Scheme>) -> (Group, Option<String>) {
        self.own_scores();
        let order = |a: &String, b: &String| {
            scheme
                .and_then(|scheme| secgate_versions::compare(scheme, a, b).ok())
                .unwrap_or_else(|| a.cmp(b))
        };
        let mut ids: Vec<String> =
            self.flaws.into_iter().chain(self.hits.keys().cloned()).collect();
        ids.sort_by(|a, b| preferred_id_order(a, b));
        ids.dedup();
        let mut fixed_in: Vec<String> = self.fixed_in.into_iter().collect();
        fixed_in.sort_by(order);
        // The package is rid of the flaw when it is clear of every record about it.
        let fixed_here = self
            .fixed_here
            .into_iter()
            .collect::<Option<Vec<String>>>()
            .and_then(|fixes| fixes.into_iter().max_by(order));
        let mut hits: Vec<(Text, Affected)> = self.hits.into_values().collect();
        hits.sort_by(|(a, _), (b, _)| preferred_id_order(&a.record.id, &b.record.id));
        (Group { ids, hits, fixed_in, fixed_here }, self.status)
    }
}
