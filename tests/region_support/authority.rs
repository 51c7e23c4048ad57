//! The authority of the region's boxes: certificates whose subject is the school, and the list of those
//! that were revoked.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Serial number of the certificate that was revoked.
pub const REVOKED: u64 = 666;

/// The authority.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A box's certificate and key.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    /// Both again, as they lie on a box.
    pem: (String, String),
}

impl Identity {
    /// Writes both, as a region gives them to a box.
    pub fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (chain, key) = (folder.join("uplink.crt"), folder.join("uplink.key"));
        std::fs::write(&chain, &self.pem.0).unwrap();
        std::fs::write(&key, &self.pem.1).unwrap();
        (chain, key)
    }
}

/// What a certificate says, where a test wants another than a box's.
#[derive(Debug, Clone, Copy)]
pub struct Says<'a> {
    /// Names of the subject, in their order.
    pub subject: &'a [(Name, &'a str)],
    pub serial: u64,
    pub purpose: &'a ExtendedKeyUsagePurpose,
    pub ended: bool,
}

/// Parts of a subject.
#[derive(Debug, Clone, Copy)]
pub enum Name {
    Organisation,
    Common,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "boxes of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A school's, as a region issues it: the organisation, then the school.
    pub fn school(&self, uai: &str) -> Identity {
        self.issue(Says {
            subject: &[(Name::Organisation, "Région Grand Est"), (Name::Common, uai)],
            serial: 1,
            purpose: &ExtendedKeyUsagePurpose::ClientAuth,
            ended: false,
        })
    }

    /// A school's that was revoked.
    pub fn revoked(&self, uai: &str) -> Identity {
        self.issue(Says {
            subject: &[(Name::Common, uai)],
            serial: REVOKED,
            purpose: &ExtendedKeyUsagePurpose::ClientAuth,
            ended: false,
        })
    }

    pub fn issue(&self, says: Says<'_>) -> Identity {
        let mut params = CertificateParams::default();
        // It begins with a name of rcgen's own.
        params.distinguished_name = DistinguishedName::new();
        for (name, value) in says.subject {
            let kind = match name {
                Name::Organisation => DnType::OrganizationName,
                Name::Common => DnType::CommonName,
            };
            params.distinguished_name.push(kind, *value);
        }
        params.serial_number = Some(SerialNumber::from(says.serial));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![says.purpose.clone()];
        params.use_authority_key_identifier_extension = true;
        let now = SystemTime::now();
        params.not_before = (now - 3 * DAY).into();
        params.not_after = (if says.ended { now - DAY } else { now + DAY }).into();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity {
            pem: (certificate.pem(), key.serialize_pem()),
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        }
    }

    /// Writes the authority and its list where nginx reads them.
    pub fn write(&self, folder: &Path) {
        std::fs::write(folder.join("preau-boxes-ca.crt"), self.0.pem()).unwrap();
        let now = SystemTime::now();
        let list = CertificateRevocationListParams {
            this_update: (now - DAY).into(),
            next_update: (now + DAY).into(),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(REVOKED),
                revocation_time: (now - DAY).into(),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.0).unwrap().pem().unwrap();
        std::fs::write(folder.join("preau-boxes.crl"), list).unwrap();
    }
}
