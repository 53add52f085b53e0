//! Releases that nobody mends any more: what their feeds do not name is not therefore safe.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use secgate_model::{Package, Problem};

use crate::{
    distribution::{Placed, is_system_package, place, place_label},
    release::Release,
};

/// Dated facts, one release a line; its first lines say where they come from.
const FACTS: &str = include_str!("end_of_life.csv");

/// So many days before the end, it is worth a note.
const SOON_DAYS: i64 = 90;

/// When a release ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    /// The last day on which everybody gets updates; `None` where it has not been announced.
    public: Option<Date>,
    /// The last day on which subscribers do.
    subscribers: Option<Date>,
}

/// Says which releases, of the packages and of what the target says it is made from (`debian-12`), have come to their end at `now`, or soon will: a gap, or a note. A release that the
/// table does not know is a note where it may be a newer one: releases come out between two versions of secgate. One that is
/// older than what the table knows has ended.
pub(crate) fn ended_releases<'p>(
    packages: impl IntoIterator<Item = &'p Package>,
    made_from: Option<&str>,
    now: Timestamp,
) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    if let Some(label) = made_from
        && let Ok(placed) = place_label(label)
    {
        let name = if label.starts_with("centos") { "CentOS" } else { placed.ecosystem };
        seen.insert((name, placed.release.cycle()));
    }
    let mut subscribed = BTreeSet::new();
    for package in packages.into_iter().filter(|package| is_system_package(package.purl.kind())) {
        let Ok(placed) = place(&package.purl) else { continue };
        let release = named(package, &placed);
        if is_subscribers(&placed, package.purl.version().unwrap_or_default()) {
            subscribed.insert(release.clone());
        }
        seen.insert(release);
    }
    let today = now.to_zoned(TimeZone::UTC).date();
    seen.into_iter()
        .filter(|(_, cycle)| !cycle.is_empty())
        .filter_map(|release| {
            let has_subscription = subscribed.contains(&release);
            judge(release.0, &release.1, has_subscription, today)
        })
        .collect()
}

/// The table's names of a package's distribution and release.
fn named(package: &Package, placed: &Placed) -> (&'static str, String) {
    let tells = |text: Option<&str>| {
        text.is_some_and(|text| text.to_ascii_lowercase().starts_with("centos"))
    };
    // CentOS has Red Hat's advisories and ends of its own.
    let is_centos = tells(package.purl.namespace()) || tells(package.purl.qualifier("distro"));
    let name = if is_centos { "CentOS" } else { placed.ecosystem };
    (name, placed.release.cycle())
}

fn is_subscribers(placed: &Placed, version: &str) -> bool {
    matches!(placed.release, Release::Ubuntu(_)) && version.contains("esm")
}

fn judge(name: &str, cycle: &str, has_subscription: bool, today: Date) -> Option<Problem> {
    // What has no releases has no ends either.
    if matches!(cycle, "edge" | "sid" | "Tumbleweed" | "stream") {
        return None;
    }
    let note = |message: String| Problem { location: None, message, hint: None, gap: false };
    let Some(end) = end_of(name, cycle) else {
        return Some(Problem {
            gap: is_old(name, cycle),
            ..note(format!("nothing is known about the end of life of {name} {cycle}"))
        });
    };
    let until = if has_subscription { end.subscribers.max(end.public) } else { end.public }?;
    let left = i64::from(today.until(until).ok()?.get_days());
    if left < 0 {
        return Some(Problem {
            location: None,
            message: format!(
                "{name} {cycle} came to its end of life on {until}: flaws found since then are in no advisory"
            ),
            hint: Some(match newest(name, today) {
                Some(newest) => format!("rebuild on a supported release, such as {name} {newest}"),
                None => "rebuild on a supported release".to_owned(),
            }),
            gap: true,
        });
    }
    (left < SOON_DAYS).then(|| note(format!("{name} {cycle} comes to its end of life on {until}")))
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str, [Option<Date>; 3])> {
    FACTS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split(',');
        let (name, cycle) = (fields.next()?, fields.next()?);
        let mut date = || fields.next().and_then(|text| text.parse::<Date>().ok());
        Some((name, cycle, [date(), date(), date()]))
    })
}

fn end_of(name: &str, cycle: &str) -> Option<End> {
    rows()
        .find(|(of, release, _)| *of == name && *release == cycle)
        .map(|(_, _, [_, public, subscribers])| End { public, subscribers })
}

/// Whether a release is older than one that the table knows. Names that do not begin alike (`Micro 5.3`, `15 SP5`) are of
/// different products.
fn is_old(name: &str, cycle: &str) -> bool {
    let parts = |cycle: &str| -> (String, Vec<u64>) {
        let words: String = cycle.chars().take_while(|c| !c.is_ascii_digit()).collect();
        let numbers = cycle.split(|c: char| !c.is_ascii_digit());
        (words, numbers.filter_map(|number| number.parse().ok()).collect())
    };
    let (product, own) = parts(cycle);
    rows().filter(|(of, ..)| *of == name).any(|(_, other, _)| {
        let (of, numbers) = parts(other);
        of == product && numbers > own
    })
}

