//! One request to the origin for all who ask the same at the same moment (RFC 9111 §4, "request
//! collapsing"): the first leads, the others wait until it knows what comes.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use lru::LruCache;
use tokio::sync::watch;

/// Addresses that are remembered to give nothing to share.
const MAX_UNSHARED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);
/// For how long.
const UNSHARED_FOR: SignedDuration = SignedDuration::from_secs(60);

/// How a flight ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// Something is stored now: look again.
    Stored,
    /// The answer was for one request alone.
    Alone,
    /// The origin is in trouble; what is stored, though stale, may stand in.
    Trouble,
}

/// Requests on their way.
#[derive(Debug, Clone)]
pub struct Flights {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    open: HashMap<String, watch::Receiver<Option<Landed>>>,
    unshared: LruCache<String, Timestamp>,
}

/// What a request does.
#[derive(Debug)]
pub enum Boarding {
    /// It asks the origin, and says what came of it.
    Lead(Lead),
    /// It waits for another.
    Wait(watch::Receiver<Option<Landed>>),
    /// It asks the origin, for itself.
    Alone,
}

/// A flight's first request. Dropped before it landed, it leaves the others to themselves.
#[derive(Debug)]
pub struct Lead {
    flights: Flights,
    name: String,
    landed: watch::Sender<Option<Landed>>,
}

impl Default for Flights {
    fn default() -> Self {
        let shared = Shared { open: HashMap::new(), unshared: LruCache::new(MAX_UNSHARED) };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }
}

impl Flights {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the flight of this name, or opens it.
    pub fn board(&self, name: &str, now: Timestamp) -> Boarding {
        let mut shared = self.shared();
        if let Some(landing) = shared.open.get(name) {
            return Boarding::Wait(landing.clone());
        }
        if shared.unshared.peek(name).is_some_and(|until| now < *until) {
            return Boarding::Alone;
        }
        let (landed, landing) = watch::channel(None);
        shared.open.insert(name.to_owned(), landing);
        Boarding::Lead(Lead { flights: self.clone(), name: name.to_owned(), landed })
    }
}

impl Lead {
    /// Tells the others.
    pub fn land(self, how: Landed, now: Timestamp) {
        if how == Landed::Alone
            && let Some(until) = now.checked_add(UNSHARED_FOR).ok()
        {
            self.flights.shared().unshared.put(self.name.clone(), until);
        }
        self.landed.send_replace(Some(how));
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.flights.shared().open.remove(&self.name);
    }
}

/// Waits for a flight to land.
pub async fn landing(mut flight: watch::Receiver<Option<Landed>>) -> Landed {
    match flight.wait_for(Option::is_some).await {
        Ok(landed) => landed.unwrap_or(Landed::Alone),
        Err(_) => Landed::Alone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    #[tokio::test]
    async fn the_first_leads_and_the_others_hear_of_it() {
        let flights = Flights::default();
        let Boarding::Lead(lead) = flights.board("a", NOW) else { panic!("the first leads") };
        let Boarding::Wait(waits) = flights.board("a", NOW) else { panic!("the second waits") };
        assert!(matches!(flights.board("b", NOW), Boarding::Lead(_)));
        lead.land(Landed::Stored, NOW);
        assert_eq!(landing(waits).await, Landed::Stored);
        assert!(matches!(flights.board("a", NOW), Boarding::Lead(_)));
    }

    #[tokio::test]
    async fn a_leader_that_is_lost_leaves_the_others_to_themselves() {
        let flights = Flights::default();
        let Boarding::Lead(lead) = flights.board("a", NOW) else { panic!("the first leads") };
        let Boarding::Wait(waits) = flights.board("a", NOW) else { panic!("the second waits") };
        drop(lead);
        assert_eq!(landing(waits).await, Landed::Alone);
    }

    #[test]
    fn nobody_waits_for_what_is_not_shared_until_it_is_forgotten() {
        let flights = Flights::default();
        let Boarding::Lead(lead) = flights.board("a", NOW) else { panic!("the first leads") };
        lead.land(Landed::Alone, NOW);
        assert!(matches!(flights.board("a", NOW), Boarding::Alone));
        let later = NOW.checked_add(UNSHARED_FOR).unwrap();
        assert!(matches!(flights.board("a", later), Boarding::Lead(_)));
    }
}
