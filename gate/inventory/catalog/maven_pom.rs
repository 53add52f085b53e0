use std::collections::{HashMap, HashSet};

use secgate_model::{Package, Scope};
use secgate_source::{Entry, Tree};

use super::maven_model::{Dependency, Model};
use crate::{Catalog, CatalogError, Cataloger};

/// `pom.xml` (Maven, "Introduction to the POM" and "Introduction to the Dependency Mechanism"), as far as the tree alone
/// tells: nothing is fetched.
///
/// - Versions come from the dependency itself, from `dependencyManagement` of the project and of its parents (followed by
///   `relativePath` inside the tree), then from imported BOMs that are modules in the tree. `${…}` is filled from the
///   properties of the project and its parents. What stays open, a range, `LATEST` and `RELEASE` are not pinned.
/// - A dependency on a module of the same tree is the project itself.
/// - Scopes: `test` is development; `provided` (brought by the container, at a version of its own) and `optional` are
///   optional; all others are needed at run time. A dependency of a profile may or may not be there: unknown.
///
/// Only direct dependencies are named here; plugins are not dependencies of what is built and are left out.
#[derive(Debug)]
pub(crate) struct MavenPom;

/// Parents of parents that are followed.
const MAX_PARENTS: usize = 16;
/// Depth of BOMs that import BOMs.
const MAX_IMPORTS: usize = 4;
/// Other files of the tree that are read for one `pom.xml`, and their bytes.
const MAX_READS: usize = 64;
const MAX_READ_BYTES: usize = 64 << 20;

impl Cataloger for MavenPom {
    fn id(&self) -> &'static str {
        "maven-pom"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "pom.xml"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let own = Model::parse(&text, &entry.path)?;
        let mut neighbours = Neighbours { tree, reads: 0, bytes: 0 };
        let project = Project::of(own, &mut neighbours);
        let managed = project.managed(&mut neighbours, 0);
        let mut modules = Modules::of(&project);
        let Some(own) = project.chain.first() else { return Ok(()) };
        let declared = own.dependencies.iter().map(|dependency| (dependency, false));
        let in_profiles = own.profile_dependencies.iter().map(|dependency| (dependency, true));
        for (dependency, in_profile) in declared.chain(in_profiles) {
            if dependency.group.is_empty() || dependency.artifact.is_empty() {
                catalog.unreadable(dependency.line, "a dependency without groupId or artifactId");
                continue;
            }
            let Some(key) = project.key(dependency) else {
                let shown = format!("{}:{}", dependency.group, dependency.artifact);
                catalog.unpinned("maven", None, &shown, dependency.line, "a property is not set");
                continue;
            };
            let entry = managed.get(&key);
            if modules.contains(&project, &key, &mut neighbours) {
                continue;
            }
            let asked = dependency
                .version
                .as_deref()
                .map(|version| project.fill(version).ok_or(version.to_owned()))
                .or_else(|| entry.and_then(|entry| entry.version.clone()));
            let scope = dependency
                .scope
                .as_deref()
                .and_then(|scope| project.fill(scope))
                .or_else(|| entry.and_then(|entry| entry.scope.clone()));
            let version = match &asked {
                Some(Ok(version)) => exact(version).ok_or(version.as_str()),
                Some(Err(raw)) => Err(raw.as_str()),
                None => Err("its version is set outside the tree"),
            };
            match version {
                Err(asked) => catalog.unpinned(
                    "maven",
                    Some(&key.group),
                    &key.artifact,
                    dependency.line,
                    asked,
                ),
                Ok(version) => {
                    if let Some(found) = push(catalog, &key, version, dependency.line) {
                        found.direct = Some(true);
                        found.scope = match scope_of(scope.as_deref(), dependency.optional) {
                            Scope::Runtime if in_profile => Scope::Unknown,
                            scope => scope,
                        };
                    }
                }
            }
        }
        Ok(())
    }
}

fn push<'c>(
    catalog: &'c mut Catalog,
    key: &Key,
    version: &str,
    line: u32,
) -> Option<&'c mut Package> {
    let found = catalog.package("maven", Some(&key.group), &key.artifact, version, line)?;
    if key.kind != "jar" && key.kind != "test-jar" {
        found.purl = found.purl.clone().with_qualifier("type", &key.kind);
    }
    found.purl = found.purl.clone().with_qualifier("classifier", &key.classifier);
    Some(found)
}

fn scope_of(scope: Option<&str>, optional: bool) -> Scope {
    match scope {
        Some("test") => Scope::Dev,
        Some("provided") => Scope::Optional,
        _ if optional => Scope::Optional,
        _ => Scope::Runtime,
    }
}

