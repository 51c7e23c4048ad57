//! The file of compiled lists: written whole, checked before use.
//!
//! Little-endian: a header (magic, version, CRC-32 of what follows, length, key, counts), then what
//! is known of the categories as JSON, then the arrays as they stand in memory. The checksum finds
//! damage; who wrote the file is for others to vouch for.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    About, Lists,
    expressions::{Expressions, MAX_EXPRESSIONS, Written},
    key::Key,
    meaning::{MEANING_BYTES, Meaning},
    table::{Bucket, SLOTS, Table},
    urls::{Rule, Urls},
};
use crate::{
    filter::category::{Category, MAX_CATEGORIES},
    store::{StoreError, durable},
};

const MAGIC: [u8; 8] = *b"PREAULST";
/// Of the format. A file of another is refused: it is compiled anew in seconds.
const VERSION: u32 = 1;
/// Magic, version and checksum.
const HEAD_BYTES: usize = 16;
/// The rest of the header: length, key, counts.
const COUNTS_BYTES: usize = 8 + 16 + 4 * COUNTS;
const COUNTS: usize = 8;
const RULE_BYTES: usize = 16;
/// Bytes of the largest file that is read.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes of what is known of categories.
const MAX_ABOUT_BYTES: u32 = 8 * 1024 * 1024;
/// Bytes read at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Why compiled lists cannot be used. The lists in force stay.
#[derive(Debug, thiserror::Error)]
pub enum ListsError {
    /// The file cannot be read.
    #[error("could not read the compiled lists {path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It is not what was written, or never was a file of lists.
    #[error("{path} holds no sound compiled lists: {damage}; compile them again")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        damage: Damage,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Unwritable(#[from] StoreError),
}

/// What is wrong with a file of lists.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It does not begin as one.
    #[error("it is no file of compiled lists")]
    NotLists,
    /// Of an older or newer program.
    #[error("it is of version {0}, this program reads version {VERSION}")]
    Version(u32),
    /// Larger than any.
    #[error("it has {0} bytes, at most {MAX_FILE_BYTES} are read")]
    TooLarge(u64),
    /// Cut short, or longer than it says.
    #[error("its length is not the one it was written with")]
    Length,
    /// Bytes have changed.
    #[error("its checksum is wrong")]
    Checksum,
    /// What it says cannot be.
    #[error("its {0} cannot be")]
    Nonsense(&'static str),
    /// The bytes stopped coming.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
}

/// What is kept as JSON.
#[derive(Debug, Deserialize, Serialize)]
struct Described {
    categories: Vec<About>,
    expressions: Vec<Written>,
    prefixes: Vec<u8>,
}

impl Lists {
    /// Reads and checks a compiled file; blocks on the disk.
    ///
    /// # Errors
    /// It cannot be read, or is not as it was written.
    pub fn open(path: &Path) -> Result<Self, ListsError> {
        let unreadable = |source| ListsError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        Self::read(file, length)
            .map_err(|damage| ListsError::Damaged { path: path.to_owned(), damage })
    }

    /// Reads and checks the `length` bytes of a compiled file.
    ///
    /// # Errors
    /// They are not as they were written.
    pub fn read(bytes: impl Read, length: u64) -> Result<Self, Damage> {
        if length > MAX_FILE_BYTES {
            return Err(Damage::TooLarge(length));
        }
        let mut input = Input { bytes, checksum: crc32fast::Hasher::new() };
        let mut head = [0; HEAD_BYTES];
        input.bytes.read_exact(&mut head).map_err(cut_short)?;
        let [magic @ .., v0, v1, v2, v3, c0, c1, c2, c3] = head;
        if magic != MAGIC {
            return Err(Damage::NotLists);
        }
        let version = u32::from_le_bytes([v0, v1, v2, v3]);
        if version != VERSION {
            return Err(Damage::Version(version));
        }
        let header = Header::read(&mut input)?;
        if header.total() != Some(length) || header.length != length {
            return Err(Damage::Length);
        }
        let lists = header.rest(&mut input)?;
        let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
        if input.checksum.finalize() == checksum { Ok(lists) } else { Err(Damage::Checksum) }
    }

