use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Node, parse_yaml},
};

/// The actions and reusable workflows that GitHub workflows and composite actions call with `uses:`.
///
/// The version is the reference as written: a tag, a branch or a commit. `v4` and `main` cannot be ordered, which the matcher
/// must tell. A comment behind a commit (`# v4.1.2`) is what tools keep the tag in: it becomes the qualifier `tag`. What lies in
/// the same repository (`./…`) is the project's own.
#[derive(Debug)]
pub(crate) struct GithubActions;

impl Cataloger for GithubActions {
    fn id(&self) -> &'static str {
        "github-actions"
    }

    fn wants(&self, entry: &Entry) -> bool {
        let name = entry.name();
        if matches!(name, "action.yml" | "action.yaml") {
            return true;
        }
        let folder = entry.folder();
        (folder == ".github/workflows" || folder.ends_with("/.github/workflows"))
            && (name.ends_with(".yml") || name.ends_with(".yaml"))
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
        let mut uses: Vec<&Node<'_>> = Vec::new();
        if matches!(entry.name(), "action.yml" | "action.yaml")
            && !entry.path.contains(".github/workflows/")
        {
            // Other programs have files of this name.
            let Some(runs) = root.get("runs").filter(|runs| runs.map().is_some()) else {
                catalog.passed_over();
                return Ok(());
            };
            steps(runs, &mut uses)?;
            let image = runs.get("image");
            uses.extend(
                image
                    .filter(|image| image.text().is_some_and(|text| text.starts_with("docker://"))),
            );
        } else {
            let jobs = root.get("jobs").ok_or_else(|| {
                CatalogError::whole("`jobs` is missing: not a workflow, or cut off")
            })?;
            for job in jobs.expect_map("jobs")? {
                job.node.expect_map("a job")?;
                uses.extend(job.node.get("uses"));
                steps(&job.node, &mut uses)?;
            }
        }
        let lines: Vec<&str> = text.lines().collect();
        for node in uses {
            let Some(target) = node.text() else {
                catalog.unreadable(node.line, format!("`uses` is {}", node.sort()));
                continue;
            };
            let at = usize::try_from(node.line).unwrap_or_default().saturating_sub(1);
            // A line that holds thousands of steps is searched by nobody.
            let comment = lines
                .get(at)
                .filter(|line| line.len() < 4096)
                .and_then(|line| line.split_once(target))
                .map(|(_, rest)| rest);
            one(target.trim(), comment.unwrap_or_default(), node.line, catalog);
        }
        Ok(())
    }
}

fn steps<'n>(holder: &'n Node<'n>, uses: &mut Vec<&'n Node<'n>>) -> Result<(), CatalogError> {
    for step in holder.optional_list("steps")? {
        step.expect_map("a step")?;
        uses.extend(step.get("uses"));
    }
    Ok(())
}

fn one(target: &str, behind: &str, line: u32, catalog: &mut Catalog) {
    if target.starts_with("./") || target.starts_with("../") {
        return;
    }
    if let Some(image) = target.strip_prefix("docker://") {
        docker(image, line, catalog);
        return;
    }
    let shown: String = target.chars().take(120).collect();
    let Some((path, reference)) = target.rsplit_once('@') else {
        catalog.unreadable(line, format!("`{shown}` has no `@` and reference"));
        return;
    };
    let mut parts = path.splitn(3, '/');
    let (Some(owner), Some(name)) = (parts.next(), parts.next()) else {
        catalog.unreadable(line, format!("`{shown}` is not `owner/name@reference`"));
        return;
    };
    if owner.is_empty() || name.is_empty() || target.contains("${{") {
        catalog.unreadable(line, format!("`{shown}` is not `owner/name@reference`"));
        return;
    }
    let below = parts.next().unwrap_or_default();
    let Some(package) = catalog.package("githubactions", Some(owner), name, reference, line) else {
        return;
    };
    package.direct = Some(true);
    if reference.len() == 40
        && reference.bytes().all(|b| b.is_ascii_hexdigit())
        && let Some(tag) = tag(behind)
    {
        package.purl = package.purl.clone().with_qualifier("tag", tag);
    }
    if !below.is_empty() {
        let below = below.replace('%', "%25").replace('#', "%23").replace('?', "%3F");
        match format!("{}#{below}", package.purl).parse() {
            Ok(purl) => package.purl = purl,
            Err(_) => catalog.unreadable(line, format!("`{shown}` has a path that is none")),
        }
    }
}

