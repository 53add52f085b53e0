use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use super::gem::{in_installed_gem, is_version, push_gem};
use crate::{Catalog, CatalogError, Cataloger};

/// `Gemfile` and `gems.rb` without a lockfile beside them.
///
/// The file is a program; only lines of the form `gem "name", …` are read, which is how it is written. A version without
/// an operator is exact and counts; any other gem is not pinned. A gem with `path:` is the project itself. Gems of a
/// `group` whose names are all of development, test and their like are development.
#[derive(Debug)]
pub(crate) struct Gemfile;

impl Cataloger for Gemfile {
    fn id(&self) -> &'static str {
        "gemfile"
    }

    fn wants(&self, entry: &Entry) -> bool {
        matches!(entry.name(), "Gemfile" | "gems.rb") && !in_installed_gem(&entry.path)
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let lock = if entry.name() == "gems.rb" { "gems.locked" } else { "Gemfile.lock" };
        let lock = match entry.folder() {
            "" => lock.to_owned(),
            folder => format!("{folder}/{lock}"),
        };
        if tree.find(&lock).is_some() {
            return Ok(());
        }
        let text = tree.read_text(entry)?;
        // For each open block: whether it makes what is in it development.
        let mut blocks: Vec<bool> = Vec::new();
        let mut dev_blocks = 0_usize;
        for (at, line) in text.lines().enumerate() {
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let line = without_comment(line).trim();
            let dev = dev_blocks > 0;
            if let Some(rest) = call(line, "gem") {
                read_gem(rest, dev, number, catalog);
            }
            if line == "end" {
                dev_blocks -= usize::from(blocks.pop() == Some(true));
            } else if opens_block(line) {
                let dev = call(line, "group").is_some_and(is_development);
                dev_blocks += usize::from(dev);
                blocks.push(dev);
            }
        }
        if !blocks.is_empty() {
            return Err(CatalogError::whole("a block without its `end`: the file is cut off"));
        }
        Ok(())
    }
}

fn read_gem(arguments: &str, dev: bool, line: u32, catalog: &mut Catalog) {
    let mut texts = Vec::new();
    let mut options = "";
    let mut rest = arguments;
    // Quoted arguments come first, then options.
    while let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inner = rest.get(1..).unwrap_or_default();
        let Some((text, after)) = inner.split_once(quote) else {
            catalog.unreadable(line, "a quote is not closed");
            return;
        };
        let after = after.trim_start();
        if after.starts_with("=>") {
            break;
        }
        texts.push(text);
        rest = after.strip_prefix(',').unwrap_or_default().trim_start();
        options = rest;
    }
    let Some((name, versions)) = texts.split_first() else {
        catalog.unreadable(line, "a gem whose name is not a plain text");
        return;
    };
    let has = |key: &str| {
        options.contains(&format!("{key}:"))
            || options.contains(&format!(":{key} "))
            || options.contains(&format!(":{key}="))
    };
    if has("path") {
        return;
    }
    let exact = match versions {
        [version] => Some(version.trim_start_matches('=').trim()).filter(|text| is_version(text)),
        _ => None,
    };
    let elsewhere = ["git", "github", "gist", "bitbucket"].iter().any(|key| has(key));
    match exact {
        Some(version) if !elsewhere => {
            if let Some(found) = push_gem(catalog, name, version, line) {
                found.direct = Some(true);
                found.scope = if dev || group_option(options).is_some_and(is_development) {
                    Scope::Dev
                } else {
                    Scope::Runtime
                };
            }
        }
        _ => catalog.unpinned("gem", None, name, line, &versions.join(", ")),
    }
}

/// The value of `group:` or `groups:`, up to the end of its list.
fn group_option(options: &str) -> Option<&str> {
    let (_, rest) = options
        .split_once("group: ")
        .or_else(|| options.split_once("groups: "))
        .or_else(|| options.split_once(":group => "))?;
    match rest.strip_prefix('[') {
        Some(list) => list.split(']').next(),
        None => rest.split(',').next(),
    }
}

/// What follows a method's name: `"rack"` of `gem "rack"` and of `gem("rack")`.
fn call<'t>(line: &'t str, method: &str) -> Option<&'t str> {
    let rest = line.strip_prefix(method)?;
    match rest.trim_start().strip_prefix('(') {
        Some(inner) => Some(inner.trim_start()),
        None => rest.starts_with([' ', '\t']).then(|| rest.trim_start()),
    }
}

/// Whether every group that is named is for building or testing only.
fn is_development(arguments: &str) -> bool {
    let mut any = false;
    let all = arguments
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| !matches!(*word, "" | "do" | "optional" | "true" | "false"))
        .all(|word| {
            any = true;
            matches!(
                word,
                "development"
                    | "test"
                    | "dev"
                    | "ci"
                    | "lint"
                    | "doc"
                    | "docs"
                    | "rubocop"
                    | "tools"
            )
        });
    any && all
}

fn opens_block(line: &str) -> bool {
    let first = line.split([' ', '(', '\t']).next().unwrap_or_default();
    let last = line.rsplit(' ').next().unwrap_or_default();
    last == "do"
        || (line.ends_with('|') && line.contains(" do |"))
        || (matches!(first, "if" | "unless" | "case" | "begin" | "def" | "while" | "until")
            && !line.ends_with(" end"))
        || line.ends_with("= if")
        || line.contains("= if ")
        || line.contains("= case ")
}

/// A line up to a `#` outside quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '#') => return line.get(..at).unwrap_or_default(),
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines, try_catalog};

    const FILE: &str = include_str!("../testdata/ruby-no-lock/Gemfile");

    #[test]
    fn exact_versions_count_and_others_do_not() {
        let catalog = catalog_text(&Gemfile, "Gemfile", FILE);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:gem/rails@6.1.4:7 direct=true scope=runtime parents=[]",
                "pkg:gem/puma@5.3.2:8 direct=true scope=runtime parents=[]",
                "pkg:gem/rspec-rails@5.0.1:15 direct=true scope=dev parents=[]",
                "pkg:gem/rubocop@1.20.0:21 direct=true scope=dev parents=[]",
            ]
            .map(str::to_owned)
        );
        let open: Vec<_> =
            catalog.unpinned.iter().filter_map(|open| open.unknown.location.line).collect();
        assert_eq!(open, [9, 10, 16]);
        assert_eq!(catalog.unknowns[0].location.line, Some(22));
    }

    #[test]
    fn the_lockfile_tells_more() {
        let (catalog, result) =
            try_catalog(&Gemfile, &[("a/Gemfile", FILE.as_bytes()), ("a/Gemfile.lock", b"")]);
        assert!(result.is_ok() && catalog.packages.is_empty() && catalog.unpinned.is_empty());
    }

    #[test]
    fn a_block_that_does_not_end_is_a_fault() {
        assert_eq!(
            failure(&Gemfile, "Gemfile", "group :test do\n  gem 'a'\n"),
            "a block without its `end`: the file is cut off"
        );
    }
}
