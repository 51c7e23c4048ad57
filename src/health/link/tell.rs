//! What is known of the links, as values for whoever collects them.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    interfaces::{Interface, MAX_INTERFACES},
    outage::State,
    ring::Method,
    uplink::{Link, PointSeen, Seen},
    watch::Links,
};
use crate::health::{
    metrics,
    sample::{Source, Telling},
};

impl Source for Links {
    fn tell(&self, now: Timestamp, telling: &mut Telling) {
        for link in &self.0.links {
            let seen = link.seen();
            tell_link(now, link, &seen, telling);
            for (index, point) in seen.points.iter().enumerate() {
                tell_point(now, link, &seen, (index, point), telling);
            }
            drop(seen);
            self.tell_throughput(link, telling);
        }
        self.tell_interfaces(telling);
    }
}

fn tell_link(now: Timestamp, link: &Link, seen: &Seen, telling: &mut Telling) {
    let name = link.plan.link.name.as_str();
    match seen.outage.state() {
        State::Starting => {}
        State::Up => telling.say(&metrics::LINK_UP, &[name], now, 1.0),
        State::Down(_) => telling.say(&metrics::LINK_UP, &[name], now, 0.0),
    }
    let down = number(seen.outage.down_seconds());
    telling.say(&metrics::LINK_DOWN_SECONDS, &[name], now, down);
    for (way, rate) in [("down", link.plan.link.down), ("up", link.plan.link.up)] {
        let rate = rate.map(|rate| number(rate.0));
        telling.say_known(&metrics::LINK_CONTRACT, &[name, way], now, rate);
    }
    for (load, known) in ["idle", "busy"].into_iter().zip(seen.latency) {
        if let Some((at, took)) = known {
            telling.say(&metrics::LINK_LATENCY, &[name, load], at, took.as_secs_f64());
        }
    }
    if let Some((at, passes)) = seen.passes {
        telling.say(&metrics::LINK_PATH_MTU, &[name], at, f64::from(passes.bytes));
    }
}

fn tell_point(
    now: Timestamp,
    link: &Link,
    seen: &Seen,
    (index, point): (usize, &PointSeen),
    telling: &mut Telling,
) {
    let Some(plan) = link.plan.points.get(index) else { return };
    let name = plan.name.as_str();
    let asked = [(Method::Icmp, plan.icmp), (Method::Tcp, plan.tcp.is_some())];
    for (method, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        let (count, labels) = (point.counts[method as usize], [name, method.name()]);
        telling.say(&metrics::PROBE_SENT, &labels, now, number(count.sent));
        telling.say(&metrics::PROBE_LOST, &labels, now, number(count.lost));
        let minute = seen.ring.minute(index, method);
        for (quantile, took) in
            ["0.5", "0.9", "0.99"].into_iter().zip(minute.quantiles.unwrap_or_default())
        {
            if minute.quantiles.is_some() {
                let labels = [name, method.name(), quantile];
                telling.say(&metrics::PROBE_RTT, &labels, now, took.as_secs_f64());
            }
        }
        let jitter = minute.jitter.as_ref().map(Duration::as_secs_f64);
        telling.say_known(&metrics::PROBE_JITTER, &labels, now, jitter);
    }
    if let Some(asked) = &point.name {
        let well = f64::from(u8::from(asked.took.is_ok()));
        telling.say(&metrics::PROBE_SUCCESS, &[name, "dns"], asked.at, well);
        if plan.http.is_none() {
            let took = asked.took.as_ref().ok().map(Duration::as_secs_f64);
            telling.say_known(&metrics::PROBE_PHASE, &[name, "dns"], asked.at, took);
        }
    }
    if let Some(fetched) = &point.fetch {
        let well = f64::from(u8::from(fetched.status.is_ok()));
        telling.say(&metrics::PROBE_SUCCESS, &[name, "http"], fetched.at, well);
        let phases = fetched.phases;
        for (phase, took) in [
            ("dns", phases.dns),
            ("connect", phases.connect),
            ("tls", phases.tls),
            ("first_byte", phases.first_byte),
        ] {
            let took = took.as_ref().map(Duration::as_secs_f64);
            telling.say_known(&metrics::PROBE_PHASE, &[name, phase], fetched.at, took);
        }
    }
}

impl Links {
    fn tell_throughput(&self, link: &Link, telling: &mut Telling) {
        let name = link.plan.link.name.as_str();
        let ledger = self.0.bench.ledger();
        let Some(test) = ledger.tests(name).next() else { return };
        for (way, rate) in [("down", test.down), ("up", test.up)] {
            telling.say_known(&metrics::LINK_THROUGHPUT, &[name, way], test.at, rate);
        }
    }

    /// The links' own interfaces as of the last second, the others as they were last looked at.
    fn tell_interfaces(&self, telling: &mut Telling) {
        let (at, mut all) = self.interfaces().clone();
        let Some(at) = at else { return };
        let mut fresh = Vec::new();
        for link in &self.0.links {
            let seen = link.seen();
            let last = seen.ring.past().next_back().map(|second| second.at);
            if let (Some(interface), Some(last)) = (&seen.interface, last) {
                let speed = all.iter().find(|one| one.name == interface.name);
                let speed = speed.and_then(|one| one.speed);
                fresh.push((last.max(at), Interface { speed, ..interface.clone() }));
            }
        }
        all.retain(|one| fresh.iter().all(|(_, own)| own.name != one.name));
        let others = all.into_iter().map(|one| (at, one));
        for (at, interface) in fresh.into_iter().chain(others).take(MAX_INTERFACES) {
            let (name, counters) = ([interface.name.as_str()], interface.counters);
            let carrier = f64::from(u8::from(interface.carrier));
            telling.say(&metrics::INTERFACE_UP, &name, at, carrier);
            telling.say_known(&metrics::INTERFACE_SPEED, &name, at, interface.speed.map(number));
            for (metric, value) in [
                (&metrics::INTERFACE_RECEIVED, counters.received),
                (&metrics::INTERFACE_SENT, counters.sent),
                (&metrics::INTERFACE_RECEIVE_ERRORS, counters.receive_errors),
                (&metrics::INTERFACE_SEND_ERRORS, counters.send_errors),
                (&metrics::INTERFACE_RECEIVE_DROPS, counters.receive_drops),
            ] {
                telling.say(metric, &name, at, number(value));
            }
        }
    }
}

/// Exact up to 2^53, which is nine petabytes.
#[allow(clippy::cast_precision_loss, reason = "values are floats")]
fn number(count: u64) -> f64 {
    count as f64
}
