//! What the files of RubyGems and Bundler share.

use secgate_model::Package;

use crate::Catalog;

/// Adds a gem; `version` may carry a platform: `1.15.4-x86_64-linux`. A version of RubyGems itself holds no hyphen.
pub(crate) fn push_gem<'c>(
    catalog: &'c mut Catalog,
    name: &str,
    version: &str,
    line: u32,
) -> Option<&'c mut Package> {
    let (version, platform) = version.split_once('-').unwrap_or((version, ""));
    if !is_version(version) {
        catalog.unreadable(line, "a version that RubyGems does not allow");
        return None;
    }
    let found = catalog.package("gem", None, name, version, line)?;
    found.purl = found.purl.clone().with_qualifier("platform", platform);
    Some(found)
}

/// Whether a text is a version of RubyGems (`Gem::Version::VERSION_PATTERN`, without hyphens).
pub(crate) fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Whether a path lies inside an installed gem (`gems/rack-2.2.3/…`): the files there are other people's projects.
pub(crate) fn in_installed_gem(path: &str) -> bool {
    let mut parts = path.split('/');
    while let Some(part) = parts.next() {
        if part == "gems"
            && parts.clone().nth(1).is_some()
            && parts
                .clone()
                .next()
                .and_then(|folder| folder.split_once('-'))
                .is_some_and(|(_, rest)| rest.split('-').any(is_version))
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_gems() {
        assert!(in_installed_gem("usr/lib/ruby/gems/3.0.0/gems/rack-2.2.3/Gemfile.lock"));
        assert!(in_installed_gem("gems/mini-test-5.0/Gemfile"));
        assert!(!in_installed_gem("gems/billing/Gemfile.lock"));
        assert!(!in_installed_gem("Gemfile.lock"));
        assert!(is_version("1.2.9.rc1") && !is_version("~> 1") && !is_version("1..2"));
    }
}
