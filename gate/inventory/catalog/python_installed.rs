use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::pypi,
    document::{Node, parse_json},
};

/// What an installer leaves of a Python package: `*.dist-info/METADATA` (PyPA, "Recording installed projects"),
/// `*.egg-info/PKG-INFO`, `EGG-INFO/PKG-INFO` and the single file `*.egg-info` of older tools.
///
/// A `REQUESTED` file beside says that a person asked for the package. What is installed in place (`direct_url.json` with
/// `editable`, or an `egg-info` folder inside a project) is the project itself.
#[derive(Debug)]
pub(crate) struct PythonInstalled;

impl Cataloger for PythonInstalled {
    fn id(&self) -> &'static str {
        "python-installed"
    }

    fn wants(&self, entry: &Entry) -> bool {
        let folder = entry.folder();
        match entry.name() {
            "METADATA" => folder.ends_with(".dist-info"),
            "PKG-INFO" => is_egg(folder),
            name => name.len() > ".egg-info".len() && name.ends_with(".egg-info"),
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
        let text = tree.read_text(entry)?;
        let metadata = Metadata::parse(&text)?;
        if is_in_place(entry, tree) {
            catalog.passed_over();
            return Ok(());
        }
        let index = metadata.record(catalog);
        let beside = format!("{}/REQUESTED", entry.folder());
        if entry.name() == "METADATA"
            && tree.find(&beside).is_some()
            && let Some(package) = index.and_then(|at| catalog.packages.get_mut(at))
        {
            package.direct = Some(true);
        }
        Ok(())
    }
}

fn is_egg(folder: &str) -> bool {
    folder.ends_with(".egg-info") || folder.rsplit('/').next() == Some("EGG-INFO")
}

/// Whether this is the project's own folder rather than an installed copy.
fn is_in_place(entry: &Entry, tree: &Tree) -> bool {
    let folder = entry.folder();
    if folder.ends_with(".egg-info") {
        let above =
            |path: &str| path.rsplit_once('/').map_or(String::new(), |(up, _)| up.to_owned());
        let home = above(folder);
        if home.rsplit('/').next().is_some_and(|last| last.ends_with("-packages")) {
            return false;
        }
        // Beside the project's files, or one level below them (`src`).
        return [home.clone(), above(&home)].iter().any(|home| {
            let prefix = if home.is_empty() { String::new() } else { format!("{home}/") };
            ["pyproject.toml", "setup.py", "setup.cfg"]
                .iter()
                .any(|name| tree.find(&format!("{prefix}{name}")).is_some())
        });
    }
    let Some(found) = tree.find(&format!("{folder}/direct_url.json")) else { return false };
    let Ok(text) = tree.read_text(found) else { return false };
    parse_json(&text)
        .is_ok_and(|root| root.at(&["dir_info", "editable"]).and_then(Node::bool) == Some(true))
}

/// The headers of core metadata (PyPA, "Core metadata specifications") that matter here.
#[derive(Debug)]
pub(crate) struct Metadata<'t> {
    name: &'t str,
    version: &'t str,
    line: u32,
    licenses: Vec<String>,
}

