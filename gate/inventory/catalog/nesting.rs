use std::collections::HashMap;

/// Folders of `node_modules` inside each other, and Node's rule for finding a package in them: first beside the one that
/// asks, then one level up, and so on to the root.
#[derive(Debug)]
pub(crate) struct Nesting<'a> {
    places: Vec<Place>,
    within: HashMap<(usize, &'a str), usize>,
    members: HashMap<&'a str, usize>,
}

#[derive(Debug)]
struct Place {
    above: usize,
    depth: u32,
}

/// Deeper than any installation that a file system would hold.
const MAX_DEPTH: u32 = 48;

impl<'a> Nesting<'a> {
    /// The place of the project itself.
    pub(crate) const ROOT: usize = 0;

    /// Only the root.
    pub(crate) fn new() -> Self {
        Self {
            places: vec![Place { above: Self::ROOT, depth: 0 }],
            within: HashMap::new(),
            members: HashMap::new(),
        }
    }

    /// How many places there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The place of a workspace in this folder, made if new.
    pub(crate) fn member(&mut self, folder: &'a str) -> usize {
        if let Some(place) = self.members.get(folder) {
            return *place;
        }
        self.places.push(Place { above: Self::ROOT, depth: 1 });
        let place = self.places.len() - 1;
        self.members.insert(folder, place);
        place
    }

    /// The place of the workspace in this folder, if there is one.
    pub(crate) fn find_member(&self, folder: &str) -> Option<usize> {
        self.members.get(folder).copied()
    }

    /// The place of `name` directly inside `above`, made if new; `None` when nested too deep.
    pub(crate) fn place(&mut self, above: usize, name: &'a str) -> Option<usize> {
        if let Some(place) = self.within.get(&(above, name)) {
            return Some(*place);
        }
        let depth = self.places.get(above)?.depth + 1;
        if depth > MAX_DEPTH {
            return None;
        }
        self.places.push(Place { above, depth });
        let place = self.places.len() - 1;
        self.within.insert((above, name), place);
        Some(place)
    }

    /// The place of `name` directly inside `above`, if there is one.
    pub(crate) fn find(&self, above: usize, name: &str) -> Option<usize> {
        self.within.get(&(above, name)).copied()
    }

    /// What `name` means to the package at `from`.
    pub(crate) fn resolve(&self, from: usize, name: &str) -> Option<usize> {
        let mut here = from;
        loop {
            if let Some(place) = self.within.get(&(here, name)) {
                return Some(*place);
            }
            if here == Self::ROOT {
                return None;
            }
            here = self.places.get(here)?.above;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_wins() {
        let mut nesting = Nesting::new();
        let a = nesting.place(Nesting::ROOT, "a").unwrap();
        let b = nesting.place(Nesting::ROOT, "b").unwrap();
        let inner = nesting.place(a, "b").unwrap();
        let member = nesting.member("packages/m");
        assert_eq!(nesting.resolve(a, "b"), Some(inner));
        assert_eq!(nesting.resolve(inner, "a"), Some(a));
        assert_eq!(nesting.resolve(member, "b"), Some(b));
        assert_eq!(nesting.resolve(b, "c"), None);
    }
}
