//! Where the client goes and with which credentials, against a server that would have both otherwise.

use std::sync::Arc;

use secgate_source::Wanted;

use crate::{
    AddressPolicy, Client, Credential, ErrorKind, Options, Repository,
    hostile::{Hostile, answer},
    hostile_tests::{MANIFEST, body, client, client_with, pull, quick, tag},
};

#[tokio::test]
async fn redirects_to_where_nobody_may_be_sent() {
    for location in [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://10.0.0.1/x",
        "https://127.0.0.2:1/x",
        "https://localhost:1/x",
        "https://[::1]:1/x",
        "http://example.com/x",
        "ftp://127.0.0.1/x",
        "https://user:secret@example.com/x",
    ] {
        let server = Hostile::start(move |_, _| answer(307, &[("location", location)], b"")).await;
        let (client, repository) = client(&server);
        for error in [
            client.manifest(&repository, &tag()).await.unwrap_err(),
            pull(&client, &repository, b"x").await.unwrap_err(),
        ] {
            assert!(matches!(error.kind, ErrorKind::Refused(_)), "{location}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert_eq!(server.seen().len(), 2, "{location}");
    }
    let server = Hostile::start(|_, _| answer(302, &[("location", "/again")], b"")).await;
    let (client, repository) = client(&server);
    let error = client.manifest(&repository, &tag()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Refused(_)), "{error}");
    assert_eq!(server.seen().len(), 6);
}

#[tokio::test]
async fn credentials_stay_with_the_registry() {
    let bytes = body(1_000);
    let content = bytes.clone();
    let storage = Hostile::start(move |_, _| answer(200, &[], &content)).await;
    let location = format!("http://127.0.0.1:{}/signed?x=1", storage.port);
    let server = Hostile::start(move |request, _| match request.header("authorization") {
        None => answer(401, &[("www-authenticate", "Basic realm=x")], b""),
        Some(_) => answer(307, &[("location", &location)], b""),
    })
    .await;
    let (client, repository) = client_with(&server, |_, host| {
        host.credential = Some(Credential::password("alice", "hunter2"));
    });
    assert_eq!(pull(&client, &repository, &bytes).await.unwrap(), bytes);
    assert_eq!(
        server.seen().last().unwrap().header("authorization"),
        Some("Basic YWxpY2U6aHVudGVyMg==")
    );
    let seen = storage.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("authorization"), None);
    // What is not the registry's own word says nothing about credentials or images.
    for status in [401, 403, 404] {
        let storage = Hostile::start(move |_, _| {
            answer(status, &[("www-authenticate", "Basic realm=x")], b"")
        })
        .await;
        let location = format!("http://127.0.0.1:{}/x", storage.port);
        let server = Hostile::start(move |_, _| answer(307, &[("location", &location)], b"")).await;
        let (client, repository) = client_with(&server, |_, host| {
            host.credential = Some(Credential::password("alice", "hunter2"));
        });
        let error = pull(&client, &repository, &bytes).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Wrong(_)), "{error}");
        assert_eq!(storage.seen().len(), 1);
    }
}

