//! AWS Signature Version 4 ("Create a signed AWS API request", AWS General Reference), as far as the calls here need it: headers, no
//! presigned addresses, no chunks.

use std::{collections::BTreeMap, fmt::Write};

use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, tz::TimeZone};
use reqwest::Url;
use sha2::{Digest, Sha256};

use crate::{manifest::hex, options::Secret};

/// What Amazon knows somebody by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    /// With temporary keys.
    pub(crate) session: Option<Secret>,
}

/// A request to sign.
#[derive(Debug)]
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a Url,
    /// Names in lower case. `host`, `x-amz-date` and `x-amz-security-token` are added.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// The headers to send: those that were given, and the ones that sign them. `host` is left to the transport.
pub(crate) fn sign(
    request: &Unsigned<'_>,
    keys: &Keys,
    now: Timestamp,
) -> BTreeMap<String, Secret> {
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = time.split('T').next().unwrap_or_default();
    let mut headers: BTreeMap<String, Secret> = request
        .headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
        .collect();
    headers.insert("x-amz-date".to_owned(), Secret::new(time.as_str()));
    if let Some(session) = &keys.session {
        headers.insert("x-amz-security-token".to_owned(), session.clone());
    }
    let host = request.url.host_str().unwrap_or_default();
    let host = request.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    headers.insert("host".to_owned(), Secret::new(host));

    let names: Vec<&str> = headers.keys().map(String::as_str).collect();
    let names = names.join(";");
    let mut canonical =
        format!("{}\n{}\n{}\n", request.method, path(request.url), query(request.url));
    for (name, value) in &headers {
        let words: Vec<&str> = value.reveal().split_whitespace().collect();
        let _ = writeln!(canonical, "{name}:{}", words.join(" "));
    }
    let _ = write!(canonical, "\n{names}\n{}", hex(&Sha256::digest(request.body)));

    let scope = format!("{day}/{}/{}/aws4_request", request.region, request.service);
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let mut key = format!("AWS4{}", keys.secret.reveal()).into_bytes();
    for part in [day, request.region, request.service, "aws4_request", text.as_str()] {
        key = mac(&key, part.as_bytes());
    }
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
        keys.id,
        hex(&key)
    );
    headers.insert("authorization".to_owned(), Secret::new(authorization));
    headers.remove("host");
    headers
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// Every segment is encoded once more than it stands in the address (everywhere but in S3).
fn path(url: &Url) -> String {
    let segments: Vec<String> = url.path().split('/').map(encoded).collect();
    segments.join("/")
}

fn query(url: &Url) -> String {
    let mut pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Amazon's published test suite (`aws-sig-v4-test-suite`): its keys, time, region and service.
    fn check(
        method: &str,
        address: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        session: Option<&str>,
        expected: (&str, &str),
    ) {
        let keys = Keys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session: session.map(Secret::new),
        };
        let url = Url::parse(address).unwrap();
        let request =
            Unsigned { method, url: &url, headers, body, region: "us-east-1", service: "service" };
        let signed = sign(&request, &keys, "2015-08-30T12:36:00Z".parse().unwrap());
        let (names, signature) = expected;
        assert_eq!(
            signed["authorization"].reveal(),
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, Signature={signature}"
            ),
            "{address}"
        );
    }

    #[test]
    fn the_published_test_suite() {
        let host = "https://example.amazonaws.com/";
        let plain = "host;x-amz-date";
        let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        check("GET", host, &[], b"", None, (plain, vanilla));
        let post = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        check("POST", host, &[], b"", None, (plain, post));
        let ordered = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
        check(
            "GET",
            &format!("{host}?Param2=value2&Param1=value1"),
            &[],
            b"",
            None,
            (plain, ordered),
        );
        let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let path = "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f";
        check("GET", &format!("{host}{unreserved}"), &[], b"", None, (plain, path));
        check(
            "GET",
            host,
            &[("my-header1", " value1"), ("my-header2", "\"a   b   c\"")],
            b"",
            None,
            (
                "host;my-header1;my-header2;x-amz-date",
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
        );
        check(
            "POST",
            host,
            &[("content-type", "application/x-www-form-urlencoded")],
            b"Param1=value1",
            None,
            (
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        );
        // post-sts-header-before: the token is signed.
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        check(
            "POST",
            host,
            &[],
            b"",
            Some(token),
            (
                "host;x-amz-date;x-amz-security-token",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let keys = Keys {
            id: "id".to_owned(),
            secret: Secret::new("hunter2"),
            session: Some(Secret::new("hunter3")),
        };
        assert!(!format!("{keys:?}").contains("hunter"));
    }
}
