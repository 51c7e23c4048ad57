//! Reads a stored body for one client: what is here at once, what comes as it comes, and what is
//! missing by asking the origin for it.

use std::{fs::File, io, ops::Range, sync::Arc};

use futures_util::stream;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{IF_RANGE, RANGE},
};

use super::{
    Carried, SLICE_BYTES, Shared, conditions,
    content::{Joined, Step},
    entry::Entry,
    fill::Fill,
    handle::Visit,
    head::{Validators, content_length},
    index::Place,
    ranges::{self, Given},
    rest::Rest,
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
    /// The origin has this very version, and gives it whole or not at all.
    #[error("the origin does not give parts")]
    Whole,
    /// Nowhere to put them: the cache has no room, or let the entry go.
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
        let validator = self.validator()?;
        // Where the length is not known, what broke off is kept by nobody.
        let total = content.total().filter(|_| !self.entry.is_dropped()).ok_or(NoBytes::Room)?;
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
        let file = shared.file_of(&self.entry).await.map_err(|_| NoBytes::Room)?;
        let charged = gap.end - gap.start;
        let place = if file.is_some() { Place::Disk } else { Place::Memory };
        let room = shared.index.grow(&self.entry, place, charged);
        shared.bury(room.gone);
        if !room.fits {
            return Err(NoBytes::Room);
        }
        let charge = Charge { source: self, place, bytes: charged };
        match self.ask(&gap, validator.as_ref()).await {
            Ok((given, response)) => {
                filling.shorten(given.range.end);
                charge.goes_to(Fill::new(shared, &self.entry, filling, charged, file), response);
                Ok(())
            }
            Err(error) => {
                if matches!(error, NoBytes::Changed) {
                    shared.forget(&self.entry);
                }
                Err(error)
            }
        }
    }

    /// The bytes from `at` on for one reader alone, who was promised them: what is stored takes no
    /// more, or the origin gives no parts. And how long the whole is, where that is known.
    async fn past(&self, at: u64, until: u64) -> Result<(Rest, Option<u64>), NoBytes> {
        let (validator, total) = (self.validator()?, self.entry.content.total());
        let gap = at..until.min(total.unwrap_or(u64::MAX));
        let (start, end, total, response) = match self.ask(&gap, validator.as_ref()).await {
            Ok((given, response)) => (given.range.start, given.range.end, given.total, response),
            Err(NoBytes::Whole) => {
                let response = self.send(None).await?;
                if !self.is_whole(&response) {
                    return Err(NoBytes::Changed);
                }
                (0, gap.end, total.or(content_length(response.headers())), response)
            }
            Err(error) => return Err(error),
        };
        Ok((Rest::new(start, end, Vec::new(), response.into_body()), total))
    }

    /// What says that bytes are of this very version. Slices of system updates need none: whatever
    /// both answers say must agree.
    fn validator(&self) -> Result<Option<HeaderValue>, NoBytes> {
        match self.entry.head().strong_validator() {
            None if !self.visit.asked.slices => Err(NoBytes::Uncertain),
            validator => Ok(validator),
        }
    }

    /// Asks the origin for a part of this version, or for the whole.
    async fn send(
        &self,
        part: Option<(&Range<u64>, Option<&HeaderValue>)>,
    ) -> Result<Response<Carried>, NoBytes> {
        let mut request = self.visit.asked.request();
        *request.method_mut() = Method::GET;
        let headers = request.headers_mut();
        conditions::strip(headers);
        if let Some((range, validator)) = part {
            headers.insert(RANGE, ranges::range(range));
            if let Some(validator) = validator {
                headers.insert(IF_RANGE, validator.clone());
            }
        }
        (self.visit.fetch)(request).await.map_err(|_| NoBytes::Origin)
    }

    /// Asks the origin for a gap, of this very version; says which of its bytes come.
    async fn ask(
        &self,
        gap: &Range<u64>,
        validator: Option<&HeaderValue>,
    ) -> Result<(Given, Response<Carried>), NoBytes> {
        let response = self.send(Some((gap, validator))).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {}
            status if status.is_server_error() || status.is_informational() => {
                return Err(NoBytes::Origin);
            }
            _ if validator.is_some() && self.is_whole(&response) => return Err(NoBytes::Whole),
            _ => return Err(NoBytes::Changed),
        }
        let given = ranges::given(response.headers()).ok_or(NoBytes::Origin)?;
        let total = self.entry.content.total();
        let same = (total.is_none() || given.total == total) && self.agrees(&response);
        if !same {
            return Err(NoBytes::Changed);
        }
        let length = given.range.end - given.range.start;
        let fits = given.range.start == gap.start
            && given.range.end <= gap.end
            && content_length(response.headers()).is_none_or(|told| told == length);
        if fits { Ok((given, response)) } else { Err(NoBytes::Origin) }
    }

    fn agrees(&self, response: &Response<Carried>) -> bool {
        self.entry.head().validators().agree(&Validators::of(response.headers()))
    }

    /// Is it all of this very version?
    fn is_whole(&self, response: &Response<Carried>) -> bool {
        let (told, total) = (content_length(response.headers()), self.entry.content.total());
        response.status() == StatusCode::OK
            && self.agrees(response)
            && (told.is_none() || total.is_none() || told == total)
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

/// Room that was counted for bytes that are asked for: given back when the asking ends without them,
/// be it that whoever asked has left.
struct Charge<'a> {
    source: &'a Source,
    place: Place,
    bytes: u64,
}

