//! Receivers that refuse, fail, stall, close and lie: nothing blocks for ever, what can arrive arrives in
//! order, and of the rest it is known how many were lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod uplink_support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use preau::{
    config::RemoteWrite,
    health::metrics,
    journal::{Clock, Reading},
    net::client::ClientOptions,
    uplink::{
        message::{Body, NAME, Sample, Series, label},
        spool::Spool,
    },
};
use uplink_support::{
    Sending, Truth, assert_balanced, count, differences, labels, live_through, memory_folder,
    receiver::{Asked, Reaction, Receiver},
};

/// Loopback may be reached.
fn client() -> ClientOptions {
    let allow_private = vec!["127.0.0.0/8".parse().unwrap()];
    ClientOptions { allow_private, ..ClientOptions::default() }
}

/// An hour and a half of a small school, spooled.
fn spooled(folder: &tempfile::TempDir) -> (Spool, Truth) {
    let mut spool = Spool::open(folder.path(), 64 << 20).unwrap();
    let truth = live_through(&mut spool, 4, 90, Timestamp::now());
    (spool, truth)
}

/// Sends all to a receiver that behaves like this, and waits until nothing waits.
async fn sent_to(
    decide: impl Fn(&Asked) -> Reaction + Send + Sync + 'static,
) -> (Receiver, Truth, u64) {
    let folder = memory_folder();
    let (spool, truth) = spooled(&folder);
    let receiver = Receiver::start(decide).await;
    let sending = Sending::start(spool, receiver.url(), client(), RemoteWrite::V1);
    sending.until_all_is_gone().await;
    let counts = sending.counts();
    assert_balanced(counts, 0);
    sending.stop().await;
    assert_eq!(receiver.at_once(), 1, "one request at a time");
    assert!(receiver.in_order(), "of each series the oldest first");
    (receiver, truth, counts.refused)
}

fn is_of(series: &Series, name: &str) -> bool {
    labels(series).get(NAME).is_some_and(|own| own == name)
}

