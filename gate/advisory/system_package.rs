//! Under which names and versions a distribution's advisories speak about an installed package.

use secgate_formats::rpm::source_package;
use secgate_model::{Package, Purl};

/// What is looked up for one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Names and versions under which records may stand.
    pub(crate) keys: Vec<(String, String)>,
    /// Whether it is built as part of a module.
    pub(crate) is_modular: bool,
    /// The module's `name:stream`, where told.
    pub(crate) stream: Option<String>,
    /// The architecture, where told.
    pub(crate) architecture: Option<String>,
    /// The records name sources, and nothing tells the package's.
    pub(crate) lacks_source: bool,
    /// Built from the kernel's source, and no kernel runs from it.
    pub(crate) is_kernel_part: bool,
}

impl Wanted {
    /// Reads it from the package as a cataloger, or the writer of an SBOM, describes it.
    ///
    /// The source package comes from [`Package::source`], else from the purl's `upstream` qualifier (`NAME`,
    /// `NAME@VERSION`, or the file name of a source RPM). Where nobody names one it has the package's own name: that is
    /// what dpkg's and apk's databases mean by leaving it out.
    pub(crate) fn of(ecosystem: &str, package: &Package) -> Self {
        let purl = &package.purl;
        let version = with_epoch(purl, purl.version().unwrap_or_default());
        let is_source = matches!(purl.qualifier("arch"), Some("source" | "src" | "nosrc"));
        let source = if is_source { None } else { source(package) };
        // rpm names the source of every package: where none is told, it was left out, and is not the package itself.
        let lacks_source =
            purl.kind() == "rpm" && names_sources(ecosystem) && !is_source && source.is_none();
        let name = purl.name().to_owned();
        let is_kernel_part = !is_source
            && is_kernel_part(purl.kind(), &name, source.as_ref().map(|(name, _)| name.as_str()));
        let stream = ["modularity", "rpmmod", "modularitylabel"]
            .into_iter()
            .find_map(|key| purl.qualifier(key))
            .map(|label| label.split(':').take(2).collect::<Vec<_>>().join(":"))
            .filter(|label| label.contains(':'));
        let is_modular = stream.is_some() || is_modular(&version);
        let keys = match purl.kind() {
            "deb" => vec![deb_key(name, &version, source)],
            "apk" => {
                let mut keys = vec![(name, version.clone())];
                if let Some((origin, told)) = source {
                    // Records name the origin; some feeds name its parts as well.
                    keys.push((origin, if told.is_empty() { version } else { told }));
                }
                keys
            }
            _ => match source.filter(|_| names_sources(ecosystem)) {
                Some((source, told)) => {
                    let told =
                        if told.is_empty() { version } else { with_epoch_of(&version, told) };
                    vec![(source, told)]
                }
                None => vec![(name, version)],
            },
        };
        let mut keys = keys;
        keys.dedup();
        let architecture = purl.qualifier("arch").map(str::to_owned);
        Self { keys, is_modular, stream, architecture, lacks_source, is_kernel_part }
    }
}

/// So many packages of a system never all have the names of their sources.
const MANY: usize = 20;

/// The types of binary packages whose sources an inventory leaves out altogether, with their numbers: their own names
/// would be taken for the sources' then, and libraries would match nothing.
pub(crate) fn without_sources(packages: &[Package]) -> Vec<(&'static str, usize)> {
    ["deb", "apk"]
        .into_iter()
        .filter_map(|kind| {
            let binary = |package: &&Package| {
                package.purl.kind() == kind
                    && !matches!(package.purl.qualifier("arch"), None | Some("source" | "src"))
            };
            let all = packages.iter().filter(binary);
            let untold = all.clone().filter(|package| source(package).is_none()).count();
            (untold >= MANY && untold == all.count()).then_some((kind, untold))
        })
        .collect()
}

/// Whether a version is a module's build: `.module_el8.6.0+2868+44838709`, `.module+el8.6.0+…`.
pub(crate) fn is_modular(version: &str) -> bool {
    version.contains(".module_") || version.contains(".module+") || version.contains(".module%2B")
}

