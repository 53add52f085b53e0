//! Paragraphs of `Key: value` lines, as dpkg, apt and `debian/copyright` have them (deb-control(5), "Syntax").

/// One paragraph.
#[derive(Debug, Default)]
pub(super) struct Stanza<'t> {
    /// The line of its first field, from 1.
    pub(super) line: u32,
    fields: Vec<Field<'t>>,
    /// Lines that are neither a field nor the continuation of one.
    pub(super) faults: Vec<u32>,
}

#[derive(Debug)]
struct Field<'t> {
    key: &'t str,
    /// The value with its continuation lines as they stand.
    value: &'t str,
}

impl<'t> Stanza<'t> {
    /// The first field of this name, its value trimmed, continuation lines included. Names have no case.
    pub(super) fn get(&self, key: &str) -> Option<&'t str> {
        let field = self.fields.iter().find(|field| field.key.eq_ignore_ascii_case(key))?;
        Some(field.value.trim())
    }

    /// The first line of a field.
    pub(super) fn first_line(&self, key: &str) -> Option<&'t str> {
        self.get(key).and_then(|value| value.lines().next()).map(str::trim)
    }

    fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.faults.is_empty()
    }
}

/// The paragraphs of a text, in its order, however many there are.
pub(super) fn stanzas(text: &str) -> impl Iterator<Item = Stanza<'_>> {
    let mut lines = text.split_inclusive('\n');
    let (mut number, mut offset) = (0_u32, 0_usize);
    let mut ended = false;
    std::iter::from_fn(move || {
        let mut stanza = Stanza::default();
        // Where the value of the last field begins.
        let mut open: Option<usize> = None;
        while !ended {
            let Some(line) = lines.next() else {
                ended = true;
                break;
            };
            number = number.saturating_add(1);
            let start = offset;
            offset += line.len();
            if line.trim().is_empty() {
                if stanza.is_empty() {
                    continue;
                }
                return Some(stanza);
            }
            if stanza.line == 0 {
                stanza.line = number;
            }
            if line.starts_with('#') {
                continue;
            }
            if line.starts_with([' ', '\t']) {
                match (open, stanza.fields.last_mut()) {
                    (Some(from), Some(field)) => {
                        field.value = text.get(from..offset).unwrap_or_default();
                    }
                    _ => stanza.faults.push(number),
                }
                continue;
            }
            match line.split_once(':') {
                Some((key, value)) if !key.is_empty() && !key.contains(char::is_whitespace) => {
                    stanza.fields.push(Field { key, value });
                    open = Some(start + key.len() + 1);
                }
                _ => {
                    stanza.faults.push(number);
                    open = None;
                }
            }
        }
        (!stanza.is_empty()).then_some(stanza)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_with_continuation_lines() {
        let text = "\n\nPackage: a\nDescription: one\n two\n .\n three\nVersion: 1\n \t\nPackage: b\nodd\n x\n";
        let all: Vec<_> = stanzas(text).collect();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].line, all[1].line), (3, 10));
        assert_eq!(all[0].get("description"), Some("one\n two\n .\n three"));
        assert_eq!(all[0].first_line("Description"), Some("one"));
        assert_eq!(all[0].get("Version"), Some("1"));
        assert_eq!(all[1].faults, [11, 12]);
        assert_eq!(stanzas("").count(), 0);
    }

    #[test]
    fn a_text_without_an_end_is_read_to_its_last_byte() {
        let all: Vec<_> = stanzas("A: 1\nB: 2").collect();
        assert_eq!(all[0].get("B"), Some("2"));
    }
}