/// The newest release of a distribution that is out and has not ended.
fn newest(name: &str, today: Date) -> Option<&'static str> {
    rows()
        .filter(|(of, _, [released, public, _])| {
            *of == name
                && released.is_some_and(|day| day <= today)
                && public.is_none_or(|day| day >= today)
        })
        .max_by_key(|(_, _, [released, ..])| *released)
        .map(|(_, cycle, _)| cycle)
}

#[cfg(test)]
mod tests {
    use secgate_model::Location;

    use super::*;

    fn check(purl: &str, today: &str, expected: Option<(bool, &str)>) {
        let package = Package::new(purl.parse().unwrap(), "test", Location::file("x"));
        let now: Timestamp = format!("{today}T12:00:00Z").parse().unwrap();
        let problems = ended_releases([&package], None, now);
        let found = problems.first().map(|problem| (problem.gap, problem.message.as_str()));
        match (found, expected) {
            (None, None) => {}
            (Some((gap, message)), Some((expected_gap, part))) => {
                assert!(gap == expected_gap && message.contains(part), "{purl}: {gap} {message}");
            }
            _ => panic!("{purl}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn every_fact_can_be_read() {
        let mut seen = BTreeSet::new();
        for line in FACTS.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), 5, "{line}");
            assert!(seen.insert((fields[0], fields[1])), "twice: {line}");
            assert!(fields[2].parse::<Date>().is_ok(), "{line}");
            for date in &fields[3..] {
                assert!(date.is_empty() || date.parse::<Date>().is_ok(), "{line}");
            }
            let end = end_of(fields[0], fields[1]).unwrap();
            assert!(end.subscribers.is_none() || end.subscribers >= end.public, "{line}");
        }
        assert!(seen.len() > 150);
    }

    #[test]
    fn ends_are_gaps_and_near_ends_are_notes() {
        let debian = "pkg:deb/debian/a@1?distro=debian-11";
        check(debian, "2026-03-01", None);
        check(debian, "2026-07-01", Some((false, "comes to its end of life on 2026-08-31")));
        check(debian, "2026-08-31", Some((false, "comes")));
        check(debian, "2026-09-01", Some((true, "came to its end of life on 2026-08-31")));
        check("pkg:deb/debian/a@1?distro=debian-6.0", "2026-09-01", Some((true, "Debian 6.0")));
        check(
            "pkg:apk/alpine/a@1-r0?distro=alpine-3.18.4",
            "2026-09-01",
            Some((true, "Alpine 3.18")),
        );
        check("pkg:apk/alpine/a@1-r0?distro=alpine-edge", "2026-09-01", None);
        check("pkg:apk/wolfi/a@1-r0", "2026-09-01", None);
        check("pkg:rpm/almalinux/a@1-1?distro=almalinux-9.3", "2026-09-01", None);
        check("pkg:rpm/centos/a@1-1?distro=centos-8", "2026-09-01", Some((true, "CentOS 8")));
        check("pkg:rpm/redhat/a@1-1?distro=rhel-8.6", "2026-09-01", None);
        check("pkg:rpm/suse/a@1-1?distro=sles-15.3", "2026-09-01", Some((true, "SUSE 15 SP3")));
        check("pkg:rpm/suse/a@1-1?distro=opensuse-leap-15.5", "2026-09-01", Some((true, "15.5")));
        check("pkg:rpm/azurelinux/a@1-1?distro=azurelinux-3.0", "2026-09-01", None);
        check(
            "pkg:deb/debian/a@1?distro=debian-99",
            "2026-09-01",
            Some((false, "nothing is known")),
        );
        let older = Some((true, "nothing is known"));
        check("pkg:rpm/suse/a@1-1?distro=sles-12.2", "2026-09-01", older);
        check("pkg:rpm/suse/a@1-1?distro=sles-11.4", "2026-09-01", older);
        check("pkg:rpm/oracle/a@1-1?distro=ol-5.11", "2026-09-01", older);
        check("pkg:rpm/suse/a@1-1?distro=sles-15.9", "2026-09-01", Some((false, "nothing")));
        check("pkg:rpm/suse/a@1-1?distro=sle-micro-5.3", "2026-09-01", Some((false, "nothing")));
    }

    #[test]
    fn a_target_without_packages_has_an_end_too() {
        let now: Timestamp = "2026-09-01T00:00:00Z".parse().unwrap();
        let ended = |label| ended_releases([], Some(label), now).len();
        assert_eq!(
            [ended("debian-11"), ended("debian-12"), ended("centos-8"), ended("x-1")],
            [1, 0, 1, 0]
        );
    }

    #[test]
    fn subscribers_have_more_time() {
        let plain = "pkg:deb/ubuntu/a@1-1ubuntu1?distro=ubuntu-18.04";
        check(plain, "2026-09-01", Some((true, "Ubuntu 18.04")));
        check("pkg:deb/ubuntu/a@1-1ubuntu1%2Besm1?distro=ubuntu-18.04", "2026-09-01", None);
        // The legacy add-on is another subscription.
        let legacy = "pkg:deb/ubuntu/a@1-1ubuntu1%2Besm1?distro=ubuntu-14.04";
        check(legacy, "2025-09-01", Some((true, "Ubuntu 14.04")));
    }
}
