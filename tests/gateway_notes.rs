//! Whatever the gateway carries or refuses has its line in the account, and no path is in it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod gateway_support;
mod journal_support;
mod support;

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Shutdown, SocketAddr},
    path::Path,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use gateway_support::{Device, Origin, Proxy, settings};
use jiff::{Timestamp, tz::TimeZone};
use journal_support::all;
use preau::{
    gateway::{
        Denial, Judge, Resolver, Ruling,
        cache::{self, Bounds, Cache, updates::Rules},
    },
    journal::{Clock, Identity, Journal, Options, Record, Refused, Verdict, new_identity},
};
use support::until;

const SECRET: &str = "/recherche?q=secret";

fn journal(folder: &Path) -> (Journal, Identity) {
    let (public, private) = new_identity();
    let options = Options {
        folder: folder.to_owned(),
        recipient: public.parse().unwrap(),
        term: Duration::from_secs(365 * 86_400),
        refusals_term: Duration::from_secs(183 * 86_400),
        most: 1 << 30,
        clock: Clock::of_system("/nonexistent".into()),
        zone: TimeZone::UTC,
    };
    (Journal::open(options).unwrap(), private.parse().unwrap())
}

/// What is in the account once so many lines are.
fn lines(journal: &Journal, folder: &Path, identity: &Identity, count: usize) -> Vec<Record> {
    until("the lines", || {
        journal.write();
        let log = folder.join("connections");
        let (rows, report) = all::<Record>(&log, identity, Timestamp::now());
        assert_eq!(report.findings, []);
        (rows.len() >= count).then_some(rows)
    })
}

fn judge() -> Judge {
    Judge::new(|_, asked, path, _| {
        let denied = (asked.host.to_string() == "jeu.example").then(|| Denial {
            category: Some("games".into()),
            rule: "pas de jeux".into(),
            profile: Some("eleves".into()),
            role: None,
        });
        assert!(path.is_none_or(|path| path.len() < 100));
        let (profile, session) = (Some(Arc::from("eleves")), Some(Arc::from("s1")));
        Ruling { denied, profile, session, ..Ruling::default() }
    })
}

/// Hears 5,000 bytes, says 70,000, and ends.
fn origin() -> Origin {
    Origin::raw(|stream| {
        let mut heard = vec![0; 5_000];
        stream.read_exact(&mut heard).unwrap();
        stream.write_all(&vec![7; 70_000]).unwrap();
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read(&mut heard);
    })
}

#[test]
fn a_tunnel_is_one_line_with_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, identity) = journal(folder.path());
    let origin = origin();
    let proxy = Proxy::accounting(settings(&[origin.port()]), judge(), journal.clone());
    let mut device = proxy.connect();
    let from = device.stream.local_addr().unwrap();
    device.tunnel(origin.address);
    device.send([1; 5_000]);
    assert_eq!(device.take(70_000).len(), 70_000);
    device.end_writing();
    assert_eq!(device.rest(), "");
    let rows = lines(&journal, folder.path(), &identity, 1);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    let place = (row.destination, row.port);
    assert_eq!((row.device, place), (from, (Some(origin.address.ip()), origin.port())));
    assert_eq!((row.up, row.down, row.verdict), (5_000, 70_000, Verdict::Carried));
    let who = (row.profile.as_deref(), row.session.as_deref(), &row.name);
    assert_eq!(who, (Some("eleves"), Some("s1"), &None));
    assert!(row.doubt, "no file says that this clock is synchronised");
}

#[test]
fn a_request_in_the_clear_is_one_line_with_its_bytes_and_without_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, identity) = journal(folder.path());
    let origin = Origin::raw(|stream| {
        gateway_support::head(stream).unwrap();
        stream.read_exact(&mut [0; 11]).unwrap();
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let proxy = Proxy::accounting(settings(&[origin.port()]), judge(), journal.clone());
    let answer = proxy.exchange(format!(
        "POST http://{}{SECRET} HTTP/1.1\r\nHost: {}\r\nContent-Length: 11\r\n\
         Connection: close\r\n\r\nhello world",
        origin.address, origin.address
    ));
    assert!(answer.ends_with("abc"), "{answer}");
    let rows = lines(&journal, folder.path(), &identity, 1);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.up, row.down, row.verdict), (11, 3, Verdict::Carried));
    assert_eq!((row.destination, row.port), (Some(origin.address.ip()), origin.port()));
    assert!(!format!("{rows:?}").contains("secret"));
}

