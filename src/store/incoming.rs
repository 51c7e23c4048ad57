//! A transfer under way: bytes appended, made durable part by part, and published whole or not
//! at all.
//!
//! The record beside the bytes says how many of them are durable; it is written *after* they
//! were synced, so it never promises what a power cut could take.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::PathBuf,
    sync::Arc,
};

use jiff::Timestamp;
use rustix::fs::FallocateFlags;

use super::{
    BlobId, Description, Shared, Sidecar, Store, StoreError, Ticket, durable,
    record::{Record, Running},
    sidecar::{self, SIDECAR_SCHEMA},
};

/// A transfer under way: an append-only file under `incoming/`. Dropping it keeps what the last
/// checkpoint made durable.
#[derive(Debug)]
pub struct Incoming {
    shared: Arc<Shared>,
    record: Record,
    running: Running,
    file: File,
    part: PathBuf,
    record_path: PathBuf,
    /// The disk refused something: nothing more is said of these bytes.
    failed: bool,
}

impl Store {
    /// Opens or resumes the transfer called `name` (any text; one writer at a time). A ticket
    /// whose url, etag, length or hash contradicts the kept one starts anew.
    pub fn incoming(&self, name: &str, ticket: Ticket) -> Result<Incoming, StoreError> {
        let shared = self.shared.clone();
        if !shared.transfers.begin(name) {
            return Err(StoreError::Busy { name: name.to_owned() });
        }
        let opened = Incoming::open(shared.clone(), name, ticket);
        if opened.is_err() {
            shared.transfers.end(name);
        }
        opened
    }
}

