/// Whole values that stand for a secret that is to be filled in, or for none.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "undefined",
    "unset",
    "default",
    "empty",
    "test",
    "testing",
    "foo",
    "bar",
    "n/a",
    "na",
    "user",
    "username",
    "apikey",
    "api_key",
    "api-key",
    "value",
    "string",
    "required",
    "ask",
    "prompt",
    "disabled",
    "enabled",
    "md5",
    "scram-sha-256",
    "trust",
    "auto",
    "changeit",
];

/// Parts that no real secret has, unless by a rare chance.
const PARTS: &[&str] = &[
    "changeme",
    "change_me",
    "change-me",
    "change this",
    "changethis",
    "example",
    "placeholder",
    "your-",
    "your_",
    "yourpass",
    "yoursecret",
    "yourtoken",
    "yourkey",
    "dummy",
    "replaceme",
    "replace_me",
    "replace-me",
    "replace_with",
    "redacted",
    "fixme",
    "xxxx",
    "****",
    "....",
    "not-a-secret",
    "notasecret",
    "not_a_secret",
    "insert_",
    "insert-",
    "<your",
    "goes-here",
    "goes_here",
    "goeshere",
];

/// Starts of addresses of a secret that is kept elsewhere.
const REFERENCES: &[&str] = &[
    "vault:",
    "arn:aws",
    "op://",
    "ssm:",
    "ssm://",
    "secretsmanager:",
    "awssm:",
    "gcpsm:",
    "sm://",
    "env:",
    "file:",
    "projects/",
    "@microsoft.keyvault",
    "keyvault:",
    "secretref:",
    "ref+",
    "bws:",
    "doppler:",
    "sops:",
    "sha256:",
    "sha512:",
    "sha1:",
    "enc[",
    "!ref",
    "!vault",
];

/// Starts of paths, besides those that look like one as a whole.
const FOLDERS: &[&str] = &[
    "/run/",
    "/etc/",
    "/var/",
    "/usr/",
    "/opt/",
    "/home/",
    "/tmp/",
    "/app/",
    "/mnt/",
    "/secrets/",
    "/vault/",
    "/proc/",
    "/dev/",
    "/srv/",
    "/data/",
    "./",
    "../",
    "~/",
];

/// Whether a value is no secret although it stands where one could: empty, a placeholder, a reference to a variable or to a
/// store of secrets, a path, an address without credentials.
pub fn is_placeholder(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    if value.is_empty() {
        return true;
    }
    // Nothing of this list is longer, and a key of a megabyte is a key.
    let start: String = value.chars().take(4096).collect::<String>().to_ascii_lowercase();
    let first = start.chars().next();
    WORDS.contains(&start.as_str())
        || PARTS.iter().any(|part| start.contains(part))
        || REFERENCES.iter().any(|part| start.starts_with(part))
        || start.chars().all(|c| Some(c) == first)
        || start.starts_with('<') && start.ends_with('>')
        || is_reference(&start)
        || begins_with_variable(value)
        || is_path(value)
}

/// `$NAME`, `${NAME}`, `$(command)`, a command in back quotes, `{{ name }}`, `%NAME%`, `#{name}`, and texts with no more than
/// seven characters beside such.
fn is_reference(value: &str) -> bool {
    if value.starts_with("$(") || value.starts_with('`') {
        return true;
    }
    // `$A`, `$A:$B`; `$ecret!` is a password that begins with a dollar.
    let is_name = |part: &str| {
        let part = part.strip_suffix(':').unwrap_or(part);
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if value.strip_prefix('$').is_some_and(|rest| rest.split('$').all(is_name)) {
        return true;
    }
    if value.starts_with('%') && value.ends_with('%') && value.len() > 2 {
        return true;
    }
    let mut rest = value;
    let mut beside = 0;
    let mut any = false;
    while let Some((at, close)) = [("${", "}"), ("{{", "}}"), ("$(", ")"), ("#{", "}")]
        .into_iter()
        .filter_map(|(open, close)| Some((rest.find(open)?, close)))
        .min()
    {
        any = true;
        beside += at;
        let tail = rest.get(at..).unwrap_or_default();
        rest = tail.find(close).map_or("", |end| tail.get(end + close.len()..).unwrap_or_default());
    }
    any && beside + rest.len() < 8
}

/// `$NAME and more`, as a shell's double quotes have it; capitals alone, since passwords may begin with a dollar too.
fn begins_with_variable(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('$') else { return false };
    let end = rest.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    let (name, next) = end.map_or((rest, ""), |at| rest.split_at(at));
    name.len() > 1 && next.starts_with([' ', '/', ':', '.'])
}

/// A key in base 64 may begin with a slash too, so a path is what begins as folders do, or has no capital.
fn is_path(value: &str) -> bool {
    if FOLDERS.iter().any(|folder| value.starts_with(folder)) {
        return true;
    }
    value.starts_with('/')
        && value.len() > 1
        && value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "/._-".contains(c))
        || value.get(1..3).is_some_and(|start| start == ":\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_secret() {
        for value in [
            "",
            "  ",
            "\"\"",
            "changeme",
            "ChangeMe123",
            "password",
            "xxxxxxxx",
            "********",
            "aaaa",
            "0000",
            "$TOKEN",
            "$A$B",
            "$TOKEN $MORE",
            "$HOME/key",
            "$USER:$PASS",
            "${TOKEN}",
            "${TOKEN:-}",
            "$(cat /run/secrets/x)",
            "`cat x`",
            "{{ .Values.x }}",
            "%TOKEN%",
            "/run/secrets/x",
            "/secrets-store/key.pem",
            "./key",
            "C:\\secrets\\x",
            "<token>",
            "<your token>",
            "vault:secret/data/x#y",
            "arn:aws:secretsmanager:eu-west-1:1:secret:x",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "true",
            "none",
            "sha256:0a0b",
            "Bearer ${X}",
            "/",
            "é",
            "éé",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
    }

    #[test]
    fn what_is_one() {
        for value in [
            "hunter2",
            "postgres",
            "s3cr3t!",
            "/kQ7x2Vb9Zp4Lm1Rt8Wc3Ny6Hf5Jd0G+aB",
            "$2b$12$abc",
            "pa$$word1",
            "$ecret!1",
            "$ecret pass",
            "a long pass phrase",
            "kQ7x2Vb9${X}Zp4Lm1Rt",
            "pässwörd",
        ] {
            assert!(!is_placeholder(value), "{value}");
        }
    }
}
