/// Names longer than this say nothing.
const MAX_NAME: usize = 200;

/// Words that end a name of something about a secret, not of a secret.
const ABOUT: &[&str] = &[
    "FILE",
    "FILES",
    "PATH",
    "DIR",
    "DIRECTORY",
    "FOLDER",
    "URL",
    "URI",
    "HOST",
    "PORT",
    "ENDPOINT",
    "ID",
    "NAME",
    "USER",
    "USERNAME",
    "LENGTH",
    "LEN",
    "MIN",
    "MAX",
    "SIZE",
    "COUNT",
    "LIMIT",
    "TTL",
    "EXPIRY",
    "EXPIRES",
    "EXPIRATION",
    "TIMEOUT",
    "AGE",
    "DAYS",
    "HOURS",
    "MINUTES",
    "SECONDS",
    "INTERVAL",
    "ENABLED",
    "DISABLED",
    "ENABLE",
    "DISABLE",
    "REQUIRED",
    "ALLOWED",
    "VERSION",
    "POLICY",
    "HASH",
    "HASHER",
    "HASHERS",
    "PUBLIC",
    "HEADER",
    "FIELD",
    "TYPE",
    "REGEX",
    "PATTERN",
    "ALGORITHM",
    "ALG",
    "ALGO",
    "ISSUER",
    "AUDIENCE",
    "SCOPE",
    "ARN",
    "PROVIDER",
    "STORE",
    "BACKEND",
    "MANAGER",
    "SERVICE",
    "PROMPT",
    "REALM",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA512",
    "MD5",
    "DIGEST",
    "CHECKSUM",
    "FINGERPRINT",
    "REF",
    "REFERENCE",
    "FORMAT",
    "ENCODING",
    "LOCATION",
    "SOURCE",
    "MODE",
    "COMMAND",
    "CMD",
    "REFRESH",
    "RESET",
    "VALIDATORS",
    "VALIDATION",
    "STRENGTH",
    "MOUNT",
    "CONFIG",
    "CLASS",
];

/// Words that make any name one of a secret.
const SECRET: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASSCODE",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "CREDENTIALS",
    "APIKEY",
    "SECRETKEY",
    "ACCESSKEY",
    "AUTHTOKEN",
    "ACCESSTOKEN",
];

/// Words that do so before `KEY`.
const KEYS: &[&str] = &[
    "API",
    "ACCESS",
    "SECRET",
    "PRIVATE",
    "ENCRYPTION",
    "ENCRYPT",
    "SIGNING",
    "SIGN",
    "AUTH",
    "MASTER",
    "ACCOUNT",
    "LICENSE",
    "APP",
    "SESSION",
    "COOKIE",
    "JWT",
    "HMAC",
    "ADMIN",
    "DEPLOY",
    "WEBHOOK",
];

/// Words that do so at the end of a name that has others.
const LAST: &[&str] = &["PASS", "PWD", "PW", "PAT"];

/// Whether a variable, an option or a field of this name holds a secret, as far as a name can say: `DB_PASSWORD`, `apiKey`,
/// `--auth-token`, and not `PASSWORD_FILE`, `TOKEN_TTL`, `AWS_ACCESS_KEY_ID` or `GPG_KEY`.
pub fn is_sensitive(name: &str) -> bool {
    if name.len() > MAX_NAME {
        return false;
    }
    let words = words(name);
    let Some(last) = words.last().map(String::as_str) else { return false };
    if ABOUT.contains(&last) || words.iter().any(|word| word == "PUBLIC" || word == "PUBLISHABLE") {
        return false;
    }
    // `MYSQL_RANDOM_ROOT_PASSWORD=yes`, `ALLOW_EMPTY_PASSWORD=yes`: questions about a password.
    if words.iter().any(|word| {
        matches!(word.as_str(), "RANDOM" | "EMPTY" | "ALLOW" | "REQUIRE" | "USE" | "NO")
    }) {
        return false;
    }
    if words.iter().any(|word| SECRET.contains(&word.as_str())) {
        return true;
    }
    // `PGPASSWORD`, `MYSQL_PWD`, `SSHPASS`.
    if words.iter().any(|word| word.ends_with("PASSWORD") || word.ends_with("PASSWD"))
        || last == "SSHPASS"
    {
        return true;
    }
    words.len() > 1
        && LAST.contains(&last)
        && !matches!(words.first().map(String::as_str), Some("OLD"))
        || words.windows(2).any(
            |pair| matches!(pair, [before, key] if key == "KEY" && KEYS.contains(&before.as_str())),
        )
}

/// `fooBar_BAZ-qux` is FOO, BAR, BAZ, QUX.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before_lower = false;
    for c in name.chars() {
        let new = !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && before_lower);
        if new && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_uppercase());
        }
        before_lower = c.is_ascii_lowercase();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "DB_PASSWORD",
            "PGPASSWORD",
            "password",
            "POSTGRES_PASSWORD",
            "MYSQL_PWD",
            "DB_PASS",
            "SSHPASS",
            "GITHUB_TOKEN",
            "authToken",
            "//registry.npmjs.org/:_authToken",
            "API_KEY",
            "apiKey",
            "X_APIKEY",
            "STRIPE_API_KEY_LIVE",
            "AWS_SECRET_ACCESS_KEY",
            "aws_secret_access_key",
            "SECRET_KEY_BASE",
            "DJANGO_SECRET_KEY",
            "JWT_SECRET",
            "client-secret",
            "GITHUB_PAT",
            "PRIVATE_KEY",
            "AWS_SESSION_TOKEN",
            ":rubygems_api_key",
            "APP_KEY",
            "ENCRYPTION_KEY",
            "KEYSTORE_PASSWORD",
            "PASSWORD_2",
        ] {
            assert!(is_sensitive(name), "{name}");
        }
    }

    #[test]
    fn names_beside() {
        for name in [
            "",
            "PATH",
            "GPG_KEY",
            "PYTHON_PIP_VERSION",
            "AWS_ACCESS_KEY_ID",
            "KEY_ID",
            "PASSWORD_MIN_LENGTH",
            "PASSWORD_FILE",
            "POSTGRES_PASSWORD_FILE",
            "TOKEN_TTL",
            "TOKEN_URL",
            "SECRET_NAME",
            "PWD",
            "OLDPWD",
            "TOKENIZERS_PARALLELISM",
            "MAX_TOKENS",
            "PYTHON_SHA256",
            "SSH_PUBLIC_KEY",
            "STRIPE_PUBLISHABLE_KEY",
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "MYSQL_RANDOM_ROOT_PASSWORD",
            "KEY",
            "MONKEY",
            "COMPASS",
            "BYPASS",
            "PASSWORD_HASHERS",
            "CREDENTIALS_PATH",
            "SECRETS_DIR",
            "SSH_AUTH_SOCK",
            "HOST_KEY_ALGORITHMS",
        ] {
            assert!(!is_sensitive(name), "{name}");
        }
        assert!(!is_sensitive(&"PASSWORD_".repeat(1000)));
    }
}
