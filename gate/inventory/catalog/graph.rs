use secgate_model::{Purl, Scope, UnknownKind};

use crate::Catalog;

/// Edges that are kept: more than the largest lockfiles hold, and few enough to stay small.
const MAX_EDGES: usize = 2_000_000;
/// Bytes of parents' purls that one file may make us copy.
const MAX_PARENT_BYTES: usize = 64 << 20;

/// Who pulls in whom, gathered while a lockfile is read and turned into parents, directness and scopes at its end.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: Vec<Member>,
    edges: Vec<Edge>,
    cut: bool,
}

/// What stands at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    /// The project itself, or one of its workspaces: what it names is direct.
    Project,
    /// A package, by its index in the catalog. Several nodes may be the same package.
    Package(usize),
    /// Something that is no package of the catalog but passes its needs on (a local folder, an unpinned package).
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    parent: usize,
    child: usize,
    scope: Scope,
}

impl Graph {
    /// Adds a node and returns its number.
    pub(crate) fn add(&mut self, member: Member) -> usize {
        self.nodes.push(member);
        self.nodes.len() - 1
    }

    /// A node for the package at this index; [`Member::Other`] when there is none.
    pub(crate) fn add_package(&mut self, index: Option<usize>) -> usize {
        self.add(index.map_or(Member::Other, Member::Package))
    }

    /// `parent` needs `child` for `scope`: `Runtime` is what it always needs.
    pub(crate) fn edge(&mut self, parent: usize, child: usize, scope: Scope) {
        if self.edges.len() >= MAX_EDGES {
            self.cut = true;
        } else if parent != child {
            self.edges.push(Edge { parent, child, scope });
        }
    }

    /// Writes parents and directness into the catalog's packages, and the scope of those that have none yet: the widest
    /// over every way from the project to the package, where a way is as narrow as its narrowest edge.
    ///
    /// Without a [`Member::Project`] that names anything, directness and scopes stay as they are.
    pub(crate) fn settle(mut self, catalog: &mut Catalog) {
        self.edges.sort_unstable_by_key(|edge| (edge.parent, edge.child, reach(edge.scope)));
        let rooted = self.edges.iter().any(|edge| self.member(edge.parent) == Member::Project);
        let mut pairs = Vec::new();
        if rooted {
            for member in &self.nodes {
                if let Some(package) =
                    package_of(*member).and_then(|at| catalog.packages.get_mut(at))
                {
                    package.direct = package.direct.or(Some(false));
                }
            }
        }
        for edge in &self.edges {
            match (self.member(edge.parent), self.member(edge.child)) {
                (Member::Project, Member::Package(child)) => {
                    if let Some(package) = catalog.packages.get_mut(child) {
                        package.direct = Some(true);
                    }
                }
                (Member::Package(parent), Member::Package(child)) if parent != child => {
                    pairs.push((child, parent));
                }
                _ => {}
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut bytes = 0;
        let mut links: Vec<(usize, Purl)> = Vec::with_capacity(pairs.len());
        for (child, parent) in pairs {
            let Some(parent) = catalog.packages.get(parent) else { continue };
            bytes += parent.purl.name().len() + parent.purl.version().map_or(0, str::len) + 128;
            if bytes > MAX_PARENT_BYTES {
                self.cut = true;
                break;
            }
            links.push((child, parent.purl.clone()));
        }
        catalog.link(links);
        if rooted {
            self.scopes(catalog);
        }
        if self.cut {
            catalog.unknown(
                0,
                UnknownKind::Limit,
                "too many dependencies between packages: who pulls in whom is incomplete"
                    .to_owned(),
            );
        }
    }

    fn scopes(&self, catalog: &mut Catalog) {
        let mut reached: Vec<Option<Scope>> = self
            .nodes
            .iter()
            .map(|member| (*member == Member::Project).then_some(Scope::Runtime))
            .collect();
        for level in [Scope::Runtime, Scope::Unknown, Scope::Optional, Scope::Dev] {
            let mut open: Vec<usize> = reached
                .iter()
                .enumerate()
                .filter(|(_, scope)| scope.is_some())
                .map(|(node, _)| node)
                .collect();
            while let Some(node) = open.pop() {
                let first = self.edges.partition_point(|edge| edge.parent < node);
                let own = self.edges.iter().skip(first).take_while(|edge| edge.parent == node);
                for edge in own.filter(|edge| reach(edge.scope) <= reach(level)) {
                    if let Some(scope @ None) = reached.get_mut(edge.child) {
                        *scope = Some(level);
                        open.push(edge.child);
                    }
                }
            }
        }
        let mut widest: Vec<Option<Scope>> = vec![None; catalog.packages.len()];
        for (member, scope) in self.nodes.iter().zip(&reached) {
            let (Some(package), Some(scope)) = (package_of(*member), scope) else { continue };
            if let Some(known) = widest.get_mut(package) {
                *known = Some(known.map_or(*scope, |known| known.widest(*scope)));
            }
        }
        for (package, scope) in catalog.packages.iter_mut().zip(widest) {
            if let (Scope::Unknown, Some(scope)) = (package.scope, scope) {
                package.scope = scope;
            }
        }
    }

    fn member(&self, node: usize) -> Member {
        self.nodes.get(node).copied().unwrap_or(Member::Other)
    }
}

fn package_of(member: Member) -> Option<usize> {
    match member {
        Member::Package(at) => Some(at),
        _ => None,
    }
}

fn reach(scope: Scope) -> u8 {
    match scope {
        Scope::Runtime => 0,
        Scope::Unknown => 1,
        Scope::Optional => 2,
        Scope::Dev => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::lines;

    #[test]
    fn the_widest_way_decides_the_scope() {
        let mut catalog = Catalog::new("lock", "test");
        let mut graph = Graph::default();
        let root = graph.add(Member::Project);
        let mut nodes = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            catalog.package("cargo", None, name, "1", 0);
            nodes.push(graph.add_package(Some(catalog.packages.len() - 1)));
        }
        for (parent, child, scope) in [
            (root, nodes[0], Scope::Dev),
            (nodes[0], nodes[1], Scope::Runtime),
            (root, nodes[2], Scope::Runtime),
            (nodes[2], nodes[3], Scope::Optional),
            (nodes[0], nodes[3], Scope::Runtime),
            (nodes[1], nodes[0], Scope::Runtime),
        ] {
            graph.edge(parent, child, scope);
        }
        graph.settle(&mut catalog);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:cargo/a@1 direct=true scope=dev parents=[pkg:cargo/b@1]",
                "pkg:cargo/b@1 direct=false scope=dev parents=[pkg:cargo/a@1]",
                "pkg:cargo/c@1 direct=true scope=runtime parents=[]",
                "pkg:cargo/d@1 direct=false scope=optional parents=[pkg:cargo/a@1, pkg:cargo/c@1]",
                "pkg:cargo/e@1 direct=false parents=[]",
            ]
        );
    }
}
