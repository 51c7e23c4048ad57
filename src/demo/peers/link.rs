//! The school's link to the Internet: a gate before each peer, with a rate and a switch.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::ANYWHERE;

/// Connections that pass a gate at once; further ones wait.
const MAX_CONNECTIONS: usize = 64;
/// Most bytes carried at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Fewest bytes carried at once, however slow the link.
const LEAST_PIECE_BYTES: u64 = 512;
/// Pieces a second that a slow link carries, so that it flows rather than jumps.
const PIECES_A_SECOND: u64 = 20;
/// Pause after the system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bytes that crossed the link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Towards the school.
    pub down: u64,
    /// From the school.
    pub up: u64,
    /// Connections that were refused because the link was cut.
    pub refused: u64,
}

/// The link's switch, rate and counters. Cheap to clone; all clones are the same link.
#[derive(Debug, Clone, Default)]
pub struct LinkSwitch {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    up: watch::Sender<bool>,
    /// Bytes a second towards the school; 0 = no cap.
    rate: AtomicU64,
    /// When the link is free for the next piece.
    free_at: Mutex<Instant>,
    moved_down: AtomicU64,
    moved_up: AtomicU64,
    refused: AtomicU64,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            up: watch::Sender::new(true),
            rate: AtomicU64::new(0),
            free_at: Mutex::new(Instant::now()),
            moved_down: AtomicU64::new(0),
            moved_up: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }
}

impl LinkSwitch {
    /// Cuts the link: open connections are reset, new ones closed at once.
    pub fn cut(&self) {
        self.shared.up.send_replace(false);
    }

    /// Mends the link.
    pub fn restore(&self) {
        self.shared.up.send_replace(true);
    }

    /// Does it carry anything?
    pub fn is_up(&self) -> bool {
        *self.shared.up.borrow()
    }

    /// Caps what flows towards the school, in bytes a second over all connections.
    pub fn set_rate(&self, bytes_a_second: Option<u64>) {
        self.shared.rate.store(bytes_a_second.unwrap_or(0), Ordering::Relaxed);
    }

    /// What crossed it so far.
    pub fn moved(&self) -> Moved {
        Moved {
            down: self.shared.moved_down.load(Ordering::Relaxed),
            up: self.shared.moved_up.load(Ordering::Relaxed),
            refused: self.shared.refused.load(Ordering::Relaxed),
        }
    }

    /// Opens a gate that forwards to `to` until cancelled; gives its address.
    pub(super) async fn open(
        &self,
        to: SocketAddr,
        token: CancellationToken,
    ) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(ANYWHERE).await?;
        let address = listener.local_addr()?;
        let link = self.clone();
        tokio::spawn(async move {
            token.run_until_cancelled(link.guard(listener, to, &token)).await;
        });
        Ok(address)
    }

    async fn guard(&self, listener: TcpListener, to: SocketAddr, token: &CancellationToken) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let Ok((near, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            if !self.is_up() {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                reset_on_drop(&near);
                continue;
            }
            let (link, token) = (self.clone(), token.clone());
            tokio::spawn(async move {
                token.run_until_cancelled(link.pass(near, to)).await;
                drop(place);
            });
        }
    }

    /// One connection through the gate.
    async fn pass(&self, mut near: TcpStream, to: SocketAddr) {
        let mut up = self.shared.up.subscribe();
        let Ok(mut far) = TcpStream::connect(to).await else { return };
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let cut = {
            let (near_in, near_out) = near.split();
            let (far_in, far_out) = far.split();
            let both = async {
                tokio::try_join!(
                    self.carry(near_in, far_out, false),
                    self.carry(far_in, near_out, true)
                )
            };
            tokio::select! {
                _ = up.wait_for(|up| !up) => true,
                ended = both => ended.is_err(),
            }
        };
        if cut {
            reset_on_drop(&near);
            reset_on_drop(&far);
        }
    }

    /// Carries bytes one way until their end.
    async fn carry(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        down: bool,
    ) -> io::Result<()> {
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            let room = if down { self.piece() } else { PIECE_BYTES };
            let count = from.read(buffer.get_mut(..room).unwrap_or_default()).await?;
            if count == 0 {
                return to.shutdown().await;
            }
            if down && let Some(moment) = self.turn(count as u64) {
                tokio::time::sleep_until(moment).await;
            }
            to.write_all(buffer.get(..count).unwrap_or_default()).await?;
            let counter = if down { &self.shared.moved_down } else { &self.shared.moved_up };
            counter.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    /// Bytes to carry at once at the present rate.
    fn piece(&self) -> usize {
        let rate = self.shared.rate.load(Ordering::Relaxed);
        if rate == 0 {
            return PIECE_BYTES;
        }
        let fair = (rate / PIECES_A_SECOND).clamp(LEAST_PIECE_BYTES, PIECE_BYTES as u64);
        usize::try_from(fair).unwrap_or(PIECE_BYTES)
    }

    /// Takes a turn on the link for `count` bytes: when they have crossed.
    fn turn(&self, count: u64) -> Option<Instant> {
        let rate = self.shared.rate.load(Ordering::Relaxed);
        if rate == 0 {
            return None;
        }
        let takes = Duration::from_micros(count.saturating_mul(1_000_000) / rate);
        let mut free_at = self.shared.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        *free_at = (*free_at).max(Instant::now()) + takes;
        Some(*free_at)
    }
}

/// Closing such a socket says "reset", as a broken link does to its ends, not "the end".
fn reset_on_drop(stream: &TcpStream) {
    if let Err(error) = SockRef::from(stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a cut connection ends politely");
    }
}
