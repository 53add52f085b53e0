use secgate_model::{Package, Purl};

use super::os_release::Distribution;
use crate::Catalog;

/// Bytes of a purl's text, as purls are read again.
const MAX_PURL: usize = 4096;

/// Adds a package of an operating system: its purl has the distribution's namespace, the qualifier `distro`, and those of
/// `qualifiers` that have a value. `None`, with the reason recorded, when that makes no purl.
pub(super) fn push<'c>(
    catalog: &'c mut Catalog,
    distribution: Option<&Distribution>,
    (kind, name, version): (&str, &str, &str),
    line: u32,
    qualifiers: &[(&str, &str)],
) -> Option<&'c mut Package> {
    let namespace = distribution.map(Distribution::namespace);
    if version.is_empty() {
        catalog.unpinned(kind, namespace, name, line, "");
        return None;
    }
    let mut purl = match Purl::new(kind, namespace, name, Some(version)) {
        Ok(purl) => purl,
        Err(error) => {
            catalog.unreadable(line, error.to_string());
            return None;
        }
    };
    let label = distribution.map(Distribution::label).unwrap_or_default();
    for (key, value) in qualifiers.iter().chain(&[("distro", label.as_str())]) {
        // rpm's way of saying that there is none.
        if *value != "(none)" && value.len() <= MAX_PURL {
            purl = purl.with_qualifier(key, value);
        }
    }
    if purl.to_string().len() > MAX_PURL {
        let shown: String = name.chars().take(120).collect();
        catalog.unreadable(line, format!("`{shown}` is no package: its name is too long"));
        return None;
    }
    catalog.purl(purl, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_purl_is_too_long_to_be_read_again() {
        let mut catalog = Catalog::new("db", "test");
        let long = "x".repeat(4000);
        let name = |length: usize| long.get(..length).unwrap_or_default();
        assert!(
            push(&mut catalog, None, ("rpm", name(3900), "1"), 0, &[("arch", name(300))]).is_none()
        );
        assert!(push(&mut catalog, None, ("rpm", "", "1"), 0, &[]).is_none());
        assert_eq!(catalog.unknowns.len(), 2);
        assert!(push(&mut catalog, None, ("rpm", "a", ""), 0, &[]).is_none());
        assert_eq!(catalog.unpinned.len(), 1);
        let found =
            push(&mut catalog, None, ("rpm", "a", "1"), 0, &[("arch", "(none)"), ("x", "")]);
        assert_eq!(found.unwrap().purl.to_string(), "pkg:rpm/a@1");
    }
}
