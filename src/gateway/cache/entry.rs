//! One stored response: which requests it answers, its head, its bytes.

use std::sync::{
    Arc, Mutex, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    content::Content,
    disk::Disk,
    head::{Head, Times},
    held::Held,
    key::Key,
    vary::Selecting,
};

/// The form of the notes on disk.
const SCHEMA: u32 = 1;
/// Fields of one kept head.
const MAX_FIELDS: usize = 256;

/// A stored response.
#[derive(Debug)]
pub struct Entry {
    /// Its name on disk.
    pub id: u64,
    /// The address it answers.
    pub key: Key,
    /// The requests to that address it answers.
    pub selecting: Selecting,
    /// Its bytes.
    pub content: Arc<Content>,
    head: RwLock<Arc<Head>>,
    /// It is in the index no longer.
    dropped: AtomicBool,
    /// Held while its files change.
    files: Mutex<()>,
}

/// What is kept beside the bytes.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    schema: u32,
    key: String,
    selecting: Vec<(String, String)>,
    status: u16,
    headers: Vec<(String, String)>,
    asked: Timestamp,
    answered: Timestamp,
    total: u64,
    held: Held,
}

/// Bytes as text, each a character: header fields need not be UTF-8.
fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(character).ok()).collect()
}

impl Entry {
    /// A response that begins to be stored.
    pub fn new(key: Key, selecting: Selecting, head: Head, content: Arc<Content>) -> Arc<Self> {
        Arc::new(Self::with_id(rand::random(), key, selecting, head, content))
    }

    fn with_id(id: u64, key: Key, selecting: Selecting, head: Head, content: Arc<Content>) -> Self {
        Self {
            id,
            key,
            selecting,
            content,
            head: RwLock::new(Arc::new(head)),
            dropped: AtomicBool::new(false),
            files: Mutex::new(()),
        }
    }

    /// Its head.
    pub fn head(&self) -> Arc<Head> {
        self.head.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces its head with a newer one.
    pub fn renew(&self, head: Head) {
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(head);
    }

    /// The index has forgotten it.
    pub fn drop_out(&self) {
        self.dropped.store(true, Ordering::Release);
    }

    /// Has the index forgotten it?
    pub fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    /// Writes down what is here. *Blocks.* Does nothing for a body in memory, or one whose length
    /// is not known yet.
    pub fn keep(&self, disk: &Disk) -> std::io::Result<()> {
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match self.note() {
            Some(note) if !self.is_dropped() => disk.note(self.id, &serde_json::to_vec(&note)?),
            _ => Ok(()),
        }
    }

    /// What is written down of it, as [`Entry::found`] reads it.
    pub fn note(&self) -> Option<impl Serialize + use<>> {
        let (true, Some(total)) = (self.content.is_on_disk(), self.content.total()) else {
            return None;
        };
        let head = self.head();
        let pair = |name: &HeaderName, value: &[u8]| (name.as_str().to_owned(), text(value));
        Some(Note {
            schema: SCHEMA,
            key: self.key.to_string(),
            selecting: self.selecting.pairs().iter().map(|(n, v)| pair(n, v)).collect(),
            status: head.status.as_u16(),
            headers: head.headers.iter().map(|(n, v)| pair(n, v.as_bytes())).collect(),
            asked: head.times.asked,
            answered: head.times.answered,
            total,
            held: self.content.held(),
        })
    }

    /// Removes its files. *Blocks.*
    pub fn bury(&self, disk: &Disk) {
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        disk.remove(self.id);
    }

    /// What a note and a file of `length` bytes say; `None` where they cannot be trusted.
    pub fn found(id: u64, note: &[u8], length: u64) -> Option<Arc<Self>> {
        let note: Note = serde_json::from_slice(note).ok()?;
        let sound = note.schema == SCHEMA
            && note.headers.len() <= MAX_FIELDS
            && note.held.is_sound(note.total.min(length));
        if !sound {
            return None;
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &note.headers {
            let value = HeaderValue::from_bytes(&bytes(value)?).ok()?;
            headers.append(HeaderName::try_from(name.as_str()).ok()?, value);
        }
        let pair = |(name, value): &(String, String)| {
            Some((HeaderName::try_from(name.as_str()).ok()?, bytes(value)?))
        };
        let selecting = note.selecting.iter().map(pair).collect::<Option<Vec<_>>>()?;
        let selecting = Selecting::kept(selecting, &headers);
        let times = Times { asked: note.asked, answered: note.answered };
        let head = Head::new(StatusCode::from_u16(note.status).ok()?, headers, times);
        let content = Content::found(note.total, note.held);
        Some(Arc::new(Self::with_id(id, Key::kept(&note.key)?, selecting, head, content)))
    }
}
