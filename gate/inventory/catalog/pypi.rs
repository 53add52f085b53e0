//! Names and requirements of Python (PEP 503, PEP 508, PEP 440), as every Python format writes them.

use crate::{Catalog, catalog::address};

/// The registry's form of a name: lower case, runs of `-`, `_` and `.` become one `-` (PEP 503).
pub(crate) fn normal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if matches!(c, '-' | '_' | '.') { '-' } else { c.to_ascii_lowercase() };
        if !(c == '-' && out.ends_with('-')) {
            out.push(c);
        }
    }
    out
}

/// Adds a package and returns its index; a name or version that PyPI could not hold is recorded as unreadable.
pub(crate) fn push(catalog: &mut Catalog, name: &str, version: &str, line: u32) -> Option<usize> {
    if !is_name(name) || version.chars().any(|c| c.is_whitespace() || c.is_control()) {
        let shown: String = name.chars().take(80).collect();
        catalog.unreadable(
            line,
            format!("`{}` is not the name and version of a package", shown.escape_debug()),
        );
        return None;
    }
    catalog.package("pypi", None, &normal(name), version, line)?;
    Some(catalog.packages.len() - 1)
}

/// Records a request without an exact version.
pub(crate) fn unpinned(catalog: &mut Catalog, name: &str, line: u32, asked: &str) {
    catalog.unpinned("pypi", None, &normal(name), line, &address::public(asked));
}

/// Sets a qualifier on the package at `index`, an address stripped of credentials.
pub(crate) fn mark(catalog: &mut Catalog, index: Option<usize>, key: &str, address: &str) {
    if let Some(package) = index.and_then(|at| catalog.packages.get_mut(at)) {
        package.purl = package.purl.clone().with_qualifier(key, &address::public(address));
    }
}

/// Whether this is the usual index, under one of its names.
pub(crate) fn is_pypi(address: &str) -> bool {
    matches!(
        address.trim_end_matches('/'),
        "https://pypi.org/simple" | "https://pypi.python.org/simple" | "https://pypi.org" | "pypi"
    )
}

/// A name by PEP 508: letters, digits, `-`, `_`, `.`, the first and last a letter or digit.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= 512
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// A requirement by PEP 508, its marker apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Requirement<'t> {
    pub(crate) name: &'t str,
    /// The version clauses, without parentheses; empty when there are none.
    pub(crate) specifier: &'t str,
    /// The address of a direct reference.
    pub(crate) url: Option<&'t str>,
}

impl<'t> Requirement<'t> {
    /// Reads one requirement; the error says what is wrong.
    pub(crate) fn parse(text: &'t str) -> Result<Self, &'static str> {
        let text = text.trim();
        let end = text
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        if !is_name(name) {
            return Err("no package name at the start of the requirement");
        }
        let mut rest = rest.trim_start();
        if let Some(inner) = rest.strip_prefix('[') {
            let (extras, after) = inner.split_once(']').ok_or("the list of extras does not end")?;
            let good =
                extras.trim().is_empty() || extras.split(',').all(|extra| is_name(extra.trim()));
            if !good {
                return Err("an extra is not a name");
            }
            rest = after.trim_start();
        }
        if let Some(url) = rest.strip_prefix('@') {
            let url = url.trim_start();
            let end = url.find(char::is_whitespace).unwrap_or(url.len());
            let (url, after) = url.split_at(end);
            let after = after.trim_start();
            if url.is_empty() {
                return Err("no address after `@`");
            }
            if !after.is_empty() {
                check_marker(after.strip_prefix(';').ok_or("text after the address")?)?;
            }
            return Ok(Self { name, specifier: "", url: Some(url) });
        }
        let (specifier, marker) = match rest.split_once(';') {
            Some((specifier, marker)) => (specifier.trim(), Some(marker)),
            None => (rest.trim(), None),
        };
        if let Some(marker) = marker {
            check_marker(marker)?;
        }
        let specifier = match specifier.strip_prefix('(') {
            Some(inner) => inner.strip_suffix(')').ok_or("a parenthesis does not end")?.trim(),
            None => specifier,
        };
        if !specifier.is_empty() {
            specifier.split(',').try_for_each(check_clause)?;
        }
        Ok(Self { name, specifier, url: None })
    }

    /// The one version that the clauses allow, if they say it.
    pub(crate) fn exact(&self) -> Option<&'t str> {
        exact(self.specifier)
    }
}

/// The version of a `==` (without wildcard) or `===` clause.
pub(crate) fn exact(specifier: &str) -> Option<&str> {
    specifier.split(',').find_map(|clause| {
        let clause = clause.trim();
        let version = clause
            .strip_prefix("===")
            .or_else(|| clause.strip_prefix("==").filter(|version| !version.contains('*')))?;
        Some(version.trim()).filter(|version| !version.is_empty())
    })
}