/// The one version that is asked for, if it is one.
fn exact(version: &str) -> Option<&str> {
    if matches!(version, "LATEST" | "RELEASE" | "") {
        return None;
    }
    let Some(inner) = version.strip_prefix('[') else {
        return (!version.starts_with('(') && !version.contains([',', '$'])).then_some(version);
    };
    inner.strip_suffix(']').filter(|inner| !inner.contains([',', '[', '(', '$'])).map(str::trim)
}

/// What `dependencyManagement` goes by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    group: String,
    artifact: String,
    kind: String,
    classifier: String,
}

/// What `dependencyManagement` says; the version unfilled as `Err` when a property is not set.
#[derive(Debug)]
struct Managed {
    version: Option<Result<String, String>>,
    scope: Option<String>,
}

/// Reads other files of the tree, within bounds.
struct Neighbours<'t> {
    tree: &'t Tree,
    reads: usize,
    bytes: usize,
}

impl Neighbours<'_> {
    /// The model at exactly this path. A broken file counts as missing here; its own turn reports it.
    fn model(&mut self, path: &str) -> Option<Model> {
        let entry = self.tree.find(path)?;
        if self.reads >= MAX_READS || self.bytes >= MAX_READ_BYTES {
            return None;
        }
        self.reads += 1;
        let text = self.tree.read_text(entry).ok()?;
        self.bytes += text.len();
        Model::parse(&text, path).ok()
    }
}

/// A project with its parents, the nearest first.
struct Project {
    chain: Vec<Model>,
}

impl Project {
    fn of(own: Model, neighbours: &mut Neighbours<'_>) -> Self {
        let mut chain = vec![own];
        let mut seen: HashSet<String> = chain.iter().map(|model| model.path.clone()).collect();
        while chain.len() <= MAX_PARENTS {
            let Some(next) = chain.last().and_then(|model| {
                let parent = model.parent.as_ref()?;
                let path = beside(&model.path, parent.relative.as_deref()?)?;
                let path = if path.ends_with(".xml") || neighbours.tree.find(&path).is_some() {
                    path
                } else {
                    beside(&format!("{path}/x"), "pom.xml")?
                };
                let found = neighbours.model(&path)?;
                // Maven takes the file only if it is the parent that was asked for.
                let same = found.group() == Some(parent.group.as_str())
                    && found.artifact.as_deref() == Some(parent.artifact.as_str());
                (same && seen.insert(path)).then_some(found)
            }) else {
                break;
            };
            chain.push(next);
        }
        Self { chain }
    }

    /// Fills in every `${…}`; `None` when one is not set or they run in a circle.
    fn fill(&self, text: &str) -> Option<String> {
        let mut budget = 40;
        self.fill_within(text, 0, &mut budget)
    }

