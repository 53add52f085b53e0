//! `yarn.lock` of Yarn 1 (Yarn source, `src/lockfile/parse.js`): blocks by indentation, neither YAML nor TOML.
//!
//! The file does not know the project; the `package.json` beside it tells what is direct and why. When that one has
//! workspaces, every `package.json` below counts, because a pattern read wrongly must not narrow a scope.

use std::collections::HashMap;

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError,
    catalog::{
        address,
        graph::{Graph, Member},
        integrity, npm,
    },
    document::{Node, parse_json},
};

/// Manifests of workspaces that are read.
const MAX_MANIFESTS: usize = 2_000;

/// One block: what it answers, and with what.
#[derive(Debug, Default)]
struct Block {
    line: u32,
    patterns: Vec<String>,
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    needs: Vec<(String, String, bool, u32)>,
}

pub(crate) fn read(
    text: &str,
    entry: &Entry,
    tree: &Tree,
    catalog: &mut Catalog,
) -> Result<(), CatalogError> {
    let blocks = parse(text)?;
    let mut graph = Graph::default();
    let mut by_pattern: HashMap<&str, usize> = HashMap::new();
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    let mut nodes = Vec::with_capacity(blocks.len());
    for block in &blocks {
        let index = package(block, catalog)?;
        let node = graph.add_package(index);
        nodes.push(node);
        for pattern in &block.patterns {
            if by_pattern.insert(pattern, node).is_some() {
                return Err(CatalogError::at(block.line, "the same request is answered twice"));
            }
            if let Some((name, _)) = npm::split_at_sign(pattern) {
                by_name.entry(name).or_insert(node);
            }
        }
    }
    // `resolutions` of the project may answer a request under another range.
    let find = |name: &str, range: &str| {
        by_pattern.get(format!("{name}@{range}").as_str()).or_else(|| by_name.get(name)).copied()
    };
    for (block, node) in blocks.iter().zip(nodes) {
        for (name, range, optional, line) in &block.needs {
            let scope = if *optional { Scope::Optional } else { Scope::Runtime };
            match find(name, range) {
                Some(child) => graph.edge(node, child, scope),
                None if *optional => {}
                None => {
                    let name: String = name.chars().take(120).collect();
                    catalog.unreadable(
                        *line,
                        format!("the package `{name}` that is needed here is not in the file"),
                    );
                }
            }
        }
    }
    if let Some(requests) = requests(entry, tree) {
        let project = graph.add(Member::Project);
        for (name, range, scope) in requests {
            if let Some(child) = find(&name, &range) {
                graph.edge(project, child, scope);
            }
        }
    }
    graph.settle(catalog);
    Ok(())
}

fn package(block: &Block, catalog: &mut Catalog) -> Result<Option<usize>, CatalogError> {
    let version = block
        .version
        .as_deref()
        .ok_or_else(|| CatalogError::at(block.line, "`version` is missing: the file is cut off"))?;
    let first = block.patterns.first().map(String::as_str).unwrap_or_default();
    let (name, range) = npm::split_at_sign(first)
        .ok_or_else(|| CatalogError::at(block.line, "a block does not begin with `name@range`"))?;
    let resolved = block.resolved.as_deref().unwrap_or_default();
    if block.resolved.is_none() && npm::asked(range) == npm::Asked::Local {
        return Ok(None);
    }
    let name = match range.strip_prefix("npm:").and_then(npm::split_at_sign) {
        Some((target, _)) => target,
        None => name,
    };
    let index = npm::push(catalog, name, version, block.line);
    integrity::state(index.and_then(|at| catalog.packages.get_mut(at)), block.integrity.as_deref());
    if npm::is_git(resolved) || npm::is_git(range) {
        let address = if resolved.is_empty() { range } else { resolved };
        npm::mark_git(catalog, index, address);
    }
    Ok(index)
}