impl<'t> Metadata<'t> {
    /// Reads the headers up to the first empty line.
    pub(crate) fn parse(text: &'t str) -> Result<Self, CatalogError> {
        let (mut name, mut version, mut line) = (None, None, 0);
        let (mut expression, mut license, mut folded) = (None, None, false);
        let mut classifiers: Vec<String> = Vec::new();
        for (at, raw) in text.lines().enumerate() {
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            if raw.trim().is_empty() {
                break;
            }
            if raw.starts_with([' ', '\t']) {
                folded = true;
                continue;
            }
            let Some((key, value)) = raw.split_once(':') else {
                // Old tools did not indent the later lines of a text, licences above all.
                continue;
            };
            let value = value.trim();
            match key.to_ascii_lowercase().as_str() {
                "name" if name.is_none() => {
                    name = Some(value);
                    line = number;
                }
                "version" if version.is_none() => version = Some(value),
                "name" | "version" => {
                    return Err(CatalogError::at(number, format!("`{key}` is given twice")));
                }
                "license-expression" => expression = Some(value),
                "license" => {
                    license = Some(value);
                    folded = false;
                }
                "classifier" => {
                    if let Some(rest) = value.strip_prefix("License ::") {
                        let last = rest.rsplit("::").next().unwrap_or_default().trim();
                        classifiers.push(last.to_owned());
                    }
                }
                _ => {}
            }
        }
        let missing = |what: &str| {
            CatalogError::whole(format!(
                "there is no `{what}` header: not the metadata of a package, or cut off"
            ))
        };
        let name = name.filter(|name| !name.is_empty()).ok_or_else(|| missing("Name"))?;
        let version =
            version.filter(|version| !version.is_empty()).ok_or_else(|| missing("Version"))?;
        let told = |text: &&str| {
            !text.is_empty() && text.len() <= 120 && !text.eq_ignore_ascii_case("unknown")
        };
        let licenses = match (expression.filter(told), license.filter(told).filter(|_| !folded)) {
            (Some(expression), _) => vec![expression.to_owned()],
            (None, Some(license)) => vec![license.to_owned()],
            (None, None) => {
                classifiers.retain(|text| told(&text.as_str()) && text != "OSI Approved");
                classifiers
            }
        };
        Ok(Self { name, version, line, licenses })
    }

    /// Adds the package, and returns its index.
    pub(crate) fn record(&self, catalog: &mut Catalog) -> Option<usize> {
        let index = pypi::push(catalog, self.name, self.version, self.line)?;
        if let Some(package) = catalog.packages.get_mut(index) {
            package.licenses.clone_from(&self.licenses);
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines, try_catalog};

    const METADATA: &str =
        include_str!("../testdata/python/site-packages/Flask-2.0.1.dist-info/METADATA");
    const PKG_INFO: &str =
        include_str!("../testdata/python/site-packages/PyYAML.egg-info/PKG-INFO");

    #[test]
    fn headers_and_the_request_beside() {
        let at = "venv/lib/python3.11/site-packages/Flask-2.0.1.dist-info";
        let (path, asked) = (format!("{at}/METADATA"), format!("{at}/REQUESTED"));
        let (catalog, result) =
            try_catalog(&PythonInstalled, &[(&path, METADATA.as_bytes()), (&asked, b"")]);
        result.unwrap();
        assert_eq!(lines(&catalog), ["pkg:pypi/flask@2.0.1:2 direct=true parents=[]"]);
        assert_eq!(catalog.packages[0].licenses, ["BSD-3-Clause"]);
        let catalog =
            catalog_text(&PythonInstalled, "site-packages/PyYAML.egg-info/PKG-INFO", PKG_INFO);
        assert_eq!(lines(&catalog), ["pkg:pypi/pyyaml@5.3.1:2 parents=[]"]);
        assert_eq!(catalog.packages[0].licenses, ["MIT License"]);
    }

    #[test]
    fn what_is_installed_in_place_is_the_project() {
        let editable: &[u8] = b"{\"url\": \"file:///src\", \"dir_info\": {\"editable\": true}}";
        for files in [
            [
                ("a.dist-info/METADATA", METADATA.as_bytes()),
                ("a.dist-info/direct_url.json", editable),
            ],
            [("src/a.egg-info/PKG-INFO", PKG_INFO.as_bytes()), ("pyproject.toml", b"")],
        ] {
            let (catalog, result) = try_catalog(&PythonInstalled, &files);
            result.unwrap();
            assert!(catalog.packages.is_empty());
        }
    }

    #[test]
    fn faults_are_told() {
        let path = "a-1.dist-info/METADATA";
        let missing = |what: &str| {
            format!("there is no `{what}` header: not the metadata of a package, or cut off")
        };
        assert_eq!(failure(&PythonInstalled, path, ""), missing("Name"));
        assert_eq!(
            failure(&PythonInstalled, path, "Metadata-Version: 2.1\nName: a\n"),
            missing("Version")
        );
        assert_eq!(failure(&PythonInstalled, path, "Name: a\n\nVersion: 1\n"), missing("Version"));
        assert_eq!(
            failure(&PythonInstalled, path, "Name: a\nName: b\n"),
            "2: `Name` is given twice"
        );
    }
}
