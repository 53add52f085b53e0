//! Images for tests of rules.

use secgate_formats::oci::{Execution, History, ImageConfig, Platform};
use secgate_model::{Digest, Target, TargetKind};
use secgate_source::{Image, ImageLayer, Limits, ModeFile, Tree};

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule},
};

pub(crate) fn digest(number: u8) -> Digest {
    Digest::sha256(&[number; 32])
}

pub(crate) fn target(name: &str) -> Target {
    Target { kind: TargetKind::Image, name: name.to_owned(), digest: None, revision: None }
}

/// An image without layers that runs as nobody.
pub(crate) fn image() -> Image {
    let execution = Execution { user: "65534".to_owned(), ..Execution::default() };
    Image {
        name: "r.example/app:1".to_owned(),
        index: None,
        manifest: None,
        config_digest: digest(9),
        platform: Platform { os: "linux".to_owned(), ..Platform::default() },
        config: ImageConfig {
            os: "linux".to_owned(),
            config: Some(execution),
            ..ImageConfig::default()
        },
        annotations: std::collections::BTreeMap::new(),
        layers: Vec::new(),
        base: None,
        modes: Vec::new(),
        files: 0,
        tree: Tree::in_memory([], Limits::default()),
    }
}

pub(crate) fn with_execution(change: impl FnOnce(&mut Execution)) -> Image {
    let mut image = image();
    change(image.config.config.as_mut().unwrap());
    image
}

/// An image whose every step made a layer.
pub(crate) fn with_history(steps: &[&str]) -> Image {
    let mut image = image();
    for (number, step) in (1..).zip(steps) {
        image
            .config
            .history
            .push(History { created_by: Some((*step).to_owned()), ..History::default() });
        image.layers.push(ImageLayer {
            digest: digest(100 + number),
            diff_id: digest(number),
            size: 1,
            step: None,
            files: 0,
            foreign: false,
        });
    }
    image
}

pub(crate) fn with_modes(modes: &[(&str, u32)]) -> Image {
    let mut image = with_history(&["RUN x"]);
    image.modes = modes
        .iter()
        .map(|(path, mode)| ModeFile { path: (*path).to_owned(), mode: *mode, layer: 0 })
        .collect();
    image
}

pub(crate) fn with_files(files: &[(&str, &str)]) -> Image {
    let mut image = image();
    let files = files.iter().map(|(path, body)| ((*path).to_owned(), body.as_bytes().to_vec()));
    image.tree = Tree::in_memory(files, Limits::default());
    image
}

pub(crate) fn hits(rule: &dyn ImageRule, image: &Image) -> Vec<Hit> {
    let target = target("r.example/app:1");
    rule.check(&ImageFacts::new(&target, image))
}

/// The rule's hits by their part in the identity.
pub(crate) fn whats(rule: &dyn ImageRule, image: &Image) -> Vec<String> {
    hits(rule, image).into_iter().map(|hit| hit.what.join("|")).collect()
}
