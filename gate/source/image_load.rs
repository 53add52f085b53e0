use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use secgate_model::Digest;

use crate::{
    Blobs, ImageError, ImageOptions,
    budget::Budget,
    image_plan::PlannedLayer,
    layer::{Choice, LayerError, LayerRead, read_layer},
    layer_cache::{LayerCache, LayerName},
    layer_list::{Kept, LayerList},
};

/// Layers that were read while they streamed by, by the digest of their stored bytes.
pub(crate) type Streamed = BTreeMap<Digest, StreamedLayer>;

/// A layer that was read before anybody knew whether it belongs to the image.
pub(crate) struct StreamedLayer {
    pub(crate) diff_id: Digest,
    pub(crate) stored: u64,
    pub(crate) encoding: crate::inflate::Encoding,
    pub(crate) list: Arc<LayerList>,
}

/// What becomes of a layer.
type Loaded = Result<Arc<LayerList>, ImageError>;

/// Reads layers of one image, several at once.
pub(crate) struct Loader<'a> {
    pub(crate) blobs: &'a dyn Blobs,
    pub(crate) options: &'a ImageOptions<'a>,
    pub(crate) budget: &'a Budget<'a>,
    pub(crate) streamed: &'a Streamed,
}

/// Members of layers that are kept because a link leads to them.
pub(crate) type Linked = BTreeMap<usize, BTreeSet<u64>>;

