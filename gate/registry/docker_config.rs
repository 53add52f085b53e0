//! Logins as Docker and podman keep them: `~/.docker/config.json` and `containers-auth.json`.

use std::collections::BTreeMap;

use base64::{
    Engine,
    alphabet::STANDARD as ALPHABET,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;

use crate::{credential::Credential, options::Secret, repository::Repository};

/// No such file is larger.
pub const MAX_CONFIG: usize = 1 << 20;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What one of these files says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DockerConfig {
    /// By normalised key: a host, or in podman's files also the beginning of a repository's name.
    logins: BTreeMap<String, Login>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

/// Where a registry's login is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Here(Credential),
    /// In a program `docker-credential-NAME`, under this server name.
    Helper {
        name: String,
        server: String,
    },
    /// It stands in the file and cannot be read.
    Broken(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Login {
    Known(Credential),
    /// It stands there and cannot be read: an error for whoever needs it, and for nobody else.
    Broken(String),
}

/// Why a file of logins cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is too large.
    #[error("a file of logins is larger than {MAX_CONFIG} bytes")]
    TooLarge,
    /// It is not what it should be. The text of the file is not repeated: it holds passwords.
    #[error("a file of logins is not readable: line {line}, column {column}")]
    Syntax {
        /// From 1; 0 where it is not known.
        line: usize,
        /// From 1; 0 where it is not known.
        column: usize,
    },
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Wire {
    auths: Option<BTreeMap<String, Option<WireLogin>>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireLogin {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl DockerConfig {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// When it is no JSON of this shape. A single login that cannot be read is an error only for who looks it up.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.len() > MAX_CONFIG {
            return Err(ConfigError::TooLarge);
        }
        // A list would be taken for the fields in order, and an empty one for a file without logins.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(ConfigError::Syntax { line: 1, column: 1 });
        }
        let wire: Wire = serde_json::from_slice(bytes)
            .map_err(|error| ConfigError::Syntax { line: error.line(), column: error.column() })?;
        let mut logins = BTreeMap::new();
        for (key, login) in wire.auths.into_iter().flatten() {
            // Where a helper keeps the secret, an empty login stands for it.
            if let Some(login) = login.and_then(|login| read(&key, login)) {
                logins.insert(normalised(&key), login);
            }
        }
        let helpers = wire.cred_helpers.into_iter().flatten();
        let helpers = helpers
            .filter(|(_, name)| !name.is_empty())
            .map(|(key, name)| (normalised(&key), name))
            .collect();
        Ok(Self { logins, helpers, store: wire.creds_store.filter(|store| !store.is_empty()) })
    }

    /// Where to look for a repository's login, best first: a helper of that host, the store of all hosts, the file itself.
    pub(crate) fn lookup(&self, repository: &Repository) -> Vec<Found> {
        let host = host_key(repository.host());
        let mut found = Vec::new();
        if let Some(name) = self.helpers.get(host).or(self.store.as_ref()) {
            found.push(Found::Helper { name: name.clone(), server: server_name(host).to_owned() });
        }
        let mut key = format!("{host}/{}", repository.path());
        loop {
            if let Some(login) = self.logins.get(&key) {
                found.push(match login {
                    Login::Known(credential) => Found::Here(credential.clone()),
                    Login::Broken(message) => Found::Broken(message.clone()),
                });
                break;
            }
            let Some(slash) = key.rfind('/') else { break };
            key.truncate(slash);
        }
        found
    }
}

fn read(key: &str, login: WireLogin) -> Option<Login> {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    if let Some(token) = some(login.registrytoken) {
        return Some(Login::Known(Credential::Bearer(Secret::new(token))));
    }
    if let Some(token) = some(login.identitytoken) {
        return Some(Login::Known(Credential::Identity(Secret::new(token))));
    }
    if let Some(auth) = some(login.auth) {
        let decoded =
            LENIENT.decode(auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = decoded.as_deref().and_then(|text| text.trim_end_matches('\0').split_once(':'));
        return Some(match pair {
            Some((user, password)) if !user.is_empty() => Login::Known(named(user, password)),
            _ => Login::Broken(format!("the login of `{key}` is no base64 of user:password")),
        });
    }
    let (user, password) = (some(login.username)?, some(login.password)?);
    Some(Login::Known(named(&user, &password)))
}

/// A user called `<token>` says that the password is an identity token (Docker's credential helper protocol).
pub(crate) fn named(user: &str, password: &str) -> Credential {
    if user == "<token>" {
        Credential::Identity(Secret::new(password))
    } else {
        Credential::password(user, password)
    }
}

/// A key as it is looked up. With a scheme, or with the path of an API version, only the host counts; otherwise the rest
/// is the beginning of a repository's name (`containers-auth.json(5)`).
fn normalised(key: &str) -> String {
    let key = key.trim();
    let (rest, web) = match key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")) {
        Some(rest) => (rest, true),
        None => (key, false),
    };
    let rest = rest.trim_end_matches('/');
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.to_ascii_lowercase();
    let host = host_key(&host);
    if web || path.is_empty() || matches!(path, "v1" | "v2") {
        host.to_owned()
    } else {
        format!("{host}/{path}")
    }
}

/// The names under which Docker's own registry goes are one.
pub(crate) fn host_key(host: &str) -> &str {
    match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

/// What a helper knows a registry as.
fn server_name(host: &str) -> &str {
    if host == "docker.io" { "https://index.docker.io/v1/" } else { host }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(config: &str, host: &str, path: &str, expected: &[Found]) {
        let repository = Repository::new(host, path).unwrap();
        let found = DockerConfig::parse(config.as_bytes()).unwrap().lookup(&repository);
        assert_eq!(found, expected, "{config} {repository}");
    }

    fn user(name: &str) -> Found {
        Found::Here(Credential::password(name, "p:w"))
    }

    #[test]
    fn logins_of_docker() {
        // alice:p:w, and bob:p:w without padding and with the zero bytes that an old version wrote.
        let config = r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "YWxpY2U6cDp3"},
            "registry.example:5000": {"auth": "Ym9iOnA6dwAA"},
            "https://plain.example/v2/": {"username": "carol", "password": "p:w"},
            "token.example": {"auth": "", "identitytoken": "refresh"},
            "empty.example": {},
            "null.example": null
        }, "HttpHeaders": {"X": "y"}, "currentContext": "x"}"#;
        check(config, "docker.io", "library/ubuntu", &[user("alice")]);
        check(config, "registry-1.docker.io", "library/ubuntu", &[user("alice")]);
        check(config, "registry.example:5000", "a", &[user("bob")]);
        check(config, "registry.example", "a", &[]);
        check(config, "plain.example", "a", &[user("carol")]);
        check(
            config,
            "token.example",
            "a",
            &[Found::Here(Credential::Identity(Secret::new("refresh")))],
        );
        check(config, "empty.example", "a", &[]);
        check(config, "null.example", "a", &[]);
    }

    #[test]
    fn the_longest_beginning_of_a_name_counts() {
        let config = r#"{"auths": {
            "quay.example": {"auth": "aG9zdDpwOnc="},
            "quay.example/team": {"auth": "dGVhbTpwOnc="},
            "quay.example/team/app": {"auth": "YXBwOnA6dw=="}
        }}"#;
        check(config, "quay.example", "team/app", &[user("app")]);
        check(config, "quay.example", "team/app/x", &[user("app")]);
        check(config, "quay.example", "team/apple", &[user("team")]);
        check(config, "quay.example", "teams/app", &[user("host")]);
    }

    #[test]
    fn helpers_come_first_and_the_file_after() {
        let config = r#"{"auths": {"a.example": {"auth": "YWxpY2U6cDp3"}, "b.example": {}},
            "credHelpers": {"a.example": "pass", "https://index.docker.io/v1/": "hub"}, "credsStore": "desktop"}"#;
        let helper =
            |name: &str, server: &str| Found::Helper { name: name.into(), server: server.into() };
        check(config, "a.example", "x", &[helper("pass", "a.example"), user("alice")]);
        check(config, "b.example", "x", &[helper("desktop", "b.example")]);
        check(config, "docker.io", "x", &[helper("hub", "https://index.docker.io/v1/")]);
    }

    #[test]
    fn a_login_that_cannot_be_read_concerns_who_needs_it() {
        let config = br#"{"auths": {"a.example": {"auth": "%%secret%%"}, "b.example": {"auth": "bm9jb2xvbg=="}}}"#;
        let config = DockerConfig::parse(config).unwrap();
        for host in ["a.example", "b.example"] {
            let found = config.lookup(&Repository::new(host, "x").unwrap());
            let [Found::Broken(error)] = found.as_slice() else { panic!("{found:?}") };
            assert!(error.contains(host) && !error.contains("secret"), "{error}");
        }
        assert_eq!(config.lookup(&Repository::new("c.example", "x").unwrap()), []);
    }

    #[test]
    fn errors_do_not_repeat_the_file() {
        let error =
            DockerConfig::parse(b"{\"auths\": {\"a\": {\"auth\": \"c2VjcmV0\", ]").unwrap_err();
        assert!(!error.to_string().contains("c2Vj"), "{error}");
        assert!(
            DockerConfig::parse(br#"{"auths": {"a": {"password": ["hunter2"]}}}"#)
                .is_err_and(|error| !error.to_string().contains("hunter2"))
        );
        assert_eq!(DockerConfig::parse(&vec![b' '; MAX_CONFIG + 1]), Err(ConfigError::TooLarge));
        assert!(DockerConfig::parse(b"[]").is_err());
        assert!(DockerConfig::parse(b"").is_err());
        assert!(DockerConfig::parse("[".repeat(100_000).as_bytes()).is_err());
        let shown = format!(
            "{:?}",
            DockerConfig::parse(br#"{"auths": {"a": {"username": "u", "password": "hunter2"}}}"#)
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_input_panics(key in "[a-z/:.]{0,30}", auth in "[A-Za-z0-9+/=]{0,30}", cut in 0_usize..200) {
            let text = serde_json::json!({"auths": {key.clone(): {"auth": auth}}, "credHelpers": {key: "x"}}).to_string();
            let cut = cut.min(text.len());
            let _ = DockerConfig::parse(&text.as_bytes()[..cut]);
            if let Ok(config) = DockerConfig::parse(text.as_bytes()) {
                let _ = config.lookup(&Repository::new("docker.io", "a/b").unwrap());
            }
        }
    }
}
