use std::collections::HashMap;

use secgate_model::UnknownKind;

use crate::{Catalog, links::Links};

/// Names that a database may offer and ask for in all: far above those of the largest systems.
const MAX_NAMES: usize = 2_000_000;

/// What the packages of one database offer and need by name, which becomes their parents.
#[derive(Debug, Default)]
pub(super) struct Relations {
    offers: HashMap<String, usize>,
    needs: Vec<(usize, String)>,
    cut: bool,
}

impl Relations {
    /// The package at `index` of the catalog can be asked for by this name. Of several the first counts: which one a
    /// dependency would choose is not told.
    pub(super) fn offer(&mut self, index: usize, name: String) {
        if self.room() {
            self.offers.entry(name).or_insert(index);
        }
    }

    /// The package at `index` needs one of these names, the preferred one first, parted by `|`.
    pub(super) fn need(&mut self, index: usize, names: String) {
        if self.room() {
            self.needs.push((index, names));
        }
    }

    fn room(&mut self) -> bool {
        self.cut |= self.offers.len() + self.needs.len() >= MAX_NAMES;
        !self.cut
    }

    /// Writes the parents into the catalog. Needs that nothing here offers are left out.
    pub(super) fn settle(self, catalog: &mut Catalog) {
        let mut links = Links::default();
        for (parent, names) in &self.needs {
            if let Some(child) = names.split('|').find_map(|name| self.offers.get(name)) {
                links.add(*child, *parent);
            }
        }
        links.apply(catalog);
        if self.cut {
            let reason = format!(
                "more than {MAX_NAMES} names are offered and needed: the rest was not looked at for parents"
            );
            catalog.unknown(0, UnknownKind::Limit, reason);
        }
    }
}
