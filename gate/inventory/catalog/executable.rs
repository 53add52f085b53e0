use secgate_model::UnknownKind;
use secgate_source::{Entry, ReadError, Tree};

use super::{executable_image, go_binary, rust_binary};
use crate::{Catalog, CatalogError, Cataloger};

/// Programs that carry a list of what they were built from: Go's build information and `cargo auditable`'s list.
///
/// What is a program cannot be told from its path. Every file without a dot in its name, and `*.exe` and `*.bin`, is
/// asked for; its first bytes decide. A program without such a list (C, C++, …) says nothing here.
#[derive(Debug)]
pub(crate) struct Executable;

impl Cataloger for Executable {
    fn id(&self) -> &'static str {
        "executable"
    }

    fn wants(&self, entry: &Entry) -> bool {
        let name = entry.name();
        match name.rsplit_once('.') {
            None => !is_document(name),
            Some((_, extension)) => {
                extension.eq_ignore_ascii_case("exe") || extension.eq_ignore_ascii_case("bin")
            }
        }
    }

    fn installed(&self) -> bool {
        true
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let bytes = match tree.read(entry) {
            Ok(bytes) => bytes,
            Err(error @ ReadError::TooLarge { .. }) => {
                let reason = format!(
                    "{error}: whether it is a program, and built from what, was not looked at"
                );
                catalog.unknown(0, UnknownKind::Limit, reason);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if !executable_image::is_program(&bytes) {
            return Ok(());
        }
        for image in executable_image::images(&bytes).map_err(CatalogError::whole)? {
            go_binary::catalog_image(&image, catalog)?;
            rust_binary::catalog_image(&image, catalog)?;
        }
        Ok(())
    }
}

/// Names that lie about in every folder of installed packages and are texts: looking into each would cost more than all
/// programs together.
fn is_document(name: &str) -> bool {
    const DOCUMENTS: [&str; 26] = [
        "AUTHORS",
        "CHANGELOG",
        "CHANGES",
        "CODEOWNERS",
        "CONTRIBUTORS",
        "COPYING",
        "Dockerfile",
        "Gemfile",
        "HISTORY",
        "INSTALL",
        "INSTALLER",
        "Jenkinsfile",
        "LICENCE",
        "LICENSE",
        "MAINTAINERS",
        "METADATA",
        "Makefile",
        "NEWS",
        "NOTICE",
        "OWNERS",
        "README",
        "RECORD",
        "REQUESTED",
        "Rakefile",
        "VERSION",
        "WHEEL",
    ];
    DOCUMENTS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{
        executable_image::crafted,
        testing::{failure, try_catalog},
    };

    #[test]
    fn only_programs_are_looked_into() {
        for text in [b"all:\n\tcargo build\n".as_slice(), b"", b"#!/bin/sh\n"] {
            let (catalog, result) = try_catalog(&Executable, &[("bin/start", text)]);
            assert!(result.is_ok() && catalog.packages.is_empty() && catalog.unknowns.is_empty());
        }
        let plain = crafted::elf(&[(".text", b"code")]);
        let (catalog, result) = try_catalog(&Executable, &[("bin/ls", &plain)]);
        assert!(result.is_ok() && catalog.packages.is_empty() && catalog.unknowns.is_empty());
        let entry = |path: &str| Entry { path: path.to_owned() };
        assert!(!Executable.wants(&entry("a/LICENSE")) && !Executable.wants(&entry("a.py")));
        assert!(Executable.wants(&entry("Tool.EXE")));
    }

    #[test]
    fn a_program_cut_off_is_a_fault() {
        assert_eq!(
            failure(&Executable, "tool", "\x7fELF\x02\x01"),
            "a program whose headers point outside the file: cut off or damaged"
        );
    }
}
