//! Real links that lose, are slow, or lose large packets: told as what they are, and never as an outage. And
//! what names, fetches and throughput tests find over them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod link_support;
mod support;

use std::{
    collections::BTreeSet,
    net::UdpSocket,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use link_support::{Internet, School, TARGETS, address, rules, within};
use preau::health::{
    finding::{Kind, Verdict, Watcher as _},
    link::{NoTest, Pace, budget::Refused},
    metrics::ALL,
    sample::{Source as _, Telling},
};
use support::netns::allowed;

/// Minutes made seconds.
const PACE: Pace = Pace { slot_seconds: 4, large_every: Duration::from_secs(2) };
/// What a slowed cable carries, in bits a second.
const SLOW: f64 = 8e6;

const LOSSY: usize = 0;
const CROWDED: usize = 1;
const NARROW: usize = 2;
const WELL: usize = 3;

#[test]
fn links_that_lose_or_are_slow_are_degraded_and_none_of_them_is_cut() {
    if !allowed() {
        return;
    }
    let internet = Internet::new();
    let school = School::new(&internet, 0, 4, PACE, "");
    let is = |kind, link, verdict| school.verdict(kind, link) == Some(verdict);
    let begun = within(Duration::from_secs(30), || {
        (0..4).all(|link| is(Kind::LinkDown, link, Verdict::Good))
    });
    assert!(begun.is_some(), "the links do not carry");
    // A few slots of what is usual, and a look at large packets.
    let usual = within(Duration::from_secs(20), || {
        let judged = |link| is(Kind::LinkDegraded, link, Verdict::Good);
        (0..4).all(|link| judged(link) && is(Kind::PathMtu, link, Verdict::Good))
    });
    assert!(usual.is_some(), "nothing was judged");
    within(Duration::from_secs(4), || false);

    let (to_crowd, stop) = (address(0, CROWDED, 2), AtomicBool::new(false));
    rules(
        &school.operator,
        &format!(
            "add rule inet cut way iifname lan{LOSSY} numgen random mod 100 < 25 drop; \
             add rule inet cut way oifname lan{LOSSY} numgen random mod 100 < 25 drop; \
             add rule inet cut way iifname lan{NARROW} meta length > 1400 drop; \
             add rule inet cut way oifname lan{NARROW} meta length > 1400 drop"
        ),
    );
    // 2 Mbit/s of the 20 that the contract says, and more than that is sent there.
    let queue = ["qdisc", "add", "dev", &format!("lan{CROWDED}"), "root", "tbf"];
    let rate = ["rate", "2mbit", "burst", "8kb", "latency", "500ms"];
    school.operator.run("tc", &[&queue[..], &rate].concat());
    let opened = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        scope.spawn(|| internet.host.within(|| crowd(&to_crowd, &stop)));
        let told = within(Duration::from_secs(60), || {
            let cut = (0..4).filter(|link| is(Kind::LinkDown, *link, Verdict::Wrong));
            opened.lock().unwrap().extend(cut);
            is(Kind::LinkDegraded, LOSSY, Verdict::Wrong)
                && is(Kind::LinkDegraded, CROWDED, Verdict::Wrong)
                && is(Kind::PathMtu, NARROW, Verdict::Wrong)
        });
        let details: Vec<String> =
            [(Kind::LinkDegraded, LOSSY), (Kind::LinkDegraded, CROWDED), (Kind::PathMtu, NARROW)]
                .map(|(kind, link)| school.finding(kind, link).unwrap().detail)
                .into();
        stop.store(true, SeqCst);
        eprintln!("told after {told:?}: {details:#?}");
        assert!(told.is_some(), "{details:#?}");
        assert!(details[0].contains("% des sondes se perdent"), "{details:#?}");
        assert!(details[2].contains("plus de 1400 octets"), "{details:#?}");
    });
    assert!(opened.lock().unwrap().is_empty(), "called cut: {opened:?}");
    for kind in [Kind::LinkDown, Kind::LinkDegraded, Kind::PathMtu] {
        assert!(is(kind, WELL, Verdict::Good), "the link beside them is {kind:?}");
    }
    let lines = school.links.lines();
    let crowded = &lines[CROWDED];
    let anchor = crowded.targets.iter().find(|one| one.name == format!("anchor@wan{CROWDED}"));
    eprintln!("the crowded link: {:?}", anchor.unwrap().icmp);
    assert_eq!(lines[NARROW].path_mtu, Some(1400));
    assert_eq!(lines[WELL].path_mtu, Some(1500));

    // Evidence: a line a second, of what was asked and what came.
    let now = Timestamp::now();
    let from = now - SignedDuration::from_secs(20);
    let seen = school.links.evidence(Kind::LinkDegraded, "wan0", from, now);
    eprintln!("{}", seen.last().unwrap().says);
    assert!((18..=21).contains(&seen.len()), "{} lines", seen.len());
    assert!(seen.iter().any(|line| line.says.contains("perdu")));
    assert!(seen.is_sorted_by_key(|line| line.at));
    within_bounds(&school);
}

