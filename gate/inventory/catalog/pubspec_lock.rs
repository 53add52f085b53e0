use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Member, parse_yaml},
};

/// `pubspec.lock` of Dart and Flutter (source `pub/lib/src/lock_file.dart`). Packages of an SDK have no version of their own
/// and those of a path are the project's: neither is a component.
#[derive(Debug)]
pub(crate) struct PubspecLock;

impl Cataloger for PubspecLock {
    fn id(&self) -> &'static str {
        "pubspec-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "pubspec.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_yaml(&text)?;
        root.expect_map("the document")?;
        for member in root.optional_map("packages")? {
            one(member, catalog)?;
        }
        // The writer puts the SDKs last.
        if root.get("sdks").is_none() && root.get("sdk").is_none() {
            return Err(CatalogError::whole("`sdks` is missing: not a pubspec.lock, or cut off"));
        }
        Ok(())
    }
}

fn one(member: &Member<'_>, catalog: &mut Catalog) -> Result<(), CatalogError> {
    let (name, node) = (&member.key, &member.node);
    node.expect_map(name)?;
    let source = node.member_text("source")?;
    let description = node.get("description");
    let field = |key: &str| description.and_then(|node| node.get(key)).and_then(|node| node.text());
    let qualifier = match source {
        "hosted" => {
            let url = field("url").unwrap_or_default();
            let public = matches!(
                url.trim_end_matches('/'),
                "" | "https://pub.dev" | "https://pub.dartlang.org" | "http://pub.dartlang.org"
            );
            (!public).then(|| ("repository_url", url.to_owned()))
        }
        "git" => {
            let commit = field("resolved-ref").unwrap_or_default();
            Some(("vcs_url", format!("git+{}@{commit}", field("url").unwrap_or_default())))
        }
        "sdk" | "path" => return Ok(()),
        _ => {
            catalog.unreadable(member.line, format!("`{name}` comes from an unknown source"));
            return Ok(());
        }
    };
    let version = node
        .get("version")
        .and_then(|version| version.scalar())
        .ok_or_else(|| CatalogError::at(member.line, "`version` is missing"))?;
    let (direct, scope) = match node.optional_text("dependency")?.unwrap_or_default() {
        "direct main" => (Some(true), Scope::Runtime),
        "direct dev" => (Some(true), Scope::Dev),
        "direct overridden" => (Some(true), Scope::Unknown),
        "transitive" => (Some(false), Scope::Unknown),
        _ => (None, Scope::Unknown),
    };
    // A hosted package may be published under another name than the one it is used by.
    let name = field("name").filter(|_| source == "hosted").unwrap_or(name);
    if let Some(package) = catalog.package("pub", None, name, version, member.line) {
        package.direct = direct;
        package.scope = scope;
        if let Some((key, value)) = qualifier {
            package.purl = package.purl.clone().with_qualifier(key, &value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const LOCK: &str = include_str!("../testdata/pub/pubspec.lock");

    #[test]
    fn packages_with_lines_and_scopes() {
        assert_eq!(
            lines(&catalog_text(&PubspecLock, "pubspec.lock", LOCK)),
            [
                "pkg:pub/async@2.11.0:4 direct=false parents=[]",
                "pkg:pub/dio@5.0.0:17 direct=true scope=runtime parents=[]",
                "pkg:pub/lints@2.1.1?vcs_url=git%2Bhttps://github.com/dart-lang/lints.git%402294e5648ab5:25 direct=true scope=dev parents=[]",
                "pkg:pub/private@1.0.0?repository_url=https://pub.example.org:34 direct=true scope=runtime parents=[]",
            ]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let cut = LOCK.split("sdks:").next().unwrap();
        assert_eq!(
            failure(&PubspecLock, "pubspec.lock", cut),
            "`sdks` is missing: not a pubspec.lock, or cut off"
        );
        assert_eq!(
            failure(
                &PubspecLock,
                "pubspec.lock",
                "packages:\n  a:\n    source: hosted\nsdks: {}\n"
            ),
            "2: `version` is missing"
        );
        let text = "packages:\n  a:\n    source: ftp\nsdks: {}\n";
        assert_eq!(catalog_text(&PubspecLock, "pubspec.lock", text).unknowns.len(), 1);
    }
}
