//! Who opened and closed what: one document a month, so that old ones go whole.

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::openings::Opening;
use crate::store::{Store, StoreError};

/// Documents begin with it; the month follows.
const PREFIX: &str = "filter-audit-";
/// Months kept, the one under way included.
const MONTHS_KEPT: usize = 13;
/// Lines of one month; the oldest of a month that has more go first.
const MAX_LINES: usize = 5_000;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub what: Done,
    /// By whom: as in [`Opening::by`].
    pub by: String,
    /// To what.
    pub opening: Opening,
}

/// What can be done to an opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// It was opened.
    Opened,
    /// It was closed before its time.
    Closed,
}

/// Notes lines, durably. Blocking.
pub(super) fn note(
    store: &Store,
    zone: &TimeZone,
    lines: Vec<AuditLine>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let name = format!("{PREFIX}{}", zone.to_datetime(now).strftime("%Y-%m"));
    let mut month = read(store, &name)?;
    month.extend(lines);
    month.drain(..month.len().saturating_sub(MAX_LINES));
    // Texts, numbers and addresses: they can always be written.
    store.keep_document(&name, &serde_json::to_vec(&month).unwrap_or_default())?;
    let months = store.documents(PREFIX)?;
    for name in months.iter().take(months.len().saturating_sub(MONTHS_KEPT)) {
        store.forget_document(name)?;
    }
    Ok(())
}

/// The lines of all months kept, oldest first. Blocking.
pub(super) fn lines(store: &Store) -> Result<Vec<AuditLine>, StoreError> {
    let mut all = Vec::new();
    for name in store.documents(PREFIX)? {
        all.extend(read(store, &name)?);
    }
    Ok(all)
}

fn read(store: &Store, name: &str) -> Result<Vec<AuditLine>, StoreError> {
    let bytes = store.document(name)?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}
