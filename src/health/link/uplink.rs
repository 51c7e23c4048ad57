//! One link: what is asked over it, and what was seen.

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Pace,
    interfaces::{Counters, Interface, Looked},
    outage::{self, Change, Outage},
    path_mtu::Passes,
    ping::Pings,
    plan::Plan,
    quality::{Badness, Quality},
    ring::{Cell, Load, Method, Ring},
    way::Way,
};
use crate::config::TargetRole;

/// Seconds between two looks at the round trips of an idle and of a busy link.
const LATENCY_EVERY: u64 = 10;

/// A link. Shared by all that ask over it.
#[derive(Debug)]
pub struct Link {
    /// What is asked.
    pub plan: Plan,
    /// How.
    pub way: Way,
    /// Echo requests over it.
    pub pings: Pings,
    /// Points whose round trips stand for its own.
    pub yardsticks: Vec<usize>,
    seen: Mutex<Seen>,
}

/// What was seen of a link.
#[derive(Debug)]
pub struct Seen {
    /// Is it cut?
    pub outage: Outage,
    /// Is it bad?
    pub quality: Quality,
    /// Since when it is.
    pub degraded: Standing,
    /// What made it so.
    pub badness: Option<Badness>,
    /// The last three minutes.
    pub ring: Ring,
    /// By point.
    pub points: Vec<PointSeen>,
    /// Its interface, when it was last looked at; nothing = there is none, or nobody looked.
    pub interface: Option<Interface>,
    /// Round trips while it was idle, and while it was busy, and when that was.
    pub latency: [Option<(Timestamp, Duration)>; 2],
    /// The largest packet that passes, and when that was found.
    pub passes: Option<(Timestamp, Passes)>,
    /// Are large packets lost?
    pub mtu: Standing,
    silently: u32,
    answered: bool,
    gateway: bool,
    /// Points in the order of the quality's targets.
    beyond: Vec<usize>,
}

/// What was seen of a point.
#[derive(Debug, Clone, Default)]
pub struct PointSeen {
    /// Its address, once known.
    pub address: Option<IpAddr>,
    /// Probes that were answered or lost, and those that were lost: by ICMP, by TCP.
    pub counts: [Count; 2],
    /// Does it not answer, while others do?
    pub silent: Standing,
    /// Its last answer about a name.
    pub name: Option<Asked>,
    /// Does it not answer about names?
    pub names: Standing,
    /// Its last fetch.
    pub fetch: Option<Fetched>,
    failed: u32,
    target: Option<usize>,
}

/// Probes since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Those of which the end is known.
    pub sent: u64,
    /// Those that were not answered.
    pub lost: u64,
}

/// A question, and what came of it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// How long the answer took, or why there is none.
    pub took: Result<Duration, String>,
}

/// A fetch, and what came of it.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// When.
    pub at: Timestamp,
    /// Each phase that ended.
    pub phases: super::fetch::Phases,
    /// The status, or why there is none.
    pub status: Result<u16, String>,
}

/// Something that is wrong or not, and since when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Is it? Nothing = nobody knows yet.
    pub wrong: Option<bool>,
    /// Since when it is as it is.
    pub since: Option<Timestamp>,
    /// When it last was not.
    pub last_good: Option<Timestamp>,
}

impl Standing {
    /// It is so, now. Has it changed?
    pub fn is(&mut self, at: Timestamp, wrong: bool) -> bool {
        let changed = self.wrong != Some(wrong);
        if changed {
            (self.wrong, self.since) = (Some(wrong), Some(at));
        }
        if !wrong {
            self.last_good = Some(at);
        }
        changed
    }
}

/// Questions about names that fail in a row, and are a trouble.
const FAILED_NAMES: u32 = 3;
/// Looks at large packets, in a row, that find them lost.
const LOST_LARGE: u32 = 2;

