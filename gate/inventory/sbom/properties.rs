//! What an inventory knows and SBOM formats have no word for, as properties: names that begin with `secgate:`, values that are
//! plain text. CycloneDX has properties; in SPDX they are the lines of an annotation. Writing and reading stand side by side
//! here, because one must be the other's inverse.

use std::{borrow::Cow, collections::BTreeMap};

use secgate_formats::rpm::{module_stream, source_package};
use secgate_model::{Inventory, Location, Package, Purl, Scope, Unknown, UnknownKind};

/// A name and its value.
pub(crate) type Property<'a> = (Cow<'static, str>, Cow<'a, str>);

/// Bytes of a module's name and stream.
const MAX_MODULE: usize = 200;

/// Says that a document is secgate's, and the version of its properties.
pub(crate) const INVENTORY: &str = "secgate:inventory";

/// The properties of a package. Its purl, version, dependencies inside the document, hashes and licences have places of their
/// own in every format; `left` are those that had no room there.
pub(crate) fn of_package<'a>(package: &'a Package, left: &Left<'a>) -> Vec<Property<'a>> {
    let mut all: Vec<Property<'a>> = Vec::with_capacity(8);
    let direct = match package.direct {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    };
    // Always there: it also tells a reader that what is missing is not known, rather than not said.
    all.push(("secgate:direct".into(), direct.into()));
    let mut text = |name: &'static str, value: &'a str| all.push((name.into(), value.into()));
    if left.scope && package.scope != Scope::Unknown {
        text("secgate:scope", package.scope.name());
    }
    for license in &left.licenses {
        text("secgate:license", license);
    }
    for hash in &left.hashes {
        text("secgate:hash", hash);
    }
    if let Some((name, version)) = &package.source {
        text("secgate:source_name", name);
        text("secgate:source_version", version);
    }
    for cataloger in &package.found_by {
        text("secgate:found_by", cataloger);
    }
    if let Some(owner) = &package.owned_by {
        all.push(("secgate:owned_by".into(), owner.to_string().into()));
    }
    for parent in &left.parents {
        all.push(("secgate:parent".into(), parent.to_string().into()));
    }
    for (at, location) in package.locations.iter().enumerate() {
        place(&mut all, &format!("secgate:location:{at}"), location);
    }
    all
}

/// What a format's own fields had no room for.
#[derive(Debug, Default)]
pub(crate) struct Left<'a> {
    /// The format has no scope.
    pub(crate) scope: bool,
    pub(crate) licenses: Vec<&'a str>,
    pub(crate) hashes: Vec<&'a str>,
    /// Parents that are no component of the document.
    pub(crate) parents: Vec<&'a Purl>,
}

/// The properties of the document: the distribution, the files that were read, and the gaps.
pub(crate) fn of_document(inventory: &Inventory) -> Vec<Property<'_>> {
    let mut all: Vec<Property<'_>> = vec![(INVENTORY.into(), "1".into())];
    if let Some(distribution) = &inventory.distribution {
        all.push(("secgate:distribution".into(), distribution.as_str().into()));
    }
    for file in &inventory.files {
        all.push(("secgate:file".into(), file.as_str().into()));
    }
    for (at, unknown) in inventory.unknowns.iter().enumerate() {
        let front = format!("secgate:unknown:{at}");
        let kind = match unknown.kind {
            UnknownKind::Unreadable => "unreadable",
            UnknownKind::Unpinned => "unpinned",
            UnknownKind::Limit => "limit",
        };
        all.push((format!("{front}:kind").into(), kind.into()));
        all.push((format!("{front}:reason").into(), unknown.reason.as_str().into()));
        place(&mut all, &front, &unknown.location);
    }
    all
}

fn place<'a>(all: &mut Vec<Property<'a>>, front: &str, location: &'a Location) {
    all.push((format!("{front}:path").into(), location.path.as_str().into()));
    let numbers =
        [("line", location.line), ("column", location.column), ("end_line", location.end_line)];
    for (name, number) in numbers {
        if let Some(number) = number {
            all.push((format!("{front}:{name}").into(), number.to_string().into()));
        }
    }
    if let Some(layer) = &location.layer {
        all.push((format!("{front}:layer").into(), layer.as_str().into()));
    }
}