/// What the project and its workspaces ask for; `None` when that is not known in full.
fn requests(entry: &Entry, tree: &Tree) -> Option<Vec<(String, String, Scope)>> {
    let path = address::resolve(entry.folder(), "package.json")?;
    let root = tree.find(&path)?;
    let mut out = Vec::new();
    let workspaces = manifest(root, tree, &mut out)?;
    if workspaces {
        let prefix = entry.folder();
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let first = tree.entries().partition_point(|other| other.path.as_str() < prefix.as_str());
        let below = tree.entries().iter().skip(first).take_while(|e| e.path.starts_with(&prefix));
        let members = below.filter(|other| {
            other.name() == "package.json"
                && other.path != root.path
                && !other.path.split('/').any(|part| part == "node_modules")
        });
        for (count, member) in members.enumerate() {
            if count >= MAX_MANIFESTS {
                return None;
            }
            manifest(member, tree, &mut out)?;
        }
    }
    Some(out)
}

/// Adds what one manifest asks for; whether it has workspaces comes back.
fn manifest(entry: &Entry, tree: &Tree, out: &mut Vec<(String, String, Scope)>) -> Option<bool> {
    let text = tree.read_text(entry).ok()?;
    let root = parse_json(&text).ok()?;
    let mut faults = Vec::new();
    let requests = npm::requests(&root, &mut faults).ok()?;
    out.extend(requests.into_iter().map(|r| (r.name.to_owned(), r.range.to_owned(), r.scope)));
    faults.is_empty().then(|| root.get("workspaces").map(Node::sort).is_some())
}

/// Reads the blocks. Every line is a comment, a block's head, a property, a property's head, or an item below one.
fn parse(text: &str) -> Result<Vec<Block>, CatalogError> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut table: Option<String> = None;
    for (at, raw) in text.lines().enumerate() {
        let line = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let body = raw.trim_start_matches(' ');
        let indent = raw.len() - body.len();
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        let words = words(body, line)?;
        let fault = || CatalogError::at(line, "this line fits nowhere in a yarn.lock");
        match (indent, blocks.last_mut()) {
            (0, _) => {
                let (Words::Head(patterns), true) = (words, !body.starts_with(' ')) else {
                    return Err(fault());
                };
                blocks.push(Block { line, patterns, ..Block::default() });
                table = None;
            }
            (2, Some(block)) => match words {
                Words::Head(names) => {
                    table = Some(names.into_iter().next().unwrap_or_default());
                }
                Words::Pair(key, value) => {
                    table = None;
                    let slot = match key.as_str() {
                        "version" => &mut block.version,
                        "resolved" => &mut block.resolved,
                        "integrity" => &mut block.integrity,
                        _ => continue,
                    };
                    if slot.replace(value).is_some() {
                        return Err(CatalogError::at(line, format!("`{key}` is given twice")));
                    }
                }
            },
            (4, Some(block)) => {
                let (Words::Pair(name, range), Some(table)) = (words, &table) else {
                    return Err(fault());
                };
                match table.as_str() {
                    "dependencies" => block.needs.push((name, range, false, line)),
                    "optionalDependencies" => block.needs.push((name, range, true, line)),
                    _ => {}
                }
            }
            _ => return Err(fault()),
        }
    }
    if blocks.is_empty() && !text.contains("# yarn lockfile v1") {
        return Err(CatalogError::whole("neither the heading of a yarn.lock nor a block"));
    }
    Ok(blocks)
}

/// One line: `a, b:` or `key value`.
enum Words {
    Head(Vec<String>),
    Pair(String, String),
}

fn words(body: &str, line: u32) -> Result<Words, CatalogError> {
    let fault = |message: &str| CatalogError::at(line, message);
    let mut rest = body.trim_end();
    let mut found = Vec::new();
    loop {
        let (word, after) = word(rest).ok_or_else(|| fault("a text in quotes does not end"))?;
        if word.is_empty() {
            return Err(fault("a word is missing"));
        }
        found.push(word);
        if after == ":" {
            return Ok(Words::Head(found));
        }
        if let Some(more) = after.strip_prefix(',') {
            rest = more.trim_start();
            continue;
        }
        let [key] = found.as_slice() else { return Err(fault("expected `,` or `:`")) };
        let Some(value) = after.strip_prefix(' ') else {
            return Err(fault("a key without a value"));
        };
        let (value, end) =
            self::word(value.trim_start()).ok_or_else(|| fault("a text in quotes does not end"))?;
        if !end.is_empty() {
            return Err(fault("text after a value"));
        }
        return Ok(Words::Pair(key.clone(), value));
    }
}

