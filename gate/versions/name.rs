//! Names of packages in the form under which an ecosystem's registry looks them up.

use std::borrow::Cow;

/// The name under which `name` is looked up in `ecosystem` (an OSV ecosystem; the part before the first `:` decides).
///
/// - PyPI: lower case, runs of `-`, `_` and `.` are one `-` (PEP 503).
/// - crates.io: lower case and `-` for `_`: the registry refuses a name that differs from another only in these, so the
///   two spellings can only mean the same crate, and advisories and lock files do mix them.
/// - NuGet, Packagist, Hex, Pub, GitHub Actions, Bitnami, VSCode: lower case.
/// - SwiftURL: without scheme, `.git` and case, which leaves `github.com/owner/name`.
/// - All others, npm, Go and Maven among them: as it is, because case counts there.
pub fn normalise_name<'a>(ecosystem: &str, name: &'a str) -> Cow<'a, str> {
    match ecosystem.split(':').next().unwrap_or_default() {
        "PyPI" => pep503(name),
        "crates.io" if name.contains('_') => {
            Cow::Owned(name.to_ascii_lowercase().replace('_', "-"))
        }
        "crates.io" | "NuGet" | "Packagist" | "Hex" | "Pub" | "GitHub Actions" | "Bitnami"
        | "VSCode" => lower(name),
        "SwiftURL" => {
            let bare = name.split_once("://").map_or(name, |(_, bare)| bare).trim_end_matches('/');
            lower(bare.strip_suffix(".git").unwrap_or(bare))
        }
        _ => Cow::Borrowed(name),
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

fn pep503(name: &str) -> Cow<'_, str> {
    let is_separator = |c: char| matches!(c, '-' | '_' | '.');
    let is_normal = !name.contains(|c: char| c.is_ascii_uppercase() || c == '_' || c == '.')
        && !name.contains("--");
    if is_normal {
        return Cow::Borrowed(name);
    }
    let mut normal = String::with_capacity(name.len());
    let mut after_separator = false;
    for c in name.chars() {
        if is_separator(c) {
            if !after_separator {
                normal.push('-');
            }
        } else {
            normal.push(c.to_ascii_lowercase());
        }
        after_separator = is_separator(c);
    }
    Cow::Owned(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |ecosystem: &str, name: &str, expected: &str| {
            assert_eq!(normalise_name(ecosystem, name), expected, "{ecosystem} {name}");
            assert_eq!(
                normalise_name(ecosystem, expected),
                expected,
                "{ecosystem} {expected} again"
            );
        };
        check("PyPI", "Flask", "flask");
        check("PyPI", "zope.interface", "zope-interface");
        check("PyPI", "Friendly-._.-Bard", "friendly-bard");
        check("PyPI", "a--b", "a-b");
        check("crates.io", "serde_json", "serde-json");
        check("crates.io", "Inflector", "inflector");
        check("NuGet", "Newtonsoft.Json", "newtonsoft.json");
        check("Packagist:https://packages.drupal.org/8", "drupal/Core", "drupal/core");
        check("SwiftURL", "https://github.com/Apple/swift-nio.git", "github.com/apple/swift-nio");
        check("npm", "@Types/JSONStream", "@Types/JSONStream");
        check("Go", "github.com/BurntSushi/toml", "github.com/BurntSushi/toml");
        check(
            "Maven",
            "org.apache.logging.log4j:log4j-core",
            "org.apache.logging.log4j:log4j-core",
        );
        check("Debian:12", "libssl3", "libssl3");
    }
}
