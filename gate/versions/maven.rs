//! Maven versions: [Version order specification](https://maven.apache.org/pom.html#version-order-specification) of the
//! POM reference, as `ComparableVersion` of Maven 4 carries it out.
//!
//! A version is a list of numbers and words; a hyphen, or the change from digits to letters, opens a list inside the
//! list. As a list only ever opens at the end of the one around it, the whole is a flat sequence in which
//! [`Item::Open`] begins the next list.

use std::cmp::Ordering;

use crate::scan::{compare_folded, compare_numbers, has_gap, is_zero};

/// One item of a version.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item<'a> {
    /// Digits.
    Number(&'a str),
    /// Letters, or whatever else is between separators.
    Word(&'a str),
    /// Letters with the digits after them (`rc1`, `rc-1`).
    Numbered(&'a str, &'a str),
    /// All that follows is a list, the last item of this one.
    Open,
}

/// Takes a version apart. Every text is a version to Maven; refused are only ranges, properties that nobody replaced,
/// and white space.
pub(crate) fn split(text: &str) -> Result<Vec<Item<'_>>, &'static str> {
    if has_gap(text) {
        return Err("white space inside");
    }
    if text.bytes().any(|byte| b"${}[](),".contains(&byte)) {
        return Err("a range or a property that nobody replaced");
    }
    let mut items = read(text);
    normalise(&mut items);
    Ok(items)
}

/// Whether a word of the version comes before the release.
pub(crate) fn is_prerelease(items: &[Item<'_>]) -> bool {
    items.iter().any(|item| match item {
        Item::Word(word) => qualifier(word, false).0 < RELEASE,
        Item::Numbered(word, _) => qualifier(word, true).0 < RELEASE,
        Item::Number(_) | Item::Open => false,
    })
}

fn read(text: &str) -> Vec<Item<'_>> {
    let mut items = Vec::with_capacity(8);
    // Whether the innermost list has no item yet: only a list with items can hold another.
    let mut is_empty = true;
    let mut start = 0;
    let mut in_digits = false;
    let mut is_numbered = false;
    let token = |start: usize, end: usize, in_digits: bool, is_numbered: bool| {
        let part = text.get(start..end).unwrap_or_default();
        if is_numbered {
            let at = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
            let (word, number) = part.split_at_checked(at).unwrap_or((part, ""));
            Item::Numbered(word.trim_end_matches('-'), number)
        } else if in_digits {
            Item::Number(part)
        } else {
            Item::Word(part)
        }
    };
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'.' | b'-' => {
                let hyphen = byte == b'-';
                if at == start {
                    items.push(Item::Number("0"));
                } else if hyphen
                    && !in_digits
                    && bytes.peek().is_some_and(|(_, next)| next.is_ascii_digit())
                {
                    is_numbered = true;
                    continue;
                } else {
                    items.push(token(start, at, in_digits, is_numbered));
                }
                start = at + 1;
                is_numbered = false;
                is_empty = hyphen;
                if hyphen {
                    items.push(Item::Open);
                }
            }
            b'0'..=b'9' => {
                if !in_digits && at > start {
                    is_numbered = true;
                    if !is_empty {
                        items.push(Item::Open);
                        is_empty = true;
                    }
                }
                in_digits = true;
            }
            _ => {
                if in_digits && at > start {
                    items.push(token(start, at, true, is_numbered));
                    items.push(Item::Open);
                    is_empty = true;
                    start = at;
                    is_numbered = false;
                }
                in_digits = false;
            }
        }
    }
    if text.len() > start {
        if !in_digits && !is_empty {
            items.push(Item::Open);
        }
        items.push(token(start, text.len(), in_digits, is_numbered));
    }
    items
}

/// Drops zeros and empty lists that do not count, from the innermost list outwards.
fn normalise(items: &mut Vec<Item<'_>>) {
    // Where the list being looked at begins; each turn of the loop does one list.
    let mut end = items.len();
    loop {
        let begin = items
            .get(..end)
            .and_then(|before| before.iter().rposition(|item| matches!(item, Item::Open)))
            .map_or(0, |open| open + 1);
        normalise_list(items, begin, end);
        if begin == 0 {
            return;
        }
        end = begin - 1;
    }
}

/// One list: its own items are `begin..end`, then the list inside it, if there is one.
fn normalise_list(items: &mut Vec<Item<'_>>, begin: usize, end: usize) {
    // A list inside that has become empty goes.
    if end < items.len() && items.len() == end + 1 {
        items.truncate(end);
    }
    for at in (begin..end).rev() {
        if !matches!(items.get(at), Some(Item::Number(number)) if is_zero(number)) {
            continue;
        }
        let goes = match items.get(at + 1) {
            None | Some(Item::Word(_)) => true,
            Some(Item::Open) => {
                let first = items.iter().skip(at + 2).find(|item| !matches!(item, Item::Open));
                matches!(first, Some(Item::Word(_) | Item::Numbered(..)))
            }
            Some(_) => false,
        };
        if goes {
            items.remove(at);
        }
    }
}

/// Rank of the release among the qualifiers.
const RELEASE: u8 = 5;

