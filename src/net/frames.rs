//! An answer's body as hyper takes it: frames. Bytes in memory go as they are; a slice of a file
//! leaves as a placeholder for `sendfile`, or read into a buffer where TLS must seal it.
//!
//! Neither waits for the disk on the runtime's thread: a run is first tried with `RWF_NOWAIT`, and
//! read on the blocking pool when the page cache does not have it.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, IoSliceMut},
    os::unix::fs::FileExt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use rustix::io::{Errno, ReadWriteFlags};
use tokio::task::JoinHandle;

use super::{
    body::{Body, Flow, Segment},
    sendfile::{RUN_BYTES, Runs},
};

/// Buffer with which a cold run is read into the page cache.
const WARM_BYTES: usize = 256 * 1024;
/// Bytes from one look at the page cache to the next.
const PROBE_BYTES: usize = 1 << 20;
/// Bytes of a file that are read to be sealed: four TLS records. A slow reader holds one or two.
const COPY_BYTES: usize = 64 * 1024;

/// How slices of files leave on one connection.
#[derive(Debug, Clone)]
pub enum Way {
    /// By `sendfile(2)`, through this connection's queue.
    Sent(Runs),
    /// Read into memory.
    Copied,
}

impl Way {
    fn longest_run(&self) -> usize {
        match self {
            Self::Sent(_) => RUN_BYTES,
            Self::Copied => COPY_BYTES,
        }
    }
}

/// An answer's body, given to hyper for one connection.
#[derive(Debug)]
pub struct Frames {
    body: Remaining,
    way: Way,
    /// A run that comes from the disk.
    coming: Option<JoinHandle<io::Result<Bytes>>>,
}

#[derive(Debug)]
enum Remaining {
    /// Runs at hand, and those that come after them.
    Segments(VecDeque<Segment>, Option<Flow>),
    Page(axum::body::Body),
}

impl Frames {
    /// That leaves in this way.
    pub fn new(body: Body, way: Way) -> Self {
        let body = match body {
            Body::Empty => Remaining::Segments(VecDeque::new(), None),
            Body::Bytes(bytes) => {
                Remaining::Segments(VecDeque::from([Segment::Bytes(bytes)]), None)
            }
            Body::Segments(segments) => Remaining::Segments(segments.into(), None),
            Body::Flow(flow) => Remaining::Segments(VecDeque::new(), Some(flow)),
            Body::Page(page) => Remaining::Page(page),
            Body::Made(made, range) => Remaining::Page(made.make(range)),
        };
        Self { body, way, coming: None }
    }
}

type FrameResult = Option<io::Result<Frame<Bytes>>>;

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<FrameResult> {
        let this = &mut *self;
        let (segments, flow) = match &mut this.body {
            Remaining::Page(page) => {
                return Pin::new(page).poll_frame(cx).map_err(io::Error::other);
            }
            Remaining::Segments(segments, flow) => (segments, flow),
        };
        loop {
            while segments.front().is_some_and(Segment::is_empty) {
                segments.pop_front();
            }
            let (true, Some(coming)) = (segments.is_empty(), flow.as_mut()) else { break };
            match ready!(coming.poll_run(cx)).transpose()? {
                Some(run) => segments.push_back(run),
                None => *flow = None,
            }
        }
        let Some(front) = segments.front_mut() else { return Poll::Ready(None) };
        let (file, offset, len) = match front {
            Segment::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                segments.pop_front();
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Segment::File { file, offset, len } => (file, offset, len),
        };
        let longest = this.way.longest_run();
        let run = usize::try_from(*len).unwrap_or(longest).min(longest);
        let bytes = ready!(poll_run(&mut this.coming, &this.way, file, *offset, run, cx))?;
        *offset += run as u64;
        *len -= run as u64;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Remaining::Segments(segments, flow) => {
                segments.iter().all(Segment::is_empty)
                    && flow.as_ref().is_none_or(|flow| flow.left() == Some(0))
            }
            Remaining::Page(page) => page.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Remaining::Segments(segments, flow) => {
                let here = segments.iter().map(Segment::len).sum();
                match flow.as_ref().map(Flow::left) {
                    None => SizeHint::with_exact(here),
                    Some(Some(left)) => SizeHint::with_exact(here.saturating_add(left)),
                    Some(None) => SizeHint::default(),
                }
            }
            Remaining::Page(page) => page.size_hint(),
        }
    }
}

/// The frame of one run, once the page cache has it, or as surely as one can tell.
fn poll_run(
    coming: &mut Option<JoinHandle<io::Result<Bytes>>>,
    way: &Way,
    file: &Arc<File>,
    offset: u64,
    run: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Bytes>> {
    if coming.is_none() {
        let far = file.clone();
        let read = match way {
            Way::Sent(runs) if are_hot(file, offset, run) => {
                return Poll::Ready(Ok(runs.placeholder(far, offset, run)));
            }
            Way::Sent(_) => {
                tokio::task::spawn_blocking(move || warm(&far, offset, run).map(|()| Bytes::new()))
            }
            Way::Copied => {
                let mut buffer = vec![0; run];
                if read_now(file, &mut buffer, offset) {
                    return Poll::Ready(Ok(buffer.into()));
                }
                tokio::task::spawn_blocking(move || {
                    far.read_exact_at(&mut buffer, offset).map(|()| buffer.into())
                })
            }
        };
        *coming = Some(read);
    }
    let Some(task) = coming else { return Poll::Pending };
    let done = ready!(Pin::new(task).poll(cx));
    *coming = None;
    let read = done.unwrap_or_else(|e| Err(io::Error::other(e)))?;
    Poll::Ready(Ok(match way {
        Way::Sent(runs) => runs.placeholder(file.clone(), offset, run),
        Way::Copied => read,
    }))
}

/// Fills a buffer with what the page cache has; `false` when it does not have it all.
fn read_now(file: &File, buffer: &mut [u8], offset: u64) -> bool {
    let wanted = buffer.len();
    let bufs = &mut [IoSliceMut::new(buffer)];
    rustix::io::preadv2(file, bufs, offset, ReadWriteFlags::NOWAIT).is_ok_and(|read| read == wanted)
}

/// Is a run in the page cache? A few of its bytes answer for those between them.
fn are_hot(file: &File, offset: u64, run: usize) -> bool {
    let last = std::iter::once(run - 1);
    (0..run).step_by(PROBE_BYTES).chain(last).all(|at| is_hot(file, offset + at as u64))
}

/// Would this byte come without waiting for the disk? Where the file system cannot tell, it is
/// said to be: `sendfile` then waits, as it does in most servers.
fn is_hot(file: &File, offset: u64) -> bool {
    let mut byte = [0];
    let bufs = &mut [IoSliceMut::new(&mut byte)];
    match rustix::io::preadv2(file, bufs, offset, ReadWriteFlags::NOWAIT) {
        Ok(read) => read == 1,
        Err(error) => matches!(error, Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL),
    }
}

/// Reads a run for the page cache's sake.
fn warm(file: &File, offset: u64, run: usize) -> io::Result<()> {
    let mut buffer = vec![0; WARM_BYTES.min(run)];
    let mut done = 0;
    while done < run {
        let most = buffer.len().min(run - done);
        match file.read_at(&mut buffer[..most], offset + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => done += read,
        }
    }
    Ok(())
}
