//! Names that the resolver refused, in the account: no connection follows that would tell of them.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use lru::LruCache;

use crate::{
    access::Here,
    filter::host::Host,
    journal::{Journal, Record, Verdict},
};

/// A page asks for a name's two kinds of address and its services, and anew when it is refused: that is
/// one refusal.
const ONCE_IN: Duration = Duration::from_secs(60);
/// Devices and names that are remembered for that.
const MAX_LATELY: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// Keeps account of them.
pub(super) struct RefusedNames {
    journal: Journal,
    lately: Mutex<LruCache<(IpAddr, Host), Instant>>,
}

/// By whose rules, and of what.
pub(super) struct Refusal<'a> {
    pub(super) profile: Option<Arc<str>>,
    pub(super) category: Option<&'a str>,
    pub(super) here: Option<&'a Here>,
}

impl RefusedNames {
    pub(super) fn new(journal: Journal) -> Self {
        Self { journal, lately: Mutex::new(LruCache::new(MAX_LATELY)) }
    }

    /// Notes that this device was not told of this name.
    pub(super) fn note(&self, device: IpAddr, host: &Host, refusal: Refusal<'_>) {
        if !self.is_new(device, host, Instant::now()) {
            return;
        }
        let Refusal { profile, category, here } = refusal;
        let record = Record {
            at: Timestamp::now(),
            lasted: 0,
            // A resolver is no place that a device's port leads to.
            device: SocketAddr::new(device.to_canonical(), 0),
            session: here.map(|here| here.session.clone()),
            profile,
            destination: None,
            port: 0,
            name: Some(Arc::from(host.to_string())),
            up: 0,
            down: 0,
            verdict: Verdict::Denied,
            doubt: true,
        };
        self.journal.note(record, category.map(Arc::from));
    }

    fn is_new(&self, device: IpAddr, host: &Host, now: Instant) -> bool {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (device, *host);
        let known = lately.get(&key).is_some_and(|then| now.duration_since(*then) < ONCE_IN);
        if !known {
            lately.put(key, now);
        }
        !known
    }
}
