use std::collections::{BTreeSet, HashMap};

use secgate_model::{Purl, UnknownKind};
use secgate_source::{Entry, Tree};

use super::{
    maven_model::Model,
    zip_archive::{Archive, Member},
};
use crate::{Catalog, CatalogError, Cataloger, excerpt};

/// Java archives: JAR, WAR, EAR, HPI, JPI, PAR and RAR files, what is nested in them, and libraries that were unpacked
/// into them (shaded).
///
/// What an archive contains is told by every `META-INF/maven/**/pom.properties`; without one, by the `pom.xml` at the same
/// place as far as it is literal; without either, by a manifest that names group, artifact and version outright (Jenkins
/// plug-ins; `Implementation-*` where the file's name confirms the artifact). A file's name alone is no identity: an
/// archive with classes and none of these is told as a gap, unless it only packs other archives (an application).
///
/// A nested archive has the outer one as its parent where that has an identity. Bounds: 4 levels, 64 MiB an archive,
/// 256 MiB inflated in all, 200 times the compressed size for large members.
#[derive(Debug)]
pub(crate) struct Jar;

/// Levels of archives in archives.
const MAX_DEPTH: usize = 4;
/// Bytes of one inflated member.
const MAX_MEMBER: u64 = 64 << 20;
/// Bytes inflated for one file of the tree.
const MAX_INFLATED: u64 = 256 << 20;
/// Bytes of a `pom.properties`, `pom.xml` or manifest.
const MAX_TEXT: u64 = 1 << 20;

impl Cataloger for Jar {
    fn id(&self) -> &'static str {
        "jar"
    }

    fn wants(&self, entry: &Entry) -> bool {
        is_archive(entry.name())
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
        let bytes = tree.contents(entry)?;
        if excerpt::is_excerpt(&bytes) {
            return excerpt::read(&bytes, &["maven"], catalog);
        }
        let archive = Archive::open(&bytes).map_err(CatalogError::whole)?;
        if is_gradle_wrapper(entry, &archive) {
            catalog.passed_over();
            return Ok(());
        }
        let mut reader = Reader { catalog, left: MAX_INFLATED };
        reader.archive(&archive, entry.name(), None, 0);
        // An archive of sources or pictures.
        if catalog.packages.is_empty() && catalog.unknowns.is_empty() {
            catalog.passed_over();
        }
        Ok(())
    }
}

