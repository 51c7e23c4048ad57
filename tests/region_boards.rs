//! The region's boards: read as Grafana reads them, and asked of `VictoriaMetrics` itself, where two schools
//! tell everything that a box can tell.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod region_support;
mod support;

use std::{collections::BTreeSet, path::Path};

use preau::health::metrics;
use region_support::{
    BAYEN, OTHER,
    engine::Engine,
    present, texts,
    write::{TimeSeries, now, series},
};
use support::school_box::free_address;

/// A school that the list has, and nobody hears.
const SILENT: &str = "0510006E";

/// What a label may say, where boards ask for one value of it.
fn values(label: &str) -> &'static [&'static str] {
    match label {
        "load" => &["idle", "busy"],
        "direction" => &["down", "up"],
        "state" => &["up", "down", "missing", "unknown", "here", "wanted", "failed"],
        "result" => &["served", "answered", "refused", "failed", "taken"],
        "percentile" => &["0.5", "0.9", "0.99"],
        "mode" => &["user", "idle"],
        _ => &["a", "b"],
    }
}

/// Half an hour of everything, of one school.
fn everything(uai: &str, plaque: &str, at: i64) -> Vec<TimeSeries> {
    let mut told = Vec::new();
    for metric in metrics::ALL {
        let widest = metric.labels.iter().map(|label| values(label).len()).max().unwrap_or(1);
        for place in 0..widest {
            let mut labels = vec![("uai", uai), ("plaque", plaque), ("site", "")];
            labels.extend(metric.labels.iter().map(|&label| {
                let values = values(label);
                (label, values[place % values.len()])
            }));
            let flag = metric.help.starts_with("1 ") || metric.help.starts_with("Always 1");
            let value = |minute: i32| if flag { 1.0 } else { f64::from(minute + 1) };
            let samples: Vec<_> = (0..30_i32)
                .map(|minute| (at - 1800 + i64::from(minute) * 60, value(minute)))
                .collect();
            told.push(series(metric.name, &labels, &samples));
        }
    }
    let school = [("uai", uai), ("plaque", plaque), ("school", "Lycée"), ("town", "Ville")];
    told.push(series(texts::SCHOOLS, &school, &[(at - 60, 1.0)]));
    told
}

/// A question as Grafana sends it for this school.
fn filled(question: &str) -> String {
    question.replace("$__rate_interval", "4m").replace("$plaque", "TELEMUS").replace("$uai", BAYEN)
}

/// An engine to which two schools have told everything, where a third is silent and an alert fires.
fn engine(folder: &Path, at: i64) -> Engine {
    let engine = Engine::start(folder, free_address());
    engine.put(everything(BAYEN, "TELEMUS", at));
    engine.put(everything(OTHER, "IHDEAL", at));
    let silent = [("uai", SILENT), ("plaque", "TELEMUS"), ("school", "Muet"), ("town", "Reims")];
    let firing = [
        ("alertname", "BoxSilent"),
        ("alertstate", "firing"),
        ("severity", "critical"),
        ("plaque", "TELEMUS"),
    ];
    engine.put(vec![
        series(texts::SCHOOLS, &silent, &[(at - 60, 1.0)]),
        series("ALERTS", &firing, &[(at - 60, 1.0)]),
    ]);
    engine
}

#[test]
fn the_engine_answers_every_rule_and_finds_who_is_silent() {
    if !present(&["victoria-metrics"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = now();
    let engine = engine(folder.path(), at);
    for alert in texts::alerts() {
        let found = engine.ask(&alert.question(), at);
        // What promtool holds of Prometheus, held here of MetricsQL where the two could differ.
        let of: Vec<_> = found.iter().map(|one| one["metric"]["uai"].as_str()).collect();
        match alert.name.as_str() {
            "BoxSilent" => assert_eq!(of, [Some(SILENT)]),
            "Watchdog" => assert_eq!(of, [None]),
            "BoxUnknown" | "LinkDown" | "ControllerSilent" | "WingWithoutWifi" | "RegionSilent"
            | "PlaqueSilent" | "DiskNearlyFull" | "DiskFailing" | "ClockAhead"
            | "UpdateWaveFails" => {
                assert_eq!(of.len(), 0, "{}: {found:?}", alert.name);
            }
            // The counters of everything grow: so do those of samples lost.
            "SamplesThinned" => {
                assert!(of.contains(&Some(BAYEN)) && of.contains(&Some(OTHER)), "{found:?}");
            }
            _ => {}
        }
    }
}

#[test]
fn every_panel_asks_what_the_engine_answers_and_shows_something() {
    if !present(&["victoria-metrics"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = now();
    let engine = engine(folder.path(), at);
    let mut wrong = Vec::new();
    let asked = texts::asked();
    assert!(asked.len() > 60, "{}", asked.len());
    for asked in asked {
        let question = filled(&asked.question);
        assert!(!question.contains('$'), "{question}");
        match engine.try_ask(&question, at) {
            Err(error) => wrong.push(format!("{}, {}: {error}", asked.board, asked.panel)),
            // The engine's own values come by its own scrape, a moment later.
            Ok(found) if found.is_empty() && !question.contains("vm_") => {
                wrong.push(format!("{}, {} shows nothing: {question}", asked.board, asked.panel));
            }
            Ok(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // An error would be seen.
    assert!(engine.try_ask("max by (uai (preau_link_up)", at).is_err());
}

#[test]
fn boards_are_what_grafana_takes_and_leave_no_place_twice() {
    let boards = texts::boards();
    let names: Vec<_> = boards.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["plaque", "region", "school"]);
    let uids: BTreeSet<_> =
        boards.iter().map(|(_, board)| board["uid"].as_str().unwrap()).collect();
    assert_eq!(uids.len(), 3);
    let used = regex::Regex::new(r"\$[a-z]+").unwrap();
    for (name, board) in &boards {
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in board["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {title}");
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24, "{name}: {title}");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    assert!(taken.insert((x, y)), "{name}: {title} lies on another");
                }
            }
            if panel["type"] != "row" {
                assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{name}: {title}");
                assert_eq!(panel["datasource"]["uid"], "preau", "{name}: {title}");
            }
        }
        for link in board["links"].as_array().unwrap() {
            let to = link["url"].as_str().unwrap().strip_prefix("/d/").unwrap();
            assert!(uids.contains(to), "{name} leads to {to}");
        }
        let variables: BTreeSet<_> = board["templating"]["list"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variable| format!("${}", variable["name"].as_str().unwrap()))
            .collect();
        for asked in texts::asked().iter().filter(|asked| asked.board == *name) {
            for found in used.find_iter(&asked.question) {
                assert!(variables.contains(found.as_str()), "{name}: {}", asked.question);
            }
        }
    }
}