/// The rank of a qualifier and, for unknown ones, the word that decides among them.
fn qualifier(word: &str, is_numbered: bool) -> (u8, &str) {
    const RANKS: [(&str, u8); 11] = [
        ("alpha", 0),
        ("beta", 1),
        ("milestone", 2),
        ("rc", 3),
        ("cr", 3),
        ("snapshot", 4),
        ("", RELEASE),
        ("ga", RELEASE),
        ("final", RELEASE),
        ("release", RELEASE),
        ("sp", 6),
    ];
    const SHORT: [(&str, u8); 3] = [("a", 0), ("b", 1), ("m", 2)];
    let short = if is_numbered { SHORT.as_slice() } else { &[] };
    match RANKS.iter().chain(short).find(|(known, _)| known.eq_ignore_ascii_case(word)) {
        Some((_, rank)) => (*rank, ""),
        None => (7, word),
    }
}

fn compare_qualifiers(a: (u8, &str), b: (u8, &str)) -> Ordering {
    a.0.cmp(&b.0).then_with(|| compare_folded(a.1, b.1))
}

/// The order of two Maven versions.
pub(crate) fn compare(a: &[Item<'_>], b: &[Item<'_>]) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    loop {
        let (first_a, after_a) = head(rest_a);
        let (first_b, after_b) = head(rest_b);
        let found = match (first_a, first_b) {
            (None, None) => return Ordering::Equal,
            // Two lists side by side are the last items of both: go on inside them.
            (Some(Item::Open), Some(Item::Open)) => Ordering::Equal,
            (Some(_), None) => return compare_to_nothing(rest_a),
            (None, Some(_)) => return compare_to_nothing(rest_b).reverse(),
            (Some(Item::Open), Some(b)) => compare_list(after_a, b),
            (Some(a), Some(Item::Open)) => compare_list(after_b, a).reverse(),
            (Some(a), Some(b)) => compare_items(a, b),
        };
        if found != Ordering::Equal {
            return found;
        }
        // A list that equalled a plain item has been used up with it.
        (rest_a, rest_b) = match (first_a, first_b) {
            (Some(Item::Open), Some(Item::Open)) => (after_a, after_b),
            (Some(Item::Open), _) => (&[][..], after_b),
            (_, Some(Item::Open)) => (after_a, &[][..]),
            _ => (after_a, after_b),
        };
    }
}

fn head<'i, 'a>(items: &'i [Item<'a>]) -> (Option<Item<'a>>, &'i [Item<'a>]) {
    items.split_first().map_or((None, items), |(first, rest)| (Some(*first), rest))
}

/// The first item that does not equal nothing decides; a list counts as its items.
fn compare_to_nothing(items: &[Item<'_>]) -> Ordering {
    items
        .iter()
        .map(|item| item_to_nothing(*item))
        .find(|found| *found != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

fn item_to_nothing(item: Item<'_>) -> Ordering {
    match item {
        Item::Number(number) => number_to_nothing(number),
        Item::Word(word) => qualifier(word, false).0.cmp(&RELEASE),
        Item::Numbered(word, number) => {
            qualifier(word, true).0.cmp(&RELEASE).then_with(|| number_to_nothing(number))
        }
        Item::Open => Ordering::Equal,
    }
}

fn number_to_nothing(number: &str) -> Ordering {
    if is_zero(number) { Ordering::Equal } else { Ordering::Greater }
}

/// The order of two items, neither of them a list.
fn compare_items(a: Item<'_>, b: Item<'_>) -> Ordering {
    match (a, b) {
        (Item::Number(a), Item::Number(b)) => compare_numbers(a, b),
        (Item::Number(_), _) => Ordering::Greater,
        (_, Item::Number(_)) => Ordering::Less,
        (Item::Word(a), Item::Word(b)) => {
            compare_qualifiers(qualifier(a, false), qualifier(b, false))
        }
        (Item::Numbered(a, a_number), Item::Numbered(b, b_number)) => {
            compare_qualifiers(qualifier(a, true), qualifier(b, true))
                .then_with(|| compare_numbers(a_number, b_number))
        }
        (Item::Numbered(a, number), Item::Word(b)) => compare_numbered(a, number, b),
        (Item::Word(a), Item::Numbered(b, number)) => compare_numbered(b, number, a).reverse(),
        (Item::Open, _) | (_, Item::Open) => Ordering::Equal,
    }
}

/// `rc1` against `rc`: the number makes it later, unless the word says nothing (`ga0` is `ga`).
fn compare_numbered(word: &str, number: &str, other: &str) -> Ordering {
    let rank = qualifier(word, true);
    compare_qualifiers(rank, qualifier(other, false))
        .then_with(|| if rank.0 == RELEASE { number_to_nothing(number) } else { Ordering::Greater })
}

/// A list against an item that is not one: the item is the same as a list of it alone, only that the list comes after
/// if they are equal and mean more than the release does.
fn compare_list(list: &[Item<'_>], item: Item<'_>) -> Ordering {
    if matches!(item, Item::Number(_)) {
        return Ordering::Less;
    }
    let found = match list.split_first() {
        None => return item_to_nothing(item).reverse(),
        Some((Item::Open, inside)) => compare_list(inside, item),
        Some((first, rest)) => compare_items(*first, item).then_with(|| compare_to_nothing(rest)),
    };
    let is_release = item_to_nothing(item) == Ordering::Equal;
    found.then(if is_release { Ordering::Equal } else { Ordering::Greater })
}