/// What a receiver took is the truth without this metric.
fn assert_all_but(receiver: &Receiver, mut truth: Truth, name: &str) -> u64 {
    let lost: usize = truth.iter().filter(|(of, _)| of[NAME] == name).map(|(_, v)| v.len()).sum();
    truth.retain(|of, _| of[NAME] != name);
    let mut taken = receiver.taken();
    // The value of now by which the sender tells their fault from the batch's.
    taken.retain(|of, _| of[NAME] != metrics::HEARTBEAT.name);
    let wrong = differences(&taken, &truth);
    assert!(wrong.is_empty(), "{wrong:#?}");
    lost as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_is_refused_is_lost_alone() {
    let bad = metrics::LINK_UP.name;
    let decide = |asked: &Asked| {
        let refused = asked.series.iter().any(|one| is_of(one, metrics::LINK_UP.name));
        if refused { Reaction::Status(400) } else { Reaction::Take }
    };
    let (receiver, truth, refused) = sent_to(decide).await;
    assert_eq!(assert_all_but(&receiver, truth, bad), refused);
    assert_eq!(receiver.twice(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_a_receiver_fail_for_ever_is_lost_alone() {
    let bad = metrics::LOAD.name;
    let decide = |asked: &Asked| {
        let fails = asked.series.iter().any(|one| is_of(one, metrics::LOAD.name));
        if fails { Reaction::Status(500) } else { Reaction::Take }
    };
    let (receiver, truth, refused) = sent_to(decide).await;
    assert_eq!(assert_all_but(&receiver, truth, bad), refused);
}

/// Behaves badly so many times, then well.
fn at_first(
    times: usize,
    bad: impl Fn(usize) -> Reaction + Send + Sync + 'static,
) -> impl Fn(&Asked) -> Reaction {
    let asked = AtomicUsize::new(0);
    move |_| {
        let number = asked.fetch_add(1, Relaxed);
        if number < times { bad(number) } else { Reaction::Take }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_receiver_does_for_a_while_nothing_is_lost_by_it() {
    let bad = |number| match number % 12 {
        0 => Reaction::Status(500),
        1 => Reaction::Status(503),
        2 => Reaction::Close,
        3 => Reaction::Status(403),
        4 => Reaction::Elsewhere,
        5 => Reaction::Status(404),
        6 => Reaction::Later(0),
        7 => Reaction::Status(502),
        8 => Reaction::Status(408),
        9 => Reaction::Silent(Duration::from_millis(1500)),
        10 => Reaction::Status(301),
        _ => Reaction::Status(401),
    };
    let (receiver, truth, refused) = sent_to(at_first(24, bad)).await;
    let wrong = differences(&receiver.taken(), &truth);
    assert!(wrong.is_empty() && refused == 0, "{wrong:#?}");
    assert_eq!(receiver.twice(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_refuses_everything_makes_nothing_lost() {
    for status in [400, 422, 500, 501] {
        let (receiver, truth, refused) =
            sent_to(at_first(40, move |_| Reaction::Status(status))).await;
        let wrong = differences(&receiver.taken(), &truth);
        assert!(wrong.is_empty() && refused == 0, "{status}: {wrong:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_is_made_smaller() {
    let decide = |asked: &Asked| {
        let samples: usize = asked.series.iter().map(|one| one.samples.len()).sum();
        if samples > 100 { Reaction::Status(413) } else { Reaction::Take }
    };
    let (receiver, truth, refused) = sent_to(decide).await;
    let wrong = differences(&receiver.taken(), &truth);
    assert!(wrong.is_empty() && refused == 0, "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_asks_for_time_is_given_it() {
    let (receiver, truth, _) = sent_to(at_first(1, |_| Reaction::Later(1))).await;
    assert_eq!(count(&receiver.taken()), count(&truth));
    let begun = Instant::now();
    let (receiver, ..) = sent_to(at_first(1, |_| Reaction::Later(1))).await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(receiver.asked().len(), 2, "it is not asked meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_shows_that_it_knows_2_0_is_sent_it() {
    let folder = memory_folder();
    let (spool, truth) = spooled(&folder);
    let receiver = Receiver::speaking(true, |_| Reaction::Take).await;
    let sending = Sending::start(spool, receiver.url(), client(), RemoteWrite::Auto);
    sending.until_all_is_gone().await;
    sending.stop().await;
    let wrong = differences(&receiver.taken(), &truth);
    assert!(wrong.is_empty(), "{wrong:#?}");
    for asked in receiver.asked() {
        for field in [
            "content-type: application/x-protobuf;proto=io.prometheus.write.v2.request",
            "content-encoding: snappy",
            "x-prometheus-remote-write-version: 2.0.0",
        ] {
            assert!(asked.head.contains(field), "{}", asked.head);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_of_1_0_is_sent_1_0_after_one_try() {
    let folder = memory_folder();
    let (spool, truth) = spooled(&folder);
    let decide = |asked: &Asked| {
        if asked.head.contains("version: 2") { Reaction::Status(415) } else { Reaction::Take }
    };
    let receiver = Receiver::start(decide).await;
    let sending = Sending::start(spool, receiver.url(), client(), RemoteWrite::Auto);
    sending.until_all_is_gone().await;
    sending.stop().await;
    let wrong = differences(&receiver.taken(), &truth);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let twos = receiver.asked().iter().filter(|asked| asked.head.contains("version: 2")).count();
    assert_eq!(twos, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_by_a_clock_in_doubt_nor_what_is_of_the_future() {
    let folder = memory_folder();
    let (mut spool, truth) = spooled(&folder);
    let ahead = (Timestamp::now() + SignedDuration::from_mins(10)).as_millisecond();
    let samples = vec![Sample { value: 1.0, timestamp: ahead }];
    let series = Series { labels: vec![label(NAME, "preau_load1")], samples };
    spool.append(&[Body::pack(&[series]).unwrap()]).unwrap();
    let synchronised = Arc::new(AtomicUsize::new(0));
    let (seen, begun) = (synchronised.clone(), Instant::now());
    let clock = Clock::new(move || {
        let now = Timestamp::now();
        let synchronised = (seen.load(Relaxed) > 0).then_some(now);
        Reading { steady: begun.elapsed(), now, synchronised }
    });
    let receiver = Receiver::start(|_| Reaction::Take).await;
    let sending = Sending::with_clock(spool, receiver.url(), client(), RemoteWrite::V1, clock);
    // As long as the sender looks at its clock.
    let figures = sending.sender.figures();
    while !figures.status(String::new(), 0).clock_in_doubt {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(receiver.asked().is_empty());
    synchronised.store(1, Relaxed);
    sending.until_all_is_gone().await;
    assert_eq!(sending.counts().clock, 1);
    assert_balanced(sending.counts(), 0);
    sending.stop().await;
    let wrong = differences(&receiver.taken(), &truth);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_tiny_quota_the_counters_tell_what_became_of_each_sample() {
    let folder = memory_folder();
    let mut spool = Spool::open(folder.path(), 40_000).unwrap();
    let truth = live_through(&mut spool, 4, 3 * 1440, Timestamp::now());
    let (counts, waiting) = (spool.counts(), spool.room().samples);
    assert_balanced(counts, waiting);
    assert_eq!(counts.came, count(&truth) as u64);
    assert!(counts.thinned_quarter > 0 && counts.full > 0, "{counts:?}");
    let receiver = Receiver::start(|_| Reaction::Take).await;
    let sending = Sending::start(spool, receiver.url(), client(), RemoteWrite::V1);
    sending.until_all_is_gone().await;
    let counts = sending.counts();
    sending.stop().await;
    assert_balanced(counts, 0);
    let taken = receiver.taken();
    assert_eq!(counts.sent, count(&taken) as u64, "what is counted is what arrived");
    // And each is a true one.
    for (labels, values) in &taken {
        for (at, value) in values {
            assert_eq!(truth[labels].get(at), Some(value), "{labels:?}");
        }
    }
}
