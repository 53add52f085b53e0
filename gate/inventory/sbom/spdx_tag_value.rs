use std::borrow::Cow;

use super::{
    assembly::{Assembly, Part},
    spdx::{Relations, check_version, license, purpose, said},
    spdx_json::is_purl_type,
};
use crate::{Catalog, CatalogError};

/// Reads SPDX 2.2 and 2.3 tag-value documents (clause 4.4 and the `tag` of every field): `Tag: value` lines, `#` comments, and
/// `<text>…</text>` over several lines. A package begins at `PackageName` and ends where another element begins.
pub(crate) fn catalog_spdx_tag_value(
    text: &str,
    catalog: &mut Catalog,
) -> Result<(), CatalogError> {
    let mut assembly = Assembly::new(catalog);
    let mut relations = Relations::default();
    assembly.define(Cow::Borrowed("SPDXRef-DOCUMENT"));
    let read = document(text, &mut assembly, &mut relations);
    if read.is_ok() {
        relations.mark_roots(&mut assembly);
    }
    assembly.finish(read)
}

fn document<'t>(
    text: &'t str,
    assembly: &mut Assembly<'t, '_>,
    relations: &mut Relations<'t>,
) -> Result<(), CatalogError> {
    let mut version = false;
    let mut package: Option<Part<'t>> = None;
    let mut lines = (1_u32..).zip(text.lines());
    while let Some((line, raw)) = lines.next() {
        let trimmed = raw.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let Some((tag, value)) = trimmed.split_once(':') else {
            return Err(CatalogError::at(line, "expected `Tag: value`"));
        };
        let word = tag.starts_with(|c: char| c.is_ascii_alphabetic())
            && tag.bytes().all(|b| b.is_ascii_alphanumeric());
        if !word {
            return Err(CatalogError::at(line, "expected `Tag: value`"));
        }
        let value = match value.trim().strip_prefix("<text>") {
            None => value.trim(),
            Some(inner) => {
                let closed = inner.split_once("</text>").map(|(inside, _)| inside);
                if closed.is_none() && !lines.any(|(_, more)| more.contains("</text>")) {
                    return Err(CatalogError::at(line, "`<text>` does not end"));
                }
                closed.unwrap_or(inner)
            }
        };
        match tag {
            "SPDXVersion" => {
                check_version(value, line)?;
                version = true;
            }
            "PackageName" => {
                let name = Cow::Borrowed(value);
                let next = Part { line, name, ..Part::default() };
                if let Some(done) = package.replace(next) {
                    assembly.part(done)?;
                }
            }
            // `FileName` begins a file, the others a snippet or a licence: what follows is not the package's.
            "FileName" | "SnippetSPDXID" | "SnippetSPDXIdentifier" | "LicenseID" => {
                if let Some(done) = package.take() {
                    assembly.part(done)?;
                }
                if tag.starts_with("Snippet") {
                    assembly.define(Cow::Borrowed(value));
                }
            }
            "SPDXID" => match &mut package {
                Some(part) if part.id.is_some() => {
                    return Err(CatalogError::at(line, "a package with two identifiers"));
                }
                Some(part) => part.id = Some(Cow::Borrowed(value)),
                None => {
                    assembly.define(Cow::Borrowed(value));
                }
            },
            "Relationship" => relationship(value, line, assembly, relations)?,
            _ => {
                if let Some(part) = &mut package {
                    field(part, tag, value, line)?;
                }
            }
        }
    }
    if let Some(done) = package {
        assembly.part(done)?;
    }
    if version { Ok(()) } else { Err(CatalogError::whole("`SPDXVersion` is missing")) }
}

fn field<'t>(
    part: &mut Part<'t>,
    tag: &str,
    value: &'t str,
    line: u32,
) -> Result<(), CatalogError> {
    match tag {
        "PackageVersion" => part.version = said(Cow::Borrowed(value)),
        "PrimaryPackagePurpose" => part.sort = purpose(value),
        "PackageLicenseDeclared" | "PackageLicenseConcluded" => {
            license(part, Cow::Borrowed(value));
        }
        "ExternalRef" => {
            let mut words = value.split_whitespace();
            let (Some(_), Some(kind), Some(locator)) = (words.next(), words.next(), words.next())
            else {
                return Err(CatalogError::at(
                    line,
                    "`ExternalRef` needs a category, a type and a locator",
                ));
            };
            if is_purl_type(kind) {
                part.purls.push((Cow::Borrowed(locator), line));
            }
        }
        _ => {}
    }
    Ok(())
}

fn relationship<'t>(
    value: &'t str,
    line: u32,
    assembly: &mut Assembly<'t, '_>,
    relations: &mut Relations<'t>,
) -> Result<(), CatalogError> {
    let mut words = value.split_whitespace();
    let (Some(from), Some(kind), Some(to), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(CatalogError::at(
            line,
            "`Relationship` needs an element, a type and an element",
        ));
    };
    relations.add(assembly, Cow::Borrowed(from), kind, Cow::Borrowed(to), line, None)
}

#[cfg(test)]
mod tests {
    use crate::{
        catalog::{
            sbom::Sbom,
            testing::{catalog_text, failure, lines},
        },
        sbom::testing::gaps,
    };

    const DOCUMENT: &str = include_str!("../testdata/sbom/app.spdx");

    #[test]
    fn packages_with_lines_licences_and_relations() {
        let catalog = catalog_text(&Sbom, "app.spdx", DOCUMENT);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:gem/rails@6.0.0:31 direct=true parents=[]",
                "pkg:gem/rack@2.2.2:44 direct=false parents=[pkg:gem/rails@6.0.0]",
            ]
        );
        assert_eq!(catalog.packages[0].licenses, ["MIT"]);
        assert_eq!(
            gaps(&catalog),
            ["47 unpinned: `home-made` has no package URL: no advisory can be matched to it"]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&Sbom, "x.spdx", text);
        assert_eq!(fails(""), "not a CycloneDX or SPDX document, or cut off");
        assert_eq!(
            fails("SPDXVersion: SPDX-1.2\n"),
            "1: `SPDX-1.2` is not known: SPDX-2.2 and SPDX-2.3 are"
        );
        let open = "SPDXVersion: SPDX-2.2\nPackageName: a\n";
        assert_eq!(fails(&format!("{open}junk")), "3: expected `Tag: value`");
        assert_eq!(
            fails(&format!("{open}PackageComment: <text>a\nb\n")),
            "3: `<text>` does not end"
        );
        assert_eq!(
            fails(&format!("{open}ExternalRef: PACKAGE-MANAGER purl\n")),
            "3: `ExternalRef` needs a category, a type and a locator"
        );
    }
}
