use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{python_installed::Metadata, zip_archive::Archive},
};

/// A Python package as an archive: a wheel (`*.whl`, PyPA "Binary distribution format") or an egg (`*.egg`), by the
/// metadata inside it.
#[derive(Debug)]
pub(crate) struct Wheel;

/// Bytes of metadata that are inflated.
const MAX_METADATA: u64 = 16 << 20;

impl Cataloger for Wheel {
    fn id(&self) -> &'static str {
        "wheel"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name().ends_with(".whl") || entry.name().ends_with(".egg")
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let bytes = tree.read(entry)?;
        let archive = Archive::open(&bytes).map_err(CatalogError::whole)?;
        let member = archive
            .members
            .iter()
            .find(|member| std::str::from_utf8(member.name).is_ok_and(is_metadata))
            .ok_or_else(|| CatalogError::whole("no metadata of a package inside"))?;
        let metadata = archive.read(member, MAX_METADATA).map_err(|reason| {
            CatalogError::whole(format!("its metadata cannot be read: {reason}"))
        })?;
        // Old tools wrote descriptions in other encodings; the headers are plain.
        let text = String::from_utf8_lossy(&metadata);
        let index = Metadata::parse(&text)?.record(catalog);
        // Lines inside the archive are no lines of this file.
        for location in index
            .and_then(|at| catalog.packages.get_mut(at))
            .into_iter()
            .flat_map(|package| &mut package.locations)
        {
            location.line = None;
        }
        Ok(())
    }
}

/// `NAME-VERSION.dist-info/METADATA` or `EGG-INFO/PKG-INFO` at the top of the archive.
fn is_metadata(path: &str) -> bool {
    match path.split_once('/') {
        Some((folder, "METADATA")) => folder.ends_with(".dist-info"),
        Some((folder, "PKG-INFO")) => folder == "EGG-INFO",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{failure, lines, try_catalog};

    const WHEEL: &[u8] = include_bytes!("../testdata/wheel/acme_tool-1.2.0-py3-none-any.whl");

    #[test]
    fn the_metadata_inside_counts() {
        let (catalog, result) =
            try_catalog(&Wheel, &[("dist/acme_tool-9-py3-none-any.whl", WHEEL)]);
        result.unwrap();
        assert_eq!(lines(&catalog), ["pkg:pypi/acme-tool@1.2.0 parents=[]"]);
        assert_eq!(catalog.packages[0].licenses, ["MIT"]);
    }

    #[test]
    fn a_broken_archive_is_told() {
        assert_eq!(failure(&Wheel, "a.whl", "PK"), "not a ZIP archive, or cut off");
        for cut in 0..WHEEL.len() {
            assert!(try_catalog(&Wheel, &[("a.whl", &WHEEL[..cut])]).1.is_err(), "{cut}");
        }
    }
}
