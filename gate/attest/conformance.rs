//! The client that the sigstore conformance suite drives (`sigstore-conformance`, `docs/cli_protocol.md`).

use std::{
    io,
    path::{Path, PathBuf},
};

use secgate_formats::dsse;
use secgate_model::Digest;

use crate::{
    bundle::{self, Content, Material, Parsed},
    certificate,
    evidence::{Evidence, Proofs, Signed, Subject},
    key::PublicKey,
    payload,
    reason::{Reason, Refusal, refuse, shown},
    scheme::{self, Hashes},
    sigstore::{Instance, TrustRoot},
    verify::same,
};

/// What the suite asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `verify-bundle`.
    Verify(Verify),
    /// `sign-bundle`.
    Sign(Sign),
}

/// `verify-bundle`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verify {
    /// Whether the staging instance is trusted instead of the public good one.
    pub staging: bool,
    /// The bundle.
    pub bundle: PathBuf,
    /// The name that the certificate must have, exactly.
    pub identity: Option<String>,
    /// Who must have vouched for it, exactly.
    pub issuer: Option<String>,
    /// The key that must have signed, instead of somebody with a certificate.
    pub key: Option<PathBuf>,
    /// Whom to trust, instead of a public instance.
    pub trusted_root: Option<PathBuf>,
    /// A file, or `sha256:` and a digest.
    pub artifact: String,
}

/// `sign-bundle`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sign {
    /// Whether the staging instance signs.
    pub staging: bool,
    /// Whether the file is a statement, to be signed as one.
    pub in_toto: bool,
    /// The OIDC token of the signer: a secret.
    pub identity_token: String,
    /// Where the bundle goes.
    pub bundle: PathBuf,
    /// Whom to trust.
    pub trusted_root: Option<PathBuf>,
    /// Which services sign.
    pub signing_config: Option<PathBuf>,
    /// The file.
    pub artifact: PathBuf,
}

impl std::fmt::Debug for Sign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sign").field("artifact", &self.artifact).finish_non_exhaustive()
    }
}

/// Reads a command line without the program's name.
pub fn parse(words: &[String]) -> Result<Command, String> {
    let (verb, rest) = words.split_first().ok_or("which of verify-bundle and sign-bundle?")?;
    match verb.as_str() {
        "verify-bundle" => parse_verify(rest).map(Command::Verify),
        "sign-bundle" => parse_sign(rest).map(Command::Sign),
        other => Err(format!("`{}` is no command of the protocol", shown(other))),
    }
}

/// Options with their values, and what is left.
struct Words<'a>(std::slice::Iter<'a, String>);

impl Words<'_> {
    fn value(&mut self, option: &str) -> Result<String, String> {
        self.0.next().cloned().ok_or_else(|| format!("{option} needs a value"))
    }
}

fn parse_verify(words: &[String]) -> Result<Verify, String> {
    let mut verify = Verify::default();
    let mut words = Words(words.iter());
    let mut artifact = None;
    let mut bundle = None;
    while let Some(word) = words.0.next() {
        match word.as_str() {
            "--staging" => verify.staging = true,
            "--bundle" => bundle = Some(words.value(word)?.into()),
            "--certificate-identity" => verify.identity = Some(words.value(word)?),
            "--certificate-oidc-issuer" => verify.issuer = Some(words.value(word)?),
            "--key" => verify.key = Some(words.value(word)?.into()),
            "--trusted-root" => verify.trusted_root = Some(words.value(word)?.into()),
            _ => take_artifact(word, &mut artifact)?,
        }
    }
    verify.bundle = bundle.ok_or("--bundle is missing")?;
    verify.artifact = artifact.ok_or("the artifact is missing")?;
    match (&verify.key, &verify.identity, &verify.issuer) {
        (Some(_), None, None) | (None, Some(_), Some(_)) => Ok(verify),
        _ => Err("either --key, or --certificate-identity and --certificate-oidc-issuer".into()),
    }
}

fn parse_sign(words: &[String]) -> Result<Sign, String> {
    let mut sign = Sign::default();
    let mut words = Words(words.iter());
    let mut artifact = None;
    let (mut token, mut bundle) = (None, None);
    while let Some(word) = words.0.next() {
        match word.as_str() {
            "--staging" => sign.staging = true,
            "--in-toto" => sign.in_toto = true,
            "--identity-token" => token = Some(words.value(word)?),
            "--bundle" => bundle = Some(words.value(word)?.into()),
            "--trusted-root" => sign.trusted_root = Some(words.value(word)?.into()),
            "--signing-config" => sign.signing_config = Some(words.value(word)?.into()),
            _ => take_artifact(word, &mut artifact)?,
        }
    }
    sign.identity_token = token.ok_or("--identity-token is missing")?;
    sign.bundle = bundle.ok_or("--bundle is missing")?;
    sign.artifact = artifact.ok_or("the artifact is missing")?.into();
    Ok(sign)
}

fn take_artifact(word: &str, artifact: &mut Option<String>) -> Result<(), String> {
    if word.starts_with("--") || artifact.is_some() {
        return Err(format!("`{}` is not expected", shown(word)));
    }
    *artifact = Some(word.to_owned());
    Ok(())
}

