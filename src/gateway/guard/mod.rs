//! What a device sends, watched byte by byte before hyper reads it.
//!
//! hyper repairs some of what RFC 9112 §11.2 warns of: it drops `Content-Length` beside
//! `Transfer-Encoding`, and takes a bare LF for a line's end. Here such requests are refused. The
//! bytes are passed on as they came; where one cannot stand, a NUL takes its place, which in a head
//! hyper answers with 400 and the end of the connection. Nothing is read after that: within a body,
//! where hyper may look past a NUL, the connection breaks.

mod chunks;
mod head;
mod watch;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

pub use self::watch::{Refused, Watch};
use crate::net::sendfile::Socket;

/// A device's socket, watched.
#[derive(Debug)]
pub struct Guarded {
    stream: TcpStream,
    watch: Watch,
}

impl Guarded {
    /// Watched from its first byte.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, watch: Watch::default() }
    }

    /// The socket, when it no longer speaks HTTP.
    pub fn into_inner(self) -> TcpStream {
        self.stream
    }
}

impl Socket for Guarded {
    fn socket(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.watch.has_refused() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let came = &mut buffer.filled_mut()[before..];
        if let Err((at, why)) = self.watch.see(came) {
            tracing::debug!(%why, "a request that no HTTP client sends");
            came[at] = 0;
            buffer.set_filled(before + at + 1);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
