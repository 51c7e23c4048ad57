//! How full the store is, and whether something more may come in.

use std::{collections::HashMap, sync::Mutex};

use serde::{Deserialize, Serialize};

use super::{Shared, Store, StoreError, durable, layout, lock};

/// How full the store is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Packages.
    pub packages: u64,
    /// Number of packages.
    pub count: u64,
    /// Transfers under way.
    pub incoming: u64,
    /// The index.
    pub index: u64,
    /// The quota, if there is one.
    pub quota: Option<u64>,
    /// Free space of the disk.
    pub free: u64,
    /// Free space that is never taken.
    pub reserve: u64,
}

/// The transfers that have a writer, each with the bytes it will take in all.
#[derive(Debug, Default)]
pub struct Transfers {
    open: Mutex<HashMap<String, u64>>,
}

impl Transfers {
    /// Notes a writer; `false` when there is one already.
    pub fn begin(&self, name: &str) -> bool {
        let mut open = lock(&self.open);
        let free = !open.contains_key(name);
        if free {
            open.insert(name.to_owned(), 0);
        }
        free
    }

    pub fn end(&self, name: &str) {
        lock(&self.open).remove(name);
    }

    pub fn is_open(&self, name: &str) -> bool {
        lock(&self.open).contains_key(name)
    }
}

impl Shared {
    /// May the transfer `name`, with `here` bytes present, grow to `wanted` bytes? If so, that
    /// much is set aside for it.
    pub(super) fn check_room(&self, name: &str, here: u64, wanted: u64) -> Result<(), StoreError> {
        let mut open = lock(&self.transfers.open);
        if let Some(quota) = self.options.quota {
            let others: u64 = open.iter().filter(|(n, _)| *n != name).map(|(_, bytes)| bytes).sum();
            let used = self.shelf().bytes + others + here;
            let needed = wanted.saturating_sub(here);
            if used.saturating_add(needed) > quota {
                return Err(StoreError::QuotaFull { quota, used, needed });
            }
        }
        let root = self.layout.root();
        let free =
            durable::free_bytes(root).map_err(StoreError::io("measure the disk of", root))?;
        // Blocks set aside for this transfer are no longer free: they must not count twice.
        let (reserve, known) = (self.options.reserve, open.get(name).copied().unwrap_or(0));
        let needed = wanted.saturating_sub(known.max(here));
        if free < reserve.saturating_add(needed) {
            return Err(StoreError::DiskFull { path: root.to_owned(), free, needed, reserve });
        }
        open.insert(name.to_owned(), wanted);
        Ok(())
    }

    /// Bytes to free before `extra` more fit in the quota and on the disk.
    pub(super) fn short_of(&self, extra: u64) -> Result<u64, StoreError> {
        let root = self.layout.root();
        let free =
            durable::free_bytes(root).map_err(StoreError::io("measure the disk of", root))?;
        let on_disk = self.options.reserve.saturating_add(extra).saturating_sub(free);
        let incoming: u64 = lock(&self.transfers.open).values().sum();
        let used = self.shelf().bytes + incoming + extra;
        let in_quota = self.options.quota.map_or(0, |quota| used.saturating_sub(quota));
        Ok(on_disk.max(in_quota))
    }
}

impl Store {
    /// How full the store is.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let shared = &self.shared;
        let root = shared.layout.root();
        let shelf = shared.shelf();
        let free =
            durable::free_bytes(root).map_err(StoreError::io("measure the disk of", root))?;
        Ok(Usage {
            packages: shelf.bytes,
            count: shelf.packages.len() as u64,
            incoming: bytes_in(&shared.layout.incoming(), "part")?,
            index: bytes_in(&shared.layout.index(), "")?,
            quota: shared.options.quota,
            free,
            reserve: shared.options.reserve,
        })
    }
}

/// Bytes of the files of one folder, of one extension or (empty) all of them.
fn bytes_in(folder: &std::path::Path, extension: &str) -> Result<u64, StoreError> {
    let files = durable::files_of(folder)?;
    let wanted =
        files.iter().filter(|f| extension.is_empty() || layout::has_extension(f, extension));
    Ok(wanted
        .filter_map(|f| f.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|m| m.len())
        .sum())
}
