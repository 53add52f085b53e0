use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule, Place, RuleAbout},
};

/// The image exposes a port by which machines are governed from afar.
#[derive(Debug)]
pub(crate) struct RemotePort;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-REMOTE-PORT",
    kind: Kind::Config,
    title: "The image exposes a port for remote control",
    help: "A container that serves SSH, Telnet or an engine's interface has keys, accounts and a second way in, which nobody \
           needs who can start a shell with the engine.",
    remedy: "Take the service and its `EXPOSE` out of the image; use `docker exec` or `kubectl exec`.",
    severity: Severity::Low,
    cwe: &[668],
    references: &[],
};

/// TCP ports: what listens there by custom, and how bad that is.
const PORTS: [(u16, &str, Severity); 3] = [
    (22, "SSH", Severity::Low),
    (23, "Telnet", Severity::Medium),
    (2375, "the engine's interface without TLS", Severity::Medium),
];

impl ImageRule for RemotePort {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        let exposed = facts.execution.exposed_ports.iter().flat_map(|ports| ports.keys());
        let exposed: Vec<(u16, u16)> = exposed.filter_map(|port| tcp_range(port)).collect();
        PORTS
            .iter()
            .filter(|(port, ..)| exposed.iter().any(|(from, to)| (*from..=*to).contains(port)))
            .map(|(port, name, severity)| {
                let place = Place::Config("ExposedPorts".to_owned());
                Hit::new(format!("The image exposes port {port} ({name})"), place)
                    .of(port.to_string())
                    .severity(*severity)
            })
            .collect()
    }
}

/// `22`, `22/tcp`, `20-25/tcp`; no other protocol.
fn tcp_range(text: &str) -> Option<(u16, u16)> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !protocol.eq_ignore_ascii_case("tcp") {
        return None;
    }
    let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
    Some((from.parse().ok()?, to.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::trial::{whats, with_execution};

    #[test]
    fn ports_of_remote_control() {
        let check = |port: &str, expected: &[&str]| {
            let image = with_execution(|run| {
                run.exposed_ports = Some([(port.to_owned(), serde_json::Value::Null)].into());
            });
            assert_eq!(whats(&RemotePort, &image), expected, "{port}");
        };
        check("22/tcp", &["22"]);
        check("22", &["22"]);
        check("20-25/tcp", &["22", "23"]);
        check("2375/tcp", &["2375"]);
        for port in ["22/udp", "2222/tcp", "8022/tcp", "443/tcp", "", "x/tcp", "99999", "25-20/tcp"]
        {
            check(port, &[]);
        }
    }
}
