//! What stands in the region's rules and boards, read as text.

use std::{collections::BTreeSet, fs, path::PathBuf};

use preau::health::metrics;
use regex::Regex;
use serde_json::Value;

use super::folder;

/// Labels that the region adds to a box's.
const OF_THE_BOX: [&str; 3] = ["uai", "plaque", "site"];
/// The region's own list of schools.
pub const SCHOOLS: &str = "preau_region_school_info";
const OF_A_SCHOOL: [&str; 4] = ["uai", "plaque", "school", "town"];

/// An alert of a rule file.
#[derive(Debug, Clone)]
pub struct Alert {
    pub name: String,
    /// Everything that stands below it.
    pub text: String,
}

/// A target of a panel.
#[derive(Debug, Clone)]
pub struct Asked {
    pub board: String,
    pub panel: String,
    pub question: String,
}

/// Files of a folder with this ending, in order.
pub fn files(under: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder().join(under)).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|is| is == ending))
        .collect();
    assert!(!found.is_empty(), "{under} has none");
    found.sort();
    found
}

/// All alerts.
pub fn alerts() -> Vec<Alert> {
    let mut found = Vec::new();
    for path in files("rules", "yml") {
        let text = fs::read_to_string(path).unwrap();
        for part in text.split("- alert: ").skip(1) {
            let (name, text) = part.split_once('\n').unwrap();
            found.push(Alert { name: name.trim().to_owned(), text: text.to_owned() });
        }
    }
    found
}

impl Alert {
    /// Its expression, in one piece.
    pub fn question(&self) -> String {
        let from = self.text.split_once("expr:").unwrap().1;
        let end = Regex::new(r"\n        (?:for|labels):").unwrap();
        let text = &from[..end.find(from).unwrap().start()];
        text.trim().trim_start_matches('|').split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What stands behind a key.
    pub fn says(&self, key: &str) -> Option<String> {
        let value = Regex::new(&format!(r"{key}: (?:>-\n +)?(.+)")).unwrap();
        Some(value.captures(&self.text)?[1].to_owned())
    }
}

/// All boards, as Grafana reads them.
pub fn boards() -> Vec<(String, Value)> {
    files("grafana/dashboards", "json")
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(path).unwrap();
            (name.clone(), serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}")))
        })
        .collect()
}

/// Everything that boards ask, as it stands there.
pub fn asked() -> Vec<Asked> {
    let mut found = Vec::new();
    for (board, json) in boards() {
        for panel in json["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                found.push(Asked {
                    board: board.clone(),
                    panel: panel["title"].as_str().unwrap().to_owned(),
                    question: target["expr"].as_str().unwrap().to_owned(),
                });
            }
        }
    }
    found
}

/// Names and labels in a question that no box tells.
pub fn strangers(question: &str) -> Vec<String> {
    let named = Regex::new(r"\b(preau_[a-z0-9_]+)(?:\{([^}]*)\})?").unwrap();
    let label = Regex::new(r#"([a-z_]+)\s*(?:=~|!~|!=|=)\s*["']"#).unwrap();
    let lists = Regex::new(r"\b(?:by|on|ignoring|group_left|group_right)\s*\(([^)]*)\)").unwrap();
    let mut wrong = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for found in named.captures_iter(question) {
        let name = found.get(1).unwrap().as_str();
        let mut has: BTreeSet<&str> = BTreeSet::new();
        if name == SCHOOLS {
            has.extend(OF_A_SCHOOL);
        } else if let Some(metric) = metrics::ALL.iter().find(|metric| metric.name == name) {
            has.extend(metric.labels.iter().copied().chain(OF_THE_BOX));
        } else {
            wrong.push(format!("no box tells {name}"));
            continue;
        }
        let within = found.get(2).map_or("", |labels| labels.as_str());
        for found in label.captures_iter(within) {
            let label = found.get(1).unwrap().as_str();
            if !has.contains(label) {
                wrong.push(format!("{name} has no label {label}"));
            }
        }
        known.extend(has);
    }
    // Alerts and the engine's own carry labels that are not held here.
    if question.contains("ALERTS") || question.contains("vm_") {
        return wrong;
    }
    for found in lists.captures_iter(question) {
        for label in found[1].split(',').map(str::trim).filter(|label| !label.is_empty()) {
            if !known.contains(label) {
                wrong.push(format!("none of {known:?} is {label}"));
            }
        }
    }
    wrong
}
