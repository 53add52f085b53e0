//! Every fixture of every cataloger, as it is and damaged in a hundred ways: no damage may make a cataloger panic, and line
//! ends and a byte order mark must not matter.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;
use secgate_source::{Entry, Limits, Tree, open_directory};

use crate::{CATALOGERS, Catalog, CatalogError, Cataloger, SYSTEM_CATALOGERS};

const HUGE: usize = 2 << 20;

/// xorshift64*: the same numbers at every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(number).unwrap() % end.max(1)
    }
}

fn run(
    cataloger: &dyn Cataloger,
    entry: &Entry,
    body: Vec<u8>,
    neighbours: &[(String, Vec<u8>)],
) -> Result<(Catalog, Result<(), CatalogError>), String> {
    let files = neighbours.iter().cloned().chain([(entry.path.clone(), body)]);
    let tree = Tree::in_memory(files, Limits::default());
    let mut catalog = Catalog::new(&entry.path, cataloger.id());
    catch_unwind(AssertUnwindSafe(|| cataloger.catalog(entry, &tree, &mut catalog)))
        .map(|result| (catalog, result))
        .map_err(|_| "panics".to_owned())
}

fn purls(catalog: &Catalog) -> Vec<String> {
    catalog.packages.iter().map(|package| package.purl.to_string()).collect()
}

/// The damaged forms of a body, each with a name for the message.
fn mutations(body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15 ^ body.len() as u64);
    let mut out = Vec::new();
    for part in 0..24 {
        let at = body.len() * part / 24;
        out.push((format!("cut at {at}"), body[..at].to_vec()));
    }
    for _ in 0..30 {
        let mut flipped = body.to_vec();
        let (at, bit) = (chance.below(body.len()), chance.below(8));
        if let Some(byte) = flipped.get_mut(at) {
            *byte ^= 1 << bit;
        }
        out.push((format!("bit {bit} of byte {at} flipped"), flipped));
    }
    let lines: Vec<&[u8]> = body.split_inclusive(|byte| *byte == b'\n').collect();
    for _ in 0..8 {
        let at = chance.below(lines.len());
        let mut doubled = lines.clone();
        doubled.insert(at, lines.get(at).copied().unwrap_or_default());
        out.push((format!("line {} doubled", at + 1), doubled.concat()));
        let mut removed = lines.clone();
        if at < removed.len() {
            removed.remove(at);
        }
        out.push((format!("line {} removed", at + 1), removed.concat()));
        let mut swapped = lines.clone();
        if !swapped.is_empty() {
            let other = chance.below(swapped.len());
            swapped.swap(at, other);
        }
        out.push((format!("line {} swapped", at + 1), swapped.concat()));
    }
    let insert = |at: usize, what: &[u8]| [&body[..at], what, &body[at..]].concat();
    for nest in ["[", "{", "(", "<a>", "{\"a\":", "[\n", "- ", "<<", "a:\n ", "\"", "\\", "%{"] {
        let at = chance.below(body.len() + 1);
        out.push((format!("deep {nest:?} at {at}"), insert(at, nest.repeat(20_000).as_bytes())));
    }
    for bytes in [&b"\xff\xfe"[..], b"\xc3", b"\0", b"\xed\xa0\x80", "\u{2028}\u{feff}".as_bytes()]
    {
        let at = chance.below(body.len() + 1);
        out.push((format!("{bytes:?} at {at}"), insert(at, bytes)));
    }
    let at = chance.below(body.len() + 1);
    out.push(("a long word".to_owned(), insert(at, "a".repeat(100_000).as_bytes())));
    out.push(("a long number".to_owned(), insert(at, "9".repeat(100_000).as_bytes())));
    out.push(("repeated".to_owned(), body.repeat(HUGE / body.len().max(1))));
    out
}

fn check(cataloger: &dyn Cataloger, entry: &Entry, tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    let body = tree.read(entry).unwrap();
    let neighbours: Vec<_> = tree
        .entries()
        .iter()
        .filter(|other| other.path != entry.path && other.folder() == entry.folder())
        .map(|other| (other.path.clone(), tree.read(other).unwrap()))
        .collect();
    let mut fault = |what: &str, how: &str| {
        faults.push(format!("{} {}: {what}: {how}", cataloger.id(), entry.path));
    };
    let broken = entry.path.split('/').any(|part| part == "broken");
    let plain = match run(cataloger, entry, body.clone(), &neighbours) {
        Err(how) => {
            fault("as it is", &how);
            return faults;
        }
        Ok((_, Err(error))) if !broken => {
            fault("as it is", &error.to_string());
            return faults;
        }
        Ok((catalog, _)) => purls(&catalog),
    };
    if let Ok(text) = std::str::from_utf8(&body)
        && !broken
    {
        let crlf = text.replace("\r\n", "\n").replace('\n', "\r\n");
        for (what, text) in [("CRLF", crlf), ("byte order mark", format!("\u{feff}{text}"))] {
            match run(cataloger, entry, text.into_bytes(), &neighbours) {
                Err(how) => fault(what, &how),
                Ok((_, Err(error))) => fault(what, &error.to_string()),
                Ok((catalog, Ok(()))) if purls(&catalog) != plain => fault(what, "other packages"),
                Ok(_) => {}
            }
        }
    }
    for (what, damaged) in mutations(&body) {
        if let Err(how) = run(cataloger, entry, damaged, &neighbours) {
            fault(&what, &how);
        }
    }
    faults
}

fn faults(tree: &Tree, catalogers: &'static [&dyn Cataloger]) -> (usize, Vec<String>) {
    let wanted: Vec<(&Entry, &dyn Cataloger)> = tree
        .entries()
        .iter()
        .flat_map(|entry| {
            let wants = catalogers.iter().filter(|cataloger| cataloger.wants(entry));
            wants.map(move |cataloger| (entry, *cataloger))
        })
        .collect();
    let check = |(entry, cataloger): &(&Entry, &dyn Cataloger)| check(*cataloger, entry, tree);
    (wanted.len(), wanted.par_iter().flat_map(check).collect())
}

#[test]
fn no_damage_makes_a_cataloger_panic() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
    let tree = open_directory(folder.as_ref(), Limits::default(), &|_| false).unwrap();
    let (count, faults) = faults(&tree, CATALOGERS);
    assert!(count > 20, "{count}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_damage_makes_a_cataloger_of_a_system_panic() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/roots");
    let mut total = 0;
    for root in std::fs::read_dir(folder).unwrap() {
        let tree = open_directory(&root.unwrap().path(), Limits::default(), &|_| false).unwrap();
        let (count, faults) = faults(&tree, SYSTEM_CATALOGERS);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        total += count;
    }
    assert!(total >= 16, "{total}");
}
