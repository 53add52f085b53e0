use std::fmt;

use serde::{Deserialize, Serialize};

/// One fault of a file, at the place that a person has to change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The file, as the caller named it.
    pub file: String,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: u32,
    /// Column in characters, from 1; 0 when the whole file is meant.
    pub column: u32,
    /// What is wrong, one sentence.
    pub message: String,
    /// The one thing to do about it, where there is one.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " (hint: {hint})")?;
        }
        Ok(())
    }
}

/// Every fault found while loading, in order of file and place. Nothing is loaded when there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, diagnostic) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

/// A place in a file, line and column from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Collects the faults of one file: a mistake does not hide the next one.
#[derive(Debug)]
pub(crate) struct Sink<'a> {
    pub(crate) file: &'a str,
    pub(crate) found: &'a mut Vec<Diagnostic>,
}

/// More faults than this help nobody and cost memory.
const MAX_FAULTS: usize = 200;

impl Sink<'_> {
    pub(crate) fn error(&mut self, at: Place, message: impl Into<String>) {
        self.push(at, message.into(), None);
    }

    pub(crate) fn error_hint(
        &mut self,
        at: Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(at, message.into(), Some(hint.into()));
    }

    /// An unknown name: the nearest of the known ones is the hint, or the whole list where nothing is near.
    pub(crate) fn unknown<'k>(
        &mut self,
        at: Place,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'k str> + Clone,
    ) {
        // Looking for the nearest name is dear; a file with so many faults gets no more of it.
        if self.found.len() >= MAX_FAULTS {
            return;
        }
        let hint = if let Some(near) = nearest(name, known.clone()) {
            format!("did you mean `{near}`?")
        } else {
            let mut names: Vec<_> = known.take(40).collect();
            names.sort_unstable();
            if names.is_empty() {
                format!("no {what} is defined")
            } else {
                format!("known: {}", names.join(", "))
            }
        };
        self.error_hint(at, format!("unknown {what} `{}`", short(name)), hint);
    }

    fn push(&mut self, at: Place, message: String, hint: Option<String>) {
        if self.found.len() < MAX_FAULTS {
            self.found.push(Diagnostic {
                file: self.file.to_owned(),
                line: at.line,
                column: at.column,
                message,
                hint,
            });
        }
    }
}

/// At most 60 characters of a foreign text, control characters replaced, for use inside a message.
pub(crate) fn short(text: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut out: String = text.chars().take(60).map(clean).collect();
    if text.chars().nth(60).is_some() {
        out.push('…');
    }
    out
}

/// A hint may miss a name of a very long list.
const MOST_CANDIDATES: usize = 300;

/// The known name that `name` is most likely a misspelling of: at most a third of its letters differ.
pub(crate) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if name.len() > 80 {
        return None;
    }
    let folded = |text: &str| text.to_lowercase().replace(['_', ' '], "-");
    let wanted = folded(name);
    known
        .take(MOST_CANDIDATES)
        .filter(|candidate| candidate.len() <= 80 && candidate.len().abs_diff(name.len()) <= 27)
        .map(|candidate| (distance(&wanted, &folded(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(3) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut best = (get(&last, j) + usize::from(x != y))
                .min(get(&last, j + 1) + 1)
                .min(get(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                best = best.min(get(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_finds_its_word_and_a_stranger_does_not() {
        let known = ["severity", "scope", "fixable-high", "vulnerability"];
        for (name, expected) in [
            ("severty", Some("severity")),
            ("sevreity", Some("severity")),
            ("fixable_high", Some("fixable-high")),
            ("Vulnerability", Some("vulnerability")),
            ("banana", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), expected, "{name}");
        }
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
