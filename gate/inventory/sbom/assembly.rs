use std::{borrow::Cow, collections::HashMap};

use secgate_model::{Location, Package, Purl, Scope, UnknownKind};

use super::properties::Told;
use crate::{Catalog, CatalogError, links::Links};

/// Components of one SBOM that are read.
const MAX_PARTS: usize = 1_000_000;
/// Relations of one SBOM that are read.
const MAX_RELATIONS: usize = 4_000_000;
/// References to nothing that are told one by one.
const MAX_TOLD: usize = 100;

/// A component as an SBOM format describes it, before it is known to be a package.
#[derive(Debug, Default)]
pub(crate) struct Part<'t> {
    /// The document's own name for it (`bom-ref`, `SPDXID`, `spdxId`).
    pub(crate) id: Option<Cow<'t, str>>,
    /// Where it begins.
    pub(crate) line: u32,
    /// What sort of thing it is, lower case: a CycloneDX type or an SPDX purpose. Empty when not told.
    pub(crate) sort: String,
    pub(crate) name: Cow<'t, str>,
    pub(crate) version: Option<Cow<'t, str>>,
    /// A range that stands where a version should.
    pub(crate) range: Option<Cow<'t, str>>,
    /// Package URLs as written, with their lines.
    pub(crate) purls: Vec<(Cow<'t, str>, u32)>,
    pub(crate) scope: Scope,
    pub(crate) licenses: Vec<String>,
}

impl Part<'_> {
    /// Whether a component without a package URL is nothing that advisories speak about. Files, data, models, keys, devices
    /// and the operating system as a whole are no packages; an application, a container or a platform without a version is
    /// the name of a group (a lockfile, an image) and not a package.
    fn is_no_package(&self) -> bool {
        match self.sort.as_str() {
            "file"
            | "data"
            | "device"
            | "cryptographic-asset"
            | "operating-system"
            | "operatingsystem"
            | "machine-learning-model"
            | "model"
            | "source" => true,
            "application" | "container" | "platform" => {
                self.version.as_deref().unwrap_or_default().is_empty() && self.range.is_none()
            }
            _ => false,
        }
    }
}

/// Puts the components and relations of an SBOM together, in any order, and judges them when all are known.
#[derive(Debug)]
pub(crate) struct Assembly<'t, 'c> {
    catalog: &'c mut Catalog,
    ids: HashMap<Cow<'t, str>, u32>,
    nodes: Vec<Node>,
    relations: Vec<Relation>,
    parts: usize,
    is_vex: bool,
    is_inventory: bool,
    told_gaps: bool,
    incomplete: Option<u32>,
    /// Elements of which secgate's own properties say whether they are direct.
    told_direct: Vec<(u32, Option<bool>)>,
}

/// What the document says that an element is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum What {
    /// So far only others name it.
    #[default]
    Undefined,
    /// A file, a service, the document.
    Other,
    Component,
}

#[derive(Debug, Default)]
struct Node {
    what: What,
    root: bool,
    depends: bool,
    /// Indexes into the catalog's packages: the first and how many.
    packages: Option<(usize, usize)>,
    gap: Option<Box<Gap>>,
}

/// The module may stand in a property, which is told after the component.
fn same_but_for_module(one: &Package, two: &Package) -> bool {
    let bare = |package: &Package| package.purl.clone().with_qualifier("modularity", "");
    bare(one) == bare(two)
}

/// What a component lacks: its line, the kind and the reason.
type Gap = (u32, UnknownKind, String);

fn reason(gap: Option<&Gap>) -> Option<&str> {
    gap.map(|(_, _, reason)| reason.as_str())
}

#[derive(Debug, Clone, Copy)]
struct Relation {
    from: u32,
    to: u32,
    line: u32,
    scope: Option<Scope>,
}

impl<'t, 'c> Assembly<'t, 'c> {
    pub(crate) fn new(catalog: &'c mut Catalog) -> Self {
        Self {
            catalog,
            ids: HashMap::new(),
            nodes: Vec::new(),
            relations: Vec::new(),
            parts: 0,
            is_vex: false,
            is_inventory: false,
            told_gaps: false,
            incomplete: None,
            told_direct: Vec::new(),
        }
    }

    /// The number of an element that the document names.
    pub(crate) fn id(&mut self, name: Cow<'t, str>) -> u32 {
        if let Some(id) = self.ids.get(&name) {
            return *id;
        }
        let id = self.anonymous();
        self.ids.insert(name, id);
        id
    }

