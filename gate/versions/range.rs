//! Ranges of versions as OSV writes them: the "Evaluation" section of the
//! [OSV schema](https://ossf.github.io/osv-schema/#evaluation).
//!
//! The schema evaluates events sorted by version and leaves open what two events at the same version do. Here they are
//! read as what their authors mean by them (both forms are in published data):
//! - `introduced 0, fixed 2, introduced 2, fixed 3`: one interval ends where the next begins, so 2 is affected;
//! - `introduced 2, fixed 2`: an empty interval, so nothing is affected.
//!
//! That is: an `introduced` and an end at the same version leave things after it as they were before it, whatever their
//! order in the data; a `last_affected` never excludes its own version; and of several `last_affected` with no other
//! event between them (`introduced 0, last_affected 2.5, last_affected 2.7.1`) the highest one is the last.
//!
//! Some Python records carry the "not applicable" of a CPE name in a version (`last_affected 2.6.0-NA`): it says that the
//! release itself is meant.

use std::cmp::Ordering;

use crate::error::shortened;
use crate::version::{Parts, Place};
use crate::{Scheme, Version};

/// An event of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// This version and those after it are affected; `0` is before every version.
    Introduced(&'a str),
    /// This version and those after it are not affected.
    Fixed(&'a str),
    /// Versions after this one are not affected.
    LastAffected(&'a str),
    /// The range says nothing of this version and those after it; `*` is after every version. With several limits a
    /// version has to be before one of them, as the schema's `BeforeLimits` has it.
    Limit(&'a str),
}

/// Whether a version is in a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// It is.
    Inside,
    /// It is not.
    Outside,
    /// Nobody can say: the text that could not be put in order.
    Unordered(String),
    /// The schema's evaluation puts it outside, and the data were hardly meant so: the `last_affected` that the version
    /// is past, although the same interval has a higher one.
    Disputed(String),
}

/// The versions in which a range ends by a fix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fixes<'a> {
    /// The lowest fix after the version that the range does not cover again.
    pub nearest: Option<&'a str>,
    /// Every fix of the range, lowest first; those that cannot be ordered are last.
    pub all: Vec<&'a str>,
}

/// Whether the range of `events`, in any order, holds `version`.
///
/// An event that cannot be ordered makes the answer [`Membership::Unordered`] only if it could change the answer. For
/// that, intervals are taken to be complete: if every end is known, none is missing, and the version is past all of
/// them, an unreadable `introduced` belongs to one of those ends.
///
/// A Python version that PEP 440 does not accept counts as lower than those it does when that puts it inside; when that
/// would put it outside, the answer is `Unordered`. A Composer branch has no place between versions.
pub fn in_range(scheme: Scheme, events: &[Event<'_>], version: &Version) -> Membership {
    let Ok(parts) = Parts::split(scheme, version.text()) else {
        return Membership::Unordered(shortened(version.text()));
    };
    let bounds: Vec<Bound<'_>> =
        events.iter().map(|event| Bound::new(scheme, *event, &parts)).collect();
    let found = match evaluate(&bounds, true, Ends::Lowest) {
        // What a convention alone calls safe is not safe.
        Membership::Outside
            if bounds.iter().any(|bound| matches!(bound.place, Place::Leaning(_))) =>
        {
            evaluate(&bounds, false, Ends::Lowest)
        }
        found => found,
    };
    // Only of several ends one can be the lowest and another the highest.
    let mut lasts = bounds.iter().filter(|bound| bound.kind == Kind::LastAffected);
    if found == Membership::Outside
        && let (Some(lowest), Some(_)) = (lasts.next(), lasts.next())
        && evaluate(&bounds, true, Ends::Highest) == Membership::Inside
    {
        return Membership::Disputed(shortened(lowest.text));
    }
    found
}

/// Which of several `last_affected` in one interval ends it. The schema's evaluation takes the lowest, and so do the
/// databases that list the affected versions beside it; who wrote them meant the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Lowest,
    Highest,
}

/// The fixes that a range offers to `version`.
pub fn fixes<'a>(scheme: Scheme, events: &[Event<'a>], version: &Version) -> Fixes<'a> {
    let mut ordered: Vec<(Version, &'a str)> = Vec::new();
    let mut unordered: Vec<&'a str> = Vec::new();
    for event in events {
        if let Event::Fixed(text) = event {
            match scheme.parse(text) {
                Ok(fix) => ordered.push((fix, text)),
                Err(_) => unordered.push(text),
            }
        }
    }
    ordered.sort();
    ordered.dedup_by(|a, b| a.1 == b.1);
    let parts = Parts::split(scheme, version.text());
    let is_after = |fix: &str| match (&parts, Parts::split(scheme, fix)) {
        (Ok(parts), Ok(fix)) => {
            matches!(
                parts.place(&fix),
                Place::Known(Ordering::Less) | Place::Leaning(Ordering::Less)
            )
        }
        _ => false,
    };
    let nearest = ordered
        .iter()
        .find(|(fix, text)| is_after(text) && in_range(scheme, events, fix) == Membership::Outside)
        .map(|(_, text)| *text);
    Fixes { nearest, all: ordered.into_iter().map(|(_, text)| text).chain(unordered).collect() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Introduced,
    Fixed,
    LastAffected,
    Limit,
}

/// An event, and where the version stands to it.
struct Bound<'a> {
    kind: Kind,
    text: &'a str,
    at: At<'a>,
    place: Place,
}

