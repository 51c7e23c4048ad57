//! The region's rules: taken by Prometheus' and `VictoriaMetrics`' own tools, fired and not fired on made
//! values, over names that boxes really tell, each with words for people and a runbook.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod region_support;
mod support;

use std::{collections::BTreeSet, fs, path::Path};

use preau::health::metrics;
use regex::Regex;
use region_support::{folder, present, run, texts};

const SEVERITIES: [&str; 4] = ["critical", "warning", "info", "none"];

#[test]
fn prometheus_and_victoriametrics_take_the_rules() {
    if !present(&["promtool", "vmalert"]) {
        return;
    }
    let files: Vec<_> = texts::files("rules", "yml");
    let names: Vec<_> = files.iter().map(|path| path.to_str().unwrap()).collect();
    let (good, said) = run("promtool", &[&["check", "rules"], names.as_slice()].concat());
    assert!(good, "{said}");
    let (good, said) = run("vmalert", &["-dryRun", "-rule=rules/*.yml"]);
    assert!(good && !said.contains("failed"), "{said}");
    // And the flags with which it is run.
    let unit = fs::read_to_string(folder().join("vmalert.service")).unwrap();
    let start = unit.split_once("ExecStart=/usr/bin/vmalert ").unwrap().1;
    let start = start.split_once("\nRestart").unwrap().0.replace("/etc/preau-region/", "");
    let flags: Vec<_> = start.split_whitespace().filter(|word| *word != "\\").collect();
    let (good, said) = run("vmalert", &[flags.as_slice(), &["-dryRun"]].concat());
    assert!(good, "{said}");
}

#[test]
fn the_rules_fire_when_they_should_and_not_when_they_should_not() {
    if !present(&["promtool"]) {
        return;
    }
    let files: Vec<_> = texts::files("rules/tests", "yml");
    let names: Vec<_> = files.iter().map(|path| path.to_str().unwrap()).collect();
    let (good, said) = run("promtool", &[&["test", "rules"], names.as_slice()].concat());
    assert!(good, "{said}");
}

#[test]
fn every_alert_is_tried_both_ways() {
    let text: String = texts::files("rules/tests", "yml")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let (mut fired, mut silent) = (BTreeSet::new(), BTreeSet::new());
    let quiet = Regex::new(r"alertname: (\w+), eval_time: \w+, exp_alerts: \[\]").unwrap();
    silent.extend(quiet.captures_iter(&text).map(|found| found[1].to_owned()));
    let loud = Regex::new(r"alertname: (\w+)\n +exp_alerts:\n +- exp_labels:").unwrap();
    fired.extend(loud.captures_iter(&text).map(|found| found[1].to_owned()));
    for alert in texts::alerts() {
        // promtool gives a rule no sample ahead of its time: `region_edge` fires this one.
        assert!(fired.contains(&alert.name) || alert.name == "ClockAhead", "{} fires", alert.name);
        // This one always does.
        assert!(
            silent.contains(&alert.name) || alert.name == "Watchdog",
            "{} is silent",
            alert.name
        );
    }
}

#[test]
fn rules_and_boards_ask_for_nothing_that_no_box_tells() {
    for alert in texts::alerts() {
        let strangers = texts::strangers(&alert.question());
        assert!(strangers.is_empty(), "{}: {strangers:?}", alert.name);
    }
    for asked in texts::asked() {
        let strangers = texts::strangers(&asked.question);
        assert!(strangers.is_empty(), "{}, {}: {strangers:?}", asked.board, asked.panel);
    }
    // It would be seen.
    assert_eq!(texts::strangers("preau_link_upp == 0"), ["no box tells preau_link_upp"]);
    assert_eq!(texts::strangers("preau_link_up{site='a',line='b'}").len(), 1);
    assert_eq!(texts::strangers("max by (uai, line) (preau_link_up)").len(), 1);
}

#[test]
fn the_edge_lets_through_exactly_the_labels_that_boxes_tell() {
    let text = fs::read_to_string(folder().join("relabel.yml")).unwrap();
    let list = Regex::new(r"labelkeep\n  regex: '([^']+)'").unwrap().captures(&text).unwrap();
    let kept: BTreeSet<&str> = list[1].split('|').collect();
    let mut told: BTreeSet<&str> = metrics::ALL.iter().flat_map(|m| m.labels).copied().collect();
    told.extend(["__name__", "preau_edge", "plaque", "site"]);
    assert_eq!(kept, told, "config/region/metrics/relabel.yml");
}

#[test]
fn every_alert_says_in_french_what_is_wrong_and_where_to_read_on() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let runbook = fs::read_to_string(root.join("docs/region.md")).unwrap();
    let mut names = BTreeSet::new();
    for alert in texts::alerts() {
        let name = alert.name.as_str();
        assert!(names.insert(alert.name.clone()), "{name} twice");
        let severity = alert.says("severity").unwrap();
        assert!(SEVERITIES.contains(&severity.as_str()), "{name}: {severity}");
        assert!(alert.says("description").unwrap().len() > 40, "{name} explains itself");
        let summary = alert.says("summary").unwrap();
        // What is a school's names it, also when the region's list does not.
        if alert.question().contains("uai, plaque") && name != "PlaqueLossy" && name != "BoxUnknown"
        {
            assert!(summary.contains(r#"label "school""#), "{name}: {summary}");
            assert!(summary.contains("{{ else }}{{ $labels.uai }}"), "{name}: {summary}");
        }
        let anchor = format!("docs/region.md#{}", name.to_lowercase());
        assert_eq!(alert.says("runbook").unwrap(), anchor, "{name}");
        assert!(runbook.contains(&format!("\n### {name}\n")), "docs/region.md has no {name}");
    }
    for heading in runbook.lines().filter_map(|line| line.strip_prefix("### ")) {
        assert!(names.contains(heading), "docs/region.md explains {heading}, which no rule has");
    }
}
