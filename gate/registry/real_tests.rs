//! The client against Debian's `docker-registry` on this machine: TLS, a user and a password, a registry without referrers API.

use std::{
    fs,
    io::Read,
    num::NonZeroUsize,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use secgate_formats::oci::{Descriptor, MANIFEST, Manifest};
use secgate_source::{Blobs, Wanted};

use crate::{
    Bounds, Client, Credential, DockerConfig, ErrorKind, Options, Registry, Repository, Upload,
    manifest::digest_of,
};

/// `htpasswd -Bbn alice hunter2`
const USERS: &str = "alice:$2y$05$MB65FemcHVN9B5pitf.Niuyf7Vg/pp07L/fIt4ySkujzHyLn1kXoy\n";

struct Real {
    folder: tempfile::TempDir,
    process: Child,
    host: String,
    certificate: Vec<u8>,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Real {
    /// None where the program is not installed; in CI that is a failure.
    #[expect(
        clippy::disallowed_methods,
        reason = "whether a missing program is a failure is said by the environment"
    )]
    fn start() -> Option<Self> {
        let installed =
            Command::new("docker-registry").arg("--version").stdout(Stdio::null()).status();
        if installed.is_err() {
            assert!(std::env::var_os("CI").is_none(), "docker-registry is not installed");
            eprintln!("SKIPPED: docker-registry is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::write(at("cert.pem"), made.cert.pem()).unwrap();
        fs::write(at("key.pem"), made.signing_key.serialize_pem()).unwrap();
        fs::write(at("users"), USERS).unwrap();
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let host = format!("127.0.0.1:{port}");
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: '{host}', tls: {{certificate: {}, key: {}}}}}\nauth: {{htpasswd: {{realm: test, path: {}}}}}\n",
            at("data"),
            at("cert.pem"),
            at("key.pem"),
            at("users"),
        );
        fs::write(at("config.yml"), config).unwrap();
        let process = Command::new("docker-registry")
            .args(["serve", &at("config.yml")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let real = Self { folder, process, host, certificate: made.cert.pem().into_bytes() };
        let end = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(&real.host).is_err() {
            assert!(Instant::now() < end, "docker-registry does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(real)
    }

    fn client(&self, password: Option<&str>) -> Client {
        let mut options = Options {
            authorities: self.certificate.clone(),
            bounds: Bounds { tries: 3, pause: Duration::from_millis(10), ..Bounds::default() },
            ..Options::default()
        };
        if let Some(password) = password {
            options.hosts.entry(self.host.clone()).or_default().credential =
                Some(Credential::password("alice", password));
        }
        Client::new(options).unwrap()
    }

    fn repository(&self, path: &str) -> Repository {
        Repository::new(&self.host, path).unwrap()
    }
}

fn body(length: u32) -> Vec<u8> {
    (0..length)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .take(length as usize)
        .collect()
}

fn manifest(config: &Descriptor, layers: Vec<Descriptor>, subject: Option<Descriptor>) -> Vec<u8> {
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST[0].to_owned()),
        config: config.clone(),
        layers,
        subject,
        ..Manifest::default()
    };
    serde_json::to_vec(&manifest).unwrap()
}

#[test]
fn what_is_pushed_is_pulled() {
    let Some(real) = Real::start() else { return };
    let registry =
        Registry::new(real.client(Some("hunter2")), real.repository("team/app")).unwrap();
    let config = Upload::bytes("application/vnd.oci.image.config.v1+json", &b"{}"[..]);
    let small = Upload::bytes("application/vnd.oci.image.layer.v1.tar", body(1_000));
    // More than two pieces and a rest.
    let large_bytes = body((17 << 20) + 5);
    let large = Upload::bytes("application/vnd.oci.image.layer.v1.tar", large_bytes.clone());
    let empty = Upload::bytes("application/x", &b""[..]);
    let layers = vec![small.descriptor.clone(), large.descriptor.clone()];
    let bytes = manifest(&config.descriptor, layers, None);
    registry.run(async |client, repository| {
        for upload in [&config, &small, &large, &empty] {
            assert!(!client.has_blob(&repository, &upload.descriptor).await.unwrap());
            client.push_blob(&repository, upload, None).await.unwrap();
            assert!(client.has_blob(&repository, &upload.descriptor).await.unwrap());
        }
        for tag in [Some("1.0"), Some("latest"), None] {
            let pushed =
                client.push_manifest(&repository, MANIFEST[0], bytes.clone(), tag).await.unwrap();
            assert_eq!(pushed.digest, digest_of(&bytes));
        }
        let mut tags = client.tags(&repository, NonZeroUsize::new(10).unwrap()).await.unwrap();
        tags.sort();
        assert_eq!(tags, ["1.0", "latest"]);
        assert_eq!(client.resolve(&repository, "1.0").await.unwrap(), digest_of(&bytes));
        let error = client.tags(&repository, NonZeroUsize::new(1).unwrap()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::TooLarge(_)), "{error}");
    });
    for wanted in [Wanted::Tag("1.0".to_owned()), Wanted::Digest(digest_of(&bytes))] {
        let served = registry.manifest(&wanted).unwrap();
        assert_eq!(served.bytes, bytes);
        assert_eq!(served.media_type.as_deref(), Some(MANIFEST[0]));
    }
    assert!(registry.manifest(&Wanted::Only).unwrap_err().message.contains("name a tag"));
    let mut pulled = Vec::new();
    registry.blob(&large.descriptor).unwrap().take(1 << 30).read_to_end(&mut pulled).unwrap();
    assert!(pulled == large_bytes);
    pulled.clear();
    registry.blob(&empty.descriptor).unwrap().take(1 << 30).read_to_end(&mut pulled).unwrap();
    assert!(pulled.is_empty());
    // A reader that is given up stops what reads for it.
    let mut some = [0; 10];
    registry.blob(&large.descriptor).unwrap().read_exact(&mut some).unwrap();
    assert_eq!(some, large_bytes[..10]);
    assert!(
        registry.manifest(&Wanted::Tag("none".to_owned())).unwrap_err().message.contains("404")
    );
    assert_eq!(registry.name(), format!("{}/team/app", real.host));
}

