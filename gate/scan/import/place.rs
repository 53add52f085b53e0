//! Places in files as other tools name them, as paths inside the target.

use secgate_model::Location;

/// The longest path that is kept, in bytes.
const LONGEST: usize = 4_096;

/// A path as a tool names it (`./a`, `/src/a`, `C:\a`, `file:///a`), relative, with `/`, without `.` and `..`.
///
/// An absolute path stays whole behind its first slash, because the report does not say where the target begins.
pub(super) fn tree_path(raw: &str) -> String {
    let raw = raw.trim();
    let raw = raw.strip_prefix("file://").unwrap_or(raw);
    // Backslashes separate only where there is nothing else to separate, as on Windows.
    let windows = raw.contains('\\') && !raw.contains('/');
    let raw = if windows { raw.replace('\\', "/") } else { raw.to_owned() };
    let mut parts: Vec<&str> = Vec::new();
    for part in raw.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let mut path: String = parts.join("/").chars().filter(|c| !c.is_control()).collect();
    while path.len() > LONGEST {
        path.pop();
    }
    path
}

/// The same of a URI reference, whose percent escapes are undone (RFC 3986 §2.1).
pub(super) fn uri_path(uri: &str) -> String {
    tree_path(&unescaped(uri))
}

fn unescaped(uri: &str) -> String {
    let digit = |byte: Option<&u8>| {
        byte.and_then(|byte| char::from(*byte).to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let bytes = uri.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escape = (digit(bytes.get(at + 1)), digit(bytes.get(at + 2)));
        if let (b'%', (Some(high), Some(low))) = (byte, escape) {
            out.push(high * 16 + low);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| uri.to_owned())
}

/// A place; numbers below 1 are no place.
pub(super) fn spot(
    path: &str,
    line: Option<i64>,
    column: Option<i64>,
    end_line: Option<i64>,
) -> Location {
    let number =
        |number: Option<i64>| number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    let line = number(line);
    Location {
        path: path.to_owned(),
        line,
        column: number(column).filter(|_| line.is_some()),
        end_line: number(end_line).filter(|end| line.is_some_and(|line| *end > line)),
        layer: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, expected: &str) {
        assert_eq!(uri_path(raw), expected, "{raw}");
    }

    #[test]
    fn paths_are_relative() {
        check("./src/app.py", "src/app.py");
        check("file:///builds/a%20b.py", "builds/a b.py");
        check("src\\app.py", "src/app.py");
        check("../../etc/passwd", "etc/passwd");
        check("a/../b%2", "b%2");
        check("%ff", "%ff");
        assert_eq!(spot("a", Some(0), Some(3), None), Location::file("a"));
        assert_eq!(spot("a", Some(2), None, Some(2)), Location::line("a", 2));
    }
}
