//! Small files of the kernel, read within bounds: whatever stands in them, nothing else happens.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Bytes read of a file; what follows is not looked at.
const MAX_FILE_BYTES: u64 = 4096;
/// Entries of a folder that are looked at.
const MAX_ENTRIES: usize = 64;

/// The beginning of a file, as text. Blocking.
pub fn text(path: &Path) -> Option<String> {
    // A pipe or a device in the place of a file would keep who opens it.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_FILE_BYTES).read_to_end(&mut bytes).ok()?;
    let whole = match str::from_utf8(&bytes) {
        Ok(text) => text,
        // A character cut at the end is no reason; anything else is no text.
        Err(error) if bytes.len() as u64 == MAX_FILE_BYTES => {
            str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    Some(whole.to_owned())
}

/// The one word of a file. Blocking.
pub fn word<T: FromStr>(path: &Path) -> Option<T> {
    text(path)?.trim().parse().ok()
}

/// A name written there, short and plain enough for a label. Blocking.
pub fn name(path: &Path) -> Option<String> {
    let text = text(path)?;
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-_. ".contains(*c);
    let name: String = text.trim().chars().filter(plain).take(32).collect();
    (!name.is_empty()).then_some(name)
}

/// What is in a folder whose name begins so, by name. Blocking.
pub fn within(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let named = |path: &PathBuf| name_of(path).is_some_and(|name| name.starts_with(prefix));
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(named)
        .take(MAX_ENTRIES)
        .collect();
    found.sort();
    found
}

/// The last part of a path.
pub fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