#[test]
fn a_request_by_name_tells_where_it_led_and_one_answered_from_memory_led_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, identity) = journal(folder.path());
    let origin = Origin::raw(|stream| {
        while let Some(head) = gateway_support::head(stream) {
            let kept = if head.contains("/kept") { "max-age=600" } else { "no-store" };
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nCache-Control: {kept}\r\n\r\nabc");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let resolver = Resolver::new(|_| async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) });
    let (memory, disk) = (Bounds { bytes: 1 << 20, count: 10 }, Bounds { bytes: 0, count: 0 });
    let rules = Rules::shipped().unwrap();
    let cache = Cache::new(cache::Options { folder: None, memory, disk, reserve: 0, rules });
    let with = (Some(resolver), Some(cache));
    let config = settings(&[origin.port()]);
    let proxy = Proxy::accounting_with(config, Judge::lenient(), journal.clone(), with);
    let there = Some(IpAddr::from([127, 0, 0, 1]));
    let asked = [("/new", there), ("/new", there), ("/kept", there), ("/kept", None)];
    for (count, (path, led)) in (1..).zip(asked) {
        let at = format!("lycee.example:{}", origin.port());
        let answer = proxy.exchange(format!(
            "GET http://{at}{path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"
        ));
        assert!(answer.ends_with("abc"), "{answer}");
        let rows = lines(&journal, folder.path(), &identity, count);
        let row = rows.last().unwrap();
        assert_eq!((row.destination, row.port, row.down), (led, origin.port(), 3), "{path}");
        assert_eq!(row.name.as_deref(), Some("lycee.example"));
    }
    assert_eq!(
        origin.connections.load(SeqCst),
        1,
        "the second went by the connection of the first"
    );
}

#[test]
fn what_is_refused_is_noted_and_by_the_policy_in_the_other_log_too() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, identity) = journal(folder.path());
    let nobody = format!("CONNECT {}", SocketAddr::from(([127, 0, 0, 1], 9)));
    let proxy = Proxy::accounting(settings(&[80, 443, 9]), judge(), journal.clone());
    let asked = [
        ("CONNECT jeu.example:443", Verdict::Denied),
        ("GET http://jeu.example/recherche?q=secret", Verdict::Denied),
        ("CONNECT lycee.example:25", Verdict::Refused),
        ("TRACE http://lycee.example/recherche?q=secret", Verdict::Refused),
        ("GET http://me@lycee.example/", Verdict::Refused),
        (&nobody, Verdict::Failed),
    ];
    for (count, (line, verdict)) in (1..).zip(asked) {
        let mut device = Device::to(proxy.address);
        device.send(format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        device.rest();
        let rows = lines(&journal, folder.path(), &identity, count);
        assert_eq!(rows.last().unwrap().verdict, verdict, "{line}: {rows:?}");
    }
    let rows = lines(&journal, folder.path(), &identity, asked.len());
    assert_eq!(rows.len(), asked.len());
    assert_eq!(rows[0].name.as_deref(), Some("jeu.example"));
    assert_eq!((rows[0].destination, rows[0].port, rows[0].up), (None, 443, 0));
    let told = all::<Refused>(&folder.path().join("refusals"), &identity, Timestamp::now()).0;
    let said: Vec<_> = told.iter().map(|row| (row.category.as_deref(), &*row.domain)).collect();
    assert_eq!(said, [(Some("games"), "jeu.example"); 2]);
    assert_eq!(told[0].pseudonym, told[1].pseudonym, "one device, one name this month");
    let text = format!("{rows:?}{told:?}");
    let loopback = IpAddr::from([127, 0, 0, 1]).to_string();
    assert!(!text.contains("secret") && !format!("{told:?}").contains(&loopback));
}