/// The first word and what follows: in quotes as JSON writes it, or bare up to a space, comma or closing colon.
fn word(text: &str) -> Option<(String, &str)> {
    let Some(inner) = text.strip_prefix('"') else {
        let end = text
            .char_indices()
            .find(|(at, c)| matches!(c, ' ' | ',') || *c == ':' && text.len() == at + 1)
            .map_or(text.len(), |(at, _)| at);
        let (word, rest) = text.split_at(end);
        return Some((word.to_owned(), rest));
    };
    let mut escaped = false;
    let end = inner.char_indices().find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    })?;
    let body = inner.get(..end.0)?;
    let rest = inner.get(end.0 + 1..)?;
    if !body.contains('\\') {
        return Some((body.to_owned(), rest));
    }
    serde_json::from_str(text.get(..end.0 + 2)?).ok().map(|word| (word, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::{
        testing::{catalog_text, failure, lines, try_catalog},
        yarn_lock::YarnLock,
    };

    const LOCK: &str = include_str!("../testdata/yarn-v1/yarn.lock");
    const MANIFEST: &[u8] = include_bytes!("../testdata/yarn-v1/package.json");

    #[test]
    fn blocks_with_their_project() {
        let member: &[u8] = b"{\"name\": \"m\", \"dependencies\": {\"ms\": \"2.1.2\"}}";
        let (catalog, result) = try_catalog(
            &YarnLock,
            &[
                ("yarn.lock", LOCK.as_bytes()),
                ("package.json", MANIFEST),
                ("packages/m/package.json", member),
            ],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/%40babel/code-frame@7.18.6:5 direct=true scope=dev parents=[]",
                "pkg:npm/debug@4.3.4:12 direct=true scope=runtime parents=[]",
                "pkg:npm/fsevents@2.3.3:19 direct=false scope=optional parents=[pkg:npm/debug@4.3.4]",
                "pkg:npm/ms@2.1.2:24 direct=true scope=runtime parents=[pkg:npm/debug@4.3.4]",
                "pkg:npm/string-width@4.2.3:29 direct=true scope=runtime parents=[]",
                "pkg:npm/tool@1.2.0?vcs_url=https://github.com/acme/tool.git%230123456789abcdef0123456789abcdef01234567:34 direct=false parents=[]",
            ]
        );
        assert!(catalog.unknowns.is_empty());
    }

    #[test]
    fn without_the_project_nothing_is_said_of_direct() {
        let catalog = catalog_text(&YarnLock, "yarn.lock", LOCK);
        assert_eq!(lines(&catalog)[3], "pkg:npm/ms@2.1.2:24 parents=[pkg:npm/debug@4.3.4]");
    }

    #[test]
    fn faults_name_their_line() {
        let fail = |text: &str| failure(&YarnLock, "yarn.lock", text);
        assert_eq!(fail("\n"), "the file is empty");
        assert_eq!(fail("# x\n"), "neither the heading of a yarn.lock nor a block");
        assert_eq!(fail("a@1:\n"), "1: `version` is missing: the file is cut off");
        assert_eq!(fail("a@1:\n  version \"1\n"), "2: a text in quotes does not end");
        assert_eq!(fail("a@1:\n  version 1"), "the last line does not end: the file is cut off");
        assert_eq!(fail("a@1:\n  version\n"), "2: a key without a value");
        assert_eq!(fail("a@1:\n   version \"1\"\n"), "2: this line fits nowhere in a yarn.lock");
        assert_eq!(fail("<<<<<<< HEAD\na@1:\n"), "1: this line fits nowhere in a yarn.lock");
        assert_eq!(
            fail("a@1:\n  version \"1\"\na@1:\n  version \"2\"\n"),
            "3: the same request is answered twice"
        );
        let catalog = catalog_text(
            &YarnLock,
            "yarn.lock",
            "a@1:\n  version \"1.0.0\"\n  dependencies:\n    gone \"^1\"\n",
        );
        assert_eq!(catalog.unknowns[0].location.line, Some(4));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[a-c@"\\,: é\n1^]{0,60}"#) {
            let _ = parse(&text);
        }
    }
}
