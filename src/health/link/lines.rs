//! What is known of the links, in lines: for the command line, and for whoever else asks.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    budget::Test,
    outage::{Cause, State},
    ring::{Method, Minute},
    uplink::{Link, PointSeen, Seen},
    watch::Links,
};
use crate::config::TargetRole;

/// Tests in a line.
const MAX_TESTS: usize = 7;

/// How a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stand {
    /// Nothing was heard yet.
    Starting,
    /// It carries.
    Up,
    /// It carries badly.
    Degraded,
    /// It does not carry.
    Down,
}

/// A link, in a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UplinkLine {
    /// Its name in the settings.
    pub name: String,
    /// Its interface.
    pub interface: String,
    /// The regional network.
    pub network: Option<String>,
    /// The operator's name of the line.
    pub reference: Option<String>,
    /// How it stands.
    pub stand: Stand,
    /// Whose fault an outage is: `carrier`, `operator`, `school`, `one_way`, `unknown`.
    pub cause: Option<String>,
    /// Since when it stands so.
    pub since: Option<Timestamp>,
    /// When something beyond it last answered.
    pub last_good: Option<Timestamp>,
    /// Seconds of outage since the daemon's start.
    pub down_seconds: u64,
    /// Has its interface a carrier?
    pub carrier: Option<bool>,
    /// What the contract promises, in bytes a second: down, up.
    pub contract: [Option<u64>; 2],
    /// Bytes a second of the last minute: received, sent.
    pub rates: [u64; 2],
    /// Round trips in milliseconds while it is idle, and while it is busy.
    pub latency_ms: [Option<f64>; 2],
    /// The largest packet that passes, in bytes.
    pub path_mtu: Option<u32>,
    /// Are larger ones lost without a word?
    pub loses_large: bool,
    /// Why nothing is asked by ICMP, if that is so.
    pub no_icmp: Option<String>,
    /// The last throughput tests, newest first.
    pub tests: Vec<Test>,
    /// What is asked over it.
    pub targets: Vec<PointLine>,
}

/// A target, in a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointLine {
    /// Its name.
    pub name: String,
    /// What it is.
    pub role: TargetRole,
    /// Where it is, as far as that is known.
    pub address: String,
    /// Does it alone not answer?
    pub silent: bool,
    /// Echo requests of the last minute.
    pub icmp: Option<MinuteLine>,
    /// Connections of the last minute.
    pub tcp: Option<MinuteLine>,
    /// Milliseconds of its last answer about a name.
    pub dns: Option<Result<f64, String>>,
    /// Its last fetch.
    pub http: Option<FetchLine>,
}

/// Probes of a minute, in a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MinuteLine {
    /// Those of which the end is known.
    pub sent: u32,
    /// Those that were lost.
    pub lost: u32,
    /// Milliseconds: half took less, nine tenths, 99 of a hundred.
    pub ms: Option<[f64; 3]>,
    /// Milliseconds.
    pub jitter_ms: Option<f64>,
}

/// A fetch, in a line: milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FetchLine {
    /// The name.
    pub dns: Option<f64>,
    /// The connection.
    pub connect: Option<f64>,
    /// TLS.
    pub tls: Option<f64>,
    /// From the request to the answer.
    pub first_byte: Option<f64>,
    /// The status, or why there is none.
    pub status: Result<u16, String>,
}

impl Links {
    /// What is known now.
    pub fn lines(&self) -> Vec<UplinkLine> {
        let line = |link: &Link| {
            let tests = self
                .0
                .bench
                .ledger()
                .tests(&link.plan.link.name)
                .take(MAX_TESTS)
                .cloned()
                .collect();
            uplink(link, &link.seen(), tests)
        };
        self.0.links.iter().map(line).collect()
    }
}

fn uplink(link: &Link, seen: &Seen, tests: Vec<Test>) -> UplinkLine {
    let own = &link.plan.link;
    let (stand, cause) = match seen.outage.state() {
        State::Starting => (Stand::Starting, None),
        State::Up if seen.degraded.wrong == Some(true) => (Stand::Degraded, None),
        State::Up => (Stand::Up, None),
        State::Down(cause) => (Stand::Down, Some(cause)),
    };
    let since = if stand == Stand::Degraded { seen.degraded.since } else { seen.outage.since() };
    let (received, sent) = seen.rates();
    let points = link.plan.points.iter().zip(&seen.points).enumerate();
    UplinkLine {
        name: own.name.clone(),
        interface: own.interface.clone(),
        network: own.network.clone(),
        reference: own.reference.clone(),
        stand,
        cause: cause.map(|cause| name(cause).to_owned()),
        since,
        last_good: seen.outage.last_good(),
        down_seconds: seen.outage.down_seconds(),
        carrier: seen.ring.past().next_back().and_then(|second| second.carrier),
        contract: [own.down, own.up].map(|rate| rate.map(|rate| rate.0)),
        rates: [received, sent],
        latency_ms: seen.latency.map(|known| known.map(|(_, took)| millis(took))),
        path_mtu: seen.passes.map(|(_, passes)| passes.bytes),
        loses_large: seen.mtu.wrong == Some(true),
        no_icmp: link.pings.trouble(),
        tests,
        targets: points
            .map(|(index, (plan, point))| PointLine {
                name: plan.name.clone(),
                role: plan.role,
                address: point.address.map_or_else(|| plan.host.clone(), |one| one.to_string()),
                silent: point.silent.wrong == Some(true),
                icmp: plan.icmp.then(|| minute(&seen.ring.minute(index, Method::Icmp))),
                tcp: plan.tcp.map(|_| minute(&seen.ring.minute(index, Method::Tcp))),
                dns: point.name.as_ref().map(|asked| asked.took.clone().map(millis)),
                http: fetch(point),
            })
            .collect(),
    }
}

/// A cause in a word.
pub fn name(cause: Cause) -> &'static str {
    match cause {
        Cause::Carrier => "carrier",
        Cause::Operator => "operator",
        Cause::School => "school",
        Cause::OneWay => "one_way",
        Cause::Unknown => "unknown",
    }
}

fn minute(minute: &Minute) -> MinuteLine {
    MinuteLine {
        sent: minute.sent,
        lost: minute.lost,
        ms: minute.quantiles.map(|all| all.map(millis)),
        jitter_ms: minute.jitter.map(millis),
    }
}

fn fetch(point: &PointSeen) -> Option<FetchLine> {
    let fetched = point.fetch.as_ref()?;
    let phases = fetched.phases;
    Some(FetchLine {
        dns: phases.dns.map(millis),
        connect: phases.connect.map(millis),
        tls: phases.tls.map(millis),
        first_byte: phases.first_byte.map(millis),
        status: fetched.status.clone(),
    })
}

fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}
