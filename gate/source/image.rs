use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use secgate_formats::oci::{ImageConfig, Platform};
use secgate_model::Digest;

use crate::{
    Blobs, ImageError, Limits, ModeFile, Pick, PlatformChoice, Skipped, Tree, Wanted,
    budget::Budget,
    image_base::{Base, base_of},
    image_bodies::image_tree,
    image_load::{Linked, Loader, Streamed},
    image_plan::{Plan, config_platform, plan},
    layer_list::LayerList,
    merge::merge,
    survey::survey,
};

/// How an image is opened.
#[derive(Clone)]
pub struct ImageOptions<'a> {
    /// Which image of an index.
    pub platform: PlatformChoice,
    /// Which files are kept.
    pub pick: &'a dyn Pick,
    /// Bounds on all that is read.
    pub limits: Limits,
    /// Where layers are remembered, if anywhere.
    pub cache: Option<&'a Path>,
    /// Layers that are read at once: the cores of the machine, as a rule.
    pub threads: usize,
    /// Set by the caller when its time is over; then opening ends soon, with an error.
    pub stop: Option<&'a AtomicBool>,
}

impl<'a> ImageOptions<'a> {
    /// Options for linux on the caller's architecture, as Go names it, with the default limits, one thread and no cache.
    pub fn new(architecture: &str, pick: &'a dyn Pick) -> Self {
        let platform = Platform {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
            os_version: None,
            variant: None,
        };
        Self {
            platform: PlatformChoice::Host(platform),
            pick,
            limits: Limits::default(),
            cache: None,
            threads: 1,
            stop: None,
        }
    }
}