/// `v4.1.2` of `# v4.1.2`, `# tag=v4.1.2` and `# actions v4.1.2`-like comments: the first word that reads as a version.
fn tag(behind: &str) -> Option<&str> {
    let (_, comment) = behind.split_once('#')?;
    comment
        .split_whitespace()
        .map(|word| word.strip_prefix("tag=").unwrap_or(word))
        .find(|word| {
            word.strip_prefix('v').unwrap_or(word).starts_with(|c: char| c.is_ascii_digit())
        })
        .map(|word| word.trim_end_matches([',', ';', ')']))
}

/// `[host/][path/]name[:tag][@digest]`.
fn docker(image: &str, line: u32, catalog: &mut Catalog) {
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    let (rest, tag) = match rest.rsplit_once(':') {
        Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag)),
        _ => (rest, None),
    };
    let (host, path) = match rest.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => ("", rest),
    };
    let (space, name) =
        path.rsplit_once('/').map_or((None, path), |(space, name)| (Some(space), name));
    let Some(version) = digest.or(tag) else {
        catalog.unpinned("docker", space, name, line, "no tag");
        return;
    };
    if let Some(package) = catalog.package("docker", space, name, version, line) {
        package.direct = Some(true);
        let tag = tag.filter(|_| digest.is_some()).unwrap_or_default();
        package.purl =
            package.purl.clone().with_qualifier("repository_url", host).with_qualifier("tag", tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const PATH: &str = ".github/workflows/ci.yml";

    #[test]
    fn actions_of_a_workflow() {
        let text = include_str!("../testdata/github/.github/workflows/ci.yml");
        let catalog = catalog_text(&GithubActions, PATH, text);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:githubactions/actions/checkout@v4:9 direct=true parents=[]",
                "pkg:githubactions/tj-actions/changed-files@0e58ed8671d6b60d0890c21b07f8835ace038e67?tag=v45.0.7:10 direct=true parents=[]",
                "pkg:githubactions/github/codeql-action@v2.1.0#init:11 direct=true parents=[]",
                "pkg:docker/acme/lint@1.2?repository_url=ghcr.io:13 direct=true parents=[]",
                "pkg:githubactions/acme/flows@main#.github/workflows/release.yml:17 direct=true parents=[]",
            ]
        );
        assert_eq!(catalog.unpinned.len(), 1);
    }

    #[test]
    fn actions_of_a_composite_action() {
        let text = include_str!("../testdata/github/action.yml");
        assert_eq!(
            lines(&catalog_text(&GithubActions, "tools/action.yml", text)),
            ["pkg:githubactions/actions/setup-node@v3.8.1:6 direct=true parents=[]"]
        );
        let image = "runs:\n  using: docker\n  image: docker://alpine:3.19@sha256:ab\n";
        assert_eq!(
            lines(&catalog_text(&GithubActions, "action.yml", image)),
            ["pkg:docker/alpine@sha256:ab?tag=3.19:3 direct=true parents=[]"]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&GithubActions, PATH, text);
        assert_eq!(fails("on: push\n"), "`jobs` is missing: not a workflow, or cut off");
        assert_eq!(fails("jobs:\n  a:\n    steps: 7\n"), "3: `steps` is a number, expected a list");
        let bad = "jobs:\n  a:\n    steps:\n    - uses: actions/checkout\n    - uses: [1]\n";
        let unknowns = catalog_text(&GithubActions, PATH, bad).unknowns;
        assert_eq!(unknowns[0].reason, "`actions/checkout` has no `@` and reference");
        assert_eq!(unknowns[1].location.line, Some(5));
    }
}
