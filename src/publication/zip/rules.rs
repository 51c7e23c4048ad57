//! The rules of archives: what is refused, and by which words.

/// Entries of an archive. The largest manuals have some 20,000.
pub(super) const MAX_ENTRIES: u64 = 100_000;
/// Bytes of an entry's name.
pub(super) const MAX_NAME_BYTES: usize = 1_024;
/// Bytes of the central directory: a hundred thousand entries with names of a hundred letters.
/// What is listed of a package takes some times as much memory.
pub(super) const MAX_DIRECTORY_BYTES: u64 = 16 << 20;
/// Times that an entry may grow when inflated, once it is larger than [`BOMB_FLOOR_BYTES`].
/// Deflate itself reaches 1,032.
pub(super) const MAX_RATIO: u64 = 200;
/// Below this an entry may inflate as much as it likes: blank pictures do.
pub(super) const BOMB_FLOOR_BYTES: u64 = 64 << 20;
/// Bytes of all entries inflated.
pub(super) const MAX_INFLATED_BYTES: u64 = 16 << 30;

/// The rule that an archive breaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZipError {
    /// No readable end of central directory.
    #[error("not a zip archive, or cut short: {0}")]
    NoDirectory(String),
    /// A record of the central directory cannot be read.
    #[error("central directory, record {record}: {reason}")]
    BadDirectory {
        /// Which one, from 0.
        record: u64,
        /// What was wrong.
        reason: String,
    },
    /// The central directory is too large.
    #[error("central directory of {bytes} bytes, at most {MAX_DIRECTORY_BYTES} are read")]
    DirectoryTooLarge {
        /// Its bytes.
        bytes: u64,
    },
    /// Too many entries.
    #[error("{entries} entries, at most {MAX_ENTRIES} are taken")]
    TooManyEntries {
        /// How many there are, or are announced.
        entries: u64,
    },
    /// The directory holds another number of entries than its end announces.
    #[error("{announced} entries are announced, the central directory has {found}")]
    WrongCount {
        /// By the end of central directory.
        announced: u64,
        /// Records found.
        found: u64,
    },
    /// A name is too long.
    #[error("entry {entry:?}…: a name of {bytes} bytes, at most {MAX_NAME_BYTES} are taken")]
    NameTooLong {
        /// How the name begins.
        entry: String,
        /// Its bytes.
        bytes: usize,
    },
    /// A name that is none.
    #[error("record {record} of the central directory has an empty name")]
    EmptyName {
        /// Which one, from 0.
        record: u64,
    },
    /// A name with a NUL.
    #[error("entry {0:?}: a NUL in its name")]
    NulInName(String),
    /// A name with a backslash.
    #[error("entry {0:?}: a backslash in its name, where a slash separates folders")]
    Backslash(String),
    /// A name from the root of a file system.
    #[error("entry {0:?}: an absolute name")]
    AbsoluteName(String),
    /// A name that begins with a drive.
    #[error("entry {0:?}: a drive in its name")]
    DriveName(String),
    /// A name that climbs.
    #[error("entry {0:?}: '..' in its name")]
    ParentInName(String),
    /// Two entries of one name.
    #[error("entry {0:?} is there twice")]
    DuplicateName(String),
    /// A symbolic link.
    #[error("entry {0:?} is a symbolic link")]
    Symlink(String),
    /// An encrypted entry.
    #[error("entry {0:?} is encrypted")]
    Encrypted(String),
    /// A method other than stored and deflate.
    #[error(
        "entry {entry:?}: compression method {method}, only 0 (stored) and 8 (deflate) are read"
    )]
    UnknownMethod {
        /// Its name.
        entry: String,
        /// Method of APPNOTE §4.4.5.
        method: u16,
    },
    /// A stored entry whose two sizes differ.
    #[error("entry {entry:?}: stored in {stored} bytes but announced as {len}")]
    ImpossibleSize {
        /// Its name.
        entry: String,
        /// Bytes in the archive.
        stored: u64,
        /// Bytes announced.
        len: u64,
    },
    /// An entry that would grow too much.
    #[error(
        "entry {entry:?}: {stored} bytes announced to inflate to {len}, over {MAX_RATIO} times"
    )]
    Bomb {
        /// Its name.
        entry: String,
        /// Bytes in the archive.
        stored: u64,
        /// Bytes announced.
        len: u64,
    },
    /// All entries together are too large.
    #[error("{total} bytes inflated by entry {entry:?}, at most {MAX_INFLATED_BYTES} are taken")]
    TotalTooLarge {
        /// The entry that passes the limit.
        entry: String,
        /// Sum so far.
        total: u64,
    },
    /// An entry beyond the end of the file or inside the directory.
    #[error("entry {entry:?} ends at byte {end}, entries end at byte {limit}")]
    PastEnd {
        /// Its name.
        entry: String,
        /// Its last byte and one.
        end: u64,
        /// Where the central directory begins.
        limit: u64,
    },
    /// Two entries share bytes.
    #[error("entries {first:?} and {second:?} overlap at byte {at}")]
    Overlap {
        /// The one that begins first.
        first: String,
        /// The other.
        second: String,
        /// Where it begins.
        at: u64,
    },
    /// No local header where the directory says.
    #[error("entry {entry:?}: no local header at byte {at}: {reason}")]
    NoLocalHeader {
        /// Its name.
        entry: String,
        /// Where it should be.
        at: u64,
        /// What was wrong.
        reason: String,
    },
    /// The local header has another name.
    #[error("entry {entry:?}: its local header says {local:?}")]
    LocalName {
        /// By the central directory.
        entry: String,
        /// By the local header.
        local: String,
    },
    /// The local header has another method.
    #[error("entry {entry:?}: method {central} in the directory, {local} in its local header")]
    LocalMethod {
        /// Its name.
        entry: String,
        /// By the central directory.
        central: u16,
        /// By the local header.
        local: u16,
    },
    /// The local header has other sizes or another checksum.
    #[error("entry {entry:?}: {what} is {central} in the directory, {local} in its local header")]
    LocalSizes {
        /// Its name.
        entry: String,
        /// Which field.
        what: &'static str,
        /// By the central directory.
        central: u64,
        /// By the local header.
        local: u64,
    },
}
