//! The client against a server that does what no registry should.

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use secgate_formats::oci::Descriptor;
use secgate_source::{MAX_MANIFEST, Wanted};

use crate::{
    Bounds, Client, ErrorKind, HostOptions, Options, RegistryError, Repository, Transport,
    hostile::{Hostile, Request, Step, answer},
    manifest::digest_of,
};

pub(crate) const MANIFEST: &[u8] = br#"{"schemaVersion":2}"#;

pub(crate) fn quick() -> Bounds {
    Bounds {
        connect: Duration::from_secs(5),
        idle: Duration::from_secs(5),
        operation: Duration::from_secs(20),
        blob: Duration::from_secs(20),
        tries: 4,
        pause: Duration::from_millis(4),
        longest_pause: Duration::from_millis(40),
        window: Duration::from_secs(5),
        least_bytes: 1000,
        resumes: 20,
    }
}

fn options(server: &Hostile, change: impl FnOnce(&mut Options, &mut HostOptions)) -> Options {
    let mut options = Options { bounds: quick(), ..Options::default() };
    let mut host = HostOptions { transport: Transport::Insecure, ..HostOptions::default() };
    change(&mut options, &mut host);
    options.hosts.insert(server.host(), host);
    options
}

pub(crate) fn client(server: &Hostile) -> (Client, Repository) {
    client_with(server, |_, _| {})
}

pub(crate) fn client_with(
    server: &Hostile,
    change: impl FnOnce(&mut Options, &mut HostOptions),
) -> (Client, Repository) {
    let client = Client::new(options(server, change)).unwrap();
    (client, Repository::new(&server.host(), "team/app").unwrap())
}

pub(crate) fn tag() -> Wanted {
    Wanted::Tag("1".to_owned())
}

pub(crate) fn body(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect()
}

fn descriptor(bytes: &[u8]) -> Descriptor {
    Descriptor {
        digest: digest_of(bytes).to_string(),
        size: bytes.len() as u64,
        ..Descriptor::default()
    }
}

pub(crate) async fn pull(
    client: &Client,
    repository: &Repository,
    bytes: &[u8],
) -> Result<Vec<u8>, RegistryError> {
    client.small_blob(repository, &descriptor(bytes), 1 << 30).await
}

/// A range of the blob as it is asked for.
fn part(request: &Request, bytes: &[u8], cut: usize) -> Vec<Step> {
    let from = request.range().unwrap_or(0);
    let total = bytes.len();
    let head = if from == 0 {
        format!("HTTP/1.1 200 x\r\ncontent-length: {total}\r\n\r\n")
    } else {
        format!(
            "HTTP/1.1 206 x\r\ncontent-length: {}\r\ncontent-range: bytes {from}-{}/{total}\r\n\r\n",
            total - from,
            total - 1
        )
    };
    let to = (from + cut).min(total);
    vec![Step::Bytes([head.as_bytes(), &bytes[from..to]].concat())]
}

#[tokio::test]
async fn a_cut_blob_is_continued_where_it_ended() {
    let bytes = body(100_000);
    let content = bytes.clone();
    let server = Hostile::start(move |request, _| part(request, &content, 30_000)).await;
    let (client, repository) = client(&server);
    assert_eq!(pull(&client, &repository, &bytes).await.unwrap(), bytes);
    let ranges: Vec<_> = server.seen().iter().map(Request::range).collect();
    assert_eq!(ranges, [None, Some(30_000), Some(60_000), Some(90_000)]);
}

#[tokio::test]
async fn a_cut_blob_is_continued_though_the_server_begins_anew() {
    let bytes = body(50_000);
    let content = bytes.clone();
    let server = Hostile::start(move |_, before| {
        let length = content.len();
        let to = ((before + 1) * 20_000).min(length);
        let head = format!("HTTP/1.1 200 x\r\ncontent-length: {length}\r\n\r\n");
        vec![Step::Bytes([head.as_bytes(), &content[..to]].concat())]
    })
    .await;
    let (client, repository) = client(&server);
    assert_eq!(pull(&client, &repository, &bytes).await.unwrap(), bytes);
    assert_eq!(server.seen().len(), 3);
}

