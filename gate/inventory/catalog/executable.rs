use secgate_model::UnknownKind;
use secgate_source::{Entry, ReadError, Tree};

use super::{executable_image, go_binary, rust_binary};
use crate::{Catalog, CatalogError, Cataloger, excerpt};

/// Programs that carry a list of what they were built from: Go's build information and `cargo auditable`'s list.
///
/// What is a program cannot be told from its path. Every file without a dot in its name, those that end in a version
/// (`python3.11`, `tool-1.2.0`; a shared library is none), and `*.exe` and `*.bin`, is asked for; its first bytes decide, and the rest is read of programs alone. Other files, and programs without such a
/// list (C, C++, …), are passed over.
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
                extension.eq_ignore_ascii_case("exe")
                    || extension.eq_ignore_ascii_case("bin")
                    || (extension.starts_with(|c: char| c.is_ascii_digit())
                        && !name.contains(".so."))
            }
        }
    }

    fn claims(&self, _: &Entry) -> bool {
        false
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
        let start = tree.read_start(entry, executable_image::MAGIC_BYTES)?;
        if excerpt::is_excerpt(&start) {
            return excerpt::read(&tree.read(entry)?, &["golang", "cargo"], catalog);
        }
        if !executable_image::is_program(&start) {
            catalog.passed_over();
            return Ok(());
        }
        let bytes = match tree.contents(entry) {
            Ok(bytes) => bytes,
            Err(error @ ReadError::TooLarge { .. }) => {
                let reason = format!("a program {error}: what it was built from was not looked at");
                catalog.unknown(0, UnknownKind::Limit, reason);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let mut has_list = false;
        for image in executable_image::images(&bytes).map_err(CatalogError::whole)? {
            has_list |= go_binary::catalog_image(&image, catalog)?;
            has_list |= rust_binary::catalog_image(&image, catalog)?;
        }
        if !has_list {
            catalog.passed_over();
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
    use secgate_source::Limits;

    use super::*;
    use crate::catalog::{
        executable_image::crafted,
        testing::{failure, try_catalog},
    };

    #[test]
    fn names_that_may_be_programs() {
        let check = |name: &str, expected: bool| {
            assert_eq!(
                Executable.wants(&Entry { path: format!("usr/bin/{name}") }),
                expected,
                "{name}"
            );
        };
        for name in ["tool", "tool.exe", "a.BIN", "python3.11", "kubectl-v1.28.3", "tool-1.0.0"] {
            check(name, true);
        }
        for name in ["README", "tool.py", "libc.so.6", "libLLVM-15.so.1", "a.txt", "list.d"] {
            check(name, false);
        }
    }

    #[test]
    fn only_programs_are_looked_into() {
        for text in [b"all:\n\tcargo build\n".as_slice(), b"", b"#!/bin/sh\n"] {
            let (catalog, result) = try_catalog(&Executable, &[("bin/start", text)]);
            assert!(result.is_ok() && catalog.packages.is_empty() && catalog.unknowns.is_empty());
            assert!(catalog.is_passed_over());
        }
        let plain = crafted::elf(&[(".text", b"code")]);
        let (catalog, result) = try_catalog(&Executable, &[("bin/ls", &plain)]);
        assert!(result.is_ok() && catalog.packages.is_empty() && catalog.unknowns.is_empty());
        assert!(catalog.is_passed_over());
        let entry = |path: &str| Entry { path: path.to_owned() };
        assert!(!Executable.wants(&entry("a/LICENSE")) && !Executable.wants(&entry("a.py")));
        assert!(Executable.wants(&entry("Tool.EXE")));
    }

    #[test]
    fn of_a_large_file_that_is_no_program_only_the_start_is_read() {
        let large = |body: &[u8]| {
            let limits = Limits { file_bytes: 16, ..Limits::default() };
            let tree = Tree::in_memory([("data".to_owned(), body.to_vec())], limits);
            let mut catalog = Catalog::new("data", Executable.id());
            Executable.catalog(tree.find("data").unwrap(), &tree, &mut catalog).unwrap();
            catalog
        };
        let data = large(&[7; 100]);
        assert!(data.unknowns.is_empty() && data.is_passed_over());
        let program = large(&[b"\x7fELF".as_slice(), &[0; 100]].concat());
        assert_eq!(program.unknowns.len(), 1);
        assert!(!program.is_passed_over());
    }

    #[test]
    fn a_program_cut_off_is_a_fault() {
        assert_eq!(
            failure(&Executable, "tool", "\x7fELF\x02\x01"),
            "a program whose headers point outside the file: cut off or damaged"
        );
    }
}