impl Incoming {
    fn open(shared: Arc<Shared>, name: &str, ticket: Ticket) -> Result<Self, StoreError> {
        let (part, record_path) = shared.layout.transfer(name);
        let kept = durable::read_small(&record_path, MAX_RECORD_BYTES)?
            .and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok())
            .filter(|kept| kept.name == name && ticket.continues(&kept.ticket));
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&part)
            .map_err(StoreError::io("open", &part))?;
        let (running, ticket) = match kept {
            Some(kept) => {
                let good = Running::reread(&file, &part, &kept.extent)?;
                (good, ticket.completed_by(kept.ticket))
            }
            None => (Running::default(), ticket),
        };
        file.set_len(running.length()).map_err(StoreError::io("shorten", &part))?;
        let record = Record { name: name.to_owned(), ticket, extent: running.extent() };
        let mut incoming = Self { shared, record, running, file, part, record_path, failed: false };
        incoming.reserve()?;
        incoming.write_record()?;
        Ok(incoming)
    }

    /// Bytes present: at opening, the prefix that is known to be durable and whole. *In memory.*
    pub fn len(&self) -> u64 {
        self.running.length()
    }

    /// Nothing yet?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of the transfer. *In memory.*
    pub fn ticket(&self) -> &Ticket {
        &self.record.ticket
    }

    /// Forgets the bytes and starts anew under another ticket (the origin's copy changed).
    pub fn restart(&mut self, ticket: Ticket) -> Result<(), StoreError> {
        self.sound()?;
        // The record first: it must not promise bytes that are about to go.
        self.running = Running::default();
        self.record.ticket = ticket;
        self.write_record()?;
        self.file.set_len(0).map_err(StoreError::io("shorten", &self.part))?;
        self.reserve()
    }

    /// Learns more of the transfer (a length, a validator, a hash) without touching its bytes.
    pub fn learn(&mut self, ticket: Ticket) -> Result<(), StoreError> {
        self.sound()?;
        self.record.ticket = ticket.completed_by(std::mem::take(&mut self.record.ticket));
        self.reserve()?;
        self.write_record()
    }

    /// Adds bytes at the end; syncs and records progress every 8 MiB by itself. Refuses to pass
    /// the quota, the reserve or the announced length.
    pub fn append(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        self.sound()?;
        if let Some(announced) = self.record.ticket.length
            && self.len() + bytes.len() as u64 > announced
        {
            return Err(StoreError::TooLong { name: self.record.name.clone(), announced });
        }
        while !bytes.is_empty() {
            let most = usize::try_from(self.running.left_in_part()).unwrap_or(usize::MAX);
            let (piece, rest) = bytes.split_at(bytes.len().min(most));
            self.write(piece)?;
            bytes = rest;
            if self.running.left_in_part() == super::record::PART_BYTES {
                self.checkpoint()?;
                self.reserve()?;
            }
        }
        Ok(())
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        let before = self.running.length();
        if let Err(error) = self.file.write_all(piece) {
            // Some of the piece may be there: back to what was counted, to go on later.
            let _ = self.file.set_len(before);
            self.failed = true;
            return Err(StoreError::io("write", &self.part)(error));
        }
        self.running.update(piece);
        Ok(())
    }

    /// `fdatasync`, then records the durable length.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.sound()?;
        self.sync()?;
        self.write_record()
    }

    /// A failed sync is final: the kernel may have dropped the bytes, and the next sync would lie.
    fn sync(&mut self) -> Result<(), StoreError> {
        let synced = durable::sync_data(&self.file, &self.part);
        if synced.is_err() {
            self.failed = true;
            let _ = durable::remove(&self.record_path);
            let _ = durable::remove(&self.part);
        }
        synced
    }

    fn write_record(&mut self) -> Result<(), StoreError> {
        self.record.extent = self.running.extent();
        let bytes = sidecar::to_json(&self.record, &self.record_path)?;
        let written = durable::replace(&self.record_path, &self.shared.layout.draft(), &bytes);
        self.failed |= written.is_err();
        written
    }

    fn sound(&self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Failed { name: self.record.name.clone() });
        }
        Ok(())
    }

    /// Makes sure of the room that is still needed: quota, reserve and, when the length is known,
    /// blocks of the disk.
    fn reserve(&mut self) -> Result<(), StoreError> {
        let (here, announced) = (self.len(), self.record.ticket.length);
        let wanted = announced.unwrap_or(here + super::record::PART_BYTES).max(here);
        self.shared.check_room(&self.record.name, here, wanted)?;
        if announced.is_some() && wanted > here {
            let kept =
                rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, here, wanted - here);
            match kept {
                // Some file systems cannot promise blocks: the bytes then meet a full disk later.
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) | Ok(()) => {}
                Err(error) => {
                    return Err(StoreError::io("reserve room for", &self.part)(error.into()));
                }
            }
        }
        Ok(())
    }

    /// Checks length and hash, then publishes: when this returns `Ok`, the package survives a
    /// power cut. It becomes current for its holding and media type; the one it replaces stays
    /// readable for `keep_replaced`.
    pub fn commit(mut self, description: Description) -> Result<Arc<Sidecar>, StoreError> {
        self.sound()?;
        let (size, got) = (self.len(), self.running.hash());
        if let Some(announced) = self.record.ticket.length.filter(|a| *a != size) {
            self.checkpoint()?;
            let name = self.record.name.clone();
            return Err(StoreError::TooShort { name, got: size, announced });
        }
        if let Some(announced) = self.record.ticket.sha256.filter(|a| *a != got) {
            let name = self.record.name.clone();
            self.discard()?;
            return Err(StoreError::WrongHash { name, got, announced });
        }
        self.sync()?;
        self.publish(got, size, description)
    }

    /// Sidecar, then blob, then index: each durable before the next, so that whatever a crash
    /// leaves is either complete or swept away at the next opening.
    fn publish(
        &self,
        blob: BlobId,
        size: u64,
        description: Description,
    ) -> Result<Arc<Sidecar>, StoreError> {
        let layout = &self.shared.layout;
        let mut index = self.shared.index()?;
        let line = (description.holding.as_str(), description.media_type.as_str());
        let stored_at = self.shared.shelf().moment_after(line, Timestamp::now());
        let sidecar = Sidecar { schema: SIDECAR_SCHEMA, blob, size, stored_at, description };
        sidecar::write(layout, &sidecar)?;
        let path = layout.blob(&blob);
        durable::rename(&self.part, &path)?;
        durable::sync_folder(durable::parent(&path))?;
        durable::remove(&self.record_path)?;
        self.shared.publish(&mut index, sidecar)
    }

    /// Removes the bytes.
    pub fn discard(self) -> Result<(), StoreError> {
        // The record first: without it the bytes are nobody's, and swept at the next opening.
        durable::remove(&self.record_path)?;
        durable::remove(&self.part)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.shared.transfers.end(&self.record.name);
    }
}

/// 4 GiB in parts of 8 MiB is 512 checksums; a record this large is damaged.
const MAX_RECORD_BYTES: u64 = 1 << 20;
