//! Tokens of code hosts, registries and chat, keys, and addresses with passwords. Examples are written in pieces, so that
//! nobody's scanner takes this file for a leak.

use std::sync::LazyLock;

use regex::Regex;
use secgate_model::{Confidence, Severity};

use super::{
    base64::base64_decode, checksum::has_github_checksum, detector::Detector,
    placeholder::is_placeholder,
};

/// A detector of a form that only its issuer uses; the others start from it.
pub(crate) const SURE: Detector = Detector {
    id: "",
    title: "",
    hints: &[],
    regex: "",
    min_entropy: 3000,
    check: None,
    severity: Severity::High,
    confidence: Confidence::High,
    examples: &[],
    negative: &[],
};

pub(crate) static TOKENS: &[Detector] = &[
    Detector {
        id: "github-token",
        hints: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        title: "GitHub token",
        regex: r"\bgh[pousr]_[A-Za-z0-9]{36}\b",
        min_entropy: 0,
        check: Some(has_github_checksum),
        examples: &[concat!("x ghp", "_Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7aC01sOyEY y")],
        negative: &[
            concat!("ghp", "_Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7aC01sOyEZ"),
            concat!("ghp", "_Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7aC0"),
            "ghp_",
        ],
        ..SURE
    },
    Detector {
        id: "github-fine-grained-token",
        hints: &["github_pat_"],
        title: "GitHub fine-grained token",
        regex: r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b",
        examples: &[concat!(
            "github",
            "_pat_dGlMoiyrlfxX1rTnyFf3vA_7NUtFOY6aF0kDQHBwtnOAmp48ddS880t0DnDzAtAIKzCYuheDByziCzzvOJ"
        )],
        negative: &["github_pat_short", "github_pat_<token>"],
        ..SURE
    },
    Detector {
        id: "gitlab-token",
        hints: &[
            "glpat-", "glptt-", "glrt-", "gldt-", "gloas-", "glsoat-", "glcbt-", "glfeat-",
            "glagent-", "glft-", "glimt-",
        ],
        title: "GitLab token",
        regex: r"\bgl(?:pat|ptt|rt|dt|oas|soat|cbt|feat|agent|ft|imt)-[A-Za-z0-9_.-]{20,}",
        examples: &[concat!("glpat", "-dGlMoiyrlfxX1rTnyFf3")],
        negative: &["glpat-xxxxxxxxxxxxxxxxxxxx", "glpat-aaaaaaaaaaaaaaaaaaaa", "glpat-short"],
        ..SURE
    },
    Detector {
        id: "slack-token",
        hints: &["xox", "xapp-"],
        title: "Slack token",
        regex: r"\bxox[abeoprs]-(?:[0-9A-Za-z]{1,20}-){1,4}[A-Za-z0-9]{16,}\b|\bxapp-[0-9]-[A-Z0-9]{8,20}-[0-9]{8,20}-[a-f0-9]{32,80}\b",
        examples: &[concat!("xoxb", "-123412341234-234523452345-dGlMoiyrlfxX1rTnyFf3vA7N")],
        negative: &["xoxb-your-token", "xoxb-1234", "foxox-b"],
        ..SURE
    },
    Detector {
        id: "slack-webhook",
        hints: &["hooks.slack.com/"],
        title: "Slack webhook address",
        regex: r"hooks\.slack\.com/services/(?P<secret>T[A-Z0-9]{6,14}/B[A-Z0-9]{6,14}/[A-Za-z0-9]{18,32})\b",
        severity: Severity::Medium,
        examples: &[concat!(
            "https://hooks.slack.com/",
            "services/T01AB2CD3/B04EF5GH6/dGlMoiyrlfxX1rTnyFf3vA7N"
        )],
        negative: &[
            "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        ],
        ..SURE
    },
    Detector {
        id: "npm-token",
        hints: &["npm_"],
        title: "npm token",
        regex: r"\bnpm_[A-Za-z0-9]{36}\b",
        examples: &[concat!("npm", "_dGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQ")],
        negative: &[
            "npm_config_cache",
            "npm_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "npm_lifecycle_event",
        ],
        ..SURE
    },
    Detector {
        id: "pypi-token",
        hints: &["pypi-AgE"],
        title: "PyPI token",
        // `pypi.org` or `test.pypi.org` in a macaroon, which is why they begin alike.
        regex: r"\bpypi-(?:AgEIcHlwaS5vcmc|AgENdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{50,}",
        examples: &[concat!(
            "pypi",
            "-AgEIcHlwaS5vcmcdGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQHBwtnOAmp48ddS880t0DnDzAtAIKzCY"
        )],
        negative: &["pypi-AgEIcHlwaS5vcmc", "pypi-server", "https://pypi.org/simple"],
        ..SURE
    },
    Detector {
        id: "docker-token",
        hints: &["dckr_"],
        title: "Docker Hub token",
        regex: r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{24,64}",
        examples: &[concat!("dckr", "_pat_dGlMoiyrlfxX1rTnyFf3vA7NUtF")],
        negative: &["dckr_pat_short"],
        ..SURE
    },
    Detector {
        id: "registry-auth",
        hints: &["\"auth\""],
        title: "registry credential",
        // As in Docker's `config.json` and in `DOCKER_AUTH_CONFIG`: user and password in base 64.
        regex: r#""auth"\s*:\s*"(?P<secret>[A-Za-z0-9+/_-]{4,}={0,2})""#,
        min_entropy: 0,
        check: Some(is_user_and_password),
        examples: &[r#"{"auths":{"r.example":{"auth":"ZGVwbG95Omh1bnRlcjI="}}}"#],
        negative: &[r#"{"auth":"basic"}"#, r#"{"auth":""}"#, r#"{"auth":"ZGVwbG95OiR7VE9LRU59"}"#],
        ..SURE
    },
    Detector {
        id: "private-key",
        hints: &["PRIVATE KEY"],
        title: "private key",
        // The secret is the start of its body; line ends may be written out, as in an `ENV` or in JSON.
        regex: r"-----BEGIN (?:(?:RSA|DSA|EC|OPENSSH|PGP|SSH2|ANY) )?PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|\\r)*(?:(?:Version|Comment): [^\r\n]*[\r\n]+)*(?P<secret>[A-Za-z0-9+/=]{40,100})",
        min_entropy: 2000,
        examples: &[
            concat!(
                "-----BEGIN RSA PRIV",
                "ATE KEY-----\nMIIEpAIBAAKCAQEAdGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQHBwtnOAm\n"
            ),
            concat!(
                "-----BEGIN PRIV",
                "ATE KEY-----\\nMIIEpAIBAAKCAQEAdGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQHBwtnOAm\\n"
            ),
        ],
        negative: &[
            "-----BEGIN PUBLIC KEY-----\nMIIEpAIBAAKCAQEAdGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQHBwtnOAm\n",
            concat!("-----BEGIN PRIV", "ATE KEY-----\n...\n"),
            concat!("grep -q 'BEGIN PRIV", "ATE KEY' x"),
        ],
        ..SURE
    },
    Detector {
        id: "encrypted-private-key",
        hints: &["ENCRYPTED"],
        title: "encrypted private key",
        regex: r"-----BEGIN ENCRYPTED PRIVATE KEY-----(?:\s|\\n|\\r)*(?P<secret>[A-Za-z0-9+/=]{40,100})|(?:Proc-Type: 4,ENCRYPTED[\r\n]+DEK-Info: [^\r\n]*[\r\n]+)(?:\s)*[A-Za-z0-9+/=]{40,100}",
        min_entropy: 2000,
        severity: Severity::Medium,
        examples: &[concat!(
            "-----BEGIN ENCRYPTED PRIV",
            "ATE KEY-----\nMIIEpAIBAAKCAQEAdGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQHBwtnOAm\n"
        )],
        negative: &[concat!("-----BEGIN ENCRYPTED PRIV", "ATE KEY-----")],
        ..SURE
    },
    Detector {
        id: "jwt",
        hints: &["eyJ"],
        title: "JSON Web Token",
        regex: r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{16,}",
        check: Some(is_jwt),
        severity: Severity::Medium,
        confidence: Confidence::Medium,
        examples: &[concat!(
            "eyJhbGciOiJIUzI1NiJ9.",
            "eyJzdWIiOiJzdmMtZGVwbG95In0.",
            "dGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQHBwtnOA"
        )],
        negative: &[
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzdmMtZGVwbG95In0.",
            "eyJub3RhbGdvcml0aG0iOjF9.eyJzdWIiOiJzdmMtZGVwbG95In0.dGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQHBwtnOA",
        ],
        ..SURE
    },
    Detector {
        id: "url-password",
        hints: &["@"],
        title: "address with a password",
        regex: r#"\b[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/:@"'?#<>`]*:(?P<secret>[^\s/@"'?#<>`]{2,})@[A-Za-z0-9\[$]"#,
        min_entropy: 0,
        confidence: Confidence::Medium,
        check: Some(is_password_of_an_address),
        examples: &[
            "postgres://app:s3cr3tpw@db:5432/app",
            "redis://:s3cr3tpw@cache:6379/0",
            "git clone https://deploy:kQ7x2Vb9Zp4L@git.example/a.git",
        ],
        negative: &[
            "postgres://db:5432/app",
            "https://user:password@e.example/",
            "https://u:${TOKEN}@e.example/",
            "https://u:$TOKEN@e.example/",
            "https://e.example:8443/@scope/name",
            "ssh://git@e.example:22/a.git",
        ],
        ..SURE
    },
];

/// Whether the first part of a token is a JOSE header with a real algorithm (RFC 7515 §4.1.1).
fn is_jwt(token: &str) -> bool {
    static ALGORITHM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#""alg"\s*:\s*"[A-Z]{2}[A-Za-z0-9+-]{2,20}""#)
            .expect("a constant that a test compiles")
    });
    let header = token.split('.').next().unwrap_or_default();
    base64_decode(header, 2000)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .is_some_and(|header| ALGORITHM.is_match(&header))
}

/// Whether base 64 holds `user:password`.
pub(crate) fn is_user_and_password(auth: &str) -> bool {
    base64_decode(auth, 8000)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.split_once(':').map(|(_, password)| !is_placeholder(password)))
        .unwrap_or(false)
}

/// A variable in the middle of an address is none.
fn is_password_of_an_address(secret: &str) -> bool {
    !secret.starts_with('$')
        && !secret.starts_with('%')
        && !secret.contains("${")
        && !secret.contains("$(")
}