fn is_archive(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        ["jar", "war", "ear", "hpi", "jpi", "par", "rar"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// The launcher that every Gradle project keeps: it has no version of its own and only starts the Gradle that
/// `gradle-wrapper.properties` names.
fn is_gradle_wrapper(entry: &Entry, archive: &Archive<'_>) -> bool {
    entry.path.ends_with("gradle/wrapper/gradle-wrapper.jar")
        && archive.members.iter().all(|member| {
            [b"META-INF".as_slice(), b"org/gradle/", b"gradle-", b"org/"].iter().any(|start| {
                member.name.starts_with(start)
                    && (!member.name.starts_with(b"org/")
                        || member.name == b"org/"
                        || member.name.starts_with(b"org/gradle/"))
            })
        })
}

/// Group, artifact and version.
type Identity = (String, String, String);

struct Reader<'c> {
    catalog: &'c mut Catalog,
    left: u64,
}

impl Reader<'_> {
    /// Records a gap; of a file made of gaps only the first thousand are listed.
    fn gap(&mut self, kind: UnknownKind, reason: String) {
        const LISTED: usize = 1000;
        match self.catalog.unknowns.len() {
            0..LISTED => self.catalog.unknown(0, kind, reason),
            LISTED => self.catalog.unknown(
                0,
                UnknownKind::Limit,
                format!("more than {LISTED} gaps: no more are listed"),
            ),
            _ => {}
        }
    }

    /// Reads an archive; `shown` is its path inside the file, from the file's own name on.
    fn archive(&mut self, archive: &Archive<'_>, shown: &str, parent: Option<&Purl>, depth: usize) {
        let stem = shown.rsplit(['/', '!']).next().unwrap_or(shown);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        let mut identities = BTreeSet::new();
        let mut described = HashMap::new();
        let mut manifest = None;
        let mut nested = Vec::new();
        let mut has_classes = false;
        for member in &archive.members {
            let Ok(name) = std::str::from_utf8(member.name) else { continue };
            if let Some(place) = name.strip_suffix("/pom.properties")
                && place.starts_with("META-INF/maven/")
            {
                match self.text(archive, member, shown).map(|text| properties(&text)) {
                    Some(Some(identity)) => {
                        identities.insert(identity);
                        described.remove(place);
                    }
                    Some(None) => self.gap(
                        UnknownKind::Unreadable,
                        format!("{}: `{}` does not say what it is", brief(shown), brief(name)),
                    ),
                    None => {}
                }
            } else if let Some(place) = name.strip_suffix("/pom.xml")
                && place.starts_with("META-INF/maven/")
            {
                described.insert(place, member);
            } else if name == "META-INF/MANIFEST.MF" {
                manifest = Some(member);
            } else if is_archive(name) {
                nested.push((name, member));
            } else if name.strip_suffix(".class").is_some_and(|class| {
                !class.ends_with("module-info") && !class.ends_with("package-info")
            }) {
                has_classes = true;
            }
        }
        if identities.is_empty() {
            let mut described: Vec<_> = described.into_iter().collect();
            described.sort_by_key(|(place, _)| *place);
            for (_, member) in described {
                let Some(text) = self.text(archive, member, shown) else { continue };
                identities.extend(literal(&text));
            }
        }
        if identities.is_empty()
            && let Some(member) = manifest
            && let Some(text) = self.text(archive, member, shown)
        {
            identities.extend(from_manifest(&text, stem));
        }
        if identities.is_empty() && has_classes && nested.is_empty() {
            self.gap(
                UnknownKind::Unpinned,
                format!(
                    "{}: a Java archive that names neither group nor artifact and version: what \
                     it contains cannot be judged",
                    brief(shown)
                ),
            );
        }
        let own = self.push(&identities, stem, parent);
        for (name, member) in nested {
            let shown = format!("{shown}!/{name}");
            if depth + 1 >= MAX_DEPTH {
                let reason = format!("{}: more than {MAX_DEPTH} archives deep", brief(&shown));
                self.gap(UnknownKind::Limit, reason);
                continue;
            }
            let Some(bytes) = self.inflate(archive, member, &shown, MAX_MEMBER) else { continue };
            match Archive::open(&bytes) {
                Ok(inner) => self.archive(&inner, &shown, own.as_ref().or(parent), depth + 1),
                Err(reason) => {
                    self.gap(UnknownKind::Unreadable, format!("{}: {reason}", brief(&shown)));
                }
            }
        }
    }

    /// Adds the identities and gives back that of the archive itself: the only one, or the one that its file is named
    /// after. The others were unpacked into it.
    fn push(
        &mut self,
        identities: &BTreeSet<Identity>,
        stem: &str,
        parent: Option<&Purl>,
    ) -> Option<Purl> {
        let mut added = Vec::new();
        for (group, artifact, version) in identities {
            if self.catalog.package("maven", Some(group), artifact, version, 0).is_some() {
                let named = identities.len() == 1
                    || stem == artifact
                    || stem
                        .strip_prefix(artifact.as_str())
                        .is_some_and(|rest| rest.strip_prefix('-') == Some(version));
                added.push((self.catalog.packages.len() - 1, named));
            }
        }
        let purl = |catalog: &Catalog, at: usize| catalog.packages.get(at).map(|p| p.purl.clone());
        let own_at = added.iter().find(|(_, named)| *named).map(|(at, _)| *at);
        let own = own_at.and_then(|at| purl(self.catalog, at));
        let edges: Vec<_> = added
            .iter()
            .filter_map(|(at, _)| {
                let above = if Some(*at) == own_at { parent } else { own.as_ref().or(parent) };
                above.map(|above| (*at, above.clone()))
            })
            .collect();
        self.catalog.link(edges);
        own
    }

    fn text(&mut self, archive: &Archive<'_>, member: &Member<'_>, shown: &str) -> Option<String> {
        let bytes = self.inflate(archive, member, shown, MAX_TEXT)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A member's bytes, within the bounds; the gap is told otherwise.
    fn inflate(
        &mut self,
        archive: &Archive<'_>,
        member: &Member<'_>,
        shown: &str,
        limit: u64,
    ) -> Option<Vec<u8>> {
        if member.size > limit.min(self.left) || is_bomb(member) {
            let reason = format!("{}: too large to be looked into", brief(shown));
            self.gap(UnknownKind::Limit, reason);
            return None;
        }
        // What a lying directory makes inflate is paid for as well.
        self.left = self.left.saturating_sub(member.size.max(1 << 10));
        match archive.read(member, limit) {
            Ok(bytes) => Some(bytes),
            Err(reason) => {
                let name = String::from_utf8_lossy(member.name);
                let reason = format!("{}: `{}`: {reason}", brief(shown), brief(&name));
                self.gap(UnknownKind::Unreadable, reason);
                None
            }
        }
    }
}

fn is_bomb(member: &Member<'_>) -> bool {
    const LARGE: u64 = 1 << 20;
    member.size > LARGE && member.size / 200 > member.packed_size()
}

fn brief(text: &str) -> String {
    text.chars().take(200).collect()
}

/// The three keys of a `pom.properties`.
fn properties(text: &str) -> Option<Identity> {
    let mut found: [Option<&str>; 3] = [None; 3];
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with(['#', '!']) {
            continue;
        }
        let Some((key, value)) = line.split_once(['=', ':']) else { continue };
        let slot = match key.trim() {
            "groupId" => 0,
            "artifactId" => 1,
            "version" => 2,
            _ => continue,
        };
        if let Some(slot) = found.get_mut(slot) {
            *slot = Some(value.trim());
        }
    }
    identity(found)
}