/// Verifies as the suite asks: whatever was signed over the artifact, a file or a statement of any type. A gate asks for
/// more, see [`crate::verify`]. `read` reads a file within the caller's bounds.
pub fn verify(
    ask: &Verify,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<Signed, Refusal> {
    let file = |path: &Path| {
        read(path).map_err(|error| {
            Refusal::new(Reason::Unsupported, format!("reading {}: {error}", path.display()))
        })
    };
    let evidence = match &ask.trusted_root {
        Some(path) => TrustRoot::from_json(&file(path)?)?,
        None if ask.staging => TrustRoot::embedded(Instance::Staging)?,
        None => TrustRoot::embedded(Instance::PublicGood)?,
    };
    let bundle = file(&ask.bundle)?;
    // A digest is one only if no file has its name.
    let digest: Option<Digest> = ask.artifact.parse().ok();
    let bytes = match (read(Path::new(&ask.artifact)), &digest) {
        (Ok(bytes), _) => Some(bytes),
        (Err(error), Some(_)) if error.kind() == io::ErrorKind::NotFound => None,
        (Err(_), _) => Some(file(Path::new(&ask.artifact))?),
    };
    let subject = match (&bytes, &digest) {
        (Some(bytes), _) => Subject::Bytes(bytes),
        (None, Some(digest)) => Subject::Digest(digest),
        (None, None) => return refuse(Reason::Unsupported, "no artifact"),
    };
    let key = match &ask.key {
        Some(path) => Some(PublicKey::from_pem(&file(path)?)?),
        None => None,
    };
    verify_bundle(&bundle, subject, key.as_ref(), ask, &evidence)
}

fn verify_bundle(
    bundle: &[u8],
    subject: Subject<'_>,
    key: Option<&PublicKey>,
    ask: &Verify,
    evidence: &TrustRoot,
) -> Result<Signed, Refusal> {
    let parsed = bundle::read(bundle, bundle::ATTESTATION_LIMIT)?;
    let signed = match (&parsed.material, key) {
        // The protocol has no option for it: a root without logs says that none is asked for.
        (Material::Key { .. }, Some(key))
            if !evidence.names_logs() && parsed.entries.is_empty() && parsed.timestamps == 0 =>
        {
            by_key_alone(&parsed, subject, key)?
        }
        (Material::Key { .. }, Some(key)) => evidence.by_key(bundle, subject, key, true)?,
        (Material::Certificates(chain), None) => {
            certificate::check(chain)?;
            evidence.by_certificate(bundle, subject, Proofs::default())?
        }
        _ => {
            return refuse(Reason::MaterialKind, "signed in another way than is to be verified");
        }
    };
    let signed = same(&parsed, signed)?;
    if let Content::Envelope { payload_type, payload, .. } = &parsed.content {
        payload::read_statement(payload_type, payload)?;
    }
    if let Some(wanted) = &ask.identity {
        let found = signed.holder.as_ref().map(crate::identity::Holder::as_str);
        if found != Some(wanted) {
            let found = shown(found.unwrap_or("nobody"));
            return refuse(Reason::Identity, format!("signed by `{found}`"));
        }
    }
    if ask.issuer.is_some() && signed.issuer != ask.issuer {
        let found = shown(signed.issuer.as_deref().unwrap_or("nobody"));
        return refuse(Reason::Issuer, format!("vouched for by `{found}`"));
    }
    Ok(signed)
}

/// Verifies what a key signed where nothing else vouches for it.
fn by_key_alone(parsed: &Parsed, subject: Subject<'_>, key: &PublicKey) -> Result<Signed, Refusal> {
    let of = |bytes: &[u8]| {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        <[u8; 32]>::try_from(hash.as_ref())
            .map(|hash| Digest::sha256(&hash))
            .map_err(|_| Refusal::new(Reason::DigestMalformed, "the digest of the artifact"))
    };
    let (payload, signature) = match &parsed.content {
        Content::Message { signature, hint } => {
            match subject {
                Subject::Bytes(bytes) => {
                    hint.as_ref().map_or(Ok(()), |hint| hint.check(bytes))?;
                    scheme::verify(key, bytes, signature, Hashes::Own)?
                }
                Subject::Digest(digest) => {
                    let hash = payload::hex(digest.hex()).unwrap_or_default();
                    scheme::verify_digest(key, &hash, signature)?
                }
            };
            (None, signature)
        }
        Content::Envelope { payload_type, payload, signature } => {
            let message = dsse::pae(payload_type, payload);
            scheme::verify(key, &message, signature, Hashes::Own)?;
            let statement = payload::read_statement(payload_type, payload)?;
            match subject {
                Subject::Bytes(bytes) => payload::check_subject(&statement, &of(bytes)?)?,
                Subject::Digest(digest) => payload::check_subject(&statement, digest)?,
            }
            (Some((payload_type.clone(), payload.clone())), signature)
        }
    };
    Ok(Signed {
        payload,
        signature: signature.clone(),
        holder: None,
        issuer: None,
        certificate_transparency: false,
        log: false,
        times: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::{
        PrivateKey,
        key::KeyKind,
        signer::Signer,
        testing::{HOLDER, ISSUER, Leaf, World, hex, sha256},
        write,
    };

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_protocol_is_read() {
        let Ok(Command::Verify(verify)) = parse(&words(
            "verify-bundle --staging --bundle b --certificate-identity i --certificate-oidc-issuer o --trusted-root t a",
        )) else {
            panic!()
        };
        assert!(verify.staging && verify.bundle == Path::new("b") && verify.artifact == "a");
        assert!(parse(&words("verify-bundle --bundle b --key k a")).is_ok());
        let sign = parse(&words("sign-bundle --identity-token secret --bundle b a")).unwrap();
        assert!(!format!("{sign:?}").contains("secret"));
        for line in [
            "verify",
            "verify-bundle",
            "verify-bundle --bundle",
            "verify-bundle --bundle b a",
            "verify-bundle --bundle b --key k --certificate-identity i --certificate-oidc-issuer o a",
            "verify-bundle --bundle b --certificate-identity i a",
            "verify-bundle --bundle b --key k a b",
            "verify-bundle --bundle b --key k --insecure a",
            "sign-bundle --bundle b a",
        ] {
            assert!(parse(&words(line)).is_err(), "{line}");
        }
    }

    /// Files by their names.
    struct Files(BTreeMap<&'static str, Vec<u8>>);

    impl Files {
        fn verify(&self, line: &str) -> Option<Reason> {
            let Ok(Command::Verify(ask)) = parse(&words(line)) else { panic!("{line}") };
            let read = |path: &Path| {
                let name = path.to_str().unwrap();
                self.0.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
            };
            verify(&ask, &read).err().map(|refusal| refusal.reason)
        }
    }

    #[test]
    fn files_and_digests_are_verified() {
        let world = World::new();
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let bytes = |value: &Value| value.to_string().into_bytes();
        let digest: Digest = format!("sha256:{}", hex(&sha256(b"file"))).parse().unwrap();
        let claim = write::statement(Some("a"), &digest, "https://x.example/y", Value::Null);
        let statement = serde_json::to_vec(&claim).unwrap();
        let files = Files(BTreeMap::from([
            ("root", bytes(&world.root())),
            ("a", b"file".to_vec()),
            ("other", b"filf".to_vec()),
            ("message", bytes(&world.sign_file(&Leaf::default(), b"file"))),
            ("dsse", bytes(&world.sign_statement(&Leaf::default(), &statement))),
            ("keyed", bytes(&world.sign_statement_by_key(&key, &statement))),
            ("key", key.public_key().to_pem().into_bytes()),
            ("bare", write::blob_bundle(&key, b"file").unwrap()),
            ("bare-dsse", write::statement_bundle(&key, &claim).unwrap()),
            (
                "empty",
                br#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#
                    .to_vec(),
            ),
        ]));
        let who = format!("--certificate-identity {HOLDER} --certificate-oidc-issuer {ISSUER}");
        for bundle in ["message", "dsse"] {
            let line = format!("verify-bundle --bundle {bundle} {who}");
            assert_eq!(files.verify(&format!("{line} --trusted-root root a")), None);
            assert_eq!(files.verify(&format!("{line} --trusted-root root {digest}")), None);
            let reason = files.verify(&format!("{line} --trusted-root root other"));
            assert!(matches!(reason, Some(Reason::SubjectMismatch)), "{reason:?}");
            assert!(files.verify(&format!("{line} --trusted-root root none")).is_some());
            assert!(files.verify(&format!("{line} a")).is_some(), "not of the public instance");
            let line = line.replace("main", "min");
            let reason = files.verify(&format!("{line} --trusted-root root a"));
            assert_eq!(reason, Some(Reason::Identity));
            let line = format!("verify-bundle --bundle {bundle} --key key --trusted-root root a");
            assert_eq!(files.verify(&line), Some(Reason::MaterialKind));
        }
        let line = "verify-bundle --bundle keyed --key key --trusted-root root";
        assert_eq!(files.verify(&format!("{line} a")), None);
        assert_eq!(files.verify(&format!("{line} {digest}")), None);
        assert!(files.verify(&format!("{line} other")).is_some());
        let line = format!("verify-bundle --bundle keyed {who} --trusted-root root a");
        assert_eq!(files.verify(&line), Some(Reason::MaterialKind));
        // The suite's client takes nothing that is not logged.
        let line = "verify-bundle --bundle bare --key key --trusted-root root a";
        assert!(files.verify(line).is_some());
        // But for a root that names no log.
        for bundle in ["bare", "bare-dsse"] {
            let line = format!("verify-bundle --bundle {bundle} --key key --trusted-root empty");
            assert_eq!(files.verify(&format!("{line} a")), None);
            assert_eq!(files.verify(&format!("{line} {digest}")), None);
            assert!(files.verify(&format!("{line} other")).is_some());
            let other = format!("sha256:{}", hex(&sha256(b"other")));
            assert!(files.verify(&format!("{line} {other}")).is_some());
        }
    }
}