    fn anonymous(&mut self) -> u32 {
        self.nodes.push(Node::default());
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    /// Says that something with this name exists that is not a package (a service, a file, the document).
    pub(crate) fn define(&mut self, name: Cow<'t, str>) -> u32 {
        let id = self.id(name);
        if let Some(node) = self.node(id).filter(|node| node.what == What::Undefined) {
            node.what = What::Other;
        }
        id
    }

    /// Marks what the SBOM is about: the project itself, no component of it.
    pub(crate) fn root(&mut self, id: u32) {
        if let Some(node) = self.node(id) {
            node.root = true;
        }
    }

    /// Says what the document is about, as a person calls it.
    pub(crate) fn subject(&mut self, name: &str) {
        self.catalog.tell_subject(name);
    }

    /// Adds a component and returns its number.
    pub(crate) fn part(&mut self, part: Part<'t>) -> Result<u32, CatalogError> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(CatalogError::at(part.line, format!("more than {MAX_PARTS} components")));
        }
        let id = match &part.id {
            Some(name) => self.id(name.clone()),
            None => self.anonymous(),
        };
        let first = self.catalog.packages.len();
        let gap = self.packages(&part);
        let count = self.catalog.packages.len() - first;
        let (line, name) = (part.line, part.id.unwrap_or_default());
        let (before, after) = self.catalog.packages.split_at(first);
        if let Some(node) = self.nodes.get_mut(id as usize) {
            let before_it = std::mem::replace(&mut node.what, What::Component);
            if before_it != What::Undefined {
                // Some writers repeat a component word for word: nothing is lost then.
                let (at, many) = node.packages.unwrap_or_default();
                let held = before.get(at..at + many).unwrap_or_default();
                let same = many == count
                    && held.iter().zip(after).all(|(one, two)| same_but_for_module(one, two))
                    && reason(node.gap.as_deref()) == reason(gap.as_ref());
                if same {
                    self.catalog.packages.truncate(first);
                } else {
                    let name: String = name.chars().take(120).collect();
                    self.catalog
                        .unreadable(line, format!("the identifier `{name}` is given twice"));
                }
                return Ok(id);
            }
            node.packages = (count > 0).then_some((first, count));
            node.gap = gap.map(Box::new);
        }
        Ok(id)
    }

    /// Pushes the packages of a part; what is missing is returned, because it is no gap for the root.
    fn packages(&mut self, part: &Part<'t>) -> Option<Gap> {
        let shown = |text: &str| text.chars().take(120).collect::<String>();
        let mut gap = None;
        if part.purls.is_empty() && !part.is_no_package() {
            let name = if part.name.is_empty() { "a component" } else { &part.name };
            gap = Some((
                part.line,
                UnknownKind::Unpinned,
                format!("`{}` has no package URL: no advisory can be matched to it", shown(name)),
            ));
        }
        for (text, line) in &part.purls {
            let mut purl = match text.parse::<Purl>() {
                Ok(purl) => purl,
                Err(error) => {
                    gap = Some((*line, UnknownKind::Unreadable, error.to_string()));
                    continue;
                }
            };
            if purl.version().is_none() {
                purl = purl.with_version(part.version.as_deref());
            }
            if purl.version().is_none() {
                let range = part
                    .range
                    .as_deref()
                    .map_or(String::new(), |range| format!(" (only the range {})", shown(range)));
                gap = Some((
                    *line,
                    UnknownKind::Unpinned,
                    format!("`{}` has no version{range}: no advisory can be judged", shown(text)),
                ));
                continue;
            }
            if let Some(package) = self.catalog.purl(purl, *line) {
                package.scope = part.scope;
                package.licenses.clone_from(&part.licenses);
            }
        }
        gap
    }

    /// Says that the relations of `from` are told, even when there is none.
    pub(crate) fn tells(&mut self, from: u32) {
        if let Some(node) = self.node(from) {
            node.depends = true;
        }
    }

    /// Adds "`from` depends on `to`"; `scope` where the relation tells it.
    pub(crate) fn relation(
        &mut self,
        from: u32,
        to: u32,
        line: u32,
        scope: Option<Scope>,
    ) -> Result<(), CatalogError> {
        if self.relations.len() >= MAX_RELATIONS {
            return Err(CatalogError::at(line, format!("more than {MAX_RELATIONS} relations")));
        }
        self.tells(from);
        self.relations.push(Relation { from, to, line, scope });
        Ok(())
    }

    /// Says that the component `inner` is a part of `outer`: its parent, but not named by it as a dependency.
    pub(crate) fn nested(&mut self, outer: u32, inner: u32, line: u32) -> Result<(), CatalogError> {
        let told = self.has_relations(outer);
        self.relation(outer, inner, line, None)?;
        if let Some(node) = self.node(outer) {
            node.depends = told;
        }
        Ok(())
    }

