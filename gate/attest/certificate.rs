//! A look into certificates (RFC 5280 §4.1) for what a chain's verification does not tell apart.

use crate::{
    der::{self, Der, NotDer},
    reason::{Reason, Refusal, refuse},
};

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// `id-kp-codeSigning`.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];

/// What is looked at.
#[derive(Debug, Default)]
struct Look {
    self_issued: bool,
    authority: bool,
    code_signing: bool,
    names: usize,
}

/// The signer's certificate must be for signing code, by one named signer, and no authority's; a root does not come with
/// the signature, because whoever sends it would choose whom to trust.
pub(crate) fn check(chain: &[Vec<u8>]) -> Result<(), Refusal> {
    let looks: Result<Vec<Look>, NotDer> =
        chain.iter().map(|certificate| look(certificate)).collect();
    let Ok(looks) = looks else {
        return refuse(Reason::CertificateMalformed, "a certificate cannot be read");
    };
    let Some((leaf, rest)) = looks.split_first() else {
        return refuse(Reason::MaterialMissing, "no certificate");
    };
    if leaf.authority {
        return refuse(Reason::CertificateAuthority, "the signer's certificate is an authority's");
    }
    if !leaf.code_signing {
        return refuse(Reason::CertificateUsage, "the certificate is not for signing code");
    }
    if leaf.names != 1 {
        let names = leaf.names;
        return refuse(Reason::Identity, format!("the certificate has {names} names, not one"));
    }
    if leaf.self_issued || rest.iter().any(|issuer| issuer.self_issued) {
        return refuse(Reason::CertificateRoot, "the bundle brings a root certificate of its own");
    }
    Ok(())
}

fn look(certificate: &[u8]) -> Result<Look, NotDer> {
    let mut outer = Der(certificate).only(der::SEQUENCE)?;
    let mut inner = Der(outer.take(der::SEQUENCE)?);
    if inner.tag() == Some(0xa0) {
        inner.any()?;
    }
    inner.take(der::INTEGER)?;
    inner.take(der::SEQUENCE)?;
    let issuer = inner.take(der::SEQUENCE)?;
    inner.take(der::SEQUENCE)?;
    let subject = inner.take(der::SEQUENCE)?;
    inner.take(der::SEQUENCE)?;
    let mut look = Look { self_issued: issuer == subject, ..Look::default() };
    while !inner.is_empty() {
        let (tag, content) = inner.any()?;
        if tag == 0xa3 {
            look_at_extensions(content, &mut look)?;
        }
    }
    Ok(look)
}

fn look_at_extensions(content: &[u8], look: &mut Look) -> Result<(), NotDer> {
    let mut extensions = Der(content).only(der::SEQUENCE)?;
    while !extensions.is_empty() {
        let mut extension = Der(extensions.take(der::SEQUENCE)?);
        let id = extension.take(der::OBJECT)?;
        if extension.tag() == Some(der::BOOLEAN) {
            extension.any()?;
        }
        let mut value = Der(extension.take(der::OCTET_STRING)?);
        extension.end()?;
        match id {
            BASIC_CONSTRAINTS => {
                let mut constraints = value.only(der::SEQUENCE)?;
                look.authority |= constraints.tag() == Some(der::BOOLEAN)
                    && constraints.take(der::BOOLEAN)? != [0];
            }
            EXTENDED_KEY_USAGE => {
                let mut usages = value.only(der::SEQUENCE)?;
                while !usages.is_empty() {
                    look.code_signing |= usages.take(der::OBJECT)? == CODE_SIGNING;
                }
            }
            SUBJECT_ALTERNATIVE_NAME => {
                let mut names = value.only(der::SEQUENCE)?;
                while !names.is_empty() {
                    names.any()?;
                    look.names = look.names.saturating_add(1);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
