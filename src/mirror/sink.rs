//! The writing end of a transfer: a blocking task behind a short queue, so that the network never
//! waits on the disk longer than it must and memory stays bounded.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use tokio::{sync::mpsc, task::JoinHandle};

use super::FetchError;
use crate::store::{Incoming, StoreError, Ticket};

/// Pieces queued for the disk; each is one read of the network, 64 KiB at most.
const QUEUE: usize = 8;
/// Bytes copied at a time from an older version.
const COPY_BYTES: usize = 256 * 1024;

/// Counters of one transfer, read while it runs.
#[derive(Debug, Default)]
pub(super) struct Meter {
    done: AtomicU64,
    moved: AtomicU64,
    /// 0 = not known.
    total: AtomicU64,
}

impl Meter {
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }
    pub fn total(&self) -> Option<u64> {
        Some(self.total.load(Ordering::Relaxed)).filter(|total| *total > 0)
    }
    pub fn set_done(&self, bytes: u64) {
        self.done.store(bytes, Ordering::Relaxed);
    }
    pub fn set_total(&self, bytes: Option<u64>) {
        self.total.store(bytes.unwrap_or(0), Ordering::Relaxed);
    }
    pub fn add_moved(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// What to write next.
#[derive(Debug)]
pub(super) enum Load {
    /// Bytes at hand.
    Bytes(Bytes),
    /// Bytes of the older version.
    Older { offset: u64, len: u64 },
}

/// Writes what is pushed, in order.
#[derive(Debug)]
pub(super) struct Sink {
    queue: mpsc::Sender<Load>,
    task: JoinHandle<(Incoming, Result<(), FetchError>)>,
}

/// The writer has failed; `close` says why.
#[derive(Debug)]
pub(super) struct Closed;

impl Sink {
    /// Starts the writer. It ends, its bytes made durable, when the sink is closed or dropped.
    pub fn open(incoming: Incoming, older: Option<Arc<File>>, meter: Arc<Meter>) -> Self {
        let (queue, loads) = mpsc::channel(QUEUE);
        let task = tokio::task::spawn_blocking(move || {
            write_all(incoming, loads, older.as_deref(), &meter)
        });
        Self { queue, task }
    }

    /// Queues a piece; waits while the disk is behind.
    pub async fn push(&self, load: Load) -> Result<(), Closed> {
        self.queue.send(load).await.map_err(|_| Closed)
    }

    /// Waits for the last write. The transfer comes back whatever happened to it.
    pub async fn close(self) -> Result<(Incoming, Result<(), FetchError>), FetchError> {
        drop(self.queue);
        self.task.await.map_err(|error| FetchError::Task(error.to_string()))
    }
}

fn write_all(
    mut incoming: Incoming,
    mut loads: mpsc::Receiver<Load>,
    older: Option<&File>,
    meter: &Meter,
) -> (Incoming, Result<(), FetchError>) {
    let mut outcome = Ok(());
    while let Some(load) = loads.blocking_recv() {
        outcome = match load {
            Load::Bytes(bytes) => incoming.append(&bytes).map_err(FetchError::from),
            Load::Older { offset, len } => copy(&mut incoming, older, offset, len, meter),
        };
        meter.set_done(incoming.len());
        if outcome.is_err() {
            break;
        }
    }
    // After a failed write the store decides what is durable; the first error is the one to tell.
    let kept = incoming.checkpoint().map_err(FetchError::from);
    (incoming, outcome.and(kept))
}

fn copy(
    incoming: &mut Incoming,
    older: Option<&File>,
    mut offset: u64,
    mut len: u64,
    meter: &Meter,
) -> Result<(), FetchError> {
    let older = older.ok_or_else(|| FetchError::Older(std::io::ErrorKind::NotFound.into()))?;
    let mut buffer = vec![0; COPY_BYTES];
    while len > 0 {
        let part = usize::try_from(len).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        let Some(piece) = buffer.get_mut(..part) else { break };
        older.read_exact_at(piece, offset).map_err(FetchError::Older)?;
        incoming.append(piece)?;
        meter.set_done(incoming.len());
        offset += part as u64;
        len -= part as u64;
    }
    Ok(())
}

/// Runs a blocking step of the store.
pub(super) async fn blocking<T: Send + 'static>(
    step: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, FetchError> {
    let done = tokio::task::spawn_blocking(step).await;
    Ok(done.map_err(|error| FetchError::Task(error.to_string()))??)
}

/// Forgets the bytes of a transfer and gives it another ticket.
pub(super) async fn restart(
    mut incoming: Incoming,
    ticket: Ticket,
) -> Result<Incoming, FetchError> {
    blocking(move || incoming.restart(ticket).map(|()| incoming)).await
}

/// Adds to a transfer's ticket what an answer said more.
pub(super) async fn learn(mut incoming: Incoming, ticket: Ticket) -> Result<Incoming, FetchError> {
    if incoming.ticket().length.is_some() || ticket.length.is_none() {
        return Ok(incoming);
    }
    blocking(move || incoming.learn(ticket).map(|()| incoming)).await
}
