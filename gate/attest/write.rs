//! Signatures and attestations in the forms that cosign and sigstore's clients read.

use aws_lc_rs::digest::{Digest as Hash, SHA256, SHA384, digest};
use secgate_formats::{
    base64_text::Base64Text,
    dsse::{self, Envelope},
    in_toto::{PAYLOAD_TYPE, SIGNATURE, STATEMENT_V1, Statement, Subject},
    sigstore_bundle::{
        Bundle, Certificate, MEDIA_TYPE, MessageDigest, MessageSignature, PublicKeyIdentifier,
        VerificationMaterial,
    },
    simple_signing::{COSIGN_TYPE, Critical, Identity, Image, Payload},
};
use secgate_model::Digest;
use serde_json::{Map, Value};

use crate::{
    reason::{Reason, Refusal},
    scheme::Scheme,
    signer::{Signer, sign},
};

/// A layer's payload and the base64 of its signature: cosign's first form.
pub fn legacy(
    signer: &dyn Signer,
    repository: &str,
    image: &Digest,
    annotations: Map<String, Value>,
) -> Result<(Vec<u8>, String), Refusal> {
    let payload = Payload {
        critical: Critical {
            identity: Identity { docker_reference: repository.to_owned() },
            image: Image { docker_manifest_digest: image.to_string() },
            kind: COSIGN_TYPE.to_owned(),
        },
        optional: (!annotations.is_empty()).then_some(annotations),
    }
    .to_bytes();
    let signature = sign(signer, &payload)?;
    Ok((payload, Base64Text::of(&signature).0))
}

/// The statement that is an image's signature.
pub fn signature_statement(image: &Digest) -> Statement {
    statement(None, image, SIGNATURE, Value::Object(Map::new()))
}

/// A statement about one artifact.
pub fn statement(
    name: Option<&str>,
    artifact: &Digest,
    predicate_type: &str,
    predicate: Value,
) -> Statement {
    let digest = [("sha256".to_owned(), artifact.hex().to_owned())].into();
    Statement {
        kind: STATEMENT_V1.to_owned(),
        subject: vec![Subject { name: name.map(str::to_owned), digest, annotations: None }],
        predicate_type: predicate_type.to_owned(),
        predicate,
    }
}

/// A bundle that holds a signed statement.
pub fn statement_bundle(signer: &dyn Signer, statement: &Statement) -> Result<Vec<u8>, Refusal> {
    let payload = serde_json::to_vec(statement).map_err(|error| not_written(&error))?;
    let signature = sign(signer, &dsse::pae(PAYLOAD_TYPE, &payload))?;
    let envelope = Envelope {
        payload: Base64Text::of(&payload),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![dsse::Signature { keyid: None, sig: Base64Text::of(&signature) }],
    };
    bundle(signer, None, Some(envelope))
}

/// A bundle that holds the signature of a file.
pub fn blob_bundle(signer: &dyn Signer, file: &[u8]) -> Result<Vec<u8>, Refusal> {
    let signature = sign(signer, file)?;
    // The digest that was signed. Ed25519 signs the file itself, but readers want one to find the file by.
    let hint = |algorithm: &str, digest: Hash| MessageDigest {
        algorithm: Some(algorithm.to_owned()),
        digest: Some(Base64Text::of(digest.as_ref())),
    };
    let message_digest = match signer.scheme() {
        Scheme::EcdsaP384Sha384 => hint("SHA2_384", digest(&SHA384, file)),
        Scheme::EcdsaP256Sha256
        | Scheme::EcdsaP384Sha256
        | Scheme::RsaPkcs1Sha256
        | Scheme::Ed25519 => hint("SHA2_256", digest(&SHA256, file)),
    };
    let signature = Base64Text::of(&signature);
    let message = MessageSignature { message_digest: Some(message_digest), signature };
    bundle(signer, Some(message), None)
}

fn bundle(
    signer: &dyn Signer,
    message_signature: Option<MessageSignature>,
    dsse_envelope: Option<Envelope>,
) -> Result<Vec<u8>, Refusal> {
    let verification_material = match signer.certificate() {
        Some(certificate) => VerificationMaterial {
            certificate: Some(Certificate { raw_bytes: Base64Text::of(certificate) }),
            ..VerificationMaterial::default()
        },
        None => VerificationMaterial {
            public_key: Some(PublicKeyIdentifier { hint: signer.public_key().fingerprint() }),
            ..VerificationMaterial::default()
        },
    };
    let media_type = MEDIA_TYPE.to_owned();
    let bundle = Bundle { media_type, verification_material, message_signature, dsse_envelope };
    serde_json::to_vec(&bundle).map_err(|error| not_written(&error))
}

fn not_written(error: &serde_json::Error) -> Refusal {
    Refusal::new(Reason::Signing, format!("not written: {error}"))
}
