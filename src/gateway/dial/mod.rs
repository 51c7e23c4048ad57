//! From a place asked for to a connection: by name, by address, or through another proxy.

mod account;
mod error;
mod race;
mod reach;
mod resolve;
mod upstream;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::HeaderValue;
use tokio::net::TcpStream;

pub use self::{
    account::{Account, NoAccount},
    error::DialError,
    resolve::{Resolver, system},
};
use self::{race::race, reach::Reach, resolve::Names, upstream::Upstream};
use super::{asked::Asked, link::Trials};
use crate::{
    config,
    filter::host::Host,
    net::{
        client::is_public,
        link::{Link, Sign, State},
    },
};

/// RFC 8305 §8: how long one address has before the next is tried beside it.
const STAGGER: Duration = Duration::from_millis(250);
/// Idle time after which a connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// RFC 9110 §15.5.8.
const PROXY_AUTHENTICATION_REQUIRED: u16 = 407;
/// That an account is not taken is said so often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// A place that takes longer than this makes the link doubtful.
const SLOW: Duration = Duration::from_secs(1);
/// The same for an answer.
const SLOW_ANSWER: Duration = Duration::from_secs(5);
/// During an outage a name of the school's own is known within this.
const NEAR_NAME: Duration = Duration::from_millis(300);

/// Connects. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dialer {
    names: Arc<Names>,
    reach: Arc<Reach>,
    upstream: Option<Arc<Upstream>>,
    account: Option<Account>,
    /// When somebody was told last that the account is not taken.
    told: Arc<Mutex<Option<Instant>>>,
    link: Link,
    trials: Arc<Mutex<Trials>>,
    timeout: Duration,
}

/// A connection, and what it leads to.
#[derive(Debug)]
pub struct Dialled {
    /// The socket.
    pub stream: TcpStream,
    /// What came already: after the answer of another proxy to CONNECT.
    pub early: Bytes,
}

/// Whom a plain request is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hop {
    /// The origin: origin-form.
    Origin,
    /// Another proxy: absolute-form.
    Proxy,
}

impl Dialer {
    /// As the settings say.
    pub fn new(
        config: &config::Gateway,
        resolver: Resolver,
        account: Option<Account>,
        link: Link,
    ) -> Self {
        Self {
            names: Arc::new(Names::new(resolver)),
            reach: Arc::new(Reach::new(&config.allow_private)),
            upstream: config.upstream.as_ref().and_then(Upstream::new).map(Arc::new),
            account,
            told: Arc::default(),
            link,
            trials: Arc::default(),
            timeout: config.connect_timeout.0,
        }
    }

    /// Whom a request for this place is sent to.
    pub fn hop(&self, asked: &Asked) -> Hop {
        match &self.upstream {
            Some(upstream) if !upstream.bypasses(&asked.host) => Hop::Proxy,
            _ => Hop::Origin,
        }
    }

    /// What the box says of itself to whom a request is sent; to an origin, nothing.
    pub fn account(&self, hop: Hop) -> Option<&HeaderValue> {
        self.account.as_ref().filter(|_| hop == Hop::Proxy).map(Account::field)
    }

