//! Is a link cut? Decided once a second, from what came in that second. Pure.
//!
//! A carrier that is lost opens an outage at once. Else it takes [`SILENCE`] seconds in which nothing
//! beyond the link answered, neither by ICMP nor by TCP, **and** in which next to nothing came in: a link
//! that carries other people's bytes and loses ours is congested, not cut. It closes after [`GOOD`]
//! seconds with an answer among [`OF`].
//!
//! Seconds are those that were looked at, not those of a clock: a box that was asleep, or whose clock
//! was set, finds nothing wrong by it.

use jiff::{SignedDuration, Timestamp};

/// Seconds without an answer that are an outage.
pub const SILENCE: u32 = 7;
/// The same where bytes that come in say nothing of the link.
pub const SILENCE_SHARED: u32 = 15;
/// Seconds over which bytes are summed, less the loudest one: that may be what was on its way when the
/// link was cut, or a neighbour's burst of broadcasts.
const SUMMED: usize = SILENCE as usize;
/// Bytes cannot hold back an outage for longer than this, where targets have answered before: what only
/// comes in is of no use to anybody.
pub const LONGEST_VETO: u32 = 60;
/// Seconds that a box gives its links to come up after its start.
pub const GRACE: u32 = 30;
/// Seconds with an answer, among the last [`OF`], that end an outage.
pub const GOOD: u32 = 20;
/// See [`GOOD`].
pub const OF: u32 = 25;
/// The gateway answers, or does not, as its last so many seconds say.
const GATEWAY_SECONDS: u32 = 5;
/// A gateway that did not answer in so long before is one that never answers.
const GATEWAY_KNOWN_SECONDS: u32 = 600;
/// Bytes a second that are traffic. Below is what comes in while nothing is carried: ARP, ND,
/// router advertisements, spanning tree, routing protocols, the gateway's answers to the box, and its
/// notices that nothing can be reached (RFC 1812 §4.3.2.8 has routers limit those).
const LEAST_TRAFFIC_BYTES: u64 = 4096;
/// The same as a part of what the contract promises: a thousandth.
const TRAFFIC_DIVISOR: u64 = 1000;

/// What was seen in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Second {
    /// Has the interface a carrier? Nothing = nobody could say.
    pub carrier: Option<bool>,
    /// Did anything beyond the link answer?
    pub answered: bool,
    /// Did the operator's gateway?
    pub gateway: bool,
    /// Bytes that came in.
    pub bytes: u64,
}

/// What is known of a link beforehand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// Is anything beyond it asked? Else its carrier alone says how it is.
    pub asks: bool,
    /// Is a gateway asked?
    pub has_gateway: bool,
    /// Do other devices send on its interface?
    pub shared: bool,
    /// What its contract promises, in bytes a second.
    pub down: Option<u64>,
}

impl Rules {
    /// Bytes a second that are traffic.
    fn traffic(&self) -> u64 {
        LEAST_TRAFFIC_BYTES.max(self.down.unwrap_or(0) / TRAFFIC_DIVISOR)
    }
}

/// Whose fault an outage is, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The interface has no carrier: a cable, a socket, a device without power.
    Carrier,
    /// The gateway answers and nothing beyond it: the operator.
    Operator,
    /// The gateway does not answer any more either: between the box and it.
    School,
    /// Bytes come in, answers do not: what the school sends is lost.
    OneWay,
    /// There is no gateway that can be asked.
    Unknown,
}

/// How a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was heard yet.
    Starting,
    /// It carries.
    Up,
    /// It does not.
    Down(Cause),
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// An outage began.
    Opened(Cause),
    /// It is over.
    Closed,
}

/// The machine of one link.
#[derive(Debug, Clone)]
pub struct Outage {
    rules: Rules,
    state: State,
    since: Option<Timestamp>,
    last_good: Option<Timestamp>,
    /// Seconds in a row without an answer.
    silent: u32,
    silent_since: Option<Timestamp>,
    /// Bytes of the last seconds, in no order.
    bytes: [u64; SUMMED],
    /// Of the last 32 seconds, the newest in the lowest bit: did something answer?
    good: u32,
    /// Seconds since the gateway last answered, if it ever did.
    gateway: Option<u32>,
    /// The same when the silence began: does it answer at all?
    gateway_before: Option<u32>,
    looked: u32,
    down_seconds: u64,
}

