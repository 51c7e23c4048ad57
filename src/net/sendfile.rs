//! Files straight from the page cache to the socket, under hyper, which knows only buffers.
//!
//! The body of an answer gives hyper *placeholders*: slices of one static region of zeros, as long
//! as the run of the file they stand for. The socket below hyper knows them by their address and
//! calls `sendfile(2)` in their place, for the file that the body put in the connection's queue.
//! Both ends follow the order of the bytes of one connection, so the queue is a plain FIFO; if it
//! ever disagreed with the placeholders the connection would be cut rather than send zeros.
//!
//! `sendfile` would hold the runtime's thread while the disk seeks. So each run is first probed
//! with `RWF_NOWAIT`, and read on the blocking pool when the page cache does not have it.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, IoSlice, IoSliceMut},
    os::unix::fs::FileExt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustix::io::{Errno, ReadWriteFlags};
use tokio::{io::Interest, net::TcpStream, task::JoinHandle, time::Sleep};

use super::body::{Body, Segment};

/// The longest run that one placeholder stands for.
const RUN_BYTES: usize = 1 << 20;
/// Buffer with which a cold run is read into the page cache.
const WARM_BYTES: usize = 256 * 1024;
/// Never written, so it takes no memory: only its addresses matter.
static PLACEHOLDER: [u8; RUN_BYTES] = [0; RUN_BYTES];

/// A run of a file, on its way.
#[derive(Debug)]
struct Run {
    file: Arc<File>,
    offset: u64,
    left: usize,
}

/// The runs of one connection that hyper was told of and the socket has not sent yet.
#[derive(Debug, Clone, Default)]
pub struct Runs(Arc<Mutex<VecDeque<Run>>>);

impl Runs {
    fn with<T>(&self, work: impl FnOnce(&mut VecDeque<Run>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An answer's body, given to hyper for one connection.
#[derive(Debug)]
pub struct Wired {
    body: Remaining,
    runs: Runs,
    warming: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug)]
enum Remaining {
    Segments(VecDeque<Segment>),
    Page(axum::body::Body),
}

impl Wired {
    pub fn new(body: Body, runs: Runs) -> Self {
        let body = match body {
            Body::Empty => Remaining::Segments(VecDeque::new()),
            Body::Bytes(bytes) => Remaining::Segments(VecDeque::from([Segment::Bytes(bytes)])),
            Body::Segments(segments) => Remaining::Segments(segments.into()),
            Body::Page(page) => Remaining::Page(page),
            Body::Made(made, range) => Remaining::Page(made.make(range)),
        };
        Self { body, runs, warming: None }
    }
}

type FrameResult = Option<io::Result<Frame<Bytes>>>;

impl http_body::Body for Wired {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<FrameResult> {
        let this = &mut *self;
        let segments = match &mut this.body {
            Remaining::Page(page) => {
                return Pin::new(page).poll_frame(cx).map_err(io::Error::other);
            }
            Remaining::Segments(segments) => segments,
        };
        while segments.front().is_some_and(Segment::is_empty) {
            segments.pop_front();
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
        let run = usize::try_from(*len).unwrap_or(RUN_BYTES).min(RUN_BYTES);
        ready!(poll_warm(&mut this.warming, file, *offset, run, cx))?;
        this.runs.with(|runs| {
            runs.push_back(Run { file: file.clone(), offset: *offset, left: run });
        });
        *offset += run as u64;
        *len -= run as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PLACEHOLDER[..run])))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Remaining::Segments(segments) => segments.iter().all(Segment::is_empty),
            Remaining::Page(page) => page.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Remaining::Segments(segments) => {
                SizeHint::with_exact(segments.iter().map(Segment::len).sum())
            }
            Remaining::Page(page) => page.size_hint(),
        }
    }
}

/// Makes sure that a run is in the page cache, or as sure as one can be.
fn poll_warm(
    warming: &mut Option<JoinHandle<io::Result<()>>>,
    file: &Arc<File>,
    offset: u64,
    run: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    if warming.is_none() {
        let last = offset + run as u64 - 1;
        if is_hot(file, offset) && is_hot(file, last) {
            return Poll::Ready(Ok(()));
        }
        let file = file.clone();
        *warming = Some(tokio::task::spawn_blocking(move || warm(&file, offset, run)));
    }
    let Some(task) = warming else { return Poll::Ready(Ok(())) };
    let done = ready!(Pin::new(task).poll(cx));
    *warming = None;
    Poll::Ready(done.unwrap_or_else(|e| Err(io::Error::other(e))))
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

/// A socket that sends runs of files where hyper gives it placeholders, and gives up on a peer
/// that takes nothing for too long.
#[derive(Debug)]
pub struct Wire {
    io: TokioIo<TcpStream>,
    runs: Runs,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub fn new(stream: TcpStream, runs: Runs, patience: Duration) -> Self {
        Self { io: TokioIo::new(stream), runs, patience, stalled: None }
    }

    /// Passes a write's answer on, and watches over writes that do not advance.
    fn watched(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let sleep = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        let stream = self.io.inner();
        loop {
            ready!(stream.poll_write_ready(cx))?;
            let sent = self.runs.with(|runs| send_front(stream, runs, most));
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }
}

fn send_front(stream: &TcpStream, runs: &mut VecDeque<Run>, most: usize) -> io::Result<usize> {
    let Some(run) = runs.front_mut() else {
        return Err(io::Error::other("a placeholder without its file"));
    };
    let count = run.left.min(most);
    let mut sent = 0;
    let tried = stream.try_io(Interest::WRITABLE, || {
        let mut offset = run.offset;
        sent = rustix::fs::sendfile(stream, &*run.file, Some(&mut offset), count)?;
        // Fewer bytes than asked: the socket is full. Saying so spares the next, vain call.
        let full = sent > 0 && sent < count;
        if full { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    match tried {
        Err(_) if sent > 0 => {}
        tried => tried?,
    }
    if sent == 0 {
        // The file is shorter than its table says: the promised length cannot be kept.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    run.offset += sent as u64;
    run.left -= sent;
    if run.left == 0 {
        runs.pop_front();
    }
    Ok(sent)
}

fn is_placeholder(buffer: &[u8]) -> bool {
    !buffer.is_empty() && PLACEHOLDER.as_ptr_range().contains(&buffer.as_ptr())
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = if is_placeholder(buffer) {
            self.poll_send(cx, buffer.len())
        } else {
            Pin::new(&mut self.io).poll_write(cx, buffer)
        };
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = buffers.iter().find(|b| !b.is_empty());
        let written = match first {
            Some(first) if is_placeholder(first) => self.poll_send(cx, first.len()),
            _ => {
                let plain = buffers.iter().take_while(|b| !is_placeholder(b)).count();
                Pin::new(&mut self.io).poll_write_vectored(cx, &buffers[..plain])
            }
        };
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
