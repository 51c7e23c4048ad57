//! Files straight from the page cache to the socket, under hyper, which knows only buffers.
//!
//! The body of an answer gives hyper *placeholders*: slices of one static region of zeros, as long
//! as the run of the file they stand for. The socket below hyper knows them by their address and
//! calls `sendfile(2)` in their place, for the file that the body put in the connection's queue.
//! Both ends follow the order of the bytes of one connection, so the queue is a plain FIFO; if it
//! ever disagreed with the placeholders the connection would be cut rather than send zeros.
//!
//! `sendfile` would hold the runtime's thread while the disk seeks: `frames.rs` makes sure before
//! that the page cache has each run.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest},
    net::TcpStream,
};

/// The longest run that one placeholder stands for. With 1 MiB hyper's loop came to its end many times
/// a body, and each time its task was offered to another worker: on two cores that took the core of
/// who reads.
pub const RUN_BYTES: usize = 8 << 20;
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
    /// Queues a run; gives hyper what stands for it. At most [`RUN_BYTES`].
    pub fn placeholder(&self, file: Arc<File>, offset: u64, run: usize) -> Bytes {
        let run = run.min(RUN_BYTES);
        self.with(|runs| runs.push_back(Run { file, offset, left: run }));
        Bytes::from_static(&PLACEHOLDER[..run])
    }

    fn with<T>(&self, work: impl FnOnce(&mut VecDeque<Run>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What has a socket to send files by.
pub trait Socket: AsyncRead + AsyncWrite + Unpin {
    /// The socket.
    fn socket(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

/// A socket that sends runs of files where hyper gives it placeholders.
#[derive(Debug)]
pub struct Wire<S = TcpStream> {
    io: TokioIo<S>,
    runs: Runs,
}

impl<S: Socket> Wire<S> {
    /// That sends the runs of this queue.
    pub fn new(stream: S, runs: Runs) -> Self {
        Self { io: TokioIo::new(stream), runs }
    }

    /// The socket itself.
    pub fn into_inner(self) -> S {
        self.io.into_inner()
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        let stream = self.io.inner().socket();
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

impl<S: Socket> Read for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<S: Socket> Write for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if is_placeholder(buffer) {
            self.poll_send(cx, buffer.len())
        } else {
            Pin::new(&mut self.io).poll_write(cx, buffer)
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = buffers.iter().find(|b| !b.is_empty());
        match first {
            Some(first) if is_placeholder(first) => self.poll_send(cx, first.len()),
            _ => {
                let plain = buffers.iter().take_while(|b| !is_placeholder(b)).count();
                Pin::new(&mut self.io).poll_write_vectored(cx, &buffers[..plain])
            }
        }
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
