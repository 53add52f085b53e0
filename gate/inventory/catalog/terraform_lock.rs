use std::collections::HashSet;

use secgate_source::{Entry, Tree};

use crate::{Catalog, CatalogError, Cataloger};

/// `.terraform.lock.hcl` of Terraform and OpenTofu ("Dependency Lock File"). The file is written by the tool, so only that form
/// of HCL is read: `provider` blocks of attributes whose values are texts or lists of texts.
#[derive(Debug)]
pub(crate) struct TerraformLock;

impl Cataloger for TerraformLock {
    fn id(&self) -> &'static str {
        "terraform-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == ".terraform.lock.hcl"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        // Terraform writes its two lines of comment even without a provider.
        if text.trim().is_empty() {
            return Err(CatalogError::whole("the file is empty"));
        }
        let mut tokens = Tokens { text: &text, at: 0, line: 1 };
        let mut seen = HashSet::new();
        loop {
            let (token, line) = tokens.next()?;
            match token {
                Token::End => return Ok(()),
                Token::Word("provider") => {
                    let provider = tokens.text("a provider's address")?;
                    if !seen.insert(provider) {
                        return Err(CatalogError::at(
                            line,
                            format!("the provider `{provider}` is given twice"),
                        ));
                    }
                    let version = block(&mut tokens)?;
                    one(provider, version, line, catalog);
                }
                _ => return Err(CatalogError::at(line, "expected a `provider` block")),
            }
        }
    }
}

/// The `version` of a block.
fn block<'t>(tokens: &mut Tokens<'t>) -> Result<Option<&'t str>, CatalogError> {
    tokens.expect(Token::Mark(b'{'), "expected `{`")?;
    let mut version = None;
    let mut keys: Vec<&str> = Vec::new();
    loop {
        let (token, line) = tokens.next()?;
        let key = match token {
            Token::Mark(b'}') => return Ok(version),
            Token::Word(key) => key,
            Token::End => return Err(CatalogError::at(line, "the file ends inside a block")),
            _ => return Err(CatalogError::at(line, "expected an attribute")),
        };
        if keys.contains(&key) {
            return Err(crate::document::given_twice(line, key));
        }
        if keys.len() >= 32 {
            return Err(CatalogError::at(line, "more than 32 attributes in a block"));
        }
        keys.push(key);
        tokens.expect(Token::Mark(b'='), "expected `=`")?;
        match tokens.next()? {
            (Token::Text(text), _) => {
                if key == "version" {
                    version = Some(text);
                }
            }
            (Token::Mark(b'['), _) => loop {
                match tokens.next()? {
                    (Token::Mark(b']'), _) => break,
                    (Token::Text(_) | Token::Mark(b','), _) => {}
                    (Token::End, line) => {
                        return Err(CatalogError::at(line, "the file ends inside a list"));
                    }
                    (_, line) => return Err(CatalogError::at(line, "expected a text")),
                }
            },
            (_, line) => return Err(CatalogError::at(line, "expected a text or a list of texts")),
        }
    }
}

/// `registry/namespace/name`; a provider of a local folder or one that is built in has another form of address.
fn one(provider: &str, version: Option<&str>, line: u32, catalog: &mut Catalog) {
    match (provider.rsplit_once('/'), version) {
        (Some((space, name)), Some(version)) if space.contains('/') => {
            catalog.package("terraform", Some(space), name, version, line);
        }
        (Some((space, name)), None) => {
            catalog.unpinned("terraform", Some(space), name, line, "");
        }
        _ => {
            let shown: String = provider.chars().take(120).collect();
            catalog.unreadable(line, format!("`{shown}` is no address of a provider"));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Text(&'t str),
    Mark(u8),
    End,
}

struct Tokens<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl<'t> Tokens<'t> {
    fn next(&mut self) -> Result<(Token<'t>, u32), CatalogError> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b'\n') => {
                    self.line = self.line.saturating_add(1);
                    self.at += 1;
                }
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'#') => self.pass_line(),
                Some(b'/') if bytes.get(self.at + 1) == Some(&b'/') => self.pass_line(),
                _ => break,
            }
        }
        let start = self.at;
        let token = match bytes.get(start) {
            None => Token::End,
            Some(mark @ (b'{' | b'}' | b'[' | b']' | b'=' | b',')) => {
                self.at += 1;
                Token::Mark(*mark)
            }
            Some(b'"') => {
                let rest = self.text.get(start + 1..).unwrap_or_default();
                let length = rest.find(['"', '\n', '\\']).unwrap_or(rest.len());
                if rest.as_bytes().get(length) != Some(&b'"') {
                    return Err(CatalogError::at(
                        self.line,
                        "a text does not end on its line, or has an escape",
                    ));
                }
                self.at += length + 2;
                Token::Text(rest.get(..length).unwrap_or_default())
            }
            Some(byte) if byte.is_ascii_alphabetic() => {
                while bytes
                    .get(self.at)
                    .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
                {
                    self.at += 1;
                }
                Token::Word(self.text.get(start..self.at).unwrap_or_default())
            }
            Some(_) => return Err(CatalogError::at(self.line, "a character that means nothing")),
        };
        Ok((token, self.line))
    }

    fn pass_line(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.find('\n').unwrap_or(rest.len());
    }

    fn expect(&mut self, wanted: Token<'_>, message: &str) -> Result<(), CatalogError> {
        let (token, line) = self.next()?;
        if token == wanted { Ok(()) } else { Err(CatalogError::at(line, message)) }
    }

    fn text(&mut self, what: &str) -> Result<&'t str, CatalogError> {
        match self.next()? {
            (Token::Text(text), _) => Ok(text),
            (_, line) => Err(CatalogError::at(line, format!("expected {what}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const LOCK: &str = include_str!("../testdata/terraform/.terraform.lock.hcl");

    #[test]
    fn providers_with_lines() {
        assert_eq!(
            lines(&catalog_text(&TerraformLock, ".terraform.lock.hcl", LOCK)),
            [
                "pkg:terraform/registry.terraform.io/hashicorp/aws@4.67.0:4 parents=[]",
                "pkg:terraform/registry.opentofu.org/acme/dns@0.1.0-beta1:13 parents=[]",
            ]
        );
        let text = "provider \"a/b/c\" {\n}\nprovider \"x\" {\n  version = \"1\"\n}\n";
        let catalog = catalog_text(&TerraformLock, ".terraform.lock.hcl", text);
        assert_eq!((catalog.unpinned.len(), catalog.unknowns.len()), (1, 1));
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&TerraformLock, ".terraform.lock.hcl", text);
        assert_eq!(fails("module \"a\" {}"), "1: expected a `provider` block");
        assert_eq!(
            fails("provider \"a/b/c\" {\n  version =\n 7 }"),
            "3: a character that means nothing"
        );
        assert_eq!(fails(&LOCK[..LOCK.len() - 6]), "17: the file ends inside a list");
        assert_eq!(
            fails("provider \"a/b/c\" {}\nprovider \"a/b/c\" {}"),
            "2: the provider `a/b/c` is given twice"
        );
    }
}
