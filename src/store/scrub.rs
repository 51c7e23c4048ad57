//! Reads packages back and checks that they are what their name says: all at once when asked
//! (`verify`), or a little at a time in the background, going on where it was after a restart.

use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BlobId, Sidecar, Store, StoreError, lock, sidecar};

const READ_BYTES: usize = 256 * 1024;
/// Bytes that `verify` reads between two words on its progress.
const VERIFY_STEP_BYTES: u64 = 8 << 20;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Packages read whole.
    pub checked: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Packages whose bytes are not what their name says: set aside, to be fetched again.
    pub damaged: Vec<Sidecar>,
    /// Sidecars that were damaged or gone, and written again.
    pub mended: u64,
}

/// What one step of the scrub did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScrubStep {
    /// Bytes read.
    pub bytes: u64,
    /// A package came to its end and is whole.
    pub whole: Option<BlobId>,
    /// A package came to its end, was damaged, and was set aside.
    pub damaged: Option<Arc<Sidecar>>,
    /// A sidecar was written again.
    pub mended: bool,
}

/// The document with the moment at which a round ended last.
const ROUND: &str = "scrub-round";
/// Rounds of a small store follow one another: the moment is written down this often at most.
const NOTED_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// A reading under way. Blocking, a step at a time; whoever calls sets the pace.
#[derive(Debug)]
pub struct Scrub {
    store: Store,
    after: Option<BlobId>,
    open: Option<Open>,
    noted: Option<Timestamp>,
}

#[derive(Debug)]
struct Open {
    package: Arc<Sidecar>,
    file: File,
    hasher: Sha256,
    read: u64,
}

impl Store {
    /// The background scrub, going on after the last package it found whole.
    pub fn scrub(&self) -> Scrub {
        let after = self.shared.index().and_then(|mut index| index.scrubbed()).ok().flatten();
        Scrub { store: self.clone(), after, open: None, noted: self.scrubbed_at().ok().flatten() }
    }

    /// When the background scrub last had read every package, to the hour; nothing: it never had.
    /// Blocking.
    pub fn scrubbed_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let kept = self.document(ROUND)?;
        Ok(kept.and_then(|bytes| str::from_utf8(&bytes).ok()?.parse().ok()))
    }

    /// Reads every blob and checks its hash; `progress` is told (bytes done, bytes in all) and
    /// may stop it by returning `false`.
    pub fn verify(
        &self,
        progress: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<Verified, StoreError> {
        let packages = self.packages();
        let total = packages.iter().map(|p| p.size).sum();
        let mut found = Verified::default();
        for package in packages.iter() {
            let mut scrub = Scrub { store: self.clone(), after: None, open: None, noted: None };
            if !scrub.open(package.clone())? {
                continue; // Removed meanwhile.
            }
            while scrub.open.is_some() {
                let step = scrub.read_on(VERIFY_STEP_BYTES)?;
                found.bytes += step.bytes;
                found.mended += u64::from(step.mended);
                found.checked += u64::from(step.whole.is_some() || step.damaged.is_some());
                found.damaged.extend(step.damaged.map(|d| d.as_ref().clone()));
                if !progress(found.bytes, total) {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }
}

impl Scrub {
    /// Reads at most `most` bytes more; goes around for ever. An empty store reads nothing.
    pub fn step(&mut self, most: u64) -> Result<ScrubStep, StoreError> {
        if self.open.is_none() {
            let packages = self.store.packages();
            let further = |p: &&Arc<Sidecar>| self.after.is_none_or(|after| p.blob > after);
            let next = packages.iter().filter(further).min_by_key(|p| p.blob);
            let round = next.is_none() && !packages.is_empty();
            let next = next.or_else(|| packages.iter().min_by_key(|p| p.blob));
            let Some(next) = next.cloned() else { return Ok(ScrubStep::default()) };
            if round {
                self.note_round(Timestamp::now())?;
            }
            self.after = Some(next.blob);
            if !self.open(next)? {
                return Ok(ScrubStep::default());
            }
        }
        let step = self.read_on(most)?;
        if let Some(blob) = &step.whole {
            self.store.shared.index()?.put_scrubbed(blob)?;
        }
        Ok(step)
    }

    fn note_round(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.noted.is_none_or(|at| now.duration_since(at).abs() >= NOTED_EVERY) {
            self.store.keep_document(ROUND, now.to_string().as_bytes())?;
            self.noted = Some(now);
        }
        Ok(())
    }

    fn open(&mut self, package: Arc<Sidecar>) -> Result<bool, StoreError> {
        let file = match self.store.open_blob(&package.blob) {
            Err(StoreError::Unknown { .. }) => return Ok(false),
            file => file?,
        };
        self.open = Some(Open { package, file, hasher: Sha256::new(), read: 0 });
        Ok(true)
    }

    fn read_on(&mut self, most: u64) -> Result<ScrubStep, StoreError> {
        let mut step = ScrubStep::default();
        let Some(open) = &mut self.open else { return Ok(step) };
        let mut buffer = vec![0; READ_BYTES];
        let mut ended = false;
        while step.bytes < most && !ended {
            // An unreadable sector is damage, like a changed one.
            let read = open.file.read_at(&mut buffer, open.read).unwrap_or(0);
            open.hasher.update(&buffer[..read]);
            open.read += read as u64;
            step.bytes += read as u64;
            ended = read == 0 || open.read > open.package.size;
        }
        if ended && let Some(open) = self.open.take() {
            self.conclude(open, &mut step)?;
        }
        Ok(step)
    }

    fn conclude(&self, open: Open, step: &mut ScrubStep) -> Result<(), StoreError> {
        let package = open.package;
        if BlobId(open.hasher.finalize().into()) == package.blob {
            step.mended = self.mend_sidecar(&package)?;
            step.whole = Some(package.blob);
            return Ok(());
        }
        tracing::error!(blob = %package.blob, holding = package.description.holding,
            "package damaged on disk: set aside, to be fetched again");
        match self.store.quarantine(&package.blob) {
            Ok(()) => step.damaged = Some(package),
            Err(StoreError::Unknown { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn mend_sidecar(&self, package: &Arc<Sidecar>) -> Result<bool, StoreError> {
        let layout = &self.store.shared.layout;
        if sidecar::read(layout, &package.blob)?.as_ref() == Some(package) {
            return Ok(false);
        }
        // Not while a commit or a removal writes it.
        let _index = lock(&self.store.shared.index);
        match self.store.package(&package.blob) {
            Some(now) => sidecar::write(layout, &now).map(|()| true),
            None => Ok(false),
        }
    }
}