/// Every phase at which a connection can be cut: before the answer, in its head, after it, in the body.
#[tokio::test]
async fn cuts_at_every_phase_are_survived() {
    let bytes = body(2_000);
    let whole = format!("HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n", bytes.len()).into_bytes();
    let whole = [whole, bytes.clone()].concat();
    for cut in [0, 1, 9, 20, 40, 41, 60, 500, whole.len() - 1] {
        let (content, all) = (whole.clone(), bytes.clone());
        let server = Hostile::start(move |request, before| match before {
            0 => vec![Step::Bytes(content[..cut].to_vec())],
            _ => part(request, &all, usize::MAX >> 1),
        })
        .await;
        let (client, repository) = client(&server);
        assert_eq!(pull(&client, &repository, &bytes).await.unwrap(), bytes, "{cut}");
        assert_eq!(server.seen().len(), 2, "{cut}");
    }
    let whole = [b"HTTP/1.1 200 x\r\ncontent-length: 19\r\n\r\n", MANIFEST].concat();
    for cut in 0..whole.len() {
        let content = whole.clone();
        let server = Hostile::start(move |_, before| {
            vec![Step::Bytes(if before == 0 { content[..cut].to_vec() } else { content.clone() })]
        })
        .await;
        let (client, repository) = client(&server);
        assert_eq!(client.manifest(&repository, &tag()).await.unwrap().bytes, MANIFEST, "{cut}");
    }
}

#[tokio::test]
async fn parts_that_are_not_the_rest_are_refused() {
    type Serve = fn(&Request, &[u8]) -> Vec<Step>;
    let bytes = body(10_000);
    let lies: [(&str, Serve); 4] = [
        ("another part", |_, bytes| answer(206, &[("content-range", "bytes 0-9999/10000")], bytes)),
        ("another total", |request, bytes| {
            let from = request.range().unwrap();
            answer(206, &[("content-range", &format!("bytes {from}-9999/10001"))], &bytes[from..])
        }),
        ("no range", |request, bytes| answer(206, &[], &bytes[request.range().unwrap()..])),
        ("another entity", |_, bytes| answer(200, &[("etag", "\"other\"")], bytes)),
    ];
    for (name, lie) in lies {
        let content = bytes.clone();
        let server = Hostile::start(move |request, before| {
            if before == 0 {
                let head = "HTTP/1.1 200 x\r\netag: \"first\"\r\ncontent-length: 10000\r\n\r\n";
                return vec![Step::Bytes([head.as_bytes(), &content[..4000]].concat())];
            }
            lie(request, &content)
        })
        .await;
        let (client, repository) = client(&server);
        let error = pull(&client, &repository, &bytes).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Wrong(_)), "{name}: {error}");
        assert_eq!(server.seen().len(), 2, "{name}");
    }
}

