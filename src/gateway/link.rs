//! Is the link down? Told from the connections that devices ask for, until the box measures it.
//!
//! Pure. Several sites that do not answer within a moment, and none that does, mean that the next
//! one need not be waited for. Every few seconds one is tried all the same.
//!
//! A device chooses the sites it asks for: three names that nobody has would tell a whole school that
//! the link is down. So places that were reached before are asked first, and only their silence counts.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Sites that must have failed one after the other.
const MISSES: usize = 3;
/// Within this.
const WITHIN: Duration = Duration::from_secs(15);
/// Then nobody waits for this long.
const SPARED: Duration = Duration::from_secs(5);
/// Places that are remembered: those reached last, each once.
const PLACES: usize = 8;
/// They are asked at most so often, however many sites are missed.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// What the last attempts said.
#[derive(Debug, Default)]
pub struct Link {
    /// When each site was last missed since one was reached; newest last.
    misses: VecDeque<(u64, Instant)>,
    /// Reached before; newest last.
    places: VecDeque<SocketAddr>,
    /// When these were last asked.
    asked: Option<Instant>,
    /// Until then nothing is tried.
    down_until: Option<Instant>,
}

impl Link {
    /// Somebody answered, at this place.
    pub fn reached(&mut self, place: Option<SocketAddr>) {
        self.misses.clear();
        self.down_until = None;
        let Some(place) = place else { return };
        self.places.retain(|other| other.ip() != place.ip());
        if self.places.len() == PLACES {
            self.places.pop_front();
        }
        self.places.push_back(place);
    }

    /// A site could not be reached, for a reason that may be the link's. The places to be asked
    /// before that is believed, in [`Link::asked`]'s name; none where there is nothing to ask.
    pub fn missed(&mut self, site: impl Hash, now: Instant) -> Vec<SocketAddr> {
        let mut hasher = DefaultHasher::new();
        site.hash(&mut hasher);
        let site = hasher.finish();
        self.misses.retain(|(other, at)| *other != site && now.duration_since(*at) < WITHIN);
        self.misses.push_back((site, now));
        if self.misses.len() > MISSES {
            self.misses.pop_front();
        }
        if self.misses.len() < MISSES {
            return Vec::new();
        }
        if self.places.is_empty() {
            self.down_until = Some(now + SPARED);
            return Vec::new();
        }
        if self.asked.is_some_and(|at| now.duration_since(at) < ASK_EVERY) {
            return Vec::new();
        }
        self.asked = Some(now);
        self.places.iter().copied().collect()
    }

    /// What came of asking the places: did one answer?
    pub fn asked(&mut self, answered: bool, now: Instant) {
        if answered {
            self.reached(None);
        } else {
            self.down_until = Some(now + SPARED);
        }
    }

    /// Is waiting for a connection vain now? When the time is over, whoever asks first tries for
    /// all: the others are spared the wait until that attempt has said something.
    pub fn is_down(&mut self, now: Instant) -> bool {
        match self.down_until {
            None => false,
            Some(until) if now < until => true,
            Some(_) => {
                self.down_until = Some(now + SPARED);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn three_sites_that_miss_are_the_link_and_one_that_misses_thrice_is_not() {
        let (mut link, now) = (Link::default(), Instant::now());
        for _ in 0..5 {
            link.missed("a", now);
        }
        link.missed("b", now);
        assert!(!link.is_down(now));
        link.missed("c", now);
        assert!(link.is_down(now));
    }

    #[test]
    fn one_that_answers_says_that_the_link_is_up() {
        let (mut link, now) = (Link::default(), Instant::now());
        link.missed("a", now);
        link.missed("b", now);
        link.reached(None);
        link.missed("c", now);
        assert!(!link.is_down(now));
        link.missed("a", now);
        link.missed("b", now);
        assert!(link.is_down(now));
        link.reached(None);
        assert!(!link.is_down(now));
    }

    #[test]
    fn misses_of_long_ago_do_not_count() {
        let (mut link, now) = (Link::default(), Instant::now());
        link.missed("a", now);
        link.missed("b", now + SECOND);
        link.missed("c", now + WITHIN + SECOND);
        assert!(!link.is_down(now + WITHIN + SECOND));
    }

    #[test]
    fn one_at_a_time_tries_again() {
        let (mut link, now) = (Link::default(), Instant::now());
        for site in ["a", "b", "c"] {
            link.missed(site, now);
        }
        let later = now + SPARED;
        assert!(!link.is_down(later), "it tries");
        assert!(link.is_down(later), "the next does not wait with it");
        link.missed("d", later + SECOND);
        assert!(link.is_down(later + SECOND), "still down");
        let again = later + SECOND + SPARED;
        assert!(!link.is_down(again));
        link.reached(None);
        assert!(!link.is_down(again));
    }

    #[test]
    fn places_reached_before_are_asked_first_and_not_at_every_miss() {
        let (mut link, now) = (Link::default(), Instant::now());
        let place = |last: u8| SocketAddr::from(([192, 0, 2, last], 80));
        for last in 0..20 {
            link.reached(Some(place(last)));
        }
        link.reached(Some(place(19)));
        assert!(link.missed("a", now).is_empty() && link.missed("b", now).is_empty());
        let asked = link.missed("c", now);
        assert_eq!(asked, (12..20).map(place).collect::<Vec<_>>());
        assert!(!link.is_down(now), "not before they said something");
        assert!(link.missed("d", now).is_empty(), "they are being asked");
        link.asked(true, now);
        assert!(!link.is_down(now));
        let later = now + ASK_EVERY;
        let again = ["e", "f", "g"].map(|site| link.missed(site, later).len());
        assert_eq!(again, [0, 0, PLACES]);
        link.asked(false, later);
        assert!(link.is_down(later));
        link.reached(Some(place(1)));
        assert!(!link.is_down(later));
    }
}