impl Link {
    /// A link of which nothing was seen.
    pub fn new(plan: Plan, pace: Pace, at: Timestamp) -> Self {
        let way = Way { interface: plan.bound.then(|| plan.link.interface.clone()) };
        let beyond = plan.points.iter().enumerate().filter(|(_, point)| point.is_beyond());
        let beyond: Vec<usize> = beyond.map(|(index, _)| index).collect();
        let point = |index: usize| PointSeen {
            // Written out, it needs no search.
            address: plan.points.get(index).and_then(|point| point.host.parse().ok()),
            target: beyond.iter().position(|one| *one == index),
            ..PointSeen::default()
        };
        let seen = Seen {
            outage: Outage::new(plan.rules()),
            quality: Quality::new(beyond.len(), pace.slot_seconds),
            degraded: Standing::default(),
            badness: None,
            ring: Ring::new(plan.points.len(), at),
            points: (0..plan.points.len()).map(point).collect(),
            interface: None,
            latency: [None; 2],
            passes: None,
            mtu: Standing::default(),
            silently: 0,
            answered: false,
            gateway: false,
            beyond,
        };
        let (pings, yardsticks) = (Pings::new(way.clone()), plan.yardsticks());
        Self { way, pings, yardsticks, seen: Mutex::new(seen), plan }
    }

    /// What was seen. Held for moments only.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A probe was sent: the number of its second.
    pub fn sends(&self, point: usize, method: Method) -> u64 {
        let mut seen = self.seen();
        let number = seen.ring.number();
        seen.ring.note(number, point, method, Cell::Waiting);
        number
    }

    /// None could be sent.
    pub fn unable(&self, number: u64, point: usize, method: Method) {
        self.seen().ring.note(number, point, method, Cell::Unasked);
    }

    /// A probe came back, or did not in time.
    pub fn hears(&self, number: u64, point: usize, method: Method, took: Option<Duration>) {
        let micros = |took: Duration| u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let cell = took.map_or(Cell::Lost, |took| Cell::Took(micros(took)));
        let is_gateway =
            self.plan.points.get(point).is_some_and(|point| point.role == TargetRole::Gateway);
        let mut seen = self.seen();
        let seen = &mut *seen;
        seen.ring.note(number, point, method, cell);
        let Some(point) = seen.points.get_mut(point) else { return };
        let count = &mut point.counts[method as usize];
        count.sent += 1;
        count.lost += u64::from(took.is_none());
        if let Some(target) = point.target {
            seen.quality.probe(target, took);
            seen.answered |= took.is_some();
        }
        seen.gateway |= is_gateway && took.is_some();
    }

    /// The kernel says that the interface lost its carrier, or has it again.
    pub fn carrier(&self, at: Timestamp, is_up: bool) {
        let changed = self.seen().outage.carrier(at, is_up);
        self.say(changed);
    }

    /// A second is over.
    pub fn second(&self, at: Timestamp, looked: Looked<'_>) {
        let mut seen = self.seen();
        let own = &mut *seen;
        let (carrier, interface) = match looked {
            Looked::Unknown => (None, None),
            Looked::Gone => (Some(false), None),
            Looked::Here(interface) => (Some(interface.carrier), Some(interface)),
        };
        let moved = moved(own.interface.as_ref(), interface);
        let link = &self.plan.link;
        let load = Load::of([
            (moved.received, link.down.map(|rate| rate.0)),
            (moved.sent, link.up.map(|rate| rate.0)),
        ]);
        own.ring.end(at, (moved.received, moved.sent), carrier, load);
        own.quality.second(own.answered, load == Some(Load::Busy));
        let second = outage::Second {
            carrier,
            answered: own.answered,
            gateway: own.gateway,
            bytes: moved.received,
        };
        (own.answered, own.gateway) = (false, false);
        if carrier.is_some() {
            own.interface = interface.cloned();
        }
        let changed = own.outage.second(at, &second);
        own.judge(at, &link.name);
        if own.ring.number().is_multiple_of(LATENCY_EVERY) {
            for (which, load) in [Load::Idle, Load::Busy].into_iter().enumerate() {
                if let Some(took) = own.ring.latency(&self.yardsticks, load) {
                    own.latency[which] = Some((at, took));
                }
            }
        }
        drop(seen);
        self.say(changed);
    }

