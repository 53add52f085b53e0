//! Where a token may be asked for. A registry names its token server freely: one that names a stranger's host would be handed the
//! user's password (CVE-2020-15157 was this).

use reqwest::Url;

use crate::{address::is_loopback, repository::without_port};

/// Token servers outside their registry's own domain, and those of the large registries for the record: registry host, realm host.
/// As their own challenges name them; `*.` stands for one or more labels.
const KNOWN: [(&str, &str); 9] = [
    ("registry-1.docker.io", "auth.docker.io"),
    ("ghcr.io", "ghcr.io"),
    ("gcr.io", "gcr.io"),
    ("*.gcr.io", "gcr.io"),
    ("*.pkg.dev", "*.pkg.dev"),
    ("quay.io", "quay.io"),
    ("public.ecr.aws", "public.ecr.aws"),
    ("registry.gitlab.com", "gitlab.com"),
    ("registry.digitalocean.com", "api.digitalocean.com"),
];

/// Reads a challenge's realm, and says whether a token may be asked for there.
///
/// `registry` is the address that answered with the challenge; `credentials` whether a secret would go along; `allowed` are
/// hosts that the caller trusts with the credentials of any registry.
///
/// # Errors
/// Why not.
pub(crate) fn check_realm(
    registry: &Url,
    realm: &str,
    credentials: bool,
    allowed: &[String],
) -> Result<Url, String> {
    // Some servers name a path of their own.
    let url =
        registry.join(realm).map_err(|_| "the authentication realm is no address".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    let own = registry.host_str().unwrap_or_default();
    if !url.username().is_empty() || url.password().is_some() || host.is_empty() {
        return Err(format!("the authentication realm is not a plain address of {own}"));
    }
    let unencrypted = url.scheme() == "http"
        && registry.scheme() == "http"
        && (host == own || (is_loopback(host) && is_loopback(own)));
    if url.scheme() != "https" && !unencrypted {
        return Err(format!(
            "the authentication realm of {own} is not https: {}://{host}",
            url.scheme()
        ));
    }
    let trusted = !credentials
        || host == own
        || (is_loopback(host) && is_loopback(own))
        || allowed.iter().any(|allowed| without_port(allowed).eq_ignore_ascii_case(host))
        || KNOWN.iter().any(|(registry, realm)| matches(registry, own) && matches(realm, host))
        || same_domain(own, host);
    if trusted {
        Ok(url)
    } else {
        Err(format!("{own} wants its credentials to be sent to another host, {host}"))
    }
}

fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => pattern == host,
    }
}

/// Whether both belong to one domain that somebody registered (public suffix list, its private part included: what
/// strangers may register below is no common owner).
fn same_domain(a: &str, b: &str) -> bool {
    let registered = |host: &str| {
        // An address has no owner that its digits tell, and a suffix that no list knows (`corp`, `local`) is somebody's guess.
        if host.parse::<std::net::Ipv4Addr>().is_ok() || host.contains(['[', ':']) {
            return None;
        }
        let domain = psl::domain_str(host)?;
        psl::suffix(host.as_bytes())?.is_known().then(|| domain.to_ascii_lowercase())
    };
    registered(a).is_some_and(|a| registered(b).is_some_and(|b| a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(registry: &str, realm: &str, credentials: bool, expected: bool) {
        let url = Url::parse(registry).unwrap();
        let answer = check_realm(&url, realm, credentials, &["trusted.example.net".to_owned()]);
        assert_eq!(answer.is_ok(), expected, "{registry} {realm} {credentials}: {answer:?}");
    }

    #[test]
    fn credentials_go_to_the_registrys_own_domain() {
        let docker = "https://registry-1.docker.io/v2/";
        check(docker, "https://auth.docker.io/token", true, true);
        check(docker, "https://auth.docker.io.evil.com/token", true, false);
        check(docker, "https://evil.com/token", true, false);
        check(docker, "https://evil.com/token", false, true);
        check(docker, "https://trusted.example.net/token", true, true);
        check("https://registry.gitlab.com/v2/", "https://gitlab.com/jwt/auth", true, true);
        check("https://eu.gcr.io/v2/", "https://gcr.io/v2/token", true, true);
        check("https://gcr.io.evil.com/v2/", "https://gcr.io/v2/token", true, false);
        check("https://registry.example.co.uk/v2/", "https://auth.example.co.uk/t", true, true);
        check("https://registry.example.co.uk/v2/", "https://evil.co.uk/t", true, false);
        check("https://registry.example.co.uk/v2/", "/v2/token", true, true);
        // One customer's domain is not another's.
        check("https://a.github.io/v2/", "https://b.github.io/t", true, false);
        check("https://a.corp/v2/", "https://b.corp/t", true, false);
        check("https://10.0.0.5/v2/", "https://10.1.0.5/t", true, false);
    }

    #[test]
    fn a_realm_is_encrypted() {
        check("https://r.example.com/v2/", "http://r.example.com/token", false, false);
        check("https://r.example.com/v2/", "ftp://r.example.com/token", false, false);
        check("https://r.example.com/v2/", "file:///etc/passwd", false, false);
        check("https://127.0.0.1:5000/v2/", "http://127.0.0.1:5001/token", false, false);
        check("http://127.0.0.1:5000/v2/", "http://127.0.0.1:5001/token", true, true);
        check("http://localhost:5000/v2/", "http://127.0.0.1:5001/token", true, true);
        check("http://127.0.0.1:5000/v2/", "http://r.example.com/token", false, false);
        check("http://r.example.com/v2/", "http://r.example.com/token", true, true);
        check("https://r.example.com/v2/", "https://me:secret@r.example.com/token", true, false);
        check("https://r.example.com/v2/", "https://", true, false);
    }
}
