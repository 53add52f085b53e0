//! Several SBOMs in one.

use std::collections::BTreeSet;

use secgate_model::{Inventory, Location, Package, Purl, Unknown, UnknownKind};

use crate::sbom::{Graph, ReadSbom};

/// What one of several merged SBOMs is about. It is a component of the whole, with dependencies of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SbomPart {
    /// Its name.
    pub name: String,
    /// The packages that it needs itself, sorted.
    pub needs: Vec<Purl>,
}

/// Unites inventories: packages of the same purl become one, as in any inventory; gaps and files add up, so that the whole is
/// as partial as its parts. Where all that tell a distribution tell the same one, the whole is made from it. The second half says what each was about, in the order given, for
/// [`SbomInput::parts`](crate::SbomInput::parts).
pub fn merge_sboms(all: Vec<ReadSbom>) -> (Inventory, Vec<SbomPart>) {
    let mut whole = Inventory::default();
    let mut parts = Vec::with_capacity(all.len());
    let labels: BTreeSet<String> =
        all.iter().filter_map(|read| read.inventory.distribution.clone()).collect();
    let is_one = labels.len() == 1;
    whole.distribution = labels.into_iter().next().filter(|_| is_one);
    for ReadSbom { subject, inventory } in all {
        if !is_one {
            whole.unknowns.extend(untold(&subject, &inventory));
        }
        let roots = Graph::new(&inventory).roots;
        let needs = roots.iter().filter_map(|at| inventory.packages.get(*at));
        parts.push(SbomPart {
            name: subject,
            needs: needs.map(|package| package.purl.clone()).collect(),
        });
        whole.packages.extend(inventory.packages);
        whole.unknowns.extend(inventory.unknowns);
        whole.files.extend(inventory.files);
    }
    (whole.normalised(), parts)
}

/// The gap that a part's distribution leaves that the whole cannot tell, and no package of the part tells either: a document
/// has one distribution.
fn untold(subject: &str, inventory: &Inventory) -> Option<Unknown> {
    let label = inventory.distribution.as_deref()?;
    let tells = |package: &Package| package.purl.qualifier("distro") == Some(label);
    (!inventory.packages.iter().any(tells)).then(|| Unknown {
        location: Location::file(subject.to_owned()),
        kind: UnknownKind::Unreadable,
        reason: format!(
            "it is made from `{label}`, other parts from other distributions, and none of its packages tells so"
        ),
    })
}

#[cfg(test)]
mod tests {
    use secgate_model::{Target, TargetKind};

    use super::*;
    use crate::{SbomFormat, SbomInput, sbom::read_sbom, write_sbom};

    fn sbom(name: &str, purls: &[(&str, bool)]) -> ReadSbom {
        let mut inventory = Inventory::default();
        for (purl, direct) in purls {
            let mut package =
                Package::new(purl.parse().unwrap(), "test", Location::file(format!("{name}/lock")));
            package.direct = Some(*direct);
            inventory.packages.push(package);
        }
        ReadSbom { subject: name.to_owned(), inventory: inventory.normalised() }
    }

    #[test]
    fn roots_stay_apart_and_packages_are_united() {
        let one = sbom("one", &[("pkg:npm/a@1", true), ("pkg:npm/b@1", false)]);
        let mut two = sbom("two", &[("pkg:npm/b@1", true), ("pkg:npm/c@1", true)]);
        two.inventory.unknowns.push(Unknown {
            location: Location::file("two/x"),
            kind: UnknownKind::Limit,
            reason: "too large".to_owned(),
        });
        let (inventory, parts) = merge_sboms(vec![one, two]);
        assert_eq!(inventory.packages.len(), 3);
        assert_eq!(inventory.unknowns.len(), 1);
        assert_eq!(inventory.packages[1].locations.len(), 2);
        assert_eq!(inventory.packages[1].direct, Some(true));
        let needs: Vec<usize> = parts.iter().map(|part| part.needs.len()).collect();
        assert_eq!(needs, [1, 2]);
        let target =
            Target { kind: TargetKind::Path, name: "all".to_owned(), digest: None, revision: None };
        let input = SbomInput {
            tool_version: "0.1.0",
            target: &target,
            inventory: &inventory,
            created: "2026-01-02T03:04:05Z".parse().unwrap(),
            parts: &parts,
        };
        for format in SbomFormat::ALL {
            let bytes = write_sbom(&input, format).unwrap();
            let read = read_sbom("all", &bytes).unwrap().unwrap();
            assert_eq!(read.inventory, inventory, "{format}");
            assert_eq!(read.subject, "all", "{format}");
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains("one") && text.contains("two"), "{format}");
        }
    }

    #[test]
    fn a_distribution_is_kept_or_missed() {
        let part = |name: &str, distribution: Option<&str>, purl: &str| {
            let mut read = sbom(name, &[(purl, true)]);
            read.inventory.distribution = distribution.map(str::to_owned);
            read
        };
        let check = |parts: Vec<ReadSbom>, expected: Option<&str>, gaps: &[&str]| {
            let (whole, _) = merge_sboms(parts);
            assert_eq!(whole.distribution.as_deref(), expected);
            let told: Vec<&str> =
                whole.unknowns.iter().map(|one| one.location.path.as_str()).collect();
            assert_eq!(told, gaps);
        };
        let deb = "pkg:deb/debian/a@1?distro=debian-12";
        let plain = |name, distribution| part(name, distribution, "pkg:npm/a@1");
        check(vec![plain("a", Some("x-1"))], Some("x-1"), &[]);
        check(vec![plain("a", Some("x-1")), plain("b", Some("x-1"))], Some("x-1"), &[]);
        check(vec![plain("a", None), plain("b", Some("x-1"))], Some("x-1"), &[]);
        check(vec![plain("a", None), plain("b", None)], None, &[]);
        check(vec![plain("a", Some("x-1")), plain("b", Some("x-2"))], None, &["a", "b"]);
        // What a part's packages tell is not lost with the document's own word.
        let debian = || part("c", Some("debian-12"), deb);
        check(vec![debian(), plain("b", Some("x-2"))], None, &["b"]);
        let alma = part("d", Some("almalinux-9"), "pkg:rpm/almalinux/a@1?distro=almalinux-9");
        check(vec![debian(), alma], None, &[]);
    }
}
