//! Sealed to the region: age, X25519 (`age-encryption.org/v1`). The box has the public half only.

use std::{fmt, str::FromStr};

use age::{secrecy::ExposeSecret as _, x25519};

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No public key.
    #[error("{0}: a public key that begins with \"age1\" was expected")]
    Recipient(&'static str),
    /// No private key.
    #[error("no line of it is a private key that begins with \"AGE-SECRET-KEY-1\"")]
    Identity,
    /// Sealed to another key.
    #[error("it was sealed to another key")]
    WrongKey,
    /// Changed, cut, or never sealed.
    #[error("what was sealed is damaged: {0}")]
    Damaged(String),
    /// It could not be sealed.
    #[error("it could not be sealed: {0}")]
    Sealing(String),
}

/// The region's public key.
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.0)
    }
}

impl FromStr for Recipient {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        text.trim().parse().map(Self).map_err(SealError::Recipient)
    }
}

impl Recipient {
    /// Seals; only the region opens it again.
    pub fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        age::encrypt(&self.0, bytes).map_err(|error| SealError::Sealing(error.to_string()))
    }
}

/// The region's private key.
pub struct Identity(x25519::Identity);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl FromStr for Identity {
    type Err = SealError;

    /// Of a key file: empty lines and those that begin with `#` are left out.
    fn from_str(text: &str) -> Result<Self, SealError> {
        let mut lines =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.find_map(|line| line.parse().ok()).map(Self).ok_or(SealError::Identity)
    }
}

impl Identity {
    /// Its public half.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }

    /// Opens what was sealed to it, and nothing that was changed since.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        age::decrypt(&self.0, sealed).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => SealError::WrongKey,
            other => SealError::Damaged(other.to_string()),
        })
    }
}

/// A new pair: the public key, and the text of the private key's file.
pub fn new_identity() -> (String, String) {
    let identity = x25519::Identity::generate();
    let public = identity.to_public().to_string();
    let text = format!("# public key: {public}\n{}\n", identity.to_string().expose_secret());
    (public, text)
}
