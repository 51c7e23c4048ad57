//! What the store says when it cannot do what was asked.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::BlobId;

/// What went wrong, on which file, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refused an operation.
    #[error("could not {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The disk would not say that bytes are safe. They are thrown away: a second `fsync` that
    /// succeeds proves nothing about them.
    #[error("the disk could not make {path} durable ({source}); its bytes are not trusted")]
    NotDurable {
        /// Which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No space left on the disk.
    #[error(
        "no room on the disk of {path}: {free} bytes free, {needed} needed and {reserve} kept free"
    )]
    DiskFull {
        /// The data folder, or the file being written.
        path: PathBuf,
        /// Bytes free when it was tried.
        free: u64,
        /// Bytes that were to be written.
        needed: u64,
        /// Bytes that always stay free.
        reserve: u64,
    },
    /// The quota would be passed.
    #[error("the store's quota of {quota} bytes has no room for {needed} more: {used} are taken")]
    QuotaFull {
        /// Bytes allowed.
        quota: u64,
        /// Bytes taken by packages and transfers.
        used: u64,
        /// Bytes that were to be written.
        needed: u64,
    },
    /// Another process has the data folder.
    #[error("{path} is in use by another process: is preau already running?")]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// Another task writes the same transfer.
    #[error("the transfer '{name}' is already being written")]
    Busy {
        /// Its name.
        name: String,
    },
    /// More bytes came than were announced.
    #[error("{name}: more than the {announced} announced bytes came")]
    TooLong {
        /// Name of the transfer.
        name: String,
        /// Bytes announced.
        announced: u64,
    },
    /// Fewer bytes are here than were announced.
    #[error("{name}: {got} bytes are here, {announced} were announced; they are kept to resume")]
    TooShort {
        /// Name of the transfer.
        name: String,
        /// Bytes present.
        got: u64,
        /// Bytes announced.
        announced: u64,
    },
    /// The bytes are not those announced; they were removed.
    #[error("{name}: its SHA-256 is {got}, {announced} was announced; the bytes were removed")]
    WrongHash {
        /// Name of the transfer.
        name: String,
        /// Hash of what came.
        got: BlobId,
        /// Hash announced.
        announced: BlobId,
    },
    /// The transfer failed before, on the disk's side, and must be opened again.
    #[error("the transfer '{name}' failed and must be started again")]
    Failed {
        /// Its name.
        name: String,
    },
    /// No such package.
    #[error("no package {blob} is in the store")]
    Unknown {
        /// Its name.
        blob: BlobId,
    },
    /// A name that cannot be a document's.
    #[error("'{name}' cannot name a document: letters, digits, '-', '_' and '.' were expected")]
    DocumentName {
        /// The name given.
        name: String,
    },
    /// The index failed and could not be made anew.
    #[error("the index in {path} cannot be used: {reason}")]
    Index {
        /// Its folder.
        path: PathBuf,
        /// What sled said.
        reason: String,
    },
    /// The data folder was written by a later version.
    #[error("{path} has form {found}, this version reads {known}: a newer preau wrote it")]
    Newer {
        /// Which file or folder.
        path: PathBuf,
        /// Version found.
        found: u64,
        /// Version known.
        known: u64,
    },
}

impl StoreError {
    /// Names what was tried on what; a full disk is told apart from a broken one.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| {
            if source.kind() == io::ErrorKind::StorageFull
                || source.kind() == io::ErrorKind::QuotaExceeded
            {
                let free = super::durable::free_bytes(&path).unwrap_or(0);
                return Self::DiskFull { path, free, needed: 0, reserve: 0 };
            }
            Self::Io { action, path, source }
        }
    }

    /// Is it the lack of room, which no other origin or later try would cure by itself?
    pub fn is_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. } | Self::QuotaFull { .. })
    }
}