impl Outage {
    /// One of which nothing is known.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::Starting,
            since: None,
            last_good: None,
            silent: 0,
            silent_since: None,
            bytes: [0; SUMMED],
            good: 0,
            gateway: None,
            gateway_before: None,
            looked: 0,
            down_seconds: 0,
        }
    }

    /// How it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when: of an outage, the first moment without an answer; after it, the first with one.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// When something beyond last answered, or, where nothing is asked, when there last was a carrier.
    pub fn last_good(&self) -> Option<Timestamp> {
        self.last_good
    }

    /// Seconds of outage so far.
    pub fn down_seconds(&self) -> u64 {
        self.down_seconds
    }

    /// Did so many seconds pass without an answer that an outage would be open, but for bytes that came?
    pub fn is_held_back(&self) -> bool {
        self.state == State::Up && self.silent >= self.needed()
    }

    /// The carrier was lost, or is back: told the moment it happens.
    pub fn carrier(&mut self, at: Timestamp, is_up: bool) -> Option<Change> {
        if is_up || self.state == State::Starting || matches!(self.state, State::Down(_)) {
            return None;
        }
        self.good = 0;
        Some(self.open(at, at, Cause::Carrier))
    }

    /// A second is over.
    pub fn second(&mut self, at: Timestamp, seen: &Second) -> Option<Change> {
        self.looked = self.looked.saturating_add(1);
        self.note_gateway(seen.gateway);
        let has_carrier = seen.carrier != Some(false);
        let good = has_carrier && (seen.answered || (!self.rules.asks && seen.carrier.is_some()));
        if let Some(oldest) = self.bytes.get_mut(self.looked as usize % SUMMED) {
            *oldest = seen.bytes;
        }
        self.good = (self.good << 1) | u32::from(good);
        if good {
            self.last_good = Some(at);
            self.silent = 0;
            self.silent_since = None;
        } else {
            if self.silent == 0 {
                self.silent_since = Some(at);
                self.gateway_before = self.gateway;
            }
            self.silent = self.silent.saturating_add(1);
        }
        match self.state {
            State::Down(cause) => {
                self.down_seconds += u64::from(!good);
                self.state = State::Down(self.cause_now(has_carrier, cause));
                let carried = (self.good & mask(OF)).count_ones();
                (has_carrier && carried >= GOOD).then(|| self.close(at))
            }
            State::Up if !has_carrier => {
                Some(self.open(at, self.silent_since.unwrap_or(at), Cause::Carrier))
            }
            State::Starting if good => {
                (self.state, self.since) = (State::Up, Some(at));
                None
            }
            State::Starting if self.looked < GRACE => None,
            State::Starting | State::Up => {
                let cause = self.silence_is_outage(has_carrier)?;
                Some(self.open(at, self.silent_since.unwrap_or(at), cause))
            }
        }
    }

    fn needed(&self) -> u32 {
        if self.rules.shared { SILENCE_SHARED } else { SILENCE }
    }

    fn silence_is_outage(&self, has_carrier: bool) -> Option<Cause> {
        if !has_carrier {
            return Some(Cause::Carrier);
        }
        if !self.rules.asks || self.silent < self.needed() {
            return None;
        }
        if self.rules.shared || !self.carries() {
            return Some(self.told_by_gateway());
        }
        // A target that never answered may be one that does not exist.
        let of_use = self.last_good.is_some() && self.silent >= LONGEST_VETO;
        of_use.then_some(Cause::OneWay)
    }

    /// Did bytes come in that are traffic?
    fn carries(&self) -> bool {
        let sum = self.bytes.iter().fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
        let loudest = self.bytes.iter().max().copied().unwrap_or(0);
        sum - loudest >= self.rules.traffic() * (SUMMED as u64 - 1)
    }

    fn told_by_gateway(&self) -> Cause {
        if !self.rules.has_gateway {
            return Cause::Unknown;
        }
        let answers = self.gateway.is_some_and(|ago| ago < GATEWAY_SECONDS);
        let answered = self.gateway_before.is_some_and(|ago| ago < GATEWAY_KNOWN_SECONDS);
        match (answers, answered) {
            (true, _) => Cause::Operator,
            (false, true) => Cause::School,
            (false, false) => Cause::Unknown,
        }
    }

    /// Of an outage that goes on: a cable that is plugged in again may leave something else broken.
    fn cause_now(&self, has_carrier: bool, before: Cause) -> Cause {
        match before {
            _ if !has_carrier => Cause::Carrier,
            Cause::Carrier if self.silent < SILENCE => before,
            // Where bytes come, they go on to.
            Cause::OneWay => before,
            _ if self.silent == 0 => before,
            _ => match self.told_by_gateway() {
                Cause::Unknown => before,
                told => told,
            },
        }
    }

    fn note_gateway(&mut self, answered: bool) {
        self.gateway =
            if answered { Some(0) } else { self.gateway.map(|ago| ago.saturating_add(1)) };
    }

    fn open(&mut self, at: Timestamp, since: Timestamp, cause: Cause) -> Change {
        self.state = State::Down(cause);
        self.since = Some(since);
        let silent = u64::try_from(at.duration_since(since).as_secs()).unwrap_or(0);
        self.down_seconds += silent.min(u64::from(self.silent));
        // What was good before it opened does not end it.
        self.good = 0;
        Change::Opened(cause)
    }

    /// It is believed now, and was so since the first of the seconds that say it.
    fn close(&mut self, at: Timestamp) -> Change {
        let ago = (self.good & mask(OF)).checked_ilog2().unwrap_or(0);
        self.state = State::Up;
        self.since = at.checked_sub(SignedDuration::from_secs(ago.into())).ok();
        Change::Closed
    }
}

/// The lowest bits.
const fn mask(bits: u32) -> u32 {
    (1 << bits) - 1
}

#[cfg(test)]
#[path = "outage_tests.rs"]
mod tests;