/// An image whose every byte that counts was checked against its digest.
#[derive(Debug)]
pub struct Image {
    /// Where it comes from, without credentials.
    pub name: String,
    /// The index that lists it, where there is one; the innermost of several.
    pub index: Option<Digest>,
    /// Its manifest; `None` where the source has none and one was made up for it, as for what `docker save` writes.
    pub manifest: Option<Digest>,
    /// Its configuration, which engines call the image's identifier.
    pub config_digest: Digest,
    /// What it runs on, as its configuration says.
    pub platform: Platform,
    /// How it was built and how it is run.
    pub config: ImageConfig,
    /// Remarks in its manifest.
    pub annotations: std::collections::BTreeMap<String, String>,
    /// Its layers, the lowest first.
    pub layers: Vec<ImageLayer>,
    /// What it was built on, as far as it tells.
    pub base: Option<Base>,
    /// Regular files that are set-user-ID, set-group-ID, or writable by everybody, by path.
    pub modes: Vec<ModeFile>,
    /// All its regular files.
    pub files: u64,
    /// The files that were picked. What could not be looked at is in [`Tree::skipped`].
    pub tree: Tree,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLayer {
    /// Of the bytes as stored. Where the layer was remembered it was checked when it was read, together with `diff_id`.
    pub digest: Digest,
    /// Of its tar file.
    pub diff_id: Digest,
    /// Bytes as stored.
    pub size: u64,
    /// The build step that made it (`created_by`), where the history has one for each layer.
    pub step: Option<String>,
    /// Regular files in its tar file.
    pub files: u64,
    /// Whether it is kept elsewhere and was not looked at.
    pub foreign: bool,
}

/// Opens the images that a name stands for: one, or with [`PlatformChoice::All`] all that its index lists.
///
/// Digests of index, manifest, configuration and layers (stored and inflated), sizes, media types and the number of layers
/// are checked; each layer is read once, with the bodies of picked files as all that is kept. A layer whose files turn out
/// to be wanted under another name, through a link of another layer, is read a second time for them.
///
/// # Errors
/// Whatever is not as it should be. An image is never opened in part; the one named exception is a layer that its media
/// type says is not distributed, which stands in [`Tree::skipped`].
pub fn open_image(
    blobs: &dyn Blobs,
    wanted: &Wanted,
    options: &ImageOptions<'_>,
) -> Result<Vec<Image>, ImageError> {
    open_streamed(blobs, wanted, options, &Streamed::new())
}

/// As [`open_image`], where layers may have been read already.
pub(crate) fn open_streamed(
    blobs: &dyn Blobs,
    wanted: &Wanted,
    options: &ImageOptions<'_>,
    streamed: &Streamed,
) -> Result<Vec<Image>, ImageError> {
    let plans = plan(blobs, wanted, &options.platform, &options.limits)?;
    plans.into_iter().map(|plan| open(blobs, plan, options, streamed)).collect()
}

fn open(
    blobs: &dyn Blobs,
    plan: Plan,
    options: &ImageOptions<'_>,
    streamed: &Streamed,
) -> Result<Image, ImageError> {
    let budget = Budget::new(options.limits, options.stop);
    let loader = Loader { blobs, options, budget: &budget, streamed };
    let mut lists = loader.load(&plan.layers, &Linked::new())?;
    let budget = Budget::new(options.limits, options.stop);
    let mut found = look(blobs, &plan, &lists, options, &budget)?;
    let mut again = Linked::new();
    for (layer, member, _) in &found.missing {
        again.entry(*layer as usize).or_default().insert(*member);
    }
    again.retain(|at, _| {
        plan.layers.get(*at).is_some_and(|layer| !streamed.contains_key(&layer.digest))
    });
    if !again.is_empty() {
        let some: Vec<usize> = again.keys().copied().collect();
        let layers: Vec<_> = some.iter().filter_map(|at| plan.layers.get(*at)).cloned().collect();
        let linked = again.into_values().enumerate().collect();
        let budget = Budget::new(options.limits, options.stop);
        let loader = Loader { blobs, options, budget: &budget, streamed };
        for (at, list) in some.into_iter().zip(loader.load(&layers, &linked)?) {
            if let Some(place) = lists.get_mut(at) {
                *place = list;
            }
        }
        let budget = Budget::new(options.limits, options.stop);
        found = look(blobs, &plan, &lists, options, &budget)?;
    }
    let missing: BTreeSet<&str> = found.missing.iter().map(|(_, _, path)| path.as_str()).collect();
    found.skipped.extend(missing.into_iter().map(|path| Skipped {
        path: path.to_owned(),
        reason:
            "a link leads to it, and its bytes were not kept while its layer streamed by".into(),
    }));
    found.skipped.extend(plan.layers.iter().filter(|layer| layer.foreign).map(|layer| Skipped {
        path: String::new(),
        reason: format!(
            "layer {} is kept elsewhere (its media type says it is not distributed): not looked at",
            layer.digest
        ),
    }));
    found.skipped.sort_unstable();
    let steps = steps(&plan.config, plan.layers.len());
    let layers: Vec<ImageLayer> = plan
        .layers
        .iter()
        .zip(&lists)
        .zip(steps)
        .map(|((layer, list), step)| ImageLayer {
            digest: layer.digest.clone(),
            diff_id: layer.diff_id.clone(),
            size: layer.descriptor.size,
            step,
            files: list.files,
            foreign: layer.foreign,
        })
        .collect();
    let (modes, files) = (std::mem::take(&mut found.modes), found.count);
    let diff_ids = layers.iter().map(|layer| layer.diff_id.clone()).collect();
    Ok(Image {
        name: blobs.name().to_owned(),
        index: plan.index,
        manifest: (!blobs.makes_manifests()).then_some(plan.manifest_digest),
        config_digest: plan.config_digest,
        platform: config_platform(&plan.config),
        base: base_of(&plan.manifest.annotations, &plan.config, layers.len()),
        config: plan.config,
        annotations: plan.manifest.annotations,
        layers,
        modes,
        files,
        tree: image_tree(found, lists, diff_ids, options.limits),
    })
}

fn look<'a>(
    blobs: &dyn Blobs,
    plan: &Plan,
    lists: &[Arc<LayerList>],
    options: &ImageOptions<'_>,
    budget: &'a Budget<'a>,
) -> Result<crate::survey::Survey, ImageError> {
    let fail = |at: usize, error| ImageError::Merge {
        image: blobs.name().to_owned(),
        layer: plan.layers.get(at).map_or_else(String::new, |layer| layer.digest.to_string()),
        error,
    };
    let mut merged = merge(lists, budget).map_err(|(at, error)| fail(at, error))?;
    let top = lists.len().saturating_sub(1);
    let found = survey(&mut merged, lists, options.pick, budget).map_err(|error| fail(top, error));
    // Giving back the memory of some hundred thousand paths is nothing to wait for.
    let nodes = std::mem::take(&mut merged.nodes);
    rayon::spawn(move || drop(nodes));
    found
}

/// The step of each layer. A history that does not have one for each tells of none.
fn steps(config: &ImageConfig, layers: usize) -> Vec<Option<String>> {
    let made: Vec<_> = config.history.iter().filter(|step| !step.empty_layer).collect();
    if made.len() != layers {
        return vec![None; layers];
    }
    made.into_iter().map(|step| step.created_by.clone()).collect()
}
