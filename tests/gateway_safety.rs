//! The proxy is no stepping stone: not to the box, not to the school's machines, not into another
//! request; and whoever is refused is told why.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod gateway_support;
mod support;

use std::{
    io::Write as _,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use gateway_support::{Device, Origin, Proxy, field, settings};
use jiff::Timestamp;
use preau::{
    config,
    gateway::{Denial, Home, Judge, Parts, Resolver, Ruling},
    net::link::{Link, Sign},
};

/// `[gateway]` as it is by itself, with these ports: no private network is allowed.
fn closed(ports: &[u16]) -> config::Gateway {
    config::Gateway { allow_private: Vec::new(), ..settings(ports) }
}

fn names(answers: &'static [(&'static str, &'static [&'static str])]) -> Resolver {
    Resolver::new(move |name| async move {
        let found = answers.iter().find(|(known, _)| *known == name);
        let texts = found.map(|(_, texts)| *texts).unwrap_or_default();
        Ok(texts.iter().map(|text| text.parse::<IpAddr>().unwrap()).collect())
    })
}

#[test]
fn no_spelling_of_an_inner_address_is_reached_in_the_clear_or_by_a_tunnel() {
    let origin = Origin::echo();
    let port = origin.port();
    let resolver = names(&[
        ("rebound.example", &["127.0.0.1"]),
        ("mixed.example", &["93.184.216.34", "127.0.0.1"]),
        ("mapped.example", &["::ffff:127.0.0.1"]),
        ("nat64.example", &["64:ff9b::7f00:1"]),
    ]);
    let proxy =
        Proxy::start_with(closed(&[port]), Home::default(), Judge::lenient(), Some(resolver));
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "192.0.2.1",
        "[fe80::1]",
        "[fd00::1]",
        "[2002:7f00:1::]",
        "rebound.example",
        "mixed.example",
        "mapped.example",
        "nat64.example",
        "REBOUND.example.",
    ] {
        for request in [
            format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n"),
            format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: x\r\n\r\n"),
        ] {
            let heard = proxy.exchange(&request);
            assert!(heard.starts_with("HTTP/1.1 403"), "{request}: {heard}");
            let why = field(&heard, "proxy-status");
            assert_eq!(why, Some("preau; error=destination_ip_prohibited"), "{request}");
        }
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_name_that_changes_its_answer_gains_nothing() {
    let origin = Origin::echo();
    let port = origin.port();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    // First a public address that nobody has, then the box itself: what was checked is dialled.
    let resolver = Resolver::new(move |_| {
        let first = counted.fetch_add(1, SeqCst) == 0;
        async move { Ok(vec![IpAddr::from(if first { [192, 88, 99, 1] } else { [127, 0, 0, 1] })]) }
    });
    let proxy =
        Proxy::start_with(closed(&[port]), Home::default(), Judge::lenient(), Some(resolver));
    for _ in 0..3 {
        let heard =
            proxy.exchange(format!("GET http://x.example:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(heard.starts_with("HTTP/1.1 403"), "{heard}");
    }
    assert_eq!(origin.connections(), 0);
    assert!(asked.load(SeqCst) >= 1);
}

#[test]
fn ports_that_are_not_listed_stay_shut() {
    let origin = Origin::echo();
    let proxy = Proxy::start(settings(&[80, 443]));
    let at = origin.address;
    for request in [
        format!("GET http://{at}/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("CONNECT {at} HTTP/1.1\r\nHost: x\r\n\r\n"),
        "CONNECT 127.0.0.1:25 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
    ] {
        let heard = proxy.exchange(request);
        assert!(heard.starts_with("HTTP/1.1 403"), "{heard}");
        assert_eq!(field(&heard, "proxy-status"), Some("preau; error=http_request_denied"));
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn shapes_of_request_smuggling_get_400_and_reach_no_origin() {
    let origin = Origin::echo();
    let proxy = Proxy::start(settings(&[origin.port()]));
    let at = origin.address;
    let inner = format!("GET http://{at}/inner HTTP/1.1\r\nHost: x\r\n\r\n");
    let post = format!("POST http://{at}/ HTTP/1.1\r\nHost: x\r\n");
    for fields in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "Content-Length: 3,3\r\n\r\nabc",
        "Content-Length: +3\r\n\r\nabc",
        "Content-Length: -1\r\n\r\nabc",
        "Content-Length : 3\r\n\r\nabc",
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "X: a\r\n folded\r\n\r\n",
        "X: a\rContent-Length: 3\r\n\r\nabc",
        "X: a\nContent-Length: 3\r\n\r\nabc",
        "X: a\0b\r\n\r\n",
        "X\0Y: a\r\n\r\n",
        ": a\r\n\r\n",
        "no colon\r\n\r\n",
    ] {
        let heard = proxy.exchange(format!("{post}{fields}{inner}"));
        assert!(heard.starts_with("HTTP/1.1 400"), "{fields:?}: {heard}");
        assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "one answer to {fields:?}: {heard}");
    }
    for request in [
        format!("POST http://{at}/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("GET http://{at}/\r\n\r\n"),
        format!("GET http://{at}/ HTTP/1.1\n\n"),
        format!("GET  http://{at}/ HTTP/1.1\r\n\r\n"),
        format!("GET http://{at}/ x HTTP/1.1\r\n\r\n"),
        format!("GET http://{at}/\0 HTTP/1.1\r\n\r\n"),
        format!("CONNECT {at} HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
        "\u{16}\u{3}\u{1}\u{2}\0".to_owned(),
    ] {
        let heard = proxy.exchange(format!("{request}{inner}"));
        assert!(
            heard.starts_with("HTTP/1.") && heard[9..].starts_with("400"),
            "{request:?}: {heard}"
        );
        assert_eq!(heard.matches("HTTP/1.").count(), 1, "one answer to {request:?}: {heard}");
    }
    // Whatever hyper had begun to send on, no second request left the box.
    let heads = origin.heads.lock().unwrap();
    assert!(heads.iter().all(|head| !head.contains("/inner")), "{heads:?}");
}

#[test]
fn floods_between_chunks_and_heads_without_end_are_cut() {
    let origin = Origin::start(|_, stream| {
        let mut piece = vec![0; 65_536];
        while std::io::Read::read(stream, &mut piece).is_ok_and(|read| read > 0) {}
        false
    });
    let proxy = Proxy::start(settings(&[origin.port()]));
    let at = origin.address;
    let mut device = proxy.connect();
    device.send(format!(
        "POST http://{at}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    device.send("1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n".repeat(20_000));
    let heard = device.rest();
    assert!(!heard.contains(" 200 "), "{heard}");
    let mut device = proxy.connect();
    device.send(format!("GET http://{at}/ HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(200_000)));
    let heard = device.rest();
    assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 4"), "{heard}");
    let many = "A: b\r\n".repeat(5000);
    let heard = proxy.exchange(format!("GET http://{at}/ HTTP/1.1\r\n{many}\r\n"));
    assert!(heard.starts_with("HTTP/1.1 4"), "{heard}");
}

#[test]
fn an_origin_that_lies_about_its_answer_spoils_one_answer_and_no_other() {
    let origin = Origin::start(|head, stream| {
        let answer: &[u8] = if head.contains("/coded") {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        } else if head.contains("/lengths") {
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"
        } else if head.contains("/fold") {
            b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"
        } else if head.contains("/more") {
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nX-Poison: 1\r\nContent-Length: 0\r\n\r\n"
        } else if head.contains("/noise") {
            b"\x16\x03\x01\x02\x00"
        } else {
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        };
        stream.write_all(answer).is_ok()
    });
    let proxy = Proxy::start(settings(&[origin.port()]));
    let get = |path: &str| {
        proxy.exchange(format!(
            "GET http://{}{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            origin.address
        ))
    };
    for path in ["/coded", "/lengths", "/fold", "/noise"] {
        let heard = get(path);
        assert!(heard.starts_with("HTTP/1.1 502"), "{path}: {heard}");
    }
    assert!(get("/more").ends_with("\r\n\r\nok"));
    for _ in 0..3 {
        let heard = get("/good");
        assert!(heard.ends_with("\r\n\r\nok") && !heard.contains("x-poison"), "{heard}");
    }
}

/// Denies `bad.example`, as the policy of a school might.
fn judge() -> Judge {
    Judge::new(|_, asked, _, _| {
        let bad = asked.host.to_string() == "bad.example";
        let denial = || Denial {
            category: Some("games".to_owned()),
            rule: "bad.example".to_owned(),
            profile: Some("pupils".to_owned()),
            role: None,
        };
        Ruling { denied: bad.then(denial), ..Ruling::default() }
    })
}

#[test]
fn a_refusal_says_why_in_the_reader_s_language_and_is_remembered_for_the_device() {
    let contact = Some("Mme Martin <b>".to_owned());
    let config = config::Gateway { contact, ..settings(&[80, 443]) };
    let proxy = Proxy::start_with(config, Home::default(), judge(), None);
    let ask = |more: &str| {
        proxy.exchange(format!(
            "GET http://BAD.example./secret?q=1 HTTP/1.1\r\nHost: x\r\n{more}\r\n"
        ))
    };
    let page = ask("Accept: text/html\r\nAccept-Language: en-GB, fr;q=0.5\r\n");
    assert!(page.starts_with("HTTP/1.1 403"), "{page}");
    assert_eq!(field(&page, "connection"), Some("close"));
    assert_eq!(field(&page, "cache-control"), Some("no-store"));
    assert_eq!(field(&page, "proxy-status"), Some("preau; error=http_request_denied"));
    for words in ["lang=\"en\"", "Site blocked", "bad.example", "games", "pupils", "Mme Martin"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("secret") && !page.contains("Martin <b>"), "{page}");
    assert!(ask("Accept: text/html\r\n").contains("Site bloqué"));
    let short = ask("Accept: image/*\r\nAccept-Language: fr\r\n");
    assert!(short.contains("text/plain") && short.contains("Site bloqué"), "{short}");
    let refused = proxy.gateway.recent().of([127, 0, 0, 1].into(), Timestamp::now());
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].times, refused[0].denial.category.as_deref()), (3, Some("games")));
    assert!(proxy.gateway.recent().of([127, 0, 0, 2].into(), Timestamp::now()).is_empty());
}

#[test]
fn after_a_refused_tunnel_nothing_more_is_read() {
    let origin = Origin::echo();
    let proxy = Proxy::start_with(settings(&[443, origin.port()]), Home::default(), judge(), None);
    let mut device = proxy.connect();
    device.send("CONNECT bad.example:443 HTTP/1.1\r\nHost: x\r\n\r\n");
    let page = device.rest();
    assert!(page.starts_with("HTTP/1.1 403") && page.contains("Site bloqué"), "{page}");
    // What was sent on in hope is no request, even if it looks like one.
    let heard = proxy.exchange(format!(
        "CONNECT bad.example:443 HTTP/1.1\r\nHost: x\r\n\r\n\
         GET http://{}/ HTTP/1.1\r\nHost: x\r\n\r\n",
        origin.address
    ));
    assert!(
        heard.matches("HTTP/1.1 403").count() <= 1 && !heard.contains("HTTP/1.1 200"),
        "{heard}"
    );
    assert_eq!(origin.connections(), 0);
}

#[test]
fn one_device_has_so_many_connections_and_no_more() {
    let config = config::Gateway { connections_per_device: 4, ..settings(&[80]) };
    let proxy = Proxy::start(config);
    let asks = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut held: Vec<Device> = (0..4).map(|_| proxy.connect()).collect();
    for device in &mut held {
        device.send(asks);
        assert!(device.head().starts_with("HTTP/1.1 200"));
    }
    assert_eq!(proxy.exchange(asks), "", "the fifth is closed without a word");
    drop(held);
    support::until("a place", || {
        let mut device = proxy.connect();
        device.send("GET /proxy.pac HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        device.rest().starts_with("HTTP/1.1 200").then_some(())
    });
}

#[test]
fn when_the_link_is_down_the_page_comes_at_once() {
    // Addresses of a network that no route leads to: as good as cut.
    let resolver = Resolver::new(|_| async { Err(std::io::Error::other("no resolver answers")) });
    let proxy =
        Proxy::start_with(settings(&[80]), Home::default(), Judge::lenient(), Some(resolver));
    let get = |name: &str| {
        proxy.exchange(format!(
            "GET http://{name}/ HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n"
        ))
    };
    for name in ["a.example", "b.example", "c.example"] {
        assert!(field(&get(name), "proxy-status").unwrap().contains("dns_error"));
    }
    let begun = Instant::now();
    let page = get("d.example");
    assert!(page.starts_with("HTTP/1.1 503") && page.contains("Internet est coupé"), "{page}");
    assert!(begun.elapsed() < Duration::from_secs(1));
    let library = page.find("http://127.0.0.1/").expect("the library is named");
    assert!(library > 0);
}

#[test]
fn a_device_that_asks_for_what_is_nowhere_cuts_nobody_off() {
    let origin = Origin::echo();
    let port = origin.port();
    let resolver = Resolver::new(|name| async move {
        let known = name == "here.example";
        if known { Ok(vec![[127, 0, 0, 1].into()]) } else { Err(std::io::Error::other("no such")) }
    });
    // Loopback is on this side of the link: that it was reached is said for it.
    let link = Link::default();
    link.note(Sign::ReachedAt(origin.address));
    let proxy = Proxy::of(Parts {
        config: settings(&[port]),
        home: Home::default(),
        zone: jiff::tz::TimeZone::UTC,
        judge: Judge::lenient(),
        link,
        resolver: Some(resolver),
        account: None,
        cache: None,
        reviews: None,
    });
    let get = |name: &str| {
        let request = format!("GET http://{name}:{port}/ HTTP/1.1\r\nHost: x\r\n");
        proxy.exchange(format!("{request}Connection: close\r\n\r\n"))
    };
    assert!(get("here.example").starts_with("HTTP/1.1 200"));
    for turn in 0..10 {
        let heard = get(&format!("nowhere-{turn}.example"));
        assert_eq!(field(&heard, "proxy-status"), Some("preau; error=dns_error"), "{turn}");
    }
    assert!(get("here.example").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_websocket_that_begins_with_a_body_is_none() {
    let origin = Origin::echo();
    let proxy = Proxy::start(settings(&[origin.port()]));
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let inner = "GET http://x.example/ HTTP/1.1\r\n\r\n";
    for (method, body) in [
        ("GET", format!("Content-Length: {}\r\n\r\n{inner}", inner.len())),
        ("GET", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("POST", "Content-Length: 0\r\n\r\n".to_owned()),
    ] {
        let mut device = proxy.connect();
        let target = format!("{method} http://{}/ HTTP/1.1\r\nHost: x\r\n", origin.address);
        device.send(format!("{target}{upgrade}{body}"));
        let head = device.head();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let asked = origin.last_head().to_ascii_lowercase();
        assert!(!asked.contains("upgrade"), "{asked}");
    }
}
