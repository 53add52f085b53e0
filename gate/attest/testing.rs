//! A sigstore of our own for tests: authority, certificate log, transparency log and timestamp authority, all of which can
//! be told to do wrong. Also included by the example that mutates bundles.

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType, SerialNumber, date_time_ymd,
};
use secgate_attest::{
    PrivateKey,
    key::{KeyKind, PublicKey},
    signer::{Signer, sign},
};
use secgate_formats::{base64_text::Base64Text, dsse, in_toto::PAYLOAD_TYPE};
use serde_json::{Value, json};

/// 2024-05-01T12:00:00Z, at which everything is signed.
pub(crate) const TIME: i64 = 1_714_564_800;
/// Who signs.
pub(crate) const HOLDER: &str = "https://ci.example/acme/app/.ci/build.yml@refs/heads/main";
/// Who vouches.
pub(crate) const ISSUER: &str = "https://token.ci.example";

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn b64(bytes: &[u8]) -> String {
    Base64Text::of(bytes).0
}

/// DER of a value.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [.., high, low] = content.len().to_be_bytes();
    let mut bytes = vec![tag];
    match content.len() {
        0..=0x7f => bytes.push(low),
        0x80..=0xff => bytes.extend([0x81, low]),
        _ => bytes.extend([0x82, high, low]),
    }
    bytes.extend(content);
    bytes
}

/// What is put into a certificate.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) holder: SanType,
    pub(crate) issuer: Option<&'static str>,
    pub(crate) old_issuer: Option<&'static str>,
    pub(crate) usage: ExtendedKeyUsagePurpose,
    pub(crate) authority: bool,
    pub(crate) valid: ((i32, u8, u8), (i32, u8, u8)),
    pub(crate) logged: Logged,
}

/// How a certificate was logged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logged {
    Yes,
    No,
    ByAnother,
    Wrongly,
}

impl Default for Leaf {
    fn default() -> Self {
        Self {
            holder: SanType::URI(HOLDER.try_into().unwrap()),
            issuer: Some(ISSUER),
            old_issuer: None,
            usage: ExtendedKeyUsagePurpose::CodeSigning,
            authority: false,
            valid: ((2024, 5, 1), (2024, 5, 2)),
            logged: Logged::Yes,
        }
    }
}

/// All services.
pub(crate) struct World {
    authority: CertifiedIssuer<'static, KeyPair>,
    certificate_log: PrivateKey,
    pub(crate) log: PrivateKey,
    timestamps: Timestamps,
}

struct Timestamps {
    authority: CertifiedIssuer<'static, KeyPair>,
    certificate: Vec<u8>,
    key: PrivateKey,
}

