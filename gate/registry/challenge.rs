//! What a server asks for with a 401: the header `WWW-Authenticate` (RFC 9110 §11.6.1, which replaced RFC 7235; RFC 6750 §3).

/// One way to authenticate that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme in lower case: `basic`, `bearer`.
    pub scheme: String,
    /// The parameters as written, names in lower case. Empty where the scheme carries one opaque token instead.
    pub parameters: Vec<(String, String)>,
}

/// Longer headers are cut off by no honest server.
const MAX_HEADER: usize = 8 << 10;
const MAX_CHALLENGES: usize = 16;
const MAX_PARAMETERS: usize = 32;

impl Challenge {
    /// The parameter of this name, where it is given exactly once: two values are a riddle, and riddles are not followed.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

/// Reads the challenges of one header value, in order. One header may hold several, which share the comma with their own
/// parameters. Where the grammar is broken, what was read before it stands and the rest is left.
pub fn parse_challenges(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    if header.len() > MAX_HEADER {
        return challenges;
    }
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some((word, after)) = token(rest) else { return challenges };
        let spaced = after.trim_start_matches([' ', '\t']);
        if let Some(value) = spaced.strip_prefix('=').filter(|value| !is_padding(value)) {
            // A parameter of the challenge that is open.
            let Some((value, after)) = parameter_value(value) else { return challenges };
            let Some(open) = challenges.last_mut() else { return challenges };
            if open.parameters.len() >= MAX_PARAMETERS {
                return challenges;
            }
            open.parameters.push((word.to_ascii_lowercase(), value));
            rest = after;
            continue;
        }
        if challenges.len() >= MAX_CHALLENGES {
            return challenges;
        }
        challenges.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() });
        rest = opaque(spaced).unwrap_or(after);
        // Between a scheme and what follows stands a space or a comma.
        if !rest.is_empty() && !rest.starts_with([' ', '\t', ',']) {
            challenges.pop();
            return challenges;
        }
    }
}

/// `=` of base64 padding and not of a parameter: nothing, a comma or another `=` follows.
fn is_padding(value: &str) -> bool {
    let value = value.trim_start_matches('=').trim_start_matches([' ', '\t']);
    value.is_empty() || value.starts_with(',')
}

/// Skips a token68, as `Negotiate` has it: it stands alone up to the next comma.
fn opaque(text: &str) -> Option<&str> {
    let is_token68 = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    let after = text.trim_start_matches(is_token68);
    if after.len() == text.len() {
        return None;
    }
    let padded = after.trim_start_matches('=');
    let end = padded.trim_start_matches([' ', '\t']);
    (end.is_empty() || end.starts_with(',')).then_some(padded)
}

fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at_checked(end)).flatten()
}

fn parameter_value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let Some(quoted) = text.strip_prefix('"') else {
        // Some servers leave the quotes away from what needs them: the value ends at a comma or a space.
        let end = text.find([',', ' ', '\t', '"']).unwrap_or(text.len());
        let (value, after) = text.split_at_checked(end)?;
        return (!value.is_empty()).then(|| (value.to_owned(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return quoted.get(at + 1..).map(|after| (value, after)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(header: &str, expected: &[(&str, &[(&str, &str)])]) {
        let expected: Vec<Challenge> = expected
            .iter()
            .map(|(scheme, parameters)| Challenge {
                scheme: (*scheme).to_owned(),
                parameters: parameters
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect(),
            })
            .collect();
        assert_eq!(parse_challenges(header), expected, "{header}");
    }

    #[test]
    fn what_registries_send() {
        check(
            r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#,
            &[(
                "bearer",
                &[
                    ("realm", "https://auth.example/token"),
                    ("service", "registry.example"),
                    ("scope", "repository:a/b:pull,push"),
                ],
            )],
        );
        check(r#"Basic realm="a \"b\" \\ c""#, &[("basic", &[("realm", r#"a "b" \ c"#)])]);
        check("BASIC", &[("basic", &[])]);
        check(
            r"Bearer realm=https://a.example/t , Service = x",
            &[("bearer", &[("realm", "https://a.example/t"), ("service", "x")])],
        );
    }

    #[test]
    fn several_in_one_header() {
        check(
            r#"Negotiate, Basic realm="a, b", Bearer realm="https://x/",error="invalid_token""#,
            &[
                ("negotiate", &[]),
                ("basic", &[("realm", "a, b")]),
                ("bearer", &[("realm", "https://x/"), ("error", "invalid_token")]),
            ],
        );
        check(
            r#"Negotiate YWJjZA==, Basic realm="x""#,
            &[("negotiate", &[]), ("basic", &[("realm", "x")])],
        );
        check(",, Basic realm=x,, , Digest", &[("basic", &[("realm", "x")]), ("digest", &[])]);
    }

    #[test]
    fn broken_ones_give_what_came_before() {
        check("", &[]);
        check("=", &[]);
        check(r#"realm="x""#, &[]);
        check(r#"Bearer realm="no end"#, &[("bearer", &[])]);
        check(r#"Basic realm="x", "#, &[("basic", &[("realm", "x")])]);
        check(&"a ".repeat(MAX_HEADER), &[]);
        assert!(parse_challenges(&"a,".repeat(1000)).len() <= MAX_CHALLENGES);
    }

    #[test]
    fn a_parameter_given_twice_counts_as_none() {
        let challenges =
            parse_challenges(r#"Bearer realm="https://a/",realm="https://b/",service=s"#);
        let [challenge] = challenges.as_slice() else { panic!("{challenges:?}") };
        assert_eq!(challenge.parameter("realm"), None);
        assert_eq!(challenge.parameter("service"), Some("s"));
    }

    proptest! {
        #[test]
        fn quoting_is_undone(values in prop::collection::vec("[ -~]{0,20}", 1..6)) {
            let written: Vec<String> = values.iter().enumerate()
                .map(|(n, value)| format!("p{n}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
                .collect();
            let challenges = parse_challenges(&format!("Bearer {}, Basic", written.join(", ")));
            prop_assert_eq!(challenges.len(), 2);
            let read: Vec<&String> = challenges[0].parameters.iter().map(|(_, value)| value).collect();
            prop_assert_eq!(read, values.iter().collect::<Vec<_>>());
        }

        #[test]
        fn no_input_panics(header in "[ -~\t,=\"\\\\ä]{0,200}") {
            parse_challenges(&header);
        }
    }
}
