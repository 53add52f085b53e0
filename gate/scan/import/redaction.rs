//! What must not leave a report: credentials in texts and in addresses.

use super::place::tree_path;

/// What may be shown of a secret: at most its first four characters, and none of a short one.
pub(super) fn redacted(secret: &str) -> String {
    let length = secret.chars().count();
    let shown = if length >= 16 { 4 } else { length / 8 };
    let start: String = secret.chars().take(shown).filter(|c| !c.is_control()).collect();
    format!("{start}… ({length} characters)")
}

/// A secret's part in an identity: a hash, from which the secret cannot be read.
pub(super) fn secret_mark(secret: &str) -> String {
    let key = blake3::derive_key("secgate 2026 imported secret", secret.trim().as_bytes());
    blake3::Hash::from_bytes(key).to_hex().to_string()
}

/// Source text's part in an identity: the same after a change of white space.
pub(super) fn snippet_mark(snippet: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for word in snippet.split_whitespace() {
        hasher.update(word.as_bytes());
        hasher.update(b" ");
    }
    hasher.finalize().to_hex().to_string()
}

/// An address without user, password, query and fragment.
pub(super) fn address(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let rest = rest.get(..end).unwrap_or_default();
    let (authority, path) =
        rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let text = if scheme.is_empty() {
        format!("{host}/{path}")
    } else {
        format!("{scheme}://{host}/{path}")
    };
    text.chars().filter(|c| !c.is_control()).take(2_000).collect()
}

/// The path of an address with numbers and identifiers replaced, so that `/users/1` and `/users/2` are one route.
pub(super) fn route(url: &str) -> String {
    let address = address(url);
    let rest = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let parts: Vec<String> = tree_path(path)
        .split('/')
        .map(|part| {
            let digits = part.bytes().all(|b| b.is_ascii_digit());
            let identifier =
                part.len() >= 16 && part.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
            if !part.is_empty() && (digits || identifier) {
                "{}".to_owned()
            } else {
                part.to_owned()
            }
        })
        .collect();
    format!("/{}", parts.join("/"))
}

/// Whether a weakness is a credential in the open: then what the tool quotes is the credential.
pub(super) fn quotes_a_secret(cwe: &[u32]) -> bool {
    // Hard-coded passwords, keys and credentials, and passwords in configuration files.
    cwe.iter().any(|number| matches!(number, 259 | 260 | 312 | 321 | 522 | 540 | 547 | 615 | 798))
}

/// The text without what stands between quotes.
pub(super) fn without_quotes(text: &str) -> String {
    let mut out = String::new();
    let mut open = None;
    for character in text.chars() {
        match open {
            Some(quote) if quote == character => {
                out.push('…');
                out.push(character);
                open = None;
            }
            Some(_) => {}
            None => {
                out.push(character);
                if matches!(character, '\'' | '"' | '`') {
                    open = Some(character);
                }
            }
        }
    }
    if open.is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_characters_at_most() {
        assert_eq!(redacted("AKIAQ3EGRTVSWFPIZ2XC"), "AKIA… (20 characters)");
        assert_eq!(redacted("hunter2"), "… (7 characters)");
        assert_eq!(redacted(""), "… (0 characters)");
        assert_eq!(without_quotes("password: 'it is' here"), "password: '…' here");
        assert_eq!(without_quotes("don't"), "don'…");
    }

    #[test]
    fn addresses() {
        assert_eq!(address("https://u:p@a.example:8443/x?token=1#y"), "https://a.example:8443/x");
        assert_eq!(
            route("https://a.example/users/17/3f2b8c1e-4a5d-4e0f-9c7b-2a1d3e4f5a6b?x"),
            "/users/{}/{}"
        );
        assert_eq!(route("https://a.example"), "/");
    }
}