    fn fill_within(&self, text: &str, depth: usize, budget: &mut usize) -> Option<String> {
        const MAX_LENGTH: usize = 512;
        if depth > 16 || text.len() > MAX_LENGTH {
            return None;
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            *budget = budget.checked_sub(1)?;
            let (name, after) = after.split_once('}')?;
            out.push_str(before);
            out.push_str(&self.fill_within(self.property(name)?, depth + 1, budget)?);
            if out.len() > MAX_LENGTH {
                return None;
            }
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }

    fn property(&self, name: &str) -> Option<&str> {
        let own = self.chain.first()?;
        let short = name.strip_prefix("project.").or_else(|| name.strip_prefix("pom."));
        let built_in = match short.unwrap_or(name) {
            "groupId" => own.group(),
            "artifactId" => own.artifact.as_deref(),
            "version" => own.version(),
            "parent.groupId" => own.parent.as_ref().map(|parent| parent.group.as_str()),
            "parent.artifactId" => own.parent.as_ref().map(|parent| parent.artifact.as_str()),
            "parent.version" => own.parent.as_ref().map(|parent| parent.version.as_str()),
            _ => None,
        };
        built_in
            .filter(|_| short.is_some())
            .or_else(|| {
                self.chain.iter().find_map(|model| model.properties.get(name)).map(String::as_str)
            })
            .or_else(|| own.profile_properties.get(name).map(String::as_str))
            .or(built_in)
    }

    fn key(&self, dependency: &Dependency) -> Option<Key> {
        let optional =
            |text: &Option<String>| text.as_deref().map_or(Some(String::new()), |t| self.fill(t));
        let kind = optional(&dependency.kind)?;
        Some(Key {
            group: self.fill(&dependency.group)?,
            artifact: self.fill(&dependency.artifact)?,
            kind: if kind.is_empty() { "jar".to_owned() } else { kind },
            classifier: optional(&dependency.classifier)?,
        })
    }

    /// Every managed version: the nearest declaration wins, declarations win over imports.
    fn managed(&self, neighbours: &mut Neighbours<'_>, depth: usize) -> HashMap<Key, Managed> {
        let mut managed: HashMap<Key, Managed> = HashMap::new();
        let mut imports = Vec::new();
        for dependency in self.chain.iter().flat_map(|model| &model.managed) {
            let Some(key) = self.key(dependency) else { continue };
            if dependency.scope.as_deref() == Some("import") && key.kind == "pom" {
                imports.push(key);
                continue;
            }
            managed.entry(key).or_insert_with(|| Managed {
                version: dependency
                    .version
                    .as_deref()
                    .map(|version| self.fill(version).ok_or(version.to_owned())),
                scope: dependency.scope.as_deref().and_then(|scope| self.fill(scope)),
            });
        }
        if depth >= MAX_IMPORTS || imports.is_empty() {
            return managed;
        }
        let mut modules = Modules::of(self);
        for import in imports {
            let Some(bom) = modules.find(self, &import, neighbours) else { continue };
            let bom = Self::of(bom, neighbours);
            for (key, value) in bom.managed(neighbours, depth + 1) {
                managed.entry(key).or_insert(value);
            }
        }
        managed
    }
}

/// Where the modules of a project may lie.
struct Modules {
    /// Paths of `pom.xml` by the last part of the module's folder.
    by_folder: HashMap<String, Vec<String>>,
    groups: HashSet<String>,
    known: HashMap<(String, String), bool>,
}

impl Modules {
    fn of(project: &Project) -> Self {
        /// Modules with the same last folder that are looked at.
        const SAME: usize = 4;
        let mut by_folder: HashMap<String, Vec<String>> = HashMap::new();
        let mut groups = HashSet::new();
        for model in &project.chain {
            groups.extend(model.group().map(str::to_owned));
            for module in &model.modules {
                let Some(path) = beside(&model.path, &format!("{module}/pom.xml")) else {
                    continue;
                };
                let folder = module.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                let paths = by_folder.entry(folder.to_owned()).or_default();
                if paths.len() < SAME {
                    paths.push(path);
                }
            }
        }
        Self { by_folder, groups, known: HashMap::new() }
    }

    /// Whether the tree itself holds this artifact.
    fn contains(&mut self, project: &Project, key: &Key, neighbours: &mut Neighbours<'_>) -> bool {
        if !self.groups.contains(&key.group) {
            return false;
        }
        let id = (key.group.clone(), key.artifact.clone());
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        let is_key = |model: &Model| {
            model.group() == Some(key.group.as_str())
                && model.artifact.as_deref() == Some(key.artifact.as_str())
        };
        let known =
            project.chain.iter().any(is_key) || self.find(project, key, neighbours).is_some();
        self.known.insert(id, known);
        known
    }

