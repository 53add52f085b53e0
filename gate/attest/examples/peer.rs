//! Keys, signatures and bundles from a command line, for `tests/signing/check`, which compares with cosign and others.
//! Each argument is a file but for words in capitals: kinds, passwords, digests, repositories, predicate types.

use std::{
    collections::VecDeque,
    error::Error,
    fs::File,
    io::{Read, Write, stdout},
};

use secgate_attest::{
    PrivateKey,
    key::{KeyKind, PublicKey},
    legacy::{self, LegacySignature},
    password::Password,
    scheme::Hashes,
    signer::Signer,
    verify::{ByKey, Report, Wanted, by_key},
    write,
};
use secgate_formats::in_toto;
use secgate_model::Digest;

type Done<T> = Result<T, Box<dyn Error>>;

struct Words(VecDeque<String>);

impl Words {
    fn next(&mut self) -> Done<String> {
        self.0.pop_front().ok_or_else(|| "an argument is missing".into())
    }

    fn read(&mut self) -> Done<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.next()?)?.take(1 << 28).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn text(&mut self) -> Done<String> {
        Ok(String::from_utf8(self.read()?)?)
    }

    fn write(&mut self, bytes: &[u8]) -> Done<()> {
        Ok(File::create(self.next()?)?.write_all(bytes)?)
    }

    fn password(&mut self) -> Done<Password> {
        Ok(Password::new(self.next()?))
    }

    fn digest(&mut self) -> Done<Digest> {
        Ok(self.next()?.parse()?)
    }

    /// A key file and its PASSWORD.
    fn key(&mut self) -> Done<PrivateKey> {
        let text = self.read()?;
        Ok(PrivateKey::from_file(&text, &self.password()?)?.over_sha256())
    }

    /// Writes a key file for a PASSWORD, and the public key.
    fn save(&mut self, key: &PrivateKey) -> Done<()> {
        let file = key.to_file(&self.password()?)?;
        self.write(file.as_bytes())?;
        self.write(key.public_key().to_pem().as_bytes())
    }
}

fn main() -> Done<()> {
    let mut words = Words(std::env::args().skip(1).collect());
    match words.next()?.as_str() {
        "generate" => {
            let kind = match words.next()?.as_str() {
                "p256" => KeyKind::EcdsaP256,
                "p384" => KeyKind::EcdsaP384,
                "rsa" => KeyKind::Rsa(2048),
                "ed25519" => KeyKind::Ed25519,
                other => return Err(format!("no kind {other}").into()),
            };
            words.save(&PrivateKey::generate(kind)?)
        }
        "import" => {
            let text = words.read()?;
            words.save(&PrivateKey::import(&text)?)
        }
        "sign-blob" => {
            let (key, file) = (words.key()?, words.read()?);
            words.write(&write::blob_bundle(&key, &file)?)
        }
        "sign" => {
            let (key, image) = (words.key()?, words.digest()?);
            let statement = write::signature_statement(&image);
            words.write(&write::statement_bundle(&key, &statement)?)
        }
        "sign-legacy" => {
            let (key, repository, image) = (words.key()?, words.next()?, words.digest()?);
            let none = serde_json::Map::new();
            let (payload, signature) = write::legacy(&key, &repository, &image, none)?;
            words.write(&payload)?;
            words.write(signature.as_bytes())
        }
        "attest" => {
            let (key, artifact, kind) = (words.key()?, words.digest()?, words.next()?);
            let predicate = serde_json::from_slice(&words.read()?)?;
            let kind = in_toto::predicate_type(&kind);
            let statement = write::statement(None, &artifact, kind, predicate);
            words.write(&write::statement_bundle(&key, &statement)?)
        }
        verb => {
            let keys = [PublicKey::from_pem(&words.read()?)?];
            let by = ByKey { hashes: Hashes::AlsoSha256, ..ByKey::new(&keys) };
            tell(&verify(verb, &mut words, &by)?)
        }
    }
}

fn verify(verb: &str, words: &mut Words, by: &ByKey<'_>) -> Done<Report> {
    match verb {
        "verify-blob" => {
            let (bundle, file) = (words.read()?, words.read()?);
            Ok(by_key(&bundle, Wanted::Blob(&file), by))
        }
        "verify" => {
            let (bundle, image) = (words.read()?, words.digest()?);
            Ok(by_key(&bundle, Wanted::Signature(&image), by))
        }
        "verify-attestation" => {
            let (bundle, digest, kind) = (words.read()?, words.digest()?, words.next()?);
            let predicate_type = in_toto::predicate_type(&kind);
            Ok(by_key(&bundle, Wanted::Attestation { digest: &digest, predicate_type }, by))
        }
        "verify-legacy" => {
            let (payload, signature) = (words.read()?, words.text()?);
            let (repository, image) = (words.next()?, words.digest()?);
            let signature = signature.trim_end();
            let layer =
                LegacySignature { payload: &payload, signature, ..LegacySignature::default() };
            let now = jiff::Timestamp::UNIX_EPOCH;
            Ok(legacy::by_key(&layer, &image, Some(&repository), by, now))
        }
        other => Err(format!("no verb {other}").into()),
    }
}

fn tell(report: &Report) -> Done<()> {
    writeln!(stdout(), "{}", serde_json::to_string(&report.checks)?)?;
    match &report.result {
        Ok(_) => Ok(()),
        Err(refusal) => Err(refusal.clone().into()),
    }
}
