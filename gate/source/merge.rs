use std::{collections::BTreeMap, sync::Arc};

use crate::{
    MAX_PATH, MemberKind,
    budget::Budget,
    dispute::Disputes,
    layer::LayerError,
    layer_list::{Damaged, Item, Kept, LayerList},
    tar::MAX_NAME,
};

/// Links followed on the way to one path: the kernel's bound.
pub(crate) const MAX_HOPS: usize = 40;

/// Folders above one another: more do not fit a path.
const MAX_DEPTH: usize = MAX_PATH / 2;

/// Steps from one folder to the next that a merge may take: a thousand times what large images need.
const MAX_STEPS: u64 = 200_000_000;

/// Why layers cannot be laid over one another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A path leads through something that is no folder.
    #[error("`{0}` lies below something that is no folder")]
    NotAFolder(String),
    /// A path leads through too many links.
    #[error("`{0}` is reached through more than 40 links")]
    Loop(String),
    /// A path is deeper or longer than a file system allows.
    #[error("`{0}` is too deep or too long")]
    TooDeep(String),
    /// A hard link's other name is not there or is a folder.
    #[error("the hard link `{0}` repeats a file that is not there: `{1}`")]
    NoTarget(String, String),
    /// A whiteout names nothing that can be removed.
    #[error("the whiteout `{0}` names nothing")]
    Whiteout(String),
    /// The root is something else than a folder.
    #[error("the root itself is no folder")]
    Root,
    /// It takes too long.
    #[error("its links and whiteouts take more than {MAX_STEPS} steps to follow")]
    Steps,
    /// A limit, or the caller's time, is over.
    #[error("{0}")]
    Limit(LayerError),
    /// A list of a layer contradicts itself.
    #[error("what was remembered of the layer is damaged")]
    Damaged,
}

impl From<Damaged> for MergeError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

/// The file system that layers make, as a container engine unpacks it: one after the other, with the members of each in
/// order, links among the folders of a path followed inside the root (OCI image specification, `layer.md`). Where engines do
/// not agree on that is in `dispute.rs`.
pub(crate) struct Merge<'a> {
    pub(crate) nodes: Vec<Node>,
    pub(crate) disputes: Disputes,
    pub(crate) budget: &'a Budget<'a>,
    pub(crate) layer: u32,
    steps: u64,
    /// The folder of the member before, which is that of the next as a rule.
    last: Option<(Vec<u8>, Place)>,
}

/// Something at a path.
#[derive(Debug)]
pub(crate) struct Node {
    /// The last layer that put it there.
    pub(crate) layer: u32,
    /// A link of a lower layer led to the folder that it was put into.
    pub(crate) by_link: bool,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Folder(BTreeMap<Box<[u8]>, u32>),
    File(FileAt),
    Symlink(Arc<[u8]>),
    Other,
}

/// A file's bytes and where they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileAt {
    /// The layer that holds the bytes.
    pub(crate) source: u32,
    /// The member of that layer.
    pub(crate) member: u64,
    pub(crate) size: u64,
    pub(crate) mode: u32,
    pub(crate) kept: Kept,
    /// Whether the pick was asked for the path at which the file is.
    pub(crate) asked: bool,
}

/// A folder, and whether a link led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) node: u32,
    through_link: bool,
    /// Whether a lower layer has such a link.
    pub(crate) through_lower: bool,
}

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Folder(Place),
    /// A file or something else that is no folder.
    Leaf(u32),
    /// Nothing is there.
    Missing,
    /// It goes on below something that is no folder.
    Blocked,
    /// It takes too many links.
    Loop,
}

pub(crate) const ROOT: u32 = 0;