#[tokio::test]
async fn a_blob_has_the_size_and_the_bytes_of_its_descriptor() {
    let bytes = body(1_000);
    let check = async |answered: Vec<Step>, expected: fn(&ErrorKind) -> bool| {
        let server = Hostile::start(move |_, _| answered.clone()).await;
        let (client, repository) = client(&server);
        let error = pull(&client, &repository, &bytes).await.unwrap_err();
        assert!(expected(&error.kind), "{error}");
    };
    let wrong = |kind: &ErrorKind| matches!(kind, ErrorKind::Wrong(_));
    check(answer(200, &[], &body(1_001)), wrong).await;
    check(answer(200, &[], &body(999)), wrong).await;
    let chunked = b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let longer =
        [chunked.clone(), b"3e9\r\n".to_vec(), body(1_001), b"\r\n0\r\n\r\n".to_vec()].concat();
    check(vec![Step::Bytes(longer)], wrong).await;
    let later =
        [chunked.clone(), b"3e8\r\n".to_vec(), body(1_000), b"\r\n1\r\nx\r\n0\r\n\r\n".to_vec()]
            .concat();
    check(vec![Step::Bytes(later)], wrong).await;
    let shorter = [chunked, b"3e7\r\n".to_vec(), body(999), b"\r\n0\r\n\r\n".to_vec()].concat();
    check(vec![Step::Bytes(shorter)], |kind| {
        matches!(kind, ErrorKind::Wrong(_) | ErrorKind::Unreachable(_))
    })
    .await;
    let mut other = bytes.clone();
    other[500] ^= 1;
    check(answer(200, &[], &other), wrong).await;
    let foreign = digest_of(b"x").to_string();
    check(answer(200, &[("docker-content-digest", &foreign)], &bytes), wrong).await;
    check(answer(200, &[("content-encoding", "gzip")], &bytes), wrong).await;
    check(answer(404, &[], b""), |kind| *kind == ErrorKind::NotFound).await;
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for status in [429, 500, 502, 503, 504] {
        let server = Hostile::start(move |_, before| match before {
            0 => answer(status, &[("retry-after", "0")], b""),
            1 => answer(status, &[], b""),
            _ => answer(200, &[("content-type", "application/x; charset=utf-8")], MANIFEST),
        })
        .await;
        let (client, repository) = client(&server);
        let manifest = client.manifest(&repository, &tag()).await.unwrap();
        assert_eq!(manifest.media_type.as_deref(), Some("application/x"));
        assert_eq!(manifest.digest, digest_of(MANIFEST));
        assert_eq!(server.seen().len(), 3);
    }
}

#[tokio::test]
async fn what_does_not_pass_ends_in_time_as_what_it_is() {
    let check = async |status: u16, expected: ErrorKind, tries: usize| {
        let server =
            Hostile::start(move |_, _| answer(status, &[("retry-after", "100000")], b"")).await;
        let (client, repository) = client(&server);
        let started = Instant::now();
        let error = client.manifest(&repository, &tag()).await.unwrap_err();
        assert_eq!(error.kind, expected, "{error}");
        assert_eq!(server.seen().len(), tries, "{status}");
        assert!(started.elapsed() < Duration::from_secs(4));
    };
    check(500, ErrorKind::Status(500), 4).await;
    check(503, ErrorKind::Status(503), 4).await;
    check(429, ErrorKind::TooManyRequests, 4).await;
    check(404, ErrorKind::NotFound, 1).await;
    check(403, ErrorKind::Forbidden, 1).await;
    check(418, ErrorKind::Status(418), 1).await;
    check(401, ErrorKind::Unauthorized(": it does not say how".to_owned()), 1).await;
}

#[tokio::test]
async fn no_wait_goes_beyond_the_deadline() {
    let server = Hostile::start(|_, _| answer(503, &[("retry-after", "3600")], b"")).await;
    let (client, repository) = client_with(&server, |options, _| {
        options.bounds.longest_pause = Duration::from_secs(3600);
        options.deadline = Some(Instant::now() + Duration::from_millis(500));
    });
    let started = Instant::now();
    let error = client.manifest(&repository, &tag()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Status(503));
    let silent = Hostile::start(|_, _| vec![Step::Wait(Duration::from_secs(60))]).await;
    let (client, repository) = client_with(&silent, |options, _| {
        options.deadline = Some(Instant::now() + Duration::from_millis(500));
    });
    let error = client.manifest(&repository, &tag()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Slow(_)), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn slow_bodies_end() {
    let head = b"HTTP/1.1 200 x\r\ncontent-length: 100000\r\n\r\n".to_vec();
    let bytes = body(100_000);
    // A byte now and then is no progress; and then nothing is none either.
    for steps in [
        vec![Step::Bytes(head.clone()), Step::Drip(b"x".to_vec(), Duration::from_millis(20))],
        vec![Step::Bytes(head.clone()), Step::Wait(Duration::from_secs(60))],
    ] {
        let server = Hostile::start(move |_, _| steps.clone()).await;
        let (client, repository) = client_with(&server, |options, _| {
            options.bounds.idle = Duration::from_millis(400);
            options.bounds.window = Duration::from_millis(300);
            options.bounds.resumes = 3;
            options.bounds.blob = Duration::from_secs(2);
        });
        let started = Instant::now();
        let error = pull(&client, &repository, &bytes).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Slow(_) | ErrorKind::Wrong(_)), "{error}");
        assert!(started.elapsed() < Duration::from_secs(8));
    }
    let server = Hostile::start(|_, _| {
        let head = b"HTTP/1.1 200 x\r\ncontent-length: 1000\r\n\r\n".to_vec();
        vec![Step::Bytes(head), Step::Drip(b" ".to_vec(), Duration::from_millis(100))]
    })
    .await;
    let (client, repository) =
        client_with(&server, |options, _| options.bounds.operation = Duration::from_secs(1));
    let error = client.manifest(&repository, &tag()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Slow(_)), "{error}");
}