/// Every value has a name of the list, and none was left out.
fn within_bounds(school: &School) {
    let mut telling = Telling::default();
    school.links.tell(Timestamp::now(), &mut telling);
    assert_eq!(telling.left_out(), 0);
    let told: BTreeSet<&str> = telling.samples().iter().map(|one| one.metric.name).collect();
    assert!(told.iter().all(|name| ALL.iter().any(|metric| metric.name == *name)));
    for name in [
        "preau_link_up",
        "preau_link_contract_bytes_per_second",
        "preau_link_path_mtu_bytes",
        "preau_probe_sent_total",
        "preau_probe_lost_total",
        "preau_probe_rtt_seconds",
        "preau_probe_jitter_seconds",
        "preau_interface_up",
        "preau_interface_receive_bytes_total",
    ] {
        assert!(told.contains(name), "{name} is missing of {told:?}");
    }
}

/// Sends 3 Mbit/s, in datagrams that nobody wants.
fn crowd(to: &str, stop: &AtomicBool) {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let datagram = [0; 940];
    while !stop.load(SeqCst) {
        for _ in 0..4 {
            let _ = socket.send_to(&datagram, (to, 9));
        }
        #[allow(clippy::disallowed_methods, reason = "a pace, in a thread of its own")]
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn phases_of_fetches_names_and_throughput_are_those_of_the_link() {
    if !allowed() {
        return;
    }
    let internet = Internet::new();
    let soon = jiff::tz::TimeZone::UTC.to_datetime(Timestamp::now());
    let class = |hours: i64| {
        let at = |more: i64| {
            let moment = soon + SignedDuration::from_hours(hours + more);
            moment.strftime("%H:00").to_string()
        };
        format!("[mirror]\nclass_hours = [\"{}-{}\"]\n", at(0), at(2))
    };
    let more = format!(
        "[[health.targets]]\nname = \"site\"\naddress = \"{site}\"\nicmp = false\n\
         http = \"https://{site}/\"\n\
         [[health.targets]]\nname = \"dns\"\nrole = \"resolver\"\naddress = \"{dns}\"\nicmp = false\n\
         dns = \"www.example\"\n\
         [health.throughput]\nurl = \"http://{site}/object\"\nupload = \"http://{site}/sent/up\"\n\
         time = \"3s\"\nbytes = \"10 MB\"\nbytes_per_day = \"14 MB\"\n{class}",
        site = TARGETS[0],
        dns = TARGETS[2],
        class = class(-1)
    );
    let school = School::new(&internet, 0, 1, PACE, &more);
    let fetched = within(Duration::from_secs(30), || {
        let lines = school.links.lines();
        let of = |name: &str| lines[0].targets.iter().find(|one| one.name == name).unwrap().clone();
        of("site").http.is_some() && of("dns").dns.is_some()
    });
    let lines = school.links.lines();
    let of = |name: &str| lines[0].targets.iter().find(|one| one.name == name).unwrap();
    eprintln!("after {fetched:?}: {:?}, dns {:?}", of("site").http, of("dns").dns);
    let http = of("site").http.as_ref().unwrap();
    // The root answers that it has no index: it is there.
    assert_eq!(http.status, Ok(403));
    assert!(http.connect > Some(0.0) && http.tls > http.connect && http.first_byte > Some(0.0));
    assert!(of("dns").dns.as_ref().unwrap().is_ok());

    let tested = |school: &School| school.at_box(async |links| links.test(None, &|_| ()).await);
    assert!(matches!(tested(&school), Err(NoTest::Refused(Refused::ClassHours))));
    let far: preau::config::TimeWindow = {
        let text = class(6);
        text.split('"').nth(1).unwrap().parse().unwrap()
    };
    school.links.set_class_hours(&[far]);
    let slow = |host: &support::netns::Host, interface: &str| {
        let queue = ["qdisc", "add", "dev", interface, "root", "tbf"];
        host.run(
            "tc",
            &[&queue[..], &["rate", "8mbit", "burst", "16kb", "latency", "50ms"]].concat(),
        );
    };
    slow(&school.operator, "lan0");
    slow(&school.carrier, "wan0");
    let first = tested(&school).unwrap();
    eprintln!("{first:?}");
    for rate in [first.down.unwrap(), first.up.unwrap()] {
        let part = rate * 8.0 / SLOW;
        assert!((0.8..1.1).contains(&part), "{rate} bytes a second over {SLOW} bit/s");
    }
    // The contract says 20 Mbit/s: two tests in a row make it slow.
    assert_eq!(school.verdict(Kind::LinkSlow, 0), None);
    let second = tested(&school).unwrap();
    let slow = school.finding(Kind::LinkSlow, 0).unwrap();
    eprintln!("{}", slow.detail);
    assert_eq!(slow.verdict, Verdict::Wrong);
    // The day's bytes end before its tests do, and are counted as they were moved.
    let mut moved = first.bytes + second.bytes;
    for _ in 0..10 {
        match tested(&school) {
            Ok(test) => moved += test.bytes,
            Err(why) => {
                eprintln!("{why}");
                assert!(matches!(why, NoTest::Refused(Refused::Day { .. })), "{why}");
                break;
            }
        }
        // What is under way when a test ends comes on top: a piece or two a connection.
        assert!(moved <= 14_000_000 + 4 * 2 * 64 * 1024, "{moved}");
    }
    let lines = school.links.lines();
    assert!(lines[0].down_seconds == 0, "a test is no outage");
}