/// Ecosystems of RPM packages whose records name source packages. The others name each binary package.
fn names_sources(ecosystem: &str) -> bool {
    matches!(ecosystem, "Rocky Linux" | "SUSE" | "openSUSE" | "openEuler" | "Mageia")
}

fn deb_key(name: String, version: &str, source: Option<(String, String)>) -> (String, String) {
    let Some((source, told)) = source else { return (name, without_rebuild(version).to_owned()) };
    // Debian and Ubuntu sign their kernels in a source package of their own, under the version of the kernel.
    if let Some(kernel) = source.strip_prefix("linux-signed") {
        let is_flavour = !matches!(kernel, "" | "-amd64" | "-arm64" | "-i386");
        let kernel = if is_flavour { kernel } else { "" };
        return (format!("linux{kernel}"), without_rebuild(version).to_owned());
    }
    let told = if told.is_empty() { without_rebuild(version).to_owned() } else { told };
    (source, told)
}

/// A binary package that was built anew from the same source ends in `+b1` (Debian policy, 5.6.12).
fn without_rebuild(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((source, digits))
            if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            source
        }
        _ => version,
    }
}

/// The source package's name and version; the version is empty where only the name is told.
fn source(package: &Package) -> Option<(String, String)> {
    if let Some((name, version)) = &package.source {
        return Some((name.clone(), version.clone())).filter(|(name, _)| !name.is_empty());
    }
    let upstream = package.purl.qualifier("upstream")?.trim();
    if upstream.ends_with(".rpm") {
        return source_package(upstream);
    }
    let (name, version) = upstream.split_once('@').unwrap_or((upstream, ""));
    (!name.is_empty()).then(|| (name.to_owned(), version.to_owned()))
}

/// The version with the epoch that stands in a qualifier of its own.
fn with_epoch(purl: &Purl, version: &str) -> String {
    match purl.qualifier("epoch") {
        Some(epoch) if !has_epoch(version) && epoch.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{epoch}:{version}")
        }
        _ => version.to_owned(),
    }
}

/// A source's version with the epoch of the binary package: the name of a source RPM, from which it was read, has none.
fn with_epoch_of(binary: &str, source: String) -> String {
    match binary.split_once(':') {
        Some((epoch, _)) if has_epoch(binary) && !has_epoch(&source) => format!("{epoch}:{source}"),
        _ => source,
    }
}

fn has_epoch(version: &str) -> bool {
    version
        .split_once(':')
        .is_some_and(|(epoch, _)| !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()))
}

/// Beginnings of the names of Debian packages that come from the kernel's source and are no kernel.
const DEB_PARTS: [&str; 16] = [
    "linux-libc-dev",
    "linux-headers-",
    "linux-tools-",
    "linux-cloud-tools-",
    "linux-kbuild-",
    "linux-compiler-",
    "linux-doc",
    "linux-source",
    "linux-support-",
    "linux-config-",
    "linux-perf",
    "linux-cpupower",
    "linux-misc-tools",
    "linux-sdk",
    "linux-base-",
    "linux-bpf-dev",
];
/// Such packages whose names others could have too.
const DEB_OTHERS: [&str; 6] =
    ["libcpupower1", "libcpupower-dev", "bpftool", "usbip", "hyperv-daemons", "rtla"];
/// Kernels of Alpine; `-dev` and `-doc` of these are parts.
const APK_KERNELS: [&str; 6] =
    ["linux-lts", "linux-virt", "linux-edge", "linux-rpi", "linux-rpi4", "linux-stable"];