fn private(pair: &KeyPair) -> PrivateKey {
    PrivateKey::from_pkcs8(&pair.serialize_der()).unwrap()
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.not_before = date_time_ymd(2024, 1, 1);
    parameters.not_after = date_time_ymd(2034, 1, 1);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let key = || PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let timestamps = authority("timestamps");
        let pair = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "stamp");
        parameters.serial_number = Some(SerialNumber::from_slice(&[7]));
        parameters.not_before = date_time_ymd(2024, 1, 1);
        parameters.not_after = date_time_ymd(2034, 1, 1);
        let mut usage = CustomExtension::from_oid_content(
            &[2, 5, 29, 37],
            der(0x30, &[&der(6, &[&[0x2b, 6, 1, 5, 5, 7, 3, 8]])]),
        );
        usage.set_criticality(true);
        parameters.custom_extensions = vec![usage];
        let certificate = parameters.signed_by(&pair, &timestamps).unwrap();
        Self {
            authority: authority("authority"),
            certificate_log: key(),
            log: key(),
            timestamps: Timestamps {
                authority: timestamps,
                certificate: certificate.der().to_vec(),
                key: private(&pair),
            },
        }
    }

    /// `trusted_root.json`.
    pub(crate) fn root(&self) -> Value {
        let log = |key: &PublicKey| {
            json!({
                "baseUrl": "https://log.example",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": b64(key.spki()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": {"start": "2024-01-01T00:00:00Z"},
                },
                "logId": {"keyId": key.fingerprint()},
            })
        };
        let chain = |certificates: &[&[u8]]| {
            let certificates: Vec<Value> =
                certificates.iter().map(|der| json!({"rawBytes": b64(der)})).collect();
            json!({
                "subject": {"organization": "example", "commonName": "example"},
                "uri": "https://ca.example",
                "certChain": {"certificates": certificates},
                "validFor": {"start": "2024-01-01T00:00:00Z"},
            })
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.log.public_key())],
            "certificateAuthorities": [chain(&[self.authority.der()])],
            "ctlogs": [log(self.certificate_log.public_key())],
            "timestampAuthorities": [
                chain(&[&self.timestamps.certificate, self.timestamps.authority.der()])
            ],
        })
    }

    /// The authority's own certificate.
    pub(crate) fn authority_certificate(&self) -> Vec<u8> {
        self.authority.der().to_vec()
    }

    /// A fresh key with a certificate.
    pub(crate) fn certificate(&self, leaf: &Leaf) -> (PrivateKey, Vec<u8>) {
        let pair = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "leaf");
        parameters.serial_number = Some(SerialNumber::from_slice(&[42]));
        let (from, to) = leaf.valid;
        parameters.not_before = date_time_ymd(from.0, from.1, from.2);
        parameters.not_after = date_time_ymd(to.0, to.1, to.2);
        parameters.subject_alt_names = vec![leaf.holder.clone()];
        parameters.extended_key_usages = vec![leaf.usage.clone()];
        if leaf.authority {
            parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        }
        let fulcio = [1, 3, 6, 1, 4, 1, 57264, 1];
        if let Some(issuer) = leaf.old_issuer {
            let oid = [&fulcio[..], &[1]].concat();
            let content = issuer.as_bytes().to_vec();
            parameters.custom_extensions.push(CustomExtension::from_oid_content(&oid, content));
        }
        if let Some(issuer) = leaf.issuer {
            let oid = [&fulcio[..], &[8]].concat();
            let content = der(0x0c, &[issuer.as_bytes()]);
            parameters.custom_extensions.push(CustomExtension::from_oid_content(&oid, content));
        }
        if leaf.logged != Logged::No {
            let without = parameters.signed_by(&pair, &self.authority).unwrap();
            let list = self.certificate_timestamp(without.der(), leaf.logged);
            parameters.custom_extensions.push(CustomExtension::from_oid_content(
                &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2],
                der(4, &[&list]),
            ));
        }
        let certificate = parameters.signed_by(&pair, &self.authority).unwrap();
        (private(&pair), certificate.der().to_vec())
    }

    /// A list of one signed certificate timestamp (RFC 6962 §3.2 and §3.3).
    fn certificate_timestamp(&self, certificate: &[u8], logged: Logged) -> Vec<u8> {
        let issuer = sha256(&spki_of(&self.authority));
        let inner = inner_certificate(certificate);
        let time = (TIME * 1000).to_be_bytes();
        let length = u32::try_from(inner.len()).unwrap().to_be_bytes();
        let mut signed = vec![0, 0];
        signed.extend(time);
        signed.extend([0, 1]);
        signed.extend(&issuer);
        signed.extend(&length[1..]);
        signed.extend(inner);
        signed.extend([0, 0]);
        if logged == Logged::Wrongly {
            signed.push(0);
        }
        let another = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let log = if logged == Logged::ByAnother { &another } else { &self.certificate_log };
        let signature = sign(log, &signed).unwrap();
        let mut entry = vec![0];
        entry.extend(sha256(log.public_key().spki()));
        entry.extend(time);
        entry.extend([0, 0, 4, 3]);
        entry.extend(u16::try_from(signature.len()).unwrap().to_be_bytes());
        entry.extend(signature);
        let length = u16::try_from(entry.len()).unwrap();
        let mut list = (length + 2).to_be_bytes().to_vec();
        list.extend(length.to_be_bytes());
        list.extend(entry);
        list
    }

    /// Signs a statement as the holder of a certificate, and logs it.
    pub(crate) fn sign_statement(&self, leaf: &Leaf, statement: &[u8]) -> Value {
        let (key, certificate) = self.certificate(leaf);
        let material = json!({"certificate": {"rawBytes": b64(&certificate)}});
        self.sign_payload(&key, material, &pem("CERTIFICATE", &certificate), statement)
    }

    /// Signs a statement by a key, and logs it.
    pub(crate) fn sign_statement_by_key(&self, key: &PrivateKey, statement: &[u8]) -> Value {
        let material = json!({"publicKey": {"hint": key.public_key().fingerprint()}});
        self.sign_payload(key, material, &key.public_key().to_pem(), statement)
    }

    fn sign_payload(
        &self,
        key: &PrivateKey,
        mut material: Value,
        verifier: &str,
        payload: &[u8],
    ) -> Value {
        let signature = sign(key, &dsse::pae(PAYLOAD_TYPE, payload)).unwrap();
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": hex(&sha256(b""))},
                "payloadHash": {"algorithm": "sha256", "value": hex(&sha256(payload))},
                "signatures": [
                    {"signature": b64(&signature), "verifier": b64(verifier.as_bytes())}
                ],
            },
        });
        material["tlogEntries"] = json!([self.entry("dsse", &body, TIME)]);
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            "dsseEnvelope": {
                "payload": b64(payload),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": b64(&signature)}],
            },
        })
    }

    /// Signs a file as the holder of a certificate, and logs it.
    pub(crate) fn sign_file(&self, leaf: &Leaf, file: &[u8]) -> Value {
        let (key, certificate) = self.certificate(leaf);
        let signature = sign(&key, file).unwrap();
        let verifier = pem("CERTIFICATE", &certificate);
        let body = hashedrekord(file, &signature, &verifier);
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(&certificate)},
                "tlogEntries": [self.entry("hashedrekord", &body, TIME)],
            },
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": b64(&sha256(file))},
                "signature": b64(&signature),
            },
        })
    }

    /// An entry of the log, which has one other entry.
    pub(crate) fn entry(&self, kind: &str, body: &Value, time: i64) -> Value {
        let body = serde_json::to_vec(body).unwrap();
        let hash = |parts: &[&[u8]]| sha256(&parts.concat());
        let (leaf, other) = (hash(&[&[0], &body]), hash(&[&[0], b"other"]));
        let root = hash(&[&[1], &leaf, &other]);
        let note = format!("log.example\n2\n{}\n", b64(&root));
        let mut signature = sha256(self.log.public_key().spki())[..4].to_vec();
        signature.extend(sign(&self.log, note.as_bytes()).unwrap());
        json!({
            "logIndex": "0",
            "logId": {"keyId": self.log.public_key().fingerprint()},
            "kindVersion": {"kind": kind, "version": "0.0.1"},
            "integratedTime": time.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": b64(&self.promise(&body, time))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": b64(&root),
                "treeSize": "2",
                "hashes": [b64(&other)],
                "checkpoint": {"envelope": format!("{note}\n— log.example {}\n", b64(&signature))},
            },
            "canonicalizedBody": b64(&body),
        })
    }

    fn promise(&self, body: &[u8], time: i64) -> Vec<u8> {
        sign(&self.log, &serde_json::to_vec(&self.promised(body, time)).unwrap()).unwrap()
    }

    fn promised(&self, body: &[u8], time: i64) -> secgate_formats::cosign::LogPayload {
        secgate_formats::cosign::LogPayload {
            body: Base64Text::of(body),
            integrated_time: time,
            log_id: hex(&sha256(self.log.public_key().spki())),
            log_index: 0,
        }
    }

    /// The annotation beside a legacy signature.
    pub(crate) fn annotation(&self, body: &Value, time: i64) -> Value {
        let body = serde_json::to_vec(body).unwrap();
        json!({
            "SignedEntryTimestamp": b64(&self.promise(&body, time)),
            "Payload": self.promised(&body, time),
        })
    }

    /// An RFC 3161 response over a signature.
    pub(crate) fn timestamp(&self, signature: &[u8], time: &str) -> Vec<u8> {
        let object = |bytes: &[u8]| der(6, &[bytes]);
        let sha = der(0x30, &[&object(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1])]);
        let pkcs9 = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9];
        let info_type = object(&[&pkcs9[..], &[16, 1, 4]].concat());
        let info = der(
            0x30,
            &[
                &[2, 1, 1],
                &object(&[0x2a, 3, 4]),
                &der(0x30, &[&sha, &der(4, &[&sha256(signature)])]),
                &[2, 1, 9],
                &der(0x18, &[time.as_bytes()]),
            ],
        );
        let attribute = |id: u8, value: &[u8]| {
            der(0x30, &[&object(&[&pkcs9[..], &[id]].concat()), &der(0x31, &[value])])
        };
        let attributes =
            [attribute(3, &info_type), attribute(4, &der(4, &[&sha256(&info)]))].concat();
        let over = sign(&self.timestamps.key, &der(0x31, &[&attributes])).unwrap();
        let signer = der(
            0x30,
            &[
                &[2, 1, 1],
                &der(0x30, &[&name_of(&self.timestamps.authority), &[2, 1, 7]]),
                &sha,
                &der(0xa0, &[&attributes]),
                &der(0x30, &[&object(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])]),
                &der(4, &[&over]),
            ],
        );
        let content = der(
            0x30,
            &[
                &[2, 1, 3],
                &der(0x31, &[&sha]),
                &der(0x30, &[&info_type, &der(0xa0, &[&der(4, &[&info])])]),
                &der(0xa0, &[&self.timestamps.certificate]),
                &der(0x31, &[&signer]),
            ],
        );
        let signed_data = object(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]);
        let token = der(0x30, &[&signed_data, &der(0xa0, &[&content])]);
        der(0x30, &[&der(0x30, &[&[2, 1, 0]]), &token])
    }
}

