//! Connections to origins that wait for the next request, bounded in number and in time.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hyper::client::conn::http1::SendRequest;

use super::{asked::Asked, body::Carried, dial::Hop};
use crate::filter::host::Host;

/// Of one origin.
const MAX_IDLE_PER_ORIGIN: usize = 16;
/// Of all.
const MAX_IDLE: usize = 1024;
/// Most servers close before this.
const IDLE_TIMEOUT: Duration = Duration::from_secs(55);
/// A connection whose last answer is over is ready within this, or never.
const READY_TIMEOUT: Duration = Duration::from_millis(20);

/// What a connection may be used for. Through another proxy one serves all origins.
#[allow(clippy::large_enum_variant, reason = "a box would cost an allocation a request")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// Requests to this origin.
    Origin(Asked),
    /// Those to this origin that this host's addresses answer.
    Safe(Asked, Arc<Host>),
    /// Any.
    Proxy,
}

impl Key {
    /// For a request to this place, dialled at the addresses of `instead`, if of any but its own.
    pub fn of(asked: &Asked, instead: Option<&Arc<Host>>, hop: Hop) -> Self {
        match (instead, hop) {
            (Some(instead), _) => Self::Safe(asked.clone(), instead.clone()),
            (None, Hop::Origin) => Self::Origin(asked.clone()),
            (None, Hop::Proxy) => Self::Proxy,
        }
    }
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<Carried>,
    leads: Option<IpAddr>,
    since: Instant,
}

#[derive(Debug, Default)]
struct Waiting {
    idle: HashMap<Key, Vec<Idle>>,
    count: usize,
    closed: bool,
}

/// The idle connections. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pool(Arc<Mutex<Waiting>>);

/// A connection in use. Dropped, it is closed once what is under way has ended.
#[derive(Debug)]
pub struct Lease {
    /// What sends the request.
    pub sender: SendRequest<Carried>,
    /// Where it leads; nothing when another proxy leads on.
    pub leads: Option<IpAddr>,
    /// Nothing for a connection that is used once.
    home: Option<(Pool, Key)>,
}

impl Lease {
    /// A connection that is used once.
    pub fn once(sender: SendRequest<Carried>) -> Self {
        Self { sender, leads: None, home: None }
    }

    /// Its answer is over: the next request may have it.
    pub fn give_back(self) {
        if let Some((pool, key)) = self.home {
            pool.keep(key, self.sender, self.leads);
        }
    }
}

impl Pool {
    /// A connection for this that waited and still seems open.
    pub async fn take(&self, key: &Key) -> Option<Lease> {
        loop {
            // The last one in is the surest to be open.
            let Idle { mut sender, leads, .. } = self.pop(key)?;
            if sender.is_closed() {
                continue;
            }
            let ready = tokio::time::timeout(READY_TIMEOUT, sender.ready()).await;
            if let Ok(Ok(())) = ready {
                return Some(self.lease(key.clone(), sender, leads));
            }
        }
    }

    /// A new connection, which will wait here after use.
    pub fn lease(&self, key: Key, sender: SendRequest<Carried>, leads: Option<IpAddr>) -> Lease {
        Lease { sender, leads, home: Some((self.clone(), key)) }
    }

    fn pop(&self, key: &Key) -> Option<Idle> {
        let now = Instant::now();
        self.with(|waiting| {
            let idle = waiting.idle.get_mut(key)?;
            let taken = idle.pop();
            waiting.count -= usize::from(taken.is_some());
            if idle.is_empty() {
                waiting.idle.remove(key);
            }
            taken.filter(|idle| now.duration_since(idle.since) < IDLE_TIMEOUT)
        })
    }

    fn keep(&self, key: Key, sender: SendRequest<Carried>, leads: Option<IpAddr>) {
        if sender.is_closed() {
            return;
        }
        self.with(|waiting| {
            if waiting.closed || waiting.count >= MAX_IDLE {
                return;
            }
            let idle = waiting.idle.entry(key).or_default();
            if idle.len() < MAX_IDLE_PER_ORIGIN {
                idle.push(Idle { sender, leads, since: Instant::now() });
                waiting.count += 1;
            }
        });
    }

    /// Lets go of those that waited too long, or that their origin closed.
    pub fn tidy(&self) {
        let now = Instant::now();
        self.with(|waiting| {
            waiting.idle.retain(|_, idle| {
                idle.retain(|one| {
                    !one.sender.is_closed() && now.duration_since(one.since) < IDLE_TIMEOUT
                });
                !idle.is_empty()
            });
            waiting.count = waiting.idle.values().map(Vec::len).sum();
        });
    }

    /// Lets go of all: after an outage they lead nowhere, though nobody has said so.
    pub fn clear(&self) {
        self.with(|waiting| {
            waiting.idle.clear();
            waiting.count = 0;
        });
    }

    /// Lets go of all, now and from now on.
    pub fn close(&self) {
        self.with(|waiting| *waiting = Waiting { closed: true, ..Waiting::default() });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Waiting) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