impl Loader<'_> {
    /// The lists of the layers, in their order. The largest are read first, so that the last to end is a small one.
    ///
    /// # Errors
    /// That of the lowest layer that has one, whichever thread comes first.
    pub(crate) fn load(
        &self,
        layers: &[PlannedLayer],
        linked: &Linked,
    ) -> Result<Vec<Arc<LayerList>>, ImageError> {
        let none = BTreeSet::new();
        // One layer may be there twice, an empty one as a rule.
        let mut first = BTreeMap::new();
        let mut jobs: Vec<usize> = Vec::new();
        let mut same: Vec<usize> = Vec::new();
        for (at, layer) in layers.iter().enumerate() {
            let kind = (layer.encoding.name(), layer.foreign);
            let key = (&layer.digest, &layer.diff_id, kind, layer.descriptor.size);
            let known = *first.entry(key).or_insert(at);
            if known == at || linked.contains_key(&at) {
                jobs.push(at);
                same.push(at);
            } else {
                same.push(known);
            }
        }
        jobs.sort_by_key(|at| {
            let size = layers.get(*at).map_or(0, |layer| layer.descriptor.size);
            (std::cmp::Reverse(size), *at)
        });
        let results: Vec<Mutex<Option<Loaded>>> = layers.iter().map(|_| Mutex::default()).collect();
        let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        let work = || {
            while let Some(at) = jobs.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                let Some(layer) = layers.get(at) else { continue };
                // What is above a layer that failed cannot change the answer.
                let keep_going = || failed.load(Ordering::Relaxed) > at;
                if !keep_going() {
                    continue;
                }
                let result = self.layer(layer, linked.get(&at).unwrap_or(&none), &keep_going);
                if result.is_err() {
                    failed.fetch_min(at, Ordering::Relaxed);
                }
                if let Some(place) = results.get(at) {
                    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                }
            }
        };
        let threads = self.options.threads.clamp(1, jobs.len().max(1));
        if threads == 1 {
            work();
        } else {
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(work);
                }
            });
        }
        let mut results: Vec<Option<Loaded>> = results
            .into_iter()
            .map(|place| place.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect();
        if let Some(failed) = results.get_mut(failed.into_inner())
            && let Some(Err(error)) = failed.take()
        {
            return Err(error);
        }
        let mut lists = Vec::with_capacity(layers.len());
        for at in same {
            let Some(Some(Ok(list))) = results.get(at) else {
                let reason = "a layer was not read because its thread broke down".to_owned();
                return Err(ImageError::Limit { image: self.blobs.name().to_owned(), reason });
            };
            lists.push(Arc::clone(list));
        }
        Ok(lists)
    }

    fn layer(
        &self,
        layer: &PlannedLayer,
        linked: &BTreeSet<u64>,
        keep_going: &dyn Fn() -> bool,
    ) -> Loaded {
        let fail = |error| ImageError::Layer {
            image: self.blobs.name().to_owned(),
            layer: layer.digest.to_string(),
            error,
        };
        if layer.foreign {
            return Ok(Arc::default());
        }
        if let Some(streamed) = self.streamed.get(&layer.digest) {
            if streamed.encoding != layer.encoding {
                return Err(fail(LayerError::Encoding {
                    declared: layer.encoding.name(),
                    found: streamed.encoding.name(),
                }));
            }
            self.check(layer, &layer.digest, streamed.stored, &streamed.diff_id)?;
            return Ok(Arc::clone(&streamed.list));
        }
        let limits = &self.options.limits;
        let cache =
            self.options.cache.map(|folder| LayerCache::new(folder, self.options.pick, limits));
        let name = LayerName {
            digest: &layer.digest,
            size: layer.descriptor.size,
            encoding: layer.encoding,
            diff_id: &layer.diff_id,
        };
        let remembered = cache.as_ref().and_then(|cache| cache.get(name));
        let mut linked = linked.clone();
        if let Some(list) = remembered {
            let known = linked_members(&list);
            if linked.is_subset(&known) {
                let weight: usize = list.bodies.iter().map(|body| body.bytes.len() + 64).sum();
                self.budget.keep(weight as u64 + list.weight()).map_err(fail)?;
                self.budget.members(list.count).map_err(fail)?;
                return Ok(Arc::new(list));
            }
            // Other images may need what was kept for them.
            linked.extend(known);
        }
        let size = layer.descriptor.size;
        if size > limits.layer_bytes {
            return Err(fail(LayerError::limit(
                "it is stored in more than",
                limits.layer_bytes,
                "bytes",
            )));
        }
        let blob = self.blobs.blob(&layer.descriptor)?;
        let choice = Choice { pick: self.options.pick, linked: &linked };
        let mut bounded = blob.take(size.saturating_add(1));
        let read = read_layer(&mut bounded, Some(layer.encoding), choice, self.budget, keep_going);
        let LayerRead { digest, stored, diff_id, list, .. } = match read {
            Ok(read) => read,
            Err(failure) => {
                // Bytes that are not the right ones are no news of the layer.
                if let Some((digest, stored)) = &failure.drained {
                    self.check(layer, digest, *stored, &layer.diff_id)?;
                }
                return Err(fail(failure.error));
            }
        };
        self.check(layer, &digest, stored, &diff_id)?;
        if let Some(cache) = cache {
            cache.put(name, &list);
        }
        Ok(Arc::new(list))
    }

    /// Compares what was read with what the documents say.
    fn check(
        &self,
        layer: &PlannedLayer,
        digest: &Digest,
        stored: u64,
        diff_id: &Digest,
    ) -> Result<(), ImageError> {
        let image = self.blobs.name().to_owned();
        let what = format!("layer {}", layer.digest);
        if stored != layer.descriptor.size {
            let expected = layer.descriptor.size;
            return Err(ImageError::Size { image, what, expected, found: stored });
        }
        let differs = |what, expected: &Digest, found: &Digest| {
            Err(ImageError::Digest {
                image,
                what,
                expected: expected.to_string(),
                found: found.to_string(),
            })
        };
        if *digest != layer.digest {
            return differs(what, &layer.digest, digest);
        }
        if *diff_id != layer.diff_id {
            return differs(format!("the tar file of {what}"), &layer.diff_id, diff_id);
        }
        Ok(())
    }
}

/// The members that were kept because a link leads to them.
fn linked_members(list: &LayerList) -> BTreeSet<u64> {
    let mut linked = BTreeSet::new();
    let (mut items, mut number) = (list.items(), 0);
    while let Ok(Some(item)) = items.next() {
        if matches!(item.kept, Kept::Linked(_)) {
            linked.insert(number);
        }
        number += 1;
    }
    linked
}
