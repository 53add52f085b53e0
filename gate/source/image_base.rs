use std::collections::BTreeMap;

use secgate_formats::oci::{History, ImageConfig};

/// What an image was built on, as far as it says so itself. All of this is what its builder wrote, and nothing proves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Base {
    /// `org.opencontainers.image.base.name`: the reference of the base image.
    pub name: Option<String>,
    /// `org.opencontainers.image.base.digest`: its manifest.
    pub digest: Option<String>,
    /// How many of the lowest layers are the base image's, as the history suggests.
    pub layers: Option<usize>,
}

/// Looks in the manifest's annotations, then the labels (OCI image specification, `annotations.md`), and in the history.
pub(crate) fn base_of(
    annotations: &BTreeMap<String, String>,
    config: &ImageConfig,
    layers: usize,
) -> Option<Base> {
    let labels = config.config.as_ref().and_then(|config| config.labels.as_ref());
    let told = |key: &str| {
        let key = format!("org.opencontainers.image.base.{key}");
        annotations
            .get(&key)
            .or_else(|| labels.and_then(|labels| labels.get(&key)))
            .filter(|value| !value.is_empty())
            .cloned()
    };
    let base = Base {
        name: told("name"),
        digest: told("digest"),
        layers: layers_of_base(&config.history, layers),
    };
    (base != Base::default()).then_some(base)
}

/// Base images end with the command that they run by default. The last such step that more layers follow is where this
/// image's own steps begin; one at the very end is this image's own.
fn layers_of_base(history: &[History], layers: usize) -> Option<usize> {
    if history.iter().filter(|step| !step.empty_layer).count() != layers {
        return None;
    }
    let last_layer = history.iter().rposition(|step| !step.empty_layer)?;
    let command = history.get(..last_layer)?.iter().rposition(|step| {
        step.empty_layer && step.created_by.as_deref().is_some_and(sets_a_command)
    })?;
    let below = history.get(..command)?.iter().filter(|step| !step.empty_layer).count();
    (below > 0).then_some(below)
}

fn sets_a_command(step: &str) -> bool {
    let step = step.strip_prefix("/bin/sh -c #(nop)").unwrap_or(step).trim_start();
    step.starts_with("CMD ") || step.starts_with("CMD[")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(steps: &[(&str, bool)]) -> Vec<History> {
        let step = |(text, empty): &(&str, bool)| History {
            created_by: Some((*text).to_owned()),
            empty_layer: *empty,
            ..History::default()
        };
        steps.iter().map(step).collect()
    }

    #[test]
    fn the_base_ends_where_its_default_command_is_set() {
        let check = |steps: &[(&str, bool)], layers, expected| {
            assert_eq!(layers_of_base(&history(steps), layers), expected, "{steps:?}");
        };
        let debian = ("/bin/sh -c #(nop) ADD file:1 in / ", false);
        let bash = ("/bin/sh -c #(nop)  CMD [\"bash\"]", true);
        let python = ("RUN pip install flask # buildkit", false);
        let own = ("CMD [\"flask\"]", true);
        check(&[debian, bash, python, own], 2, Some(1));
        check(&[debian, bash, python], 2, Some(1));
        check(&[debian, bash], 1, None);
        check(&[debian, python, own], 2, None);
        check(&[debian, bash, python, own], 3, None);
        check(&[debian, bash, python, ("CMD [\"python3\"]", true), python, own], 3, Some(2));
        check(&[], 0, None);
    }

    #[test]
    fn annotations_go_before_labels() {
        let key = "org.opencontainers.image.base.name".to_owned();
        let labels = BTreeMap::from([(key.clone(), "b".to_owned())]);
        let execution =
            secgate_formats::oci::Execution { labels: Some(labels), ..Default::default() };
        let config = ImageConfig { config: Some(execution), ..ImageConfig::default() };
        let found = base_of(&BTreeMap::new(), &config, 0).unwrap();
        assert_eq!(found.name.as_deref(), Some("b"));
        let found = base_of(&BTreeMap::from([(key, "a".to_owned())]), &config, 0).unwrap();
        assert_eq!(found.name.as_deref(), Some("a"));
        assert_eq!(base_of(&BTreeMap::new(), &ImageConfig::default(), 0), None);
    }
}