    /// Replaces the file at `path`, whole and durably: after a power cut it holds the old lists or
    /// these. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, path: &Path) -> Result<(), ListsError> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".new");
        Ok(durable::replace(path, Path::new(&draft), &self.to_bytes())?)
    }

    /// The compiled file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let described = Described {
            categories: self.about.to_vec(),
            expressions: self.expressions.written().cloned().collect(),
            prefixes: self.prefixes.to_vec(),
        };
        // Strings and numbers: there is nothing in it that JSON cannot hold.
        let described = serde_json::to_vec(&described).unwrap_or_default();
        let mut body = vec![0; HEAD_BYTES + COUNTS_BYTES];
        body.extend_from_slice(&described);
        self.meanings.iter().for_each(|meaning| meaning.write(&mut body));
        put_numbers(&mut body, &self.rows);
        put_numbers(&mut body, &self.urls.starts);
        for rule in &self.urls.rules {
            put_numbers(&mut body, &[rule.at, rule.length, rule.parent, rule.meaning]);
        }
        body.extend_from_slice(&self.urls.text);
        for Bucket(slots) in self.table.buckets() {
            body.extend(slots.iter().flat_map(|slot| slot.to_le_bytes()));
        }
        let mut header = Vec::with_capacity(COUNTS_BYTES);
        header.extend((body.len() as u64).to_le_bytes());
        header.extend(self.key.low.to_le_bytes());
        header.extend(self.key.high.to_le_bytes());
        let counts = [
            described.len(),
            self.meanings.len(),
            self.rows.len(),
            self.urls.starts.len(),
            self.urls.rules.len(),
            self.urls.text.len(),
            self.table.buckets().len(),
            0,
        ];
        put_numbers(&mut header, &counts.map(|count| u32::try_from(count).unwrap_or(u32::MAX)));
        body.splice(HEAD_BYTES..HEAD_BYTES + COUNTS_BYTES, header);
        let checksum = crc32fast::hash(body.get(HEAD_BYTES..).unwrap_or_default());
        let mut head = MAGIC.to_vec();
        put_numbers(&mut head, &[VERSION, checksum]);
        body.splice(..HEAD_BYTES, head);
        body
    }
}