#[tokio::test]
async fn manifests_are_bounded_and_the_ones_asked_for() {
    let large = vec![b' '; usize::try_from(MAX_MANIFEST).unwrap() + 1];
    let chunked = {
        let head =
            format!("HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n", large.len());
        vec![Step::Bytes([head.as_bytes(), &large].concat())]
    };
    for steps in
        [answer(200, &[], &large), answer(200, &[("content-length", "99999999999")], b""), chunked]
    {
        let server = Hostile::start(move |_, _| steps.clone()).await;
        let (client, repository) = client(&server);
        let error = client.manifest(&repository, &tag()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::TooLarge(_)), "{error}");
    }
    let server = Hostile::start(|_, _| answer(200, &[], MANIFEST)).await;
    let (plain, repository) = client(&server);
    assert!(plain.manifest(&repository, &Wanted::Digest(digest_of(MANIFEST))).await.is_ok());
    let error = plain.manifest(&repository, &Wanted::Digest(digest_of(b"x"))).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Wrong(_)), "{error}");
    for stated in [digest_of(b"x").to_string(), "sha256:short".to_owned(), "nonsense".to_owned()] {
        let server = Hostile::start(move |_, _| {
            answer(200, &[("docker-content-digest", &stated)], MANIFEST)
        })
        .await;
        let (client, repository) = client(&server);
        let error = client.manifest(&repository, &tag()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Wrong(_)), "{error}");
    }
    let bomb = answer(200, &[("content-encoding", "gzip")], b"\x1f\x8b\x08");
    let server = Hostile::start(move |_, _| bomb.clone()).await;
    let (client, repository) = client(&server);
    let error = client.manifest(&repository, &tag()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Wrong(_)), "{error}");
    assert_eq!(server.seen()[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn lists_of_many_pages() {
    let server = Hostile::start(|request, _| {
        let page = request.path.rsplit('=').next().unwrap().parse().unwrap_or(0);
        let page: usize = if request.path.contains("last") { page } else { 0 };
        let body = format!(r#"{{"tags": ["a{page}", "b{page}"]}}"#);
        let next = format!("</v2/team/app/tags/list?n=2&last={}>; rel=\"next\"", page + 1);
        let link: &[(&str, &str)] = if page < 3 { &[("link", &next)] } else { &[] };
        answer(200, link, body.as_bytes())
    })
    .await;
    let (client, repository) = client(&server);
    let limit = |n| NonZeroUsize::new(n).unwrap();
    let tags = client.tags(&repository, limit(8)).await.unwrap();
    assert_eq!(tags, ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3"]);
    let error = client.tags(&repository, limit(7)).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::TooLarge(_)), "{error}");
}

#[tokio::test]
async fn lists_without_end() {
    let check = async |next: fn(usize) -> String, expected: fn(&ErrorKind) -> bool| {
        let server = Hostile::start(move |_, before| {
            answer(200, &[("link", &next(before))], br#"{"tags": null}"#)
        })
        .await;
        let (client, repository) =
            client_with(&server, |options, _| options.bounds.operation = Duration::from_secs(60));
        let error = client.tags(&repository, NonZeroUsize::MAX).await.unwrap_err();
        assert!(expected(&error.kind), "{error}");
        server.seen().len()
    };
    let circle =
        check(|_| "</v2/x>; rel=next".to_owned(), |kind| matches!(kind, ErrorKind::Wrong(_))).await;
    assert_eq!(circle, 2);
    let far = check(
        |_| "<https://example.com/>; rel=next".to_owned(),
        |kind| matches!(kind, ErrorKind::Refused(_)),
    );
    assert_eq!(far.await, 1);
    let endless =
        check(|n| format!("</v2/x?{n}>; rel=next"), |kind| matches!(kind, ErrorKind::TooLarge(_)))
            .await;
    assert_eq!(endless, 1000);
}

#[tokio::test]
async fn what_is_attached_is_listed_or_an_error_and_none_only_at_404() {
    let index = br#"{"schemaVersion": 2, "manifests": [
        {"mediaType": "m", "digest": "sha256:aa", "size": 1, "artifactType": "x"},
        {"mediaType": "m", "digest": "sha256:bb", "size": 1, "artifactType": "y"},
        {"mediaType": "m", "digest": "sha256:cc", "size": 1}]}"#;
    let kind = "application/vnd.oci.image.index.v1+json";
    let subject = digest_of(b"subject");
    let limit = NonZeroUsize::new(3).unwrap();
    let server = Hostile::start(move |_, _| answer(200, &[("content-type", kind)], index)).await;
    let (with_api, repository) = client(&server);
    let listed = with_api.referrers(&repository, &subject, Some("x"), limit).await.unwrap();
    assert_eq!(listed.manifests.len(), 2);
    assert!(!listed.fallback);
    assert!(server.seen()[0].path.ends_with("?artifactType=x"));
    let few = NonZeroUsize::new(2).unwrap();
    let error = with_api.referrers(&repository, &subject, None, few).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::TooLarge(_)), "{error}");

    let server = Hostile::start(move |request, _| {
        if request.path.contains("/referrers/") {
            answer(404, &[], b"page not found")
        } else {
            answer(200, &[("content-type", kind)], index)
        }
    })
    .await;
    let (without, repository) = client(&server);
    let listed = without.referrers(&repository, &subject, Some("x"), limit).await.unwrap();
    assert!(listed.fallback);
    assert_eq!(listed.manifests.len(), 3);
    assert!(server.seen()[1].path.ends_with(&format!("/manifests/sha256-{}", subject.hex())));

    for (api, tag, none) in [
        (404, 404, true),
        (404, 401, false),
        (404, 500, false),
        (401, 404, false),
        (403, 404, false),
        (500, 404, false),
    ] {
        let server = Hostile::start(move |request, _| {
            answer(if request.path.contains("/referrers/") { api } else { tag }, &[], b"")
        })
        .await;
        let (client, repository) = client(&server);
        let listed = client.referrers(&repository, &subject, None, limit).await;
        assert_eq!(listed.is_ok_and(|listed| listed.manifests.is_empty()), none, "{api} {tag}");
    }
    let server =
        Hostile::start(|_, _| answer(200, &[("content-type", "text/html")], b"<html>")).await;
    let (client, repository) = client(&server);
    assert!(client.referrers(&repository, &subject, None, limit).await.is_err());
}

