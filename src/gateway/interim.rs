//! Interim answers (1xx), passed on before the answer itself (RFC 9110 §15.2, RFC 8297).
//!
//! hyper's server knows `100 Continue` alone, so the others are written below it, at the one moment
//! when they can stand: hyper has flushed all it had, and the answer has not begun. Both are known
//! for sure: hyper flushes the connection only when its own buffer is empty, and what is still to be
//! said of a request is forgotten when its answer is handed to hyper.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_util::task::AtomicWaker;
use http::{HeaderMap, StatusCode};
use hyper::rt::{Read, ReadBufCursor, Write};

/// Interim answers to one request that go on; the rest are dropped.
const MAX_ANSWERS: u32 = 8;
/// Bytes of one interim answer.
const MAX_BYTES: usize = 16 * 1024;

/// What one connection has still to say before the answer.
#[derive(Debug, Clone, Default)]
pub struct Interim(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    said: Mutex<Said>,
    /// Is there anything to write? Spares the lock where, nearly always, there is not.
    pending: AtomicBool,
    connection: AtomicWaker,
}

#[derive(Debug, Default)]
struct Said {
    /// Counts requests of this connection.
    turn: u64,
    /// Is the present one without its answer?
    open: bool,
    answers: u32,
    waiting: VecDeque<u8>,
    /// Bytes at the front of `waiting` that are the rest of one whose first bytes have gone out.
    begun: usize,
}

/// For the interim answers to one request.
#[derive(Debug, Clone)]
pub struct Herald {
    shared: Arc<Shared>,
    turn: u64,
}

impl Interim {
    /// A request is here: what is said through the herald goes out before its answer.
    pub fn begin(&self) -> Herald {
        let mut said = self.0.said();
        said.turn += 1;
        said.open = true;
        said.answers = 0;
        Herald { shared: self.0.clone(), turn: said.turn }
    }

    /// Its answer is here: nothing comes before it any more but the rest of what has begun.
    pub fn end(&self) {
        let mut said = self.0.said();
        said.open = false;
        let begun = said.begun;
        said.waiting.truncate(begun);
        self.0.pending.store(begun > 0, Ordering::Release);
    }
}

impl Shared {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Herald {
    /// Says this, unless the answer has come meanwhile, or the origin has said too much already.
    pub fn say(&self, status: StatusCode, fields: &HeaderMap) {
        let Some(bytes) = written(status, fields) else { return };
        let mut said = self.shared.said();
        if said.turn != self.turn || !said.open || said.answers == MAX_ANSWERS {
            return;
        }
        said.answers += 1;
        said.waiting.extend(bytes);
        self.shared.pending.store(true, Ordering::Release);
        drop(said);
        self.shared.connection.wake();
    }
}

/// The head as it goes out; `None` where it is too long.
fn written(status: StatusCode, fields: &HeaderMap) -> Option<Vec<u8>> {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in fields {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    (bytes.len() <= MAX_BYTES).then_some(bytes)
}

/// A connection that says interim answers between hyper's own bytes.
#[derive(Debug)]
pub struct Heralded<T> {
    inner: T,
    interim: Interim,
}

impl<T> Heralded<T> {
    /// That says what this one holds.
    pub fn new(inner: T, interim: Interim) -> Self {
        Self { inner, interim }
    }

    /// The connection itself.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: Write + Unpin> Heralded<T> {
    /// Writes what waits: all of it, or the rest of what has begun.
    fn poll_say(&mut self, cx: &mut Context<'_>, all: bool) -> Poll<io::Result<()>> {
        let Self { inner, interim: Interim(shared) } = self;
        if !shared.pending.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        let mut said = shared.said();
        if all {
            said.begun = said.waiting.len();
        }
        while said.begun > 0 {
            let waiting = said.waiting.make_contiguous();
            let written = ready!(Pin::new(&mut *inner).poll_write(cx, waiting))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            said.waiting.drain(..written);
            said.begun = said.begun.saturating_sub(written);
        }
        shared.pending.store(!said.waiting.is_empty(), Ordering::Release);
        Poll::Ready(Ok(()))
    }
}

impl<T: Read + Unpin> Read for Heralded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: Write + Unpin> Write for Heralded<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_say(cx, false))?;
        Pin::new(&mut self.inner).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_say(cx, false))?;
        Pin::new(&mut self.inner).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.interim.0.connection.register(cx.waker());
        ready!(self.poll_say(cx, true))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
