use secgate_source::{Entry, Tree};

use super::gem::{is_version, push_gem};
use crate::{Catalog, CatalogError, Cataloger};

/// An installed gem: `specifications/NAME-VERSION[-PLATFORM].gemspec`, which RubyGems writes in a fixed shape
/// (`Gem::Specification#to_ruby`). The name and version inside must be those of the file's name.
#[derive(Debug)]
pub(crate) struct Gemspec;

impl Cataloger for Gemspec {
    fn id(&self) -> &'static str {
        "gemspec"
    }

    fn wants(&self, entry: &Entry) -> bool {
        let folder = entry.folder();
        let folder = folder.strip_suffix("/default").unwrap_or(folder);
        entry.name().ends_with(".gemspec") && folder.rsplit('/').next() == Some("specifications")
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
        let mut name = None;
        let mut version = None;
        let mut licenses = Vec::new();
        let mut stub = None;
        let mut ended = false;
        for (at, line) in text.lines().enumerate() {
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let line = line.trim_end();
            ended = line == "end" || (ended && line.is_empty());
            let line = line.trim_start();
            if let Some(rest) = line.strip_prefix("# stub: ") {
                let mut words = rest.split(' ');
                stub =
                    words.next().zip(words.next()).map(|(name, version)| (name, version, number));
            } else if let Some(value) = attribute(line, "name") {
                name = name.or_else(|| quoted(value).next());
            } else if let Some(value) = attribute(line, "version") {
                version = version.or_else(|| quoted(value).next().map(|text| (text, number)));
            } else if let Some(value) =
                attribute(line, "licenses").or_else(|| attribute(line, "license"))
            {
                licenses.extend(quoted(value).map(str::to_owned));
            }
        }
        if !ended {
            return Err(CatalogError::whole("no closing `end`: the file is cut off"));
        }
        let name = name.or(stub.map(|(name, _, _)| name));
        let version = version.or(stub.map(|(_, version, number)| (version, number)));
        let (Some(name), Some((version, line))) = (name, version) else {
            return Err(CatalogError::whole(
                "neither `s.name` and `s.version` nor a `# stub:` line",
            ));
        };
        let stem = entry.name().trim_end_matches(".gemspec");
        let platform = match stem
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('-'))
            .and_then(|rest| rest.strip_prefix(version))
        {
            Some("") => "",
            Some(rest) if rest.starts_with('-') => rest,
            _ => {
                return Err(CatalogError::at(
                    line,
                    format!("`{}` does not fit the file's name", brief(name, version)),
                ));
            }
        };
        if !is_version(version) {
            return Err(CatalogError::at(line, "a version that RubyGems does not allow"));
        }
        if let Some(found) = push_gem(catalog, name, &format!("{version}{platform}"), line) {
            found.licenses = licenses;
        }
        Ok(())
    }
}

fn brief(name: &str, version: &str) -> String {
    format!("{name} {version}").chars().take(120).collect()
}

/// The value of `s.KEY = …`.
fn attribute<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    let (left, value) = line.split_once('=')?;
    (left.trim_end().rsplit_once('.')?.1 == key).then(|| value.trim())
}

/// The texts in quotes.
fn quoted(value: &str) -> impl Iterator<Item = &str> {
    value.split('"').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const SPEC: &str = include_str!("../testdata/ruby/specifications/rack-2.2.3.gemspec");
    const PATH: &str = "vendor/bundle/ruby/3.0.0/specifications/rack-2.2.3.gemspec";

    #[test]
    fn an_installed_gem() {
        let catalog = catalog_text(&Gemspec, PATH, SPEC);
        assert_eq!(lines(&catalog), ["pkg:gem/rack@2.2.3:6 parents=[]"]);
        assert_eq!(catalog.packages[0].licenses, ["MIT"]);
        let default = "# stub: json 2.5.1 x86_64-linux lib\n\nGem::Specification.new do |s|\nend\n";
        let catalog = catalog_text(
            &Gemspec,
            "specifications/default/json-2.5.1-x86_64-linux.gemspec",
            default,
        );
        assert_eq!(lines(&catalog), ["pkg:gem/json@2.5.1?platform=x86_64-linux:1 parents=[]"]);
        let entry = Entry { path: "lib/rack.gemspec".into() };
        assert!(!Gemspec.wants(&entry));
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&Gemspec, "specifications/rack-2.2.4.gemspec", SPEC),
            "6: `rack 2.2.3` does not fit the file's name"
        );
        assert_eq!(failure(&Gemspec, PATH, &SPEC[..200]), "no closing `end`: the file is cut off");
        assert_eq!(
            failure(&Gemspec, PATH, "Gem::Specification.new do |s|\nend\n"),
            "neither `s.name` and `s.version` nor a `# stub:` line"
        );
    }
}
