//! Foreign texts, made fit to show: bounded, without control characters.

/// The longest title, in characters.
const LINE: usize = 300;
/// The longest description, in characters.
const PROSE: usize = 8_000;
/// The most references of one finding.
const LINKS: usize = 32;

/// The first line that says something, on one line.
pub(super) fn line(text: &str) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let words: String = first.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    shortened(&words, LINE)
}

/// A text of several lines; `None` when it says nothing.
pub(super) fn prose(text: &str) -> Option<String> {
    let clean: String = text
        .trim()
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
        .take(PROSE + 1)
        .collect();
    (!clean.is_empty()).then(|| shortened(&clean, PROSE))
}

/// [`prose`] of what may be absent.
pub(super) fn prose_of(text: Option<&str>) -> Option<String> {
    text.and_then(prose)
}

/// The text cut to so many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// The first of them that says something, as one line.
pub(super) fn first_line<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> String {
    texts.into_iter().flatten().map(line).find(|text| !text.is_empty()).unwrap_or_default()
}

/// The `https` addresses among them, in their order, each once, without credentials.
pub(super) fn links<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    for address in addresses {
        let address = address.trim();
        let authority =
            address.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
        let shown = authority
            .is_some_and(|authority| !authority.is_empty() && !authority.contains('@'))
            && address.len() <= 2_000
            && !address.contains(|c: char| c.is_control() || c.is_whitespace());
        if shown && links.len() < LINKS && !links.iter().any(|known| known == address) {
            links.push(address.to_owned());
        }
    }
    links
}

/// HTML as a tool puts it into a report, without its tags and with the five basic entities.
pub(super) fn without_tags(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        text.push_str(before);
        // A lone `<` is no tag.
        let Some(end) = tag.find('>') else {
            text.push_str(tag);
            rest = "";
            break;
        };
        if tag.starts_with("</p") || tag.starts_with("<br") {
            text.push('\n');
        }
        rest = tag.get(end + 1..).unwrap_or_default();
    }
    text.push_str(rest);
    for (entity, character) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
    {
        text = text.replace(entity, character);
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded_and_plain() {
        assert_eq!(line("\n  a\u{1b}[31m  b\r\nc"), "a [31m b");
        assert_eq!(line(&"x".repeat(400)).chars().count(), LINE);
        assert_eq!(prose(" \n"), None);
        assert_eq!(without_tags("<p>a &lt;b&gt;</p><p>c</p>"), "a <b>\nc");
        assert_eq!(without_tags("1 < 2"), "1 < 2");
        assert_eq!(
            links([
                "https://a.example/x",
                "http://b.example",
                "https://u:p@c.example/",
                "https://a.example/x"
            ]),
            ["https://a.example/x"]
        );
    }
}
