//! Keys and certificates on the disk: readable by the daemon alone, replaced whole.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use instant_acme::AccountCredentials;
use serde_json::Value;

use super::AcmeError;

/// The account's address and key, as instant-acme writes them.
const ACCOUNT: &str = "account.json";
/// Private key, then the chain: one file, so that the two are always of one pair.
const CERTIFICATE: &str = "certificate.pem";

/// The folder `certs/` of the data.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    folder: PathBuf,
}

impl Kept {
    pub(super) fn open(folder: PathBuf) -> Result<Self, AcmeError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| AcmeError::Io { path: folder.clone(), source })?;
        Ok(Self { folder })
    }

    pub(super) fn certificate(&self) -> Option<Vec<u8>> {
        fs::read(self.folder.join(CERTIFICATE)).ok()
    }

    pub(super) async fn keep_certificate(&self, pem: Vec<u8>) -> Result<(), AcmeError> {
        self.keep(CERTIFICATE, pem).await
    }

    /// The account at this authority, if there is one. A damaged file is as none.
    pub(super) async fn account(&self, directory: &str) -> Option<AccountCredentials> {
        let bytes = tokio::fs::read(self.folder.join(ACCOUNT)).await.ok()?;
        let value: Value = serde_json::from_slice(&bytes).ok()?;
        if value.get("directory").and_then(Value::as_str) != Some(directory) {
            return None;
        }
        serde_json::from_value(value).ok()
    }

    pub(super) async fn keep_account(&self, account: &AccountCredentials) -> Result<(), AcmeError> {
        let bytes = serde_json::to_vec(account).map_err(|error| AcmeError::Io {
            path: self.folder.join(ACCOUNT),
            source: error.into(),
        })?;
        self.keep(ACCOUNT, bytes).await
    }

    async fn keep(&self, name: &str, bytes: Vec<u8>) -> Result<(), AcmeError> {
        let (folder, path) = (self.folder.clone(), self.folder.join(name));
        let failed = |source| AcmeError::Io { path: path.clone(), source };
        let (aside, target) = (self.folder.join(format!("{name}.new")), path.clone());
        let replaced =
            tokio::task::spawn_blocking(move || replace(&folder, &aside, &target, &bytes));
        replaced.await.map_err(|error| failed(error.into()))?.map_err(failed)
    }
}

/// A crash leaves the old file or the new one, whole.
fn replace(folder: &Path, aside: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let _ = fs::remove_file(aside);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    #[allow(clippy::disallowed_methods, reason = "its folder is synced on the next line")]
    fs::rename(aside, target)?;
    File::open(folder)?.sync_all()
}
