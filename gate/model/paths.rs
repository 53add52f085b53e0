use std::sync::OnceLock;

use crate::{Inventory, Purl};

/// A longer chain is shown to nobody: a hostile file can make one as long as itself, and every finding would hold it.
const MAX_CHAIN: u32 = 100;
/// No package: stands for "no way".
const NONE: u32 = u32::MAX;

/// Which packages pull in which: for each package the shortest chain from one that the project names itself.
///
/// All chains are worked out together when the first is asked for, in time linear in the relations: one search a package
/// would take hours on an inventory of 100,000 packages that need each other in a ring.
#[derive(Debug)]
pub struct Paths<'a> {
    inventory: &'a Inventory,
    steps: OnceLock<Vec<Step>>,
}

/// How far a package is from one that the project names, and the parent that is nearer.
#[derive(Debug, Clone, Copy)]
struct Step {
    distance: u32,
    parent: u32,
}

impl<'a> Paths<'a> {
    /// The paths of an inventory that has passed through [`Inventory::normalised`].
    pub fn of(inventory: &'a Inventory) -> Self {
        Self { inventory, steps: OnceLock::new() }
    }

    /// The inventory.
    pub fn inventory(&self) -> &'a Inventory {
        self.inventory
    }

    /// The shortest chain of packages from one that the project names itself to `purl`, both ends included; empty where
    /// no file tells, or where it has more than 100 links. Ties go to the chain whose last parents sort first.
    pub fn to(&self, purl: &Purl) -> Vec<&'a Purl> {
        let steps = self.steps.get_or_init(|| steps(self.inventory));
        let mut chain = Vec::new();
        let mut here = self.inventory.place(purl);
        while let Some((package, step)) = here
            .and_then(|at| self.inventory.packages.get(at).zip(steps.get(at)))
            .filter(|(_, step)| step.distance <= MAX_CHAIN)
        {
            chain.push(&package.purl);
            here = (step.distance > 0).then(|| usize::try_from(step.parent).ok()).flatten();
        }
        chain.reverse();
        chain
    }
}

/// One search from all packages that the project names, along "is needed by" backwards.
fn steps(inventory: &Inventory) -> Vec<Step> {
    let packages = &inventory.packages;
    let mut steps = vec![Step { distance: NONE, parent: NONE }; packages.len()];
    let mut children: Vec<Vec<u32>> = vec![Vec::new(); packages.len()];
    let mut wave = Vec::new();
    for (number, package) in (0_u32..).zip(packages) {
        if package.direct == Some(true) {
            wave.push(number);
            // It needs no chain, whoever else pulls it in.
            continue;
        }
        for parent in package.parents.iter().filter_map(|parent| inventory.place(parent)) {
            if let Some(list) = children.get_mut(parent) {
                list.push(number);
            }
        }
    }
    let at = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    for number in &wave {
        if let Some(step) = steps.get_mut(at(*number)) {
            step.distance = 0;
        }
    }
    let mut distance = 0;
    while !wave.is_empty() && distance < MAX_CHAIN {
        distance += 1;
        // Of several nearer parents the first in order is told.
        wave.sort_unstable();
        let mut next = Vec::new();
        for parent in wave {
            for child in children.get(at(parent)).into_iter().flatten() {
                if let Some(step) = steps.get_mut(at(*child)).filter(|step| step.distance == NONE) {
                    *step = Step { distance, parent };
                    next.push(*child);
                }
            }
        }
        wave = next;
    }
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Location, Package};

    fn package(number: usize, direct: Option<bool>, parents: &[usize]) -> Package {
        let purl = |number: &usize| format!("pkg:npm/p{number}@1").parse().unwrap();
        let mut package = Package::new(purl(&number), "test", Location::file("lock"));
        package.direct = direct;
        package.parents = parents.iter().map(purl).collect();
        package
    }

    fn inventory(packages: Vec<Package>) -> Inventory {
        Inventory { packages, ..Inventory::default() }.normalised()
    }

    fn names(paths: &Paths<'_>, number: usize) -> Vec<String> {
        let purl = format!("pkg:npm/p{number}@1").parse().unwrap();
        paths.to(&purl).into_iter().map(|purl| purl.name().to_owned()).collect()
    }

    /// Every chain without a repeat, from a package outwards to one that is named.
    fn chains(
        at: usize,
        direct: &[bool],
        parents: &[Vec<usize>],
        so_far: &mut Vec<usize>,
        all: &mut Vec<Vec<usize>>,
    ) {
        so_far.push(at);
        if direct[at] {
            all.push(so_far.clone());
        } else {
            for parent in parents[at].iter().filter(|parent| **parent < 8) {
                if !so_far.contains(parent) {
                    chains(*parent, direct, parents, so_far, all);
                }
            }
        }
        so_far.pop();
    }

    #[test]
    fn the_path_is_the_shortest_one_and_survives_a_cycle() {
        let held = inventory(vec![
            package(1, Some(true), &[]),
            package(2, Some(false), &[1, 3]),
            package(3, Some(false), &[2, 9]),
            package(4, None, &[9]),
        ]);
        let paths = Paths::of(&held);
        assert_eq!(names(&paths, 3), ["p1", "p2", "p3"]);
        assert_eq!(names(&paths, 1), ["p1"]);
        assert!(names(&paths, 4).is_empty() && names(&paths, 9).is_empty());
    }

    #[test]
    fn a_large_ring_takes_linear_time_and_a_long_chain_is_not_told() {
        let count = 50_000;
        let ring = |first| {
            let all = (0..count).map(|at| {
                let direct = if at == 0 { first } else { Some(false) };
                package(at, direct, &[(at + count - 1) % count, (at * 7 + 1) % count])
            });
            inventory(all.collect())
        };
        let held = ring(None);
        let paths = Paths::of(&held);
        assert!((0..count).all(|at| names(&paths, at).is_empty()));
        let chain = inventory(
            (0..count).map(|at| package(at, Some(at == 0), &[at.saturating_sub(1)])).collect(),
        );
        let paths = Paths::of(&chain);
        assert_eq!(names(&paths, 100).len(), 101);
        assert!(names(&paths, 101).is_empty());
    }

    proptest! {
        #[test]
        fn it_is_the_first_of_the_shortest(
            direct in proptest::collection::vec(any::<bool>(), 8),
            parents in proptest::collection::vec(proptest::collection::vec(0_usize..10, 0..4), 8),
        ) {
            let packages = (0..8).map(|at| package(at, Some(direct[at]), &parents[at]));
            let held = inventory(packages.collect());
            let paths = Paths::of(&held);
            for at in 0..8 {
                let mut all = Vec::new();
                chains(at, &direct, &parents, &mut Vec::new(), &mut all);
                all.sort_by_key(|chain| (chain.len(), chain.clone()));
                let best = all.first().map_or_else(Vec::new, |chain| {
                    chain.iter().rev().map(|at| format!("p{at}")).collect()
                });
                prop_assert_eq!(names(&paths, at), best);
            }
        }
    }
}
