//! The checksum in GitHub's tokens, as GitHub describes it in "Behind GitHub's new authentication token formats" (2021): the
//! last six characters are the CRC-32 of the thirty before them in base 62, digits first, then capitals, zeros in front.

const BASE: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether `prefix_` with 36 characters ends with the checksum of what stands before it.
pub(crate) fn has_github_checksum(token: &str) -> bool {
    let Some((_, body)) = token.split_once('_') else { return false };
    let (Some(random), Some(sum)) = (body.get(..30), body.get(30..)) else { return false };
    sum.as_bytes() == base62(crc32(random.as_bytes()))
}

/// CRC-32 as in ISO 3309 and zip, bit by bit: texts here are thirty bytes long.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn base62(mut number: u32) -> [u8; 6] {
    let mut text = *b"000000";
    for place in text.iter_mut().rev() {
        *place = BASE.get((number % 62) as usize).copied().unwrap_or(b'0');
        number /= 62;
    }
    text
}

/// A token with the right checksum, for tests.
#[cfg(test)]
pub(crate) fn github_token(prefix: &str, random: &str) -> String {
    let sum = base62(crc32(random.as_bytes()));
    format!("{prefix}_{random}{}", std::str::from_utf8(&sum).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(&base62(0), b"000000");
        assert_eq!(&base62(u32::MAX), b"4gfFC3");
        assert_eq!(&base62(crc32(&[b'A'; 30])), b"0uCPlr");
    }

    #[test]
    fn one_wrong_character_is_enough() {
        let token = github_token("ghp", "Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7aC0");
        assert!(has_github_checksum(&token));
        for at in 4..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            assert!(!has_github_checksum(std::str::from_utf8(&bytes).unwrap()), "{at}");
        }
        for text in ["", "_", "ghp_", "ghp", "ghp_é"] {
            assert!(!has_github_checksum(text), "{text}");
        }
    }
}
