use std::collections::BTreeMap;

use secgate_model::{Kind, Severity};
use secgate_source::ModeFile;

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule, Place, RuleAbout},
    setuid::is_raised,
};

/// Files that everybody may write.
#[derive(Debug)]
pub(crate) struct WorldWritable;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-WORLD-WRITABLE",
    kind: Kind::Config,
    title: "Files of the image are writable by everybody",
    help: "Every account of the container can change such a file: where it is a program or a setting, that is a way to other \
           accounts. The files of one folder, two levels deep, are one finding, since one `chmod -R 777` makes thousands. Files in \
           folders for temporary files do not count.",
    remedy: "Give the file to the account that writes it (`COPY --chown`), and take the right from all others (`chmod o-w`).",
    severity: Severity::Low,
    cwe: &[732],
    references: &[],
};

/// Folders whose files are everybody's by custom, or that an engine puts something over.
const TEMPORARY: [&str; 8] =
    ["tmp/", "var/tmp/", "dev/", "proc/", "sys/", "run/lock/", "var/lock/", "dev/shm/"];

impl ImageRule for WorldWritable {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        let mut folders: BTreeMap<String, Vec<&ModeFile>> = BTreeMap::new();
        for file in &facts.image.modes {
            let counts = file.mode & 0o002 != 0
                && !is_raised(file.mode)
                && !TEMPORARY.iter().any(|folder| file.path.starts_with(folder));
            if counts {
                folders.entry(folder(&file.path)).or_default().push(file);
            }
        }
        folders
            .into_iter()
            .filter_map(|(folder, files)| {
                let place =
                    |file: &ModeFile| Place::File(file.path.clone(), None, facts.layer(file.layer));
                let (first, rest) = files.split_first()?;
                let message = match rest.len() {
                    0 => format!("{} is writable by everybody", first.path),
                    more => format!("{} files below /{folder} are writable by everybody", more + 1),
                };
                let names: Vec<&str> =
                    files.iter().take(10).map(|file| file.path.as_str()).collect();
                let mut hit = Hit::new(message, place(first)).seen(names.join(", ")).of(folder);
                hit.places.extend(rest.iter().take(20).map(|file| place(file)));
                Some(hit)
            })
            .collect()
    }
}

/// The first two folders of a path.
fn folder(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let folders = parts.len().saturating_sub(1).min(2);
    parts.get(..folders).unwrap_or_default().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::trial::{hits, whats, with_modes};

    #[test]
    fn a_finding_a_folder() {
        let image = with_modes(&[
            ("app/data/a", 0o666),
            ("app/data/deep/b", 0o777),
            ("app/start.sh", 0o777),
            ("passwd", 0o666),
            ("tmp/x", 0o666),
            ("var/tmp/x", 0o666),
            ("app/setuid", 0o4777),
            ("usr/bin/passwd", 0o4755),
        ]);
        assert_eq!(whats(&WorldWritable, &image), ["", "app", "app/data"]);
        let found = hits(&WorldWritable, &image);
        assert_eq!(found[1].message, "app/start.sh is writable by everybody");
        assert_eq!(found[2].message, "2 files below /app/data are writable by everybody");
        // The whole of an image is bounded by its two upper levels.
        let many: Vec<String> =
            (0..3000).map(|number| format!("app/node_modules/{number}/x")).collect();
        let many: Vec<(&str, u32)> = many.iter().map(|path| (path.as_str(), 0o777)).collect();
        let found = hits(&WorldWritable, &with_modes(&many));
        assert_eq!((found.len(), found[0].places.len()), (1, 21));
    }
}
