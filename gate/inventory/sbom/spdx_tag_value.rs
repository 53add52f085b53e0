use std::borrow::Cow;

use super::{
    assembly::{Assembly, Part},
    properties::Told,
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
        // Lines have no end that could be missed: what a document must say of itself (SPDX 2.3 clause 11.1, `DESCRIBES`), and
        // writers put behind the packages, is all that tells one that was cut off from a whole one.
        if assembly.has_parts() && !relations.describes_something() {
            assembly.gap(
                0,
                "it does not say what it describes: it is cut off, or a relationship `DESCRIBES` is missing".to_owned(),
            );
        }
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
    let mut package: Option<(Part<'t>, Told)> = None;
    let mut own = Told::default();
    // What the annotation that is being read is about.
    let mut subject = "";
    let mut notes: Vec<(&'t str, Cow<'t, str>)> = Vec::new();
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
            None => Cow::Borrowed(value.trim()),
            Some(inner) => long(inner, &mut lines)
                .ok_or_else(|| CatalogError::at(line, "`<text>` does not end"))?,
        };
        match tag {
            "SPDXVersion" => {
                check_version(&value, line)?;
                version = true;
            }
            "DocumentName" => assembly.subject(&value),
            "PackageName" => {
                let next = Part { line, name: value, ..Part::default() };
                end(package.replace((next, Told::default())), assembly)?;
            }
            // `FileName` begins a file, the others a snippet or a licence: what follows is not the package's.
            "FileName" | "SnippetSPDXID" | "SnippetSPDXIdentifier" | "LicenseID" => {
                end(package.take(), assembly)?;
                if tag.starts_with("Snippet") {
                    assembly.define(value);
                }
            }
            "SPDXID" => match &mut package {
                Some((part, _)) if part.id.is_some() => {
                    return Err(CatalogError::at(line, "a package with two identifiers"));
                }
                Some((part, _)) => part.id = Some(value),
                None => {
                    assembly.define(value);
                }
            },
            "Relationship" => {
                // Over several lines it is none.
                let Cow::Borrowed(value) = value else {
                    return Err(CatalogError::at(line, "`Relationship` takes one line"));
                };
                relationship(value, line, assembly, relations)?;
            }
            "Annotator" => subject = "",
            "SPDXREF" => subject = trimmed.split_once(':').map_or("", |(_, name)| name.trim()),
            "AnnotationComment" => match &mut package {
                _ if subject == "SPDXRef-DOCUMENT" => own.annotation(&value),
                Some((part, told)) if part.id.as_deref() == Some(subject) => {
                    told.annotation(&value);
                }
                _ => notes.push((subject, value)),
            },
            _ => {
                if let Some((part, told)) = &mut package {
                    field(part, told, tag, value, line)?;
                }
            }
        }
    }
    end(package, assembly)?;
    for (name, text) in notes {
        let mut told = Told::default();
        told.annotation(&text);
        let id = assembly.id(Cow::Borrowed(name));
        assembly.tell(id, &told);
    }
    assembly.document(own, 0);
    if version { Ok(()) } else { Err(CatalogError::whole("`SPDXVersion` is missing")) }
}

/// The rest of a `<text>…</text>` value.
fn long<'t>(
    first: &'t str,
    lines: &mut impl Iterator<Item = (u32, &'t str)>,
) -> Option<Cow<'t, str>> {
    if let Some((inside, _)) = first.split_once("</text>") {
        return Some(Cow::Borrowed(inside));
    }
    let mut whole = first.to_owned();
    for (_, more) in lines {
        whole.push('\n');
        if let Some((inside, _)) = more.split_once("</text>") {
            whole.push_str(inside);
            return Some(Cow::Owned(whole));
        }
        whole.push_str(more);
    }
    None
}

fn end<'t>(
    package: Option<(Part<'t>, Told)>,
    assembly: &mut Assembly<'t, '_>,
) -> Result<(), CatalogError> {
    if let Some((part, told)) = package {
        let id = assembly.part(part)?;
        assembly.tell(id, &told);
    }
    Ok(())
}

fn field<'t>(
    part: &mut Part<'t>,
    told: &mut Told,
    tag: &str,
    value: Cow<'t, str>,
    line: u32,
) -> Result<(), CatalogError> {
    match tag {
        "PackageVersion" => part.version = said(value),
        "PrimaryPackagePurpose" => part.sort = purpose(&value),
        "PackageLicenseDeclared" | "PackageLicenseConcluded" => license(part, value),
        "PackageSourceInfo" => told.source_info(&value),
        "PackageAttributionText" => told.annotation(&value),
        "PackageChecksum" => {
            if let Some((algorithm, digits)) = value.split_once(':') {
                told.hash(algorithm.trim(), digits.trim());
            }
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
                let locator = match &value {
                    Cow::Borrowed(value) => {
                        Cow::Borrowed(value.split_whitespace().nth(2).unwrap_or_default())
                    }
                    Cow::Owned(_) => Cow::Owned(locator.to_owned()),
                };
                part.purls.push((locator, line));
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
    let words = value.split_whitespace();
    let [from, kind, to] = words.collect::<Vec<_>>()[..] else {
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
            testing::{catalog_text, failure, lines, try_catalog},
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
    /// Wherever a document ends before it has told what it is about, it is not whole.
    #[test]
    fn a_document_that_is_cut_off_has_a_gap() {
        let whole = DOCUMENT.find("Relationship: SPDXRef-DOCUMENT DESCRIBES").unwrap();
        let first = DOCUMENT.find("\nPackageName: shop").unwrap();
        for (cut, _) in DOCUMENT.match_indices('\n').filter(|(at, _)| (first..whole).contains(at)) {
            let (catalog, read) = try_catalog(&Sbom, &[("a.spdx", &DOCUMENT.as_bytes()[..cut])]);
            assert!(!catalog.unknowns.is_empty() || read.is_err(), "{cut}");
        }
    }
}
