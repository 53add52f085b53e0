//! Files in which programs keep credentials. The names are those that `secgate_inventory::image_wants` keeps of an image, but
//! for `.htpasswd`, whose hashes are no credentials.

use std::sync::LazyLock;

use regex::Regex;
use secgate_model::{Confidence, Severity};

use super::{
    base64::base64_decode,
    find::{MAX_SECRETS, Secret, Sort, find_in_command, find_in_text},
    placeholder::is_placeholder,
    tokens::is_user_and_password,
};

/// Forms of single programs, each with the group `secret`: `.netrc`, `.pgpass`, Maven's `settings.xml`.
static NETRC: LazyLock<Regex> = LazyLock::new(|| form(r"(?:^|\s)password\s+(?P<secret>\S+)"));
static PGPASS: LazyLock<Regex> =
    LazyLock::new(|| form(r"(?m)^[^#:\n][^:\n]*:[^:\n]*:[^:\n]*:[^:\n]*:(?P<secret>[^\s]+)$"));
static SETTINGS: LazyLock<Regex> =
    LazyLock::new(|| form(r"<(?:password|passphrase)>\s*(?P<secret>[^<{\s][^<]*?)\s*</"));
/// npm's `_auth`: user and password in base 64. Docker's has a detector.
static AUTH: LazyLock<Regex> =
    LazyLock::new(|| form(r#"(?m)_auth\s*=\s*"?(?P<secret>[A-Za-z0-9+/_-]{4,}={0,2})"#));
/// Kubernetes' client key.
static KUBE: LazyLock<Regex> =
    LazyLock::new(|| form(r#"client-key-data:\s*"?(?P<secret>[A-Za-z0-9+/]{64,}={0,2})"#));
static VAULT: LazyLock<Regex> = LazyLock::new(|| form(r"^\s*(?P<secret>\S{16,})\s*$"));
/// Cargo's and many others' `token = "…"` is found by its name; what stands after `key` in these files is one too.
static KEY: LazyLock<Regex> = LazyLock::new(|| {
    form(r"(?m)^\s*(?:secret_key|gs_secret_access_key)\s*=\s*(?P<secret>\S{16,})\s*$")
});

fn form(text: &str) -> Regex {
    Regex::new(text).expect("a constant that a test compiles")
}

/// Whether programs keep credentials in a file at this path.
pub fn holds_credentials(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let last = folder.rsplit('/').next().unwrap_or_default();
    match name {
        ".netrc" | "_netrc" | ".npmrc" | ".pypirc" | ".yarnrc" | ".yarnrc.yml"
        | ".git-credentials" | ".gitconfig" | ".dockercfg" | ".pgpass" | ".my.cnf" | ".env"
        | ".boto" | ".s3cfg" | ".vault-token" | "credentials.json" | "id_rsa" | "id_dsa"
        | "id_ecdsa" | "id_ed25519" | "pip.conf" => true,
        "config.json" => last == ".docker",
        "credentials" => matches!(last, ".aws" | ".cargo" | ".gem"),
        "config" => matches!(last, ".aws" | ".kube"),
        "credentials.toml" => last == ".cargo",
        "settings.xml" => last == ".m2",
        _ => is_shell(folder, name) || name.starts_with(".env."),
    }
}

fn is_shell(folder: &str, name: &str) -> bool {
    folder == "root"
        && matches!(
            name,
            ".bashrc" | ".profile" | ".bash_profile" | ".zshrc" | ".bash_history" | ".ash_history"
        )
}

/// Secrets in a file that [`holds_credentials`].
pub fn secrets_in_file<'t>(path: &str, text: &'t str) -> Vec<Secret<'t>> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if is_shell(folder, name) {
        return find_in_command(text);
    }
    // Files that show how another is to be filled in.
    if name.starts_with(".env.")
        && ["example", "sample", "template", "dist"].iter().any(|end| name.ends_with(end))
    {
        return find_in_text(text)
            .into_iter()
            .filter(|found| found.confidence == Confidence::High)
            .collect();
    }
    let mut found = find_in_text(text);
    let mut own = |regex: &Regex, check: fn(&str) -> bool| {
        for at in regex.captures_iter(text).filter_map(|at| at.name("secret")) {
            let overlaps = found.iter().any(|secret| {
                secret.start < at.end() && at.start() < secret.start + secret.value.len()
            });
            if found.len() < MAX_SECRETS && !overlaps && check(at.as_str()) {
                found.push(Secret {
                    sort: Sort::Name,
                    name: None,
                    value: at.as_str(),
                    start: at.start(),
                    severity: Severity::High,
                    confidence: Confidence::Medium,
                });
            }
        }
    };
    let real = |secret: &str| !is_placeholder(secret);
    match name {
        ".netrc" | "_netrc" => own(&NETRC, real),
        ".pgpass" => own(&PGPASS, real),
        "settings.xml" => own(&SETTINGS, real),
        ".vault-token" => own(&VAULT, real),
        ".s3cfg" | ".boto" => own(&KEY, real),
        "config" if folder.ends_with(".kube") => own(&KUBE, is_private_key),
        ".npmrc" => own(&AUTH, is_user_and_password),
        _ => {}
    }
    found.sort_by_key(|secret| secret.start);
    found
}

fn is_private_key(body: &str) -> bool {
    base64_decode(body, 20_000)
        .is_some_and(|bytes| String::from_utf8_lossy(&bytes).contains("PRIVATE KEY-----"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_file_holds() {
        let check = |path: &str, text: &str, expected: &[&str]| {
            assert!(holds_credentials(path), "{path}");
            let found: Vec<_> =
                secrets_in_file(path, text).iter().map(|secret| secret.value).collect();
            assert_eq!(found, expected, "{path}: {text}");
        };
        check("root/.npmrc", "//r.example/:_authToken=${NPM_TOKEN}\n", &[]);
        check(
            "root/.npmrc",
            "//r.example/:_authToken=0f1e2d3c-4b5a-6978\n",
            &["0f1e2d3c-4b5a-6978"],
        );
        check("root/.npmrc", "_auth=ZGVwbG95Omh1bnRlcjI=\n", &["ZGVwbG95Omh1bnRlcjI="]);
        check("root/.npmrc", "registry=https://registry.npmjs.org/\nfund=false\n", &[]);
        check("root/.netrc", "machine e.example login me password hunter2\n", &["hunter2"]);
        check("root/.netrc", "machine e.example\n  login me\n  password $PASS\n", &[]);
        check("root/.pgpass", "# host\ndb:5432:app:app:hunter2\n", &["hunter2"]);
        check(
            "root/.docker/config.json",
            r#"{"auths":{"r.example":{"auth":"ZGVwbG95Omh1bnRlcjI="}}}"#,
            &["ZGVwbG95Omh1bnRlcjI="],
        );
        check("root/.docker/config.json", r#"{"auths":{"r.example":{}},"credsStore":"pass"}"#, &[]);
        check(
            "home/a/.aws/credentials",
            "[default]\naws_access_key_id = x\naws_secret_access_key = kQ7x2Vb9Zp4Lm1Rt8Wc3Ny6Hf5Jd0GaBcDeFgHi\n",
            &["kQ7x2Vb9Zp4Lm1Rt8Wc3Ny6Hf5Jd0GaBcDeFgHi"],
        );
        check("home/a/.aws/config", "[default]\nregion = eu-central-1\n", &[]);
        check("root/.git-credentials", "https://me:kQ7x2Vb9Zp4L@git.example\n", &["kQ7x2Vb9Zp4L"]);
        check("root/.pypirc", "[pypi]\nusername = __token__\npassword = hunter2x\n", &["hunter2x"]);
        check(
            "root/.cargo/credentials.toml",
            "[registry]\ntoken = \"kQ7x2Vb9Zp4L\"\n",
            &["kQ7x2Vb9Zp4L"],
        );
        check("root/.gem/credentials", "---\n:rubygems_api_key: kQ7x2Vb9Zp4L\n", &["kQ7x2Vb9Zp4L"]);
        check(
            "root/.m2/settings.xml",
            "<server><password>hunter2</password></server>",
            &["hunter2"],
        );
        check(
            "root/.m2/settings.xml",
            "<server><password>{COQLCE6DU6GtcS5P=}</password></server>",
            &[],
        );
        check("root/.m2/settings.xml", "<server><password>${env.P}</password></server>", &[]);
        check("root/.vault-token", "kQ7x2Vb9Zp4Lm1Rt8Wc3\n", &["kQ7x2Vb9Zp4Lm1Rt8Wc3"]);
        check("root/.my.cnf", "[client]\nuser=root\npassword=hunter2\n", &["hunter2"]);
        check("app/.env", "DEBUG=1\nSECRET_KEY=kQ7x2Vb9Zp4L\nDB_PASSWORD=\n", &["kQ7x2Vb9Zp4L"]);
        check("app/.env.example", "SECRET_KEY=kQ7x2Vb9Zp4L\n", &[]);
        check(
            "root/.bashrc",
            "export API_TOKEN=kQ7x2Vb9Zp4L\nalias ls='ls -l'\n",
            &["kQ7x2Vb9Zp4L"],
        );
        check("root/.bash_history", "mysql -phunter2\n", &["hunter2"]);
        check(
            "etc/pip.conf",
            "[global]\nindex-url = https://me:kQ7x2Vb9Zp4L@pypi.example/simple\n",
            &["kQ7x2Vb9Zp4L"],
        );
        check("etc/pip.conf", "[global]\nindex-url = https://pypi.org/simple\n", &[]);
    }

    #[test]
    fn other_files_are_left_alone() {
        for path in ["app/config.json", "home/a/.bashrc", "etc/passwd", "id_rsa.pub", "credentials"]
        {
            assert!(!holds_credentials(path), "{path}");
        }
    }
}
