//! A certificate with its key, read and checked: it is for the name, and the key is its own.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use rustls::{
    InconsistentKeys,
    client::verify_server_name,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::ParsedCertificate,
    sign::CertifiedKey,
};
use x509_parser::{extensions::GeneralName, prelude::FromDer as _, prelude::X509Certificate};

/// A larger file is no certificate chain, and no key.
const MAX_PEM_BYTES: u64 = 1 << 20;
/// Certificates of a chain; longer ones slow every handshake.
const MAX_CHAIN: usize = 10;
/// Names told in an error.
const MAX_NAMES_SHOWN: usize = 5;

/// What is wrong with a certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file that cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// More bytes than any chain has.
    #[error("{}: larger than 1 MiB: this is no certificate and no key", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Not a chain of certificates.
    #[error("the certificate is no PEM chain of 1 to {MAX_CHAIN} certificates: {0}")]
    Chain(String),
    /// Not a key.
    #[error("the private key is no PEM key that can be used (PKCS#8, SEC1 or PKCS#1): {0}")]
    Key(String),
    /// The two are of different pairs.
    #[error("the certificate and the private key do not belong together")]
    Mismatch,
    /// A certificate of another name.
    #[error("the certificate is not for {name}: it is for {}", names(found))]
    OtherName {
        /// `https.name`.
        name: String,
        /// The names it has.
        found: Vec<String>,
    },
}

fn names(found: &[String]) -> String {
    if found.is_empty() { "no name at all".to_owned() } else { found.join(", ") }
}

/// A certificate that can be shown to whoever asks for `name`.
#[derive(Debug)]
pub struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    /// First moment of its validity.
    pub begins: Timestamp,
    /// Last moment of its validity.
    pub ends: Timestamp,
}

/// The two files of the region, as they are on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    chain: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    /// Reads both. Blocking.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        Ok(Self { chain: read(chain)?, key: read(key)? })
    }

    /// Checks them.
    pub fn certificate(&self, name: &str) -> Result<Certificate, CertificateError> {
        Certificate::from_pem(&self.chain, &self.key, name)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable = |source| CertificateError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_PEM_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_PEM_BYTES {
        return Err(CertificateError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

impl Certificate {
    /// Reads a chain and its key, and checks them against each other and the name. Whether it is
    /// valid *now* is asked apart: see [`Certificate::concern`].
    pub fn from_pem(chain: &[u8], key: &[u8], name: &str) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| CertificateError::Chain(error.to_string()))?;
        if chain.is_empty() || chain.len() > MAX_CHAIN {
            return Err(CertificateError::Chain(format!("{} were found", chain.len())));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| CertificateError::Key(error.to_string()))?;
        let (begins, ends) = check_leaf(&chain[0], name)?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider());
        let key = key.map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                CertificateError::Mismatch
            }
            error => CertificateError::Key(error.to_string()),
        })?;
        Ok(Self { key: Arc::new(key), begins, ends })
    }

    /// What browsers will say against it at this moment, if anything.
    pub fn concern(&self, now: Timestamp) -> Option<String> {
        if self.ends <= now {
            Some(format!("the certificate ended at {}: browsers refuse it", self.ends))
        } else if self.begins > now {
            Some(format!(
                "the certificate begins at {} only: browsers refuse it (is the clock right?)",
                self.begins
            ))
        } else {
            None
        }
    }
}

/// The first certificate of a chain: is it for the name, and from when until when is it valid.
fn check_leaf(
    leaf: &CertificateDer<'_>,
    name: &str,
) -> Result<(Timestamp, Timestamp), CertificateError> {
    let broken = |error: String| CertificateError::Chain(error);
    let parsed = ParsedCertificate::try_from(leaf).map_err(|error| broken(error.to_string()))?;
    let (_, x509) = X509Certificate::from_der(leaf).map_err(|error| broken(error.to_string()))?;
    let server = ServerName::try_from(name).map_err(|error| broken(error.to_string()))?;
    if verify_server_name(&parsed, &server).is_err() {
        return Err(CertificateError::OtherName { name: name.to_owned(), found: found(&x509) });
    }
    let moment = |seconds| Timestamp::from_second(seconds).map_err(|e| broken(e.to_string()));
    let validity = x509.validity();
    Ok((moment(validity.not_before.timestamp())?, moment(validity.not_after.timestamp())?))
}

fn found(x509: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = x509.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).escape_debug().to_string()),
        _ => None,
    });
    names.take(MAX_NAMES_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn pair(name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn a_pair_for_the_name_is_taken_and_knows_its_days() {
        let (chain, key) = pair("*.preau.example.org");
        let read = |name| Certificate::from_pem(chain.as_bytes(), key.as_bytes(), name);
        let taken = read("0510035l.preau.example.org").unwrap();
        assert_eq!(taken.concern("2026-11-25T00:00:00Z".parse().unwrap()), None);
        let early = taken.concern("1970-01-02T00:00:00Z".parse().unwrap()).unwrap();
        assert!(early.contains("clock"), "{early}");
        assert!(taken.concern(taken.ends).unwrap().contains("ended"));
        let other = read("preau.example.com").unwrap_err().to_string();
        assert!(other.contains("not for preau.example.com"), "{other}");
        assert!(other.contains("*.preau.example.org"), "{other}");
    }

    #[test]
    fn a_key_of_another_pair_and_files_that_are_none_are_named() {
        let ((chain, key), (_, other)) = (pair("a.example"), pair("a.example"));
        let read = |chain: &str, key: &str| {
            Certificate::from_pem(chain.as_bytes(), key.as_bytes(), "a.example").unwrap_err()
        };
        assert!(matches!(read(&chain, &other), CertificateError::Mismatch));
        assert!(matches!(read("", &key), CertificateError::Chain(_)));
        assert!(matches!(read(&chain, "nothing"), CertificateError::Key(_)));
        assert!(matches!(read(&key, &key), CertificateError::Chain(_)));
        let missing = Files::read(Path::new("/nowhere.crt"), Path::new("/nowhere.key"));
        assert!(missing.unwrap_err().to_string().starts_with("/nowhere.crt: cannot be read"));
    }
}
