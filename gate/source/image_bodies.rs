use std::{collections::BTreeMap, fmt, sync::Arc};

use secgate_model::Digest;

use crate::{
    Entry, Limits, Tree,
    layer_list::{Body, Kept, LayerList},
    survey::{Found, Survey},
    tree::Bodies,
};

/// The wanted files of an image. Their bytes stay in the lists of the layers, which several images may share.
pub(crate) struct ImageBodies {
    lists: Vec<Arc<LayerList>>,
    layers: Vec<Digest>,
    files: BTreeMap<String, Found>,
}

impl ImageBodies {
    pub(crate) fn found(&self, path: &str) -> Option<&Found> {
        self.files.get(path)
    }

    pub(crate) fn body(&self, path: &str) -> Option<&Body> {
        let found = self.found(path)?;
        self.lists.get(found.source as usize)?.bodies.get(found.body as usize)
    }

    /// What lower layers had at these paths, the highest layer first.
    pub(crate) fn earlier(&self, paths: &[&str]) -> Vec<(&str, &Digest, &[u8])> {
        let wanted: Vec<(&str, u32)> = paths
            .iter()
            .filter_map(|path| {
                let (path, found) = self.files.get_key_value(*path)?;
                Some((path.as_str(), found.layer))
            })
            .collect();
        let mut all = Vec::new();
        for (at, (list, digest)) in self.lists.iter().zip(&self.layers).enumerate().rev() {
            if !wanted.iter().any(|(_, layer)| at < *layer as usize) {
                continue;
            }
            let mut items = list.items();
            while let Ok(Some(item)) = items.next() {
                let Kept::Picked(body) = item.kept else { continue };
                let named = wanted
                    .iter()
                    .find(|(path, layer)| path.as_bytes() == item.path && at < *layer as usize);
                if let (Some((path, _)), Some(body)) = (named, list.bodies.get(body as usize)) {
                    all.push((*path, digest, &*body.bytes));
                }
            }
        }
        all
    }

    pub(crate) fn layer(&self, path: &str) -> Option<&Digest> {
        self.layers.get(self.found(path)?.layer as usize)
    }
}

impl fmt::Debug for ImageBodies {
    /// Bodies may hold secrets and are large.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageBodies").field("files", &self.files.len()).finish_non_exhaustive()
    }
}

/// The tree of what a survey found.
pub(crate) fn image_tree(
    survey: Survey,
    lists: Vec<Arc<LayerList>>,
    layers: Vec<Digest>,
    limits: Limits,
) -> Tree {
    let entries = survey.files.keys().map(|path| Entry { path: path.clone() }).collect();
    Tree {
        bodies: Bodies::Image(ImageBodies { lists, layers, files: survey.files }),
        entries,
        links: survey.links,
        skipped: survey.skipped,
        limits,
    }
}
