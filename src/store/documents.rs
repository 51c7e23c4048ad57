//! Small documents kept for other rooms: a source's last good answer, the retry list.
//!
//! Each is one file, `checksum + newline + bytes`, replaced whole; a damaged one is told apart
//! from an absent one only in the log, since its owner can do nothing but ask again.

use std::path::{Path, PathBuf};

use super::{Store, StoreError, durable};

/// A larger document is not one.
const MAX_DOCUMENT_BYTES: u64 = 64 << 20;
/// Longest name.
const MAX_NAME_BYTES: usize = 128;

impl Store {
    /// Keeps a small document durably, replacing it whole. Names are letters, digits, `-`, `_`
    /// and `.`; [`document_name`](Store::document_name) makes one of any text.
    pub fn keep_document(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.document_path(name)?;
        let mut whole = format!("{:08x}\n", crc32fast::hash(bytes)).into_bytes();
        whole.extend_from_slice(bytes);
        durable::replace(&path, &self.shared.layout.draft(), &whole)
    }

    /// A kept document, `None` when there is none or it is damaged.
    pub fn document(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.document_path(name)?;
        let Some(mut whole) = durable::read_small(&path, MAX_DOCUMENT_BYTES)? else {
            return Ok(None);
        };
        let bytes = whole.split_off(whole.len().min(9));
        if whole == format!("{:08x}\n", crc32fast::hash(&bytes)).into_bytes() {
            return Ok(Some(bytes));
        }
        tracing::warn!(document = name, "a kept document is damaged: it is ignored");
        Ok(None)
    }

    /// A document's name made of any text (a source's name): what cannot stand is written in
    /// hexadecimal.
    pub fn document_name(kind: &str, text: &str) -> String {
        let mut name = format!("{kind}-");
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => name.push(char::from(byte)),
                _ => name.push_str(&format!("_{byte:02x}")),
            }
        }
        if name.len() > MAX_NAME_BYTES {
            let hash = crc32fast::hash(name.as_bytes());
            name.truncate(MAX_NAME_BYTES - 9);
            name.push_str(&format!("_{hash:08x}"));
        }
        name
    }

    /// Names of the kept documents that begin with `prefix`, sorted.
    pub fn documents(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut names = names_in(&self.shared.layout.documents())?;
        names.retain(|name| name.starts_with(prefix));
        Ok(names)
    }

    /// Removes a document, or finds that it is gone.
    pub fn forget_document(&self, name: &str) -> Result<(), StoreError> {
        durable::remove(&self.document_path(name)?)?;
        durable::sync_folder(&self.shared.layout.documents())
    }

    fn document_path(&self, name: &str) -> Result<PathBuf, StoreError> {
        check_name(name)?;
        Ok(self.shared.layout.documents().join(name))
    }
}

/// May it name a file of the data folder?
pub(super) fn check_name(name: &str) -> Result<(), StoreError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let good = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.starts_with('.')
        && name.chars().all(plain);
    if good {
        return Ok(());
    }
    Err(StoreError::DocumentName { name: name.chars().take(80).collect() })
}

/// Names of the files of a folder, sorted.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>, StoreError> {
    let files = durable::files_of(folder)?;
    let mut names: Vec<String> =
        files.iter().filter_map(|f| f.file_name()?.to_str().map(str::to_owned)).collect();
    names.sort();
    Ok(names)
}
