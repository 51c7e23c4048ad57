//! Tunnels carry every byte both ways, for as long as they may.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod gateway_support;
mod support;

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use gateway_support::{
    Device, Origin, Proxy,
    nginx::{NAME, Nginx, present},
    settings,
};
use jiff::{SignedDuration, Timestamp};
use preau::{
    config::{self, Period},
    gateway::{Denial, Home, Judge, Resolver, Ruling},
};

/// Bytes that repeat with no power of two.
fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect()
}

/// Sends back whatever comes.
fn mirror() -> Origin {
    Origin::raw(|stream| {
        let mut back = stream.try_clone().unwrap();
        let _ = std::io::copy(stream, &mut back);
        let _ = back.shutdown(Shutdown::Write);
    })
}

/// Sends all, hears all, both at once.
fn both_ways(stream: &TcpStream, bytes: &[u8]) -> Vec<u8> {
    let mut sending = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            sending.write_all(bytes).unwrap();
            sending.shutdown(Shutdown::Write).unwrap();
        });
        let mut heard = Vec::new();
        (&*stream).read_to_end(&mut heard).unwrap();
        heard
    })
}

#[test]
fn many_tunnels_at_once_carry_every_byte_in_order() {
    let origin = mirror();
    let proxy = Proxy::start(settings(&[origin.port()]));
    let bytes = pattern(3_000_001);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut device = proxy.connect();
                device.tunnel(origin.address);
                assert!(both_ways(&device.stream, &bytes) == bytes);
            });
        }
    });
}

#[test]
fn more_tunnels_than_pipes_carry_all_the_same() {
    // Ends that listen to nobody hold their pipe: the next tunnels copy.
    let deaf = Origin::raw(|stream| {
        let mut word = [0; 1];
        let _ = stream.read_exact(&mut word);
        #[allow(clippy::disallowed_methods, reason = "an origin that does not listen")]
        std::thread::sleep(Duration::from_secs(20));
    });
    let origin = mirror();
    let proxy = Proxy::start(settings(&[deaf.port(), origin.port()]));
    let mut held = Vec::new();
    for _ in 0..200 {
        let mut device = proxy.connect();
        device.tunnel(deaf.address);
        device.stream.set_nonblocking(true).unwrap();
        held.push(device);
    }
    let piece = pattern(64 * 1024);
    support::until("every tunnel full", || {
        let mut moved = 0;
        for device in &mut held {
            while let Ok(written) = device.stream.write(&piece) {
                moved += written;
            }
        }
        (moved == 0).then_some(())
    });
    let bytes = pattern(2_000_000);
    let mut device = proxy.connect();
    device.tunnel(origin.address);
    assert!(both_ways(&device.stream, &bytes) == bytes);
}

#[test]
fn what_is_sent_before_the_answer_is_the_tunnel_s() {
    let origin = mirror();
    let proxy = Proxy::start(settings(&[origin.port()]));
    let mut device = proxy.connect();
    let at = origin.address;
    device.send(format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\n\x16\x03\x01early\n\0"));
    assert!(device.head().starts_with("HTTP/1.1 200"));
    device.send("late");
    device.end_writing();
    assert_eq!(device.rest(), "\u{16}\u{3}\u{1}early\n\0late");
}

#[test]
fn an_end_that_said_its_last_still_listens() {
    let origin = Origin::raw(|stream| {
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        stream.write_all(&heard).unwrap();
        stream.write_all(b" after the end").unwrap();
    });
    let proxy = Proxy::start(settings(&[origin.port()]));
    let mut device = proxy.connect();
    device.tunnel(origin.address);
    device.send("a word");
    device.end_writing();
    assert_eq!(device.rest(), "a word after the end");
}

#[test]
fn a_tunnel_in_which_nothing_moves_is_closed_and_one_that_is_used_is_not() {
    let origin = mirror();
    let config = config::Gateway { idle_timeout: Period::seconds(1), ..settings(&[origin.port()]) };
    let proxy = Proxy::start(config);
    let mut device = proxy.connect();
    device.tunnel(origin.address);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2500) {
        device.send("x");
        assert_eq!(device.take(1), b"x");
        #[allow(clippy::disallowed_methods, reason = "somebody who types")]
        std::thread::sleep(Duration::from_millis(100));
    }
    let quiet = Instant::now();
    assert_eq!(device.rest(), "");
    assert!(quiet.elapsed() >= Duration::from_millis(800), "{:?}", quiet.elapsed());
}

#[test]
fn a_tunnel_ends_when_the_policy_changes_its_mind() {
    let origin = mirror();
    let evening = Arc::new(AtomicBool::new(false));
    let now_evening = evening.clone();
    let judge = Judge::new(move |_, _, _, now: Timestamp| {
        let denied = now_evening.load(SeqCst).then(Denial::default);
        let until = Some(now + SignedDuration::from_secs(1));
        Ruling { denied, until, ..Ruling::default() }
    });
    let proxy = Proxy::start_with(settings(&[origin.port()]), Home::default(), judge, None);
    let mut device = proxy.connect();
    device.tunnel(origin.address);
    device.send("x");
    assert_eq!(device.take(1), b"x");
    evening.store(true, SeqCst);
    assert_eq!(device.rest(), "");
    let mut late = proxy.connect();
    late.send(format!("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", origin.address));
    assert!(late.head().starts_with("HTTP/1.1 403"));
}

#[test]
fn a_site_whose_ipv6_is_silent_is_reached_by_ipv4() {
    let origin = mirror();
    let resolver = Resolver::new(|name| async move {
        assert_eq!(name, "site.example");
        // Nobody routes the first (RFC 6666), and the second listens.
        Ok(vec!["100::1".parse().unwrap(), "127.0.0.1".parse().unwrap()])
    });
    let mut config = settings(&[origin.port()]);
    config.allow_private.push("100::/64".parse().unwrap());
    let proxy = Proxy::start_with(config, Home::default(), Judge::lenient(), Some(resolver));
    let mut device = proxy.connect();
    let begun = Instant::now();
    device.send(format!("CONNECT Site.Example.:{} HTTP/1.1\r\nHost: x\r\n\r\n", origin.port()));
    let head = device.head();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn tls_is_between_the_device_and_the_origin_alone() {
    if !present(&["nginx"]) {
        return;
    }
    let nginx = Nginx::start();
    let bytes = pattern(5_000_000);
    nginx.publish("page", &bytes);
    let proxy = Proxy::start(settings(&[nginx.secure.port()]));
    let mut device = Device::to(proxy.address);
    device.tunnel(nginx.secure);
    let authority = std::fs::read_to_string(nginx.path("authority.crt")).unwrap();
    let config = support::tls::trusting(&authority);
    let name = rustls::pki_types::ServerName::try_from(NAME).unwrap();
    let client = rustls::ClientConnection::new(config, name).unwrap();
    let tls = rustls::StreamOwned::new(client, device.stream);
    let page = support::tls::ask(tls, "GET", NAME, "/page", "");
    assert!(page.status == 200 && page.body == bytes);
}

#[test]
fn at_a_stop_quiet_tunnels_end_and_the_house_is_empty() {
    let origin = mirror();
    let proxy = Proxy::start(settings(&[origin.port()]));
    let mut device = proxy.connect();
    device.tunnel(origin.address);
    proxy.token.cancel();
    assert_eq!(device.rest(), "");
    support::until("no listener", || TcpStream::connect(proxy.address).err());
}