impl Charge<'_> {
    /// The bytes come.
    fn goes_to(mut self, fill: Fill, response: Response<Carried>) {
        self.bytes = 0;
        self.source.visit.shared.tracker.spawn(fill.run(response.into_body()));
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        self.source.visit.shared.index.shrink(&self.source.entry, self.place, self.bytes);
    }
}

/// One client's place in a stored body.
pub(super) struct Reader {
    shared: Arc<Shared>,
    id: u64,
    joined: Joined,
    at: u64,
    /// `u64::MAX` where the length is not known.
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
        range: Range<u64>,
        file: Option<Arc<File>>,
        source: Option<Source>,
    ) -> Self {
        Self {
            shared: shared.clone(),
            id: entry.id,
            joined: entry.content.join(),
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
            if let Some(rest) = &mut self.rest {
                match rest.next(self.at, self.until).await {
                    Some(Ok(bytes)) => {
                        self.moved(bytes.len() as u64);
                        return Some(Ok(Segment::Bytes(bytes)));
                    }
                    // Nothing but the end told how long it is.
                    None if self.until == u64::MAX => return None,
                    // What is missing still shows as a gap.
                    _ => self.rest = None,
                }
            }
            self.joined.mark_seen();
            match self.joined.content().step(self.at, self.until) {
                Step::End => return None,
                Step::Bytes(bytes) => {
                    self.moved(bytes.len() as u64);
                    self.look_ahead();
                    return Some(Ok(Segment::Bytes(bytes)));
                }
                Step::File(range) => {
                    let (offset, len) = (range.start, range.end - range.start);
                    let file = match self.file().await {
                        Ok(file) => file,
                        Err(error) => return Some(Err(error)),
                    };
                    self.moved(len);
                    self.look_ahead();
                    return Some(Ok(Segment::File { file, offset, len }));
                }
                Step::Coming => self.joined.changed().await,
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
    }

    fn look_ahead(&self) {
        if let Some(source) = &self.source {
            source.ahead(self.at.saturating_sub(1));
        }
    }

    /// Bytes are missing: those that could not be stored, or the origin's.
    async fn bridge(&mut self) -> io::Result<()> {
        self.rest = self.joined.content().take_rest(self.at);
        if self.rest.is_some() {
            return Ok(());
        }
        self.tries += 1;
        let source = self.source.as_ref().filter(|_| self.tries <= MAX_TRIES);
        let source = source.ok_or(io::ErrorKind::UnexpectedEof)?;
        match source.fill(self.at, self.until).await {
            Err(NoBytes::Room | NoBytes::Whole) => {
                let (rest, total) =
                    source.past(self.at, self.until).await.map_err(io::Error::other)?;
                self.until = self.until.min(total.unwrap_or(u64::MAX));
                self.rest = Some(rest);
                Ok(())
            }
            filled => filled.map_err(io::Error::other),
        }
    }

    async fn file(&mut self) -> io::Result<Arc<File>> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let file = match self.joined.content().spilled() {
            Some(file) => file,
            None => self.shared.open(self.id).await?,
        };
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

    /// The file of an entry, if its bytes are in one.
    pub(super) async fn file_of(&self, entry: &Entry) -> io::Result<Option<Arc<File>>> {
        if entry.content.is_on_disk() { self.open(entry.id).await.map(Some) } else { Ok(None) }
    }
}
