use secgate_model::Package;

/// Takes a lockfile's statement of a package's checksum, `ALGORITHM-BASE64` (W3C, "Subresource Integrity"), where it states
/// exactly one.
pub(crate) fn state(package: Option<&mut Package>, integrity: Option<&str>) {
    if let (Some(package), Some(hash)) = (package, integrity.and_then(checksum)) {
        package.hashes.push(hash);
    }
}

/// `sha512:<hex>` of `sha512-<base64>`.
pub(crate) fn checksum(text: &str) -> Option<String> {
    let (algorithm, body) = text.trim().split_once('-')?;
    let length = match algorithm {
        "sha1" => 20,
        "sha256" => 32,
        "sha384" => 48,
        "sha512" => 64,
        _ => return None,
    };
    let mut out = String::with_capacity(algorithm.len() + 1 + length * 2);
    out.push_str(algorithm);
    out.push(':');
    let digits = out.len();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in body.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            // Another checksum after a blank, or options.
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        while held >= 4 {
            held -= 4;
            out.push(char::from_digit(bits >> held & 0xf, 16)?);
        }
        bits &= (1 << held) - 1;
        if out.len() - digits > length * 2 + 1 {
            return None;
        }
    }
    // The last digit of base64 may hold the beginning of a byte that is not there: all its bits are zero.
    if out.len() - digits == length * 2 + 1 && out.ends_with('0') {
        out.pop();
    }
    (out.len() - digits == length * 2 && bits == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_to_hex() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(checksum(text).as_deref(), expected, "{text}");
        };
        check(
            "sha1-qUwiJOvKwEeCoNkDVSYKxdMpQ5M=",
            Some("sha1:a94c2224ebcac04782a0d90355260ac5d3294393"),
        );
        check(
            "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            Some("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        );
        check(
            "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
            Some(
                "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
            ),
        );
        for odd in [
            "",
            "sha256",
            "md5-1B2M2Y8AsgTpgAmY7PhCfg==",
            "sha256-47DEQpj8HBSa",
            "sha1-qUwiJOvKwEeCoNkDVSYKxdMpQ5M= sha512-z4Ph",
            "sha1-qUwiJOvKwEeCoNkDVSYKxdMpQ5N=",
            "sha1-qUwiJOvKwEeCoNkDVSYKxdMpQ5M=AA",
            "sha1-qUwi\u{e9}OvKwEeCoNkDVSYKxdMpQ5M=",
        ] {
            check(odd, None);
        }
    }

    #[test]
    fn every_lockfile_that_states_one_is_heard() {
        use crate::{
            Cataloger,
            catalog::{
                bun_lock::BunLock, package_lock::PackageLock, pnpm_lock::PnpmLock, testing,
                yarn_lock::YarnLock,
            },
        };
        let sri = "sha1-qUwiJOvKwEeCoNkDVSYKxdMpQ5M=";
        let npm = format!(
            "{{\"lockfileVersion\": 3, \"packages\": {{\"\": {{}}, \"node_modules/a\": {{\"version\": \"1.0.0\", \"integrity\": \"{sri}\"}}}}}}"
        );
        let old = format!(
            "{{\"lockfileVersion\": 1, \"dependencies\": {{\"a\": {{\"version\": \"1.0.0\", \"integrity\": \"{sri}\"}}}}}}"
        );
        let yarn = format!("# yarn lockfile v1\n\na@^1:\n  version \"1.0.0\"\n  integrity {sri}\n");
        let pnpm = format!(
            "lockfileVersion: '9.0'\nimporters:\n  .: {{}}\npackages:\n  a@1.0.0:\n    resolution: {{integrity: {sri}}}\nsnapshots:\n  a@1.0.0: {{}}\n"
        );
        let bun = format!(
            "{{\"lockfileVersion\": 1, \"workspaces\": {{}}, \"packages\": {{\"a\": [\"a@1.0.0\", \"\", {{}}, \"{sri}\"]}}}}"
        );
        let readers: [(&dyn Cataloger, &str, &str); 5] = [
            (&PackageLock, "package-lock.json", &npm),
            (&PackageLock, "package-lock.json", &old),
            (&YarnLock, "yarn.lock", &yarn),
            (&PnpmLock, "pnpm-lock.yaml", &pnpm),
            (&BunLock, "bun.lock", &bun),
        ];
        for (cataloger, path, text) in readers {
            let catalog = testing::catalog_text(cataloger, path, text);
            let hashes = &catalog.packages[0].hashes;
            assert_eq!(hashes, &["sha1:a94c2224ebcac04782a0d90355260ac5d3294393"], "{path}");
        }
    }
}
