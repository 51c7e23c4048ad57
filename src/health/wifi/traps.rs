//! Traps of the controllers, by SNMP v2c and v3: a hint to look, see `suspect`.
//!
//! A socket of ours stands in front of the library's: from other addresses than the controllers', and
//! faster than any of them has reason to send, nothing comes to it. What is left is decoded, and
//! authenticated, by the library.

use std::{
    collections::HashSet,
    convert::Infallible,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_snmp::{
    AuthoritativeEngine, NotificationAcceptance, NotificationReceiver, NotificationReceiverBuilder,
    ReceivedNotification, SecurityLevel, Version,
};
use futures_util::future::{join_all, select_all};
use tokio::{
    net::UdpSocket,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    agent::Oid,
    client::ours,
    suspect,
    watch::{Target, Wifi},
};

/// Bytes of the largest trap that is taken: those about access points have a few hundred.
const MAX_TRAP_BYTES: usize = 4096;
/// Traps of one controller that may come at once; then so many a second.
const AT_ONCE: u32 = 50;
const A_SECOND: u32 = 5;
/// Names of controllers are looked up anew this often.
const LOOK_UP_EVERY: Duration = Duration::from_secs(300);
/// After the system refused something.
const PAUSE: Duration = Duration::from_secs(1);
/// The engine that a receiver is, to those who would send it what asks for an answer: nobody does
/// (RFC 3411 §5, `SnmpEngineID`: no enterprise, text).
const ENGINE: &[u8] = b"\x80\x00\x00\x00\x04preau";

/// One controller's way in.
struct Way<'a> {
    place: usize,
    target: &'a Target,
    receiver: NotificationReceiver,
    addresses: HashSet<IpAddr>,
    bucket: Bucket,
}

/// So many at once, then so many a second.
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn new(now: Instant) -> Self {
        Self { left: f64::from(AT_ONCE), at: now }
    }

    fn takes(&mut self, now: Instant) -> bool {
        let passed = now.duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * f64::from(A_SECOND)).min(f64::from(AT_ONCE));
        let takes = self.left >= 1.0;
        if takes {
            self.left -= 1.0;
        }
        takes
    }
}

impl Wifi {
    /// Hears traps on these sockets until cancelled.
    pub async fn hear_traps(&self, sockets: Arc<Vec<UdpSocket>>, token: CancellationToken) {
        let heard = async {
            loop {
                if let Err(error) = self.hear_until_failure(&sockets).await {
                    tracing::warn!(%error, "traps cannot be heard: trying again in a moment");
                }
                sleep(PAUSE).await;
            }
        };
        token.run_until_cancelled(heard).await;
    }

    async fn hear_until_failure(&self, sockets: &[UdpSocket]) -> io::Result<()> {
        let within = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let mut ways = Vec::new();
        for (place, target) in self.targets().iter().enumerate() {
            let receiver = receiver(target).await?;
            let bucket = Bucket::new(Instant::now());
            ways.push(Way { place, target, receiver, addresses: HashSet::new(), bucket });
        }
        let receivers: Vec<_> = ways.iter().map(|way| (way.place, way.receiver.clone())).collect();
        let received = join_all(receivers.iter().map(|(place, receiver)| async {
            loop {
                match receiver.recv().await {
                    Ok(received) => self.told(*place, &received),
                    Err(_) => sleep(PAUSE).await,
                }
            }
        }));
        tokio::select! {
            _ = received => Ok(()),
            ended = pass_on(sockets, &within, &mut ways) => ended,
        }
    }

    /// A trap that is a controller's, as far as can be known.
    fn told(&self, place: usize, received: &ReceivedNotification) {
        let notification = &received.notification;
        let Ok(name) = notification.trap_oid() else { return };
        if !suspect::is_telling(&Oid::new(name.arcs())) {
            return;
        }
        let objects: Vec<_> = notification.varbinds().iter().cloned().map(ours).collect();
        self.suspect(place, suspect::named(&objects));
    }
}

/// What comes from a controller goes on to its receiver.
async fn pass_on(
    sockets: &[UdpSocket],
    within: &UdpSocket,
    ways: &mut [Way<'_>],
) -> io::Result<()> {
    let mut buffers = vec![[0; MAX_TRAP_BYTES + 1]; sockets.len()];
    let mut looked_up = None::<Instant>;
    loop {
        if looked_up.is_none_or(|at| at.elapsed() >= LOOK_UP_EVERY) {
            look_up(ways).await;
            looked_up = Some(Instant::now());
        }
        let coming = sockets.iter().zip(&mut buffers).map(|(socket, buffer)| {
            Box::pin(async move {
                let came = socket.recv_from(buffer).await;
                came.map(|(length, from)| (buffer.get(..length).unwrap_or_default(), from))
            })
        });
        let (bytes, from) = tokio::select! {
            (came, ..) = select_all(coming) => came?,
            () = sleep(LOOK_UP_EVERY) => continue,
        };
        let (from, now) = (from.ip().to_canonical(), Instant::now());
        for way in ways.iter_mut().filter(|way| way.addresses.contains(&from)) {
            if bytes.len() <= MAX_TRAP_BYTES && way.bucket.takes(now) {
                // A full buffer there loses a hint.
                let _ = within.try_send_to(bytes, way.receiver.local_addr());
            }
        }
    }
}

async fn look_up(ways: &mut [Way<'_>]) {
    for way in ways {
        let found = way.target.addresses().await;
        if !found.is_empty() {
            way.addresses = found;
        }
    }
}

/// One that takes what this controller's credentials are good for.
async fn receiver(target: &Target) -> io::Result<NotificationReceiver> {
    let engine = AuthoritativeEngine::install(ENGINE.to_vec(), |_| Ok::<(), Infallible>(()));
    let engine = engine.map_err(io::Error::other)?;
    let credentials = target.credentials();
    let is_user = credentials.is_user();
    let builder = NotificationReceiverBuilder::new()
        .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).to_string())
        .max_message_size(MAX_TRAP_BYTES)
        .authoritative_engine(engine)
        .acceptance_policy(move |envelope| match envelope.security_level {
            // The community was compared.
            None if !is_user && envelope.version == Version::V2c => NotificationAcceptance::Accept,
            Some(level) if level >= SecurityLevel::AuthNoPriv => NotificationAcceptance::Accept,
            _ => NotificationAcceptance::Reject,
        });
    let builder = credentials.receives(builder).map_err(io::Error::other)?;
    builder.build().await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_may_send_fifty_at_once_and_then_five_a_second() {
        let begun = Instant::now();
        let mut bucket = Bucket::new(begun);
        let takes = |bucket: &mut Bucket, second| {
            let now = begun + Duration::from_secs(second);
            (0..1000).filter(|_| bucket.takes(now)).count()
        };
        assert_eq!(takes(&mut bucket, 0), 50);
        assert_eq!(takes(&mut bucket, 2), 10);
        assert_eq!(takes(&mut bucket, 3600), 50);
    }
}
