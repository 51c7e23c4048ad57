//! `SafeSearch` by name: a search engine's safe host answers under the engine's own name, for those
//! whose profile says so and for nobody else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod gateway_support;
mod support;

use std::{
    io::{ErrorKind, Write as _},
    net::{IpAddr, Ipv4Addr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use gateway_support::{Device, Proxy, field, head, settings};
use preau::{
    config::{self, filter::SafeSearch},
    filter::safe_search::Engines,
    gateway::{
        Home, Judge, Parts, Resolver, Ruling,
        cache::{Bounds, Cache, Options, updates::Rules},
    },
    net::link::Link,
};
use tokio::sync::watch;

const ENGINE: &str = "www.bing.com";
const SAFE: &str = "strict.bing.com";
const USUAL_AT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const SAFE_AT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// An origin on one of loopback's addresses that says where it is, and what it was asked.
fn origin(at: Ipv4Addr, port: u16) -> std::io::Result<u16> {
    let listener = TcpListener::bind((at, port))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                while let Some(asked) = head(&mut stream) {
                    let host = field(&asked, "host").unwrap_or("none").to_owned();
                    let line = asked.lines().next().unwrap().to_owned();
                    let said = format!("{at} heard {line} for {host}\n");
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: {}\r\n\r\n{said}",
                        said.len()
                    );
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(port)
}

/// The usual and the safe host, at one port.
fn both() -> u16 {
    loop {
        let port = origin(USUAL_AT, 0).unwrap();
        match origin(SAFE_AT, port) {
            Ok(port) => return port,
            Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
        }
    }
}

/// A box whose devices search safely as long as `safely` holds.
struct School {
    proxy: Proxy,
    port: u16,
    safely: Arc<AtomicBool>,
    told: watch::Sender<()>,
}

impl School {
    fn start(safely: bool, cache: bool, safe_host_is_known: bool) -> Self {
        let port = both();
        Self::with(safely, cache, safe_host_is_known, settings(&[port]), port)
    }

    fn with(
        safely: bool,
        cache: bool,
        safe_host_is_known: bool,
        config: config::Gateway,
        port: u16,
    ) -> Self {
        let (engines, safely) = (Engines::shipped().unwrap(), Arc::new(AtomicBool::new(safely)));
        let (now_safely, told) = (safely.clone(), watch::Sender::new(()));
        let judge = Judge::new(move |_, asked, path, _| {
            let level = if now_safely.load(SeqCst) { SafeSearch::Strict } else { SafeSearch::Off };
            let instead = engines.instead(&asked.host, path, level).cloned();
            Ruling { instead, ..Ruling::default() }
        });
        let hear = told.clone();
        let resolver = Resolver::new(move |name| async move {
            let at = match name.as_str() {
                SAFE if safe_host_is_known => SAFE_AT,
                ENGINE => USUAL_AT,
                other => return Err(std::io::Error::other(format!("who is {other}?"))),
            };
            Ok(vec![IpAddr::V4(at)])
        });
        let cache = cache.then(|| {
            let nothing = Bounds { bytes: 0, count: 0 };
            let memory = Bounds { bytes: 1 << 20, count: 100 };
            let rules = Rules::shipped().unwrap();
            Cache::new(Options { folder: None, memory, disk: nothing, reserve: 0, rules })
        });
        let proxy = Proxy::of(Parts {
            config,
            home: Home::default(),
            zone: jiff::tz::TimeZone::UTC,
            judge: judge.hearing(move |_| hear.subscribe()),
            link: Link::default(),
            resolver: Some(resolver),
            account: None,
            cache,
            reviews: None,
        });
        Self { proxy, port, safely, told }
    }

    fn get(&self, path: &str) -> String {
        let to = format!("{ENGINE}:{}", self.port);
        self.proxy.exchange(format!(
            "GET http://{to}{path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n"
        ))
    }

    fn tunnel(&self) -> (Device, String) {
        let to = format!("{ENGINE}:{}", self.port);
        let mut device = self.proxy.connect();
        device.send(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n"));
        let head = device.head();
        (device, head)
    }
}

#[test]
fn a_tunnel_to_an_engine_leads_to_its_safe_host_and_the_name_stays() {
    let school = School::start(true, false, true);
    let said = |school: &School| {
        let (mut device, head) = school.tunnel();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        device.send(format!("GET /search HTTP/1.1\r\nHost: {ENGINE}\r\n\r\n"));
        let _ = device.head();
        String::from_utf8(device.take(20)).unwrap()
    };
    assert!(said(&school).starts_with("127.0.0.3 heard GET "));
    school.safely.store(false, SeqCst);
    assert!(said(&school).starts_with("127.0.0.2 heard GET "));
}

#[test]
fn plain_requests_are_led_too_and_connections_that_wait_are_kept_apart() {
    let school = School::start(true, false, true);
    // Each connection that waited for the next request is the wrong one for it.
    for safely in [true, false, true, true, false, false] {
        school.safely.store(safely, SeqCst);
        let at = if safely { SAFE_AT } else { USUAL_AT };
        let heard = school.get("/search?q=x");
        let expected = format!("{at} heard GET /search?q=x HTTP/1.1 for {ENGINE}:{}", school.port);
        assert!(heard.contains(&expected), "{safely}: {heard}");
    }
    school.safely.store(true, SeqCst);
    let probe = school.get("/gen_204");
    assert!(probe.contains("127.0.0.3"), "another engine's word: {probe}");
}

#[test]
fn what_is_kept_of_an_engine_is_never_for_who_searches_safely_nor_the_other_way() {
    let school = School::start(false, true, true);
    let heard = |safely: bool| {
        school.safely.store(safely, SeqCst);
        school.get("/search")
    };
    let first = heard(false);
    assert!(first.contains("127.0.0.2") && !first.to_lowercase().contains("\r\nage:"), "{first}");
    assert!(heard(false).to_lowercase().contains("\r\nage:"), "kept for who may have it");
    assert!(heard(true).contains("127.0.0.3"), "the safe host's own answer");
    let again = heard(false);
    assert!(again.contains("127.0.0.2"), "the safe host's answer is not kept: {again}");
}

#[test]
fn a_safe_host_that_cannot_be_found_opens_nothing() {
    let school = School::start(true, false, false);
    let (_, head) = school.tunnel();
    assert!(head.starts_with("HTTP/1.1 504"), "{head}");
    let plain = school.get("/");
    assert!(plain.starts_with("HTTP/1.1 504") && !plain.contains("heard"), "{plain}");
}

#[test]
fn an_open_tunnel_ends_when_its_device_is_to_search_safely() {
    let school = School::start(false, false, true);
    let (mut device, head) = school.tunnel();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    device.send(format!("GET / HTTP/1.1\r\nHost: {ENGINE}\r\n\r\n"));
    assert!(device.head().starts_with("HTTP/1.1 200"));
    school.safely.store(true, SeqCst);
    let begun = std::time::Instant::now();
    school.told.send_replace(());
    device.rest();
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn past_another_proxy_the_way_to_a_safe_host_is_a_tunnel() {
    // The other proxy: opens tunnels, and says what it was asked.
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (noted, port) = (heard.clone(), both());
    let upstream = gateway_support::Origin::raw(move |stream| {
        let asked = head(stream).unwrap();
        noted.lock().unwrap().push(asked.lines().next().unwrap().to_owned());
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let inside = head(stream).unwrap();
        let host = field(&inside, "host").unwrap();
        let said = format!("{} for {host}", inside.lines().next().unwrap());
        let length = said.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{said}");
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let proxy = upstream.address.to_string().parse().unwrap();
    let mut config = settings(&[port]);
    config.upstream = Some(config::Upstream::at(proxy));
    let school = School::with(true, false, true, config, port);
    let said = school.get("/search");
    assert!(said.ends_with(&format!("GET /search HTTP/1.1 for {ENGINE}:{port}")), "{said}");
    assert_eq!(*heard.lock().unwrap(), [format!("CONNECT {SAFE}:{port} HTTP/1.1")]);
}