/// The body of a log entry about a file.
pub(crate) fn hashedrekord(file: &[u8], signature: &[u8], verifier: &str) -> Value {
    json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hex(&sha256(file))}},
            "signature": {
                "content": b64(signature),
                "publicKey": {"content": b64(verifier.as_bytes())},
            },
        },
    })
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let body = b64(bytes);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The first value: its bytes with head, its content, what follows.
fn value(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (head, length) = match bytes[1] {
        0x81 => (3, usize::from(bytes[2])),
        0x82 => (4, usize::from(bytes[2]) << 8 | usize::from(bytes[3])),
        short => (2, usize::from(short)),
    };
    (&bytes[..head + length], &bytes[head..head + length], &bytes[head + length..])
}

/// `TBSCertificate`.
fn inner_certificate(certificate: &[u8]) -> &[u8] {
    value(value(certificate).1).0
}

/// A field of `TBSCertificate`, after version and serial number.
fn field(certificate: &[u8], number: usize) -> Vec<u8> {
    let mut rest = value(inner_certificate(certificate)).1;
    for _ in 0..number + 2 {
        rest = value(rest).2;
    }
    value(rest).0.to_vec()
}

fn name_of(authority: &CertifiedIssuer<'static, KeyPair>) -> Vec<u8> {
    field(authority.der(), 3)
}

fn spki_of(authority: &CertifiedIssuer<'static, KeyPair>) -> Vec<u8> {
    field(authority.der(), 4)
}
