//! Small images as files, written by the tests themselves: layers, an OCI layout, a tar file of it, what `docker save` writes.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    harness::{Sandbox, build},
    mirror::Mirror,
};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub(crate) const OS_RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n";
/// Built from a source package of another name and version; `Debian:12` has an advisory about it that is fixed by an update.
pub(crate) const DPKG: &str = "Package: zlib1g
Status: install ok installed
Architecture: amd64
Source: zlib (1:1.2.13.dfsg-1)
Version: 1:1.2.13.dfsg-1+b1

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2024a-0+deb12u1

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1.0
";

/// How a layer is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Plain,
    Gzip,
    Zstd,
}

/// The members of a layer, in their order.
#[derive(Clone, Default)]
pub(crate) struct Layer {
    tar: Vec<u8>,
}

impl Layer {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn file(self, path: &str, body: impl AsRef<[u8]>) -> Self {
        self.mode_file(path, 0o644, body)
    }

    pub(crate) fn mode_file(self, path: &str, mode: u32, body: impl AsRef<[u8]>) -> Self {
        self.member(path, '0', mode, body.as_ref(), "")
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Self {
        self.member(path, '2', 0o777, b"", target)
    }

    pub(crate) fn folder(self, path: &str) -> Self {
        self.member(path, '5', 0o755, b"", "")
    }

    /// An installed Python distribution.
    pub(crate) fn python(self, name: &str, version: &str) -> Self {
        let folder = python_folder(name, version);
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        self.file(&format!("{folder}/METADATA"), metadata).file(&format!("{folder}/RECORD"), "")
    }

    /// A header (POSIX.1-1988 ustar) and the body.
    fn member(mut self, path: &str, kind: char, mode: u32, body: &[u8], link: &str) -> Self {
        let mut block = [0_u8; 512];
        let mut put = |at: usize, text: &str| {
            block[at..at + text.len()].copy_from_slice(text.as_bytes());
        };
        assert!(path.len() < 100, "{path}");
        put(0, path);
        put(100, &format!("{mode:07o}\0"));
        put(124, &format!("{:011o}\0", body.len()));
        put(148, "        ");
        put(156, &kind.to_string());
        put(157, link);
        put(257, "ustar\x0000");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.tar.extend_from_slice(&block);
        self.tar.extend_from_slice(body);
        self.tar.resize(self.tar.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn tar(&self) -> Vec<u8> {
        let mut bytes = self.tar.clone();
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }
}

pub(crate) fn python_folder(name: &str, version: &str) -> String {
    format!("usr/lib/python3/dist-packages/{}-{version}.dist-info", name.replace('-', "_"))
}

/// An image before it is written.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) layers: Vec<(Form, Layer)>,
    /// `config` of the configuration.
    pub(crate) run: Value,
    pub(crate) history: Vec<&'static str>,
    pub(crate) platform: Value,
}

impl Image {
    /// Layers that are run as a user, with a health check.
    pub(crate) fn of(layers: Vec<(Form, Layer)>) -> Self {
        Self {
            layers,
            run: json!({"User": "10001", "Healthcheck": {"Test": ["CMD", "true"]}}),
            history: Vec::new(),
            platform: json!({"os": "linux", "architecture": host()}),
        }
    }

    /// One layer with a distribution of Python that no advisory names.
    pub(crate) fn clean() -> Self {
        Self::of(vec![(Form::Gzip, Layer::new().python("demo-web", "2.0.0"))])
    }

    /// A Debian with programs of two languages in three layers, each stored in another form. The last layer takes away what
    /// an earlier one brought.
    pub(crate) fn debian(version: &str) -> Self {
        let base = Layer::new()
            .file("etc/os-release", OS_RELEASE)
            .file("var/lib/dpkg/status", DPKG)
            .symlink("lib", "usr/lib");
        let application = Layer::new()
            .python("demo-web", version)
            .python("demo-kev", "1.0")
            .mode_file("usr/local/bin/tool", 0o755, rust_program());
        let removal = python_folder("demo-kev", "1.0").replace("/demo_kev", "/.wh.demo_kev");
        let last = Layer::new().file(&removal, "").file("srv/app.py", "print()\n");
        let mut image =
            Self::of(vec![(Form::Plain, base), (Form::Gzip, application), (Form::Zstd, last)]);
        image.history = vec!["ADD rootfs.tar /", "RUN pip install", "RUN pip uninstall demo-kev"];
        image
    }

    /// For another machine than the one that runs the test.
    pub(crate) fn on(mut self, architecture: &str) -> Self {
        self.platform["architecture"] = architecture.into();
        self
    }

    pub(crate) fn config(&self) -> Vec<u8> {
        let ids: Vec<String> = self.layers.iter().map(|(_, layer)| digest(&layer.tar())).collect();
        let history: Vec<Value> =
            self.history.iter().map(|step| json!({"created_by": step})).collect();
        let mut config = json!({"config": self.run, "rootfs": {"type": "layers", "diff_ids": ids}});
        if !history.is_empty() {
            config["history"] = history.into();
        }
        for (name, value) in self.platform.as_object().unwrap() {
            config[name] = value.clone();
        }
        config.to_string().into_bytes()
    }
}

/// What runs the tests, as Go names it: an image of it is taken without `--platform`.
fn host() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// What `cargo auditable build` leaves: a 64-bit ELF file with a section `.dep-v0`.
fn rust_program() -> Vec<u8> {
    let list = json!({"packages": [
        {"name": "demo-crate", "version": "0.4.1", "source": "crates.io"},
        {"name": "tool", "version": "0.1.0", "source": "local", "dependencies": [0], "root": true},
    ]});
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(list.to_string().as_bytes()).unwrap();
    let body = packed.finish().unwrap();
    let names = b"\0.dep-v0\0.shstrtab\0";
    let (body_at, body_size) = (64_u64, body.len() as u64);
    let names_at = body_at + body_size;
    let headers_at = names_at + names.len() as u64;
    let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    for word in [0, 0, headers_at] {
        out.extend(u64::to_le_bytes(word));
    }
    out.extend(0_u32.to_le_bytes());
    for half in [64, 56, 0, 64, 3, 2] {
        out.extend(u16::to_le_bytes(half));
    }
    out.extend(body);
    out.extend(names);
    out.extend([0; 64]);
    for (name, kind, at, size) in
        [(1_u32, 1_u32, body_at, body_size), (9, 3, names_at, names.len() as u64)]
    {
        out.extend(name.to_le_bytes());
        out.extend(kind.to_le_bytes());
        for word in [0, 0, at, size, 0, 1, 0] {
            out.extend(u64::to_le_bytes(word));
        }
    }
    out
}

/// An OCI image layout (OCI image specification 1.1, `image-layout.md`) in a folder.
pub(crate) struct Layout {
    folder: PathBuf,
    manifests: Vec<Value>,
}

impl Layout {
    pub(crate) fn new(sandbox: &Sandbox, folder: &str) -> Self {
        sandbox.write(&format!("{folder}/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#);
        let folder = sandbox.path(folder);
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        Self { folder, manifests: Vec::new() }
    }

    fn blob(&self, kind: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        fs::write(self.blob_path(&digest), bytes).unwrap();
        json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
    }

    pub(crate) fn blob_path(&self, digest: &str) -> PathBuf {
        self.folder.join("blobs/sha256").join(&digest[7..])
    }

    /// Adds an image, and gives the digests of its manifest, its configuration and its layers.
    pub(crate) fn add(&mut self, image: &Image, tag: Option<&str>) -> Vec<String> {
        self.add_as(image, &image.config(), tag)
    }

    /// As [`Self::add`], with a configuration of the caller's.
    pub(crate) fn add_as(
        &mut self,
        image: &Image,
        config: &[u8],
        tag: Option<&str>,
    ) -> Vec<String> {
        let layers: Vec<Value> = image
            .layers
            .iter()
            .map(|(form, layer)| {
                let (kind, bytes) = stored(*form, &layer.tar());
                self.blob(kind, &bytes)
            })
            .collect();
        let config = self.blob(CONFIG, config);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        });
        let mut entry = self.blob(MANIFEST, manifest.to_string().as_bytes());
        let all = [&entry, &config].into_iter().chain(&layers);
        let digests = all.map(|blob| blob["digest"].as_str().unwrap().to_owned()).collect();
        entry["platform"] = image.platform.clone();
        if let Some(tag) = tag {
            entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        }
        self.manifests.push(entry);
        let index = json!({"schemaVersion": 2, "manifests": self.manifests});
        fs::write(self.folder.join("index.json"), index.to_string()).unwrap();
        digests
    }

    /// The layout as one tar file.
    pub(crate) fn archive(&self) -> Vec<u8> {
        let mut tar = Layer::new();
        let read = |name: &str| fs::read(self.folder.join(name)).unwrap();
        let blobs = fs::read_dir(self.folder.join("blobs/sha256")).unwrap();
        let mut names: Vec<String> = blobs
            .map(|blob| format!("blobs/sha256/{}", blob.unwrap().file_name().to_str().unwrap()))
            .collect();
        names.sort();
        names.extend(["oci-layout", "index.json"].map(str::to_owned));
        for name in names {
            tar = tar.file(&name, read(&name));
        }
        tar.tar()
    }
}

/// A layout `oci` of one image in a sandbox.
pub(crate) fn put(sandbox: &Sandbox, image: &Image) -> Vec<String> {
    Layout::new(sandbox, "oci").add(image, Some("1"))
}

/// What `docker save` writes (Docker image specification 1.2).
pub(crate) fn saved(image: &Image, name: &str) -> Vec<u8> {
    let mut tar = Layer::new().file("config.json", image.config());
    let mut paths = Vec::new();
    for (at, (_, layer)) in image.layers.iter().enumerate() {
        let path = format!("{at}/layer.tar");
        tar = tar.file(&path, layer.tar());
        paths.push(path);
    }
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": paths}]);
    tar.file("manifest.json", manifest.to_string()).tar()
}

fn stored(form: Form, tar: &[u8]) -> (&'static str, Vec<u8>) {
    match form {
        Form::Plain => ("application/vnd.oci.image.layer.v1.tar", tar.to_vec()),
        Form::Gzip => {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(tar).unwrap();
            ("application/vnd.oci.image.layer.v1.tar+gzip", gzip.finish().unwrap())
        }
        Form::Zstd => {
            ("application/vnd.oci.image.layer.v1.tar+zstd", zstd::encode_all(tar, 1).unwrap())
        }
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The fixture's advisories, and some about Debian.
pub(crate) fn mirror() -> Mirror {
    let mut mirror = Mirror::fixture();
    let record = |id: &str, package: &str, fixed: &str| {
        json!({
            "schema_version": "1.7.0", "id": id, "modified": "2026-01-05T00:00:00Z",
            "published": "2025-11-01T00:00:00Z", "summary": format!("{package}: a buffer overruns"),
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}],
            "affected": [{
                "package": {"ecosystem": "Debian:12", "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
            }],
        })
    };
    let records: BTreeMap<String, Value> = [
        record("CVE-2025-20001", "zlib", "1:1.2.14"),
        record("CVE-2025-20002", "tzdata", "2023"),
        record("CVE-2025-20003", "gone", "9"),
    ]
    .into_iter()
    .map(|record| (record["id"].as_str().unwrap().to_owned(), record))
    .collect();
    mirror.records.insert("Debian".to_owned(), records);
    mirror
}

/// Without a database of its own, a sandbox with one that knows Debian.
pub(crate) fn sandbox() -> Sandbox {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let sandbox = Sandbox::empty();
    let place = sandbox.database();
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(place, BYTES.get_or_init(|| build(&mirror()))).unwrap();
    sandbox
}

/// Names of what a folder holds, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
