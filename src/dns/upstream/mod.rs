//! The resolvers that are asked: the quickest first, another beside it when that takes longer than
//! it should, all others when it fails.

pub mod check;
mod exchange;
mod measured;

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use hickory_proto::op::{Message, Query, ResponseCode};
use rand::Rng as _;
use rustls::ClientConfig;

pub use self::check::is_forwarded;
use self::{
    check::Sent,
    exchange::{Datagram, Failed},
    measured::Measured,
};
use super::wire::{self, MAX_MESSAGE_BYTES};
use crate::config::Nameserver;

/// One resolver has so long for one answer, over UDP or on a connection.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);
/// All together have so long.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Times that each is asked at most: a datagram may be lost.
const ROUNDS: usize = 2;
/// The same resolver is asked again, by another datagram, no sooner than this.
const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// While none is known to answer, one question in this time finds out whether one does again; all
/// others fail at once.
const PROBED_EVERY: Duration = Duration::from_secs(1);

/// Why no resolver answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// There is none.
    #[error("no resolver is set ([dns] resolvers)")]
    None,
    /// None answers at the moment; this question was not sent.
    #[error("no resolver answers at the moment")]
    Away,
    /// None answered this question.
    #[error("no resolver answered")]
    Silent,
    /// What came is not what its zone signed.
    #[error("the answer's signatures are not right")]
    Bogus,
    /// The last answer was that there is none.
    #[error("the resolvers answer: {0}")]
    Code(ResponseCode),
}

/// The resolvers.
#[derive(Debug)]
pub struct Upstreams {
    servers: Vec<Server>,
    probed: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Server {
    place: Nameserver,
    tls: Option<Arc<ClientConfig>>,
    measured: Mutex<Measured>,
    cookie: [u8; 8],
    /// Its own part of the cookie, since it sent one.
    its_cookie: Mutex<Vec<u8>>,
}

/// What is asked, and how.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What.
    pub question: Query,
    /// With signatures?
    pub signatures: bool,
    /// Unchecked?
    pub no_checking: bool,
}

type Try<'a> = Pin<Box<dyn Future<Output = Result<Message, Failed>> + Send + 'a>>;

impl Upstreams {
    /// These resolvers; `tls` is for those that are asked under it.
    pub fn new(places: &[Nameserver], tls: Option<&Arc<ClientConfig>>) -> Self {
        let server = |place: &Nameserver| Server {
            place: place.clone(),
            tls: tls.cloned(),
            measured: Mutex::default(),
            cookie: rand::rng().random(),
            its_cookie: Mutex::default(),
        };
        Self { servers: places.iter().map(server).collect(), probed: Mutex::default() }
    }

    /// Does none answer, as far as is known?
    pub fn are_away(&self) -> bool {
        self.servers.iter().all(|server| lock(&server.measured).is_away())
    }

    /// Asks.
    ///
    /// # Errors
    /// None answers.
    pub async fn ask(&self, wanted: &Wanted) -> Result<Message, Unanswered> {
        if self.servers.is_empty() {
            return Err(Unanswered::None);
        }
        if self.are_away() && !self.may_probe(Instant::now()) {
            return Err(Unanswered::Away);
        }
        let asked = tokio::time::timeout(TIMEOUT, self.race(wanted)).await;
        asked.unwrap_or(Err(Unanswered::Silent))
    }

