//! What changed from one inventory to another, whatever SBOM each was read from.

use std::{cmp::Ordering, collections::BTreeMap};

use secgate_formats::sbom_diff::{Change, Changed, Direction, Entry, SCHEMA, SbomDiff, Side};
use secgate_model::{Inventory, Package, Purl};
use secgate_versions::{Scheme, compare};

use crate::take::plain;

/// Compares by the package's identity: its purl without version, qualifiers and subpath, as its registry sees the name. Of
/// several versions of one package, those in both are the same; the others are paired from the highest down, and what finds no
/// partner was added or removed. The names are what a person calls the two.
pub fn sbom_diff(from: (&str, &Inventory), to: (&str, &Inventory)) -> SbomDiff {
    let mut diff = SbomDiff {
        schema: SCHEMA.to_owned(),
        from: side(from),
        to: side(to),
        added: Vec::new(),
        removed: Vec::new(),
        changed: Vec::new(),
        unchanged: 0,
    };
    let mut groups: BTreeMap<Purl, (Vec<&Package>, Vec<&Package>)> = BTreeMap::new();
    for package in &from.1.packages {
        groups.entry(plain(&package.purl.package())).or_default().0.push(package);
    }
    for package in &to.1.packages {
        groups.entry(plain(&package.purl.package())).or_default().1.push(package);
    }
    for (before, after) in groups.into_values() {
        group(before, after, &mut diff);
    }
    diff.added.sort_by(|one, two| one.purl.cmp(&two.purl));
    diff.removed.sort_by(|one, two| one.purl.cmp(&two.purl));
    diff.changed.sort_by(|one, two| (&one.from, &one.to).cmp(&(&two.from, &two.to)));
    diff
}

/// The packages of one identity in both.
fn group(before: Vec<&Package>, after: Vec<&Package>, diff: &mut SbomDiff) {
    let mut pairs = Vec::new();
    let (before, after) = matched(before, after, |package| package.purl.to_string(), &mut pairs);
    let version = |package: &Package| package.purl.version().unwrap_or_default().to_owned();
    let (mut before, mut after) = matched(before, after, version, &mut pairs);
    before.sort_by(|one, two| order(&one.purl, &two.purl));
    after.sort_by(|one, two| order(&one.purl, &two.purl));
    while !before.is_empty() && !after.is_empty() {
        pairs.extend(before.pop().zip(after.pop()));
    }
    diff.removed.extend(before.into_iter().map(entry));
    diff.added.extend(after.into_iter().map(entry));
    for (one, two) in pairs {
        match changed(one, two) {
            Some(changed) => diff.changed.push(changed),
            None => diff.unchanged += 1,
        }
    }
}

/// Moves packages with the same key into `pairs`, each once; returns the others in their order.
fn matched<'p>(
    before: Vec<&'p Package>,
    after: Vec<&'p Package>,
    key: impl Fn(&Package) -> String,
    pairs: &mut Vec<(&'p Package, &'p Package)>,
) -> (Vec<&'p Package>, Vec<&'p Package>) {
    let mut open: BTreeMap<String, Vec<&Package>> = BTreeMap::new();
    for package in after.into_iter().rev() {
        open.entry(key(package)).or_default().push(package);
    }
    let mut left = Vec::new();
    for package in before {
        match open.get_mut(&key(package)).and_then(Vec::pop) {
            Some(other) => pairs.push((package, other)),
            None => left.push(package),
        }
    }
    (left, open.into_values().flat_map(|list| list.into_iter().rev()).collect())
}

