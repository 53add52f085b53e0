//! Alpine versions: [apk-package(5)](https://man.archlinux.org/man/extra/apk-tools/apk-package.5.en), `pkgver`, and the
//! comparison of apk-tools 3: `number{.number}[letter]{_suffix[number]}[~hash][-r number]`. Also for Wolfi, Chainguard
//! and other distributions built from apk packages.
//!
//! A number after a dot with a leading zero is compared as text, as Gentoo's rules have it. The suffixes `_alpha`,
//! `_beta`, `_pre` and `_rc` come before the version without one, `_cvs`, `_svn`, `_git`, `_hg` and `_p` after it.

use std::cmp::Ordering;

use crate::scan::{compare_numbers, take_digits, take_while};

/// Suffixes in their order; the first four are pre-releases.
const SUFFIXES: [&str; 9] = ["alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"];
const PRE_SUFFIXES: usize = 4;

/// One piece of a version. The order of the kinds is the order in which they may follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    First(&'a str),
    Number(&'a str),
    Letter(u8),
    Suffix(usize),
    SuffixNumber(&'a str),
    Hash(&'a str),
    Revision(&'a str),
    End,
}

/// Checks a version.
pub(crate) fn split(text: &str) -> Result<&str, &'static str> {
    let mut tokens = Tokens::new(text);
    loop {
        match tokens.step() {
            Some(Token::End) => return Ok(text),
            Some(_) => {}
            None => return Err("expected a form such as 1.2.3a_rc1-r4"),
        }
    }
}

/// Whether a suffix marks a pre-release.
pub(crate) fn is_prerelease(text: &str) -> bool {
    let mut tokens = Tokens::new(text);
    loop {
        match tokens.step() {
            Some(Token::Suffix(rank)) if rank < PRE_SUFFIXES => return true,
            Some(Token::End) | None => return false,
            Some(_) => {}
        }
    }
}

/// The order of two Alpine versions that [`split`] accepted.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut tokens_a, mut tokens_b) = (Tokens::new(a), Tokens::new(b));
    loop {
        let a = tokens_a.step().unwrap_or(Token::End);
        let b = tokens_b.step().unwrap_or(Token::End);
        match compare_tokens(a, b) {
            Ordering::Equal if a == Token::End => return Ordering::Equal,
            Ordering::Equal => {}
            found => return found,
        }
    }
}

fn compare_tokens(a: Token<'_>, b: Token<'_>) -> Ordering {
    match (a, b) {
        (Token::First(a), Token::First(b))
        | (Token::SuffixNumber(a), Token::SuffixNumber(b))
        | (Token::Revision(a), Token::Revision(b)) => compare_numbers(a, b),
        (Token::Number(a), Token::Number(b)) => {
            if a.starts_with('0') || b.starts_with('0') {
                a.cmp(b)
            } else {
                compare_numbers(a, b)
            }
        }
        (Token::Letter(a), Token::Letter(b)) => a.cmp(&b),
        (Token::Suffix(a), Token::Suffix(b)) => a.cmp(&b),
        (Token::Hash(a), Token::Hash(b)) => a.cmp(b),
        // Of two different kinds a pre-release suffix comes first; else the one that may stand further left comes last.
        (Token::Suffix(rank), _) if rank < PRE_SUFFIXES => Ordering::Less,
        (_, Token::Suffix(rank)) if rank < PRE_SUFFIXES => Ordering::Greater,
        (a, b) => b.place().cmp(&a.place()),
    }
}

impl Token<'_> {
    fn place(self) -> u8 {
        match self {
            Token::First(_) => 0,
            Token::Number(_) => 1,
            Token::Letter(_) => 2,
            Token::Suffix(_) => 3,
            Token::SuffixNumber(_) => 4,
            Token::Hash(_) => 5,
            Token::Revision(_) => 6,
            Token::End => 7,
        }
    }
}

struct Tokens<'a> {
    rest: &'a str,
    last: Option<Token<'a>>,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, last: None }
    }

    /// The next token; `None` where the text is not a version.
    fn step(&mut self) -> Option<Token<'a>> {
        let token = match self.last {
            None => Token::First(self.digits()?),
            Some(last) => self.follow(last)?,
        };
        self.last = Some(token);
        Some(token)
    }

    fn follow(&mut self, last: Token<'a>) -> Option<Token<'a>> {
        let place = last.place();
        let mut chars = self.rest.chars();
        match chars.next() {
            None => Some(Token::End),
            Some(letter @ 'a'..='z') if place <= 1 => {
                self.rest = chars.as_str();
                u8::try_from(letter).ok().map(Token::Letter)
            }
            Some('.') if place <= 1 => {
                self.rest = chars.as_str();
                self.digits().map(Token::Number)
            }
            Some('0'..='9') if place == 3 => self.digits().map(Token::SuffixNumber),
            Some('_') if place <= 4 => {
                let (word, rest) = take_while(chars.as_str(), |byte| byte.is_ascii_lowercase());
                self.rest = rest;
                SUFFIXES.iter().position(|suffix| *suffix == word).map(Token::Suffix)
            }
            Some('~') if place < 5 => {
                let (hash, rest) = take_while(chars.as_str(), |byte| byte.is_ascii_hexdigit());
                self.rest = rest;
                (!hash.is_empty()).then_some(Token::Hash(hash))
            }
            Some('-') if place < 6 => {
                self.rest = chars.as_str().strip_prefix('r')?;
                self.digits().map(Token::Revision)
            }
            Some(_) => None,
        }
    }

    fn digits(&mut self) -> Option<&'a str> {
        let (digits, rest) = take_digits(self.rest);
        self.rest = rest;
        (!digits.is_empty()).then_some(digits)
    }
}
