//! The package list that `cargo auditable` puts into a program: a section `.dep-v0` that holds zlib-compressed JSON.

use std::io::Read;

use secgate_model::{Purl, Scope};

use super::executable_image::Image;
use crate::{Catalog, CatalogError, document::parse_json};

/// Bytes of the list, inflated, that are read.
const MAX_LIST: u64 = 8 << 20;

/// Adds what a program of Rust was built from. `false` for programs without such a list, which add nothing.
pub(crate) fn catalog_image(
    image: &Image<'_>,
    catalog: &mut Catalog,
) -> Result<bool, CatalogError> {
    let Some(section) = image.section(&[b".dep-v0"]) else { return Ok(false) };
    let mut list = Vec::new();
    flate2::read::ZlibDecoder::new(section)
        .take(MAX_LIST + 1)
        .read_to_end(&mut list)
        .map_err(|_| CatalogError::whole("the list of crates in `.dep-v0` does not inflate"))?;
    if list.len() as u64 > MAX_LIST {
        return Err(CatalogError::whole(format!(
            "the list of crates in `.dep-v0` is larger than {MAX_LIST} bytes"
        )));
    }
    let text = String::from_utf8(list)
        .map_err(|_| CatalogError::whole("the list of crates in `.dep-v0` is not UTF-8"))?;
    read(&text, catalog).map_err(|error| {
        // A line of the list says nothing about a line of the program.
        CatalogError::whole(format!("the list of crates in `.dep-v0`: {error}"))
    })?;
    Ok(true)
}

fn read(text: &str, catalog: &mut Catalog) -> Result<(), CatalogError> {
    let root = parse_json(text)?;
    let crates = root
        .get("packages")
        .ok_or_else(|| CatalogError::whole("`packages` is missing"))?
        .expect_list("packages")?;
    let mut places: Vec<Option<(usize, Purl)>> = Vec::with_capacity(crates.len());
    for node in crates {
        node.expect_map("packages")?;
        let (name, version) = (node.member_text("name")?, node.member_text("version")?);
        let source = node.member_text("source")?;
        places.push(None);
        // What was compiled from a folder is the project's own.
        if source == "local" {
            continue;
        }
        let Some(found) = catalog.package("cargo", None, name, version, 0) else { continue };
        if source == "git" {
            // Which repository it was is not recorded.
            found.purl = found.purl.clone().with_qualifier("source", "git");
        }
        found.scope = match node.optional_text("kind")? {
            Some("build") => Scope::Dev,
            _ => Scope::Runtime,
        };
        let purl = found.purl.clone();
        if let Some(last) = places.last_mut() {
            *last = Some((catalog.packages.len() - 1, purl));
        }
    }
    let mut edges = Vec::new();
    for (node, place) in crates.iter().zip(&places) {
        for dependency in node.optional_list("dependencies")? {
            let child = dependency
                .scalar()
                .and_then(|index| index.parse::<usize>().ok())
                .and_then(|index| places.get(index))
                .ok_or_else(|| CatalogError::whole("a dependency that is not in the list"))?;
            let Some((child, _)) = child else { continue };
            match place {
                Some((_, parent)) => edges.push((*child, parent.clone())),
                None => {
                    if let Some(found) = catalog.packages.get_mut(*child) {
                        found.direct = Some(true);
                    }
                }
            }
        }
    }
    catalog.link(edges);
    if places.iter().any(Option::is_none) {
        for (index, _) in places.iter().flatten() {
            if let Some(found) = catalog.packages.get_mut(*index) {
                found.direct.get_or_insert(false);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use crate::catalog::{
        executable::Executable,
        executable_image::crafted,
        testing::{lines, try_catalog},
    };

    fn program(list: &str) -> Vec<u8> {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(list.as_bytes()).unwrap();
        crafted::elf(&[(".text", b"x"), (".dep-v0", &packed.finish().unwrap())])
    }

    fn fault(program: &[u8]) -> String {
        try_catalog(&Executable, &[("tool", program)]).1.unwrap_err().to_string()
    }

    #[test]
    fn every_crate_with_its_parents() {
        let list = r#"{"packages":[
            {"name":"cc","version":"1.0.79","source":"crates.io","kind":"build"},
            {"name":"libc","version":"0.2.144","source":"registry","dependencies":[0]},
            {"name":"tool","version":"0.1.0","source":"local","dependencies":[1,3],"root":true},
            {"name":"fork","version":"1.2.3","source":"git"}]}"#;
        let (catalog, result) = try_catalog(&Executable, &[("tool", &program(list))]);
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:cargo/cc@1.0.79 direct=false scope=dev parents=[pkg:cargo/libc@0.2.144]",
                "pkg:cargo/libc@0.2.144 direct=true scope=runtime parents=[]",
                "pkg:cargo/fork@1.2.3?source=git direct=true scope=runtime parents=[]",
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn faults_are_told() {
        let junk = crafted::elf(&[(".dep-v0", b"not zlib")]);
        assert_eq!(fault(&junk), "the list of crates in `.dep-v0` does not inflate");
        assert_eq!(fault(&program("{}")), "the list of crates in `.dep-v0`: `packages` is missing");
        let outside =
            r#"{"packages":[{"name":"a","version":"1","source":"local","dependencies":[7]}]}"#;
        assert!(fault(&program(outside)).ends_with("a dependency that is not in the list"));
        let bomb = program(&" ".repeat(9 << 20));
        assert!(fault(&bomb).ends_with("is larger than 8388608 bytes"));
    }
}
