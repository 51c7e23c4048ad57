//! Who holds how many connections: no one takes the places of all.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// The connections of one listener, by the address at their other end.
#[derive(Debug, Clone)]
pub struct Guests {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most: usize,
}

impl Default for Guests {
    fn default() -> Self {
        Self::of_at_most(usize::MAX)
    }
}

/// A guest's connection, while it lasts.
#[derive(Debug)]
pub struct Guest {
    guests: Guests,
    peer: IpAddr,
}

/// May who holds so many connections have one more, with so many places left? Everyone may have
/// one. Whoever has many leaves as many to the others: alone, half of all; among several, less.
fn is_admitted(held: usize, left: usize) -> bool {
    held == 0 || held <= left
}

impl Guests {
    /// None of whom holds more than so many, however many places are left.
    pub fn of_at_most(most: usize) -> Self {
        Self { counts: Arc::default(), most }
    }

    /// Admits one more connection of a peer, unless it holds too many of the places already.
    pub fn admit(&self, peer: IpAddr, left: usize) -> Option<Guest> {
        // IPv4 through an IPv6 socket is the same peer.
        let peer = peer.to_canonical();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let held = counts.get(&peer).copied().unwrap_or(0);
        if held >= self.most || !is_admitted(held, left) {
            return None;
        }
        counts.insert(peer, held + 1);
        Some(Guest { guests: self.clone(), peer })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.guests.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = counts.get_mut(&self.peer) {
            *held -= 1;
            if *held == 0 {
                counts.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_takes_half_of_the_places_and_leaves_no_trace_when_gone() {
        let guests = Guests::default();
        let greedy: IpAddr = "192.0.2.1".parse().unwrap();
        let mut held = Vec::new();
        // Sixteen places; the one that is being given away is no longer left.
        while let Some(guest) = guests.admit(greedy, 15 - held.len()) {
            held.push(guest);
        }
        assert_eq!(held.len(), 8);
        assert!(guests.admit("::ffff:192.0.2.1".parse().unwrap(), 7).is_none(), "the same peer");
        let other = guests.admit("192.0.2.2".parse().unwrap(), 0);
        assert!(other.is_some(), "everyone may have one");
        drop((held, other));
        assert!(guests.counts.lock().unwrap().is_empty());
    }

    #[test]
    fn nobody_holds_more_than_the_most() {
        let guests = Guests::of_at_most(3);
        let peer: IpAddr = "192.0.2.1".parse().unwrap();
        let held: Vec<_> = std::iter::from_fn(|| guests.admit(peer, 1000)).collect();
        assert_eq!(held.len(), 3);
    }
}
