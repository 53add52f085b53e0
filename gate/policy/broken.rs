//! Every file of `testdata/broken` has one fault: it is never loaded, and the fault is reported at its line. The first
//! line says which: `# expect: LINE: part of the message`, lines counted in the file as it is.

use std::path::Path;

use crate::{Diagnostics, load_policy, load_policy_tests, load_waivers, shipped::read};

#[test]
fn every_broken_file_is_refused_at_its_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/broken");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 60, "{}", names.len());
    let mut wrong = Vec::new();
    for name in names {
        let path = folder.join(&name);
        let bytes = read(&path).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let first = text.lines().next().unwrap();
        let expected =
            first.strip_prefix("# expect: ").unwrap_or_else(|| panic!("{name} has no `# expect:`"));
        let (line, message) = expected.split_once(": ").unwrap();
        let line: u32 = line.parse().unwrap();
        let (result, shift) = match name.split_once('-').unwrap().0 {
            "policy" => (load_policy(&path, &read).map(drop), 0),
            "test" => (load_policy_tests(&path, &read).map(drop), 0),
            "waiver" => (load_waivers(&[(name.clone(), bytes)]).map(drop), 0),
            // JSON has no comments, so the first line is taken away and counted.
            "vex" => {
                let rest = text.split_once('\n').unwrap().1.as_bytes().to_vec();
                (load_waivers(&[(name.clone(), rest)]).map(drop), 1)
            }
            other => panic!("{other}"),
        };
        match result {
            Ok(()) => wrong.push(format!("{name} loads")),
            Err(Diagnostics(found)) => {
                let good = found
                    .iter()
                    .any(|fault| fault.line + shift == line && fault.message.contains(message));
                if !good {
                    wrong.push(format!("{name}: expected {expected}, got {found:#?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
