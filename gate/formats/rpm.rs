//! Texts of RPM headers and of the SBOMs that repeat them.

/// Name and version of `NAME-VERSION-RELEASE.src.rpm`, or `.nosrc.rpm`: a package's tag `SOURCERPM` (RPM, "Tags"). The epoch of the
/// source is not in it.
pub fn source_package(file: &str) -> Option<(String, String)> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    (!name.is_empty()).then(|| (name.to_owned(), format!("{version}-{release}")))
}

/// `NAME:STREAM` of the label of a module, `NAME:STREAM:VERSION:CONTEXT:…` (tag `MODULARITYLABEL`).
pub fn module_stream(label: &str) -> &str {
    let end = label.match_indices(':').nth(1).map_or(label.len(), |(at, _)| at);
    label.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_texts() {
        let check = |file: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(name, version)| (name.to_owned(), version.to_owned()));
            assert_eq!(source_package(file), expected, "{file}");
        };
        check("openssl-3.0.7-24.el9.src.rpm", Some(("openssl", "3.0.7-24.el9")));
        check("jdk-17.0.9-2.el9.nosrc.rpm", Some(("jdk", "17.0.9-2.el9")));
        for odd in ["", "(none)", "a-1.src.rpm", "-1-1.src.rpm", "a-1-1.rpm", "a-1-1.x86_64.rpm"] {
            check(odd, None);
        }
        assert_eq!(module_stream("nodejs:18:807:bd1"), "nodejs:18");
        assert_eq!(module_stream("nodejs:18"), "nodejs:18");
        assert_eq!(module_stream("nodejs"), "nodejs");
    }
}
