//! Pushing to a registry that loses answers, forgets uploads, and is written to by others.

use std::sync::{Arc, Mutex};

use secgate_formats::oci::{Descriptor, MANIFEST};
use serde_json::{Value, json};

use crate::{
    ErrorKind, Upload,
    hostile::{Hostile, Request, Step, answer},
    hostile_tests::{client, client_with},
    listing::fallback_tag,
    manifest::digest_of,
};

const LARGE: usize = (8 << 20) + 10;

fn upload(length: usize) -> Upload {
    Upload::bytes("application/x", vec![7; length])
}

/// Answers as a registry that takes one upload; `before` may answer in its place.
fn registry(
    received: Arc<Mutex<Vec<u8>>>,
    before: impl Fn(&Request, usize) -> Option<Vec<Step>> + Send + Sync + 'static,
) -> impl Fn(&Request, usize) -> Vec<Step> + Send + Sync + 'static {
    move |request, n| {
        if let Some(steps) = before(request, n) {
            return steps;
        }
        let mut received = received.lock().unwrap();
        let range = |length: usize| format!("0-{}", length.saturating_sub(1));
        match request.method.as_str() {
            "HEAD" => answer(404, &[], b""),
            "POST" => {
                received.clear();
                answer(202, &[("location", "/v2/team/app/blobs/uploads/1?state=a%2Fb")], b"")
            }
            "PATCH" => {
                let from = format!("{}-", received.len());
                if !request.header("content-range").unwrap().starts_with(&from) {
                    return answer(416, &[], b"");
                }
                received.extend_from_slice(&request.body);
                let range = range(received.len());
                answer(
                    202,
                    &[("location", "/v2/team/app/blobs/uploads/1?state=c"), ("range", &range)],
                    b"",
                )
            }
            "GET" => {
                let range = range(received.len());
                answer(
                    204,
                    &[("location", "/v2/team/app/blobs/uploads/1?state=d"), ("range", &range)],
                    b"",
                )
            }
            _ => {
                received.extend_from_slice(&request.body);
                answer(201, &[("docker-content-digest", digest_of(&received).as_str())], b"")
            }
        }
    }
}

#[tokio::test]
async fn blobs_in_one_piece_and_in_several() {
    for (length, requests) in [(0, 3), (10, 3), (LARGE, 5)] {
        let received = Arc::default();
        let server = Hostile::start(registry(Arc::clone(&received), |_, _| None)).await;
        let (client, repository) = client(&server);
        client.push_blob(&repository, &upload(length), None).await.unwrap();
        assert!(*received.lock().unwrap() == vec![7; length]);
        let seen = server.seen();
        assert_eq!(seen.len(), requests);
        let last = &seen.last().unwrap().path;
        let digest = upload(length).descriptor.digest.replace(':', "%3A");
        assert!(last.contains("?state=") && last.ends_with(&format!("&digest={digest}")), "{last}");
    }
}

#[tokio::test]
async fn a_registry_may_ask_for_larger_pieces_within_reason() {
    for (least, requests) in [("9000000", Some(3)), ("nonsense", Some(5)), ("99999999999", None)] {
        let server = Hostile::start(registry(Arc::default(), move |request, _| {
            let headers =
                [("location", "/v2/team/app/blobs/uploads/1"), ("oci-chunk-min-length", least)];
            (request.method == "POST").then(|| answer(202, &headers, b""))
        }))
        .await;
        let (client, repository) = client(&server);
        let pushed = client.push_blob(&repository, &upload(LARGE), None).await;
        assert_eq!(pushed.is_ok(), requests.is_some(), "{least} {pushed:?}");
        assert_eq!(server.seen().len(), requests.unwrap_or(2), "{least}");
    }
}

#[tokio::test]
async fn a_piece_whose_answer_is_lost_is_not_sent_twice() {
    // The piece arrived and the answer did not; or neither arrived.
    for arrives in [true, false] {
        let received: Arc<Mutex<Vec<u8>>> = Arc::default();
        let inner = Arc::clone(&received);
        let server = Hostile::start(registry(Arc::clone(&received), move |request, n| {
            (request.method == "PATCH" && n == 2).then(|| {
                if arrives {
                    inner.lock().unwrap().extend_from_slice(&request.body);
                }
                Vec::new()
            })
        }))
        .await;
        let (client, repository) = client(&server);
        client.push_blob(&repository, &upload(LARGE), None).await.unwrap();
        assert!(*received.lock().unwrap() == vec![7; LARGE]);
        let posts = server.seen().iter().filter(|request| request.method == "POST").count();
        assert_eq!(posts, 1, "{arrives}");
    }
}

#[tokio::test]
async fn an_upload_that_is_forgotten_begins_anew() {
    let received = Arc::default();
    let server = Hostile::start(registry(Arc::clone(&received), |request, n| {
        (request.method == "PUT" && n < 5).then(|| answer(404, &[], b""))
    }))
    .await;
    let (client, repository) = client(&server);
    client.push_blob(&repository, &upload(10), None).await.unwrap();
    assert!(*received.lock().unwrap() == vec![7; 10]);
    // For ever it is an error.
    let server = Hostile::start(registry(Arc::default(), |request, _| {
        (request.method == "PUT").then(|| answer(500, &[], b""))
    }))
    .await;
    let (client, repository) = client_with(&server, |_, _| {});
    let error = client.push_blob(&repository, &upload(10), None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Status(500));
    assert!(server.seen().len() < 20);
}