fn put_numbers(out: &mut Vec<u8>, numbers: &[u32]) {
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

struct Header {
    length: u64,
    key: Key,
    counts: [u32; COUNTS],
}

impl Header {
    fn read(input: &mut Input<impl Read>) -> Result<Self, Damage> {
        let mut words = [0; 3];
        for word in &mut words {
            *word = u64::from_le_bytes(input.array()?);
        }
        let mut counts = [0; COUNTS];
        for count in &mut counts {
            *count = u32::from_le_bytes(input.array()?);
        }
        let [length, low, high] = words;
        Ok(Self { length, key: Key { low, high }, counts })
    }

    /// The bytes of a file with these counts: nothing is reserved before they are known to be there.
    fn total(&self) -> Option<u64> {
        let sizes = [1, MEANING_BYTES, 4, 4, RULE_BYTES, 1, SLOTS * 8, 1];
        let mut total = (HEAD_BYTES + COUNTS_BYTES) as u64;
        for (count, size) in self.counts.iter().zip(sizes) {
            total = total.checked_add(u64::from(*count).checked_mul(size as u64)?)?;
        }
        Some(total)
    }

    fn rest(&self, input: &mut Input<impl Read>) -> Result<Lists, Damage> {
        let [described, meanings, rows, starts, rules, text, buckets, _] = self.counts;
        if described > MAX_ABOUT_BYTES {
            return Err(Damage::Nonsense("description"));
        }
        let described = input.array_of::<1, _>(described, |[byte]| byte)?;
        let described: Described =
            serde_json::from_slice(&described).map_err(|_| Damage::Nonsense("description"))?;
        let mut lists = described.lists()?;
        lists.key = self.key;
        lists.meanings = input.array_of(meanings, |bytes| Meaning::read(&bytes))?.into();
        lists.rows = input.array_of(rows, u32::from_le_bytes)?.into();
        let starts = input.array_of(starts, u32::from_le_bytes)?.into();
        let rules = input.array_of(rules, read_rule)?.into();
        let text = input.array_of::<1, _>(text, |[byte]| byte)?.into();
        lists.urls = Urls { starts, rules, text };
        if !lists.urls.is_sound() {
            return Err(Damage::Nonsense("URL rules"));
        }
        lists.table = Table::of_buckets(input.array_of(buckets, read_bucket)?);
        Ok(lists)
    }
}

fn read_rule(bytes: [u8; RULE_BYTES]) -> Rule {
    let word = |place: usize| {
        bytes.as_chunks::<4>().0.get(place).map_or(0, |word| u32::from_le_bytes(*word))
    };
    Rule { at: word(0), length: word(1), parent: word(2), meaning: word(3) }
}

fn read_bucket(bytes: [u8; SLOTS * 8]) -> Bucket {
    let mut bucket = Bucket::default();
    for (slot, bytes) in bucket.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *slot = u64::from_le_bytes(*bytes);
    }
    bucket
}

impl Described {
    fn lists(self) -> Result<Lists, Damage> {
        if self.categories.len() > MAX_CATEGORIES {
            return Err(Damage::Nonsense("number of categories"));
        }
        if self.expressions.len() > MAX_EXPRESSIONS {
            return Err(Damage::Nonsense("number of expressions"));
        }
        if self.prefixes.iter().any(|prefix| *prefix > 128) {
            return Err(Damage::Nonsense("prefix lengths"));
        }
        let expressions = Expressions::new(self.expressions)
            .map_err(|_| Damage::Nonsense("regular expressions"))?;
        let mut lists = Lists { expressions, ..Lists::default() };
        lists.prefixes = self.prefixes.into();
        lists.name(self.categories);
        Ok(lists)
    }
}

impl Lists {
    /// Takes the categories, by number, and makes their names known.
    pub(super) fn name(&mut self, categories: Vec<About>) {
        for (number, about) in categories.iter().enumerate() {
            let Some(category) = Category::new(number) else { continue };
            self.numbers.insert(about.name.clone(), category);
        }
        for (number, about) in categories.iter().enumerate() {
            let Some(category) = Category::new(number) else { continue };
            for alias in &about.aliases {
                self.numbers.entry(alias.clone()).or_insert(category);
            }
        }
        self.about = categories.into();
    }
}

/// Bytes, and the checksum of those taken so far.
struct Input<R> {
    bytes: R,
    checksum: crc32fast::Hasher,
}

impl<R: Read> Input<R> {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Damage> {
        self.bytes.read_exact(into).map_err(cut_short)?;
        self.checksum.update(into);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// `count` things of `N` bytes each, read in pieces.
    fn array_of<const N: usize, T>(
        &mut self,
        count: u32,
        read: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, Damage> {
        let mut left = count as usize;
        let mut all = Vec::with_capacity(left);
        let mut piece = vec![0; left.min(PIECE_BYTES / N) * N];
        while left > 0 {
            let now = left.min(PIECE_BYTES / N);
            let bytes = piece.get_mut(..now * N).unwrap_or_default();
            self.fill(bytes)?;
            all.extend(bytes.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)));
            left -= now;
        }
        Ok(all)
    }
}

fn cut_short(error: io::Error) -> Damage {
    if error.kind() == io::ErrorKind::UnexpectedEof { Damage::Length } else { Damage::Io(error) }
}