#[test]
fn who_may_not_is_told_so() {
    let Some(real) = Real::start() else { return };
    let login = format!(r#"{{"auths": {{"{}": {{"auth": "YWxpY2U6aHVudGVyMg=="}}}}}}"#, real.host);
    let repository = real.repository("team/app");
    let ask = |client: Client| {
        let registry = Registry::new(client, repository.clone()).unwrap();
        registry.run(async |client, repository| {
            client.manifest(&repository, &Wanted::Tag("1".to_owned())).await.unwrap_err().kind
        })
    };
    assert!(matches!(ask(real.client(Some("wrong"))), ErrorKind::Unauthorized(_)));
    assert!(matches!(ask(real.client(None)), ErrorKind::Unauthorized(_)));
    let options = Options {
        authorities: real.certificate.clone(),
        logins: vec![DockerConfig::parse(login.as_bytes()).unwrap()],
        ..Options::default()
    };
    assert_eq!(ask(Client::new(options).unwrap()), ErrorKind::NotFound);
    let untrusting = Client::new(Options {
        bounds: Bounds { tries: 1, ..Bounds::default() },
        ..Options::default()
    });
    assert!(matches!(ask(untrusting.unwrap()), ErrorKind::Unreachable(_)));
}

#[test]
fn blobs_are_taken_over_and_wrong_ones_are_not_taken() {
    let Some(real) = Real::start() else { return };
    let registry = Registry::new(real.client(Some("hunter2")), real.repository("one")).unwrap();
    let layer = Upload::bytes("application/x", body(5_000));
    registry.run(async |client, one| {
        let two = real.repository("two");
        client.push_blob(&one, &layer, None).await.unwrap();
        // It would fail if its bytes were read.
        let unreadable = Upload {
            descriptor: layer.descriptor.clone(),
            open: std::sync::Arc::new(|| Err(std::io::Error::other("it was opened"))),
        };
        client.push_blob(&two, &unreadable, Some(&one)).await.unwrap();
        assert!(client.has_blob(&two, &layer.descriptor).await.unwrap());
        // Where the other repository has nothing, the bytes are sent after all.
        let other = Upload::bytes("application/x", body(6_000));
        client.push_blob(&two, &other, Some(&real.repository("nothing"))).await.unwrap();
        for (bytes, size) in [(body(7_000), 6_999), (body(7_000), 7_001), (body(7_001), 7_000)] {
            let mut lie = Upload::bytes("application/x", bytes);
            lie.descriptor =
                Descriptor { size, digest: digest_of(&body(7_000)).to_string(), ..lie.descriptor };
            let error = client.push_blob(&one, &lie, None).await.unwrap_err();
            assert!(matches!(error.kind, ErrorKind::Input(_)), "{error}");
            assert!(!client.has_blob(&one, &lie.descriptor).await.unwrap());
        }
    });
    assert!(real.folder.path().join("data").is_dir());
}

#[test]
fn what_is_attached_is_found_without_a_referrers_api() {
    let Some(real) = Real::start() else { return };
    let registry =
        Registry::new(real.client(Some("hunter2")), real.repository("team/app")).unwrap();
    registry.run(async |client, repository| {
        let config = Upload::bytes("application/vnd.oci.empty.v1+json", &b"{}"[..]);
        client.push_blob(&repository, &config, None).await.unwrap();
        let image = manifest(&config.descriptor, Vec::new(), None);
        let subject = client
            .push_manifest(&repository, MANIFEST[0], image.clone(), Some("1"))
            .await
            .unwrap()
            .digest;
        let limit = NonZeroUsize::new(100).unwrap();
        let none = client.referrers(&repository, &subject, None, limit).await.unwrap();
        assert!(none.fallback && none.manifests.is_empty());
        let mut expected = Vec::new();
        for n in 0..3 {
            let layer = Upload::bytes("application/x", vec![n]);
            client.push_blob(&repository, &layer, None).await.unwrap();
            let of = Descriptor {
                media_type: MANIFEST[0].to_owned(),
                digest: subject.to_string(),
                size: image.len() as u64,
                ..Descriptor::default()
            };
            let attached = manifest(&config.descriptor, vec![layer.descriptor], Some(of));
            let entry = Descriptor {
                media_type: MANIFEST[0].to_owned(),
                artifact_type: Some(format!("application/x-{n}")),
                ..Descriptor::default()
            };
            for _ in 0..2 {
                let pushed = client
                    .attach(&repository, &subject, entry.clone(), attached.clone())
                    .await
                    .unwrap();
                assert!(!pushed.subject_noted);
            }
            expected.push((
                digest_of(&attached).to_string(),
                attached.len() as u64,
                entry.artifact_type,
            ));
        }
        let found = client.referrers(&repository, &subject, None, limit).await.unwrap();
        let found: Vec<_> = found
            .manifests
            .into_iter()
            .map(|entry| (entry.digest, entry.size, entry.artifact_type))
            .collect();
        assert_eq!(found, expected);
    });
}
