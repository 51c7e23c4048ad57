//! Echo requests from unprivileged sockets (icmp(7), `net.ipv4.ping_group_range`): one a family and link,
//! shared by all its targets. Only this file knows the library.

use std::{
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};

use super::way::Way;

/// A socket that cannot be opened, or sends nothing any more, is opened again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// Failures to send in a row after which a socket is taken to be of no use: its interface may be gone.
const MAX_FAILURES: u32 = 20;
/// Bytes of an echo request beside its payload: of the IP header, and of its own (RFC 791, 8200, 792).
const HEADER_BYTES_V4: usize = 20 + 8;
const HEADER_BYTES_V6: usize = 40 + 8;
/// ICMP types of an echo reply (RFC 792; RFC 4443 §4.2).
const REPLY_V4: u8 = 0;
const REPLY_V6: u8 = 129;

/// Echo requests over one link.
#[derive(Debug)]
pub struct Pings {
    way: Way,
    identifier: u16,
    sequence: AtomicU16,
    sockets: [Mutex<Socket>; 2],
}

#[derive(Default)]
struct Socket {
    client: Option<Client>,
    tried: Option<Instant>,
    failures: u32,
    trouble: Option<String>,
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("trouble", &self.trouble).finish_non_exhaustive()
    }
}

/// What became of an echo request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// It came back after this.
    Back(Duration),
    /// It did not, in time.
    Lost,
    /// None can be sent: there is no socket.
    Unable,
}

impl Pings {
    /// Over a link. Nothing is opened yet.
    pub fn new(way: Way) -> Self {
        Self {
            way,
            identifier: rand::random(),
            sequence: AtomicU16::new(0),
            sockets: Default::default(),
        }
    }

    /// Why there are no echo requests, if there are none.
    pub fn trouble(&self) -> Option<String> {
        self.sockets.iter().find_map(|one| lock(one).trouble.clone())
    }

    /// Asks, with an IP packet of `size` bytes or the smallest.
    pub async fn ask(&self, to: IpAddr, size: usize, within: Duration) -> Echo {
        let Some(client) = self.client(to) else { return Echo::Unable };
        let header = if to.is_ipv4() { HEADER_BYTES_V4 } else { HEADER_BYTES_V6 };
        let payload = vec![0x50; size.saturating_sub(header).max(16)];
        // The kernel has its own identifier for the socket; in a raw one ours tells us from others.
        let identifier = PingIdentifier(self.identifier);
        let mut pinger = client.pinger(to, identifier).await;
        pinger.timeout(within);
        let number = PingSequence(self.sequence.fetch_add(1, Ordering::Relaxed));
        let said = pinger.ping(number, &payload).await;
        let mut socket = lock(self.socket(to));
        match said {
            Ok((packet, took)) => {
                socket.failures = 0;
                if is_reply(&packet) { Echo::Back(took) } else { Echo::Lost }
            }
            Err(SurgeError::IOError(error)) => {
                socket.failures += 1;
                if socket.failures >= MAX_FAILURES {
                    tracing::debug!(%error, "an ICMP socket sends nothing: opened again");
                    (socket.client, socket.failures) = (None, 0);
                }
                Echo::Lost
            }
            Err(_) => Echo::Lost,
        }
    }

    fn socket(&self, to: IpAddr) -> &Mutex<Socket> {
        &self.sockets[usize::from(to.is_ipv6())]
    }

    fn client(&self, to: IpAddr) -> Option<Client> {
        let mut socket = lock(self.socket(to));
        if let Some(client) = &socket.client {
            return Some(client.clone());
        }
        if socket.tried.is_some_and(|at| at.elapsed() < AGAIN_AFTER) {
            return None;
        }
        socket.tried = Some(Instant::now());
        let kind = if to.is_ipv4() { ICMP::V4 } else { ICMP::V6 };
        let mut config = Config::builder().kind(kind);
        if let Some(interface) = &self.way.interface {
            config = config.interface(interface);
        }
        match Client::new(&config.build()) {
            Ok(client) => {
                socket.trouble = None;
                socket.client = Some(client.clone());
                Some(client)
            }
            Err(error) => {
                let why = error.to_string().lines().next().unwrap_or_default().to_owned();
                if socket.trouble.is_none() {
                    tracing::warn!(
                        interface = self.way.interface,
                        why,
                        ?kind,
                        "no ICMP socket: targets are asked by TCP alone; \
                         net.ipv4.ping_group_range must hold the daemon's group"
                    );
                }
                socket.trouble = Some(why);
                None
            }
        }
    }
}

/// Some sockets bring errors of routers on the way, too.
fn is_reply(packet: &IcmpPacket) -> bool {
    match packet {
        IcmpPacket::V4(packet) => packet.get_icmp_type().0 == REPLY_V4,
        IcmpPacket::V6(packet) => packet.get_icmpv6_type().0 == REPLY_V6,
    }
}

fn lock(of: &Mutex<Socket>) -> MutexGuard<'_, Socket> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
