use std::borrow::Cow;

use secgate_model::Scope;

use super::assembly::{Assembly, Part};
use crate::CatalogError;

/// Elements of one document that are parts of others: files, for the most part.
const MAX_CONTAINED: usize = 8_000_000;

/// The relations of an SPDX document, whatever it is written in, until all elements are known.
#[derive(Debug, Default)]
pub(crate) struct Relations<'t> {
    /// Elements that the document says it describes.
    described: Vec<(Cow<'t, str>, u32)>,
    /// Elements that have parts: whole and part.
    contained: Vec<(u32, u32)>,
}

/// What a relation between two elements means for the inventory (SPDX 2.3 clause 11, Table 68; SPDX 3.0
/// `Core/RelationshipType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The document is about it.
    Describes,
    DescribedBy,
    /// It has parts.
    Contains,
    ContainedBy,
    /// The first needs the second.
    Needs(Option<Scope>),
    /// The second needs the first.
    NeededBy(Option<Scope>),
    /// Files, builds, licences and the like.
    Other,
}

fn meaning(kind: &str) -> Meaning {
    match kind {
        "DESCRIBES" | "describes" => Meaning::Describes,
        "DESCRIBED_BY" => Meaning::DescribedBy,
        "CONTAINS" | "contains" => Meaning::Contains,
        "CONTAINED_BY" => Meaning::ContainedBy,
        "DEPENDS_ON" | "HAS_PREREQUISITE" | "dependsOn" | "hasPrerequisite" => Meaning::Needs(None),
        "hasOptionalDependency" => Meaning::Needs(Some(Scope::Optional)),
        "DEPENDENCY_OF" | "PREREQUISITE_FOR" => Meaning::NeededBy(None),
        "RUNTIME_DEPENDENCY_OF" => Meaning::NeededBy(Some(Scope::Runtime)),
        "OPTIONAL_DEPENDENCY_OF" => Meaning::NeededBy(Some(Scope::Optional)),
        "BUILD_DEPENDENCY_OF"
        | "DEV_DEPENDENCY_OF"
        | "TEST_DEPENDENCY_OF"
        | "BUILD_TOOL_OF"
        | "DEV_TOOL_OF"
        | "TEST_TOOL_OF" => Meaning::NeededBy(Some(Scope::Dev)),
        _ => Meaning::Other,
    }
}

impl<'t> Relations<'t> {
    /// Whether the document says what it is about.
    pub(crate) fn describes_something(&self) -> bool {
        !self.described.is_empty()
    }

    /// Says that the document is about `element`.
    pub(crate) fn describes(&mut self, element: Cow<'t, str>, line: u32) {
        self.described.push((element, line));
    }

    /// Adds `from kind to`; `scope` where the relation carries it apart from its kind.
    pub(crate) fn add(
        &mut self,
        assembly: &mut Assembly<'t, '_>,
        from: Cow<'t, str>,
        kind: &str,
        to: Cow<'t, str>,
        line: u32,
        scope: Option<Scope>,
    ) -> Result<(), CatalogError> {
        if matches!(to.as_ref(), "NONE" | "NOASSERTION") {
            return Ok(());
        }
        let (from, to, own) = match meaning(kind) {
            Meaning::Describes => {
                self.describes(to, line);
                return Ok(());
            }
            Meaning::DescribedBy => {
                self.describes(from, line);
                return Ok(());
            }
            Meaning::Contains => return self.contains(assembly, from, to, line),
            Meaning::ContainedBy => return self.contains(assembly, to, from, line),
            Meaning::Needs(own) => (from, to, own),
            Meaning::NeededBy(own) => (to, from, own),
            Meaning::Other => return Ok(()),
        };
        let (from, to) = (assembly.id(from), assembly.id(to));
        assembly.relation(from, to, line, scope.or(own))
    }

    /// Adds that `whole` has `part`.
    fn contains(
        &mut self,
        assembly: &mut Assembly<'t, '_>,
        whole: Cow<'t, str>,
        part: Cow<'t, str>,
        line: u32,
    ) -> Result<(), CatalogError> {
        if part.starts_with("DocumentRef-") {
            let shown: String = part.chars().take(120).collect();
            assembly.gap(line, format!("a part, `{shown}`, is described in another document"));
            return Ok(());
        }
        if self.contained.len() >= MAX_CONTAINED {
            let reason = format!("more than {MAX_CONTAINED} elements are parts of others");
            return Err(CatalogError::at(line, reason));
        }
        self.contained.push((assembly.id(whole), assembly.id(part)));
        Ok(())
    }

    /// Marks what the document is about. Where it describes one package that has parts or dependencies, that is the project
    /// itself. Some writers describe every package of a list, with or without relations: packages stay components then.
    pub(crate) fn mark_roots(mut self, assembly: &mut Assembly<'t, '_>) {
        self.described.sort_unstable();
        self.described.dedup_by(|one, two| one.0 == two.0);
        let ids: Vec<u32> =
            self.described.iter().map(|(name, _)| assembly.id(name.clone())).collect();
        // The files of a package do not make it a project.
        for (whole, part) in std::mem::take(&mut self.contained) {
            if assembly.is_component(part) {
                assembly.tells(whole);
            }
        }
        let several = ids.iter().filter(|id| assembly.is_package(**id)).nth(1).is_some();
        for ((name, line), id) in self.described.into_iter().zip(ids) {
            let shown: String = name.chars().take(120).collect();
            if !assembly.is_defined(id) {
                assembly.gap(
                    line,
                    format!("the document is about `{shown}`, which it does not describe"),
                );
            } else if !assembly.is_package(id)
                || assembly.is_inventory()
                || (assembly.has_relations(id) && !several)
            {
                assembly.root(id);
            }
        }
    }
}

/// A value that is neither empty nor one of SPDX's two words for "not said".
pub(crate) fn said(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    (!matches!(text.trim(), "" | "NOASSERTION" | "NONE")).then_some(text)
}

/// Takes a licence into a part, each once.
pub(crate) fn license(part: &mut Part<'_>, text: Cow<'_, str>) {
    if let Some(text) = said(text)
        && part.licenses.len() < 16
        && !part.licenses.iter().any(|known| *known == text)
    {
        part.licenses.push(text.into_owned());
    }
}

/// `PrimaryPackagePurpose` and `software_primaryPurpose` as one word.
pub(crate) fn purpose(text: &str) -> String {
    text.chars().take(40).map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// The versions of SPDX 2 that are read.
pub(crate) fn check_version(text: &str, line: u32) -> Result<(), CatalogError> {
    if matches!(text, "SPDX-2.2" | "SPDX-2.3") {
        return Ok(());
    }
    let text: String = text.chars().take(40).collect();
    Err(CatalogError::at(line, format!("`{text}` is not known: SPDX-2.2 and SPDX-2.3 are")))
}
