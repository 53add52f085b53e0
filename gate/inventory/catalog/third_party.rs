//! Which packages of a distribution's package manager are not the distribution's own.
//!
//! Such a package must not be matched to the vendor's advisories: the versions are another publisher's. Its purl gets the
//! qualifier `vendor` with that publisher's name, in lower case; packages of the distribution itself have no such qualifier.
//! Without a clear sign a package counts as the distribution's: a false alarm is better than a hole.

use super::os_release::Distribution;

/// Bytes of a vendor's name that are kept.
const MAX_NAME: usize = 60;

/// Publishers of packages for Debian and Ubuntu by the address that their packages name as maintainer: whole addresses, or
/// domains after an `@`. No package of Debian 12 itself has one of them as its maintainer.
const DEB_MAINTAINERS: [&str; 33] = [
    "@docker.com",
    "@nodesource.com",
    "@nginx.com",
    "@f5.com",
    "@hashicorp.com",
    "@elastic.co",
    "@grafana.com",
    "@mongodb.com",
    "@percona.com",
    "@confluent.io",
    "@influxdata.com",
    "@gitlab.com",
    "@microsoft.com",
    "@oss.oracle.com",
    "@azul.com",
    "@bell-sw.com",
    "@neo4j.com",
    "@datadoghq.com",
    "@newrelic.com",
    "@kubernetes.io",
    "@clickhouse.com",
    "@lists.mariadb.org",
    "@cloudflare.com",
    "@tailscale.com",
    "@zabbix.com",
    "@github.com",
    "@puppet.com",
    "@chef.io",
    "chromium-dev@chromium.org",
    "temurin-dev@eclipse.org",
    "corretto-team@amazon.com",
    "cudatools@nvidia.com",
    "linux-packages-keymaster@google.com",
];

/// Marks in a version that only one publisher sets.
const DEB_VERSIONS: [(&str, &str); 5] = [
    ("nodesource", "nodesource"),
    (".pgdg", "postgresql.org"),
    ("deb.sury.org", "sury.org"),
    ("~ppa", "launchpad ppa"),
    ("+ppa", "launchpad ppa"),
];

/// The publisher of a Debian package that is not the distribution's.
pub(super) fn deb(
    distribution: Option<&Distribution>,
    origin: Option<&str>,
    maintainer: Option<&str>,
    version: &str,
) -> Option<String> {
    if let Some(origin) = origin.filter(|text| !text.is_empty()) {
        let lower = origin.to_lowercase();
        let own = ["debian", "ubuntu", "canonical"].iter().any(|name| lower.contains(name))
            || distribution.is_some_and(|distribution| lower.contains(&distribution.id));
        return (!own).then(|| name(origin));
    }
    if let Some((_, publisher)) = DEB_VERSIONS.iter().find(|(mark, _)| version.contains(mark)) {
        return Some((*publisher).to_owned());
    }
    let (_, address) = maintainer?.rsplit_once('<')?;
    let address = address.trim_end_matches('>').trim().to_lowercase();
    DEB_MAINTAINERS
        .iter()
        .find(|known| match known.strip_prefix('@') {
            Some(domain) => address.rsplit('@').next() == Some(domain),
            None => address == **known,
        })
        .map(|known| known.trim_start_matches('@').to_owned())
}

/// What distributions call themselves in the tag `VENDOR` of their RPM packages, in lower case, by the id in `os-release`.
const RPM_VENDORS: [(&str, &[&str]); 20] = [
    ("almalinux", &["almalinux"]),
    ("amzn", &["amazon"]),
    ("azurelinux", &["microsoft"]),
    ("centos", &["centos", "red hat"]),
    ("eurolinux", &["eurolinux"]),
    ("fedora", &["fedora project"]),
    ("mageia", &["mageia"]),
    ("mariner", &["microsoft"]),
    ("miraclelinux", &["miracle", "cybertrust"]),
    ("ol", &["oracle"]),
    ("openeuler", &["openeuler"]),
    ("opensuse-leap", &["suse llc", "opensuse"]),
    ("opensuse-microos", &["opensuse"]),
    ("opensuse-tumbleweed", &["opensuse"]),
    ("photon", &["vmware", "broadcom"]),
    ("rhel", &["red hat"]),
    ("rocky", &["rocky"]),
    ("sle-micro", &["suse llc"]),
    ("sled", &["suse llc", "suse linux"]),
    ("sles", &["suse llc", "suse linux"]),
];

/// The publisher of an RPM package that is not the distribution's.
pub(super) fn rpm(distribution: Option<&Distribution>, vendor: Option<&str>) -> Option<String> {
    let vendor = vendor.filter(|text| !text.is_empty() && *text != "(none)")?;
    let (_, own) = RPM_VENDORS.iter().find(|(id, _)| *id == distribution.map_or("", |d| &d.id))?;
    let lower = vendor.to_lowercase();
    // A project of the open build service names its path there: anybody can have one.
    let built_elsewhere = lower.starts_with("obs://");
    let is_own = !built_elsewhere && own.iter().any(|name| lower.contains(name));
    (!is_own).then(|| name(vendor))
}

fn name(text: &str) -> String {
    let mut name = text.to_lowercase();
    name.retain(|c| !c.is_control());
    let end = name.char_indices().map(|(at, _)| at).find(|at| *at >= MAX_NAME);
    name.truncate(end.unwrap_or(name.len()));
    name.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(id: &str) -> Distribution {
        Distribution { id: id.to_owned(), ..Distribution::default() }
    }

    #[test]
    fn debian_packages() {
        let check = |origin, maintainer, version, expected: Option<&str>| {
            let debian = distribution("debian");
            assert_eq!(deb(Some(&debian), origin, maintainer, version).as_deref(), expected);
        };
        let team = Some("Debian OpenSSL Team <pkg-openssl-devel@alioth-lists.debian.net>");
        check(None, team, "3.0.11-1~deb12u2", None);
        check(None, Some("A Person <person@gmail.com>"), "1", None);
        check(Some("Debian"), team, "1", None);
        check(Some("Artifactory"), team, "1", Some("artifactory"));
        check(None, Some("Docker <support@docker.com>"), "5:24.0", Some("docker.com"));
        check(None, Some("X <x@notdocker.com>"), "1", None);
        check(None, None, "20.11.0-1nodesource1", Some("nodesource"));
        check(None, None, "16.2-1.pgdg120+2", Some("postgresql.org"));
    }

    #[test]
    fn rpm_packages() {
        let check = |id, vendor, expected: Option<&str>| {
            assert_eq!(rpm(Some(&distribution(id)), vendor).as_deref(), expected);
        };
        check("almalinux", Some("AlmaLinux"), None);
        check("almalinux", Some("Fedora Project"), Some("fedora project"));
        check("rhel", Some("Red Hat, Inc."), None);
        check("amzn", Some("Amazon Linux"), None);
        check("sles", Some("SUSE LLC <https://www.suse.com/>"), None);
        check(
            "opensuse-leap",
            Some("obs://build.opensuse.org/games"),
            Some("obs://build.opensuse.org/games"),
        );
        check("rocky", None, None);
        check("rocky", Some("(none)"), None);
        check("own-linux", Some("Somebody"), None);
        assert_eq!(rpm(None, Some("Somebody")), None);
        assert_eq!(name(&"é".repeat(80)).chars().count(), 30);
    }
}