/// The point of an event.
enum At<'a> {
    Start,
    Version(Parts<'a>),
    End,
    Unreadable,
}

impl<'a> Bound<'a> {
    fn new(scheme: Scheme, event: Event<'a>, version: &Parts<'_>) -> Self {
        let (kind, text) = match event {
            Event::Introduced(text) => (Kind::Introduced, text),
            Event::Fixed(text) => (Kind::Fixed, text),
            Event::LastAffected(text) => (Kind::LastAffected, text),
            Event::Limit(text) => (Kind::Limit, text),
        };
        let (at, place) = match (kind, text.trim()) {
            (Kind::Introduced, "0") => (At::Start, Place::Known(Ordering::Greater)),
            (Kind::Limit, "*") => (At::End, Place::Known(Ordering::Less)),
            (_, text) => match Parts::split(scheme, release_of(scheme, text)) {
                Ok(parts) => {
                    let place = version.place(&parts);
                    (At::Version(parts), place)
                }
                Err(_) => (At::Unreadable, Place::Nowhere),
            },
        };
        Self { kind, text, at, place }
    }

    /// The order of the version to this bound, as far as it is to be believed.
    fn order(&self, trusting: bool) -> Option<Ordering> {
        match self.place {
            Place::Known(order) => Some(order),
            Place::Leaning(order) => trusting.then_some(order),
            Place::Nowhere => None,
        }
    }

    fn is_end(&self) -> bool {
        matches!(self.kind, Kind::Fixed | Kind::LastAffected)
    }
}

/// The text without a CPE's `-NA`, which no Python version can end with.
fn release_of(scheme: Scheme, text: &str) -> &str {
    if scheme == Scheme::Pep440 { text.strip_suffix("-NA").unwrap_or(text) } else { text }
}

