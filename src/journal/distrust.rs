//! That the clock was set by somebody, past a restart.

use std::path::Path;

use jiff::Timestamp;

use super::clock::Set;
use crate::store::{StoreError, durable};

const NAME: &str = "clock-was-set";
/// A moment as text is far shorter.
const MAX_BYTES: u64 = 100;

/// What was kept; what cannot be read is no synchronisation. Blocking.
pub fn read(folder: &Path) -> Result<Option<Set>, StoreError> {
    let kept = durable::read_small(&folder.join(NAME), MAX_BYTES)?;
    Ok(kept.map(|bytes| str::from_utf8(&bytes).ok()?.trim().parse::<Timestamp>().ok()))
}

/// Keeps it, or that it is over. Blocking.
pub fn keep(folder: &Path, set: Option<Set>) -> Result<(), StoreError> {
    let path = folder.join(NAME);
    let Some(set) = set else { return durable::remove(&path) };
    let text = set.map_or_else(|| "never".to_owned(), |synchronised| synchronised.to_string());
    durable::replace(&path, &folder.join("clock-was-set.new"), text.as_bytes())
}