    /// Adds licences to the packages of a component that is known already.
    pub(crate) fn license(&mut self, id: u32, licence: &str) {
        let Some((first, count)) = self.nodes.get(id as usize).and_then(|node| node.packages)
        else {
            return;
        };
        for package in self.catalog.packages.iter_mut().skip(first).take(count) {
            if package.licenses.len() < 16 {
                package.licenses.push(licence.to_owned());
            }
        }
    }

    /// Writes what the document tells in properties into the packages of a component that is known already.
    pub(crate) fn tell(&mut self, id: u32, told: &Told) {
        let is_target = self.catalog.is_target();
        let Some((first, count)) = self.nodes.get(id as usize).and_then(|node| node.packages)
        else {
            return;
        };
        if told.own {
            self.told_direct.push((id, told.direct));
        }
        for package in self.catalog.packages.iter_mut().skip(first).take(count) {
            told.apply(package, is_target);
        }
    }

    /// Takes what the document tells of itself: secgate's own says which files were read and what is missing. A gap that it
    /// tells stays a gap.
    pub(crate) fn document(&mut self, mut told: Told, line: u32) {
        self.is_inventory |= told.is_inventory;
        for unknown in told.unknowns() {
            self.told_gaps = true;
            if self.catalog.is_target() {
                self.catalog.unknowns.push(unknown);
            } else {
                let Location { path, line: at, .. } = &unknown.location;
                let at = at.map_or_else(String::new, |at| format!(":{at}"));
                let reason = format!("the SBOM tells of {path}{at}: {}", unknown.reason);
                self.catalog.unknown(line, unknown.kind, reason);
            }
        }
        if let Some(label) = told.distribution.take() {
            self.catalog.tell_distribution(label);
        }
        if told.is_inventory {
            self.catalog.tell_files(told.files);
        }
    }

    /// Whether secgate wrote the document.
    pub(crate) fn is_inventory(&self) -> bool {
        self.is_inventory
    }

    /// Whether any component was listed.
    pub(crate) fn has_parts(&self) -> bool {
        self.parts > 0
    }

    /// Says that the document calls itself incomplete.
    pub(crate) fn incomplete(&mut self, line: u32) {
        self.incomplete.get_or_insert(line);
    }

    /// Whether the component's relations name something that it needs.
    pub(crate) fn has_relations(&self, id: u32) -> bool {
        self.nodes.get(id as usize).is_some_and(|node| node.depends)
    }

    /// Whether the component is a package.
    pub(crate) fn is_package(&self, id: u32) -> bool {
        self.nodes.get(id as usize).is_some_and(|node| node.packages.is_some())
    }

    /// Whether it is listed as a component, be it a package or not.
    pub(crate) fn is_component(&self, id: u32) -> bool {
        self.nodes.get(id as usize).is_some_and(|node| node.what == What::Component)
    }

    /// Whether the document describes it.
    pub(crate) fn is_defined(&self, id: u32) -> bool {
        self.nodes.get(id as usize).is_some_and(|node| node.what != What::Undefined)
    }

    /// Records a part of the document that is missing or cannot be read.
    pub(crate) fn gap(&mut self, line: u32, reason: String) {
        self.catalog.unreadable(line, reason);
    }

    fn node(&mut self, id: u32) -> Option<&mut Node> {
        self.nodes.get_mut(id as usize)
    }

    /// Says that the document tells what vulnerabilities mean for something that another document describes.
    pub(crate) fn vex(&mut self) {
        self.is_vex = true;
    }

    /// Fills in who needs whom, what is direct, and the gaps, and returns how reading ended: what was read before a fault
    /// stays, with its relations.
    ///
    /// A whole document that neither has a component nor says what it is about proves nothing: that is a gap, unless it
    /// is about vulnerabilities, and no inventory at all.
    pub(crate) fn finish(mut self, read: Result<(), CatalogError>) -> Result<(), CatalogError> {
        if read.is_ok() && self.parts == 0 {
            if self.is_vex {
                self.catalog.passed_over();
            } else {
                self.gap(0, "it lists no component and does not say what it is about".to_owned());
            }
        }
        if let Some(line) = self.incomplete.filter(|_| !self.told_gaps) {
            self.gap(line, "the document says of itself that it is incomplete".to_owned());
        }
        self.put_together();
        read
    }

