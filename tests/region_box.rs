//! A box and its region, each as it is shipped: the box's own sender and spool, through
//! `config/region/metrics/nginx.conf`, into `VictoriaMetrics` with its relabelling.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod region_support;
mod support;
mod uplink_support;

use std::sync::Arc;

use jiff::Timestamp;
use preau::{config::RemoteWrite, net::client::ClientOptions, uplink::spool::Spool};
use region_support::{authority::Identity, edge::Region, present};
use serde_json::Value;
use support::http;
use uplink_support::{
    Sending, Truth, UAI, assert_balanced, differences, live_through, memory_folder,
};

fn client(region: &Region, identity: &Identity) -> ClientOptions {
    let folder = region.folder.path();
    ClientOptions {
        allow_private: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        extra_authorities: vec![folder.join("public.crt")],
        identity: Some(identity.write(folder)),
        ..ClientOptions::default()
    }
}

/// All that the engine has of a school, by series, by moment.
fn held(region: &Region, uai: &str) -> Truth {
    region.engine.flush();
    let path = format!("/api/v1/export?match[]=%7Buai=%22{uai}%22,school=%22%22%7D");
    let mut truth = Truth::new();
    for line in http::get(region.engine.address, &path, "").text().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let labels = line["metric"].as_object().unwrap().iter();
        let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        let into = truth.entry(labels.collect()).or_default();
        let values = line["values"].as_array().unwrap();
        for (value, at) in values.iter().zip(line["timestamps"].as_array().unwrap()) {
            let before = into.insert(at.as_i64().unwrap(), value.as_f64().unwrap());
            assert!(before.is_none(), "twice: {line}");
        }
    }
    truth
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_box_kept_for_a_day_arrives_through_the_regions_door_whole_and_once() {
    if !present(&["nginx", "victoria-metrics"]) {
        return;
    }
    let region = Arc::new(tokio::task::spawn_blocking(Region::start).await.unwrap());
    let folder = memory_folder();
    let mut spool = Spool::open(folder.path(), 64 << 20).unwrap();
    let truth = live_through(&mut spool, 20, 1440, Timestamp::now());
    let client = client(&region, &region.boxes.school(UAI));
    let url = format!("https://localhost:{}/boites/{UAI}/api/v1/write", region.address.port());
    let sending = Sending::start(spool, url.parse().unwrap(), client, RemoteWrite::Auto);
    sending.until_all_is_gone().await;
    assert_balanced(sending.counts(), 0);
    assert_eq!(sending.counts().refused, 0);
    sending.stop().await;
    let found = tokio::task::spawn_blocking({
        let region = region.clone();
        move || held(&region, UAI)
    });
    let wrong = differences(&found.await.unwrap(), &truth);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_whose_certificate_was_revoked_keeps_what_it_has() {
    if !present(&["nginx", "victoria-metrics"]) {
        return;
    }
    let region = Arc::new(tokio::task::spawn_blocking(Region::start).await.unwrap());
    let folder = memory_folder();
    let mut spool = Spool::open(folder.path(), 64 << 20).unwrap();
    live_through(&mut spool, 2, 30, Timestamp::now());
    let client = client(&region, &region.boxes.revoked(UAI));
    let url = format!("https://localhost:{}/boites/{UAI}/api/v1/write", region.address.port());
    let sending = Sending::start(spool, url.parse().unwrap(), client, RemoteWrite::V1);
    let waited = sending.waiting();
    // It asks again and again, and is refused each time.
    tokio::task::spawn_blocking({
        let region = region.clone();
        move || {
            let log = region.log(3);
            let refused = format!(" 403 POST uai={UAI} verify=\"FAILED:certificate revoked\"");
            assert!(log.lines().all(|line| line.contains(&refused)), "{log}");
        }
    })
    .await
    .unwrap();
    assert_eq!(sending.waiting(), waited, "nothing is thrown away");
    assert_balanced(sending.counts(), waited);
    sending.stop().await;
}