    /// The other proxy wants an account, or another: a person must act, and is told now and then.
    pub fn not_taken(&self) -> DialError {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| now.duration_since(told) >= TOLD_EVERY) {
            *told = Some(now);
            let place = self.upstream.as_deref().map(Upstream::place);
            let (host, port) = place.map(|(host, port)| (host.to_string(), port)).unzip();
            let setting = match self.account {
                Some(_) => {
                    "it does not take gateway.upstream.user with gateway.upstream.password_file"
                }
                None => "set gateway.upstream.user and gateway.upstream.password_file",
            };
            tracing::error!(host, port, "the upstream proxy asks who the box is (407): {setting}");
        }
        DialError::UpstreamSays(PROXY_AUTHENTICATION_REQUIRED)
    }

    /// A connection on which a plain request can be sent, in the form that its hop takes. It may be
    /// kept: idle ones are probed, so that what a middlebox forgot is not picked.
    pub async fn for_requests(&self, asked: &Asked) -> Result<TcpStream, DialError> {
        let stream = match &self.upstream {
            Some(upstream) if self.hop(asked) == Hop::Proxy => {
                self.refuse_literal(asked)?;
                self.to_proxy(upstream).await?
            }
            _ => self.to_origin(asked).await?,
        };
        let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE);
        let kept = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        kept.map_err(DialError::of_connect)?;
        Ok(stream)
    }

    /// A connection that leads to the place, byte for byte. `via` is for another proxy's eyes.
    pub async fn for_tunnel(&self, asked: &Asked, via: &str) -> Result<Dialled, DialError> {
        match &self.upstream {
            Some(upstream) if self.hop(asked) == Hop::Proxy => {
                self.refuse_literal(asked)?;
                let stream = self.to_proxy(upstream).await?;
                let asking = upstream::ask(stream, asked, via, self.account(Hop::Proxy));
                let answered = tokio::time::timeout(self.timeout, asking).await;
                let answered = answered.map_err(|_| DialError::Timeout(self.timeout))?;
                if let Err(DialError::UpstreamSays(PROXY_AUTHENTICATION_REQUIRED)) = answered {
                    self.not_taken();
                }
                answered
            }
            _ => Ok(Dialled { stream: self.to_origin(asked).await?, early: Bytes::new() }),
        }
    }

    /// The same for a connection that was going to `original`: there, if the name has that address;
    /// else to the name's own, so that a name in front of another's address opens nothing.
    pub async fn for_splice(
        &self,
        asked: &Asked,
        original: IpAddr,
        via: &str,
    ) -> Result<Dialled, DialError> {
        let belongs = match &asked.host {
            Host::Name(name) if self.hop(asked) == Hop::Origin => {
                let naming = async {
                    let named = tokio::time::timeout(self.timeout, self.names.of(name.as_str()));
                    let named = named.await.map_err(|_| DialError::Timeout(self.timeout))?;
                    named.map_err(DialError::Name)
                };
                let addresses = self.unless_down(asked, false, naming).await;
                // A name that is known says nothing: it may have been remembered.
                if let Err(error) = &addresses {
                    self.learn_of_failure(&asked.host, error);
                }
                addresses?.contains(&original)
            }
            _ => false,
        };
        if belongs {
            let there = Asked::at(SocketAddr::new(original, asked.port));
            return Ok(Dialled { stream: self.to_origin(&there).await?, early: Bytes::new() });
        }
        self.for_tunnel(asked, via).await
    }

    /// Where a connection for this place leads: nothing when another proxy leads on.
    pub fn leads(&self, asked: &Asked, stream: &TcpStream) -> Option<IpAddr> {
        let direct = self.hop(asked) == Hop::Origin;
        let peer = direct.then(|| stream.peer_addr().ok()).flatten();
        peer.map(|peer| peer.ip().to_canonical())
    }

    /// An address written out is checked here even where another proxy dials it.
    fn refuse_literal(&self, asked: &Asked) -> Result<(), DialError> {
        match asked.host {
            Host::Address(address) => self.reach.check(address),
            Host::Name(_) => Ok(()),
        }
    }

    async fn to_origin(&self, asked: &Asked) -> Result<TcpStream, DialError> {
        self.refuse_literal(asked)?;
        let connecting = self.resolve_and_connect(&asked.host, asked.port, true);
        let connected = self.unless_down(asked, false, connecting).await;
        self.learn(&asked.host, &connected, false);
        connected
    }

    /// This attempt's end, or that of the link: nobody waits longer than until that is known. The
    /// link `begins` at another proxy.
    async fn unless_down<T>(
        &self,
        asked: &Asked,
        begins: bool,
        attempt: impl Future<Output = Result<T, DialError>>,
    ) -> Result<T, DialError> {
        if self.link.state() == State::Down {
            if !begins && self.is_near(&asked.host).await {
                return attempt.await;
            }
            self.try_in_its_stead(asked, begins);
            return Err(DialError::LinkDown);
        }
        tokio::select! {
            biased;
            done = attempt => done,
            () = self.cut(&asked.host, begins, SLOW) => Err(DialError::LinkDown),
        }
    }

    /// Does nothing beyond the link answer?
    pub fn is_cut(&self) -> bool {
        self.link.state() == State::Down
    }

    /// An exchange that began with the link up ends with it.
    pub async fn while_up<T, E: From<DialError>>(
        &self,
        host: &Host,
        exchange: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            done = exchange => done,
            () = self.cut(host, false, SLOW_ANSWER) => Err(DialError::LinkDown.into()),
        }
    }

    /// Ends when the link does, for a place beyond it. After a `slow` moment it becomes doubtful.
    async fn cut(&self, host: &Host, begins: bool, slow: Duration) {
        if tokio::time::timeout(slow, self.link.goes_down()).await.is_err() {
            self.link.note(Sign::Slow);
            self.link.goes_down().await;
        }
        if !begins && self.is_near(host).await {
            std::future::pending::<()>().await;
        }
    }

    /// Is it on this side of the link: a server of the school that devices may reach?
    async fn is_near(&self, host: &Host) -> bool {
        match host {
            Host::Address(address) => !is_public(address.to_canonical()),
            Host::Name(_) if !self.reach.lists_any() => false,
            Host::Name(name) => {
                let named = tokio::time::timeout(NEAR_NAME, self.names.of(name.as_str())).await;
                named.is_ok_and(|named| {
                    named.is_ok_and(|found| {
                        !found.is_empty() && found.iter().all(|one| !is_public(one.to_canonical()))
                    })
                })
            }
        }
    }

    /// Now and then, behind the back of a device that has its answer already.
    fn try_in_its_stead(&self, asked: &Asked, begins: bool) {
        if !self.trials.lock().unwrap_or_else(PoisonError::into_inner).is_due(Instant::now()) {
            return;
        }
        let (dialer, asked) = (self.clone(), asked.clone());
        tokio::spawn(async move {
            let connected = dialer.resolve_and_connect(&asked.host, asked.port, !begins).await;
            dialer.learn(&asked.host, &connected, begins);
        });
    }

    async fn to_proxy(&self, upstream: &Upstream) -> Result<TcpStream, DialError> {
        let (host, port) = upstream.place();
        // Named in the settings: it may well be on a private network, and is the link all the same.
        let asked = Asked { host: *host, port };
        let connecting = self.resolve_and_connect(host, port, false);
        let connected = self.unless_down(&asked, true, connecting).await;
        self.learn(host, &connected, true);
        connected.map_err(|error| match error {
            DialError::LinkDown => DialError::LinkDown,
            other => DialError::Upstream(Box::new(other)),
        })
    }

    async fn resolve_and_connect(
        &self,
        host: &Host,
        port: u16,
        checked: bool,
    ) -> Result<TcpStream, DialError> {
        let work = async {
            let addresses: Arc<[IpAddr]> = match host {
                Host::Address(address) => Arc::new([*address]),
                Host::Name(name) => self.names.of(name.as_str()).await.map_err(DialError::Name)?,
            };
            if addresses.is_empty() {
                return Err(DialError::NoAddress);
            }
            // One bad address spoils the answer: a name that mixes public and private ones is
            // either rebinding or broken. The addresses checked are those dialled.
            for address in addresses.iter().filter(|_| checked) {
                self.reach.check(*address)?;
            }
            let places: Vec<SocketAddr> =
                addresses.iter().map(|address| SocketAddr::new(*address, port)).collect();
            race(&places, STAGGER, TcpStream::connect).await.map_err(DialError::of_connect)
        };
        let connected = tokio::time::timeout(self.timeout, work).await;
        let stream = connected.map_err(|_| DialError::Timeout(self.timeout))??;
        // Small packets leave at once.
        stream.set_nodelay(true).map_err(DialError::of_connect)?;
        Ok(stream)
    }

    /// What an attempt says about the link; what is on this side of it, unless the link `begins`
    /// there, says nothing.
    fn learn(&self, host: &Host, connected: &Result<TcpStream, DialError>, begins: bool) {
        let beyond = |address: IpAddr| begins || is_public(address.to_canonical());
        match connected {
            Ok(stream) => {
                if let Some(peer) = stream.peer_addr().ok().filter(|peer| beyond(peer.ip())) {
                    self.link.note(Sign::ReachedAt(peer));
                }
            }
            // Somebody answered, if only to refuse.
            Err(DialError::Refused) => match host {
                Host::Address(address) if !beyond(*address) => {}
                _ => self.link.note(Sign::Reached),
            },
            Err(error) => match host {
                Host::Address(address) if !beyond(*address) => {}
                _ => self.learn_of_failure(host, error),
            },
        }
    }

    fn learn_of_failure(&self, host: &Host, error: &DialError) {
        if error.is_the_link_s() {
            self.link.note(Sign::missed(host));
        }
    }
}
