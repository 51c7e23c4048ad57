//! What the box tells of itself: `/metrics` for whom it is meant, in the form that Prometheus reads, with
//! fixed names, and no more series than were agreed on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod uplink_support;

use std::{
    collections::BTreeSet,
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

use jiff::Timestamp;
use preau::{
    health::{
        metrics,
        sample::{Source, Telling},
    },
    uplink::{
        collect::{Collector, ask},
        message::unpack,
        text::exposition,
    },
};
use support::{http, school_box::SchoolBox, until};
use uplink_support::{
    count, labels,
    receiver::{Reaction, Receiver},
    region::present,
    whose,
};

/// One that tells of everything as much as it may, and more.
#[derive(Debug)]
struct Boundless;

impl Source for Boundless {
    fn tell(&self, now: Timestamp, telling: &mut Telling) {
        for metric in metrics::ALL {
            for number in 0..metric.most + 10 {
                let values: Vec<String> =
                    metric.labels.iter().map(|_| format!("{number}")).collect();
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                telling.say(metric, &values, now, 1.0);
            }
        }
    }
}

/// A school of 300 access points, of which all is known, with every other source at its bound.
#[derive(Debug)]
struct Large;

impl Source for Large {
    fn tell(&self, now: Timestamp, telling: &mut Telling) {
        for metric in metrics::ALL {
            let has = |name: &str| metric.labels.contains(&name);
            let number = match (has("ap"), has("radio")) {
                (true, true) => 300 * 3,
                (true, false) => 300,
                _ => metric.most,
            };
            for number in 0..number {
                let values: Vec<String> =
                    metric.labels.iter().map(|_| format!("{number}")).collect();
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                telling.say(metric, &values, now, 1.0);
            }
        }
    }
}

fn series_of(source: impl Source + 'static) -> (Vec<preau::uplink::message::Series>, usize) {
    let (now, source): (_, Arc<dyn Source>) = (Timestamp::now(), Arc::new(source));
    let telling = ask(&[source], now);
    let collected = Collector::new(&whose()).collect(&telling, now).unwrap();
    let bodies = collected.bodies.iter().flat_map(|body| unpack(&body.packed).unwrap());
    (bodies.collect(), collected.series)
}

#[test]
fn a_box_tells_no_more_series_than_the_sum_of_its_bounds() {
    let most: usize = metrics::ALL.iter().map(|metric| metric.most).sum();
    let (series, told) = series_of(Boundless);
    // The states of one counter that has but few are told by number here: all the same they are bounded.
    assert_eq!((series.len(), told), (most, most));
}

#[test]
fn a_school_of_300_access_points_tells_a_tenth_of_that_under_fixed_labels() {
    let (series, _) = series_of(Large);
    let most: usize = metrics::ALL.iter().map(|metric| metric.most).sum();
    eprintln!("{} series of at most {most}", series.len());
    assert!(series.len() < 8_000, "{}", series.len());
    let of_the_box: BTreeSet<&str> = ["__name__", "uai", "plaque"].into();
    for one in &series {
        let labels = labels(one);
        let metric = metrics::ALL.iter().find(|metric| metric.name == labels["__name__"]).unwrap();
        let expected: BTreeSet<&str> =
            of_the_box.iter().copied().chain(metric.labels.iter().copied()).collect();
        assert_eq!(labels.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    }
}

#[test]
fn promtool_finds_nothing_to_say_of_any_metric() {
    if !present(&["promtool"]) {
        return;
    }
    let mut telling = Telling::default();
    for metric in metrics::ALL {
        let values: Vec<&str> = metric.labels.iter().map(|_| "a \"b\" \\c").collect();
        telling.say(metric, &values, Timestamp::now(), 1.5);
    }
    assert_eq!(telling.samples().len(), metrics::ALL.len());
    let (good, said) = promtool(&exposition(telling.samples()));
    assert!(good, "{said}");
}

fn promtool(text: &str) -> (bool, String) {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_running_box_tells_its_metrics_to_itself_and_by_the_command_line() {
    let school = SchoolBox::start("0510035L", "");
    let page = http::get(school.address, "/metrics", "");
    assert_eq!(page.status, 200);
    assert_eq!(page.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = page.text();
    assert!(text.contains("# TYPE preau_heartbeat_timestamp_seconds gauge\n"), "{text}");
    let typed = school.preau(&["metrics"]);
    let typed = String::from_utf8_lossy(&typed.stdout).into_owned();
    let names = |text: &str| {
        text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&typed), names(&text));
    if present(&["promtool"]) {
        let (good, said) = promtool(&text);
        assert!(good, "{said}");
    }
    let said = school.preau(&["uplink"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("nothing is reported"));
}

#[test]
fn there_is_no_such_page_for_others() {
    let school = SchoolBox::start("0510035L", "[uplink]\nmetrics_for = [\"10.0.0.0/8\"]\n");
    let page = http::get(school.address, "/metrics", "");
    assert_eq!(page.status, 404);
    assert!(!page.text().contains("preau_"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_box_reports_what_it_measures() {
    let receiver = Receiver::start(|_| Reaction::Take).await;
    let url = receiver.url();
    let settings = format!("[uplink]\nurl = \"{url}\"\ninterval = \"10s\"\nplaque = \"TELEMUS\"\n");
    let there = receiver.clone();
    tokio::task::spawn_blocking(move || {
        // As the service that sets the clock does; and with it the uplink trusts it.
        let folder = tempfile::tempdir().unwrap();
        let synchronised = folder.path().join("synchronised");
        std::fs::write(&synchronised, "").unwrap();
        let journal = format!("[journal]\nsynchronised = \"{}\"\n", synchronised.display());
        let school = SchoolBox::start("0510035L", &format!("{settings}{journal}"));
        until("the first report", || (count(&there.taken()) > 0).then_some(()));
        let status = until("the status", || {
            let said = school.preau(&["uplink", "--json"]);
            let status: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
            (status["uplink"]["sent"].as_u64() > Some(0)).then_some(status)
        });
        assert_eq!(status["uplink"]["trouble"], serde_json::Value::Null, "{status}");
    })
    .await
    .unwrap();
    let taken = receiver.taken();
    let heartbeat = taken.keys().find(|labels| labels["__name__"] == metrics::HEARTBEAT.name);
    let heartbeat = heartbeat.expect("a heartbeat");
    assert_eq!((&*heartbeat["uai"], &*heartbeat["plaque"]), ("0510035L", "TELEMUS"));
}