#[tokio::test]
async fn mirrors_first_and_then_the_registry() {
    let other = Hostile::start(|_, _| answer(200, &[], b"another image")).await;
    let empty = Hostile::start(|_, _| answer(404, &[], b"")).await;
    let server = Hostile::start(|_, _| answer(200, &[], MANIFEST)).await;
    let mirrors = [&empty, &other].map(Hostile::host);
    let change = |options: &mut Options, host: &mut HostOptions| {
        for mirror in &mirrors {
            let insecure = HostOptions { transport: Transport::Insecure, ..HostOptions::default() };
            options.hosts.insert(mirror.clone(), insecure);
        }
        host.mirrors = mirrors.to_vec();
    };
    let (client, repository) = client_with(&server, change);
    // By digest, a mirror with other bytes is passed over.
    let manifest =
        client.manifest(&repository, &Wanted::Digest(digest_of(MANIFEST))).await.unwrap();
    assert_eq!(manifest.bytes, MANIFEST);
    assert_eq!((empty.seen().len(), other.seen().len(), server.seen().len()), (1, 1, 1));
    let manifest = client.manifest(&repository, &tag()).await.unwrap();
    assert_eq!(manifest.bytes, b"another image");
    assert_eq!(server.seen().len(), 1);
    // Nobody has it: the registry's own answer counts.
    let none = Hostile::start(|_, _| answer(404, &[], b"")).await;
    let broken = Hostile::start(|_, _| answer(403, &[], b"")).await;
    let (client, repository) = client_with(&none, |options, host| {
        let insecure = HostOptions { transport: Transport::Insecure, ..HostOptions::default() };
        options.hosts.insert(broken.host(), insecure);
        host.mirrors = vec![broken.host()];
    });
    let error = client.manifest(&repository, &tag()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.to_string().contains(&broken.host()), "{error}");
}

