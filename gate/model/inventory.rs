use serde::{Deserialize, Serialize};

use crate::{Location, Package, Purl};

/// What the target is made of, and what was seen in it and not understood.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The packages, sorted by purl, one entry a purl.
    pub packages: Vec<Package>,
    /// What was seen and could not be counted, sorted.
    pub unknowns: Vec<Unknown>,
    /// The files that were read, sorted: the proof that something was looked at.
    pub files: Vec<String>,
    /// The distribution that an image or a root folder is made from, as the purl qualifier `distro` holds it (`debian-12`),
    /// also where it has no package: the end of its support concerns the whole of it.
    #[serde(default)]
    pub distribution: Option<String>,
}

/// Why something that was seen is not among the packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownKind {
    /// The file, or a part of it, cannot be read as its format.
    Unreadable,
    /// A dependency without a version that could be judged.
    Unpinned,
    /// Outside secgate's bounds: too large, too deep, too many.
    Limit,
}

/// Something seen and not understood: the inventory without it is incomplete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unknown {
    /// Where.
    pub location: Location,
    /// What sort of gap.
    pub kind: UnknownKind,
    /// What is wrong and what to do, one sentence.
    pub reason: String,
}

impl Inventory {
    /// Sorts, and joins entries of the same purl into one: locations, parents, licences and catalogers are united, the
    /// widest scope and the most direct relation win. Every inventory passes through here, so that it does not depend
    /// on the order of files.
    #[must_use]
    pub fn normalised(self) -> Self {
        let mut packages = self.packages;
        packages.sort_by(|a, b| a.purl.cmp(&b.purl));
        packages.dedup_by(|next, kept| {
            let same = next.purl == kept.purl;
            if same {
                join(kept, next);
            }
            same
        });
        for package in &mut packages {
            tidy(&mut package.locations);
            tidy(&mut package.parents);
            tidy(&mut package.licenses);
            tidy(&mut package.hashes);
            tidy(&mut package.found_by);
        }
        let (mut unknowns, mut files) = (self.unknowns, self.files);
        tidy(&mut unknowns);
        tidy(&mut files);
        Self { packages, unknowns, files, distribution: self.distribution }
    }

    /// The package with exactly this purl; the inventory has passed through [`Inventory::normalised`].
    pub fn find(&self, purl: &Purl) -> Option<&Package> {
        self.packages.get(self.place(purl)?)
    }

    /// Its place among the packages.
    pub(crate) fn place(&self, purl: &Purl) -> Option<usize> {
        self.packages.binary_search_by(|package| package.purl.cmp(purl)).ok()
    }
}

fn join(into: &mut Package, other: &mut Package) {
    into.scope = into.scope.widest(other.scope);
    into.direct = match (into.direct, other.direct) {
        (Some(a), Some(b)) => Some(a || b),
        (a, b) => a.or(b),
    };
    into.locations.append(&mut other.locations);
    into.parents.append(&mut other.parents);
    into.licenses.append(&mut other.licenses);
    into.hashes.append(&mut other.hashes);
    into.found_by.append(&mut other.found_by);
    into.source = into.source.take().or(other.source.take());
    // A copy that nobody's package brought is judged as upstream's.
    into.owned_by = into.owned_by.take().filter(|owner| other.owned_by.as_ref() == Some(owner));
}

fn tidy<T: Ord>(list: &mut Vec<T>) {
    if list.len() > 1 {
        list.sort();
        list.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    fn package(purl: &str, direct: Option<bool>) -> Package {
        let mut package = Package::new(purl.parse().unwrap(), "test", Location::file("lock"));
        package.direct = direct;
        package
    }

    #[test]
    fn entries_of_one_purl_become_one() {
        let mut dev = package("pkg:npm/a@1", Some(false));
        dev.scope = Scope::Dev;
        dev.locations = vec![Location::line("b.lock", 2)];
        let mut runtime = package("pkg:npm/a@1", Some(true));
        runtime.scope = Scope::Runtime;
        let inventory =
            Inventory { packages: vec![dev, runtime], ..Inventory::default() }.normalised();
        assert_eq!(inventory.packages.len(), 1);
        assert_eq!(inventory.packages[0].scope, Scope::Runtime);
        assert_eq!(inventory.packages[0].direct, Some(true));
        assert_eq!(inventory.packages[0].locations.len(), 2);
    }
}