#[tokio::test]
async fn a_registry_that_stores_something_else_or_sends_us_away_is_refused() {
    let other = digest_of(b"other").to_string();
    let server = Hostile::start(registry(Arc::default(), move |request, _| {
        (request.method == "PUT").then(|| answer(201, &[("docker-content-digest", &other)], b""))
    }))
    .await;
    let (lying, repository) = client(&server);
    let error = lying.push_blob(&repository, &upload(10), None).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Wrong(_)), "{error}");
    let error =
        lying.push_manifest(&repository, MANIFEST[0], b"{}".to_vec(), Some("1")).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Wrong(_)), "{error}");
    for location in ["https://169.254.169.254/x", "http://example.com/x", "https://10.0.0.1/x"] {
        let server = Hostile::start(registry(Arc::default(), move |request, _| {
            (request.method == "POST").then(|| answer(202, &[("location", location)], b""))
        }))
        .await;
        let (client, repository) = client(&server);
        let error = client.push_blob(&repository, &upload(10), None).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Refused(_)), "{error}");
        assert_eq!(server.seen().len(), 2);
    }
    let (client, repository) = client(&server);
    for (tag, media_type, bytes) in
        [("../x", MANIFEST[0], 2), ("1", "a\nb", 2), ("1", MANIFEST[0], (4 << 20) + 1)]
    {
        let error = client
            .push_manifest(&repository, media_type, vec![b' '; bytes], Some(tag))
            .await
            .unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Input(_) | ErrorKind::TooLarge(_)), "{error}");
    }
}

/// A registry that keeps one tag. A stranger writes once: where `If-Match` is checked, between our reading and our writing; where it
/// is not, over what we wrote.
async fn crowded(checks: bool, foreign: Value) -> (Value, Vec<Request>) {
    let subject = digest_of(b"subject");
    let tag = format!("/v2/team/app/manifests/{}", fallback_tag(&subject));
    let state: Arc<Mutex<Option<Value>>> = Arc::default();
    let inner = Arc::clone(&state);
    let intruded = Mutex::new(false);
    let server = Hostile::start(move |request, _| {
        if request.path != tag {
            return answer(201, &[], b"");
        }
        let mut state = inner.lock().unwrap();
        let text = |state: &Option<Value>| state.as_ref().map(Value::to_string).unwrap_or_default();
        if request.method == "GET" {
            let body = text(&state);
            if body.is_empty() {
                return answer(404, &[], b"");
            }
            let etag = format!("\"{}\"", digest_of(body.as_bytes()));
            let headers: &[(&str, &str)] = if checks { &[("etag", &etag)] } else { &[] };
            return answer(200, headers, body.as_bytes());
        }
        let mut intruded = intruded.lock().unwrap();
        if !*intruded && (!checks || request.header("if-match").is_some()) {
            *intruded = true;
            if checks {
                let mut index =
                    state.clone().unwrap_or_else(|| json!({"schemaVersion": 2, "manifests": []}));
                index["manifests"].as_array_mut().unwrap().push(foreign.clone());
                *state = Some(index);
            } else {
                *state = Some(json!({"schemaVersion": 2, "x": 1, "manifests": [foreign]}));
                return answer(201, &[], b"");
            }
        }
        let current = format!("\"{}\"", digest_of(text(&state).as_bytes()));
        if checks && request.header("if-match").is_some_and(|etag| etag != current) {
            return answer(412, &[], b"");
        }
        *state = Some(serde_json::from_slice(&request.body).unwrap());
        answer(201, &[], b"")
    })
    .await;
    let (client, repository) = client(&server);
    let entry = Descriptor { media_type: MANIFEST[0].to_owned(), ..Descriptor::default() };
    for manifest in [b"{\"a\":1}", b"{\"b\":1}"] {
        client.attach(&repository, &subject, entry.clone(), manifest.to_vec()).await.unwrap();
    }
    let found = state.lock().unwrap().clone().unwrap();
    (found, server.seen())
}

#[tokio::test]
async fn the_list_of_what_is_attached_keeps_what_others_wrote() {
    let foreign =
        json!({"mediaType": "m", "digest": "sha256:ff", "size": 3, "unknown": {"kept": true}});
    let (found, _) = crowded(false, foreign.clone()).await;
    let entries = found["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    assert!(entries.contains(&foreign));
    assert_eq!(found["x"], 1);
    for manifest in [&b"{\"a\":1}"[..], b"{\"b\":1}"] {
        assert!(
            entries
                .iter()
                .any(|entry| entry["digest"] == digest_of(manifest).as_str() && entry["size"] == 7)
        );
    }
    let (found, seen) = crowded(true, foreign.clone()).await;
    let entries = found["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    assert!(entries.contains(&foreign));
    assert!(seen.iter().any(|request| request.header("if-match").is_some()));
}

#[tokio::test]
async fn what_is_no_list_is_not_written_over() {
    for body in [&b"{\"schemaVersion\":2,\"config\":{},\"layers\":[]}"[..], b"not json"] {
        let server = Hostile::start(move |request, _| match request.method.as_str() {
            "GET" => answer(200, &[], body),
            _ => answer(201, &[], b""),
        })
        .await;
        let (client, repository) = client(&server);
        let entry = Descriptor { media_type: MANIFEST[0].to_owned(), ..Descriptor::default() };
        let error =
            client.attach(&repository, &digest_of(b"s"), entry, b"{}".to_vec()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Wrong(_)), "{error}");
        assert_eq!(server.seen().iter().filter(|request| request.method == "PUT").count(), 1);
    }
    // Where the registry keeps the list itself, there is nothing to write.
    let server = Hostile::start(|_, _| answer(201, &[("oci-subject", "sha256:aa")], b"")).await;
    let (client, repository) = client(&server);
    let entry = Descriptor { media_type: MANIFEST[0].to_owned(), ..Descriptor::default() };
    assert!(
        client
            .attach(&repository, &digest_of(b"s"), entry, b"{}".to_vec())
            .await
            .unwrap()
            .subject_noted
    );
    assert_eq!(server.seen().len(), 1);
}
