//! Composer versions: [Versions and constraints](https://getcomposer.org/doc/articles/versions.md) of the Composer
//! documentation (normal form: four numbers, a stability, `-dev`), and PHP's
//! [`version_compare`](https://www.php.net/version_compare) of the normal forms:
//! `dev` < `alpha` < `beta` < `RC` < (nothing) < a further number < `patch`.
//!
//! A branch (`dev-main`) names no point in that order: Composer matches it with no range. It sorts before all versions
//! here, so that the order is total, and ranges say that they cannot place it. A numeric branch (`1.2.x-dev`) does have
//! a place, after all of its versions.

use std::cmp::Ordering;

use crate::scan::{compare_lists, compare_numbers, is_number, strip_word, take_digits};

/// A Composer version taken apart.
#[derive(Debug)]
pub(crate) enum Parts<'a> {
    /// `dev-…`, or a branch that Composer calls so.
    Branch(&'a str),
    /// Everything with numbers.
    Numbers(Numbers<'a>),
}

/// The normal form of a version with numbers.
#[derive(Debug)]
pub(crate) struct Numbers<'a> {
    /// Numbers and their separators; in a numeric branch `x` stands for the greatest number.
    main: &'a str,
    /// Stands for missing numbers up to the fourth; `None` in a date, which has as many as are written.
    filler: Option<&'static str>,
    stability: Option<Word>,
    /// Numbers after the stability, with their separators.
    number: &'a str,
    is_dev: bool,
}

/// The words of a normal form, with their rank in `version_compare`; the end has rank 4 there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Dev,
    Alpha,
    Beta,
    Candidate,
    Patch,
}

/// Spellings of a stability, longer ones before their own beginnings. `stable` says nothing.
const WORDS: [(&str, Option<Word>); 9] = [
    ("stable", None),
    ("beta", Some(Word::Beta)),
    ("b", Some(Word::Beta)),
    ("rc", Some(Word::Candidate)),
    ("alpha", Some(Word::Alpha)),
    ("a", Some(Word::Alpha)),
    ("patch", Some(Word::Patch)),
    ("pl", Some(Word::Patch)),
    ("p", Some(Word::Patch)),
];

/// What Composer writes for the `x` of a numeric branch.
const BRANCH_NUMBER: &str = "9999999";

/// Takes a version apart.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    // `@dev` only flags a stability, `#…` names a commit.
    let text = text.split(['@', '#']).next().unwrap_or(text).trim_end();
    if text == "master" || text == "trunk" || text == "default" {
        return Ok(Parts::Branch(text));
    }
    if let Some(name) = strip_word(text, "dev-") {
        return Ok(Parts::Branch(name));
    }
    let text = text.split_once('+').map_or(text, |(version, _)| version);
    classical(text)
        .or_else(|| dated(text))
        .or_else(|| numeric_branch(text))
        .map(Parts::Numbers)
        .ok_or("expected up to four numbers and a stability, such as 1.2.3 or 1.2.3-beta1")
}

impl Parts<'_> {
    pub(crate) fn is_branch(&self) -> bool {
        matches!(self, Parts::Branch(_))
    }

    pub(crate) fn is_prerelease(&self) -> bool {
        match self {
            Parts::Branch(_) => true,
            Parts::Numbers(numbers) => {
                numbers.is_dev || numbers.stability.is_some_and(|word| word != Word::Patch)
            }
        }
    }
}

fn strip_v(text: &str) -> &str {
    text.strip_prefix(['v', 'V']).unwrap_or(text)
}

/// One to four numbers, the first of at most five digits.
fn classical(text: &str) -> Option<Numbers<'_>> {
    let text = strip_v(text);
    let (first, mut rest) = take_digits(text);
    if first.is_empty() || first.len() > 5 {
        return None;
    }
    for _ in 0..3 {
        match rest.strip_prefix('.').map(take_digits) {
            Some((number, next)) if !number.is_empty() => rest = next,
            _ => break,
        }
    }
    let (main, _) = text.split_at_checked(text.len() - rest.len())?;
    modified(main, Some("0"), rest)
}

/// Four digits, up to six pairs of digits and up to three more, with `.`, `:`, `-` or nothing between them.
fn dated(text: &str) -> Option<Numbers<'_>> {
    const BETWEEN: [char; 3] = ['.', ':', '-'];
    fn take(text: &str, least: usize, most: usize) -> Option<&str> {
        let bare = text.strip_prefix(BETWEEN).unwrap_or(text);
        let length = take_digits(bare).0.len().min(most);
        (length >= least).then(|| bare.get(length..)).flatten()
    }
    let text = strip_v(text);
    let mut rest = text.get(4..).filter(|_| text.get(..4).is_some_and(is_number))?;
    rest = take(rest, 2, 2)?;
    for _ in 0..5 {
        match take(rest, 2, 2) {
            Some(next) => rest = next,
            None => break,
        }
    }
    rest = take(rest, 1, 3).unwrap_or(rest);
    let (main, _) = text.split_at_checked(text.len() - rest.len())?;
    modified(main, None, rest)
}

