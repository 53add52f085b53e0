use std::fmt::Write;

use secgate_formats::spdx::{Annotation, Document, Package};

use super::write_cyclonedx_xml::picture;

/// SPDX 2.3 tag-value (the `tag` example of every clause).
pub(crate) fn spdx_tag_value(document: &Document<'_>) -> String {
    let mut out = String::new();
    tag(&mut out, "SPDXVersion", document.spdx_version);
    tag(&mut out, "DataLicense", document.data_license);
    tag(&mut out, "SPDXID", document.id);
    tag(&mut out, "DocumentName", &document.name);
    tag(&mut out, "DocumentNamespace", &document.document_namespace);
    if let Some(comment) = &document.comment {
        text(&mut out, "DocumentComment", comment);
    }
    out.push_str("\n## Creation information\n");
    let info = &document.creation_info;
    for creator in &info.creators {
        tag(&mut out, "Creator", creator);
    }
    tag(&mut out, "Created", &info.created);
    tag(&mut out, "LicenseListVersion", info.license_list_version);
    out.push_str("\n## Annotations\n");
    for note in &document.annotations {
        annotation(&mut out, document.id, note);
    }
    for part in &document.packages {
        package(&mut out, part);
    }
    if !document.relationships.is_empty() {
        out.push_str("\n## Relationships\n");
    }
    for relation in &document.relationships {
        let _ = writeln!(
            out,
            "Relationship: {} {} {}",
            relation.spdx_element_id, relation.relationship_type, relation.related_spdx_element
        );
    }
    for license in &document.has_extracted_licensing_infos {
        out.push_str("\n## Licence\n");
        tag(&mut out, "LicenseID", &license.license_id);
        text(&mut out, "ExtractedText", &license.extracted_text);
        tag(&mut out, "LicenseName", license.name);
    }
    out
}

fn package(out: &mut String, part: &Package<'_>) {
    out.push_str("\n## Package\n");
    tag(out, "PackageName", &part.name);
    tag(out, "SPDXID", &part.id);
    if let Some(version) = &part.version_info {
        tag(out, "PackageVersion", version);
    }
    tag(out, "PackageDownloadLocation", part.download_location);
    // The tag has a hyphen where JSON has an underscore (clause 7.24).
    tag(out, "PrimaryPackagePurpose", &part.primary_package_purpose.replace('_', "-"));
    tag(out, "FilesAnalyzed", if part.files_analyzed { "true" } else { "false" });
    for checksum in &part.checksums {
        let value = format!("{}: {}", checksum.algorithm, checksum.checksum_value);
        tag(out, "PackageChecksum", &value);
    }
    if let Some(info) = &part.source_info {
        text(out, "PackageSourceInfo", info);
    }
    tag(out, "PackageLicenseConcluded", part.license_concluded);
    tag(out, "PackageLicenseDeclared", &part.license_declared);
    tag(out, "PackageCopyrightText", part.copyright_text);
    for reference in &part.external_refs {
        let _ = writeln!(
            out,
            "ExternalRef: {} {} {}",
            reference.reference_category, reference.reference_type, reference.reference_locator
        );
    }
    for note in &part.annotations {
        annotation(out, &part.id, note);
    }
}

fn annotation(out: &mut String, subject: &str, note: &Annotation) {
    tag(out, "Annotator", &note.annotator);
    tag(out, "AnnotationDate", &note.annotation_date);
    tag(out, "AnnotationType", note.annotation_type);
    tag(out, "SPDXREF", subject);
    text(out, "AnnotationComment", &note.comment);
}

/// A value on one line. What would end the line or begin a longer text is shown as a picture.
fn tag(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "{name}: {}", plain(value).replace("<text>", "<\u{2060}text>"));
}

/// A value that may have several lines.
fn text(out: &mut String, name: &str, value: &str) {
    let lines: Vec<String> = value.split('\n').map(plain).collect();
    let inner = lines.join("\n").replace("</text>", "<\u{2215}text>");
    let _ = writeln!(out, "{name}: <text>{inner}</text>");
}

fn plain(value: &str) -> String {
    value.chars().map(picture).collect()
}
