//! What reading a log came to: what could not be read, what does not hold.

use std::io;

use jiff::Timestamp;

use crate::journal::seal::SealError;

/// Why nothing could be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk.
    #[error("could not read {path}: {source}")]
    Io {
        /// Which file or folder.
        path: std::path::PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No journal.
    #[error(
        "{0} holds no journal: a folder with `genesis`, or with folders that have one, was expected"
    )]
    None(std::path::PathBuf),
    /// Not this log.
    #[error("{0} is of another log, or of another version")]
    Kind(std::path::PathBuf),
    /// The key.
    #[error("{path}: {source}")]
    Seal {
        /// Which file.
        path: std::path::PathBuf,
        /// Why it did not open.
        source: SealError,
    },
    /// Whoever asked would hear no more.
    #[error("could not write rows: {0}")]
    Told(io::Error),
}

/// What does not hold in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No file of this number.
    #[error("it is missing")]
    Missing,
    /// The mark of a purge is there, but its file was to be kept.
    #[error("it was removed before its term")]
    RemovedEarly,
    /// The mark of a purge is none that this box wrote.
    #[error("`purged` was changed, or is not of this chain")]
    Purged,
    /// A piece that is of another file, or another place in it.
    #[error("a piece of it belongs elsewhere")]
    Misplaced,
    /// The bytes are not those that the box wrote.
    #[error("its tag does not fit: it was changed, or not written by this box")]
    Changed,
    /// It does not follow the piece before.
    #[error("it does not follow what stands before it")]
    Unlinked,
    /// Half a piece, or bytes that are none.
    #[error("it ends in bytes that are no whole piece")]
    Torn,
    /// The seal does not open, or what is in it is not as it should be.
    #[error("what is sealed in it cannot be read")]
    Unreadable,
    /// Not as many rows as its header says.
    #[error("its rows are not as many as it says")]
    Rows,
    /// `head` is missing, or not this chain's.
    #[error("`head` is missing, was changed, or is not of this chain")]
    Head,
    /// `head` knows of files that are not there.
    #[error("the chain ends before the place that `head` names: its end was cut off")]
    CutShort,
}

/// A fault, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file's name, or its number where there is none.
    pub file: String,
    /// What does not hold.
    pub fault: Fault,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Names of the journals read; the region compares them with those noted when they began.
    pub fingerprints: Vec<String>,
    /// Files read.
    pub files: u64,
    /// Files that were purged at their term, as their chain proves.
    pub purged: u64,
    /// Rows read.
    pub rows: u64,
    /// Rows that the box itself says it lost, for want of room.
    pub lost: u64,
    /// When the newest `head` was written: what came later is not covered by it.
    pub head_at: Option<Timestamp>,
    /// What does not hold; empty: nothing was cut, swapped, dropped or changed.
    pub findings: Vec<Finding>,
}