/// Properties as the text of an annotation: `name=value` a line.
pub(crate) fn lines(properties: &[Property<'_>]) -> String {
    let mut text = String::new();
    for (name, value) in properties {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(name);
        text.push('=');
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                c => text.push(c),
            }
        }
    }
    text
}

/// What a document tells of one component, or of itself, in properties: secgate's own, and those of other writers that mean
/// the same (`aquasecurity:trivy:*`, `syft:*`).
#[derive(Debug, Default)]
pub(crate) struct Told {
    places: BTreeMap<u32, Location>,
    layer: Option<secgate_model::Digest>,
    /// Told by secgate: what is not told is not known.
    pub(crate) own: bool,
    pub(crate) direct: Option<bool>,
    scope: Option<Scope>,
    licenses: Vec<String>,
    hashes: Vec<String>,
    found_by: Vec<String>,
    parents: Vec<Purl>,
    source: Option<String>,
    source_version: Option<String>,
    source_release: Option<String>,
    source_epoch: Option<String>,
    /// The file name of the source RPM.
    source_file: Option<String>,
    /// The module that an RPM package was built in: `NAME:STREAM:…`.
    module: Option<String>,
    owned_by: Option<Purl>,
    /// The document is secgate's.
    pub(crate) is_inventory: bool,
    /// What the target is made from.
    pub(crate) distribution: Option<String>,
    pub(crate) files: Vec<String>,
    unknowns: BTreeMap<u32, (Option<UnknownKind>, Option<String>, Location)>,
}

impl Told {
    /// Takes one property; those that mean nothing here are passed over.
    pub(crate) fn property(&mut self, name: &str, value: &str) {
        if let Some(own) = name.strip_prefix("secgate:") {
            self.own(own, value);
        } else if let Some(trivy) = name.strip_prefix("aquasecurity:trivy:") {
            self.trivy(trivy, value);
        } else if let Some(syft) = name.strip_prefix("syft:") {
            self.syft(syft, value);
        } else if matches!(
            name,
            "cdx:npm:package:development" | "cdx:composer:package:isDevRequirement"
        ) && value == "true"
        {
            // CycloneDX property taxonomy, `cdx:npm`, `cdx:composer`.
            self.scope = Some(Scope::Dev);
        }
    }

    /// Takes the lines of an annotation, where it is one of secgate's.
    pub(crate) fn annotation(&mut self, text: &str) {
        if !text.starts_with("secgate:") {
            // Trivy writes `LayerDiffID: sha256:…`.
            if let Some((name, value)) = text.split_once(": ") {
                self.trivy(name, value);
            }
            return;
        }
        for line in text.lines() {
            let Some((name, value)) = line.split_once('=') else { continue };
            if !value.contains('\\') {
                self.property(name, value);
                continue;
            }
            let mut plain = String::with_capacity(value.len());
            let mut chars = value.chars();
            while let Some(c) = chars.next() {
                if c != '\\' {
                    plain.push(c);
                    continue;
                }
                match chars.next() {
                    Some('n') => plain.push('\n'),
                    Some('r') => plain.push('\r'),
                    Some(other) => plain.push(other),
                    None => {}
                }
            }
            self.property(name, &plain);
        }
    }

