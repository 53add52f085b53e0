use secgate_model::{Confidence, Kind, Severity};

use super::{
    facts::ImageFacts,
    history::Step,
    rule::{Hit, ImageRule, Place, RuleAbout},
};
use crate::secret::scrubbed;

/// A step adds what an address serves.
#[derive(Debug)]
pub(crate) struct RemoteAdd;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-ADD-URL",
    kind: Kind::Config,
    title: "A build step adds a file from an address",
    help: "`ADD https://…` takes whatever the address serves on the day of the build. The history does not keep the option \
           `--checksum`, so a step that has it may look like one that has not: then this finding deserves a waiver. Docker's \
           classic builder writes no address into the history at all.",
    remedy: "Pin what is fetched: `ADD --checksum=sha256:… https://…`, or fetch and verify it in a `RUN` step.",
    severity: Severity::Low,
    cwe: &[494],
    references: &["https://docs.docker.com/reference/dockerfile/#add---checksum"],
};

impl ImageRule for RemoteAdd {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (number, step, layer) in &facts.steps {
            let Step::Add(rest) = step else { continue };
            for address in remote(rest) {
                let shown = without_credentials(address);
                let plain =
                    address.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"));
                let hit = Hit::new(
                    if plain {
                        "A build step adds a file from an address without encryption"
                    } else {
                        "A build step adds a file from an address, which no checksum in the history pins"
                    },
                    Place::Step(*number, layer.clone()),
                )
                .seen(format!("ADD {shown}"))
                .of(shown)
                .confidence(Confidence::Medium);
                hits.push(if plain { hit.severity(Severity::Medium) } else { hit });
            }
        }
        hits
    }
}

/// The addresses among an `ADD`'s sources; none where it says a checksum. Sources of git with a whole commit are pinned.
fn remote(rest: &str) -> Vec<&str> {
    let rest = rest.trim_start_matches('[');
    let words = || {
        rest.split(|c: char| c.is_whitespace() || matches!(c, '"' | ',' | ']'))
            .filter(|word| !word.is_empty())
    };
    if words().any(|word| word.starts_with("--checksum=")) {
        return Vec::new();
    }
    let count = words().count();
    words()
        .take(count.saturating_sub(1))
        .filter(|word| {
            let lower = word.get(..8).unwrap_or(word).to_ascii_lowercase();
            lower.starts_with("http://")
                || lower.starts_with("https://")
                || lower.starts_with("git@")
                || lower.starts_with("git://")
        })
        .filter(|word| {
            let commit =
                word.rsplit_once('#').map_or("", |(_, at)| at.split(':').next().unwrap_or(at));
            !(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()))
        })
        .collect()
}

/// An address without user, password, query and fragment, and without what else of it is a secret.
pub(crate) fn without_credentials(address: &str) -> String {
    scrubbed(&plain(address))
}

fn plain(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or(address);
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::trial::{hits, whats, with_history};

    #[test]
    fn what_is_fetched() {
        let check = |step: &str, expected: &[&str]| {
            assert_eq!(whats(&RemoteAdd, &with_history(&[step])), expected, "{step}");
        };
        check("ADD https://e.example/x.tar /x # buildkit", &["https://e.example/x.tar"]);
        check(
            "ADD --chown=1:1 https://u:p@e.example/x?token=1 /x # buildkit",
            &["https://e.example/x"],
        );
        check("/bin/sh -c #(nop) ADD https://e.example/x in /x ", &["https://e.example/x"]);
        check("ADD [\"https://e.example/x\", \"/x\"]", &["https://e.example/x"]);
        check("ADD https://git.example/a.git#main /a", &["https://git.example/a.git"]);
        for step in [
            "ADD --checksum=sha256:00 https://e.example/x /x",
            "/bin/sh -c #(nop) ADD file:0123 in / ",
            "/bin/sh -c #(nop) ADD multi:0123 in / ",
            "ADD rootfs.tar.xz / # buildkit",
            "COPY https /x # buildkit",
            "RUN /bin/sh -c curl https://e.example/x # buildkit",
            "ADD https://git.example/a.git#0123456789012345678901234567890123456789 /a",
        ] {
            check(step, &[]);
        }
        let token = concat!("glpat", "-dGlMoiyrlfxX1rTnyFf3");
        let found =
            whats(&RemoteAdd, &with_history(&[&format!("ADD https://e.example/{token}/x /x")]));
        assert_eq!(found, ["https://e.example/glpa… (26 characters)/x"]);
        let plain = hits(&RemoteAdd, &with_history(&["ADD http://e.example/x /x"]));
        assert_eq!(plain[0].severity, Some(Severity::Medium));
    }
}
