//! The box's own keys: `<data>/keys/`, read by this user alone.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use super::{Store, StoreError, durable};

/// Largest key file, in bytes.
const MAX_SECRET_BYTES: u64 = 64 * 1024;
/// This user alone.
const FOLDER_MODE: u32 = 0o700;

impl Store {
    /// Keeps a key durably, replacing it whole. Names are as those of documents.
    pub fn keep_secret(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        super::documents::check_name(name)?;
        let folder = self.shared.layout.keys();
        durable::make_folder(&folder)?;
        fs::set_permissions(&folder, Permissions::from_mode(FOLDER_MODE))
            .map_err(StoreError::io("protect", &folder))?;
        durable::replace_secret(&folder.join(name), &self.shared.layout.draft(), bytes)
    }

    /// A kept key, `None` when there is none.
    pub fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        super::documents::check_name(name)?;
        durable::read_small(&self.shared.layout.keys().join(name), MAX_SECRET_BYTES)
    }

    /// Names of the kept keys, sorted.
    pub fn secrets(&self) -> Result<Vec<String>, StoreError> {
        super::documents::names_in(&self.shared.layout.keys())
    }

    /// Removes a key, or finds that it is gone.
    pub fn forget_secret(&self, name: &str) -> Result<(), StoreError> {
        super::documents::check_name(name)?;
        let folder = self.shared.layout.keys();
        durable::remove(&folder.join(name))?;
        durable::sync_folder(&folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;

    #[test]
    fn a_key_is_read_by_this_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions {
            path: folder.path().to_owned(),
            quota: None,
            reserve: 0,
            keep_replaced: std::time::Duration::ZERO,
        })
        .unwrap();
        assert_eq!(store.secret("pass").unwrap(), None);
        assert!(store.secrets().unwrap().is_empty());
        store.keep_secret("pass", b"0123").unwrap();
        assert_eq!(store.secret("pass").unwrap().unwrap(), b"0123");
        assert_eq!(store.secrets().unwrap(), ["pass"]);
        let mode = |path: &str| {
            let metadata = fs::metadata(folder.path().join(path)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        assert_eq!((mode("keys"), mode("keys/pass")), (0o700, 0o600));
        assert!(store.keep_secret("../pass", b"").is_err());
        store.forget_secret("pass").unwrap();
        assert_eq!(store.secret("pass").unwrap(), None);
    }
}
