//! Credentials that a command line hands to a program.

use std::{
    ops::Range,
    sync::{LazyLock, OnceLock},
};

use regex::Regex;

/// Each form, with the group `secret`; a command without any of its hints is not looked at closer.
const FORMS: &[(&[&str], &str)] = &[
    // curl -u user:password, wget --user=…: the value has a colon.
    (
        &["curl"],
        r#"\bcurl(?:[^;&|\n]|&[^&])*?\s(?:-[a-zA-Z]*u|--user|--proxy-user|-U)[ =]?["']?[^\s:"';&|]+:(?P<secret>[^\s"';&|]+)"#,
    ),
    // --password VALUE, --token=VALUE, …
    (
        &["pass", "token", "api", "secret"],
        r#"\s--?(?P<before>(?:[a-z]+-)*)(?:password|passwd|pass|passphrase|token|api-?key|secret|secret-key|storepass|keypass|requirepass)[ =]["']?(?P<secret>[^\s"';&|)-][^\s"';&|)]{3,})"#,
    ),
    // openssl … -passout pass:secret.
    (&["pass:"], r#"\s-pass(?:in|out)?\s+["']?pass:(?P<secret>[^\s"';&|)]{4,})"#),
    // mysql -psecret, sshpass -p secret, docker login -p secret.
    (
        &["mysql", "mariadb"],
        r#"\b(?:mysql|mysqldump|mysqladmin|mariadb)\s(?:[^;&|\n]*?\s)?-p["']?(?P<secret>[^\s"';&|]+)"#,
    ),
    (&["sshpass"], r#"\bsshpass\s+-p\s*["']?(?P<secret>[^\s"';&|]+)"#),
    (
        &["login"],
        r#"\b(?:docker|podman|buildah|skopeo|helm|oras|crane|az|oc)\s(?:registry\s+|auth\s+)?login\s(?:[^;&|\n]*?\s)?-p[ =]?["']?(?P<secret>[^\s"';&|]+)"#,
    ),
    // A header.
    (
        &["uthorization", "AUTHORIZATION"],
        r#"(?i)authorization:\s*(?:bearer|basic|token)\s+(?P<secret>[^\s"';&|]+)"#,
    ),
    (
        &["oken:", "OKEN:", "ey:", "EY:"],
        r#"(?i)\b(?:private-token|x-api-key|x-auth-token|x-vault-token|job-token):\s*(?P<secret>[^\s"';&|]+)"#,
    ),
    // echo user:password | chpasswd.
    (
        &["chpasswd"],
        r#"\becho\s+(?:-[a-z]+\s+)?["']?[A-Za-z_][A-Za-z0-9_-]*:(?P<secret>[^\s"'|;&]+)["']?\s*\|\s*(?:sudo\s+)?(?:\S*/)?chpasswd\b"#,
    ),
    // echo password | passwd --stdin, docker login --password-stdin.
    (
        &["stdin"],
        r#"\becho\s+(?:-[a-z]+\s+)?["']?(?P<secret>[^\s"'|;&]+)["']?\s*\|[^;&|\n]*(?:--password-stdin|passwd\s+--stdin)"#,
    ),
];

static COMPILED: LazyLock<Vec<OnceLock<Regex>>> =
    LazyLock::new(|| FORMS.iter().map(|_| OnceLock::new()).collect());

/// What stands before `password` in options that take none: `--disabled-password`, `--no-password`.
const WITHOUT: [&str; 10] =
    ["disabled", "no", "ask", "empty", "without", "prompt", "random", "show", "reset", "verify"];

/// Where a command line holds a credential, in bytes.
pub(crate) fn flags(command: &str) -> Vec<Range<usize>> {
    FORMS
        .iter()
        .zip(COMPILED.iter())
        .filter(|((hints, _), _)| hints.iter().any(|hint| command.contains(hint)))
        .map(|((_, form), regex)| {
            regex.get_or_init(|| Regex::new(form).expect("a constant that a test compiles"))
        })
        .flat_map(|regex| regex.captures_iter(command))
        .filter(|found| {
            let before = found.name("before").map_or("", |before| before.as_str());
            !before.split('-').any(|word| WITHOUT.contains(&word))
        })
        .filter_map(|found| found.name("secret"))
        // `docker build --secret id=token,src=…` names a secret and does not hold one.
        .filter(|found| !["id=", "type="].iter().any(|start| found.as_str().starts_with(start)))
        .map(|found| found.range())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, expected: &[&str]) {
        let found: Vec<_> = flags(command).into_iter().map(|at| &command[at]).collect();
        assert_eq!(found, expected, "{command}");
    }

    #[test]
    fn credentials_on_a_command_line() {
        check("curl -fsSL -u deploy:hunter2 https://e.example/x", &["hunter2"]);
        check("curl --user 'deploy:hunter2' https://e.example/x", &["hunter2"]);
        check("curl -u $USER:hunter2 https://e.example/x", &["hunter2"]);
        check("mysql -u root -p'hunter2'", &["hunter2"]);
        check("curl -su deploy:hunter2 https://e.example/x", &["hunter2"]);
        check("mysql -uroot -phunter2 -e 'select 1'", &["hunter2"]);
        check("sshpass -p hunter2 scp a b", &["hunter2"]);
        check("docker login -u me -p hunter2 r.example", &["hunter2"]);
        check("tool --password hunter2", &["hunter2"]);
        check("tool --auth-token=hunter2x", &["hunter2x"]);
        check("openssl req -passout pass:hunter2 -x509", &["hunter2"]);
        check("redis-server --requirepass hunter2", &["hunter2"]);
        check("curl -H \"Authorization: Bearer abc.def\" https://e.example", &["abc.def"]);
        check("curl -H 'PRIVATE-TOKEN: abcdef' https://e.example", &["abcdef"]);
        check("echo 'root:toor1' | chpasswd", &["toor1"]);
        check("echo hunter2 | docker login --password-stdin", &["hunter2"]);
    }

    #[test]
    fn near_misses() {
        for command in [
            "curl -fsSL https://e.example/x -o y",
            "useradd -u 1000 app && install -o app:app x",
            "chown -R app:app /app",
            "tool --password-file /run/x",
            "mysql -p -uroot",
            "adduser --disabled-password app",
            "adduser --disabled-password --gecos '' app",
            "docker run -p 80:80 x",
            "docker build --secret id=token,src=/x .",
            "dotnet nuget push --api-key az x.nupkg",
            "psql --no-password dbname",
            "gpg --batch --passphrase '' --gen-key x",
            "mkdir -p /x",
            "curl -H 'Accept: x' https://e.example",
            "curl https://e.example/foo-u a:bcdefgh",
            "curl -X POST -d a=b:c https://e.example",
        ] {
            check(command, &[]);
        }
    }
}
