//! Several SBOMs in one.

use secgate_model::{Inventory, Purl};

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
/// as partial as its parts. The second half says what each was about, in the order given, for
/// [`SbomInput::parts`](crate::SbomInput::parts).
pub fn merge_sboms(all: Vec<ReadSbom>) -> (Inventory, Vec<SbomPart>) {
    let mut whole = Inventory::default();
    let mut parts = Vec::with_capacity(all.len());
    for ReadSbom { subject, inventory } in all {
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

#[cfg(test)]
mod tests {
    use secgate_model::{Location, Package, Target, TargetKind, Unknown, UnknownKind};

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
}