fn changed(one: &Package, two: &Package) -> Option<Changed> {
    let set = |package: &Package| {
        let mut licenses = package.licenses.clone();
        licenses.sort();
        licenses.dedup();
        licenses
    };
    let (from, to) = (set(one), set(two));
    let licenses = (from != to).then_some(Change { from, to });
    let scope = (one.scope != two.scope)
        .then(|| Change { from: one.scope.name().to_owned(), to: two.scope.name().to_owned() });
    let version = direction(&one.purl, &two.purl);
    (version != Direction::Same || licenses.is_some() || scope.is_some()).then(|| Changed {
        from: one.purl.to_string(),
        to: two.purl.to_string(),
        version,
        licenses,
        scope,
    })
}

fn direction(from: &Purl, to: &Purl) -> Direction {
    let (Some(one), Some(two)) = (from.version(), to.version()) else {
        return if from.version() == to.version() { Direction::Same } else { Direction::Side };
    };
    if one == two {
        return Direction::Same;
    }
    match compare(scheme(from.kind()), one, two) {
        Ok(Ordering::Less) => Direction::Up,
        Ok(Ordering::Greater) => Direction::Down,
        Ok(Ordering::Equal) | Err(_) => Direction::Side,
    }
}

/// A total order for pairing: what parses in its scheme's order, above what does not in the order of text.
fn order(one: &Purl, two: &Purl) -> Ordering {
    let scheme = scheme(one.kind());
    let (a, b) = (one.version().unwrap_or_default(), two.version().unwrap_or_default());
    let reads = |text: &str| compare(scheme, text, text).is_ok();
    let by_version = match (reads(a), reads(b)) {
        // Under no rule, two versions may have no order.
        (true, true) if scheme != Scheme::Generic => {
            compare(scheme, a, b).unwrap_or(Ordering::Equal)
        }
        (true, true) => Ordering::Equal,
        (one, two) => one.cmp(&two),
    };
    by_version.then_with(|| one.cmp(two))
}

/// The order of versions of a purl type (purl type definitions).
fn scheme(kind: &str) -> Scheme {
    match kind {
        "pypi" => Scheme::Pep440,
        "npm" | "cargo" | "hex" | "otp" | "swift" | "githubactions" => Scheme::Semver,
        "golang" => Scheme::Go,
        "maven" => Scheme::Maven,
        "nuget" => Scheme::Nuget,
        "gem" => Scheme::RubyGems,
        "composer" => Scheme::Packagist,
        "pub" => Scheme::Pub,
        "hackage" => Scheme::Hackage,
        "cran" => Scheme::Cran,
        "julia" => Scheme::Julia,
        "opam" => Scheme::Opam,
        "conan" => Scheme::Conan,
        "deb" => Scheme::Dpkg,
        "apk" => Scheme::Apk,
        "rpm" => Scheme::Rpm,
        "alpm" => Scheme::Alpm,
        _ => Scheme::Generic,
    }
}

fn side((name, inventory): (&str, &Inventory)) -> Side {
    Side {
        name: name.to_owned(),
        packages: inventory.packages.len() as u64,
        gaps: inventory.unknowns.len() as u64,
    }
}