    fn put_together(&mut self) {
        self.gaps();
        self.name_the_dangling();
        let moved = self.drop_roots();
        let place = |node: Option<&Node>| {
            node.filter(|node| !node.root).and_then(|node| node.packages).map(|(first, count)| {
                (first..first + count).filter_map(|at| moved.get(at).copied().flatten())
            })
        };
        let mut links = Links::default();
        for relation in &self.relations {
            let from = place(self.nodes.get(relation.from as usize));
            let Some(to) = place(self.nodes.get(relation.to as usize)) else { continue };
            let from: Vec<usize> = from.into_iter().flatten().collect();
            for child in to {
                for parent in &from {
                    links.add(child, *parent);
                }
                if let (Some(scope), Some(package)) =
                    (relation.scope, self.catalog.packages.get_mut(child))
                {
                    package.scope = match package.scope {
                        Scope::Unknown => scope,
                        told => told.widest(scope),
                    };
                }
            }
        }
        let direct: Vec<usize> = self
            .needed_by_the_root()
            .into_iter()
            .filter_map(|id| place(self.nodes.get(id as usize)))
            .flatten()
            .collect();
        if !direct.is_empty() {
            for package in &mut self.catalog.packages {
                package.direct = Some(false);
            }
        }
        for at in direct {
            if let Some(package) = self.catalog.packages.get_mut(at) {
                package.direct = Some(true);
            }
        }
        for (id, direct) in &self.told_direct {
            for at in place(self.nodes.get(*id as usize)).into_iter().flatten() {
                if let Some(package) = self.catalog.packages.get_mut(at) {
                    package.direct = *direct;
                }
            }
        }
        links.apply(self.catalog);
    }

    fn name_the_dangling(&mut self) {
        let undefined =
            |id: u32| self.nodes.get(id as usize).is_some_and(|node| node.what == What::Undefined);
        let mut lines: Vec<(u32, u32)> = self
            .relations
            .iter()
            .flat_map(|relation| [(relation.from, relation.line), (relation.to, relation.line)])
            .filter(|(id, _)| undefined(*id))
            .collect();
        lines.sort_unstable();
        lines.dedup_by_key(|(id, _)| *id);
        if lines.is_empty() {
            return;
        }
        let mut names: HashMap<u32, &str> = HashMap::new();
        for (name, id) in &self.ids {
            if lines.binary_search_by_key(id, |(id, _)| *id).is_ok() {
                names.insert(*id, name);
            }
        }
        lines.sort_unstable_by_key(|(id, line)| (*line, *id));
        for (id, line) in lines.iter().take(MAX_TOLD) {
            let name: String =
                names.get(id).copied().unwrap_or_default().chars().take(120).collect();
            self.catalog.unreadable(
                *line,
                format!("a dependency names `{name}`, which the document does not describe"),
            );
        }
        if let Some((_, line)) = lines.get(MAX_TOLD) {
            let more = lines.len() - MAX_TOLD;
            self.catalog.unreadable(
                *line,
                format!("{more} more dependencies name what the document does not describe"),
            );
        }
    }

    fn gaps(&mut self) {
        for node in &mut self.nodes {
            if let (Some(gap), false) = (node.gap.take(), node.root) {
                let (line, kind, reason) = *gap;
                self.catalog.unknown(line, kind, reason);
            }
        }
    }

    /// Takes the roots out of the packages; returns each package's new place.
    fn drop_roots(&mut self) -> Vec<Option<usize>> {
        let mut keep = vec![true; self.catalog.packages.len()];
        for (first, count) in
            self.nodes.iter().filter(|node| node.root).filter_map(|node| node.packages)
        {
            for slot in keep.iter_mut().skip(first).take(count) {
                *slot = false;
            }
        }
        let mut next = 0;
        let moved: Vec<Option<usize>> = keep
            .iter()
            .map(|keep| {
                keep.then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        let mut flags = keep.into_iter();
        self.catalog.packages.retain(|_| flags.next().unwrap_or(true));
        moved
    }

    /// What the root needs directly, seen through groups (a lockfile, an operating system) that are no packages themselves.
    fn needed_by_the_root(&self) -> Vec<u32> {
        let is_group =
            |id: u32| self.nodes.get(id as usize).is_some_and(|n| n.root || n.packages.is_none());
        let mut edges: Vec<(u32, u32)> = self
            .relations
            .iter()
            .filter(|relation| is_group(relation.from))
            .map(|relation| (relation.from, relation.to))
            .collect();
        edges.sort_unstable();
        edges.dedup();
        let mut seen: Vec<bool> = self.nodes.iter().map(|node| node.root).collect();
        let mut open: Vec<u32> =
            (0..).zip(&seen).filter(|(_, root)| **root).map(|(id, _)| id).collect();
        let mut needed = Vec::new();
        while let Some(from) = open.pop() {
            let start = edges.partition_point(|(id, _)| *id < from);
            for (_, to) in edges.iter().skip(start).take_while(|(id, _)| *id == from) {
                let Some(slot) = seen.get_mut(*to as usize).filter(|slot| !**slot) else {
                    continue;
                };
                *slot = true;
                if is_group(*to) {
                    open.push(*to);
                } else {
                    needed.push(*to);
                }
            }
        }
        needed
    }
}
