//! What asks: each task at its own pace, from a moment of its own, until it is dropped.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::Timestamp;
use rand::Rng as _;
use rustls::ClientConfig;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::{
    Pace, fetch, names, path_mtu,
    ping::Echo,
    ring::Method,
    uplink::{Fetched, Link},
    way,
};

/// Between two probes of a target.
const SECOND: Duration = Duration::from_secs(1);
/// A probe that is not answered within this is lost.
pub const PROBE_WITHIN: Duration = Duration::from_secs(3);
/// Probes of one target under way: what fits in `PROBE_WITHIN`, both ways of asking, with room.
const MAX_UNDER_WAY: usize = 10;
/// Between two questions about a name, and two fetches.
const NAMES_EVERY: Duration = Duration::from_secs(30);
const FETCH_EVERY: Duration = Duration::from_secs(60);
/// A fetch of a head ends within this.
const FETCH_WITHIN: Duration = Duration::from_secs(15);
/// A target's name is looked up again after this; and while it is not known, after this.
const FIND_EVERY: Duration = Duration::from_secs(300);
const FIND_AGAIN: Duration = Duration::from_secs(10);
/// The port of DNS (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;
/// The size of a small echo request: the IP packet of ping(8), in bytes.
const SMALL: usize = 84;

type Task<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Everything that asks over a link.
pub fn tasks<'a>(link: &'a Link, tls: &'a Arc<ClientConfig>, pace: Pace) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for (index, point) in link.plan.points.iter().enumerate() {
        if point.icmp || point.tcp.is_some() {
            tasks.push(Box::pin(each_second(link, index)));
        }
        if point.host.parse::<std::net::IpAddr>().is_err() {
            tasks.push(Box::pin(find(link, index)));
        }
        if point.dns.is_some() {
            tasks.push(Box::pin(ask_names(link, index)));
        }
        if point.http.is_some() {
            tasks.push(Box::pin(fetch_heads(link, index, tls)));
        }
    }
    if link.plan.points.iter().any(|point| point.is_beyond() && point.icmp) {
        tasks.push(Box::pin(try_large(link, pace)));
    }
    tasks
}

/// A part of a time, so that not all boxes ask at once.
async fn some_of(whole: Duration) {
    let part = rand::rng().random::<f64>();
    sleep(whole.mul_f64(part)).await;
}

async fn each_second(link: &Link, point: usize) {
    some_of(SECOND).await;
    let mut ticks = interval(SECOND);
    // A box that was busy elsewhere does not send everything it missed.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut under_way: FuturesUnordered<Task<'_>> = FuturesUnordered::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if under_way.len() >= MAX_UNDER_WAY {
                    continue;
                }
                let Some(plan) = link.plan.points.get(point) else { return };
                if plan.icmp {
                    under_way.push(Box::pin(echo(link, point)));
                }
                if let Some(port) = plan.tcp {
                    under_way.push(Box::pin(connect(link, point, port)));
                }
            }
            Some(()) = under_way.next() => {}
        }
    }
}

async fn echo(link: &Link, point: usize) {
    let number = link.sends(point, Method::Icmp);
    let address = link.seen().points.get(point).and_then(|one| one.address);
    let echo = match address {
        Some(address) => link.pings.ask(address, SMALL, PROBE_WITHIN).await,
        // A name that nobody can look up: as good as lost.
        None => Echo::Lost,
    };
    match echo {
        Echo::Back(took) => link.hears(number, point, Method::Icmp, Some(took)),
        Echo::Lost => link.hears(number, point, Method::Icmp, None),
        Echo::Unable => link.unable(number, point, Method::Icmp),
    }
}

/// A refusal counts as no answer: a machine on this side of the link may well say it.
async fn connect(link: &Link, point: usize, port: u16) {
    let number = link.sends(point, Method::Tcp);
    let address = link.seen().points.get(point).and_then(|one| one.address);
    let begun = Instant::now();
    let took = match address {
        Some(address) => {
            let connecting = link.way.tcp(SocketAddr::new(address, port));
            let connected = timeout(PROBE_WITHIN, connecting).await;
            matches!(connected, Ok(Ok(_))).then(|| begun.elapsed())
        }
        None => None,
    };
    link.hears(number, point, Method::Tcp, took);
}

/// Keeps a target's address; the last one known stays while nobody can say.
async fn find(link: &Link, point: usize) {
    let Some(plan) = link.plan.points.get(point) else { return };
    loop {
        let found = way::find(&plan.host).await;
        let known = {
            let mut seen = link.seen();
            let Some(seen) = seen.points.get_mut(point) else { return };
            match found {
                Ok(address) => seen.address = Some(address),
                Err(error) => tracing::debug!(name = plan.name, %error, "no address"),
            }
            seen.address.is_some()
        };
        sleep(if known { FIND_EVERY } else { FIND_AGAIN }).await;
    }
}

async fn ask_names(link: &Link, point: usize) {
    let Some(name) = link.plan.points.get(point).and_then(|point| point.dns.as_ref()) else {
        return;
    };
    some_of(Duration::from_secs(3)).await;
    let mut ticks = interval(NAMES_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let address = link.seen().points.get(point).and_then(|one| one.address);
        let took = match address {
            Some(address) => names::ask(&link.way, SocketAddr::new(address, DNS_PORT), name).await,
            None => Err(names::NoAnswer::Silent),
        };
        let took = took.map_err(|why| why.to_string());
        link.seen().named(Timestamp::now(), point, took);
    }
}

async fn fetch_heads(link: &Link, point: usize, tls: &Arc<ClientConfig>) {
    let Some(url) = link.plan.points.get(point).and_then(|point| point.http.as_ref()) else {
        return;
    };
    some_of(Duration::from_secs(5)).await;
    let mut ticks = interval(FETCH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (phases, status) = Box::pin(fetch::head(&link.way, tls, url, FETCH_WITHIN)).await;
        let status = status.map(|status| status.as_u16()).map_err(|why| why.to_string());
        link.seen().fetched(point, Fetched { at: Timestamp::now(), phases, status });
    }
}

async fn try_large(link: &Link, pace: Pace) {
    // Somebody must have answered small ones first.
    sleep(pace.large_every.min(Duration::from_secs(20))).await;
    let mut ticks = interval(pace.large_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (targets, mtu, down) = {
            let seen = link.seen();
            (seen.echoing(), seen.interface.as_ref().map(|one| one.mtu), seen.is_down())
        };
        let Some(mtu) = mtu.filter(|_| !down) else { continue };
        let passes = Box::pin(path_mtu::look(&link.way, &link.pings, &targets, mtu)).await;
        let mut seen = link.seen();
        if let Some(passes) = passes.filter(|_| !seen.is_down()) {
            seen.tried(Timestamp::now(), passes);
        }
    }
}
