use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{Catalog, CatalogError, Cataloger, document::MAX_DEPTH};

/// `*.opam.locked` of OCaml (opam manual, "opam lock"): the `depends` of a package with each version fixed by `{= "…"}`.
///
/// The file lists the whole closure, so it does not tell what is direct. Dependencies for tests, documentation and development
/// have the scope dev.
#[derive(Debug)]
pub(crate) struct OpamLocked;

impl Cataloger for OpamLocked {
    fn id(&self) -> &'static str {
        "opam-locked"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name().ends_with(".opam.locked") || entry.name() == "opam.locked"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let mut tokens = Tokens { text: &text, at: 0, line: 1 };
        let mut given = false;
        let mut open: Vec<u8> = Vec::new();
        while let Some((token, line)) = tokens.next()? {
            match token {
                Token::Word("opam-version") if open.is_empty() => given = true,
                Token::Word("depends") if open.is_empty() => {
                    let colon = tokens.next()?;
                    if !matches!(colon, Some((Token::Mark(b':'), _))) {
                        return Err(CatalogError::at(line, "expected `:` after `depends`"));
                    }
                    depends(&mut tokens, catalog)?;
                }
                Token::Mark(mark @ (b'[' | b'{' | b'(')) => {
                    open.push(mark);
                    if open.len() > MAX_DEPTH {
                        return Err(crate::document::too_deep(line));
                    }
                }
                Token::Mark(mark @ (b']' | b'}' | b')')) => close(&mut open, mark, line)?,
                _ => {}
            }
        }
        if !open.is_empty() {
            return Err(CatalogError::at(tokens.line, "the file ends inside brackets"));
        }
        if given {
            Ok(())
        } else {
            Err(CatalogError::whole("`opam-version` is missing: not an opam file"))
        }
    }
}

fn close(open: &mut Vec<u8>, mark: u8, line: u32) -> Result<(), CatalogError> {
    let wanted = match mark {
        b']' => b'[',
        b'}' => b'{',
        _ => b'(',
    };
    if open.pop() == Some(wanted) {
        return Ok(());
    }
    Err(CatalogError::at(line, "a bracket closes what is not open"))
}

/// `[ "name" {filter} … ]`; a filter belongs to the name before it.
fn depends(tokens: &mut Tokens<'_>, catalog: &mut Catalog) -> Result<(), CatalogError> {
    match tokens.next()? {
        Some((Token::Mark(b'['), _)) => {}
        _ => return Err(CatalogError::at(tokens.line, "`depends` is no list")),
    }
    let mut name: Option<(&str, u32)> = None;
    loop {
        let Some((token, line)) = tokens.next()? else {
            return Err(CatalogError::at(tokens.line, "the file ends inside `depends`"));
        };
        match token {
            Token::Text(text) => {
                if let Some((name, line)) = name.replace((text, line)) {
                    catalog.unpinned("opam", None, name, line, "");
                }
            }
            Token::Mark(b'{') => {
                let filter = Filter::read(tokens)?;
                let Some((name, line)) = name.take() else {
                    return Err(CatalogError::at(line, "a filter without a package before it"));
                };
                match filter.version {
                    Some(version) => {
                        if let Some(package) = catalog.package("opam", None, name, version, line) {
                            package.scope = filter.scope;
                        }
                    }
                    None => catalog.unpinned("opam", None, name, line, ""),
                }
            }
            Token::Mark(b']') => break,
            _ => return Err(CatalogError::at(line, "expected a package in quotes")),
        }
    }
    if let Some((name, line)) = name {
        catalog.unpinned("opam", None, name, line, "");
    }
    Ok(())
}

struct Filter<'t> {
    version: Option<&'t str>,
    scope: Scope,
}