    /// Takes a checksum; only those count that a package's artifact is known by.
    pub(crate) fn hash(&mut self, algorithm: &str, digits: &str) {
        let (name, length) = match algorithm {
            "SHA-1" | "SHA1" | "sha1" => ("sha1", 40),
            "SHA-256" | "SHA256" | "sha256" => ("sha256", 64),
            "SHA-384" | "SHA384" | "sha384" => ("sha384", 96),
            "SHA-512" | "SHA512" | "sha512" => ("sha512", 128),
            _ => return,
        };
        if digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            self.hashes.push(format!("{name}:{}", digits.to_ascii_lowercase()));
        }
    }

    /// Takes a place that the document tells in a field of its own.
    pub(crate) fn occurrence(&mut self, path: &str, line: Option<u32>) {
        let next = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        // secgate tells the same places, and more of them, in its properties.
        if !self.own {
            let place = Location { line, ..Location::file(path.trim_start_matches('/')) };
            self.places.entry(next.saturating_add(1 << 20)).or_insert(place);
        }
    }

    /// `built package from: NAME VERSION` (Trivy's `sourceInfo`).
    pub(crate) fn source_info(&mut self, text: &str) {
        if let Some((name, version)) =
            text.strip_prefix("built package from: ").and_then(|rest| rest.split_once(' '))
        {
            self.source = Some(name.to_owned());
            self.source_version = Some(version.to_owned());
        }
    }

    fn own(&mut self, name: &str, value: &str) {
        let text = || value.to_owned();
        match name {
            "direct" => {
                self.own = true;
                self.direct = match value {
                    "true" => Some(true),
                    "false" => Some(false),
                    _ => None,
                };
            }
            "scope" => {
                let all = [Scope::Runtime, Scope::Optional, Scope::Dev];
                self.scope = all.into_iter().find(|scope| scope.name() == value);
            }
            "license" => self.licenses.push(text()),
            "hash" => self.hashes.push(text()),
            "source_name" => self.source = Some(text()),
            "source_version" => self.source_version = Some(text()),
            "found_by" => self.found_by.push(text()),
            "owned_by" => self.owned_by = value.parse().ok(),
            "parent" => self.parents.extend(value.parse::<Purl>()),
            "inventory" => self.is_inventory = true,
            "distribution" => self.distribution = Some(text()),
            "file" => self.files.push(text()),
            _ => {
                if let Some((at, field)) = numbered(name, "location:") {
                    field_of(self.places.entry(at).or_default(), field, value);
                } else if let Some((at, field)) = numbered(name, "unknown:") {
                    let unknown = self.unknowns.entry(at).or_default();
                    match field {
                        "kind" => {
                            unknown.0 = Some(match value {
                                "unpinned" => UnknownKind::Unpinned,
                                "limit" => UnknownKind::Limit,
                                _ => UnknownKind::Unreadable,
                            });
                        }
                        "reason" => unknown.1 = Some(text()),
                        _ => field_of(&mut unknown.2, field, value),
                    }
                }
            }
        }
    }

    fn trivy(&mut self, name: &str, value: &str) {
        let text = || Some(value.to_owned()).filter(|text| !text.is_empty());
        match name {
            "SrcName" => self.source = text(),
            "SrcVersion" => self.source_version = text(),
            "SrcRelease" => self.source_release = text(),
            "SrcEpoch" => self.source_epoch = text().filter(|epoch| epoch != "0"),
            "Modularitylabel" => self.module = text(),
            "LayerDiffID" => self.layer = value.parse().ok(),
            "FilePath" if !value.is_empty() => {
                self.places.insert(0, Location::file(value));
            }
            _ => {}
        }
    }

    fn syft(&mut self, name: &str, value: &str) {
        match name {
            "metadata:source" | "metadata:originPackage" if !value.is_empty() => {
                self.source = Some(value.to_owned());
            }
            "metadata:sourceVersion" if !value.is_empty() => {
                self.source_version = Some(value.to_owned());
            }
            "metadata:sourceRpm" => self.source_file = Some(value.to_owned()),
            "metadata:modularityLabel" => self.module = Some(value.to_owned()),
            _ => {
                if let Some((at, field)) = numbered(name, "location:") {
                    let place = self.places.entry(at).or_default();
                    match field {
                        "path" => value.trim_start_matches('/').clone_into(&mut place.path),
                        "layerID" => place.layer = value.parse().ok(),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Writes what is told into a package. `is_target`: the document is itself what is looked at, so that the places it tells
    /// are places in the target; in a tree they would be those of another one, and the document's own line stands.
    pub(crate) fn apply(&self, package: &mut Package, is_target: bool) {
        if let Some(scope) = self.scope {
            package.scope = scope;
        }
        if !self.licenses.is_empty() {
            package.licenses.clone_from(&self.licenses);
        }
        package.hashes.extend(self.hashes.iter().cloned());
        package.parents.extend(self.parents.iter().cloned());
        if self.owned_by.is_some() {
            package.owned_by.clone_from(&self.owned_by);
        }
        package.source = self.source_of(&package.purl);
        if let Some(module) = self.module_of(&package.purl) {
            package.purl = package.purl.clone().with_qualifier("modularity", module);
        }
        if !is_target {
            return;
        }
        let places = || self.places.values().filter(|place| !place.path.is_empty());
        if self.own {
            package.found_by.clone_from(&self.found_by);
            package.locations = self.places.values().cloned().collect();
        } else if places().next().is_some() {
            package.locations = places().cloned().collect();
        }
        if let Some(layer) = &self.layer {
            for place in &mut package.locations {
                place.layer.get_or_insert_with(|| layer.clone());
            }
        }
    }

    /// The distribution's source package, by properties or by the purl's `upstream` qualifier (as Syft writes it: `name`,
    /// `name@version`, or the source rpm's file name).
    fn source_of(&self, purl: &Purl) -> Option<(String, String)> {
        if let Some(name) = &self.source {
            let Some(version) = &self.source_version else {
                let version = if self.own { None } else { purl.version() };
                return Some((name.clone(), version.unwrap_or_default().to_owned()));
            };
            let mut whole = String::new();
            if let Some(epoch) = &self.source_epoch {
                whole = format!("{epoch}:");
            }
            whole.push_str(version);
            if let Some(release) = &self.source_release {
                whole = format!("{whole}-{release}");
            }
            return Some((name.clone(), whole));
        }
        let is_distribution = matches!(purl.kind(), "deb" | "apk" | "rpm" | "alpm");
        let upstream = || purl.qualifier("upstream").filter(|_| !self.own && is_distribution);
        let told = self.source_file.as_deref().filter(|_| purl.kind() == "rpm");
        let upstream = told.filter(|file| file.ends_with(".rpm")).or_else(upstream)?;
        if upstream.ends_with(".rpm") {
            return source_package(upstream);
        }
        Some(match upstream.split_once('@') {
            Some((name, version)) => (name.to_owned(), version.to_owned()),
            None => (upstream.to_owned(), purl.version()?.to_owned()),
        })
    }

    /// The module's `NAME:STREAM`, where the purl does not tell it, as a cataloger writes it.
    fn module_of(&self, purl: &Purl) -> Option<&str> {
        let label = self.module.as_deref().filter(|_| purl.kind() == "rpm")?;
        let is_told = ["modularity", "rpmmod", "modularitylabel"]
            .iter()
            .any(|key| purl.qualifier(key).is_some());
        let stream = module_stream(label);
        (stream.contains(':') && stream.len() <= MAX_MODULE && !is_told).then_some(stream)
    }

    /// The gaps that the document tells.
    pub(crate) fn unknowns(&mut self) -> Vec<Unknown> {
        let all = std::mem::take(&mut self.unknowns).into_values();
        all.map(|(kind, reason, location)| Unknown {
            location,
            kind: kind.unwrap_or(UnknownKind::Unreadable),
            reason: reason.unwrap_or_else(|| "the SBOM tells a gap without its reason".to_owned()),
        })
        .collect()
    }
}

/// `front` + number + `:` + field.
fn numbered<'n>(name: &'n str, front: &str) -> Option<(u32, &'n str)> {
    let (at, field) = name.strip_prefix(front)?.split_once(':')?;
    Some((at.parse().ok()?, field))
}

fn field_of(place: &mut Location, field: &str, value: &str) {
    match field {
        "path" => value.clone_into(&mut place.path),
        "line" => place.line = value.parse().ok(),
        "column" => place.column = value.parse().ok(),
        "end_line" => place.end_line = value.parse().ok(),
        "layer" => place.layer = value.parse().ok(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(purl: &str, properties: &[(&str, &str)]) -> Option<(String, String)> {
        let mut told = Told::default();
        for (name, value) in properties {
            told.property(name, value);
        }
        let mut package = Package::new(purl.parse().unwrap(), "sbom", Location::line("s", 3));
        told.apply(&mut package, true);
        package.source
    }

    #[test]
    fn source_packages_as_other_writers_tell_them() {
        let check = |purl: &str, properties: &[(&str, &str)], name: &str, version: &str| {
            assert_eq!(
                source(purl, properties),
                Some((name.to_owned(), version.to_owned())),
                "{purl}"
            );
        };
        check("pkg:deb/debian/libssl3@3.0.1-1?upstream=openssl", &[], "openssl", "3.0.1-1");
        check(
            "pkg:deb/debian/bsdutils@1:2.38-5?upstream=util-linux%402.38-5",
            &[],
            "util-linux",
            "2.38-5",
        );
        check(
            "pkg:rpm/almalinux/bash@5.1.8-6.el9?upstream=bash-5.1.8-6.el9.src.rpm",
            &[],
            "bash",
            "5.1.8-6.el9",
        );
        let trivy = [
            ("aquasecurity:trivy:SrcName", "glibc"),
            ("aquasecurity:trivy:SrcVersion", "2.36"),
            ("aquasecurity:trivy:SrcRelease", "9+deb12u1"),
            ("aquasecurity:trivy:SrcEpoch", "1"),
        ];
        check("pkg:deb/debian/libc6@2.36-9%2Bdeb12u1", &trivy, "glibc", "1:2.36-9+deb12u1");
        check(
            "pkg:apk/alpine/libssl3@3.1.0-r0",
            &[("syft:metadata:originPackage", "openssl")],
            "openssl",
            "3.1.0-r0",
        );
        let syft = [("syft:metadata:sourceRpm", "bash-5.1.8-6.el9.src.rpm")];
        check("pkg:rpm/rocky/bash-doc@5.1.8-6.el9", &syft, "bash", "5.1.8-6.el9");
        let java = "java-17-openjdk-17.0.9.0.9-2.el9.nosrc.rpm";
        let purl = format!("pkg:rpm/rocky/java-17@17.0.9?upstream={java}");
        check(&purl, &[], "java-17-openjdk", "17.0.9.0.9-2.el9");
        assert_eq!(source("pkg:pypi/a@1?upstream=b", &[]), None);
        assert_eq!(source("pkg:rpm/a/b@1?upstream=x.src.rpm", &[]), None);
        assert_eq!(source("pkg:rpm/a/b@1?upstream=x-1-1.x86_64.rpm", &[]), None);
        assert_eq!(source("pkg:rpm/a/b@1", &[("syft:metadata:sourceRpm", "(none)")]), None);
    }

    #[test]
    fn modules_as_other_writers_tell_them() {
        let check = |purl: &str, name: &str, value: &str, expected: Option<&str>| {
            let mut told = Told::default();
            told.property(name, value);
            let mut package = Package::new(purl.parse().unwrap(), "sbom", Location::line("s", 3));
            told.apply(&mut package, true);
            assert_eq!(package.purl.qualifier("modularity"), expected, "{purl} {name} {value}");
        };
        let (rpm, label) = ("pkg:rpm/redhat/nodejs@18?arch=x86_64", "nodejs:18:807:bd1");
        check(rpm, "aquasecurity:trivy:Modularitylabel", label, Some("nodejs:18"));
        check(rpm, "syft:metadata:modularityLabel", label, Some("nodejs:18"));
        check(rpm, "syft:metadata:modularityLabel", "nodejs:18", Some("nodejs:18"));
        for none in ["", "(none)", "nodejs"] {
            check(rpm, "syft:metadata:modularityLabel", none, None);
        }
        check("pkg:npm/nodejs@18", "syft:metadata:modularityLabel", label, None);
        check("pkg:rpm/redhat/a@1?rpmmod=a:1", "syft:metadata:modularityLabel", label, None);
    }

    #[test]
    fn layers_and_places_of_other_writers() {
        let layer = format!("sha256:{}", "a".repeat(64));
        let mut told = Told::default();
        told.property("syft:location:1:path", "/b");
        told.property("syft:location:0:path", "/var/lib/dpkg/status");
        told.property("syft:location:0:layerID", &layer);
        let mut package =
            Package::new("pkg:npm/a@1".parse().unwrap(), "sbom", Location::line("s", 3));
        told.apply(&mut package, false);
        assert_eq!(package.locations, [Location::line("s", 3)]);
        told.apply(&mut package, true);
        let dpkg = Location {
            layer: Some(layer.parse().unwrap()),
            ..Location::file("var/lib/dpkg/status")
        };
        assert_eq!(package.locations, [dpkg, Location::file("b")]);
        let mut told = Told::default();
        told.property("aquasecurity:trivy:LayerDiffID", &layer);
        let mut package =
            Package::new("pkg:npm/a@1".parse().unwrap(), "sbom", Location::line("s", 3));
        told.apply(&mut package, true);
        assert_eq!(package.locations[0].line, Some(3));
        assert_eq!(package.locations[0].layer, Some(layer.parse().unwrap()));
    }

    #[test]
    fn an_annotation_carries_any_text() {
        let value = "a\\n\n\r=b\\";
        let text = lines(&[("secgate:found_by".into(), value.into())]);
        assert_eq!(text.lines().count(), 1);
        let mut told = Told::default();
        told.annotation(&text);
        assert_eq!(told.found_by, [value]);
    }
}
