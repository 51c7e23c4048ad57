//! A new version of a zip package from the older one: only what changed crosses the network.
//!
//! The new version's central directory is fetched first; each entry whose data the older version
//! has is copied from there, the rest is fetched by ranges, in the order of the new file, so that
//! a delta is resumed like any download. Only the hash of the whole says that it is right; should
//! a foretold header have been wrong, the headers are fetched exactly, and after that the whole.

mod directory;
mod layout;

use std::{fs::File, sync::Arc};

use bytes::{Bytes, BytesMut};
use rawzip::FileReader;
use tokio_util::sync::CancellationToken;

use self::{
    directory::{Directory, DirectoryError, Tail},
    layout::{Piece, Twin},
};
use super::{
    FetchError,
    download::{self, pump},
    exchange::{Facts, Reply, Span},
    sink::{Load, Sink, restart},
    transfer::Job,
};
use crate::store::{Incoming, Sidecar};

/// Bytes fetched from the end at first: the directory of most packages, and any comment.
const TAIL_BYTES: u64 = 64 * 1024;
/// Largest central directory taken into memory.
const MAX_DIRECTORY_BYTES: u64 = 16 * 1024 * 1024;
/// Local headers fetched one by one, at most.
const MAX_HEADERS: usize = 4096;
/// A delta that moves more than this many hundredths of the package is not worth it.
const MOST_PERCENT: u64 = 90;

/// How a delta ended, when not well.
#[derive(Debug)]
pub(super) enum End {
    /// There is nothing to build on.
    NotHere,
    /// It cannot be done here; the whole can be tried.
    Declined(String),
    /// The transfer failed, as a whole one may have.
    Failed(FetchError),
}

impl<E: Into<FetchError>> From<E> for End {
    fn from(error: E) -> Self {
        match error.into() {
            // The origin lies about ranges: it may still give the whole.
            lie @ (FetchError::WrongRange { .. }
            | FetchError::Changed { .. }
            | FetchError::Overlong { .. }
            | FetchError::Short { .. }
            | FetchError::Encoded { .. }
            | FetchError::WrongLength { .. }) => Self::Declined(lie.to_string()),
            // Some origins refuse the range only; one that is busy is left alone.
            no @ FetchError::Status { status, .. } if status.is_client_error() => {
                Self::Declined(no.to_string())
            }
            other => Self::Failed(other),
        }
    }
}

/// The new version as its origin showed it first; every later answer must agree.
#[derive(Debug)]
struct Target {
    facts: Facts,
    tail: Tail,
    directory: Directory,
}

/// Is this a zip, by its media type?
fn is_zip(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or("").trim();
    essence.ends_with("+zip") || essence == "application/zip"
}

/// Fetches the new version as a delta on `job.older`, and publishes it.
pub(super) async fn fetch(job: &Job, stop: &CancellationToken) -> Result<Arc<Sidecar>, End> {
    let Some(older) = job.older.as_ref().filter(|_| is_zip(&job.wanted.offer.media_type)) else {
        return Err(End::NotHere);
    };
    let work = async {
        let file = open_older(job, older).await?;
        let target = survey(job).await?;
        let older = read_older(file.clone(), older.size, &target.directory).await?;
        Ok::<_, End>((file, target, older))
    };
    let (file, target, twins) =
        stop.run_until_cancelled(work).await.ok_or(FetchError::Stopped)??;
    for exact in [false, true] {
        let laid = lay_out(job, &target, &twins, exact);
        let pieces = match stop.run_until_cancelled(laid).await.ok_or(FetchError::Stopped)? {
            // The bytes that came before were wrong already: that is what to say.
            Err(End::Declined(_)) if exact => break,
            laid => laid?,
        };
        let incoming = build(job, stop, &target, pieces, file.clone()).await?;
        match job.commit(incoming).await {
            Ok(sidecar) => return Ok(sidecar),
            Err(error) if error.is_mismatch() => {
                tracing::info!(holding = %job.wanted.key.holding, exact, "delta: the hash is not the announced one");
            }
            Err(error) => return Err(End::Failed(error)),
        }
    }
    Err(End::Declined("what was put together has not the announced hash".to_owned()))
}

