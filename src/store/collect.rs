//! Removal: what is no longer needed, and what must make room.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{
    BlobId, Sidecar, Store, StoreError, durable, index::Index, layout, lock, open, record::Record,
};

/// A transfer that nobody went on with for this long is given up.
const KEEP_TRANSFER: Duration = Duration::from_hours(14 * 24);
/// Damaged files are kept for a look this long.
const KEEP_QUARANTINE: Duration = Duration::from_hours(30 * 24);

impl Store {
    /// Removes a package. Whoever reads it now reads on.
    pub fn remove(&self, blob: &BlobId) -> Result<(), StoreError> {
        self.remove_bytes(blob).map(drop)
    }

    /// Forgets a damaged package and keeps its files for a look; it can then be fetched again.
    pub(super) fn quarantine(&self, blob: &BlobId) -> Result<(), StoreError> {
        let mut index = lock(&self.shared.index);
        self.known(blob)?;
        open::set_aside(&self.shared.layout, blob)?;
        self.forget(&mut index, blob);
        Ok(())
    }

    /// When each damaged package that is still kept for a look was set aside, oldest first. Blocking.
    pub fn set_aside(&self) -> Result<Vec<Timestamp>, StoreError> {
        let moment = |path: &std::path::PathBuf| {
            let name = path.file_name()?.to_str()?;
            let (_, nanoseconds) = name.split_once(".blob.")?;
            Timestamp::from_nanosecond(nanoseconds.parse().ok()?).ok()
        };
        let files = durable::files_of(&self.shared.layout.quarantine())?;
        let mut moments: Vec<Timestamp> = files.iter().filter_map(moment).collect();
        moments.sort_unstable();
        Ok(moments)
    }

    /// Files first, then the index: removing must work on a full disk, where the index cannot be
    /// written, and a record without its file is dropped at the next opening anyway.
    fn remove_bytes(&self, blob: &BlobId) -> Result<u64, StoreError> {
        let mut index = lock(&self.shared.index);
        let size = self.known(blob)?.size;
        let (path, beside) = (self.shared.layout.blob(blob), self.shared.layout.sidecar(blob));
        // Blob first: a sidecar alone is swept at the next opening, a blob alone would be a puzzle.
        durable::remove(&path)?;
        let gone =
            durable::remove(&beside).and_then(|()| durable::sync_folder(durable::parent(&path)));
        self.forget(&mut index, blob);
        gone.map(|()| size)
    }

    fn known(&self, blob: &BlobId) -> Result<Arc<Sidecar>, StoreError> {
        self.package(blob).ok_or(StoreError::Unknown { blob: *blob })
    }

    fn forget(&self, index: &mut Index, blob: &BlobId) {
        lock(&self.shared.lent).remove(blob);
        self.shared.show(self.shared.shelf().without(blob));
        // An index that failed before is renewed from the shelf, which no longer has this one.
        if index.distrusted() {
            return;
        }
        if let Err(error) = index.forget(blob).and_then(|()| index.barrier()) {
            tracing::warn!(%blob, %error, "removed; the index could not be told and is renewed");
        }
    }

    /// Removes what is no longer needed: replaced versions past their time, transfers given up,
    /// old quarantine; then makes room if quota or reserve are passed. `keep` says which packages
    /// are assigned now and must stay. Returns bytes freed.
    pub fn collect(
        &self,
        keep: &dyn Fn(&Sidecar) -> bool,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        if let Err(error) = self.write_lendings() {
            // They only order evictions; making room must not wait for them.
            tracing::warn!(%error, "the times of lending could not be recorded");
        }
        let shelf = self.shared.shelf();
        let patience = self.shared.options.keep_replaced;
        let mut freed = 0;
        for package in shelf.packages.iter() {
            let replaced_at = shelf.replaced_at(&package.blob);
            if replaced_at.is_some_and(|at| is_past(at, patience, now)) {
                freed += self.remove_bytes(&package.blob)?;
            }
        }
        freed += self.sweep_transfers(now)?;
        freed += self.sweep_quarantine(now)?;
        Ok(freed + self.make_room(0, keep)?)
    }

    /// Removes packages until `needed` more bytes fit: replaced versions first, then those lent
    /// longest ago; never one that `keep` holds. Returns bytes freed, which may not be enough.
    pub fn make_room(
        &self,
        needed: u64,
        keep: &dyn Fn(&Sidecar) -> bool,
    ) -> Result<u64, StoreError> {
        let short = self.shared.short_of(needed)?;
        let mut freed = 0;
        if short == 0 {
            return Ok(0);
        }
        for package in self.eviction_order() {
            if freed >= short {
                break;
            }
            let replaced = self.shared.shelf().replaced_at(&package.blob).is_some();
            if replaced || !keep(&package) {
                freed += self.remove_bytes(&package.blob)?;
                tracing::info!(blob = %package.blob, bytes = package.size, "evicted to make room");
            }
        }
        Ok(freed)
    }

    fn eviction_order(&self) -> Vec<Arc<Sidecar>> {
        let shelf = self.shared.shelf();
        let lent = lock(&self.shared.lent).clone();
        let mut order = shelf.packages.to_vec();
        order.sort_by_key(|p| {
            let used = lent.get(&p.blob).copied().unwrap_or(p.stored_at).max(p.stored_at);
            (shelf.replaced_at(&p.blob).is_none(), used, p.blob)
        });
        order
    }

    fn write_lendings(&self) -> Result<(), StoreError> {
        let lent = lock(&self.shared.lent).clone();
        let mut index = self.shared.index()?;
        for (blob, at) in lent.iter().filter(|(blob, _)| self.package(blob).is_some()) {
            index.put_lending(blob, *at)?;
        }
        index.barrier()
    }

    fn sweep_transfers(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut freed = 0;
        for file in durable::files_of(&self.shared.layout.incoming())? {
            if !layout::has_extension(&file, "json") || !untouched(&file, KEEP_TRANSFER, now) {
                continue;
            }
            let record = durable::read_small(&file, 1 << 20)?
                .and_then(|b| serde_json::from_slice::<Record>(&b).ok());
            if record.is_some_and(|r| self.shared.transfers.is_open(&r.name)) {
                continue;
            }
            let part = file.with_extension("part");
            freed += part.metadata().map_or(0, |m| m.len());
            durable::remove(&file)?;
            durable::remove(&part)?;
        }
        Ok(freed)
    }

    fn sweep_quarantine(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut freed = 0;
        for path in durable::files_of(&self.shared.layout.quarantine())? {
            if !untouched(&path, KEEP_QUARANTINE, now) {
                continue;
            }
            if path.is_dir() {
                std::fs::remove_dir_all(&path).map_err(StoreError::io("remove", &path))?;
            } else {
                freed += path.metadata().map_or(0, |m| m.len());
                durable::remove(&path)?;
            }
        }
        Ok(freed)
    }
}

fn is_past(since: Timestamp, patience: Duration, now: Timestamp) -> bool {
    SignedDuration::try_from(patience)
        .ok()
        .and_then(|p| since.checked_add(p).ok())
        .is_some_and(|end| end <= now)
}

fn untouched(path: &std::path::Path, patience: Duration, now: Timestamp) -> bool {
    path.metadata()
        .and_then(|m| m.modified())
        .ok()
        .and_then(|m| Timestamp::try_from(m).ok())
        .is_some_and(|changed| is_past(changed, patience, now))
}