/// Reads the stability and `dev` after the numbers.
fn modified<'a>(main: &'a str, filler: Option<&'static str>, rest: &'a str) -> Option<Numbers<'a>> {
    let bare = rest.strip_prefix(['.', '_', '-']).unwrap_or(rest);
    let (stability, is_stable, number, rest) =
        match WORDS.iter().find_map(|(word, meaning)| Some((meaning, strip_word(bare, word)?))) {
            Some((meaning, after)) => {
                let (number, rest) = take_modifier_numbers(after);
                (*meaning, meaning.is_none(), number, rest)
            }
            None => (None, false, "", bare),
        };
    let (is_dev, rest) = match strip_word(rest.strip_prefix(['.', '-']).unwrap_or(rest), "dev") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if !rest.is_empty() {
        return None;
    }
    // Composer drops all that follows `stable`.
    let (number, is_dev) = if is_stable { ("", false) } else { (number, is_dev) };
    Some(Numbers { main, filler, stability, number, is_dev })
}

fn take_modifier_numbers(text: &str) -> (&str, &str) {
    let mut rest = text;
    loop {
        let (number, next) = take_digits(rest.strip_prefix(['.', '-']).unwrap_or(rest));
        if number.is_empty() {
            break;
        }
        rest = next;
    }
    text.split_at_checked(text.len() - rest.len()).unwrap_or(("", text))
}

/// `1.x-dev`, `1.2.x-dev`, `1.2-dev` of more than five digits: a branch named by numbers.
fn numeric_branch(text: &str) -> Option<Numbers<'_>> {
    let cut = text.len().checked_sub(3)?;
    let (branch, dev) = text.split_at_checked(cut)?;
    if !dev.eq_ignore_ascii_case("dev") {
        return None;
    }
    let main = strip_v(branch.strip_suffix(['.', '-']).unwrap_or(branch));
    let is_field = |field: &str| is_number(field) || matches!(field, "x" | "X" | "*");
    let starts_with_number = main.starts_with(|c: char| c.is_ascii_digit());
    if !starts_with_number || main.split('.').count() > 4 || !main.split('.').all(is_field) {
        return None;
    }
    Some(Numbers { main, filler: Some(BRANCH_NUMBER), stability: None, number: "", is_dev: true })
}

#[derive(Debug, Clone, Copy)]
enum Token<'a> {
    Number(&'a str),
    Word(Word),
}

impl Numbers<'_> {
    fn tokens(&self) -> impl Iterator<Item = Token<'_>> {
        let written =
            self.main.split(|c: char| !c.is_ascii_digit() && !matches!(c, 'x' | 'X' | '*'));
        let missing =
            self.filler.map_or(0, |_| 4_usize.saturating_sub(self.main.split('.').count()));
        let filler = self.filler.unwrap_or("0");
        written
            .map(|field| if is_number(field) { field } else { BRANCH_NUMBER })
            .chain(std::iter::repeat_n(filler, missing))
            .map(Token::Number)
            .chain(self.stability.map(Token::Word))
            .chain(
                self.number
                    .split(['.', '-'])
                    .filter(|number| !number.is_empty())
                    .map(Token::Number),
            )
            .chain(self.is_dev.then_some(Token::Word(Word::Dev)))
    }
}

/// The order of two Composer versions.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    match (a, b) {
        (Parts::Numbers(a), Parts::Numbers(b)) => {
            compare_lists(a.tokens(), b.tokens(), |a, b| match (a, b) {
                (Some(Token::Number(a)), Some(Token::Number(b))) => compare_numbers(a, b),
                (a, b) => rank(a).cmp(&rank(b)),
            })
        }
        (Parts::Branch(a), Parts::Branch(b)) => a.cmp(b),
        (a, b) => b.is_branch().cmp(&a.is_branch()),
    }
}

fn rank(token: Option<Token<'_>>) -> u8 {
    match token {
        Some(Token::Word(Word::Dev)) => 0,
        Some(Token::Word(Word::Alpha)) => 1,
        Some(Token::Word(Word::Beta)) => 2,
        Some(Token::Word(Word::Candidate)) => 3,
        None => 4,
        Some(Token::Number(_)) => 5,
        Some(Token::Word(Word::Patch)) => 6,
    }
}
