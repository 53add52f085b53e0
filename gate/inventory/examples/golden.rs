//! Writes the golden SBOMs into `reports/examples`. Run it from the project's root after a change of a format, and read the
//! difference.

use std::{fs, path::Path};

use secgate_inventory::{SbomFormat, SbomInput, write_sbom};
use secgate_model::{
    Digest, Inventory, Location, Package, Scope, Target, TargetKind, Unknown, UnknownKind,
};

fn inventory() -> Result<Inventory, Box<dyn std::error::Error>> {
    let layer = Some(Digest::sha256(&[0x2a; 32]));
    let place = |path: &str, line| Location { line, layer: layer.clone(), ..Location::file(path) };
    let mut openssl = Package::new(
        "pkg:deb/debian/libssl3@3.0.15-1~deb12u1?arch=amd64&distro=debian-12".parse()?,
        "dpkg",
        place("var/lib/dpkg/status", Some(812)),
    );
    openssl.source = Some(("openssl".to_owned(), "3.0.15-1~deb12u1".to_owned()));
    openssl.licenses = vec!["Apache-2.0".to_owned()];
    let lock = |purl: &str, line| -> Result<Package, Box<dyn std::error::Error>> {
        let place = place("app/package-lock.json", Some(line));
        Ok(Package::new(purl.parse()?, "package-lock", place))
    };
    let mut express = lock("pkg:npm/express@4.21.2", 31)?;
    express.direct = Some(true);
    express.scope = Scope::Runtime;
    express.licenses = vec!["MIT".to_owned()];
    express.hashes = vec![format!("sha512:{}", "5e".repeat(64))];
    let mut qs = lock("pkg:npm/qs@6.13.0", 77)?;
    qs.direct = Some(false);
    qs.scope = Scope::Runtime;
    qs.licenses = vec!["Acme public licence".to_owned(), "BSD-3-Clause".to_owned()];
    qs.parents = vec![express.purl.clone()];
    let unknown = Unknown {
        location: place("app/requirements.txt", Some(3)),
        kind: UnknownKind::Unpinned,
        reason: "flask (>=2) has no exact version: pin it or commit a lockfile".to_owned(),
    };
    let files = ["app/package-lock.json", "app/requirements.txt", "var/lib/dpkg/status"];
    Ok(Inventory {
        packages: vec![openssl, express, qs],
        unknowns: vec![unknown],
        files: files.map(str::to_owned).to_vec(),
        distribution: Some("debian-12".to_owned()),
    }
    .normalised())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "reports/examples".to_owned());
    let target = Target {
        kind: TargetKind::Image,
        name: "registry.example/team/app:1.0".to_owned(),
        digest: Some(Digest::sha256(&[7; 32])),
        revision: None,
    };
    let input = SbomInput {
        tool_version: "0.1.0",
        target: &target,
        inventory: &inventory()?,
        created: "2026-01-02T03:04:05Z".parse()?,
        parts: &[],
    };
    for format in ["cyclonedx-json", "spdx-json"] {
        let format: SbomFormat = format.parse()?;
        let name = format!("sbom.{}", format.ending());
        fs::write(Path::new(&folder).join(name), write_sbom(&input, format)?)?;
    }
    Ok(())
}
