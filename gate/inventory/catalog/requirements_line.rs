/// One logical line of a requirements file: continued lines joined, its comment apart.
#[derive(Debug)]
pub(crate) struct Line {
    /// Of its first part, from 1.
    pub(crate) number: u32,
    /// Without the comment.
    pub(crate) code: String,
    /// What follows `#`.
    pub(crate) comment: Option<String>,
    /// Whether it begins with a space.
    pub(crate) indented: bool,
    /// Whether the file ended where it was continued.
    pub(crate) cut: bool,
}

/// Joins lines as pip does: a backslash at the end continues, except behind a comment.
pub(crate) fn logical_lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut open: Option<(u32, String)> = None;
    for (at, raw) in text.lines().enumerate() {
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let comment = raw.trim_start().starts_with('#');
        match raw.strip_suffix('\\').filter(|_| !comment) {
            Some(more) => match &mut open {
                Some((_, text)) => text.push_str(more),
                None => open = Some((number, more.to_owned())),
            },
            None => match open.take() {
                Some((number, mut text)) => {
                    if comment {
                        text.push(' ');
                    }
                    text.push_str(raw);
                    lines.push(Line::new(number, &text, false));
                }
                None => lines.push(Line::new(number, raw, false)),
            },
        }
    }
    if let Some((number, text)) = open {
        lines.push(Line::new(number, &text, true));
    }
    lines
}

impl Line {
    fn new(number: u32, text: &str, cut: bool) -> Self {
        let indented = text.starts_with([' ', '\t']);
        let mut before = ' ';
        let start = text.char_indices().find(|(_, c)| {
            let starts = *c == '#' && before.is_whitespace();
            before = *c;
            starts
        });
        let (code, comment) = match start {
            Some((at, _)) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
            None => (text, None),
        };
        Self {
            number,
            code: code.trim().to_owned(),
            comment: comment.map(str::to_owned),
            indented,
            cut,
        }
    }
}