#[tokio::test]
async fn tokens_are_got_kept_and_renewed() {
    let server = Hostile::start(|request, before| {
        if request.path.starts_with("/token") {
            return answer(
                200,
                &[],
                format!(r#"{{"token": "t{before}", "expires_in": 300}}"#).as_bytes(),
            );
        }
        // The first token is good for two requests, as if it had been withdrawn then.
        match request.header("authorization") {
            Some("Bearer t1") if before < 4 => answer(200, &[], MANIFEST),
            Some("Bearer t5") => answer(200, &[], MANIFEST),
            _ => answer(
                401,
                &[(
                    "www-authenticate",
                    r#"Bearer realm="/token",service="reg",scope="repository:team/app:pull""#,
                )],
                b"",
            ),
        }
    })
    .await;
    let (client, repository) =
        client_with(&server, |_, host| host.credential = Some(Credential::password("al ice", "p")));
    for _ in 0..3 {
        client.manifest(&repository, &tag()).await.unwrap();
    }
    let seen = server.seen();
    let tokens: Vec<_> = seen.iter().filter(|request| request.path.starts_with("/token")).collect();
    assert_eq!(tokens.len(), 2);
    assert_eq!(
        tokens[0].path,
        "/token?service=reg&scope=repository%3Ateam%2Fapp%3Apull&client_id=secgate&account=al+ice"
    );
    assert_eq!(tokens[0].header("authorization"), Some("Basic YWwgaWNlOnA="));
    assert_eq!(seen.len(), 7);
}

#[tokio::test]
async fn identity_tokens_are_exchanged() {
    let server = Hostile::start(|request, _| {
        if request.path.starts_with("/token") {
            return answer(200, &[], br#"{"access_token": "good"}"#);
        }
        match request.header("authorization") {
            Some("Bearer good") => answer(200, &[], MANIFEST),
            _ => {
                answer(401, &[("www-authenticate", "Bearer realm=\"/token\",service=\"r g\"")], b"")
            }
        }
    })
    .await;
    let (client, repository) = client_with(&server, |_, host| {
        host.credential = Some(Credential::Identity(crate::Secret::new("re&fresh")));
    });
    client.manifest(&repository, &tag()).await.unwrap();
    let seen = server.seen();
    let token = seen.iter().find(|request| request.path == "/token").unwrap();
    assert_eq!(token.method, "POST");
    assert_eq!(
        String::from_utf8_lossy(&token.body),
        "grant_type=refresh_token&client_id=secgate&service=r+g&scope=repository%3Ateam%2Fapp%3Apull&refresh_token=re%26fresh"
    );
}

static LARGE: [u8; (1 << 20) + 1] = [b' '; (1 << 20) + 1];

#[tokio::test]
async fn authentication_that_leads_nowhere_ends() {
    let check = async |challenge: String,
                       token: &'static [u8],
                       status: u16,
                       credential: bool,
                       requests: usize| {
        let server = Hostile::start(move |request, _| {
            if request.path.starts_with("/token") {
                return answer(status, &[], token);
            }
            answer(401, &[("www-authenticate", &challenge)], b"")
        })
        .await;
        let (client, repository) = client_with(&server, |_, host| {
            host.credential = credential.then(|| Credential::password("alice", "hunter2"));
        });
        let error = client.manifest(&repository, &tag()).await.unwrap_err();
        assert_eq!(server.seen().len(), requests, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        error.kind
    };
    let bearer = || r#"Bearer realm="/token""#.to_owned();
    let unauthorized = |kind| matches!(kind, ErrorKind::Unauthorized(_));
    let refused = |kind| matches!(kind, ErrorKind::Refused(_));
    let wrong = |kind| matches!(kind, ErrorKind::Wrong(_) | ErrorKind::TooLarge(_));
    assert!(unauthorized(check(bearer(), br#"{"token": "t"}"#, 200, true, 3).await));
    assert!(unauthorized(check("Basic realm=x".to_owned(), b"", 200, true, 2).await));
    assert!(unauthorized(check("Basic realm=x".to_owned(), b"", 200, false, 1).await));
    assert!(unauthorized(check("Negotiate".to_owned(), b"", 200, true, 1).await));
    assert!(unauthorized(check(bearer(), b"", 401, true, 2).await));
    assert!(unauthorized(check(bearer(), b"", 403, false, 2).await));
    assert!(wrong(check(bearer(), b"{}", 200, false, 2).await));
    assert!(wrong(check(bearer(), b"not json", 200, false, 2).await));
    assert!(wrong(check(bearer(), br#"{"token": "a\nb"}"#, 200, false, 2).await));
    assert!(wrong(check(bearer(), b"", 302, false, 2).await));
    assert!(wrong(check(bearer(), b"", 503, false, 5).await));
    assert!(wrong(check(bearer(), &LARGE, 200, false, 2).await));
    for realm in [
        "https://example.com/token",
        "http://example.com/token",
        "https://10.0.0.1/token",
        "https://169.254.169.254/",
    ] {
        assert!(
            refused(check(format!("Bearer realm=\"{realm}\""), b"", 200, true, 1).await),
            "{realm}"
        );
    }
    for realm in [
        "http://example.com/token",
        "https://10.0.0.1/token",
        "https://169.254.169.254/",
        "https://localhost:1/",
    ] {
        assert!(
            refused(check(format!("Bearer realm=\"{realm}\""), b"", 200, false, 1).await),
            "{realm}"
        );
    }
}

#[tokio::test]
async fn a_registry_on_this_machine_may_speak_plain_http_and_no_other_may() {
    let server = Hostile::start(|_, _| answer(200, &[], MANIFEST)).await;
    let safe = Options { bounds: quick(), ..Options::default() };
    let client = Client::new(safe.clone()).unwrap();
    for host in [server.host(), format!("localhost:{}", server.port)] {
        let repository = Repository::new(&host, "app").unwrap();
        assert!(client.manifest(&repository, &tag()).await.is_ok(), "{host}");
    }
    // The policy for hosts that strangers name.
    let addresses = AddressPolicy { private_registry: false, allowed: Vec::new() };
    let client = Client::new(Options { addresses, ..safe }).unwrap();
    for host in [
        server.host(),
        format!("localhost:{}", server.port),
        "10.0.0.1".to_owned(),
        "[::1]:5000".to_owned(),
    ] {
        let error =
            client.manifest(&Repository::new(&host, "app").unwrap(), &tag()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Refused(_)), "{host} {error}");
    }
    assert_eq!(server.count("/v2/app"), 2);
}

/// A server with a certificate of its own, and the certificate.
fn certified() -> (tokio_rustls::TlsAcceptor, Vec<u8>) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (Arc::new(config).into(), made.cert.pem().into_bytes())
}

#[tokio::test]
async fn https_stays_https() {
    let (acceptor, pem) = certified();
    let plain = Hostile::start(|_, _| answer(200, &[], MANIFEST)).await;
    let location = format!("http://127.0.0.1:{}/v2/app/manifests/1", plain.port);
    let server = Hostile::start_tls(acceptor, move |request, _| {
        if request.path.ends_with("/manifests/2") {
            return answer(307, &[("location", &location)], b"");
        }
        if request.path.ends_with("/manifests/3") {
            let challenge = format!("Bearer realm=\"{location}\"");
            return answer(401, &[("www-authenticate", &challenge)], b"");
        }
        answer(200, &[], MANIFEST)
    })
    .await;
    let repository = Repository::new(&server.host(), "app").unwrap();
    let trusting =
        Client::new(Options { bounds: quick(), authorities: pem, ..Options::default() }).unwrap();
    assert!(trusting.manifest(&repository, &tag()).await.is_ok());
    for tag in ["2", "3"] {
        let error = trusting.manifest(&repository, &Wanted::Tag(tag.to_owned())).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Refused(_)), "{error}");
    }
    assert_eq!(plain.seen().len(), 0);
    // A certificate that nobody vouches for is not a reason to do without.
    let strict = Client::new(Options { bounds: quick(), ..Options::default() }).unwrap();
    let error = strict.manifest(&repository, &tag()).await.unwrap_err();
    assert!(
        matches!(&error.kind, ErrorKind::Unreachable(message) if message.contains("certificate")),
        "{error}"
    );
}
