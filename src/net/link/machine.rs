//! What signs say of the link. Pure: the moment is passed in.
//!
//! Somebody who answers says that it is up. Several places that do not, with none between that
//! does, say that it is down; where targets are known to answer when it is up, they are asked before
//! that is believed, and so are places that were reached before: a device chooses what it asks for, and
//! three names that nobody has must not cut off a school. One answer ends an outage, but only some
//! quiet time after it makes the link good again: what waits for that does not go back and forth with
//! a loose cable.

use std::{
    collections::VecDeque,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// Places that must have been missed one after the other.
const MISSES: usize = 3;
/// Within this.
const WITHIN: Duration = Duration::from_secs(15);
/// Places that are remembered: those reached last, each address once.
const PLACES: usize = 4;
/// Attempts looked at for a link that half works, and how long each counts.
const LATELY: usize = 16;
const LATELY_FOR: Duration = Duration::from_secs(30);
/// Fewer misses than this are the places' own.
const TROUBLING: usize = 4;
/// After an outage the link must be without a new one for this long.
const STEADY: Duration = Duration::from_secs(10);
/// How often a degraded link is looked at again.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Targets are asked so often while the link is down: a return is seen within it, and the time that
/// a target may take.
const DOWN_EVERY: Duration = Duration::from_secs(3);
/// And so often in doubt, at first; twice as long after each time that said nothing.
const DOUBT_EVERY: Duration = Duration::from_secs(5);
const DOUBT_AT_MOST: Duration = Duration::from_secs(300);

/// How the link is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It carries.
    #[default]
    Up,
    /// It carries some of what is tried, or has just come back.
    Degraded,
    /// Nothing beyond it answers.
    Down,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        })
    }
}

/// What whoever tries to reach something beyond the link says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Somebody beyond the link answered, if only to refuse.
    Reached,
    /// The same, at this place: it may be asked again in doubt.
    ReachedAt(SocketAddr),
    /// A place could not be reached, for a reason that may be the link's.
    Missed(Place),
    /// A place takes long to answer.
    Slow,
}

/// Which place: the same one missed five times is not five places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u64);

impl Sign {
    /// This place could not be reached.
    pub fn missed(place: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        place.hash(&mut hasher);
        Self::Missed(Place(hasher.finish()))
    }
}

/// Who answered when targets, and places reached before, were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A target.
    Target,
    /// A place that was reached before.
    Place,
    /// Nobody.
    None,
}

/// What was heard, as far as it counts.
#[derive(Debug, Default)]
pub struct Machine {
    state: State,
    /// When each place was last missed since one was reached; newest last.
    misses: VecDeque<(Place, Instant)>,
    /// The last attempts: did they reach somebody?
    lately: VecDeque<(bool, Instant)>,
    /// Reached before; newest last.
    places: VecDeque<SocketAddr>,
    reached_at: Option<Instant>,
    /// After an outage: from then on the link may be called good.
    steady_at: Option<Instant>,
    /// Something speaks against the link.
    doubt: bool,
    /// Did a target ever answer? Before that, their silence may be a firewall's.
    trusts: bool,
    /// When the targets were asked last, and how often in vain since somebody answered.
    probed_at: Option<Instant>,
    in_vain: u32,
}

impl Machine {
    /// At a start nothing is known: the targets are asked once.
    pub fn new() -> Self {
        Self { doubt: true, ..Self::default() }
    }

    /// How the link is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Does something speak against the link, so that targets are worth asking?
    pub fn doubts(&self) -> bool {
        self.doubt || self.state == State::Down
    }

    /// Did a target ever answer, so that its silence says something?
    pub fn trusts(&self) -> bool {
        self.trusts
    }

    /// Places that were reached before, the newest first.
    pub fn places(&self) -> impl Iterator<Item = SocketAddr> {
        self.places.iter().rev().copied()
    }

    /// Is there anybody whose silence says something?
    fn has_witness(&self) -> bool {
        self.trusts || !self.places.is_empty()
    }

    /// Hears a sign.
    pub fn note(&mut self, sign: Sign, now: Instant) {
        match sign {
            Sign::Reached => {
                self.attempt(true, now);
                self.answered(now);
            }
            Sign::ReachedAt(place) => {
                self.places.retain(|other| other.ip() != place.ip());
                if self.places.len() == PLACES {
                    self.places.pop_front();
                }
                self.places.push_back(place);
                self.attempt(true, now);
                self.answered(now);
            }
            Sign::Missed(place) => {
                self.attempt(false, now);
                self.doubt = true;
                self.misses
                    .retain(|(other, at)| *other != place && now.duration_since(*at) < WITHIN);
                self.misses.push_back((place, now));
                if self.misses.len() > MISSES {
                    self.misses.pop_front();
                }
                if self.misses.len() == MISSES && !self.has_witness() {
                    self.goes_down();
                }
            }
            Sign::Slow => self.doubt = true,
        }
        self.look(now);
    }

    /// Targets and places were asked, from `begun` on.
    pub fn probed(&mut self, answer: Answer, begun: Instant, now: Instant) {
        self.probed_at = Some(now);
        if answer == Answer::None {
            self.in_vain = self.in_vain.saturating_add(1);
            let silent = self.reached_at.is_none_or(|at| at < begun);
            if self.has_witness() && self.doubt && silent {
                self.goes_down();
            }
        } else {
            self.trusts |= answer == Answer::Target;
            self.answered(now);
        }
        self.look(now);
    }

    /// Looks at what time alone changes.
    pub fn look(&mut self, now: Instant) {
        while self.lately.front().is_some_and(|(_, at)| now.duration_since(*at) >= LATELY_FOR) {
            self.lately.pop_front();
        }
        let (all, missed) =
            (self.lately.len(), self.lately.iter().filter(|(reached, _)| !reached).count());
        match self.state {
            State::Up if missed >= TROUBLING && missed * 2 >= all => {
                self.state = State::Degraded;
                self.steady_at = None;
            }
            // Two thresholds: what lies between them changes nothing.
            State::Degraded if self.steady_at.is_none_or(|at| at <= now) && missed * 4 <= all => {
                self.state = State::Up;
                self.steady_at = None;
            }
            _ => {}
        }
    }

    /// When the targets are to be asked next, if they are.
    pub fn probe_at(&self, now: Instant) -> Option<Instant> {
        let every = match self.state {
            State::Down => DOWN_EVERY,
            _ if self.doubt => {
                DOUBT_EVERY.saturating_mul(1 << self.in_vain.min(16)).min(DOUBT_AT_MOST)
            }
            _ => return None,
        };
        Some(self.probed_at.map_or(now, |at| at + every))
    }

    /// When time alone may change something.
    pub fn look_at(&self, now: Instant) -> Option<Instant> {
        let again = now + LOOK_EVERY;
        (self.state == State::Degraded)
            .then(|| self.steady_at.filter(|at| *at > now).map_or(again, |at| at.min(again)))
    }

    fn attempt(&mut self, reached: bool, now: Instant) {
        if self.lately.len() == LATELY {
            self.lately.pop_front();
        }
        self.lately.push_back((reached, now));
    }

    fn answered(&mut self, now: Instant) {
        self.misses.clear();
        self.reached_at = Some(now);
        (self.doubt, self.in_vain) = (false, 0);
        if self.state == State::Down {
            self.state = State::Degraded;
            self.steady_at = Some(now + STEADY);
            // What failed in the outage says nothing about the time after it.
            self.lately.clear();
        }
    }

    fn goes_down(&mut self) {
        self.state = State::Down;
        self.steady_at = None;
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
