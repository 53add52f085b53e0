use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{
        conda,
        pypi::{self, Requirement},
        requirements_txt,
    },
    document::parse_yaml,
};

/// `environment.yml` of conda (conda documentation, "Managing environments"), with the requirements of pip inside.
///
/// Exact are `name==1.2.3`, `name=1.2.3=build` and, because exports without builds write it so, `name=1.2.3` with three
/// or more numbers. A shorter `name=1.2` means any 1.2.x. A file of this name without `dependencies` is not conda's.
#[derive(Debug)]
pub(crate) struct CondaEnvironment;

impl Cataloger for CondaEnvironment {
    fn id(&self) -> &'static str {
        "conda-environment"
    }

    fn wants(&self, entry: &Entry) -> bool {
        matches!(entry.name(), "environment.yml" | "environment.yaml")
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_yaml(&text)?;
        let Some(dependencies) = root.get("dependencies") else {
            // Other programs have files of this name.
            catalog.passed_over();
            return Ok(());
        };
        for item in dependencies.expect_list("dependencies")? {
            if let Some(text) = item.scalar() {
                spec(text, item.line, catalog);
            } else if let Some(pip) = item.get("pip") {
                for requirement in pip.expect_list("pip")? {
                    pip_line(requirement.expect_text("pip")?, requirement.line, catalog);
                }
            } else {
                catalog.unreadable(item.line, format!("`dependencies` holds {}", item.sort()));
            }
        }
        for package in &mut catalog.packages {
            package.direct = Some(true);
        }
        Ok(())
    }
}

/// One match specification: `channel::name=version=build` and its relatives.
fn spec(text: &str, line: u32, catalog: &mut Catalog) {
    let (channel, rest) = match text.rsplit_once("::") {
        Some((channel, rest)) => (Some(channel), rest.trim()),
        None => (None, text.trim()),
    };
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')))
        .unwrap_or(rest.len());
    let (name, asked) = rest.split_at(end);
    if !conda::is_word(name) {
        catalog.unreadable(line, "no package name at the start of the specification");
        return;
    }
    match exact(asked.trim()) {
        Some(version) => {
            conda::push(catalog, name, version, channel, line);
        }
        None => catalog.unpinned("conda", None, &name.to_ascii_lowercase(), line, asked.trim()),
    }
}

fn exact(asked: &str) -> Option<&str> {
    if let Some(version) = asked.strip_prefix("==") {
        let version = version.split('=').next()?.trim();
        return conda::is_word(version).then_some(version);
    }
    let rest = asked.strip_prefix('=')?;
    let (version, build) = match rest.split_once('=') {
        Some((version, build)) => (version.trim(), Some(build)),
        None => (rest.trim(), None),
    };
    let full = version.split('.').count() >= 3
        && version.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    (conda::is_word(version) && (full || build.is_some_and(|build| !build.is_empty())))
        .then_some(version)
}

fn pip_line(text: &str, line: u32, catalog: &mut Catalog) {
    if let Some(option) = text.strip_prefix('-') {
        let (key, value) = option.split_at(option.find([' ', '=']).unwrap_or(option.len()));
        let value = value.trim_start_matches(['=', ' ']).trim();
        match key {
            // A file of such a name is read by itself.
            "r" | "-requirement" if requirements_txt::is_requirements(value) => {}
            "r" | "-requirement" => {
                catalog
                    .unreadable(line, "it includes a file that is not named as requirements are");
            }
            "e" | "-editable" if value.contains("://") => {
                pypi::push_url(catalog, None, value, line);
            }
            _ => {}
        }
        return;
    }
    match Requirement::parse(text) {
        Ok(Requirement { name, url: Some(url), .. }) => {
            pypi::push_url(catalog, Some(name), url, line);
        }
        Ok(found) => match found.exact() {
            Some(version) => {
                pypi::push(catalog, found.name, version, line);
            }
            None => pypi::unpinned(catalog, found.name, line, found.specifier),
        },
        Err(_) if text.contains("://") => {
            pypi::push_url(catalog, None, text, line);
        }
        Err(_) if text.starts_with('.') || text.starts_with('/') => {}
        Err(reason) => catalog.unreadable(line, reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const ENVIRONMENT: &str = include_str!("../testdata/conda/environment.yml");

    #[test]
    fn exact_versions_and_open_ones() {
        let catalog = catalog_text(&CondaEnvironment, "environment.yml", ENVIRONMENT);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:conda/numpy@1.26.4:6 direct=true parents=[]",
                "pkg:conda/openssl@3.2.1?channel=conda-forge:7 direct=true parents=[]",
                "pkg:conda/pandas@2.2:8 direct=true parents=[]",
                "pkg:pypi/flask@2.0.1:13 direct=true parents=[]",
            ]
        );
        let unpinned: Vec<_> = catalog
            .unpinned
            .iter()
            .map(|request| request.purl.as_ref().unwrap().to_string())
            .collect();
        assert_eq!(
            unpinned,
            ["pkg:conda/python", "pkg:conda/scipy", "pkg:conda/pip", "pkg:pypi/requests"]
        );
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&CondaEnvironment, "environment.yml", "name: a\ndependencies: x\n"),
            "2: `dependencies` is a text, expected a list"
        );
        assert_eq!(failure(&CondaEnvironment, "environment.yml", ""), "the file is empty");
        let catalog =
            catalog_text(&CondaEnvironment, "environment.yml", "dependencies:\n- =1\n- [a]\n");
        assert_eq!(catalog.unknowns.len(), 2);
        let other = catalog_text(&CondaEnvironment, "environment.yml", "region: eu\n");
        assert!(other.packages.is_empty() && other.unknowns.is_empty() && other.is_passed_over());
    }
}
