use std::{fmt, str::FromStr};

/// What a report can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Text for a terminal.
    Table,
    /// The report document.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// A comment for a pull request.
    Markdown,
    /// A page in one file.
    Html,
    /// JUnit XML.
    Junit,
    /// GitLab's security report.
    Gitlab,
    /// Workflow commands of GitHub Actions.
    Github,
}

/// Why a text is not a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a format: expected table, json, sarif, markdown, html, junit, gitlab or github"
)]
pub struct UnknownFormat(String);

impl Format {
    /// Every format.
    pub const ALL: [Self; 8] = [
        Self::Table,
        Self::Json,
        Self::Sarif,
        Self::Markdown,
        Self::Html,
        Self::Junit,
        Self::Gitlab,
        Self::Github,
    ];

    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Junit => "junit",
            Self::Gitlab => "gitlab",
            Self::Github => "github",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or_else(|| UnknownFormat(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_formats_are_inverse() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert!("JSON".parse::<Format>().unwrap_err().to_string().contains("expected table, json"));
    }
}