async fn open_older(job: &Job, older: &Sidecar) -> Result<Arc<File>, End> {
    let (store, blob) = (job.store.clone(), older.blob);
    match super::sink::blocking(move || store.open_blob(&blob)).await {
        Ok(file) => Ok(Arc::new(file)),
        Err(error) => Err(End::Declined(format!("the version already here: {error}"))),
    }
}

/// Fetches the end of the new version, its central directory included.
async fn survey(job: &Job) -> Result<Target, End> {
    let declined = |reason: &str| Err(End::Declined(reason.to_owned()));
    let span = match job.wanted.offer.size {
        Some(0) => return declined("it is empty"),
        Some(size) => Span::Between(size.saturating_sub(TAIL_BYTES), size - 1),
        None => Span::Last(TAIL_BYTES),
    };
    let (answer, (first, last), facts) = match job.remote.ask(Some(span), None).await? {
        Reply::Part(answer, range, facts) => (answer, range, facts),
        Reply::Whole(..) => return declined("the origin does not answer ranges"),
        Reply::Unsatisfiable => return declined("the origin's copy has another size"),
    };
    if job.ticket(&facts).sha256.is_none() {
        return declined("no hash is announced");
    }
    if facts.etag.is_none() {
        return declined("the origin gives no strong entity tag");
    }
    if facts.length != Some(last + 1) || job.wanted.offer.size.is_some_and(|size| size != last + 1)
    {
        return declined("the origin's copy has another size");
    }
    let mut tail = Tail { start: first, bytes: collect(job, answer, last - first + 1).await? };
    let not_a_zip = |error: DirectoryError| End::Declined(format!("the new version: {error}"));
    let start = directory::directory_start(&tail, tail.size()).map_err(not_a_zip)?;
    if tail.size().saturating_sub(start) > MAX_DIRECTORY_BYTES {
        return declined("its central directory is too large");
    }
    if start < tail.start {
        let before = range(job, &facts, start, tail.start - start).await?;
        let mut bytes = BytesMut::from(before);
        bytes.extend_from_slice(&tail.bytes);
        tail = Tail { start, bytes: bytes.freeze() };
    }
    let directory = directory::read(&tail, tail.size()).map_err(not_a_zip)?;
    Ok(Target { facts, tail, directory })
}

/// The older version's entries whose data the new one has.
async fn read_older(file: Arc<File>, size: u64, new: &Directory) -> Result<Vec<Option<Twin>>, End> {
    let new = new.clone();
    let read = move || {
        let reader = FileReader::from(file.try_clone()?);
        let older = directory::read(&reader, size)?;
        let matches = layout::matches(&new, &older);
        // An entry that cannot be read is merely not used.
        let twin = |index: &usize| {
            let entry = older.entries.get(*index)?.clone();
            directory::twin(&reader, entry).ok()
        };
        Ok::<_, DirectoryError>(matches.iter().map(|found| found.as_ref().and_then(twin)).collect())
    };
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| FetchError::Task(error.to_string()))?
        .map_err(|error| End::Declined(format!("the version already here: {error}")))
}

/// Lays the new version out; with `exact`, from headers as they are instead of foretold ones.
async fn lay_out(
    job: &Job,
    target: &Target,
    twins: &[Option<Twin>],
    exact: bool,
) -> Result<Vec<Piece>, End> {
    let new = &target.directory;
    let foretell = |(entry, twin): (_, &Option<Twin>)| {
        twin.as_ref().filter(|_| !exact).and_then(|twin| layout::foretell(entry, twin))
    };
    let mut headers: Vec<_> = new.entries.iter().zip(twins).map(foretell).collect();
    let missing = layout::headers_to_fetch(new, twins, &headers);
    if missing.len() > MAX_HEADERS {
        return Err(End::Declined(format!("{} headers differ", missing.len())));
    }
    for (index, offset, len) in missing {
        let bytes = range(job, &target.facts, offset, len).await?;
        if let Some(header) = headers.get_mut(index) {
            *header = layout::cut_header(&bytes);
        }
    }
    let pieces = layout::lay_out(new, twins, &headers, &target.tail);
    let (size, fetched) = (target.tail.size(), layout::to_fetch(&pieces));
    if pieces.iter().map(Piece::len).sum::<u64>() != size {
        return Err(End::Declined("its entries do not fill it".to_owned()));
    }
    if fetched.saturating_mul(100) > size.saturating_mul(MOST_PERCENT) {
        return Err(End::Declined("too little of it is here already".to_owned()));
    }
    Ok(pieces)
}

