//! During an outage nobody waits: what a device asks for now and then is tried in its stead, so that a
//! return is seen even where no target answers. Pure.

use std::time::{Duration, Instant};

/// One attempt in so long.
const EVERY: Duration = Duration::from_secs(3);

/// When something was tried last.
#[derive(Debug, Default)]
pub struct Trials {
    last: Option<Instant>,
}

impl Trials {
    /// Is it time for one? Whoever is told so makes it.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let due = self.last.is_none_or(|last| now.duration_since(last) >= EVERY);
        if due {
            self.last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_tries_for_all() {
        let (mut trials, now) = (Trials::default(), Instant::now());
        assert!(trials.is_due(now), "the first one");
        assert!(!trials.is_due(now), "the next does not try too");
        assert!(!trials.is_due(now + EVERY / 2));
        assert!(trials.is_due(now + EVERY));
        assert!(!trials.is_due(now + EVERY));
    }
}
