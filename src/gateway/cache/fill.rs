//! Takes the bytes of one answer as they come and puts them where they are kept. Readers follow at
//! their own pace; the fill goes on when they leave, where that is worth it.

use std::{fs::File, io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::BodyExt;

use super::{
    Carried, SMALL_BYTES, Shared, content::Filling, disk, entry::Entry, index::Place, rest::Rest,
};

/// An origin that sends nothing for so long is given up.
const STALL: Duration = Duration::from_mins(2);
/// Bytes that are written at once.
const BATCH_BYTES: u64 = 512 * 1024;
/// Bytes for which room is asked at once, where the length is not known.
const STEP_BYTES: u64 = 8 << 20;
/// Bytes that are still fetched when nobody waits for them any more.
const WORTH_BYTES: u64 = 8 << 20;

/// Why a fill ended before its time.
#[derive(Debug)]
enum Stopped {
    /// The origin broke off, or sent more than it said.
    Origin,
    /// Nobody waits for the bytes.
    Nobody,
    /// No room, or the disk failed: these bytes, from here on, and the rest are for whoever waits.
    Disk(u64, Vec<Bytes>),
}

/// A fill under way.
#[derive(Debug)]
pub(super) struct Fill {
    shared: Arc<Shared>,
    entry: Arc<Entry>,
    filling: Filling,
    /// Bytes for which room was asked.
    charged: u64,
    /// Where it began.
    start: u64,
    /// Held open: what the index lets go meanwhile still comes whole to those who wait.
    file: Option<Arc<File>>,
}

impl Fill {
    /// `charged` bytes have been counted for it in the index; `file` is the entry's, if it has one.
    pub(super) fn new(
        shared: &Arc<Shared>,
        entry: &Arc<Entry>,
        filling: Filling,
        charged: u64,
        file: Option<Arc<File>>,
    ) -> Self {
        let start = filling.at();
        Self { shared: shared.clone(), entry: entry.clone(), filling, charged, start, file }
    }

    /// Takes all there is.
    pub(super) async fn run(mut self, body: Carried) {
        // A batch may end with the body, which is then looked at once more.
        let mut body = Carried::new(body.fuse());
        let token = self.shared.token.clone();
        match token.run_until_cancelled(self.take_all(&mut body)).await {
            Some(Ok(())) => self.finish(),
            Some(Err(Stopped::Disk(at, batch))) => {
                // The index first: nobody new joins what will not be whole.
                self.shared.forget(&self.entry);
                let rest = Rest::new(at, self.filling.end(), batch, body);
                self.entry.content.hand_over(rest);
            }
            Some(Err(Stopped::Origin | Stopped::Nobody)) | None => self.break_off(),
        }
    }

    async fn take_all(&mut self, body: &mut Carried) -> Result<(), Stopped> {
        while let Some(batch) = next_batch(body).await? {
            let length = batch.iter().map(|run| run.len() as u64).sum::<u64>();
            if length > self.filling.left() {
                return Err(Stopped::Origin);
            }
            let at = self.filling.at();
            if let Err(error) = self.write(&batch, length).await {
                tracing::debug!(%error, "a response cannot be stored on: it passes to who reads it");
                return Err(Stopped::Disk(at, batch));
            }
            if !self.is_worth_it() && self.filling.leave() {
                return Err(Stopped::Nobody);
            }
        }
        if self.filling.is_short() { Err(Stopped::Origin) } else { Ok(()) }
    }

    fn is_worth_it(&self) -> bool {
        let left = self.filling.left();
        let done = self.filling.at() - self.start;
        left <= WORTH_BYTES.max(done)
    }

    async fn write(&mut self, batch: &[Bytes], length: u64) -> io::Result<()> {
        let at = self.filling.at();
        if !self.entry.content.is_on_disk() {
            if at + length <= SMALL_BYTES || self.entry.content.total().is_some() {
                return self.put(batch);
            }
            self.spill(length).await?;
        }
        let done = at - self.start;
        if done + length > self.charged {
            let more = length.max(STEP_BYTES);
            let room = self.shared.index.grow(&self.entry, Place::Disk, more);
            self.shared.bury(room.gone);
            if !room.fits || at + length > self.shared.longest {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.charged += more;
        }
        let (disk, runs) = (self.disk()?, batch.to_vec());
        let file = self.file.clone().ok_or(io::ErrorKind::NotFound)?;
        blocking(move || {
            disk.has_room(length)?;
            disk::write(&file, at, &runs)
        })
        .await?;
        many(self.filling.written(length))
    }

    fn put(&mut self, batch: &[Bytes]) -> io::Result<()> {
        for run in batch {
            many(self.filling.put(run.clone()))?;
        }
        Ok(())
    }

    /// A body whose length was not known grew too large for memory.
    async fn spill(&mut self, length: u64) -> io::Result<()> {
        let (disk, id) = (self.disk()?, self.entry.id);
        let here = self.filling.at() - self.start;
        let charge = here + length + STEP_BYTES;
        let Some(pieces) = self.entry.content.pieces() else { return Ok(()) };
        let (far, held) = (disk.clone(), pieces);
        let file = blocking(move || {
            let file = far.create(id, charge)?;
            let write = |(at, piece)| disk::write(&file, at, &[piece]);
            held.into_iter().try_for_each(write).inspect_err(|_| far.remove(id))?;
            Ok(file)
        })
        .await?;
        let room = self.shared.index.move_to_disk(&self.entry, charge);
        self.shared.bury(room.gone);
        if !room.fits {
            blocking(move || {
                disk.remove(id);
                Ok(())
            })
            .await?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.entry.content.moved_to_disk(file.clone());
        self.file = Some(file);
        self.charged = charge;
        Ok(())
    }

    fn disk(&self) -> io::Result<Arc<disk::Disk>> {
        self.shared.disk.clone().ok_or_else(|| io::ErrorKind::StorageFull.into())
    }

    /// Every byte has come.
    fn finish(self) {
        self.give_back();
        self.filling.finish();
        self.shared.keep_note(&self.entry);
    }

    /// What has come is kept where the rest can be asked for later, and forgotten elsewhere.
    fn break_off(self) {
        self.give_back();
        let head = self.entry.head();
        drop(self.filling);
        let known = self.entry.content.total().is_some() && self.entry.content.bytes() > 0;
        if known && (head.strong_validator().is_some() || head.validators().any()) {
            self.shared.keep_note(&self.entry);
        } else {
            self.shared.forget(&self.entry);
        }
    }

    /// Room that was asked for and not taken.
    fn give_back(&self) {
        let spare = self.charged.saturating_sub(self.filling.at() - self.start);
        let place = if self.entry.content.is_on_disk() { Place::Disk } else { Place::Memory };
        self.shared.index.shrink(&self.entry, place, spare);
    }
}

/// What has come, up to a batch; waits for the first bytes only. `None` at the end.
async fn next_batch(body: &mut Carried) -> Result<Option<Vec<Bytes>>, Stopped> {
    let (mut batch, mut length) = (Vec::new(), 0);
    loop {
        let next = if batch.is_empty() {
            tokio::time::timeout(STALL, body.frame()).await.map_err(|_| Stopped::Origin)?
        } else {
            match body.frame().now_or_never() {
                Some(next) => next,
                None => return Ok(Some(batch)),
            }
        };
        let Some(frame) = next else {
            return Ok((!batch.is_empty()).then_some(batch));
        };
        // Trailers end with the connection (RFC 9110 §6.5.1).
        let Ok(data) = frame.map_err(|_| Stopped::Origin)?.into_data() else { continue };
        if data.is_empty() {
            continue;
        }
        length += data.len() as u64;
        batch.push(data);
        if length >= BATCH_BYTES {
            return Ok(Some(batch));
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn many(added: bool) -> io::Result<()> {
    if added { Ok(()) } else { Err(io::Error::other("held in too many pieces")) }
}
