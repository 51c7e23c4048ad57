//! One line of the account: begun where a place is asked for, told what is decided and carried, and
//! handed to the journal when the last who holds it lets go. It is counted, account or not.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use jiff::Timestamp;

use super::{
    asked::Asked,
    dial::DialError,
    judged::{Denial, Ruling},
    origins::FetchError,
    refusal::Why,
    serve::Seat,
    tally,
};
use crate::{
    filter::host::Host,
    journal::{Journal, Record, Verdict},
    net::{
        frames::Frames,
        tally::{Came, Tally},
    },
};

/// Bytes of a connection, either way.
#[derive(Debug, Default)]
pub struct Counts {
    /// From the device.
    pub up: AtomicU64,
    /// To the device.
    pub down: AtomicU64,
}

/// A line being written, where an account is kept. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Note {
    line: Option<Arc<Line>>,
    /// Where it is counted; nothing: it is not.
    tally: Option<Arc<Tally>>,
}

#[derive(Debug)]
struct Line {
    journal: Journal,
    begun: Instant,
    counts: Counts,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    record: Record,
    category: Option<Arc<str>>,
}

impl Note {
    /// Of a device that asks for this place, or for one that leads nowhere.
    pub fn begin(
        journal: Option<&Journal>,
        tally: &Arc<Tally>,
        seat: &Seat,
        asked: Option<&Asked>,
    ) -> Self {
        let tally = Some(tally.clone());
        let Some(journal) = journal.cloned() else { return Self { line: None, tally } };
        let name = asked.and_then(|asked| asked.host.name()).map(|name| Arc::from(name.as_str()));
        let written = asked.and_then(|asked| match asked.host {
            Host::Address(address) => Some(address),
            Host::Name(_) => None,
        });
        let record = Record {
            at: Timestamp::now(),
            lasted: 0,
            device: SocketAddr::new(seat.device, seat.port),
            session: None,
            profile: None,
            destination: seat.original.map(|original| original.ip()).or(written),
            port: asked.map(|asked| asked.port).or(seat.original.map(|to| to.port())).unwrap_or(0),
            name,
            up: 0,
            down: 0,
            verdict: Verdict::Carried,
            doubt: true,
        };
        let told = Mutex::new(Told { record, category: None });
        let (begun, counts) = (Instant::now(), Counts::default());
        Self { line: Some(Arc::new(Line { journal, begun, counts, told })), tally }
    }

    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        if let Some(line) = &self.line {
            tell(&mut line.told.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The name that the device asked for, once that is known.
    pub fn asks(&self, asked: &Asked) {
        let name = asked.host.name().map(|name| Arc::from(name.as_str()));
        self.tell(|told| told.record.name = name);
    }

    /// By whose rules it was judged, and who was there.
    pub fn judged(&self, ruling: &Ruling) {
        self.tell(|told| {
            told.record.profile.clone_from(&ruling.profile);
            told.record.session.clone_from(&ruling.session);
        });
    }

    /// Where the connection leads; another proxy on the way is no destination.
    pub fn leads_to(&self, address: Option<IpAddr>) {
        self.tell(|told| told.record.destination = address.or(told.record.destination));
    }

    /// Where that can be told later.
    pub fn destination(&self) -> Destination {
        Destination(self.line.as_ref().map(Arc::downgrade).unwrap_or_default())
    }

    /// It was denied.
    pub fn denied(&self, denial: &Denial) {
        self.tell(|told| {
            told.record.verdict = Verdict::Denied;
            told.category = denial.category.as_deref().map(Arc::from);
        });
    }

    /// How it ended.
    pub fn ends(&self, verdict: Verdict) {
        self.tell(|told| told.record.verdict = verdict);
    }

    /// What came of it: it is counted so.
    pub fn came(&self, came: Came) {
        if let Some(tally) = &self.tally {
            tally.came(came);
        }
    }

    /// Nothing was carried, and why.
    pub fn refused(&self, why: &Why) {
        self.came(tally::came(why));
        match why {
            Why::Denied(denial) => self.denied(denial),
            Why::Port(_)
            | Why::Loop
            | Why::Method
            | Why::Target(_)
            | Why::Fetch(FetchError::Dial(DialError::Prohibited(_))) => self.ends(Verdict::Refused),
            Why::Broken | Why::Fetch(_) => self.ends(Verdict::Failed),
        }
    }

    /// What is carried, where it is counted.
    pub fn counts(&self) -> Option<&Counts> {
        self.line.as_ref().map(|line| &line.counts)
    }
}

/// Where a line's connection led, told by whoever makes it. It does not keep the line from its end: what
/// is fetched for the cache goes on after the device has left.
#[derive(Debug, Clone, Default)]
pub struct Destination(Weak<Line>);

impl Destination {
    /// See [`Note::leads_to`].
    pub fn is(&self, address: Option<IpAddr>) {
        Note { line: self.0.upgrade(), tally: None }.leads_to(address);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let told = self.told.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut record = told.record.clone();
        record.at = Timestamp::now();
        record.lasted = u32::try_from(self.begun.elapsed().as_secs()).unwrap_or(u32::MAX);
        (record.up, record.down) = (self.counts.up.load(Relaxed), self.counts.down.load(Relaxed));
        self.journal.note(record, told.category.take());
    }
}

/// An answer's body on its way to the device, counted.
#[derive(Debug)]
pub struct Counted {
    /// The body.
    pub body: Frames,
    /// Where it is counted.
    pub note: Note,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let (Some(counts), Some(Ok(frame))) = (self.note.counts(), &frame) {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            counts.down.fetch_add(bytes as u64, Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