fn compare_points(a: &At<'_>, b: &At<'_>) -> Ordering {
    match (a, b) {
        (At::Version(a), At::Version(b)) => a.compare(b),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn rank(at: &At<'_>) -> u8 {
    match at {
        At::Start => 0,
        At::Version(_) => 1,
        At::End => 2,
        At::Unreadable => 3,
    }
}

/// Weighs what the ordered events say against what the others could.
fn evaluate(bounds: &[Bound<'_>], trusting: bool, ends: Ends) -> Membership {
    let unknown = |kinds: &[Kind]| {
        bounds
            .iter()
            .find(|bound| bound.order(trusting).is_none() && kinds.contains(&bound.kind))
            .map(|b| b.text)
    };
    let inside = is_affected(bounds, trusting, ends);
    let unknown_introduced =
        unknown(&[Kind::Introduced]).filter(|_| !is_past_all_ends(bounds, trusting));
    let unknown_end = unknown(&[Kind::Fixed, Kind::LastAffected]);
    let unknown_limit = unknown(&[Kind::Limit]);

    let mut limits = bounds.iter().filter(|bound| bound.kind == Kind::Limit).peekable();
    let is_limited = limits.peek().is_some();
    let before_known_limit = limits.any(|bound| bound.order(trusting) == Some(Ordering::Less));

    let can_be_inside = (inside || unknown_introduced.is_some())
        && (!is_limited || before_known_limit || unknown_limit.is_some());
    let can_be_outside = !inside || unknown_end.is_some() || (is_limited && !before_known_limit);
    match (can_be_inside, can_be_outside) {
        (false, _) => Membership::Outside,
        (true, false) => Membership::Inside,
        (true, true) => {
            let text = unknown_introduced.or(unknown_end).or(unknown_limit).unwrap_or_default();
            Membership::Unordered(shortened(text))
        }
    }
}

/// Whether every interval has an end, all ends are known, and the version is past them.
fn is_past_all_ends(bounds: &[Bound<'_>], trusting: bool) -> bool {
    let is_past = |bound: &Bound<'_>| match (bound.kind, bound.order(trusting)) {
        (Kind::LastAffected, Some(order)) => order == Ordering::Greater,
        (_, Some(order)) => order != Ordering::Less,
        (_, None) => false,
    };
    let ends = bounds.iter().filter(|bound| bound.is_end()).count();
    let beginnings = bounds.iter().filter(|bound| bound.kind == Kind::Introduced).count();
    ends >= beginnings && bounds.iter().filter(|bound| bound.is_end()).all(is_past)
}

/// What the ordered events alone say, limits aside: goes down from the highest event that the version has reached.
fn is_affected(bounds: &[Bound<'_>], trusting: bool, ends: Ends) -> bool {
    let is_here = |at: &At<'_>, kind: Kind| {
        bounds.iter().any(|bound| {
            bound.kind == kind
                && bound.order(trusting).is_some()
                && compare_points(&bound.at, at) == Ordering::Equal
        })
    };
    // Read by what was meant, a `last_affected` with another one above it is not the last.
    let mut is_superseded = ends == Ends::Highest
        && bounds
            .iter()
            .filter(|bound| {
                bound.kind != Kind::Limit && bound.order(trusting) == Some(Ordering::Less)
            })
            .min_by(|a, b| compare_points(&a.at, &b.at))
            .is_some_and(|next| {
                is_here(&next.at, Kind::LastAffected) && !is_here(&next.at, Kind::Introduced)
            });
    let mut below: Option<&At<'_>> = None;
    loop {
        let top = bounds
            .iter()
            .filter(|bound| bound.kind != Kind::Limit)
            .filter(|bound| bound.order(trusting).is_some_and(|order| order != Ordering::Less))
            .filter(|bound| {
                below.is_none_or(|below| compare_points(&bound.at, below) == Ordering::Less)
            })
            .max_by(|a, b| compare_points(&a.at, &b.at));
        let Some(top) = top else { return false };
        let introduced = is_here(&top.at, Kind::Introduced);
        let last_affected = is_here(&top.at, Kind::LastAffected);
        let at_version = top.order(trusting) == Some(Ordering::Equal);
        is_superseded |= ends == Ends::Highest && last_affected && at_version;
        let fixed = is_here(&top.at, Kind::Fixed) && !(last_affected && at_version);
        let ended = fixed || (last_affected && !is_superseded && !at_version);
        if introduced != ended {
            return introduced;
        }
        // Both leave things as they were; with neither, this was a `last_affected` that is not the last.
        is_superseded &= !introduced;
        below = Some(&top.at);
    }
}

#[cfg(test)]
mod tests {
    use super::Event::{Fixed, Introduced, LastAffected, Limit};
    use super::*;

    fn check(
        scheme: Scheme,
        events: &[Event<'_>],
        inside: &[&str],
        outside: &[&str],
        unordered: &[&str],
    ) {
        let answer = |text: &str| in_range(scheme, events, &scheme.parse(text).expect(text));
        for text in inside {
            assert_eq!(answer(text), Membership::Inside, "{text} in {events:?}");
        }
        for text in outside {
            assert_eq!(answer(text), Membership::Outside, "{text} in {events:?}");
        }
        for text in unordered {
            assert!(
                matches!(answer(text), Membership::Unordered(_)),
                "{text} in {events:?}: {:?}",
                answer(text)
            );
        }
    }

    #[test]
    fn introduced_and_fixed() {
        let events = [Introduced("0"), Fixed("2.2.5"), Introduced("2.3.0"), Fixed("2.3.2")];
        check(
            Scheme::Pep440,
            &events,
            &["0.dev0", "0", "1.0", "2.2.5rc1", "2.2.4", "2.3.0", "2.3", "2.3.1"],
            &["2.2.5", "2.2.5.post1", "2.3.0a1", "2.3.2", "3"],
            &[],
        );
    }

    #[test]
    fn data_in_any_order() {
        let events = [Fixed("2.3.2"), Introduced("2.3.0"), Fixed("2.2.5"), Introduced("0")];
        check(Scheme::Semver, &events, &["1.0.0", "2.3.1"], &["2.2.5", "2.2.9", "2.3.2"], &[]);
    }

    #[test]
    fn last_affected_includes_its_version() {
        let events = [Introduced("1.0.0"), LastAffected("1.4.1")];
        check(
            Scheme::Semver,
            &events,
            &["1.0.0", "1.4.1"],
            &["0.9.9", "1.0.0-rc.1", "1.4.2", "1.4.2-0"],
            &[],
        );
        check(
            Scheme::Semver,
            &[Introduced("3.0.0"), LastAffected("3.0.0")],
            &["3.0.0"],
            &["3.0.1", "2.9.9"],
            &[],
        );
    }

    #[test]
    fn adjacent_and_empty_intervals() {
        let adjacent = [Introduced("0"), Fixed("2.0.0"), Introduced("2.0.0"), Fixed("2.11.2")];
        check(Scheme::Pep440, &adjacent, &["1.0", "2.0.0", "2.11.1"], &["2.11.2"], &[]);
        let empty = [Introduced("0.0.0-0"), Fixed("1.0.2"), Introduced("1.2.0"), Fixed("1.2.0")];
        check(Scheme::Semver, &empty, &["1.0.1"], &["1.0.2", "1.2.0", "1.3.0"], &[]);
        let touching =
            [Introduced("0"), LastAffected("2.0.0"), Introduced("2.0.0"), LastAffected("3.0.0")];
        check(Scheme::Semver, &touching, &["2.0.0", "2.5.0", "3.0.0"], &["3.0.1"], &[]);
        check(Scheme::Apk, &[Introduced("0"), Fixed("0")], &[], &["1.0-r0", "0"], &[]);
    }

    #[test]
    fn several_last_affected() {
        let two = [Introduced("0"), LastAffected("2.5.0"), LastAffected("2.7.1")];
        check(Scheme::Semver, &two, &["2.5.0"], &["2.7.2"], &[]);
        for disputed in ["2.6.0", "2.7.1"] {
            let version = Scheme::Semver.parse(disputed).unwrap();
            assert_eq!(
                in_range(Scheme::Semver, &two, &version),
                Membership::Disputed("2.5.0".to_owned())
            );
        }
        let apart =
            [Introduced("0"), LastAffected("1.0.0"), Introduced("2.0.0"), LastAffected("3.0.0")];
        check(Scheme::Semver, &apart, &["1.0.0", "2.5.0"], &["1.5.0", "3.0.1"], &[]);
        let fixed = [Introduced("0"), Fixed("1.0.0"), LastAffected("3.0.0")];
        check(Scheme::Semver, &fixed, &["0.9.0"], &["2.0.0", "3.0.0"], &[]);
        let candidates = [
            Introduced("0"),
            LastAffected("2.9.0-NA"),
            LastAffected("2.9.0-beta1"),
            LastAffected("2.9.0-rc1"),
        ];
        check(Scheme::Pep440, &candidates, &["2.8.1", "2.9.0b1"], &["2.9.1"], &[]);
    }

    #[test]
    fn limits() {
        let one = [Introduced("1.0.0"), Limit("2.0.0")];
        check(Scheme::Semver, &one, &["1.0.0", "1.9.9", "2.0.0-rc.1"], &["2.0.0", "3.0.0"], &[]);
        check(Scheme::Semver, &[Introduced("1.0.0"), Limit("*")], &["9.0.0"], &["0.9.0"], &[]);
        let two = [Introduced("0"), Limit("2.0.0"), Limit("4.0.0")];
        check(Scheme::Semver, &two, &["1.0.0", "3.0.0"], &["4.0.0"], &[]);
        let unreadable = [Introduced("1.0.0"), Limit("next")];
        check(Scheme::Semver, &unreadable, &[], &["0.1.0"], &["1.0.0"]);
    }

    #[test]
    fn nothing_introduced_is_nothing_affected() {
        check(Scheme::Semver, &[], &[], &["1.0.0"], &[]);
        check(Scheme::Semver, &[Fixed("2.0.0")], &[], &["1.0.0"], &[]);
    }

    #[test]
    fn unreadable_events_matter_only_where_they_could() {
        let fix = [Introduced("1.0.0"), Fixed("next")];
        check(Scheme::Semver, &fix, &[], &["0.9.0"], &["1.0.0", "2.0.0"]);
        let beginning = [Introduced("old"), Fixed("2.0.0")];
        check(Scheme::Semver, &beginning, &[], &["2.0.0", "3.0.0"], &["1.0.0"]);
        let second = [Introduced("1.0.0"), Fixed("2.0.0"), Introduced("x"), Fixed("3.0.0")];
        check(Scheme::Semver, &second, &["1.5.0"], &["3.0.0"], &["2.5.0", "0.5.0"]);
        let found =
            in_range(Scheme::Semver, &fix, &Scheme::Semver.parse("1.0.0").expect("a version"));
        assert_eq!(found, Membership::Unordered("next".to_owned()));
    }

    #[test]
    fn legacy_python_versions_are_never_safe_by_convention() {
        let fixed = [Introduced("0"), Fixed("4.6.0.stable11")];
        check(Scheme::Pep440, &fixed, &["0.1-bulbasaur"], &["4.6.0.stable11"], &["4.5.0", "4.7.0"]);
        let range = [Introduced("1.0"), Fixed("2.5")];
        check(Scheme::Pep440, &range, &["1.0"], &["2.5"], &["2.0.0-final", "trunk"]);
        check(Scheme::Pep440, &[Introduced("0"), Fixed("2.5")], &["trunk"], &[], &[]);
    }

    #[test]
    fn composer_branches_have_no_place() {
        let range = [Introduced("1.0.0"), Fixed("1.2.5")];
        check(
            Scheme::Packagist,
            &range,
            &["v1.2.4", "1.0.0", "1.2.5-RC1"],
            &["1.2.5", "1.2.x-dev"],
            &["dev-main"],
        );
        check(Scheme::Packagist, &[Introduced("0")], &["dev-main"], &[], &[]);
        check(
            Scheme::Packagist,
            &[Introduced("0"), Fixed("dev-main")],
            &[],
            &["dev-main"],
            &["1.0", "dev-next"],
        );
    }

    #[test]
    fn a_moving_tag_is_placed_only_outside_its_own_line() {
        let range = [Introduced("0"), Fixed("46.0.1")];
        check(
            Scheme::Generic,
            &range,
            &["v45", "v45.0.7", "46.0.0"],
            &["v46.0.1", "v47"],
            &["v46", "v46.0"],
        );
    }

    #[test]
    fn go_releases() {
        let stdlib = [Introduced("0"), Fixed("1.20.10"), Introduced("1.21.0-0"), Fixed("1.21.3")];
        check(
            Scheme::Go,
            &stdlib,
            &["go1.20", "go1.19.13", "go1.21rc2", "go1.21", "1.21.0", "go1.21.2"],
            &["go1.20.10", "1.20.14", "go1.21.3", "go1.22rc1"],
            &[],
        );
    }

    #[test]
    fn distributions() {
        let dpkg = [Introduced("0"), Fixed("1:9.2p1-2+deb12u3")];
        check(
            Scheme::Dpkg,
            &dpkg,
            &["1:9.2p1-2+deb12u2", "9.9", "0~~"],
            &["1:9.2p1-2+deb12u3", "2:0"],
            &[],
        );
        let rpm = [Introduced("0"), Fixed("0:2.9.7-18.el8_10")];
        check(Scheme::Rpm, &rpm, &["2.9.7-16.el8"], &["2.9.7-18.el8_10", "1:1.0-1"], &[]);
        let apk = [Introduced("0"), Fixed("3.1.4-r5")];
        check(Scheme::Apk, &apk, &["3.1.4-r4", "3.1.4_rc1-r9"], &["3.1.4-r5", "3.1.4_p1-r0"], &[]);
    }

    #[test]
    fn a_version_of_another_scheme_is_read_anew() {
        let maven = Scheme::Maven.parse("2.4.1").expect("a version");
        let range = [Introduced("2.0.0"), Fixed("2.5.0")];
        assert_eq!(in_range(Scheme::Semver, &range, &maven), Membership::Inside);
        let odd = Scheme::Maven.parse("Finchley.SR1").expect("a version");
        assert_eq!(
            in_range(Scheme::Semver, &range, &odd),
            Membership::Unordered("Finchley.SR1".to_owned())
        );
    }

    #[test]
    fn fixes_of_a_range() {
        let check = |events: &[Event<'_>], version: &str, nearest: Option<&str>, all: &[&str]| {
            let found =
                fixes(Scheme::Semver, events, &Scheme::Semver.parse(version).expect(version));
            assert_eq!(found.nearest, nearest, "{version}");
            assert_eq!(found.all, all, "{version}");
        };
        let two =
            [Introduced("2.3.0"), Fixed("2.3.2"), Introduced("0"), Fixed("2.2.5"), Fixed("2.3.2")];
        check(&two, "1.0.0", Some("2.2.5"), &["2.2.5", "2.3.2"]);
        check(&two, "2.3.1", Some("2.3.2"), &["2.2.5", "2.3.2"]);
        check(&two, "2.3.2", None, &["2.2.5", "2.3.2"]);
        // A fix that the next interval covers again helps nobody.
        let adjacent = [Introduced("0"), Fixed("2.0.0"), Introduced("2.0.0"), Fixed("2.11.2")];
        check(&adjacent, "1.0.0", Some("2.11.2"), &["2.0.0", "2.11.2"]);
        check(
            &[Introduced("0"), Fixed("next"), Fixed("1.1.0")],
            "1.0.0",
            Some("1.1.0"),
            &["1.1.0", "next"],
        );
        check(&[Introduced("0"), LastAffected("1.1.0")], "1.0.0", None, &[]);
    }
}
