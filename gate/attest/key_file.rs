//! cosign's encrypted key file: PKCS#8 in a NaCl secret box, its key from the password by scrypt.

use aws_lc_rs::rand;
use scrypt::{Params, scrypt};
use secgate_formats::{
    base64_text::Base64Text,
    cosign::{Cipher, KEY_LABEL, Kdf, KdfParameters, KeyFile, OLD_KEY_LABEL},
    strict_json,
};
use zeroize::Zeroizing;

use crate::{
    key_private::PrivateKey,
    password::Password,
    pem,
    reason::{Reason, Refusal, refuse, shown},
    secretbox,
};

/// scrypt's costs that are worked for. Others are refused before any work, because whoever wrote the file chose them.
const COSTS: [u64; 3] = [32_768, 65_536, 131_072];
/// The cost that is written, as cosign does.
const COST: KdfParameters = KdfParameters { n: 65_536, r: 8, p: 1 };

impl PrivateKey {
    /// The key as an encrypted file that cosign reads, with fresh salt and nonce.
    pub fn to_file(&self, password: &Password) -> Result<String, Refusal> {
        let failed =
            |_| Refusal::new(Reason::Signing, "a key file: the machine gives no random bytes");
        let (mut salt, mut nonce) = ([0; 32], [0; 24]);
        rand::fill(&mut salt).map_err(failed)?;
        rand::fill(&mut nonce).map_err(failed)?;
        let key = derive(password, &salt, COST)?;
        let file = KeyFile {
            kdf: Kdf { name: "scrypt".into(), params: COST, salt: Base64Text::of(&salt) },
            cipher: Cipher { name: "nacl/secretbox".into(), nonce: Base64Text::of(&nonce) },
            ciphertext: Base64Text::of(&secretbox::seal(&key, &nonce, &self.pkcs8()?)),
        };
        let json = serde_json::to_vec(&file)
            .map_err(|_| Refusal::new(Reason::Signing, "a key file: not written"))?;
        Ok(pem::write(KEY_LABEL, &json).to_string())
    }

    /// Opens an encrypted file of cosign or of [`PrivateKey::to_file`].
    pub fn from_file(text: &[u8], password: &Password) -> Result<Self, Refusal> {
        let blocks = pem::blocks(text)?;
        let [block] = blocks.as_slice() else {
            return refuse(Reason::KeyFileMalformed, "a key file: not one block of PEM");
        };
        if ![KEY_LABEL, OLD_KEY_LABEL].contains(&block.label.as_str()) {
            let label = shown(&block.label);
            return refuse(
                Reason::KeyFileMalformed,
                format!("a key file: PEM holds `{label}`. hint: import the key"),
            );
        }
        let file: KeyFile = strict_json::read(&block.bytes, pem::LIMIT).map_err(|fault| {
            Refusal::new(Reason::KeyFileMalformed, format!("a key file: {fault}"))
        })?;
        let pkcs8 = open(&file, password)?;
        Self::from_pkcs8(&pkcs8)
    }
}

fn open(file: &KeyFile, password: &Password) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    if file.kdf.name != "scrypt" || file.cipher.name != "nacl/secretbox" {
        return refuse(Reason::KeyFileMalformed, "a key file: not scrypt and nacl/secretbox");
    }
    let KdfParameters { n, r, p } = file.kdf.params;
    if !COSTS.contains(&n) || r != COST.r || p != COST.p {
        return refuse(
            Reason::KeyFileParameters,
            format!("a key file: scrypt with N={n}, r={r}, p={p} is not worked for"),
        );
    }
    let decode = |text: &Base64Text, what: &str| {
        text.bytes().map_err(|fault| {
            Refusal::new(Reason::KeyFileMalformed, format!("a key file: {what}: {fault}"))
        })
    };
    let salt = decode(&file.kdf.salt, "salt")?;
    let nonce = decode(&file.cipher.nonce, "nonce")?;
    let ciphertext = decode(&file.ciphertext, "ciphertext")?;
    let (Ok(salt), Ok(nonce)) = (<[u8; 32]>::try_from(salt), <[u8; 24]>::try_from(nonce)) else {
        return refuse(Reason::KeyFileMalformed, "a key file: salt or nonce of another length");
    };
    let key = derive(password, &salt, file.kdf.params)?;
    secretbox::open(&key, &nonce, &ciphertext).ok_or_else(|| {
        Refusal::new(Reason::KeyPassword, "a key file: wrong password, or the file is damaged")
    })
}

/// The cost must be one of [`COSTS`].
fn derive(
    password: &Password,
    salt: &[u8; 32],
    cost: KdfParameters,
) -> Result<Zeroizing<[u8; 32]>, Refusal> {
    let log_n = u8::try_from(cost.n.trailing_zeros()).unwrap_or(u8::MAX);
    let mut key = Zeroizing::new([0; 32]);
    Params::new(log_n, 8, 1)
        .ok()
        .and_then(|parameters| scrypt(password.bytes(), salt, &parameters, &mut *key).ok())
        .ok_or_else(|| {
            Refusal::new(Reason::KeyFileParameters, "a key file: scrypt's parameters")
        })?;
    Ok(key)
}