    async fn race(&self, wanted: &Wanted) -> Result<Message, Unanswered> {
        let all: Vec<Measured> = self.servers.iter().map(|one| *lock(&one.measured)).collect();
        let order = measured::order(&all, Instant::now(), rand::rng().random());
        let in_turn = order.iter().filter_map(|index| self.servers.get(*index));
        let mut turns = in_turn.cycle().take(order.len() * ROUNDS);
        let mut tries: FuturesUnordered<Try<'_>> = FuturesUnordered::new();
        let mut last = Unanswered::Silent;
        let mut current: Option<(&Server, Instant)> = None;
        loop {
            let hedge = current.map(|(server, _)| lock(&server.measured).hedge());
            let least = if order.len() == 1 { AGAIN_AFTER } else { Duration::ZERO };
            let wait = hedge.map(|hedge| hedge.max(least));
            tokio::select! {
                Some(came) = tries.next() => match came {
                    Ok(message) => match message.metadata.response_code {
                        ResponseCode::NoError | ResponseCode::NXDomain => return Ok(message),
                        code => last = Unanswered::Code(code),
                    },
                    Err(error) => tracing::debug!(%error, "a resolver did not answer"),
                },
                () = tokio::time::sleep(wait.unwrap_or_default()), if current.is_some() => {
                    if let Some((server, since)) = current {
                        lock(&server.measured).outrun(since.elapsed());
                    }
                }
                else => {}
            }
            let Some(server) = turns.next() else {
                current = None;
                if tries.is_empty() {
                    return Err(last);
                }
                continue;
            };
            current = Some((server, Instant::now()));
            tries.push(Box::pin(server.try_once(wanted)));
        }
    }

    fn may_probe(&self, now: Instant) -> bool {
        let mut probed = lock(&self.probed);
        let due = probed.is_none_or(|at| now.saturating_duration_since(at) >= PROBED_EVERY);
        if due {
            *probed = Some(now);
        }
        due
    }
}

impl Server {
    async fn try_once(&self, wanted: &Wanted) -> Result<Message, Failed> {
        let start = Instant::now();
        let tried = tokio::time::timeout(TRY_TIMEOUT, self.exchange(wanted)).await;
        let silent = || Failed::Io(std::io::ErrorKind::TimedOut.into());
        let tried = tried.unwrap_or_else(|_| Err(silent()));
        let mut measured = lock(&self.measured);
        match &tried {
            Ok(_) => measured.answered(start.elapsed()),
            Err(error) => {
                tracing::debug!(resolver = %self.place, %error, "a resolver failed");
                measured.failed(Instant::now());
            }
        }
        tried
    }

    async fn exchange(&self, wanted: &Wanted) -> Result<Message, Failed> {
        let to = self.place.address;
        let mut its_cookie = lock(&self.its_cookie).clone();
        let mut sent = self.sent(wanted, !its_cookie.is_empty());
        let wants = (wanted.signatures, wanted.no_checking);
        let mut bytes = wire::write(&check::to_send(&sent, &its_cookie, wants), MAX_MESSAGE_BYTES);
        if let (Some(name), Some(tls)) = (&self.place.name, &self.tls) {
            return exchange::by_tls(to, name, tls, &sent, &bytes).await;
        }
        // Twice: with the cookie that it wants, if it wants another; without EDNS, if it knows none.
        for _ in 0..2 {
            let message = match exchange::by_udp(to, &sent, &bytes).await? {
                Datagram::Answer(message) => message,
                Datagram::Tcp => break,
                Datagram::Again(cookie) => {
                    its_cookie = cookie.get(sent.cookie.len()..).unwrap_or_default().to_vec();
                    lock(&self.its_cookie).clone_from(&its_cookie);
                    let message = check::to_send(&sent, &its_cookie, wants);
                    bytes = wire::write(&message, MAX_MESSAGE_BYTES);
                    continue;
                }
                Datagram::Plainly => {
                    sent.edns = false;
                    let message = check::to_send(&sent, &[], wants);
                    bytes = wire::write(&message, MAX_MESSAGE_BYTES);
                    continue;
                }
            };
            self.learn(&message);
            return Ok(*message);
        }
        let message = exchange::by_tcp(to, &sent, &bytes).await?;
        // A connection is proof enough: a resolver that lost its cookies may have lost them.
        lock(&self.its_cookie).clear();
        self.learn(&message);
        Ok(message)
    }

    fn sent(&self, wanted: &Wanted, knows_cookies: bool) -> Sent {
        let mut question = wanted.question.clone();
        question.name.randomize_label_case();
        Sent { id: rand::rng().random(), question, cookie: self.cookie, knows_cookies, edns: true }
    }

    fn learn(&self, message: &Message) {
        let its = wire::cookie(message).and_then(|cookie| cookie.strip_prefix(&self.cookie));
        if let Some(its) = its.filter(|its| !its.is_empty()) {
            *lock(&self.its_cookie) = its.to_vec();
        }
    }
}

/// What panicked in here left a measurement.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
