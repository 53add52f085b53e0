//! RubyGems versions: [`Gem::Version`](https://docs.ruby-lang.org/en/master/Gem/Version.html): segments of digits or
//! letters, letters before digits (so a letter makes a pre-release), missing segments zero, zeros at the end of the
//! numeric part and at the end of the whole not counted. A hyphen stands for `.pre.`.

use std::cmp::Ordering;

use crate::scan::{compare_lists, compare_numbers, is_zero, take_digits, take_while};

#[derive(Debug, Clone, Copy)]
enum Segment<'a> {
    Word(&'a str),
    Number(&'a str),
}

/// Checks a version.
pub(crate) fn split(text: &str) -> Result<&str, &'static str> {
    const EXPECTED: &str = "expected a form such as 1.2.3 or 1.2.3.rc1";
    let (release, pre) = text.split_once('-').unwrap_or((text, "0"));
    if !release.starts_with(|c: char| c.is_ascii_digit())
        || take_digits(release).1.starts_with(|c| c != '.')
    {
        return Err(EXPECTED);
    }
    let fields_are_words = |part: &str, hyphens: bool| {
        part.split('.').all(|field| {
            !field.is_empty()
                && field.bytes().all(|byte| byte.is_ascii_alphanumeric() || hyphens && byte == b'-')
        })
    };
    if fields_are_words(release, false) && fields_are_words(pre, true) {
        Ok(text)
    } else {
        Err(EXPECTED)
    }
}

/// Whether a letter, or a hyphen, makes it a pre-release.
pub(crate) fn is_prerelease(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_alphabetic() || c == '-')
}

/// The order of two RubyGems versions.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    compare_lists(Segments::new(a), Segments::new(b), |a, b| {
        let (a, b) = (a.unwrap_or(Segment::Number("0")), b.unwrap_or(Segment::Number("0")));
        match (a, b) {
            (Segment::Word(_), Segment::Number(_)) => Ordering::Less,
            (Segment::Number(_), Segment::Word(_)) => Ordering::Greater,
            (Segment::Number(a), Segment::Number(b)) => compare_numbers(a, b),
            (Segment::Word(a), Segment::Word(b)) => a.cmp(b),
        }
    })
}

/// The segments that count.
struct Segments<'a> {
    rest: &'a str,
    /// A hyphen has been read, whose `pre` comes next.
    owes_pre: bool,
    in_numbers: bool,
}

impl<'a> Segments<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, owes_pre: false, in_numbers: true }
    }

    /// The next segment, whether it counts or not.
    fn raw(&mut self) -> Option<Segment<'a>> {
        loop {
            if self.owes_pre {
                self.owes_pre = false;
                return Some(Segment::Word("pre"));
            }
            let first = self.rest.chars().next()?;
            if first.is_ascii_digit() {
                let (number, rest) = take_digits(self.rest);
                self.rest = rest;
                return Some(Segment::Number(number));
            }
            if first.is_ascii_alphabetic() {
                let (word, rest) = take_while(self.rest, |byte| byte.is_ascii_alphabetic());
                self.rest = rest;
                return Some(Segment::Word(word));
            }
            self.owes_pre = first == '-';
            self.rest = self.rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }

    /// What ends the run of zeros that `self` stands before.
    fn after_zeros(&self) -> Option<Segment<'a>> {
        let mut ahead =
            Segments { rest: self.rest, owes_pre: self.owes_pre, in_numbers: self.in_numbers };
        loop {
            match ahead.raw() {
                Some(Segment::Number(number)) if is_zero(number) => {}
                next => return next,
            }
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let mut segment = self.raw()?;
        if matches!(segment, Segment::Number(number) if is_zero(number)) {
            match self.after_zeros() {
                None => return None,
                // Zeros at the end of the numeric part do not count: 1.0.a is 1.a.
                Some(Segment::Word(_)) if self.in_numbers => {
                    while matches!(segment, Segment::Number(_)) {
                        segment = self.raw()?;
                    }
                }
                Some(_) => {}
            }
        }
        if matches!(segment, Segment::Word(_)) {
            self.in_numbers = false;
        }
        Some(segment)
    }
}
