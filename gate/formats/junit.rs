//! JUnit XML as CI servers read it: the Ant schema with `testsuites` as the root. The format has no official
//! specification; what Jenkins, GitLab, Azure and CircleCI have in common is written.

use std::fmt::{self, Write};

/// A whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suites {
    /// What was tested.
    pub name: String,
    /// The suites.
    pub suites: Vec<Suite>,
}

/// A suite of cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// When it ran, ISO 8601 without a zone.
    pub timestamp: String,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// Names and values.
    pub properties: Vec<(String, String)>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// A case of a suite.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// What groups it.
    pub class: String,
    /// The file that it stands in.
    pub file: Option<String>,
    /// How it ended.
    pub result: CaseResult,
    /// What it printed.
    pub out: Option<String>,
}

/// How a case ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CaseResult {
    /// Well.
    #[default]
    Passed,
    /// It does not count, for this reason.
    Skipped(String),
    /// Badly.
    Failed(Detail),
    /// It could not be judged.
    Error(Detail),
}

/// What went wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detail {
    /// One line.
    pub message: String,
    /// A word that classes it.
    pub kind: String,
    /// Everything.
    pub text: String,
}

impl Suites {
    /// The file as XML 1.0, UTF-8. Characters that XML forbids (§2.2 `Char`) are replaced by U+FFFD.
    pub fn to_xml(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let total = |count: fn(&Suite) -> usize| self.suites.iter().map(count).sum::<usize>();
        writeln!(
            out,
            "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">",
            Escaped(&self.name),
            total(|suite| suite.cases.len()),
            total(Suite::failures),
            total(Suite::errors),
            total(Suite::skipped),
            Seconds(self.suites.iter().map(|suite| suite.millis).max().unwrap_or(0)),
        )?;
        for suite in &self.suites {
            suite.write(out)?;
        }
        out.write_str("</testsuites>\n")
    }
}

impl Suite {
    fn failures(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.result, CaseResult::Failed(_))).count()
    }

    fn errors(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.result, CaseResult::Error(_))).count()
    }

    fn skipped(&self) -> usize {
        self.cases.iter().filter(|case| matches!(case.result, CaseResult::Skipped(_))).count()
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" timestamp=\"{}\" time=\"{}\">",
            Escaped(&self.name),
            self.cases.len(),
            self.failures(),
            self.errors(),
            self.skipped(),
            Escaped(&self.timestamp),
            Seconds(self.millis),
        )?;
        if !self.properties.is_empty() {
            out.write_str("    <properties>\n")?;
            for (name, value) in &self.properties {
                writeln!(
                    out,
                    "      <property name=\"{}\" value=\"{}\"/>",
                    Escaped(name),
                    Escaped(value)
                )?;
            }
            out.write_str("    </properties>\n")?;
        }
        for case in &self.cases {
            case.write(out)?;
        }
        out.write_str("  </testsuite>\n")
    }
}

impl Case {
    fn write(&self, out: &mut String) -> fmt::Result {
        write!(
            out,
            "    <testcase name=\"{}\" classname=\"{}\"",
            Escaped(&self.name),
            Escaped(&self.class)
        )?;
        if let Some(file) = &self.file {
            write!(out, " file=\"{}\"", Escaped(file))?;
        }
        if self.result == CaseResult::Passed && self.out.is_none() {
            return out.write_str("/>\n");
        }
        out.write_str(">\n")?;
        match &self.result {
            CaseResult::Passed => {}
            CaseResult::Skipped(why) => {
                writeln!(out, "      <skipped message=\"{}\"/>", Escaped(why))?;
            }
            CaseResult::Failed(detail) => detail.write(out, "failure")?,
            CaseResult::Error(detail) => detail.write(out, "error")?,
        }
        if let Some(text) = &self.out {
            writeln!(out, "      <system-out>{}</system-out>", EscapedText(text))?;
        }
        out.write_str("    </testcase>\n")
    }
}

impl Detail {
    fn write(&self, out: &mut String, element: &str) -> fmt::Result {
        writeln!(
            out,
            "      <{element} message=\"{}\" type=\"{}\">{}</{element}>",
            Escaped(&self.message),
            Escaped(&self.kind),
            EscapedText(&self.text)
        )
    }
}

struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// Text for an attribute: line breaks and tabs are written as references, or a reader would turn them into blanks.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\n' => f.write_str("&#10;"),
            '\t' => f.write_str("&#9;"),
            _ => escape(f, c),
        })
    }
}

/// Text for an element.
struct EscapedText<'a>(&'a str);

impl fmt::Display for EscapedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| escape(f, c))
    }
}

fn escape(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '&' => f.write_str("&amp;"),
        '<' => f.write_str("&lt;"),
        '>' => f.write_str("&gt;"),
        '"' => f.write_str("&quot;"),
        '\r' => f.write_str("&#13;"),
        '\n'
        | '\t'
        | '\u{20}'..='\u{d7ff}'
        | '\u{e000}'..='\u{fffd}'
        | '\u{10000}'..='\u{10ffff}' => f.write_char(c),
        _ => f.write_char('\u{fffd}'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_escapes() {
        let failed = Detail {
            message: "a \"<b>\"\n".into(),
            kind: "fail".into(),
            text: "x & y ]]> \u{1b}[0m".into(),
        };
        let case = |result| Case {
            name: "rule".into(),
            class: "stage".into(),
            file: None,
            result,
            out: None,
        };
        let xml = Suites {
            name: "secgate".into(),
            suites: vec![Suite {
                name: "source".into(),
                timestamp: "2026-11-20T10:00:00".into(),
                millis: 1204,
                properties: vec![("policy".into(), "blake3:1".into())],
                cases: vec![
                    case(CaseResult::Passed),
                    case(CaseResult::Failed(failed.clone())),
                    case(CaseResult::Error(failed)),
                    case(CaseResult::Skipped("W-1".into())),
                ],
            }],
        }
        .to_xml();
        assert!(xml.contains("tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\""), "{xml}");
        assert!(xml.contains("time=\"1.204\""), "{xml}");
        assert!(xml.contains("message=\"a &quot;&lt;b&gt;&quot;&#10;\""), "{xml}");
        assert!(xml.contains("x &amp; y ]]&gt; \u{fffd}[0m"), "{xml}");
    }
}
