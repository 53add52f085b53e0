use std::{ops::Range, sync::LazyLock};

use regex::Regex;

/// A name with a value in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned<'t> {
    /// As written, without quotes.
    pub name: &'t str,
    /// As written, without quotes.
    pub value: &'t str,
    /// Where the value is, in bytes.
    pub at: Range<usize>,
}

/// In a shell's command: `NAME=value`, which is also how build arguments and variables are handed to programs.
static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?:^|[\s;&|("'`])(?:--?[a-z-]+=)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)=(?:"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'|(?P<bare>[^\s;&|"'`<>][^\s;|"'`<>]*))"#,
    )
    .expect("a constant that a test compiles")
});

/// In a file: `name = value`, `name: value`, JSON fields.
static FILE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?m)(?:^|[\s,{;])["']?(?P<name>[A-Za-z_:/][A-Za-z0-9_.:/@-]*)["']?[ \t]*[=:][ \t]*(?:"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'|(?P<bare>[^\s,;"'{\[#][^\s,;"']*))"#,
    )
    .expect("a constant that a test compiles")
});

/// Every assignment of a text: in a shell's command where `is_command`, else in a file of settings.
pub fn assignments(text: &str, is_command: bool) -> impl Iterator<Item = Assigned<'_>> {
    let regex: &'static Regex = if is_command { &COMMAND } else { &FILE };
    regex.captures_iter(text).filter_map(|found| {
        let value =
            found.name("double").or_else(|| found.name("single")).or_else(|| found.name("bare"))?;
        let name = found.name("name")?.as_str();
        Some(Assigned { name, value: value.as_str(), at: value.range() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, is_command: bool, expected: &[(&str, &str)]) {
        let found: Vec<_> =
            assignments(text, is_command).map(|found| (found.name, found.value)).collect();
        assert_eq!(found, expected, "{text}");
        for found in assignments(text, is_command) {
            assert_eq!(&text[found.at.clone()], found.value);
        }
    }

    #[test]
    fn in_commands() {
        check(
            "export A=1 && B='x y' c --build-arg D=\"z\";E=f",
            true,
            &[("A", "1"), ("B", "x y"), ("D", "z"), ("E", "f")],
        );
        check("test $A = b; [ \"$x\" == y ]; curl https://e.example/?a=b", true, &[]);
        check("", true, &[]);
    }

    #[test]
    fn in_files() {
        check(
            "a = b\n//r.example/:_authToken=t\n{\"k\": \"v\", \"n\": {\"auth\": \"x\"}}\n:gem: y\n",
            false,
            &[
                ("a", "b"),
                ("//r.example/:_authToken", "t"),
                ("k", "v"),
                ("auth", "x"),
                (":gem", "y"),
            ],
        );
        check(
            "export TOKEN=abc\n# c\n[default]\npassword: 'p q'\n",
            false,
            &[("TOKEN", "abc"), ("password", "p q")],
        );
    }
}
