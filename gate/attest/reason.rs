//! Why something was not accepted: a code that stays the same, and words for people.

use std::fmt;

/// Declares the reasons with their codes, so that neither is written twice.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why something was not accepted. The codes are stable: scripts and policies hold on to them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

reasons! {
    /// A key is not what its form says.
    KeyMalformed = "key-malformed",
    /// A kind of key that is not supported.
    KeyUnsupported = "key-unsupported",
    /// A curve that is not supported, such as P-224.
    KeyCurve = "key-curve",
    /// An RSA key of fewer than 2048 or more than 8192 bits.
    KeySize = "key-size",
    /// The policy does not accept this kind of key.
    KeyKind = "key-kind",
    /// An encrypted key file is not of its form.
    KeyFileMalformed = "key-file-malformed",
    /// An encrypted key file asks for work that is not done.
    KeyFileParameters = "key-file-parameters",
    /// The password does not open the key file.
    KeyPassword = "key-password",
    /// The bundle names another key.
    KeyHint = "key-hint",
    /// The signature does not verify with the key.
    SignatureInvalid = "signature-invalid",
    /// The signature is not in its one encoding.
    SignatureEncoding = "signature-encoding",
    /// A number of the signature is zero or too large.
    SignatureRange = "signature-range",
    /// The signature is over a weaker hash than the key is for.
    SignatureHash = "signature-hash",
    /// Not exactly one signature.
    SignatureCount = "signature-count",
    /// Text that should be base64 is not.
    Base64 = "base64",
    /// More bytes than a document may have.
    DocumentTooLarge = "document-too-large",
    /// The signed document has a name twice.
    PayloadDuplicateKey = "payload-duplicate-key",
    /// The signed document goes on after its end.
    PayloadTrailingBytes = "payload-trailing-bytes",
    /// The signed document begins with a byte order mark.
    PayloadByteOrderMark = "payload-byte-order-mark",
    /// The signed document is nested too deeply.
    PayloadDepth = "payload-depth",
    /// The signed document has a number that JSON does not have.
    PayloadNumber = "payload-number",
    /// The signed document is not of its form.
    PayloadMalformed = "payload-malformed",
    /// The envelope's payload type is not in-toto's.
    PayloadType = "payload-type",
    /// The statement is of an unknown version.
    StatementType = "statement-type",
    /// The predicate is of another type than asked for.
    PredicateType = "predicate-type",
    /// An attestation was offered as a signature.
    AttestationAsSignature = "attestation-as-signature",
    /// The statement is about nothing.
    SubjectMissing = "subject-missing",
    /// The statement is about too many things.
    SubjectCount = "subject-count",
    /// A subject has no SHA-256 digest.
    SubjectDigestMissing = "subject-digest-missing",
    /// A digest is not in its one form.
    DigestMalformed = "digest-malformed",
    /// Signed for another artifact.
    SubjectMismatch = "subject-mismatch",
    /// `critical.type` of a payload is not a signature's.
    CriticalType = "critical-type",
    /// Signed for another repository.
    Repository = "repository-mismatch",
    /// The bundle has a name twice.
    BundleDuplicateKey = "bundle-duplicate-key",
    /// The bundle goes on after its end.
    BundleTrailingBytes = "bundle-trailing-bytes",
    /// The bundle is not of its form.
    BundleMalformed = "bundle-malformed",
    /// A version of the bundle format that is not known.
    BundleVersion = "bundle-version",
    /// The bundle holds no signature, or two kinds of it.
    BundleContent = "bundle-content",
    /// The bundle holds both a key and a certificate.
    MaterialAmbiguous = "material-ambiguous",
    /// The bundle holds neither a key nor a certificate.
    MaterialMissing = "material-missing",
    /// The bundle was signed in another way than asked for: key and not certificate, or the other way round.
    MaterialKind = "material-kind",
    /// A certificate cannot be read.
    CertificateMalformed = "certificate-malformed",
    /// The certificate does not lead to a trusted authority.
    CertificateChain = "certificate-chain",
    /// The certificate was not valid yet, or no longer, when it signed.
    CertificateTime = "certificate-time",
    /// The signer's certificate is an authority's.
    CertificateAuthority = "certificate-authority",
    /// The certificate is not for signing code.
    CertificateUsage = "certificate-usage",
    /// The bundle brings a root certificate of its own.
    CertificateRoot = "certificate-root",
    /// The certificate was not logged as its authority must.
    CertificateTransparency = "certificate-transparency",
    /// Another signer than asked for.
    Identity = "identity-mismatch",
    /// Another issuer than asked for.
    Issuer = "issuer-mismatch",
    /// A pattern of identities that does not say where it begins and ends.
    PatternUnanchored = "pattern-unanchored",
    /// A pattern of identities that cannot be read.
    PatternMalformed = "pattern-malformed",
    /// No entry of a transparency log, and one is required.
    LogMissing = "log-missing",
    /// An entry of a log that is not trusted (any more).
    LogUnknown = "log-unknown",
    /// The entry is not proved to be in the log.
    LogInclusion = "log-inclusion",
    /// The log's checkpoint is not signed by the log.
    LogCheckpoint = "log-checkpoint",
    /// The log's promise does not verify.
    LogPromise = "log-promise",
    /// The entry is about another signature, key or artifact.
    LogEntryMismatch = "log-entry-mismatch",
    /// The entry's time is out of place.
    LogTime = "log-time",
    /// An entry cannot be read.
    LogEntryMalformed = "log-entry-malformed",
    /// One entry stands twice.
    LogEntryDuplicate = "log-entry-duplicate",
    /// No time that anybody trusted vouches for.
    TimestampMissing = "timestamp-missing",
    /// A timestamp does not verify.
    TimestampInvalid = "timestamp-invalid",
    /// A timestamp of an authority outside its time.
    TimestampAuthority = "timestamp-authority",
    /// The trusted root cannot be used.
    TrustRoot = "trust-root",
    /// Fewer distinct signers than required.
    Threshold = "threshold",
    /// A threshold that cannot be met or that nothing need meet.
    ThresholdMalformed = "threshold-malformed",
    /// What was signed could not be signed or checked afterwards.
    Signing = "signing",
    /// Something that this version does not verify.
    Unsupported = "unsupported",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Something was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail} [{reason}]")]
pub struct Refusal {
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people; holds no secret.
    pub detail: String,
}

impl Refusal {
    /// A refusal in these words.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// `Err` in one word.
pub(crate) fn refuse<T>(reason: Reason, detail: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(reason, detail))
}

/// A stranger's text, fit to be shown: bounded, and nothing that moves a cursor.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(120).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_plain() {
        let mut codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(codes.iter().all(|code| code.chars().all(plain)));
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }

    #[test]
    fn a_strangers_text_moves_no_cursor() {
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a[2Jb…");
        assert_eq!(shown(&"é".repeat(500)).chars().count(), 121);
    }
}
