use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule, Place, RuleAbout},
    setuid::is_raised,
};

/// A program with raised rights that everybody may write.
#[derive(Debug)]
pub(crate) struct SetuidWritable;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-SETUID-WRITABLE",
    kind: Kind::Config,
    title: "A set-user-ID or set-group-ID program is writable by everybody",
    help: "A kernel takes the bit away when somebody else writes to the file, but a copy-up into another layer, a file system without \
           that guard or a plain owner's mistake is enough to make it everybody's way to the owner's rights. Nothing ships so on \
           purpose.",
    remedy: "Remove both (`chmod a-s,o-w`), and find the step of the build that set them.",
    severity: Severity::High,
    cwe: &[250, 732],
    references: &[],
};

impl ImageRule for SetuidWritable {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        facts
            .image
            .modes
            .iter()
            .filter(|file| is_raised(file.mode) && file.mode & 0o002 != 0)
            .map(|file| {
                let place = Place::File(file.path.clone(), None, facts.layer(file.layer));
                Hit::new(
                    format!("{} has raised rights and everybody may write it", file.path),
                    place,
                )
                .seen(format!("mode {:04o}", file.mode))
                .of(&*file.path)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::trial::{whats, with_modes};

    #[test]
    fn both_at_once() {
        let image = with_modes(&[
            ("a", 0o4777),
            ("b", 0o2777),
            ("usr/bin/passwd", 0o4757),
            ("c", 0o777),
            ("d", 0o4755),
            ("e", 0o4666),
        ]);
        assert_eq!(whats(&SetuidWritable, &image), ["a", "b", "usr/bin/passwd"]);
    }
}
