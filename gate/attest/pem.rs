//! PEM (RFC 7468, the strict form but for line lengths): label and bytes.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::reason::{Reason, Refusal, refuse};

/// Most bytes of a file of keys or certificates.
pub(crate) const LIMIT: usize = 64 * 1024;

/// One block of a file.
#[derive(Clone)]
pub(crate) struct Block {
    /// What it says it is.
    pub(crate) label: String,
    /// Its bytes, wiped when dropped.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// The blocks of a file. Text outside of blocks may be white space only: whoever wrote more meant something by it.
pub(crate) fn blocks(text: &[u8]) -> Result<Vec<Block>, Refusal> {
    let malformed = |what: &str| refuse(Reason::KeyMalformed, format!("PEM: {what}"));
    if text.len() > LIMIT {
        return refuse(Reason::DocumentTooLarge, format!("PEM: more than {LIMIT} bytes"));
    }
    let Ok(text) = std::str::from_utf8(text) else { return malformed("not text") };
    let mut blocks = Vec::new();
    let mut open: Option<(String, Zeroizing<String>)> = None;
    for line in text.lines() {
        let line = line.trim_end();
        match &mut open {
            None if line.is_empty() => {}
            None => {
                let label = line.strip_prefix("-----BEGIN ").and_then(|l| l.strip_suffix("-----"));
                let Some(label) = label.filter(|label| !label.contains('-')) else {
                    return malformed("text outside of a block");
                };
                open = Some((label.to_owned(), Zeroizing::new(String::new())));
            }
            Some((label, body)) => {
                if let Some(end) = line.strip_prefix("-----END ") {
                    if end.strip_suffix("-----") != Some(label) {
                        return malformed("a block ends as another one");
                    }
                    let Ok(bytes) = STANDARD.decode(body.as_bytes()) else {
                        return malformed("a block is not base64");
                    };
                    blocks.push(Block { label: label.clone(), bytes: Zeroizing::new(bytes) });
                    open = None;
                } else {
                    body.push_str(line);
                }
            }
        }
    }
    match (open, blocks.is_empty()) {
        (Some(_), _) => malformed("a block does not end"),
        (None, true) => malformed("no block"),
        (None, false) => Ok(blocks),
    }
}

/// A block in lines of 64 characters, as OpenSSL and Go write it.
pub(crate) fn write(label: &str, bytes: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(bytes));
    let mut text = Zeroizing::new(format!("-----BEGIN {label}-----\n"));
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_as_written() {
        for length in [0, 1, 47, 48, 49, 1000] {
            let bytes = vec![0xa5; length];
            let text = format!("\n{}\r\n{}", *write("A B", &bytes), *write("C", b"x"));
            let blocks = blocks(text.as_bytes()).unwrap();
            assert_eq!(blocks.len(), 2);
            assert_eq!((blocks[0].label.as_str(), &*blocks[0].bytes), ("A B", &bytes));
        }
    }

    #[test]
    fn what_is_around_a_block_is_refused() {
        for text in [
            "",
            "x",
            "-----BEGIN A-----\nAA==\n",
            "-----BEGIN A-----\nAA==\n-----END B-----\n",
            "-----BEGIN A-----\nAA=\n-----END A-----\n",
            "-----BEGIN A-----\nAA==\n-----END A-----\ntrailing",
            "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAA==\n-----END A-----\n",
            "-----BEGIN A-----\n-----BEGIN A-----\n-----END A-----\n",
        ] {
            assert!(blocks(text.as_bytes()).is_err(), "{text}");
        }
        assert!(blocks(&vec![b'\n'; LIMIT + 1]).is_err());
    }
}