#[tokio::test]
async fn settings_that_are_none_are_named() {
    let bad = [
        Options { authorities: b"no certificate".to_vec(), ..Options::default() },
        Options {
            proxy: crate::ProxyOptions {
                https: Some(crate::Secret::new("hunter2 not an address")),
                ..Default::default()
            },
            ..Options::default()
        },
        Options {
            hosts: [("no host".to_owned(), HostOptions::default())].into(),
            ..Options::default()
        },
        Options {
            hosts: [(
                "h.example".to_owned(),
                HostOptions {
                    identity: Some(crate::Secret::new("hunter2")),
                    ..HostOptions::default()
                },
            )]
            .into(),
            ..Options::default()
        },
    ];
    for options in bad {
        let error = Client::new(options).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Input(_)), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_is_used_where_the_caller_gives_one() {
    let proxy = Hostile::start(|_, _| answer(200, &[], MANIFEST)).await;
    let options = Options {
        bounds: quick(),
        proxy: crate::ProxyOptions {
            http: Some(crate::Secret::new(format!("http://u:hunter2@{}", proxy.host()))),
            https: None,
            direct: "direct.example".to_owned(),
        },
        hosts: [(
            "registry.example".to_owned(),
            HostOptions { transport: Transport::Insecure, ..HostOptions::default() },
        )]
        .into(),
        ..Options::default()
    };
    let client = Client::new(options).unwrap();
    let repository = Repository::new("registry.example", "app").unwrap();
    client.manifest(&repository, &tag()).await.unwrap();
    let seen = proxy.seen();
    assert_eq!(seen[0].path, "http://registry.example/v2/app/manifests/1");
    assert!(seen[0].header("proxy-authorization").is_some());
}

#[tokio::test]
async fn a_tag_is_resolved_with_and_without_the_registrys_help() {
    for (status, headers, expected) in [
        // The length is that of the manifest that a HEAD does not send.
        (
            200,
            vec![("docker-content-digest", digest_of(b"x").to_string())],
            Ok((digest_of(b"x"), 1)),
        ),
        (200, vec![], Ok((digest_of(MANIFEST), 2))),
        (200, vec![("docker-content-digest", "sha256:short".to_owned())], Err(2)),
        (404, vec![], Err(1)),
    ] {
        let server = Hostile::start(move |request, _| {
            let mut all: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            all.push(("content-length", "19"));
            answer(
                status,
                &all,
                if request.method == "HEAD" || status != 200 { b"" } else { MANIFEST },
            )
        })
        .await;
        let (client, repository) = client(&server);
        let found = client.resolve(&repository, "1").await;
        let requests = server.seen().len();
        assert_eq!(found.map(|digest| (digest, requests)).map_err(|_| requests), expected);
    }
}