    /// The model of an artifact of this tree: in a folder of its name beside or above the project, or a module that a
    /// parent lists.
    fn find(
        &mut self,
        project: &Project,
        key: &Key,
        neighbours: &mut Neighbours<'_>,
    ) -> Option<Model> {
        const FOLDERS_UP: usize = 6;
        let own = project.chain.first()?;
        let mut paths = Vec::new();
        let mut up = String::new();
        for _ in 0..FOLDERS_UP {
            let Some(path) = beside(&own.path, &format!("{up}{}/pom.xml", key.artifact)) else {
                break;
            };
            paths.push(path);
            up.push_str("../");
        }
        let tails = key.artifact.match_indices('-').take(16).map(|(at, _)| at + 1);
        for from in std::iter::once(0).chain(tails) {
            let tail = key.artifact.get(from..).unwrap_or_default();
            paths.extend(self.by_folder.get(tail).into_iter().flatten().cloned());
        }
        paths.iter().find_map(|path| {
            neighbours.tree.find(path)?;
            let model = neighbours.model(path)?;
            let same = model.group() == Some(key.group.as_str())
                && model.artifact.as_deref() == Some(key.artifact.as_str());
            same.then_some(model)
        })
    }
}

/// The path `relative` to the folder of `file`; `None` when it leaves the tree.
fn beside(file: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> =
        file.rsplit_once('/').map_or(Vec::new(), |(folder, _)| folder.split('/').collect());
    if relative.starts_with('/') || relative.len() > 4096 {
        return None;
    }
    for part in relative.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{failure, lines, try_catalog};

    const ROOT: &str = include_str!("../testdata/maven/pom.xml");
    const SERVICE: &str = include_str!("../testdata/maven/service/pom.xml");
    const BOM: &str = include_str!("../testdata/maven/bom/pom.xml");
    const CORE: &str = include_str!("../testdata/maven/core/pom.xml");

    fn asked(catalog: &Catalog) -> Vec<String> {
        catalog
            .unpinned
            .iter()
            .map(|open| {
                let at = open.unknown.location.line.unwrap_or(0);
                let reason = open
                    .unknown
                    .reason
                    .trim_end_matches(" has no exact version: pin it or commit a lockfile");
                format!("{at}: {reason}")
            })
            .collect()
    }

    #[test]
    fn versions_come_from_parents_and_imports_in_the_tree() {
        let files: &[(&str, &[u8])] = &[
            ("app/service/pom.xml", SERVICE.as_bytes()),
            ("app/pom.xml", ROOT.as_bytes()),
            ("app/bom/pom.xml", BOM.as_bytes()),
            ("app/core/pom.xml", CORE.as_bytes()),
        ];
        let (catalog, result) = try_catalog(&MavenPom, files);
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:maven/org.springframework/spring-core@5.3.9:16 direct=true scope=runtime parents=[]",
                "pkg:maven/com.fasterxml.jackson.core/jackson-databind@2.13.1:20 direct=true scope=runtime parents=[]",
                "pkg:maven/junit/junit@4.12:24 direct=true scope=dev parents=[]",
                "pkg:maven/javax.servlet/servlet-api@2.5:28 direct=true scope=optional parents=[]",
                "pkg:maven/io.netty/netty-transport-native-epoll@4.1.68.Final?classifier=linux-x86_64:34 direct=true scope=runtime parents=[]",
                "pkg:maven/com.google.guava/guava@31.0-jre:53 direct=true scope=optional parents=[]",
                "pkg:maven/org.postgresql/postgresql@42.2.19:66 direct=true parents=[]",
            ]
            .map(str::to_owned)
        );
        assert_eq!(
            asked(&catalog),
            [
                "43: org.apache.logging.log4j/log4j-core (its version is set outside the tree)",
                "47: commons-io/commons-io ([2.6,3.0))",
                "59: org.acme/nowhere (${not.set})",
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn without_the_parent_nothing_is_guessed() {
        let (catalog, result) = try_catalog(&MavenPom, &[("pom.xml", SERVICE.as_bytes())]);
        result.unwrap();
        assert_eq!(
            asked(&catalog).first().map(String::as_str),
            Some("16: org.springframework/spring-core (${spring.version})")
        );
    }

    #[test]
    fn properties_in_a_circle_or_a_bomb_stay_open() {
        let mut text = String::from("<project><artifactId>a</artifactId><properties><p0>x</p0>");
        for at in 1..40 {
            text += &format!("<p{at}>${{p{}}}${{p{}}}</p{at}>", at - 1, at - 1);
        }
        text += "<c>${d}</c><d>${c}</d></properties><dependencies>";
        for property in ["p39", "c"] {
            text += &format!(
                "<dependency><groupId>g</groupId><artifactId>a</artifactId><version>${{{property}}}</version></dependency>"
            );
        }
        text += "</dependencies></project>";
        let (catalog, result) = try_catalog(&MavenPom, &[("pom.xml", text.as_bytes())]);
        result.unwrap();
        assert_eq!((catalog.packages.len(), catalog.unpinned.len()), (0, 2));
    }

    #[test]
    fn exact_versions() {
        assert_eq!(exact("1.0"), Some("1.0"));
        assert_eq!(exact("[1.0]"), Some("1.0"));
        for open in ["[1.0,2.0]", "(,1.0]", "LATEST", "RELEASE", "[1.0", "1.0,2.0"] {
            assert_eq!(exact(open), None, "{open}");
        }
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&MavenPom, "pom.xml", "<project>\n</project>"),
            "1: `project` has no `artifactId`"
        );
        assert_eq!(
            failure(
                &MavenPom,
                "pom.xml",
                "<project>\n<parent><groupId>g</groupId></parent>\n</project>"
            ),
            "2: `parent` has no `artifactId`"
        );
        assert!(failure(&MavenPom, "pom.xml", "<project>\n").contains("not well-formed XML"));
    }
}
