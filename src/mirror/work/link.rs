//! While the link is down nothing is started; when it is back the mirror is the last to use it, at a
//! moment of each box's own. Pure.

use jiff::{SignedDuration, Timestamp};

use crate::net::link::State;

/// How long the link must have been good before what waited is started, at least and at most.
const SOONEST: SignedDuration = SignedDuration::from_secs(60);
const LATEST: SignedDuration = SignedDuration::from_secs(180);

/// What the link lets start.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// It was down, and has not been good for long enough since.
    waits: bool,
    /// Nothing is started meanwhile.
    closed: bool,
    opens_at: Option<Timestamp>,
}

impl Gate {
    /// The link is so now. Where `others_look`, its return is seen without the mirror; where nobody
    /// else does, the mirror goes on trying as its own waits say. `chance` is a random number in
    /// `0.0..1.0`.
    pub fn note(&mut self, state: State, others_look: bool, chance: f64, now: Timestamp) {
        match state {
            State::Down => {
                *self = Self { waits: true, closed: others_look, opens_at: None };
            }
            State::Up if self.waits && self.opens_at.is_none() => {
                let spread = (LATEST - SOONEST).as_secs_f64() * chance.clamp(0.0, 1.0);
                let wait = SignedDuration::try_from_secs_f64(spread).unwrap_or_default();
                self.opens_at = Some(now.saturating_add(SOONEST + wait).unwrap_or(now));
            }
            State::Up | State::Degraded => {}
        }
    }

    /// Opens when its time has come. True when it just did: what failed in the outage may be tried.
    pub fn opens(&mut self, now: Timestamp) -> bool {
        let opens = self.opens_at.is_some_and(|at| at <= now);
        if opens {
            *self = Self::default();
        }
        opens
    }

    /// Somebody asks for it now: what waited waits no longer, unless the link is down.
    pub fn hurry(&mut self, now: Timestamp) {
        self.opens_at = self.opens_at.map(|at| at.min(now));
    }

    /// May something be started?
    pub fn is_open(&self) -> bool {
        !self.closed
    }

    /// When it opens, if that is known.
    pub fn opens_at(&self) -> Option<Timestamp> {
        self.opens_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn after_an_outage_the_mirror_waits_until_the_link_was_good_for_a_while() {
        let mut gate = Gate::default();
        gate.note(State::Up, true, 0.5, at(0));
        assert!(gate.is_open() && gate.opens_at().is_none(), "a start is no return");
        gate.note(State::Down, true, 0.5, at(10));
        assert!(!gate.is_open() && !gate.opens(at(10_000)));
        gate.note(State::Degraded, true, 0.5, at(20));
        assert!(gate.opens_at().is_none(), "it must be good first");
        gate.note(State::Up, true, 0.5, at(30));
        assert_eq!(gate.opens_at(), Some(at(150)));
        gate.note(State::Up, true, 0.9, at(31));
        assert_eq!(gate.opens_at(), Some(at(150)), "the moment is drawn once");
        assert!(!gate.opens(at(149)) && !gate.is_open());
        assert!(gate.opens(at(150)) && gate.is_open());
        assert!(!gate.opens(at(151)), "told once");
    }

    #[test]
    fn an_outage_that_returns_closes_it_again() {
        let mut gate = Gate::default();
        gate.note(State::Down, true, 0.0, at(0));
        gate.note(State::Up, true, 0.0, at(10));
        gate.note(State::Down, true, 0.0, at(20));
        assert!(!gate.opens(at(1000)));
        gate.note(State::Up, true, 1.0, at(1000));
        assert_eq!(gate.opens_at(), Some(at(1180)));
    }

    #[test]
    fn where_nobody_else_looks_for_a_return_the_mirror_does() {
        let mut gate = Gate::default();
        gate.note(State::Down, false, 0.0, at(0));
        assert!(gate.is_open(), "else it would wait for ever");
        gate.note(State::Up, false, 0.0, at(10));
        assert!(gate.opens(at(70)), "and what failed is tried anew after it");
    }

    #[test]
    fn who_asks_for_it_waits_for_the_link_alone() {
        let mut gate = Gate::default();
        gate.note(State::Down, true, 0.0, at(0));
        gate.hurry(at(1));
        assert!(!gate.opens(at(1)), "there is no link");
        gate.note(State::Up, true, 1.0, at(10));
        gate.hurry(at(11));
        assert!(gate.opens(at(11)));
    }
}