impl<'t> Filter<'t> {
    fn read(tokens: &mut Tokens<'t>) -> Result<Self, CatalogError> {
        let mut filter = Self { version: None, scope: Scope::Unknown };
        let mut open = vec![b'{'];
        let mut equals = false;
        let mut several = false;
        while let Some((token, line)) = tokens.next()? {
            match token {
                Token::Mark(mark @ (b'{' | b'(' | b'[')) => {
                    open.push(mark);
                    if open.len() > MAX_DEPTH {
                        return Err(crate::document::too_deep(line));
                    }
                }
                Token::Mark(mark @ (b'}' | b')' | b']')) => {
                    close(&mut open, mark, line)?;
                    if open.is_empty() {
                        filter.version = filter.version.filter(|_| !several);
                        return Ok(filter);
                    }
                }
                Token::Text(text) if equals => {
                    several |= filter.version.replace(text).is_some();
                }
                // A bound or a negation beside the version: no longer one exact version.
                Token::Mark(b'|' | b'!' | b'<' | b'>') => several = true,
                Token::Word("with-test" | "with-doc" | "with-dev-setup" | "dev" | "build") => {
                    filter.scope = Scope::Dev;
                }
                _ => {}
            }
            equals = token == Token::Mark(b'=');
        }
        Err(CatalogError::at(tokens.line, "the file ends inside a filter"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Text(&'t str),
    Mark(u8),
}

struct Tokens<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl<'t> Tokens<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn pass(&mut self, length: usize) {
        let passed = self.rest().bytes().take(length);
        let lines = passed.filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.at += length;
    }

    fn next(&mut self) -> Result<Option<(Token<'t>, u32)>, CatalogError> {
        loop {
            let rest = self.rest();
            let line = self.line;
            let Some(first) = rest.bytes().next() else { return Ok(None) };
            match first {
                byte if byte.is_ascii_whitespace() => self.pass(1),
                b'#' => self.pass(rest.find('\n').unwrap_or(rest.len())),
                b'(' if rest.starts_with("(*") => {
                    let end = rest.find("*)");
                    let end =
                        end.ok_or_else(|| CatalogError::at(line, "a comment does not end"))?;
                    self.pass(end + 2);
                }
                b'"' => return self.quoted(rest, line).map(Some),
                byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                    let length = rest
                        .bytes()
                        .take_while(|b| {
                            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'?')
                        })
                        .count();
                    self.at += length;
                    return Ok(Some((Token::Word(rest.get(..length).unwrap_or_default()), line)));
                }
                byte if byte.is_ascii() => {
                    self.at += 1;
                    return Ok(Some((Token::Mark(byte), line)));
                }
                _ => return Err(CatalogError::at(line, "a character that means nothing")),
            }
        }
    }

    fn quoted(&mut self, rest: &'t str, line: u32) -> Result<(Token<'t>, u32), CatalogError> {
        let unended = || CatalogError::at(line, "a text does not end");
        if let Some(inner) = rest.strip_prefix("\"\"\"") {
            let end = inner.find("\"\"\"").ok_or_else(unended)?;
            self.pass(end + 6);
            return Ok((Token::Text(inner.get(..end).unwrap_or_default()), line));
        }
        let mut escaped = false;
        let inner = rest.get(1..).unwrap_or_default();
        let end = inner.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let end = end.ok_or_else(unended)?;
        self.pass(end + 2);
        Ok((Token::Text(inner.get(..end).unwrap_or_default()), line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const LOCK: &str = include_str!("../testdata/opam/shop.opam.locked");

    #[test]
    fn dependencies_with_lines_and_scopes() {
        let catalog = catalog_text(&OpamLocked, "shop.opam.locked", LOCK);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:opam/alcotest@1.4.0:9 scope=dev parents=[]",
                "pkg:opam/dune@2.9.1:10 parents=[]",
                "pkg:opam/ocaml@4.12.0:11 parents=[]",
            ]
        );
        assert_eq!(catalog.unpinned.len(), 2);
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&OpamLocked, "a.opam.locked", text);
        assert_eq!(fails(""), "`opam-version` is missing: not an opam file");
        let cut = LOCK.split("\"ocaml\"").next().unwrap();
        assert_eq!(fails(cut), "11: the file ends inside `depends`");
        assert_eq!(fails("depends: \"a\""), "1: `depends` is no list");
        assert_eq!(fails("a: [\n}"), "2: a bracket closes what is not open");
    }
}
