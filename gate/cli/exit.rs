use std::{fmt, process::ExitCode};

use secgate_model::Unknown;
use secgate_report::{shown_line, shown_lines};

/// Why a command ends without doing its work, with the exit code that the contract gives it.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

/// What a command ends with.
pub(crate) type Outcome = Result<u8, Failure>;

/// The policy passes, or nobody asked.
pub(crate) const PASS: u8 = 0;
/// The policy fails.
pub(crate) const FAIL: u8 = 1;
/// Wrong usage, or a configuration or policy that cannot be read.
pub(crate) const USAGE: u8 = 2;
/// Evidence is missing, stale or broken: no judgement.
pub(crate) const ERROR: u8 = 3;

impl Failure {
    /// Wrong usage or an unreadable configuration.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { code: USAGE, message: message.to_string(), hint: None }
    }

    /// No judgement is possible.
    pub(crate) fn evidence(message: impl fmt::Display) -> Self {
        Self { code: ERROR, message: message.to_string(), hint: None }
    }

    /// The same, where a stranger's texts are in the message: one line, whatever they hold.
    pub(crate) fn foreign(message: impl fmt::Display) -> Self {
        Self::evidence(shown_line(&message.to_string()))
    }

    /// The same with the one thing to do.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What went wrong, without the hint.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Tells the user, and gives the exit code.
    pub(crate) fn tell(&self) -> ExitCode {
        use anstyle::{AnsiColor, Style};
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        anstream::eprintln!("{red}error{red:#}: {}", shown_lines(&self.message));
        if let Some(hint) = &self.hint {
            anstream::eprintln!("{cyan}hint{cyan:#}: {}", shown_lines(hint));
        }
        ExitCode::from(self.code)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::evidence(error)
    }
}

/// Tells what a document lacks, a line each: its exit code may be all that is looked at, and its reader may be a pipeline that
/// takes lines for commands.
pub(crate) fn tell_gaps(unknowns: &[Unknown]) {
    for unknown in unknowns {
        let line = unknown.location.line.map_or_else(String::new, |line| format!(":{line}"));
        let text = format!("{}{line}: {}", unknown.location.path, unknown.reason);
        anstream::eprintln!("gap: {}", shown_line(&text));
    }
}
