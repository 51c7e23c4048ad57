//! Datagrams, on threads of their own: each waits in the kernel for what comes, answers what is
//! known on the spot, and leaves to tasks what others have to be asked.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use nix::sys::socket::MsgFlags;
use socket2::{SockAddr, SockRef};
use tokio::{runtime::Handle, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::task_tracker::TaskTrackerToken};

use super::{
    First, Way,
    batch::Batch,
    further, pass, passed,
    quick::{self, Quick, Room},
    rates::Pass,
};
use crate::{dns::Resolver, net::around::own_address_toward};

/// Questions of one socket that wait for others' answers; of further ones, devices ask again.
const MAX_WAITING: usize = 2048;
/// Threads of one socket, where the machine has so many cores.
const MAX_THREADS: usize = 8;
/// After the system refused to receive, for want of something.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a thread takes to see that it is to end.
const LOOK_UP_EVERY: Duration = Duration::from_millis(250);
/// Bytes that the kernel keeps while the box is busy: a class that opens its browsers.
const BUFFER_BYTES: usize = 1 << 20;

/// One thread's place at a socket.
struct Desk {
    own: Resolver,
    socket: Arc<UdpSocket>,
    /// The socket's address, if it has one.
    local: Option<IpAddr>,
    waiting: Arc<Semaphore>,
    token: CancellationToken,
    runtime: Handle,
    /// The resolver ends when all are gone.
    _place: TaskTrackerToken,
}

/// Serves a socket until cancelled, on as many threads as there are cores. Must be called inside a
/// runtime.
///
/// # Errors
/// The socket cannot be used, or the system gives no thread.
pub fn serve(
    own: &Resolver,
    socket: tokio::net::UdpSocket,
    token: &CancellationToken,
) -> io::Result<()> {
    let socket = socket.into_std()?;
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(LOOK_UP_EVERY))?;
    let _ = SockRef::from(&socket).set_recv_buffer_size(BUFFER_BYTES);
    let local = socket.local_addr().ok().map(|local| local.ip()).filter(|ip| !ip.is_unspecified());
    let (socket, waiting) = (Arc::new(socket), Arc::new(Semaphore::new(MAX_WAITING)));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..cores.min(MAX_THREADS) {
        let desk = Desk {
            own: own.clone(),
            socket: socket.clone(),
            local,
            waiting: waiting.clone(),
            token: token.clone(),
            runtime: Handle::current(),
            _place: own.shared.tracker.token(),
        };
        thread::Builder::new().name("dns".to_owned()).spawn(move || {
            // What panics costs the questions that came with it.
            while catch_unwind(AssertUnwindSafe(|| desk.work())).is_err() {
                tracing::error!("a question to the resolver met a mistake of ours");
            }
        })?;
    }
    Ok(())
}

impl Desk {
    fn work(&self) {
        use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        let (mut batch, mut room) = (Batch::new(), Room::default());
        while !self.token.is_cancelled() {
            match batch.receive(&self.socket) {
                Ok(()) => {}
                Err(error) if [Interrupted, TimedOut, WouldBlock].contains(&error.kind()) => {}
                Err(error) => {
                    tracing::warn!(%error, "no datagrams can be received: waiting a moment");
                    thread::park_timeout(PAUSE);
                }
            }
            for (bytes, peer) in batch.datagrams() {
                let (who, pass) = (peer.ip().to_canonical(), pass(&self.own, peer));
                let quick = pass == Pass::Yes
                    && quick::answer(&self.own, bytes, who, &mut room) == Quick::Answered;
                if quick {
                    send(&self.socket, &room.answer, peer);
                } else {
                    self.at_length(bytes, peer, pass);
                }
            }
        }
    }

    /// What cannot be said quickly.
    fn at_length(&self, bytes: &[u8], peer: SocketAddr, pass: Pass) {
        let near = nearest(self.local, peer.ip());
        match passed(&self.own, bytes, (peer, near), Way::Udp, pass) {
            First::Silence => {}
            First::Answer(answer) => send(&self.socket, &answer, peer),
            First::Ask(ask) => {
                let Ok(place) = self.waiting.clone().try_acquire_owned() else { return };
                let (own, socket) = (self.own.clone(), self.socket.clone());
                let task = async move {
                    let (heard, ruling) = *ask;
                    send(&socket, &further(&own, heard, ruling).await, peer);
                    drop(place);
                };
                self.own.shared.tracker.spawn_on(task, &self.runtime);
            }
        }
    }
}

/// Never waits. A full buffer, or a device that is gone: it asks again, or does not.
fn send(socket: &UdpSocket, answer: &[u8], peer: SocketAddr) {
    let flags = MsgFlags::MSG_DONTWAIT.bits();
    let _ = SockRef::from(socket).send_to_with_flags(answer, &SockAddr::from(peer), flags);
}

/// The box's address nearest to a device: that of the socket, if it has one.
fn nearest(local: Option<IpAddr>, device: IpAddr) -> IpAddr {
    let device = device.to_canonical();
    local.or_else(|| own_address_toward(device).ok()).unwrap_or(device)
}
