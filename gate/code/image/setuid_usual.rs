use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule, Place, RuleAbout},
    setuid::{is_raised, is_usual},
};

/// The programs with raised rights that distributions ship.
#[derive(Debug)]
pub(crate) struct SetuidUsual;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-SETUID-USUAL",
    kind: Kind::Config,
    title: "The image has the set-user-ID programs of its distribution",
    help: "`su`, `passwd`, `mount` and their like come with the distribution and are of no use to most containers. They do nothing \
           in a container that runs with `no-new-privileges`.",
    remedy: "Remove the bits (`find / -xdev -perm /6000 -type f -exec chmod a-s {} +`), or run with `no-new-privileges`.",
    severity: Severity::Info,
    cwe: &[250],
    references: &[],
};

impl ImageRule for SetuidUsual {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        let files: Vec<_> = facts
            .image
            .modes
            .iter()
            .filter(|file| is_raised(file.mode) && is_usual(&file.path))
            .collect();
        let Some(first) = files.first() else { return Vec::new() };
        let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let message = format!(
            "The image has {} set-user-ID or set-group-ID programs of its distribution",
            files.len()
        );
        let place = |file: &secgate_source::ModeFile| {
            Place::File(file.path.clone(), None, facts.layer(file.layer))
        };
        let mut hit = Hit::new(message, place(first)).seen(names.join(", "));
        hit.places.extend(files.iter().skip(1).map(|file| place(file)));
        vec![hit]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::trial::{hits, with_modes};

    #[test]
    fn one_summary() {
        let image = with_modes(&[
            ("usr/bin/passwd", 0o4755),
            ("usr/bin/su", 0o4755),
            ("app/tool", 0o4755),
            ("usr/bin/wall", 0o755),
        ]);
        let found = hits(&SetuidUsual, &image);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].evidence.as_deref(), Some("usr/bin/passwd, usr/bin/su"));
        assert_eq!(found[0].places.len(), 2);
        assert_eq!(hits(&SetuidUsual, &with_modes(&[("app/tool", 0o4755)])).len(), 0);
    }
}
