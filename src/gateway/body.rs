//! Bodies on their way through: bounded in time, their connection given back at the end.

use std::{
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    clock::Clock,
    fairness::{Meter, Paced},
    fields,
    noted::Note,
    pool::Lease,
};

/// A body on its way, of a request or an answer.
pub type Carried = axum::body::Body;
/// Why a body breaks off.
type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// A body that brings nothing for this long is given up.
const STALL_TIMEOUT: Duration = Duration::from_mins(2);
/// RFC 9110 §10.1.1: whoever waits for 100 must not wait for ever.
const LONGEST_HOLD: Duration = Duration::from_secs(1);

/// A body that comes from a connection.
struct Streamed {
    inner: Incoming,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Over when the origin wants the body.
    held: Option<Pause>,
    /// Touched at each frame.
    clock: Arc<Clock>,
    /// Of an answer: the connection it comes by.
    lease: Option<Lease>,
    /// Whose turns it takes, when devices share the link.
    paced: Option<Paced>,
    /// Of a request: where its bytes are counted.
    note: Note,
    ended: bool,
}

type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A device's body, given to the origin. With `wanted` it is kept back until that is cancelled, for
/// a second at most: who sent `Expect: 100-continue` hears from the origin first.
pub fn of_device(
    inner: Incoming,
    clock: Arc<Clock>,
    wanted: Option<CancellationToken>,
    (note, meter): (Note, Option<Meter>),
) -> Carried {
    if http_body::Body::is_end_stream(&inner) {
        return Carried::empty();
    }
    let held = wanted.map(|wanted| -> Pause {
        Box::pin(async move {
            let _ = tokio::time::timeout(LONGEST_HOLD, wanted.cancelled()).await;
        })
    });
    let (lease, paced, ended) = (None, meter.map(Paced::new), false);
    Carried::new(Streamed { inner, stalled: None, held, clock, lease, paced, note, ended })
}

/// An origin's body, given to a device; the connection is free again when it is over.
pub fn of_origin(inner: Incoming, lease: Lease, meter: Option<Meter>) -> Carried {
    let (clock, lease) = (Arc::new(Clock::default()), Some(lease));
    let (held, paced) = (None, meter.map(Paced::new));
    let (note, ended) = (Note::default(), false);
    Carried::new(Streamed { inner, stalled: None, held, clock, lease, paced, note, ended })
}

type FrameResult = Option<Result<Frame<Bytes>, BodyError>>;

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<FrameResult> {
        let this = &mut *self;
        if let Some(held) = &mut this.held {
            ready!(held.as_mut().poll(cx));
            this.held = None;
        }
        if let Some(paced) = &mut this.paced {
            ready!(paced.poll_turn(cx));
        }
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            let stalled = this.stalled.get_or_insert_with(|| Box::pin(sleep(STALL_TIMEOUT)));
            ready!(stalled.as_mut().poll(cx));
            return Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())));
        };
        this.stalled = None;
        this.clock.touch();
        this.ended |= frame.is_none();
        if let (Some(counts), Some(Ok(frame))) = (this.note.counts(), &frame) {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            counts.up.fetch_add(bytes as u64, Relaxed);
        }
        if let (Some(paced), Some(Ok(frame))) = (&mut this.paced, &frame)
            && let Some(data) = frame.data_ref()
        {
            paced.took(data.len());
        }
        Poll::Ready(frame.map(|frame| match frame.map_err(BodyError::from)?.into_trailers() {
            Ok(trailers) => Ok(Frame::trailers(fields::safe_trailers(trailers))),
            Err(data) => Ok(data),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        let whole = self.ended || http_body::Body::is_end_stream(&self.inner);
        if let Some(lease) = self.lease.take().filter(|_| whole) {
            lease.give_back();
        }
    }
}