/// Lays layers over one another, the lowest first.
///
/// # Errors
/// The number of the layer that cannot be laid, and why.
pub(crate) fn merge<'a>(
    layers: &[Arc<LayerList>],
    budget: &'a Budget<'a>,
) -> Result<Merge<'a>, (usize, MergeError)> {
    let root = Node { layer: 0, by_link: false, what: What::Folder(BTreeMap::new()) };
    let disputes = Disputes::default();
    let mut merge = Merge { nodes: vec![root], disputes, budget, layer: 0, steps: 0, last: None };
    for (at, list) in layers.iter().enumerate() {
        merge.layer = u32::try_from(at).unwrap_or(u32::MAX);
        merge.last = None;
        merge.forget_left();
        merge.layer(list).map_err(|error| (at, error))?;
    }
    Ok(merge)
}

impl Merge<'_> {
    fn layer(&mut self, list: &LayerList) -> Result<(), MergeError> {
        let mut items = list.items();
        let mut number = 0;
        while let Some(item) = items.next()? {
            if number % 1024 == 0 {
                self.budget.check_time().map_err(MergeError::Limit)?;
            }
            self.apply(&item, number)?;
            number += 1;
        }
        Ok(())
    }

    fn apply(&mut self, item: &Item<'_>, number: u64) -> Result<(), MergeError> {
        let (folder, name) = match item.path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => {
                let (folder, name) = item.path.split_at(at);
                (folder, name.get(1..).unwrap_or_default())
            }
            None => ([].as_slice(), item.path),
        };
        if name.is_empty() {
            return if item.kind == MemberKind::Directory { Ok(()) } else { Err(MergeError::Root) };
        }
        if name == b".wh..wh..opq" {
            if let Some(place) = self.folder(folder, false)? {
                self.last = None;
                self.dispute_opaque(place, folder)?;
                self.strip(place.node)?;
            }
            return Ok(());
        }
        // AUFS' own bookkeeping at the root: engines pass over it.
        if item.path.starts_with(b".wh..wh.") {
            return Ok(());
        }
        if let Some(hidden) = name.strip_prefix(b".wh.") {
            if matches!(hidden, b"" | b"." | b"..") {
                return Err(MergeError::Whiteout(lossy(item.path)));
            }
            return self.whiteout(folder, hidden);
        }
        let place = self.folder(folder, true)?.ok_or(MergeError::Root)?;
        let layer = self.layer;
        self.dispute_member(place, name, item.path, item.kind == MemberKind::Directory)?;
        let what = match item.kind {
            MemberKind::Directory => {
                let existing = self.child(place.node, name);
                if let Some(node) = existing.and_then(|at| self.nodes.get_mut(at as usize))
                    && matches!(node.what, What::Folder(_))
                {
                    node.layer = layer;
                    return Ok(());
                }
                What::Folder(BTreeMap::new())
            }
            MemberKind::File => What::File(FileAt {
                source: layer,
                member: number,
                size: item.size,
                mode: item.mode,
                kept: item.kept,
                asked: !place.through_link,
            }),
            MemberKind::Symlink => What::Symlink(item.link.into()),
            MemberKind::Other => What::Other,
            MemberKind::Hardlink => {
                let target = self.hardlink(item.link)?;
                if target.is_some() && target == self.child(place.node, name) {
                    return Ok(());
                }
                // What stood here is gone before the link is made.
                self.remove(place.node, name);
                let target = self.hardlink(item.link)?;
                match target.and_then(|at| self.nodes.get(at as usize)).map(|node| &node.what) {
                    Some(What::File(file)) => What::File(FileAt { asked: false, ..*file }),
                    Some(What::Symlink(target)) => What::Symlink(Arc::clone(target)),
                    Some(What::Other) => What::Other,
                    Some(What::Folder(_)) | None => {
                        return Err(MergeError::NoTarget(lossy(item.path), lossy(item.link)));
                    }
                }
            }
        };
        let at = self.insert(place.node, name, what)?;
        if place.through_lower
            && let Some(node) = self.nodes.get_mut(at as usize)
        {
            node.by_link = true;
        }
        Ok(())
    }

    /// Hides what lower layers have at a name. What this layer has put there stays.
    fn whiteout(&mut self, folder: &[u8], hidden: &[u8]) -> Result<(), MergeError> {
        let Some(place) = self.folder(folder, false)? else { return Ok(()) };
        let Some(at) = self.child(place.node, hidden) else { return Ok(()) };
        self.last = None;
        let path = match folder {
            [] => hidden.to_vec(),
            _ => [folder, hidden].join(b"/".as_slice()),
        };
        self.dispute_whiteout(place, hidden, at, &path)?;
        self.strip(at)?;
        if !self.stays(at) {
            self.remove(place.node, hidden);
        }
        Ok(())
    }

    /// Takes out of a folder what lower layers put there, at any depth.
    fn strip(&mut self, top: u32) -> Result<(), MergeError> {
        let mut folders = vec![top];
        let mut next = 0;
        while let Some(at) = folders.get(next).copied() {
            next += 1;
            let Some(What::Folder(children)) = self.what(at) else { continue };
            let count = children.len() as u64;
            let below = children.values().copied();
            let below: Vec<u32> =
                below.filter(|at| matches!(self.what(*at), Some(What::Folder(_)))).collect();
            folders.extend(below);
            self.step(count)?;
        }
        // The deepest first, so that a folder knows whether anything is left in it.
        for at in folders.into_iter().rev() {
            let Some(node) = self.nodes.get_mut(at as usize) else { continue };
            let What::Folder(children) = &mut node.what else { continue };
            let mut children = std::mem::take(children);
            children.retain(|_, child| self.stays(*child));
            if let Some(node) = self.nodes.get_mut(at as usize) {
                node.what = What::Folder(children);
            }
        }
        Ok(())
    }

    fn stays(&self, at: u32) -> bool {
        let Some(node) = self.nodes.get(at as usize) else { return false };
        node.layer == self.layer
            || matches!(&node.what, What::Folder(children) if !children.is_empty())
    }

    /// The folder at a path, links followed; made where `make` says so.
    fn folder(&mut self, path: &[u8], make: bool) -> Result<Option<Place>, MergeError> {
        if let Some((last, place)) = &self.last
            && last == path
        {
            return Ok(Some(*place));
        }
        let place = match self.walk(vec![ROOT], path, make)? {
            End::Folder(place) => place,
            End::Leaf(_) | End::Blocked if make => {
                return Err(MergeError::NotAFolder(lossy(path)));
            }
            End::Loop if make => return Err(MergeError::Loop(lossy(path))),
            _ => return Ok(None),
        };
        self.last = Some((path.to_vec(), place));
        Ok(Some(place))
    }

    /// Goes along a path from the last of the folders in `stack`, which lie in one another, the root first. Links are
    /// followed, also at the end, and end at the root where they would climb above it, as for a process inside.
    pub(crate) fn walk(
        &mut self,
        mut stack: Vec<u32>,
        path: &[u8],
        make: bool,
    ) -> Result<End, MergeError> {
        let mut open: Vec<Arc<[u8]>> = Vec::new();
        let mut hops = 0;
        let mut through_lower = false;
        let mut leaf = None;
        // Where to go on in the path itself and, above it, in the targets of links that are being followed.
        let mut parts: Vec<(Option<usize>, usize)> = vec![(None, 0)];
        while let Some((source, from)) = parts.pop() {
            let text = match source {
                None => path,
                Some(at) => open.get(at).map_or(path, |text| text),
            };
            let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) else { continue };
            let length = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
            let part = rest.get(..length).unwrap_or_default();
            parts.push((source, from + length + 1));
            if matches!(part, b"" | b".") {
                continue;
            }
            if leaf.is_some() {
                return Ok(End::Blocked);
            }
            if part == b".." {
                if stack.len() > 1 {
                    stack.pop();
                }
                continue;
            }
            let here = stack.last().copied().unwrap_or(ROOT);
            let child = match self.child(here, part) {
                Some(child) => child,
                None if make => {
                    let part = part.to_vec();
                    self.insert(here, &part, What::Folder(BTreeMap::new()))?
                }
                None => return Ok(End::Missing),
            };
            self.step(1)?;
            let layer = self.nodes.get(child as usize).map_or(0, |node| node.layer);
            match self.what(child) {
                Some(What::Folder(_)) => {
                    if stack.len() >= MAX_DEPTH {
                        return Err(MergeError::TooDeep(lossy(path)));
                    }
                    stack.push(child);
                }
                Some(What::Symlink(target)) => {
                    let target = Arc::clone(target);
                    through_lower |= layer < self.layer;
                    hops += 1;
                    if hops > MAX_HOPS {
                        return Ok(End::Loop);
                    }
                    if target.is_empty() {
                        return Ok(End::Missing);
                    }
                    if target.first() == Some(&b'/') {
                        stack.truncate(1);
                    }
                    open.push(target);
                    parts.push((Some(open.len() - 1), 0));
                }
                _ => leaf = Some(child),
            }
        }
        Ok(match leaf {
            Some(leaf) => End::Leaf(leaf),
            None => End::Folder(Place {
                node: stack.last().copied().unwrap_or(ROOT),
                through_link: hops > 0,
                through_lower,
            }),
        })
    }

    /// What a hard link repeats: links among the folders are followed, the last part is not.
    fn hardlink(&mut self, path: &[u8]) -> Result<Option<u32>, MergeError> {
        let at = path.iter().rposition(|byte| *byte == b'/');
        let folder = path.get(..at.unwrap_or(0)).unwrap_or_default();
        let name = path.get(at.map_or(0, |at| at + 1)..).unwrap_or_default();
        let last = self.last.take();
        let found = self.folder(folder, false)?;
        self.last = last;
        Ok(found.and_then(|place| self.child(place.node, name)))
    }

    pub(crate) fn what(&self, at: u32) -> Option<&What> {
        self.nodes.get(at as usize).map(|node| &node.what)
    }

    pub(crate) fn child(&self, folder: u32, name: &[u8]) -> Option<u32> {
        match self.what(folder) {
            Some(What::Folder(children)) => children.get(name).copied(),
            _ => None,
        }
    }

    fn remove(&mut self, folder: u32, name: &[u8]) {
        // A folder that is remembered may lie below.
        if self.child(folder, name).is_some_and(|at| !matches!(self.what(at), Some(What::File(_))))
        {
            self.last = None;
        }
        if let Some(What::Folder(children)) =
            self.nodes.get_mut(folder as usize).map(|node| &mut node.what)
        {
            children.remove(name);
        }
    }

    /// Puts something at a name, in place of all that was there.
    fn insert(&mut self, folder: u32, name: &[u8], what: What) -> Result<u32, MergeError> {
        if name.len() > MAX_NAME {
            return Err(MergeError::TooDeep(lossy(name)));
        }
        let at = u32::try_from(self.nodes.len()).map_err(|_| MergeError::Steps)?;
        if let Some(What::Folder(children)) =
            self.nodes.get_mut(folder as usize).map(|node| &mut node.what)
            && let Some(old) = children.insert(name.into(), at)
            && !matches!(self.what(old), Some(What::File(_)))
        {
            // The folder that is remembered may lie below what stood here.
            self.last = None;
        }
        self.nodes.push(Node { layer: self.layer, by_link: false, what });
        Ok(at)
    }

    /// Counts work, so that links and whiteouts cannot make it grow with the square of an image.
    pub(crate) fn step(&mut self, count: u64) -> Result<(), MergeError> {
        self.steps += count;
        if self.steps > MAX_STEPS { Err(MergeError::Steps) } else { Ok(()) }
    }
}

/// Bytes of a path as a person reads them.
pub(crate) fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