/// What a `pom.xml` says of itself without properties.
fn literal(text: &str) -> Option<Identity> {
    let model = Model::parse(text, "").ok()?;
    identity([model.group(), model.artifact.as_deref(), model.version()])
}

fn identity(parts: [Option<&str>; 3]) -> Option<Identity> {
    let [group, artifact, version] = parts.map(|part| part.filter(|text| is_coordinate(text)));
    Some((group?.to_owned(), artifact?.to_owned(), version?.to_owned()))
}

/// Whether a text can be one of Maven's coordinates: anything else was written for people, or is a template.
fn is_coordinate(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'))
}

/// What the main section of a manifest says outright (JAR File Specification, "Notes on Manifest and Signature Files").
fn from_manifest(text: &str, stem: &str) -> Option<Identity> {
    let mut attributes: HashMap<String, String> = HashMap::new();
    let mut last: Option<String> = None;
    for line in text.lines() {
        if line.trim().is_empty() {
            break;
        }
        if let Some(more) = line.strip_prefix(' ') {
            if let Some(value) = last.as_ref().and_then(|key| attributes.get_mut(key)) {
                value.push_str(more);
            }
            continue;
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        let key = key.trim().to_ascii_lowercase();
        attributes.insert(key.clone(), value.trim().to_owned());
        last = Some(key);
    }
    let get = |key: &str| attributes.get(key).map(String::as_str);
    // Jenkins plug-ins say all three.
    let plugin = get("short-name").or_else(|| get("extension-name"));
    if let Some(found) = identity([get("group-id"), plugin, get("plugin-version")]) {
        return Some(found);
    }
    let version = get("implementation-version");
    let group = get("implementation-vendor-id");
    let title = get("implementation-title");
    // A title may be meant for people; it is the artifact when the file is called after it.
    let confirmed = title.filter(|title| {
        stem.strip_prefix(title).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('-').is_some_and(|rest| Some(rest) == version)
        })
    });
    identity([group, confirmed, version])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{
        testing::{lines, try_catalog},
        zip_archive::crafted::zip,
    };

    const POM: &str = "#Generated by Maven\n#Mon Jan 01 00:00:00 UTC 2024\nversion=2.14.1\n\
        groupId=org.apache.logging.log4j\nartifactId=log4j-core\n";
    const SHADED: &str = "groupId = com.google.code.gson\nartifactId = gson\nversion = 2.8.5\n";

    fn jar(path: &str, members: &[(&str, &[u8])]) -> Catalog {
        let (catalog, result) = try_catalog(&Jar, &[(path, &zip(members))]);
        result.unwrap();
        catalog
    }

    fn log4j() -> Vec<u8> {
        zip(&[
            ("META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties", POM.as_bytes()),
            ("org/apache/X.class", b"class"),
        ])
    }

    #[test]
    fn shaded_and_nested_archives() {
        let own = SHADED.replace("com.google.code.gson", "com.acme").replace("gson", "app");
        let catalog = jar(
            "lib/app-2.8.5.war",
            &[
                ("META-INF/maven/com.acme/app/pom.properties", own.as_bytes()),
                ("META-INF/maven/com.google.code.gson/gson/pom.properties", SHADED.as_bytes()),
                ("WEB-INF/classes/Main.class", b"class"),
                ("WEB-INF/lib/log4j-core-2.14.1.jar", &log4j()),
            ],
        );
        assert_eq!(
            lines(&catalog),
            [
                "pkg:maven/com.acme/app@2.8.5 parents=[]",
                "pkg:maven/com.google.code.gson/gson@2.8.5 parents=[pkg:maven/com.acme/app@2.8.5]",
                "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1 parents=[pkg:maven/com.acme/app@2.8.5]",
            ]
            .map(str::to_owned)
        );
        assert!(catalog.unknowns.is_empty());
    }

    #[test]
    fn manifests_only_when_they_say_it_outright() {
        let check = |path: &str, manifest: &str, expected: &[&str], gaps: usize| {
            let catalog =
                jar(path, &[("META-INF/MANIFEST.MF", manifest.as_bytes()), ("A.class", b"x")]);
            assert_eq!(lines(&catalog), expected, "{manifest}");
            assert_eq!(catalog.unknowns.len(), gaps, "{manifest}");
        };
        let outright = "Manifest-Version: 1.0\r\nImplementation-Title: commons-fileup\r\n load\r\n\
            Implementation-Vendor-Id: commons-fileupload\r\nImplementation-Version: 1.3\r\n\r\n";
        check(
            "commons-fileupload-1.3.jar",
            outright,
            &["pkg:maven/commons-fileupload/commons-fileupload@1.3 parents=[]"],
            0,
        );
        check("renamed.jar", outright, &[], 1);
        check(
            "spring-core-5.3.9.jar",
            "Implementation-Title: spring-core\nImplementation-Version: 5.3.9\n",
            &[],
            1,
        );
        check(
            "git.hpi",
            "Group-Id: org.jenkins-ci.plugins\nShort-Name: git\nPlugin-Version: 4.10.0\n",
            &["pkg:maven/org.jenkins-ci.plugins/git@4.10.0 parents=[]"],
            0,
        );
        check("x.jar", "Bundle-SymbolicName: com.google.guava\nBundle-Version: 31.0\n", &[], 1);
    }

    #[test]
    fn a_literal_pom_is_an_identity_and_a_template_is_not() {
        let pom = "<project><parent><groupId>org.a</groupId><artifactId>p</artifactId>\
            <version>1.0</version></parent><artifactId>b</artifactId></project>";
        let at = "META-INF/maven/org.a/b/pom.xml";
        let catalog = jar("b.jar", &[(at, pom.as_bytes()), ("A.class", b"x")]);
        assert_eq!(lines(&catalog), ["pkg:maven/org.a/b@1.0 parents=[]"]);
        let template = pom.replace("1.0", "${revision}");
        let catalog = jar("b.jar", &[(at, template.as_bytes()), ("A.class", b"x")]);
        assert_eq!((catalog.packages.len(), catalog.unknowns.len()), (0, 1));
        assert!(jar("icons.jar", &[("a.png", b"x")]).unknowns.is_empty());
    }

    #[test]
    fn what_is_too_deep_or_too_large_is_told() {
        let mut inner = log4j();
        for level in 0..5 {
            inner = zip(&[(format!("l{level}.jar").as_str(), inner.as_slice())]);
        }
        let (catalog, result) = try_catalog(&Jar, &[("deep.jar", &inner)]);
        result.unwrap();
        assert!(catalog.packages.is_empty());
        assert_eq!(catalog.unknowns[0].kind, UnknownKind::Limit);
        let catalog = jar("bomb.jar", &[("x.jar", &vec![0; 4 << 20])]);
        assert_eq!(catalog.unknowns[0].kind, UnknownKind::Limit);
        let catalog = jar("bad.jar", &[("x.jar", b"no archive")]);
        assert_eq!(catalog.unknowns[0].reason, "bad.jar!/x.jar: not a ZIP archive, or cut off");
        let (_, result) = try_catalog(&Jar, &[("cut.jar", &log4j()[..200])]);
        assert_eq!(result.unwrap_err().to_string(), "not a ZIP archive, or cut off");
    }

    #[test]
    fn the_gradle_wrapper_has_no_version_of_its_own() {
        let path = "gradle/wrapper/gradle-wrapper.jar";
        let catalog = jar(path, &[("org/gradle/wrapper/Main.class", b"x")]);
        assert!(catalog.unknowns.is_empty());
        assert_eq!(jar(path, &[("org/evil/Main.class", b"x")]).unknowns.len(), 1);
    }
}
