use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{Catalog, CatalogError, Cataloger};

/// `gradle.lockfile`, its siblings for build scripts and settings, and the older files a configuration each in
/// `gradle/dependency-locks/` (Gradle manual, "Locking dependency versions").
///
/// A line is `group:artifact:version=configuration,…`; the last one, `empty=…`, is always written, so a file without it
/// is cut off. The configurations give the scope: on a run-time class path, run time; on a compile class path only,
/// optional (what is not packaged); tests, annotation processors and build scripts, development. What is direct the
/// file does not tell.
#[derive(Debug)]
pub(crate) struct GradleLockfile;

impl Cataloger for GradleLockfile {
    fn id(&self) -> &'static str {
        "gradle-lockfile"
    }

    fn wants(&self, entry: &Entry) -> bool {
        let name = entry.name();
        name.ends_with(".lockfile") && (name.contains("gradle") || is_old(entry))
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let old = is_old(entry);
        let old_configuration = entry.name().trim_end_matches(".lockfile");
        let mut complete = false;
        for (at, line) in text.lines().enumerate() {
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (module, configurations) = match line.split_once('=') {
                Some(("empty", _)) => {
                    complete = true;
                    continue;
                }
                Some(pair) => pair,
                None if old => (line, old_configuration),
                None => {
                    return Err(CatalogError::at(number, "expected `group:artifact:version=…`"));
                }
            };
            let mut parts = module.split(':');
            let (Some(group), Some(artifact), Some(version), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err(CatalogError::at(number, "expected `group:artifact:version`"));
            };
            if group.is_empty() || artifact.is_empty() {
                return Err(CatalogError::at(number, "expected `group:artifact:version`"));
            }
            if let Some(found) = catalog.package("maven", Some(group), artifact, version, number) {
                found.scope = scope_of(configurations);
            }
        }
        if !complete && !old {
            return Err(CatalogError::whole("no `empty=` line at the end: the file is cut off"));
        }
        Ok(())
    }
}

fn is_old(entry: &Entry) -> bool {
    entry.folder().rsplit('/').next() == Some("dependency-locks")
}

fn scope_of(configurations: &str) -> Scope {
    configurations
        .split(',')
        .map(|configuration| {
            let name = configuration.trim().to_ascii_lowercase();
            let only_builds = name.contains("test")
                || name == "classpath"
                || name.contains("annotationprocessor")
                || [
                    "kapt",
                    "ksp",
                    "checkstyle",
                    "pmd",
                    "spotbugs",
                    "jacoco",
                    "ktlint",
                    "detekt",
                    "errorprone",
                ]
                .iter()
                .any(|tool| name.starts_with(tool));
            if only_builds {
                Scope::Dev
            } else if name.ends_with("runtimeclasspath") {
                Scope::Runtime
            } else if name.ends_with("compileclasspath") {
                Scope::Optional
            } else {
                Scope::Unknown
            }
        })
        .reduce(Scope::widest)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    #[test]
    fn configurations_give_the_scope() {
        let catalog = catalog_text(
            &GradleLockfile,
            "app/gradle.lockfile",
            include_str!("../testdata/gradle/gradle.lockfile"),
        );
        assert_eq!(
            lines(&catalog),
            [
                "pkg:maven/com.google.guava/guava@31.0.1-jre:4 scope=runtime parents=[]",
                "pkg:maven/junit/junit@4.12:5 scope=dev parents=[]",
                "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1:6 scope=runtime parents=[]",
                "pkg:maven/org.projectlombok/lombok@1.18.20:7 scope=optional parents=[]",
                "pkg:maven/org.ow2.asm/asm@9.1:8 parents=[]",
            ]
            .map(str::to_owned)
        );
        let script = catalog_text(
            &GradleLockfile,
            "buildscript-gradle.lockfile",
            include_str!("../testdata/gradle/buildscript-gradle.lockfile"),
        );
        assert_eq!(
            lines(&script),
            ["pkg:maven/com.android.tools.build/gradle@7.0.0:4 scope=dev parents=[]"]
        );
        let old = catalog_text(
            &GradleLockfile,
            "gradle/dependency-locks/runtimeClasspath.lockfile",
            "# generated\norg.a:b:1.0\n",
        );
        assert_eq!(lines(&old), ["pkg:maven/org.a/b@1.0:2 scope=runtime parents=[]"]);
    }

    #[test]
    fn faults_name_their_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(failure(&GradleLockfile, "gradle.lockfile", text), expected);
        };
        check("a:b:1=c\n", "no `empty=` line at the end: the file is cut off");
        check("\na:b=c\nempty=\n", "2: expected `group:artifact:version`");
        check("a:b:1\n", "1: expected `group:artifact:version=…`");
    }
}
