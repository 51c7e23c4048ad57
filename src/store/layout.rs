//! Where everything is in the data folder.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest, Sha256};

use super::{BlobId, StoreError, durable};

/// The paths of one data folder.
#[derive(Debug)]
pub struct Layout {
    root: PathBuf,
    drafts: AtomicU64,
}

impl Layout {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), drafts: AtomicU64::new(0) }
    }

    /// Makes the folders that must be there.
    pub fn make(&self) -> Result<(), StoreError> {
        for folder in [self.blobs(), self.incoming(), self.documents(), self.quarantine()] {
            durable::make_folder(&folder)?;
        }
        // A process killed between making a folder and syncing its name left one that is seen, and
        // that a power cut would take with all that is in it.
        match self.root.parent().filter(|p| !p.as_os_str().is_empty()).map(durable::sync_folder) {
            // Somebody else's folder, made by whoever installed the program.
            Some(Err(StoreError::NotDurable { source, .. }))
                if source.kind() == std::io::ErrorKind::PermissionDenied => {}
            synced => synced.unwrap_or(Ok(()))?,
        }
        durable::sync_folder(&self.root)?;
        durable::sync_folder(durable::parent(&self.blobs()))?;
        durable::sync_folder(&self.blobs())
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    pub fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    pub fn documents(&self) -> PathBuf {
        self.root.join("documents")
    }

    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    pub fn blob(&self, blob: &BlobId) -> PathBuf {
        let name = blob.to_string();
        self.blobs().join(&name[..2]).join(name)
    }

    pub fn sidecar(&self, blob: &BlobId) -> PathBuf {
        self.blob(blob).with_extension("json")
    }

    /// Bytes and record of a transfer; any text may name one.
    pub fn transfer(&self, name: &str) -> (PathBuf, PathBuf) {
        let hash = BlobId(Sha256::digest(name).into()).to_string();
        let base = self.incoming().join(&hash[..32]);
        (base.with_extension("part"), base.with_extension("json"))
    }

    /// A path under `incoming/` that nobody else writes; left-overs are swept at opening.
    pub fn draft(&self) -> PathBuf {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        self.incoming().join(format!("{number}.draft"))
    }
}

/// The blob that a file of the blobs' folder is named after.
pub fn blob_of(path: &Path) -> Option<BlobId> {
    path.file_stem().and_then(OsStr::to_str)?.parse().ok()
}

/// Does it end in `.extension`?
pub fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e == extension)
}
