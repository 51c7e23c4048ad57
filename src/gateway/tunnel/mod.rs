//! Two sockets joined, byte for byte: what CONNECT opens, and what a WebSocket becomes.
//!
//! Bytes stay in the kernel: `splice(2)` moves them from a socket to a pipe and on to the other
//! socket. A pipe is taken only while it holds bytes, so that thousands of quiet tunnels need none;
//! when all are in use, or the system refuses, bytes are copied.

mod copied;
mod pipes;
mod spliced;

use std::{
    future::Future,
    io,
    net::Shutdown,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::TcpStream;

pub use self::pipes::Pipes;
use super::{
    clock::Clock,
    fairness::{Meter, Turn},
    noted::Counts,
};

/// Bytes after which a busy direction lets others run.
const FAIR_BYTES: usize = 1 << 20;

/// One end, and what came from it before the ends were joined.
#[derive(Debug)]
pub struct End {
    /// The socket.
    pub stream: TcpStream,
    /// To be sent first to the other end.
    pub early: Bytes,
}

/// How bytes pass between two ends.
#[derive(Debug)]
pub struct Way<'a> {
    /// Where pipes are taken from.
    pub pipes: &'a Pipes,
    /// Touched at each movement.
    pub clock: &'a Clock,
    /// Bytes that passed, when somebody wants to know.
    pub counts: Option<&'a Counts>,
    /// Longest time without one.
    pub idle: Duration,
    /// Counts what the device takes, when devices share the link.
    pub meter: Option<Meter>,
    /// Counts what it sends.
    pub meter_up: Option<Meter>,
}

/// Joins two ends until both have said their last, one breaks, nothing moves for too long, or `stop`
/// ends. An end that says its last (a FIN) may still listen.
pub async fn join(
    device: &End,
    origin: &End,
    way: &Way<'_>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let both = async {
        tokio::try_join!(
            one_way(
                device,
                &origin.stream,
                way,
                (way.meter_up.as_ref(), way.counts.map(|counts| &counts.up))
            ),
            one_way(
                origin,
                &device.stream,
                way,
                (way.meter.as_ref(), way.counts.map(|counts| &counts.down))
            ),
        )
    };
    let (both, quiet, stop) = (pin!(both), pin!(way.clock.quiet_for(way.idle)), pin!(stop));
    tokio::select! {
        ended = both => ended.map(drop),
        () = quiet => Err(io::ErrorKind::TimedOut.into()),
        () = stop => Ok(()),
    }
}

/// Where a movement is marked.
struct Mark<'a> {
    clock: &'a Clock,
    count: Option<&'a AtomicU64>,
}

impl Mark<'_> {
    /// So many bytes reached the other end.
    fn moved(&self, bytes: usize) {
        self.clock.touch();
        if let Some(count) = self.count {
            count.fetch_add(bytes as u64, Relaxed);
        }
    }
}

async fn one_way(
    from: &End,
    to: &TcpStream,
    way: &Way<'_>,
    (meter, count): (Option<&Meter>, Option<&AtomicU64>),
) -> io::Result<()> {
    let mark = Mark { clock: way.clock, count };
    let mut early = &from.early[..];
    while !early.is_empty() {
        to.writable().await?;
        match to.try_write(early) {
            Ok(written) => {
                mark.moved(written);
                early = &early[written..];
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    loop {
        from.stream.readable().await?;
        let turn = match meter {
            Some(meter) => Some(meter.turn().await),
            None => None,
        };
        let most = turn.as_ref().map_or(FAIR_BYTES, Turn::bytes);
        let (moved, more) = match way.pipes.take() {
            Some(pipe) => spliced::while_ready(&from.stream, to, pipe, most, &mark).await?,
            None => copied::while_ready(&from.stream, to, most, &mark).await?,
        };
        if let Some(turn) = turn {
            turn.took(moved);
        }
        if !more {
            // The other end may have gone already.
            let _ = SockRef::from(to).shutdown(Shutdown::Write);
            return Ok(());
        }
    }
}
