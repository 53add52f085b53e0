//! Checksums of installed files as the databases of operating systems record them. MD5 and SHA-1 are what dpkg and apk have; they
//! tell a replaced file, not a forged one.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Every checksum that a database may have: `md5:<hex>`, `sha1:<hex>`, `sha256:<hex>`.
pub(crate) fn all(bytes: &[u8]) -> Vec<String> {
    vec![
        format!("md5:{}", hex(&Md5::digest(bytes))),
        format!("sha1:{}", hex(&Sha1::digest(bytes))),
        format!("sha256:{}", hex(&Sha256::digest(bytes))),
    ]
}

/// The checksum of a hexadecimal text, whose length tells the algorithm; empty when it is none.
pub(crate) fn from_hex(hex: &str) -> String {
    let algorithm = match hex.len() {
        32 => "md5",
        40 => "sha1",
        64 => "sha256",
        _ => return String::new(),
    };
    let is_hex = hex.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hex { format!("{algorithm}:{}", hex.to_ascii_lowercase()) } else { String::new() }
}

fn hex(raw: &[u8]) -> String {
    let digits = raw.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_nothing() {
        assert_eq!(
            all(b""),
            [
                "md5:d41d8cd98f00b204e9800998ecf8427e",
                "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ]
        );
        assert_eq!(all(b"")[0], from_hex("D41D8CD98F00B204E9800998ECF8427E"));
        assert_eq!(from_hex("zz"), "");
        assert_eq!(from_hex(&"z".repeat(32)), "");
    }
}
