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
use super::{asked::Asked, link::Link};
use crate::{config, filter::host::Host};

/// RFC 8305 §8: how long one address has before the next is tried beside it.
const STAGGER: Duration = Duration::from_millis(250);
/// Places that were reached before are waited for so long, to tell whether the link is down.
const ASKED_FOR: Duration = Duration::from_secs(2);
/// Idle time after which a connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// RFC 9110 §15.5.8.
const PROXY_AUTHENTICATION_REQUIRED: u16 = 407;
/// That an account is not taken is said so often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Connects. Shared by every request.
#[derive(Debug)]
pub struct Dialer {
    names: Names,
    reach: Reach,
    upstream: Option<Upstream>,
    account: Option<Account>,
    /// When somebody was told last that the account is not taken.
    told: Mutex<Option<Instant>>,
    link: Mutex<Link>,
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
    pub fn new(config: &config::Gateway, resolver: Resolver, account: Option<Account>) -> Self {
        Self {
            names: Names::new(resolver),
            reach: Reach::new(&config.allow_private),
            upstream: config.upstream.as_ref().and_then(Upstream::new),
            account,
            told: Mutex::default(),
            link: Mutex::default(),
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
            let place = self.upstream.as_ref().map(Upstream::place);
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
                let named = tokio::time::timeout(self.timeout, self.names.of(name.as_str())).await;
                let addresses = named
                    .map_err(|_| DialError::Timeout(self.timeout))
                    .and_then(|named| named.map_err(DialError::Name));
                self.learn(&asked.host, &addresses, |_| None).await;
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

    /// An address written out is checked here even where another proxy dials it.
    fn refuse_literal(&self, asked: &Asked) -> Result<(), DialError> {
        match asked.host {
            Host::Address(address) => self.reach.check(address),
            Host::Name(_) => Ok(()),
        }
    }

    async fn to_origin(&self, asked: &Asked) -> Result<TcpStream, DialError> {
        self.refuse_literal(asked)?;
        if self.link().is_down(Instant::now()) {
            return Err(DialError::LinkDown);
        }
        let connected = self.resolve_and_connect(&asked.host, asked.port, true).await;
        self.learn(&asked.host, &connected, |stream| stream.peer_addr().ok()).await;
        connected
    }

    async fn to_proxy(&self, upstream: &Upstream) -> Result<TcpStream, DialError> {
        let (host, port) = upstream.place();
        // Named in the settings: it may well be on a private network.
        let connected = self.resolve_and_connect(host, port, false).await;
        connected.map_err(|error| DialError::Upstream(Box::new(error)))
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

    /// What an attempt says about the link. Where it looks as if that were down, places that were
    /// reached before are asked: a device may well ask for what is nowhere.
    async fn learn<T>(
        &self,
        host: &Host,
        connected: &Result<T, DialError>,
        place: impl Fn(&T) -> Option<SocketAddr>,
    ) {
        let places = match connected {
            Ok(reached) => return self.link().reached(place(reached)),
            // Somebody answered, if only to refuse.
            Err(DialError::Refused) => return self.link().reached(None),
            Err(error) if error.is_the_link_s() => self.link().missed(host, Instant::now()),
            Err(_) => return,
        };
        if !places.is_empty() {
            let one = race(&places, Duration::ZERO, TcpStream::connect);
            let one = tokio::time::timeout(ASKED_FOR, one).await;
            let one = one.map(|one| one.map_err(DialError::of_connect));
            let answered = matches!(one, Ok(Ok(_) | Err(DialError::Refused)));
            self.link().asked(answered, Instant::now());
        }
    }

    fn link(&self) -> std::sync::MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