/// Writes the pieces that are not there yet.
async fn build(
    job: &Job,
    stop: &CancellationToken,
    target: &Target,
    pieces: Vec<Piece>,
    older: Arc<File>,
) -> Result<Incoming, End> {
    let mut incoming = download::open(job).await?;
    let kept = incoming.ticket().etag.as_ref();
    if incoming.is_empty() || kept != target.facts.etag.as_ref() {
        incoming = restart(incoming, job.ticket(&target.facts)).await?;
    }
    let mut skip = incoming.len();
    job.meter.set_done(skip);
    job.meter.set_total(Some(target.tail.size()));
    let sink = Sink::open(incoming, Some(older), job.meter.clone());
    let work = async {
        for piece in pieces {
            let before = skip.min(piece.len());
            skip -= before;
            match piece.skip(before) {
                rest if rest.len() == 0 => {}
                Piece::Held(bytes) => {
                    if sink.push(Load::Bytes(bytes)).await.is_err() {
                        break;
                    }
                }
                Piece::Older { offset, len } => {
                    if sink.push(Load::Older { offset, len }).await.is_err() {
                        break;
                    }
                }
                Piece::Fetch { offset, len } => {
                    let answer = part(job, &target.facts, offset, len).await?;
                    let came = pump(job, answer, len, &sink).await?;
                    if came < len {
                        let url = (&job.remote.url).into();
                        return Err(FetchError::Short { url, got: came, expected: len });
                    }
                }
            }
        }
        Ok(())
    };
    let outcome = stop.run_until_cancelled(work).await;
    let (incoming, written) = sink.close().await?;
    job.meter.set_done(incoming.len());
    written?;
    outcome.ok_or(FetchError::Stopped)??;
    Ok(incoming)
}

/// Asks for one range of the same bytes as before, and nothing else will do.
async fn part(
    job: &Job,
    facts: &Facts,
    offset: u64,
    len: u64,
) -> Result<crate::net::client::Answer, FetchError> {
    let last = offset.saturating_add(len).saturating_sub(1);
    let span = Span::Between(offset, last);
    let url = || (&job.remote.url).into();
    match job.remote.ask(Some(span), facts.etag.as_deref()).await? {
        Reply::Part(_, (first, end), _) if (first, end) != (offset, last) => {
            let got = format!("{first}-{end}");
            Err(FetchError::WrongRange { url: url(), asked: span.to_string(), got })
        }
        Reply::Part(answer, _, said) if said.etag == facts.etag && said.length == facts.length => {
            Ok(answer)
        }
        // With `If-Range`, a 200 says that the bytes are others by now.
        _ => Err(FetchError::Changed { url: url() }),
    }
}

/// One range, into memory.
async fn range(job: &Job, facts: &Facts, offset: u64, len: u64) -> Result<Bytes, FetchError> {
    let answer = part(job, facts, offset, len).await?;
    collect(job, answer, len).await
}

async fn collect(
    job: &Job,
    mut answer: crate::net::client::Answer,
    len: u64,
) -> Result<Bytes, FetchError> {
    let mut all = BytesMut::new();
    while let Some(bytes) = answer.chunk().await? {
        job.meter.add_moved(bytes.len());
        if (all.len() + bytes.len()) as u64 > len {
            return Err(FetchError::Overlong { url: (&job.remote.url).into(), expected: len });
        }
        job.pace.pass(bytes.len() as u64).await;
        all.extend_from_slice(&bytes);
    }
    if (all.len() as u64) < len {
        let (url, got) = ((&job.remote.url).into(), all.len() as u64);
        return Err(FetchError::Short { url, got, expected: len });
    }
    Ok(all.freeze())
}
