//! Who holds how many connections: no one takes the places of all.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// The connections of one listener, by the address at their other end.
#[derive(Debug, Clone, Default)]
pub struct Guests(Arc<Mutex<HashMap<IpAddr, usize>>>);

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
    /// Admits one more connection of a peer, unless it holds too many of the places already.
    pub fn admit(&self, peer: IpAddr, left: usize) -> Option<Guest> {
        // IPv4 through an IPv6 socket is the same peer.
        let peer = peer.to_canonical();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = counts.get(&peer).copied().unwrap_or(0);
        if !is_admitted(held, left) {
            return None;
        }
        counts.insert(peer, held + 1);
        Some(Guest { guests: self.clone(), peer })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        assert!(guests.0.lock().unwrap().is_empty());
    }
}