    fn say(&self, changed: Option<Change>) {
        let link = &self.plan.link.name;
        match changed {
            Some(Change::Opened(cause)) => tracing::warn!(link, ?cause, "a link is cut"),
            Some(Change::Closed) => tracing::info!(link, "a link carries again"),
            None => {}
        }
    }
}

impl Seen {
    /// What stands wrong by itself, while the link carries.
    fn judge(&mut self, at: Timestamp, link: &str) {
        let degraded = self.quality.is_degraded();
        if self.degraded.is(at, degraded) && degraded {
            tracing::warn!(link, why = ?self.quality.last_bad(), "a link carries badly");
        }
        if degraded {
            self.badness = self.quality.last_bad();
        }
        for (target, point) in self.beyond.iter().enumerate() {
            if let Some(point) = self.points.get_mut(*point) {
                point.silent.is(at, self.quality.is_silent(target));
            }
        }
    }

    /// Is it cut, or not known to carry?
    pub fn is_down(&self) -> bool {
        matches!(self.outage.state(), outage::State::Down(_))
    }

    /// A resolver was asked.
    pub fn named(&mut self, at: Timestamp, point: usize, took: Result<Duration, String>) {
        let down = self.is_down();
        let Some(point) = self.points.get_mut(point) else { return };
        // What a cut link loses is no resolver's fault.
        if took.is_ok() || !down {
            point.failed = if took.is_ok() { 0 } else { point.failed.saturating_add(1) };
        }
        if point.failed == 0 || point.failed >= FAILED_NAMES {
            point.names.is(at, point.failed > 0);
        }
        point.name = Some(Asked { at, took });
    }

    /// Something was fetched.
    pub fn fetched(&mut self, point: usize, fetched: Fetched) {
        if let Some(point) = self.points.get_mut(point) {
            point.fetch = Some(fetched);
        }
    }

    /// Large packets were tried.
    pub fn tried(&mut self, at: Timestamp, passes: Passes) {
        self.silently = if passes.silently { self.silently.saturating_add(1) } else { 0 };
        if self.silently == 0 || self.silently >= LOST_LARGE {
            self.mtu.is(at, self.silently > 0);
        }
        self.passes = Some((at, passes));
    }

    /// Addresses of points beyond that answered most echo requests of the last minute.
    pub fn echoing(&self) -> Vec<IpAddr> {
        let answers = |point: &&usize| {
            let minute = self.ring.minute(**point, Method::Icmp);
            minute.sent > 0 && 2 * minute.lost < minute.sent
        };
        let found = self.beyond.iter().filter(answers);
        found.filter_map(|point| self.points.get(*point)?.address).collect()
    }

    /// Bytes a second that came in and went out, over the last minute.
    pub fn rates(&self) -> (u64, u64) {
        let last: Vec<_> = self.ring.past().rev().take(super::ring::MINUTE).collect();
        let mean = |of: fn(&super::ring::Second) -> u64| {
            let sum: u64 = last.iter().map(|second| of(second)).sum();
            sum / (last.len() as u64).max(1)
        };
        (mean(|second| second.received), mean(|second| second.sent))
    }
}

/// What went through since the last look; nothing of an interface that was not there, or began anew.
fn moved(before: Option<&Interface>, now: Option<&Interface>) -> Counters {
    let (Some(before), Some(now)) = (before, now) else { return Counters::default() };
    if before.index != now.index {
        return Counters::default();
    }
    Counters {
        received: now.counters.received.saturating_sub(before.counters.received),
        sent: now.counters.sent.saturating_sub(before.counters.sent),
        ..Counters::default()
    }
}
