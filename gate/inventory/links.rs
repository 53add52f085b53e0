use crate::Catalog;
use secgate_model::UnknownKind;

/// Parents written into one catalog.
const MAX_LINKS: usize = 3_000_000;
/// Bytes of the parents' texts written into one catalog: a hostile file repeats the longest name as often as it can.
const MAX_BYTES: usize = 128 << 20;

/// Which package of a catalog pulls in which, by their places in it. Bounded: the parents of a package are told for people,
/// so a file that has too many keeps its packages and loses the rest of the relations, and that is said.
#[derive(Debug, Default)]
pub(crate) struct Links(Vec<(u32, u32)>);

impl Links {
    /// The package at `parent` pulls in the one at `child`.
    pub(crate) fn add(&mut self, child: usize, parent: usize) {
        if let (Ok(child), Ok(parent)) = (u32::try_from(child), u32::try_from(parent))
            && child != parent
        {
            self.0.push((child, parent));
        }
    }

    /// Writes the parents into the packages, each once.
    pub(crate) fn apply(mut self, catalog: &mut Catalog) {
        self.0.sort_unstable();
        self.0.dedup();
        let (total, mut bytes, mut kept) = (self.0.len(), 0_usize, 0_usize);
        for family in self.0.chunk_by(|(one, _), (two, _)| one == two) {
            let mut parents = Vec::with_capacity(family.len());
            for purl in family.iter().filter_map(|(_, parent)| {
                catalog.packages.get(*parent as usize).map(|parent| &parent.purl)
            }) {
                let space = purl.namespace().map_or(0, str::len);
                bytes += purl.name().len() + space + purl.version().map_or(0, str::len);
                kept += 1;
                if kept > MAX_LINKS || bytes > MAX_BYTES {
                    let reason = format!(
                        "{total} relations between packages, of which {} are kept",
                        kept - 1
                    );
                    catalog.unknown(0, UnknownKind::Limit, reason);
                    return;
                }
                parents.push(purl.clone());
            }
            let child = family.first().and_then(|(child, _)| usize::try_from(*child).ok());
            if let Some(package) = child.and_then(|child| catalog.packages.get_mut(child)) {
                if package.parents.is_empty() {
                    package.parents = parents;
                } else {
                    package.parents.extend(parents);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(version: &str) -> Catalog {
        let mut catalog = Catalog::new("lock", "test");
        for name in ["a", "b"] {
            catalog.package("npm", None, name, version, 1);
        }
        catalog
    }

    #[test]
    fn each_parent_is_told_once_and_no_package_is_its_own() {
        let mut catalog = catalog("1");
        let mut links = Links::default();
        for (child, parent) in [(1, 0), (1, 0), (0, 0), (9, 0)] {
            links.add(child, parent);
        }
        links.apply(&mut catalog);
        assert_eq!(catalog.packages[1].parents, [catalog.packages[0].purl.clone()]);
        assert!(catalog.packages[0].parents.is_empty());
    }

    #[test]
    fn a_file_that_repeats_a_long_name_is_bounded() {
        let mut catalog = catalog(&"1".repeat(4000));
        for _ in 0..300 {
            catalog.package("npm", None, "c", &"2".repeat(4000), 1);
        }
        let mut links = Links::default();
        for child in 0..302 {
            for parent in 0..302 {
                links.add(child, parent);
            }
        }
        links.apply(&mut catalog);
        let kept: usize = catalog.packages.iter().map(|package| package.parents.len()).sum();
        assert!(kept * 4000 <= MAX_BYTES);
        assert_eq!(catalog.unknowns.len(), 1);
    }
}
