//! Why a package is refused.

use std::io;

use super::zip::ZipError;

/// Why a package is refused; names the rule it breaks.
#[derive(Debug, thiserror::Error)]
pub enum PublicationError {
    /// The file could not be read.
    #[error("reading {what} at byte {offset}: {source}")]
    Read {
        /// What was being read.
        what: String,
        /// Where in the file.
        offset: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// The archive breaks a rule.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The bytes are not what the media type announced.
    #[error("announced as {announced}, but its first bytes are not those of {expected}")]
    OtherFormat {
        /// Media type given.
        announced: String,
        /// The format it stands for.
        expected: &'static str,
    },
    /// A document that the format requires is absent.
    #[error("{path} is missing: {why}")]
    Missing {
        /// Path inside the package.
        path: String,
        /// What it is needed for.
        why: &'static str,
    },
    /// The content is encrypted for one reader (DRM).
    #[error("{path} is encrypted by {algorithm}: the package can be lent, not opened")]
    Protected {
        /// The first encrypted resource.
        path: String,
        /// Address of the algorithm.
        algorithm: String,
    },
    /// A document of the package cannot be understood.
    #[error("{path}: {reason}")]
    Document {
        /// Path inside the package.
        path: String,
        /// What was wrong.
        reason: String,
    },
    /// Nothing in the package can be read.
    #[error("{path} names no page that is in the package")]
    NothingToRead {
        /// The document that should name pages.
        path: String,
    },
    /// A resource is larger than its reader takes.
    #[error("{len} bytes at byte {offset}, where at most {limit} are taken")]
    TooLarge {
        /// Bytes once inflated.
        len: u64,
        /// Where in the file.
        offset: u64,
        /// Bytes taken at most.
        limit: u64,
    },
    /// A resource's bytes are not those that the archive announces.
    #[error("the {stored_len} bytes at byte {offset} are damaged: {reason}")]
    Damaged {
        /// Where in the file.
        offset: u64,
        /// Bytes there.
        stored_len: u64,
        /// What differs.
        reason: String,
    },
}
