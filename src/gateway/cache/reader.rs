//! Reads a stored body for one client: what is here at once, what comes as it comes, and what is
//! missing by asking the origin for it.

use std::{fs::File, io, sync::Arc};

use futures_util::stream;
use http::{
    Method, Response, StatusCode,
    header::{IF_RANGE, RANGE},
};
use http_body_util::BodyExt;
use tokio::sync::watch;

use super::{
    Carried, SLICE_BYTES, Shared, conditions,
    content::{Content, Rest, Step},
    entry::Entry,
    fill::Fill,
    handle::Visit,
    head::{Validators, content_length},
    index::Place,
    ranges,
};
use crate::net::body::{Flow, Segment};

/// Times in a row that a reader asks for missing bytes and gets none.
const MAX_TRIES: u32 = 3;

/// The missing bytes could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoBytes {
    /// Nothing says that what the origin has is the same version.
    #[error("what is stored cannot be completed: it has no strong validator")]
    Uncertain,
    /// The origin has another version.
    #[error("the origin has another version")]
    Changed,
    /// The origin does not answer, or not so.
    #[error("the origin did not give the missing bytes")]
    Origin,
    /// Nowhere to put them.
    #[error("no room for the missing bytes")]
    Room,
}

/// Where the bytes come from that are not here.
#[derive(Clone)]
pub(super) struct Source {
    visit: Visit,
    entry: Arc<Entry>,
}

impl Source {
    pub(super) fn new(visit: &Visit, entry: &Arc<Entry>) -> Self {
        Self { visit: visit.clone(), entry: entry.clone() }
    }

    /// Asks for the missing bytes at `at`; returns once they begin to come, or somebody else has
    /// asked for them.
    pub(super) async fn fill(&self, at: u64, until: u64) -> Result<(), NoBytes> {
        let (content, shared) = (&self.entry.content, &self.visit.shared);
        let total = content.total().ok_or(NoBytes::Uncertain)?;
        let validator = self.entry.head().strong_validator();
        if validator.is_none() && !self.visit.asked.slices {
            return Err(NoBytes::Uncertain);
        }
        let gap = if self.visit.asked.slices {
            let start = at - at % SLICE_BYTES;
            content.gap_around(at, start..total.min(start + SLICE_BYTES))
        } else {
            match content.step(at, until.min(total)) {
                Step::Gap(gap) => gap,
                _ => return Ok(()),
            }
        };
        let Some(mut filling) = content.begin(gap.clone()) else { return Ok(()) };
        let charged = gap.end - gap.start;
        let place = if content.is_on_disk() { Place::Disk } else { Place::Memory };
        let room = shared.index.grow(&self.entry, place, charged);
        shared.bury(room.gone);
        if !room.fits {
            return Err(NoBytes::Room);
        }
        match self.ask(&gap, validator).await {
            Ok((end, response)) => {
                filling.shorten(end);
                let fill = Fill::new(shared, &self.entry, filling, charged);
                shared.tracker.spawn(fill.run(response.into_body()));
                Ok(())
            }
            Err(error) => {
                shared.index.shrink(&self.entry, place, charged);
                if matches!(error, NoBytes::Changed) {
                    shared.forget(&self.entry);
                }
                Err(error)
            }
        }
    }

    /// Asks the origin for a gap, of this very version.
    async fn ask(
        &self,
        gap: &std::ops::Range<u64>,
        validator: Option<http::HeaderValue>,
    ) -> Result<(u64, Response<Carried>), NoBytes> {
        let mut request = self.visit.asked.request();
        *request.method_mut() = Method::GET;
        let headers = request.headers_mut();
        conditions::strip(headers);
        headers.insert(RANGE, ranges::range(gap));
        if let Some(validator) = validator {
            headers.insert(IF_RANGE, validator);
        }
        let response = (self.visit.fetch)(request).await.map_err(|_| NoBytes::Origin)?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {}
            status if status.is_server_error() || status.is_informational() => {
                return Err(NoBytes::Origin);
            }
            _ => return Err(NoBytes::Changed),
        }
        let given = ranges::given(response.headers()).ok_or(NoBytes::Origin)?;
        let new = Validators::of(response.headers());
        let own = self.entry.head().validators();
        let same = given.total == self.entry.content.total() && own.agree(&new);
        if !same {
            return Err(NoBytes::Changed);
        }
        let length = given.range.end - given.range.start;
        let fits = given.range.start == gap.start
            && given.range.end <= gap.end
            && content_length(response.headers()).is_none_or(|told| told == length);
        if fits { Ok((given.range.end, response)) } else { Err(NoBytes::Origin) }
    }

    /// Asks for the slice after the one that is read, so that it is here in time.
    fn ahead(&self, at: u64) {
        let Some(total) = self.entry.content.total() else { return };
        let next = at - at % SLICE_BYTES + SLICE_BYTES;
        if self.visit.asked.slices && next < total {
            let end = total.min(next + SLICE_BYTES);
            if let Some(gap) = self.entry.content.next_gap(next..end) {
                let source = self.clone();
                let tracker = self.visit.shared.tracker.clone();
                tracker.spawn(async move {
                    // Whoever gets there will see what it is.
                    let _ = source.fill(gap.start, gap.end).await;
                });
            }
        }
    }
}