fn entry(package: &Package) -> Entry {
    Entry {
        purl: package.purl.to_string(),
        scope: package.scope.name().to_owned(),
        direct: package.direct,
        licenses: package.licenses.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secgate_model::{Location, Scope};

    use super::*;

    fn inventory(purls: &[&str]) -> Inventory {
        let package =
            |purl: &&str| Package::new(purl.parse().unwrap(), "test", Location::file("lock"));
        Inventory { packages: purls.iter().map(package).collect(), ..Inventory::default() }
            .normalised()
    }

    fn lines(from: &[&str], to: &[&str]) -> Vec<String> {
        let diff = sbom_diff(("a", &inventory(from)), ("b", &inventory(to)));
        let removed = diff.removed.iter().map(|entry| format!("- {}", entry.purl));
        let added = diff.added.iter().map(|entry| format!("+ {}", entry.purl));
        let changed = diff
            .changed
            .iter()
            .map(|changed| format!("{} {} {}", changed.version.name(), changed.from, changed.to));
        removed.chain(added).chain(changed).collect()
    }

    #[test]
    fn versions_go_up_down_and_aside() {
        let check = |from: &str, to: &str, way: &str| {
            assert_eq!(lines(&[from], &[to]), [format!("{way} {from} {to}")]);
        };
        check("pkg:npm/a@1.9.0", "pkg:npm/a@1.10.0", "up");
        check("pkg:pypi/a@2.0", "pkg:pypi/a@2.0rc1", "down");
        check("pkg:deb/debian/a@1:1.0", "pkg:deb/debian/a@2.0", "down");
        check("pkg:npm/a@1.0.0%2Bx", "pkg:npm/a@1.0.0%2By", "side");
        check("pkg:generic/a@abc", "pkg:generic/a@abd", "side");
        assert_eq!(
            lines(&["pkg:npm/a@1.0.0"], &["pkg:npm/b@1.0.0"]),
            ["- pkg:npm/a@1.0.0", "+ pkg:npm/b@1.0.0"]
        );
    }

    #[test]
    fn identity_is_the_package_and_not_its_qualifiers() {
        let [old, new] = [
            "pkg:deb/debian/a@1?arch=amd64&distro=debian-11",
            "pkg:deb/debian/a@1?distro=debian-12",
        ];
        assert_eq!(lines(&[old], &[new]), [""; 0]);
        assert_eq!(lines(&["pkg:pypi/a.b@1"], &["pkg:pypi/a-b@1"]), [""; 0]);
        assert_eq!(
            lines(&["pkg:npm/a@1.0.0", "pkg:npm/a@2.0.0"], &["pkg:npm/a@1.0.0", "pkg:npm/a@3.0.0"]),
            ["up pkg:npm/a@2.0.0 pkg:npm/a@3.0.0"]
        );
        assert_eq!(
            lines(&["pkg:npm/a@1.0.0", "pkg:npm/a@2.0.0"], &["pkg:npm/a@3.0.0"]),
            ["- pkg:npm/a@1.0.0", "up pkg:npm/a@2.0.0 pkg:npm/a@3.0.0"]
        );
    }

    #[test]
    fn licences_and_scopes_are_compared() {
        let (one, mut two) = (inventory(&["pkg:npm/a@1.0.0"]), inventory(&["pkg:npm/a@1.0.0"]));
        two.packages[0].licenses = vec!["MIT".to_owned()];
        two.packages[0].scope = Scope::Dev;
        let diff = sbom_diff(("a", &one), ("b", &two));
        let changed = &diff.changed[0];
        assert_eq!(changed.version, Direction::Same);
        assert_eq!(changed.licenses.as_ref().unwrap().to, ["MIT"]);
        assert_eq!(changed.scope.as_ref().unwrap().to, "dev");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_the_way_back_is_the_reverse(
            from in proptest::collection::vec("pkg:(npm|generic|deb)/[ab]@[0-9]{1,2}(\\.[a0-3])?", 0..8),
            to in proptest::collection::vec("pkg:(npm|generic|deb)/[ab]@[0-9]{1,2}(\\.[a0-3])?", 0..8),
        ) {
            let from: Vec<&str> = from.iter().map(String::as_str).collect();
            let to: Vec<&str> = to.iter().map(String::as_str).collect();
            let (from, to) = (inventory(&from), inventory(&to));
            let diff = sbom_diff(("a", &from), ("b", &to));
            let kept = diff.changed.len() + usize::try_from(diff.unchanged).unwrap();
            prop_assert_eq!(diff.removed.len() + kept, from.packages.len());
            prop_assert_eq!(diff.added.len() + kept, to.packages.len());
            let back = sbom_diff(("b", &to), ("a", &from));
            prop_assert_eq!(&back.added, &diff.removed);
            prop_assert_eq!(back.changed.len(), diff.changed.len());
            prop_assert!(sbom_diff(("a", &from), ("a", &from)).is_empty());
        }
    }
}
