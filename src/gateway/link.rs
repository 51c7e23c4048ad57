//! Is the link down? Told from the connections that devices ask for, until the box measures it.
//!
//! Pure. Several sites that do not answer within a moment, and none that does, mean that the next
//! one need not be waited for. Every few seconds one is tried all the same.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

/// Sites that must have failed one after the other.
const MISSES: usize = 3;
/// Within this.
const WITHIN: Duration = Duration::from_secs(15);
/// Then nobody waits for this long.
const SPARED: Duration = Duration::from_secs(5);

/// What the last attempts said.
#[derive(Debug, Default)]
pub struct Link {
    /// When each site was last missed since one was reached; newest last.
    misses: VecDeque<(u64, Instant)>,
    /// Until then nothing is tried.
    down_until: Option<Instant>,
}

impl Link {
    /// Somebody answered.
    pub fn reached(&mut self) {
        self.misses.clear();
        self.down_until = None;
    }

    /// A site could not be reached, for a reason that may be the link's.
    pub fn missed(&mut self, site: impl Hash, now: Instant) {
        let mut hasher = DefaultHasher::new();
        site.hash(&mut hasher);
        let site = hasher.finish();
        self.misses.retain(|(other, at)| *other != site && now.duration_since(*at) < WITHIN);
        self.misses.push_back((site, now));
        if self.misses.len() > MISSES {
            self.misses.pop_front();
        }
        if self.misses.len() == MISSES {
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
        link.reached();
        link.missed("c", now);
        assert!(!link.is_down(now));
        link.missed("a", now);
        link.missed("b", now);
        assert!(link.is_down(now));
        link.reached();
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
        link.reached();
        assert!(!link.is_down(again));
    }
}
