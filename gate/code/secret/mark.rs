use secgate_model::Target;
use secgate_scan::subject_key;

/// A secret of so many characters is not guessed; a shorter one shows nothing of itself.
const UNGUESSABLE: usize = 16;

/// What may be shown of a secret: its first four characters, and none of a short one.
pub fn redacted(secret: &str) -> String {
    let length = secret.chars().count();
    let shown = if length >= UNGUESSABLE { 4 } else { 0 };
    let start: String = secret.chars().take(shown).filter(|c| !c.is_control()).collect();
    format!("{start}… ({length} characters)")
}

/// Makes marks of secrets: the same secret of the same target has the same mark, and the secret cannot be read from it.
///
/// The key comes from the target's name without its tag, so that the marks of two repositories cannot be compared. It is no
/// secret itself: who has a report and guesses a weak password right can see that he did. For that reason a mark is printed of
/// long secrets alone, and of weak ones stands only inside the identity of a finding.
#[derive(Debug, Clone)]
pub struct Marker {
    key: [u8; 32],
}

impl Marker {
    /// For the secrets of a target.
    pub fn new(target: &Target) -> Self {
        let subject = subject_key(target);
        Self { key: blake3::derive_key("secgate 2026 marks of secrets", subject.as_bytes()) }
    }

    /// The mark of a secret: 32 hexadecimal digits.
    pub fn mark(&self, secret: &str) -> String {
        let hex = blake3::keyed_hash(&self.key, secret.trim().as_bytes()).to_hex();
        hex.get(..32).unwrap_or_default().to_owned()
    }

    /// What is shown of a secret: [`redacted`], and the start of its mark where that gives nothing away.
    pub fn shown(&self, secret: &str) -> String {
        let text = redacted(secret);
        if secret.chars().count() < UNGUESSABLE {
            return text;
        }
        let mark = self.mark(secret);
        let start = mark.get(..12).unwrap_or_default();
        format!("{}, mark {start})", text.trim_end_matches(')'))
    }
}

#[cfg(test)]
mod tests {
    use secgate_model::TargetKind;

    use super::*;

    fn marker(name: &str) -> Marker {
        Marker::new(&Target {
            kind: TargetKind::Image,
            name: name.to_owned(),
            digest: None,
            revision: None,
        })
    }

    #[test]
    fn four_characters_and_a_mark() {
        let one = marker("r.example/app:1");
        let secret = "correct horse battery";
        assert!(one.shown(secret).starts_with("corr… (21 characters, mark "));
        assert_eq!(one.shown("hunter2"), "… (7 characters)");
        assert_eq!(one.shown(""), "… (0 characters)");
        assert_eq!(redacted("\u{7}bc\u{1b}efghijklmnopqrst"), "bc… (20 characters)");
        assert_eq!(one.mark(secret), marker("r.example/app:2").mark(secret));
        assert_ne!(one.mark(secret), marker("r.example/other:1").mark(secret));
        assert_ne!(one.mark(secret), one.mark("correct horse batterx"));
    }
}
