//! Where container engines disagree about what layers make, and a merge would hide something by taking one side.
//!
//! The merge follows the OCI image specification (`layer.md`) as umoci unpacks it: layers one after the other into one folder,
//! links of lower layers followed inside the root, whiteouts for lower layers alone. Docker's overlay2 and containerd's
//! overlayfs snapshotter unpack each layer into a folder of its own and let the kernel lay them over one another, and then:
//!
//! - a member below a link of a lower layer makes a folder in the link's place, and what lower layers have where the link led
//!   stays as it was ([`Why::Link`]); what another layer then takes away from there was never there ([`Why::Added`]);
//! - a folder behind a whiteout, or behind anything that is no folder, at one path of one layer does not hide what lower
//!   layers have in it ([`Why::Folder`]);
//! - `.wh..wh..opq` at the root hides nothing, because the kernel does not look at that mark there ([`Why::Root`]).
//!
//! What is taken away in such a way is told by name, where it was wanted or is a link, which may lead to what is wanted: the
//! tree is then no whole one. On the rest engines agree, or one refuses the layer, or an engine (containerd and Docker without
//! overlay, whose whiteouts take from their own layer too) has less than the merge: that hides nothing.

use std::collections::BTreeMap;

use crate::{
    Skipped,
    layer_list::Kept,
    merge::{Merge, MergeError, Node, Place, ROOT, What, lossy},
    survey::below,
};

/// Files that are told one by one.
const MAX_TOLD: usize = 100;

/// Why engines differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Link,
    Added,
    Folder,
    Root,
}

/// A folder and a name in it.
type Named = (u32, Box<[u8]>);

/// What is in dispute.
#[derive(Debug, Default)]
pub(crate) struct Disputes {
    told: Vec<(u32, Vec<u8>, Why)>,
    more: bool,
    /// Whether any layer put something below a link of a lower one.
    any_by_link: bool,
    /// What this layer took away at a name of a folder, for the case that it makes a folder there.
    left: BTreeMap<Named, Vec<Vec<u8>>>,
}

impl Merge<'_> {
    /// A layer begins.
    pub(crate) fn forget_left(&mut self) {
        self.disputes.left.clear();
    }

    /// A whiteout takes away what lower layers have at `at`, which is `name` of `place`.
    pub(crate) fn dispute_whiteout(
        &mut self,
        place: Place,
        name: &[u8],
        at: u32,
        path: &[u8],
    ) -> Result<(), MergeError> {
        if place.through_lower {
            return self.dispute(at, path, Some(Why::Link), true);
        }
        self.dispute(at, path, None, true)?;
        if matches!(self.what(at), Some(What::Folder(_))) {
            let layer = self.layer;
            let hidden = self.hidden(at, path, |node| node.layer < layer)?;
            if !hidden.is_empty() {
                self.disputes.left.insert((place.node, name.into()), hidden);
            }
        }
        Ok(())
    }

    /// An opaque whiteout takes away what lower layers have in a folder.
    pub(crate) fn dispute_opaque(&mut self, place: Place, path: &[u8]) -> Result<(), MergeError> {
        let why = match place {
            Place { node: ROOT, .. } => Some(Why::Root),
            Place { through_lower: true, .. } => Some(Why::Link),
            _ => None,
        };
        self.dispute(place.node, path, why, true)
    }

    /// A member takes the place of what is at `name` of `place`.
    pub(crate) fn dispute_member(
        &mut self,
        place: Place,
        name: &[u8],
        path: &[u8],
        is_folder: bool,
    ) -> Result<(), MergeError> {
        self.disputes.any_by_link |= place.through_lower;
        if is_folder && !self.disputes.left.is_empty() {
            let left = self.disputes.left.remove(&(place.node, name.into()));
            for path in left.unwrap_or_default() {
                self.tell(path, Why::Folder);
            }
        }
        let Some(at) = self.child(place.node, name) else { return Ok(()) };
        let was_folder = matches!(self.what(at), Some(What::Folder(_)));
        if is_folder && was_folder {
            return Ok(());
        }
        self.dispute(at, path, place.through_lower.then_some(Why::Link), false)?;
        if was_folder {
            // Whatever this layer has done below it before: a folder here brings back what lower layers have.
            self.disputes.left.insert((place.node, name.into()), vec![path.to_vec()]);
        }
        Ok(())
    }

    /// Tells what of lower layers, or also of this one, would go at and below a place: all of it for a reason, otherwise only
    /// what was put there through a link of a lower layer.
    fn dispute(
        &mut self,
        at: u32,
        path: &[u8],
        why: Option<Why>,
        is_whiteout: bool,
    ) -> Result<(), MergeError> {
        if why.is_none() && !self.disputes.any_by_link {
            return Ok(());
        }
        let layer = self.layer;
        let goes =
            |node: &Node| (why.is_some() || node.by_link) && (!is_whiteout || node.layer < layer);
        for path in self.hidden(at, path, goes)? {
            self.tell(path, why.unwrap_or(Why::Added));
        }
        Ok(())
    }

    fn tell(&mut self, path: Vec<u8>, why: Why) {
        if self.disputes.told.len() < MAX_TOLD {
            self.disputes.told.push((self.layer, path, why));
        } else {
            self.disputes.more = true;
        }
    }

    /// The paths of wanted files and links at and below a place that `goes` says yes to, some more than are told at most.
    fn hidden(
        &mut self,
        top: u32,
        path: &[u8],
        goes: impl Fn(&Node) -> bool,
    ) -> Result<Vec<Vec<u8>>, MergeError> {
        let mut found = Vec::new();
        let mut steps = 1;
        let mut look = |node: &Node, path: &[u8]| {
            steps += 1;
            if is_wanted(&node.what) && goes(node) && found.len() <= MAX_TOLD {
                found.push(path.to_vec());
            }
        };
        if let Some(node) = self.nodes.get(top as usize) {
            look(node, path);
        }
        below(self, self.budget, top, path.to_vec(), &mut |_, node, path, _| {
            look(node, path);
            Ok(())
        })?;
        self.step(steps)?;
        Ok(found)
    }

    /// What engines do not agree on, for [`Tree::skipped`](crate::Tree::skipped).
    pub(crate) fn disputed(&self) -> Vec<Skipped> {
        let mut all: Vec<Skipped> = self
            .disputes
            .told
            .iter()
            .map(|(layer, path, why)| {
                let how = match why {
                    Why::Link => "takes it away through a link of a lower layer",
                    Why::Added => {
                        "takes it away, and a lower layer's link led there when it was put there"
                    }
                    Why::Folder => "takes it away and makes a folder at its place or above it",
                    Why::Root => "takes it away with all that lower layers have",
                };
                let layer = layer + 1;
                let reason =
                    format!("layer {layer} {how}: container engines differ on whether it is there");
                Skipped { path: lossy(path), reason }
            })
            .collect();
        if self.disputes.more {
            all.push(Skipped {
                path: String::new(),
                reason: format!(
                    "container engines differ on whether more than {MAX_TOLD} files are there, which layers take away through links"
                ),
            });
        }
        all
    }
}

/// Whether a catalog may miss it. Nobody asked whether a file is wanted at the path to which a link led.
fn is_wanted(what: &What) -> bool {
    match what {
        What::File(file) => !file.asked || matches!(file.kept, Kept::Picked(_) | Kept::Linked(_)),
        What::Symlink(_) => true,
        What::Folder(_) | What::Other => false,
    }
}