/// One client's place in a stored body.
pub(super) struct Reader {
    shared: Arc<Shared>,
    id: u64,
    content: Arc<Content>,
    seen: watch::Receiver<()>,
    at: u64,
    until: u64,
    file: Option<Arc<File>>,
    source: Option<Source>,
    rest: Option<Rest>,
    tries: u32,
}

impl Reader {
    pub(super) fn new(
        shared: &Arc<Shared>,
        entry: &Arc<Entry>,
        range: std::ops::Range<u64>,
        file: Option<Arc<File>>,
        source: Option<Source>,
    ) -> Self {
        let content = entry.content.clone();
        Self {
            shared: shared.clone(),
            id: entry.id,
            seen: content.watch(),
            content,
            at: range.start,
            until: range.end,
            file,
            source,
            rest: None,
            tries: 0,
        }
    }

    /// The body, run by run.
    pub(super) fn flow(self) -> Flow {
        let length = (self.until != u64::MAX).then(|| self.until - self.at);
        let runs = stream::unfold(Some(self), |reader| async {
            let mut reader = reader?;
            match reader.next().await {
                Some(Ok(run)) => Some((Ok(run), Some(reader))),
                // After an error there is nothing.
                Some(Err(error)) => Some((Err(error), None)),
                None => None,
            }
        });
        Flow::new(length, runs)
    }

    async fn next(&mut self) -> Option<io::Result<Segment>> {
        loop {
            if self.rest.is_some() {
                return self.unstored().await.map(|run| run.map(Segment::Bytes));
            }
            self.seen.mark_unchanged();
            match self.content.step(self.at, self.until) {
                Step::End => return None,
                Step::Bytes(bytes) => {
                    self.moved(bytes.len() as u64);
                    return Some(Ok(Segment::Bytes(bytes)));
                }
                Step::File(range) => {
                    let (offset, len) = (range.start, range.end - range.start);
                    let file = match self.file().await {
                        Ok(file) => file,
                        Err(error) => return Some(Err(error)),
                    };
                    self.moved(len);
                    return Some(Ok(Segment::File { file, offset, len }));
                }
                Step::Coming => {
                    if self.seen.changed().await.is_err() {
                        return Some(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                }
                Step::Gap(_) => {
                    if let Err(error) = self.bridge().await {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    fn moved(&mut self, length: u64) {
        self.at += length;
        self.tries = 0;
        if let Some(source) = &self.source {
            source.ahead(self.at.saturating_sub(1));
        }
    }

    /// Bytes are missing: those that could not be stored, or the origin's.
    async fn bridge(&mut self) -> io::Result<()> {
        self.rest = self.content.take_rest(self.at);
        if self.rest.is_some() {
            return Ok(());
        }
        self.tries += 1;
        let source = self.source.as_ref().filter(|_| self.tries <= MAX_TRIES);
        let source = source.ok_or(io::ErrorKind::UnexpectedEof)?;
        source.fill(self.at, self.until).await.map_err(io::Error::other)
    }

    async fn unstored(&mut self) -> Option<io::Result<bytes::Bytes>> {
        let (runs, body) = self.rest.as_mut()?;
        if !runs.is_empty() {
            return Some(Ok(runs.remove(0)));
        }
        loop {
            match body.frame().await? {
                Err(error) => return Some(Err(io::Error::other(error))),
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
            }
        }
    }

    async fn file(&mut self) -> io::Result<Arc<File>> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let file = self.shared.open(self.id).await?;
        self.file = Some(file.clone());
        Ok(file)
    }
}

impl Shared {
    /// The file of an entry: at once if it is open, else from the blocking pool.
    pub(super) async fn open(&self, id: u64) -> io::Result<Arc<File>> {
        let disk = self.disk.clone().ok_or(io::ErrorKind::NotFound)?;
        if let Some(file) = disk.opened(id) {
            return Ok(file);
        }
        tokio::task::spawn_blocking(move || disk.read(id)).await.map_err(io::Error::other)?
    }
}
