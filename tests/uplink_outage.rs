//! A week without the region, and then all of it arrives: every value, at its own moment, once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod uplink_support;

use std::time::Instant;

use jiff::Timestamp;
use preau::{config::RemoteWrite, uplink::spool::Spool};
use uplink_support::{
    Sending, assert_balanced, count, differences, live_through, memory_folder,
    region::{Engine, Region, present},
};

const A_WEEK: i64 = 7 * 1440;
const QUOTA: u64 = 256 << 20;

/// A week of a small school goes through the spool; then the region is there, and the box starts again in
/// the middle of it.
async fn week_into(engine: Engine, minutes: i64) {
    let region = tokio::task::spawn_blocking(move || Region::start(engine)).await.unwrap();
    let folder = memory_folder();
    let mut spool = Spool::open(folder.path(), QUOTA).unwrap();
    let truth = live_through(&mut spool, 8, minutes, Timestamp::now());
    let (room, begun) = (spool.room(), Instant::now());
    assert_eq!(room.samples, count(&truth) as u64);
    assert_eq!(spool.counts().thinned_quarter, 0, "there is room for a week");
    let first = Sending::start(spool, region.url(), region.client(), RemoteWrite::Auto);
    while first.counts().sent < room.samples / 3 {
        assert!(begun.elapsed() < region_patience(), "{:?}", first.counts());
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    first.stop().await;
    let spool = Spool::open(folder.path(), QUOTA).unwrap();
    let left = spool.room().samples;
    assert!(left > 0 && left < room.samples, "the restart is in the middle: {left}");
    let second = Sending::start(spool, region.url(), region.client(), RemoteWrite::Auto);
    second.until_all_is_gone().await;
    let counts = second.counts();
    assert_balanced(counts, 0);
    assert_eq!(counts.sent, left, "{counts:?}");
    second.stop().await;
    eprintln!(
        "{engine:?}: {} samples of {} series, {} bytes on the disk, sent within {:?}",
        room.samples,
        truth.len(),
        room.bytes,
        begun.elapsed()
    );
    let found = tokio::task::spawn_blocking(move || region.holds()).await.unwrap();
    let wrong = differences(&found, &truth);
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", count(&found), count(&truth));
}

fn region_patience() -> std::time::Duration {
    uplink_support::region::PATIENCE
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_of_outage_arrives_whole_in_victoria_metrics() {
    if present(&["nginx", "victoria-metrics"]) {
        week_into(Engine::VictoriaMetrics, A_WEEK).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_of_outage_arrives_whole_in_prometheus_with_its_window() {
    if present(&["nginx", "prometheus"]) {
        week_into(Engine::Prometheus, A_WEEK).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_without_a_window_refuses_what_is_old_and_the_rest_arrives() {
    if !present(&["nginx", "prometheus"]) {
        return;
    }
    let start = || Region::start(Engine::PrometheusWithoutWindow);
    let region = tokio::task::spawn_blocking(start).await.unwrap();
    let folder = memory_folder();
    let mut spool = Spool::open(folder.path(), QUOTA).unwrap();
    let now = Timestamp::now();
    let today = live_through(&mut spool, 1, 2, now);
    let sending = Sending::start(spool, region.url(), region.client(), RemoteWrite::V1);
    sending.until_all_is_gone().await;
    assert_eq!(sending.counts().sent, count(&today) as u64);
    let yesterday = now - jiff::SignedDuration::from_hours(24);
    let old = live_through(&mut sending.spool.lock().unwrap(), 1, 3, yesterday);
    sending.sender.wake();
    sending.until_all_is_gone().await;
    let counts = sending.counts();
    assert_balanced(counts, 0);
    assert_eq!(counts.refused, count(&old) as u64, "{counts:?}");
    assert_eq!(counts.sent, count(&today) as u64);
    sending.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_writes_for_another_school_loses_nothing_and_says_why() {
    if !present(&["nginx", "victoria-metrics"]) {
        return;
    }
    let start = || Region::start(Engine::VictoriaMetrics);
    let region = tokio::task::spawn_blocking(start).await.unwrap();
    let folder = memory_folder();
    let mut spool = Spool::open(folder.path(), QUOTA).unwrap();
    let truth = live_through(&mut spool, 1, 2, Timestamp::now());
    let url = region.url_of("0670007U");
    let sending = Sending::start(spool, url, region.client(), RemoteWrite::Auto);
    let begun = Instant::now();
    let said = loop {
        let status = sending.sender.figures().status(String::new(), 0);
        if let Some(trouble) = status.trouble {
            break trouble;
        }
        assert!(begun.elapsed() < region_patience());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert!(said.contains("403"), "{said}");
    assert_eq!(sending.waiting(), count(&truth) as u64);
    sending.stop().await;
}