/// Whether a package comes from the kernel's source without being a kernel: headers, tools, documentation.
fn is_kernel_part(kind: &str, name: &str, source: Option<&str>) -> bool {
    match kind {
        "deb" => {
            let from_kernel = source.is_none_or(|source| {
                source == "linux" || source.starts_with("linux-") || source.starts_with("linux5")
            });
            from_kernel
                && (DEB_PARTS.iter().any(|part| name.starts_with(part))
                    || (source.is_some() && DEB_OTHERS.contains(&name)))
        }
        "rpm" => {
            let part = name.starts_with("kernel") || name.starts_with("bpf-kernel");
            part && ["-headers", "-devel", "-doc", "-rpm-macros", "-srpm-macros", "-devel-matched"]
                .iter()
                .any(|end| name.ends_with(end))
                || name.starts_with("kernel-abi-")
        }
        "apk" => {
            name == "linux-headers"
                || name
                    .strip_suffix("-dev")
                    .or(name.strip_suffix("-doc"))
                    .is_some_and(|stem| APK_KERNELS.contains(&stem))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use secgate_model::Location;

    use super::*;

    fn check(ecosystem: &str, purl: &str, source: Option<(&str, &str)>, keys: &[(&str, &str)]) {
        let mut package = Package::new(purl.parse().unwrap(), "test", Location::file("x"));
        package.source = source.map(|(name, version)| (name.to_owned(), version.to_owned()));
        let found = Wanted::of(ecosystem, &package);
        let found: Vec<(&str, &str)> =
            found.keys.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect();
        assert_eq!(found, keys, "{purl}");
    }

    #[test]
    fn debian_matches_sources() {
        let debian = |purl: &str, source, key| check("Debian", purl, source, &[key]);
        debian("pkg:deb/debian/openssl@3.0-1?arch=source", None, ("openssl", "3.0-1"));
        debian(
            "pkg:deb/debian/libssl3@3.0-1%2Bb2",
            Some(("openssl", "3.0-1")),
            ("openssl", "3.0-1"),
        );
        debian("pkg:deb/debian/libssl3@3.0-1%2Bb2?upstream=openssl", None, ("openssl", "3.0-1"));
        debian(
            "pkg:deb/debian/libssl3@3.0-1?upstream=openssl%401:2.9-4",
            None,
            ("openssl", "1:2.9-4"),
        );
        debian("pkg:deb/debian/bash@5.2-1%2Bb3", None, ("bash", "5.2-1"));
        // `+beta` and `+b` in the middle are no rebuilds, and a source has none.
        debian("pkg:deb/debian/a@1.0%2Bbeta-1", None, ("a", "1.0+beta-1"));
        debian("pkg:deb/debian/a@1.0-1?epoch=2", None, ("a", "2:1.0-1"));
        debian("pkg:deb/debian/a@2:1.0-1?epoch=2", None, ("a", "2:1.0-1"));
        debian(
            "pkg:deb/debian/linux-image-6.1.0-25-amd64@6.1.106-3",
            Some(("linux-signed-amd64", "6.1.106+3")),
            ("linux", "6.1.106-3"),
        );
        debian(
            "pkg:deb/ubuntu/linux-image-6.5.0-15-generic@6.5.0-15.15?arch=amd64",
            Some(("linux-signed-hwe-6.5", "6.5.0-15.15")),
            ("linux-hwe-6.5", "6.5.0-15.15"),
        );
    }

    #[test]
    fn apk_matches_origins_and_parts() {
        check(
            "Alpine",
            "pkg:apk/alpine/libssl3@3.1.4-r5",
            Some(("openssl", "")),
            &[("libssl3", "3.1.4-r5"), ("openssl", "3.1.4-r5")],
        );
        check("Alpine", "pkg:apk/alpine/a@1-r0?arch=source", None, &[("a", "1-r0")]);
        check("Wolfi", "pkg:apk/wolfi/a@1-r0?upstream=a", None, &[("a", "1-r0")]);
    }

    #[test]
    fn rpm_matches_binaries_or_sources_with_an_epoch() {
        let purl = "pkg:rpm/x/jdk@1.0-1.el9?upstream=java-1.0-1.el9.nosrc.rpm";
        check("Rocky Linux", purl, None, &[("java", "1.0-1.el9")]);
        let purl = "pkg:rpm/x/libfoo@1.0-1.el9?epoch=2&upstream=foo-1.0-1.el9.src.rpm";
        check("AlmaLinux", purl, None, &[("libfoo", "2:1.0-1.el9")]);
        check("Rocky Linux", purl, None, &[("foo", "2:1.0-1.el9")]);
        check("SUSE", "pkg:rpm/suse/a@1:1-1", Some(("b", "2-2")), &[("b", "1:2-2")]);
        check("AlmaLinux", "pkg:rpm/x/a@1:2-3", None, &[("a", "1:2-3")]);
    }

    #[test]
    fn an_inventory_that_leaves_out_all_sources_is_noticed() {
        let packages = |count: usize, extra: &str, last: &str| -> Vec<Package> {
            (0..count)
                .map(|at| {
                    if at + 1 == count {
                        last.to_owned()
                    } else {
                        format!("pkg:deb/debian/p{at}@1?{extra}")
                    }
                })
                .map(|purl| Package::new(purl.parse().unwrap(), "t", Location::file("x")))
                .collect()
        };
        let plain = "pkg:deb/debian/z@1?arch=amd64";
        assert_eq!(without_sources(&packages(20, "arch=amd64", plain)), [("deb", 20)]);
        assert_eq!(without_sources(&packages(19, "arch=amd64", plain)), []);
        assert_eq!(without_sources(&packages(30, "arch=source", plain)), []);
        let told = "pkg:deb/debian/z@1?arch=amd64&upstream=y";
        assert_eq!(without_sources(&packages(30, "arch=amd64", told)), []);
    }

    #[test]
    fn rpm_names_a_source_or_lacks_one() {
        let lacks = |ecosystem: &str, purl: &str| {
            Wanted::of(ecosystem, &Package::new(purl.parse().unwrap(), "t", Location::file("x")))
                .lacks_source
        };
        assert!(lacks("SUSE", "pkg:rpm/suse/libfoo1@1-1?arch=x86_64"));
        assert!(!lacks("SUSE", "pkg:rpm/suse/libfoo1@1-1?upstream=foo-1-1.src.rpm"));
        assert!(!lacks("SUSE", "pkg:rpm/suse/libfoo1@1-1?upstream=foo-1-1.nosrc.rpm"));
        assert!(lacks("SUSE", "pkg:rpm/suse/libfoo1@1-1?upstream=foo-1-1.x86_64.rpm"));
        assert!(!lacks("SUSE", "pkg:rpm/suse/foo@1-1?arch=src"));
        assert!(!lacks("AlmaLinux", "pkg:rpm/almalinux/libfoo@1-1"));
    }

    #[test]
    fn modules_and_streams() {
        let wanted = |purl: &str| {
            Wanted::of("AlmaLinux", &Package::new(purl.parse().unwrap(), "t", Location::file("x")))
        };
        let plain = wanted("pkg:rpm/almalinux/a@1-1.el8");
        assert!(!plain.is_modular && plain.stream.is_none());
        assert!(wanted("pkg:rpm/almalinux/a@1-1.module_el8.6.0%2B2868%2B44838709").is_modular);
        let told = wanted("pkg:rpm/almalinux/a@1-1?rpmmod=nodejs:12:8030020201104:abc");
        assert_eq!(told.stream.as_deref(), Some("nodejs:12"));
        assert!(told.is_modular);
    }

    #[test]
    fn headers_are_no_kernel() {
        for (kind, name, source, expected) in [
            ("deb", "linux-libc-dev", Some("linux"), true),
            ("deb", "linux-libc-dev", None, true),
            ("deb", "linux-headers-6.1.0-25-amd64", Some("linux"), true),
            ("deb", "linux-image-6.1.0-25-amd64", Some("linux-signed-amd64"), false),
            ("deb", "bpftool", Some("linux"), true),
            ("deb", "bpftool", None, false),
            ("deb", "linux-firmware", None, false),
            ("rpm", "kernel-headers", None, true),
            ("rpm", "kernel-devel", None, true),
            ("rpm", "kernel-core", None, false),
            ("rpm", "kernel", None, false),
            ("apk", "linux-headers", None, true),
            ("apk", "linux-lts", None, false),
            ("apk", "linux-lts-dev", Some("linux-lts"), true),
            // Not the kernel's, whatever its name begins with.
            ("apk", "linux-pam-dev", Some("linux-pam"), false),
        ] {
            assert_eq!(is_kernel_part(kind, name, source), expected, "{name}");
        }
    }
}
