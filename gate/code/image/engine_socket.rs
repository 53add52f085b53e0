use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule, Place, RuleAbout},
};

/// The image asks for the socket of the engine that runs it.
#[derive(Debug)]
pub(crate) struct EngineSocket;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-ENGINE-SOCKET",
    kind: Kind::Config,
    title: "The image has the engine's socket as a volume",
    help: "Who can write to the socket of a container engine can start a container that owns the host.",
    remedy: "Take the `VOLUME` out; where containers must be started, use an interface with its own, smaller rights.",
    severity: Severity::Medium,
    cwe: &[250],
    references: &["https://docs.docker.com/engine/security/#docker-daemon-attack-surface"],
};

const SOCKETS: [&str; 6] = [
    "docker.sock",
    "docker/docker.sock",
    "podman/podman.sock",
    "containerd/containerd.sock",
    "crio/crio.sock",
    "cri-dockerd.sock",
];

impl ImageRule for EngineSocket {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        let volumes = facts.execution.volumes.iter().flat_map(|volumes| volumes.keys());
        volumes
            .filter_map(|volume| socket(volume))
            .map(|socket| {
                Hit::new(
                    "The image has the engine's socket as a volume",
                    Place::Config("Volumes".to_owned()),
                )
                .seen(format!("VOLUME {socket}"))
                .of(socket)
            })
            .collect()
    }
}

/// The socket that a volume is, without the link `/var/run`.
fn socket(volume: &str) -> Option<&'static str> {
    let volume = volume.trim_end_matches('/');
    let rest = volume.strip_prefix("/var").unwrap_or(volume).strip_prefix("/run/")?;
    SOCKETS.into_iter().find(|socket| *socket == rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::trial::{whats, with_execution};

    #[test]
    fn sockets_of_engines() {
        let check = |volume: &str, expected: &[&str]| {
            let image = with_execution(|run| {
                run.volumes = Some([(volume.to_owned(), serde_json::Value::Null)].into());
            });
            assert_eq!(whats(&EngineSocket, &image), expected, "{volume}");
        };
        check("/var/run/docker.sock", &["docker.sock"]);
        check("/run/docker.sock/", &["docker.sock"]);
        check("/run/containerd/containerd.sock", &["containerd/containerd.sock"]);
        for volume in ["/data", "/var/run", "/var/run/app.sock", "/data/docker.sock", ""] {
            check(volume, &[]);
        }
    }
}