fn check_clause(clause: &str) -> Result<(), &'static str> {
    let clause = clause.trim();
    let version = ["===", "~=", "==", "!=", "<=", ">=", "<", ">"]
        .iter()
        .find_map(|operator| clause.strip_prefix(operator))
        .ok_or("a version clause does not begin with an operator")?
        .trim();
    let good =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'*' | b'+' | b'!' | b'-' | b'_');
    if !version.is_empty() && version.bytes().all(good) {
        Ok(())
    } else {
        Err("a version clause has no well-formed version")
    }
}

fn check_marker(marker: &str) -> Result<(), &'static str> {
    let quotes = |quote: char| marker.matches(quote).count() % 2;
    // One sort of quote may stand inside the other; both odd or one odd alone is a marker that does not end.
    if marker.trim().is_empty() || (quotes('"') + quotes('\'')) % 2 == 1 {
        return Err("the marker after `;` does not end");
    }
    Ok(())
}

/// Name and version that an archive's file name tells (wheel: PEP 427; source archive: PEP 625).
pub(crate) fn archive(address: &str) -> Option<(&str, &str)> {
    let path = address.split(['#', '?']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    if let Some(stem) = file.strip_suffix(".whl") {
        let mut parts = stem.split('-');
        let found = (parts.next()?, parts.next()?);
        return (matches!(parts.count(), 3 | 4) && is_name(found.0)).then_some(found);
    }
    let stem = [".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"]
        .iter()
        .find_map(|suffix| file.strip_suffix(suffix))?;
    let (name, version) = stem.rsplit_once('-')?;
    (is_name(name) && version.starts_with(|c: char| c.is_ascii_digit())).then_some((name, version))
}

/// Adds what a direct reference names: an archive's file name tells the version, a repository's address does not.
pub(crate) fn push_url(
    catalog: &mut Catalog,
    name: Option<&str>,
    url: &str,
    line: u32,
) -> Option<usize> {
    let git = url.starts_with("git+")
        || url.starts_with("hg+")
        || url.starts_with("svn+")
        || url.starts_with("bzr+");
    let told = archive(url)
        .filter(|(found, _)| !git && name.is_none_or(|name| normal(name) == normal(found)));
    if let Some((found, version)) = told {
        let index = push(catalog, found, version, line);
        if !url.starts_with("file:") {
            mark(catalog, index, "download_url", url);
        }
        return index;
    }
    let egg = url
        .split_once('#')
        .and_then(|(_, fragment)| fragment.split('&').find_map(|part| part.strip_prefix("egg=")))
        .map(|egg| egg.split('[').next().unwrap_or_default());
    let last = url.split(['#', '?']).next().and_then(|path| path.rsplit('/').next());
    let name = name.or(egg).or(last).filter(|name| is_name(name)).unwrap_or("a package");
    unpinned(catalog, name, line, url);
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_those_of_the_registry() {
        assert_eq!(normal("Zope.Interface__x-.y"), "zope-interface-x-y");
    }

    #[test]
    fn requirements_by_pep_508() {
        for (text, name, specifier, url, exact) in [
            ("A", "A", "", None, None),
            ("A.B-C_D", "A.B-C_D", "", None, None),
            ("name>=3", "name", ">=3", None, None),
            ("name>=3,<2", "name", ">=3,<2", None, None),
            ("name == 1.0", "name", "== 1.0", None, Some("1.0")),
            ("name===1.0.legacy", "name", "===1.0.legacy", None, Some("1.0.legacy")),
            ("name==1.*", "name", "==1.*", None, None),
            ("name (==1.0)", "name", "==1.0", None, Some("1.0")),
            ("name[a, b_c]>=2,!=2.1 ; python_version<'2.7'", "name", ">=2,!=2.1", None, None),
            ("name @ http://foo.com ; os_name=='nt'", "name", "", Some("http://foo.com"), None),
        ] {
            let found = Requirement::parse(text).unwrap();
            assert_eq!((found.name, found.specifier, found.url), (name, specifier, url), "{text}");
            assert_eq!(found.exact(), exact, "{text}");
        }
        for bad in
            ["", "-x", "name==", "name>=1,", "name 1.0", "name[a", "name @", "a==1;", "a==1; x=='"]
        {
            assert!(Requirement::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_archive_tells_its_version() {
        assert_eq!(archive("https://h/a_b-1.0-py3-none-any.whl#sha256=x"), Some(("a_b", "1.0")));
        assert_eq!(archive("a-b-1.0.tar.gz"), Some(("a-b", "1.0")));
        assert_eq!(archive("https://h/archive/v1.0.tar.gz"), None);
        assert_eq!(archive("a.whl"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[a-c\[\]@;()=<>~!'"., /é#0-9-]{0,40}"#) {
            let _ = Requirement::parse(&text);
            let _ = archive(&text);
        }
    }
}
