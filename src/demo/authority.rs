//! A certificate authority that lives as long as its folder: what the demo and tests trust.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A demo may stay open for a while; nobody should keep its authority for long.
const VALID: Duration = Duration::from_secs(90 * 24 * 3600);

/// An authority and its key, in memory.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, both PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub chain: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A new one, whose name people may read in their browser.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let now = SystemTime::now();
        (params.not_before, params.not_after) = ((now - DAY).into(), (now + VALID + DAY).into());
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// Its own certificate, to be trusted.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these names, from and until any moment.
    pub fn issue(&self, names: &[&str], begins: SystemTime, ends: SystemTime) -> Result<Issued> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (params.not_before, params.not_after) = (begins.into(), ends.into());
        let key = KeyPair::generate()?;
        let chain = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Issued { chain, key: key.serialize_pem() })
    }

    /// A certificate that is valid now.
    pub fn issue_now(&self, names: &[&str]) -> Result<Issued> {
        let now = SystemTime::now();
        self.issue(names, now - DAY, now + VALID)
    }
}

impl Issued {
    /// Writes `STEM.crt` and `STEM.key` (0600), as a region gives them to a box.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<(PathBuf, PathBuf)> {
        let (chain, key) = (folder.join(format!("{stem}.crt")), folder.join(format!("{stem}.key")));
        fs::write(&chain, &self.chain).with_context(|| chain.display().to_string())?;
        let mut options = fs::File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&key).with_context(|| key.display().to_string())?;
        file.write_all(self.key.as_bytes())?;
        Ok((chain, key))
    }
}
