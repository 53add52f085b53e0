//! The commands that built an image, as its history has them. There is no specification of `created_by`; these are the forms that
//! Docker's classic builder (`/bin/sh -c #(nop) ENV A=b`, `/bin/sh -c command`, `|1 ARG=x /bin/sh -c command`), BuildKit
//! (`ENV A=b`, `RUN |1 ARG=x /bin/sh -c command # buildkit`), Buildah and Kaniko write.

use std::sync::LazyLock;

use regex::Regex;

/// A step of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'t> {
    /// `ENV`, `ARG` or `LABEL`: names and values.
    Assign(&'t str, Vec<(&'t str, &'t str)>),
    /// `RUN`: the build arguments that it was given, and the shell's command.
    Run(Vec<(&'t str, &'t str)>, &'t str),
    /// `ADD`: everything after the word.
    Add(&'t str),
    /// Any other instruction, or what is no instruction: the whole text.
    Other(&'t str),
}

/// Where in `A=b c D=e` a name begins.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|\s)(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)=")
        .expect("a constant that a test compiles")
});

/// The shells that a command is handed to.
const SHELLS: [&str; 8] = [
    "/bin/sh -c ",
    "/bin/bash -c ",
    "/bin/ash -c ",
    "/bin/bash -o pipefail -c ",
    "/bin/sh -ec ",
    "/bin/bash -ec ",
    "cmd /S /C ",
    "powershell -Command ",
];

/// Reads a step.
pub fn read_step(text: &str) -> Step<'_> {
    let text = text.trim();
    let text = text.strip_suffix("# buildkit").unwrap_or(text).trim_end();
    if let Some(at) = text.find("#(nop)")
        && at < 60
    {
        let rest = text.get(at + "#(nop)".len()..).unwrap_or_default().trim_start();
        return instruction(rest).unwrap_or(Step::Other(rest));
    }
    if let Some(step) = instruction(text) {
        return step;
    }
    match run(text) {
        Some(step) => step,
        None => Step::Other(text),
    }
}

fn instruction(text: &str) -> Option<Step<'_>> {
    let (word, rest) = text.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    match word {
        "ENV" | "ARG" | "LABEL" => Some(Step::Assign(word, pairs(rest))),
        "RUN" => Some(run(rest).unwrap_or(Step::Run(Vec::new(), rest))),
        "ADD" => Some(Step::Add(rest)),
        "COPY" | "CMD" | "ENTRYPOINT" | "EXPOSE" | "VOLUME" | "USER" | "WORKDIR" | "ONBUILD"
        | "STOPSIGNAL" | "HEALTHCHECK" | "SHELL" | "MAINTAINER" | "FROM" => Some(Step::Other(text)),
        _ => None,
    }
}

/// A shell's command, with build arguments in front or without.
fn run(text: &str) -> Option<Step<'_>> {
    let Some(rest) = text.strip_prefix('|') else {
        return SHELLS
            .iter()
            .find_map(|shell| text.strip_prefix(shell))
            .map(|command| Step::Run(Vec::new(), command));
    };
    let (count, rest) = rest.split_once(char::is_whitespace)?;
    count.parse::<u16>().ok()?;
    let shell = SHELLS
        .iter()
        .filter_map(|shell| {
            let at = rest.match_indices(shell).map(|(at, _)| at).find(|at| {
                *at == 0 || rest.as_bytes().get(at - 1).is_some_and(u8::is_ascii_whitespace)
            })?;
            Some((at, shell.len()))
        })
        .min();
    // A shell of the user's own: nobody can tell where the arguments end, so that all is both.
    let Some((at, length)) = shell else { return Some(Step::Run(pairs(rest), rest)) };
    let arguments = rest.get(..at).unwrap_or_default();
    Some(Step::Run(pairs(arguments), rest.get(at + length..).unwrap_or_default()))
}

/// `A=b c D=e`: a value ends where the next name begins, since nobody quotes here. Docker's old `ENV A b` is one pair too.
fn pairs(text: &str) -> Vec<(&str, &str)> {
    let names: Vec<_> = NAME.captures_iter(text).filter_map(|found| found.name("name")).collect();
    let Some(first) = names.first() else {
        let (name, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        return vec![(name, unquoted(value))];
    };
    if first.start() > 0
        && let Some((name, value)) = text.split_once(char::is_whitespace)
    {
        return vec![(name, unquoted(value))];
    }
    let ends = names.iter().skip(1).map(regex::Match::start).chain([text.len()]);
    names
        .iter()
        .zip(ends)
        .map(|(name, end)| {
            let value = text.get(name.end() + 1..end).unwrap_or_default();
            (name.as_str(), unquoted(value))
        })
        .collect()
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &Step<'_>) {
        assert_eq!(read_step(text), *expected, "{text}");
    }

    #[test]
    fn docker_before_buildkit() {
        check(
            "/bin/sh -c #(nop)  ENV A=b C=d e",
            &Step::Assign("ENV", vec![("A", "b"), ("C", "d e")]),
        );
        check("/bin/sh -c #(nop)  ARG TOKEN", &Step::Assign("ARG", vec![("TOKEN", "")]));
        check("/bin/sh -c #(nop) ADD file:0123 in / ", &Step::Add("file:0123 in /"));
        check("/bin/sh -c #(nop)  CMD [\"bash\"]", &Step::Other("CMD [\"bash\"]"));
        check("/bin/sh -c apt-get update", &Step::Run(vec![], "apt-get update"));
        check(
            "|2 A=1 TOKEN=x y /bin/sh -c make /bin/sh -c z",
            &Step::Run(vec![("A", "1"), ("TOKEN", "x y")], "make /bin/sh -c z"),
        );
    }

    #[test]
    fn buildkit() {
        check("RUN /bin/sh -c pip install . # buildkit", &Step::Run(vec![], "pip install ."));
        check(
            "RUN |1 TOKEN=abc /bin/sh -c make # buildkit",
            &Step::Run(vec![("TOKEN", "abc")], "make"),
        );
        check(
            "RUN |1 TOKEN=abc /usr/bin/fish -c make",
            &Step::Run(
                vec![("TOKEN", "abc /usr/bin/fish -c make")],
                "TOKEN=abc /usr/bin/fish -c make",
            ),
        );
        check("ENV PATH=/a:/b", &Step::Assign("ENV", vec![("PATH", "/a:/b")]));
        check("ARG A=b", &Step::Assign("ARG", vec![("A", "b")]));
        check("ADD https://e.example/x /x # buildkit", &Step::Add("https://e.example/x /x"));
        check("COPY /a /b # buildkit", &Step::Other("COPY /a /b"));
    }

    #[test]
    fn others() {
        check("RUN make && make install", &Step::Run(vec![], "make && make install"));
        check("ENV A b c", &Step::Assign("ENV", vec![("A", "b c")]));
        check("ENV A x=1", &Step::Assign("ENV", vec![("A", "x=1")]));
        check("ENV A=\"b c\"", &Step::Assign("ENV", vec![("A", "b c")]));
        check("bazel build ...", &Step::Other("bazel build ..."));
        check("", &Step::Other(""));
        check("|x", &Step::Other("|x"));
        check("|9999999999 a /bin/sh -c b", &Step::Other("|9999999999 a /bin/sh -c b"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_step(text in "(RUN |ENV |ARG |ADD |\\|[0-9] |/bin/sh -c |#\\(nop\\) |[A-Z=\"' é\u{0}-\u{20}])*") {
            let _ = read_step(&text);
        }
    }
}
