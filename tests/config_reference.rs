//! `config/preau.reference.toml` says neither more nor less than the code.
//!
//! The keys of the code are seen through serde: a `Config` made of the whole reference is
//! serialized, which names every field of every section, those without a value as null.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

use std::collections::{BTreeMap, BTreeSet};

use preau::config::Config;
use serde_json::Value;

const REFERENCE: &str = include_str!("../config/preau.reference.toml");

/// What the comment above a key says of its default.
#[derive(Debug, PartialEq)]
enum Said {
    Required,
    NoDefault,
    Default(Value),
}

#[derive(Debug)]
struct Key {
    section: String,
    name: String,
    said: Said,
    shown: Value,
}

impl Key {
    fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

fn toml_value(text: &str) -> Option<Value> {
    let table: toml::Table = format!("x = {text}").parse().ok()?;
    serde_json::to_value(&table["x"]).ok()
}

fn said(comment: &str) -> Said {
    if comment.ends_with("Required.") {
        Said::Required
    } else if comment.contains("No default: ") {
        Said::NoDefault
    } else {
        let (_, text) = comment.rsplit_once("Default: ").unwrap_or_else(|| panic!("{comment}"));
        let text = text.strip_suffix('.').unwrap();
        let text = text.split_once(" (").map_or(text, |(value, _)| value);
        Said::Default(toml_value(text).unwrap_or_else(|| panic!("{comment}")))
    }
}

/// Is this a line of settings, commented out?
fn setting(line: &str) -> Option<&str> {
    line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '))
}

fn keys() -> Vec<Key> {
    let mut keys = Vec::new();
    let (mut section, mut comment) = (String::new(), "");
    for line in REFERENCE.lines() {
        match setting(line) {
            Some(header) if header.starts_with('[') => {
                header.trim_matches(['[', ']']).clone_into(&mut section);
            }
            Some(setting) => {
                let (name, value) = setting.split_once(" = ").unwrap();
                assert!(comment.starts_with("# "), "{line}: a line of words stands above it");
                let shown = toml_value(value).unwrap_or_else(|| panic!("{line}"));
                let (section, name) = (section.clone(), name.to_owned());
                keys.push(Key { section, name, said: said(comment), shown });
            }
            None => assert!(line.is_empty() || line.starts_with('#'), "{line}"),
        }
        comment = line;
    }
    keys
}

/// The reference with the settings whose path `keep` wants, as JSON made by the code.
fn as_the_code_sees_it(keep: impl Fn(&str) -> bool) -> Value {
    let mut section = String::new();
    let kept = |line: &&str| {
        if line.starts_with('[') {
            line.trim_matches(['[', ']']).clone_into(&mut section);
            return true;
        }
        let name = line.split_once(" = ").map_or("", |(name, _)| name);
        keep(&format!("{section}.{name}"))
    };
    let text: Vec<_> = REFERENCE.lines().filter_map(setting).filter(kept).collect();
    let (config, report) = Config::parse("reference", &text.join("\n")).unwrap();
    assert!(!report.has_errors());
    serde_json::to_value(config).unwrap()
}

/// Every leaf by its path; a list of tables is followed through its first.
fn leaves(prefix: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path =
                    if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                leaves(&path, value, into);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            assert_eq!(items.len(), 1);
            leaves(prefix, &items[0], into);
        }
        other => {
            into.insert(prefix.to_owned(), other.clone());
        }
    }
}

fn all_leaves(value: &Value) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    leaves("", value, &mut all);
    all
}

#[test]
fn every_key_of_the_code_is_in_the_reference_once_and_no_other() {
    let code: BTreeSet<_> = all_leaves(&as_the_code_sees_it(|_| true)).into_keys().collect();
    let reference: Vec<_> = keys().iter().map(Key::path).collect();
    let once: BTreeSet<_> = reference.iter().cloned().collect();
    assert_eq!(once.len(), reference.len(), "a key stands twice");
    assert_eq!(once, code);
}

#[test]
fn every_default_in_the_reference_is_the_code_s() {
    let keys = keys();
    // [https.acme], which has required keys, asks for a name beside it.
    let asked_for = "https.name";
    let required: BTreeSet<_> =
        keys.iter().filter(|key| key.said == Said::Required).map(Key::path).collect();
    let kept = |path: &str| required.contains(path) || path == asked_for;
    let defaults = all_leaves(&as_the_code_sees_it(kept));
    for key in keys.iter().filter(|key| key.path() != asked_for) {
        // A list of nothing is written [] and a missing value is nothing at all.
        let default = defaults.get(&key.path()).unwrap_or(&Value::Null);
        match &key.said {
            Said::Required => {}
            Said::NoDefault => assert!(default.is_null(), "{} is {default}", key.path()),
            Said::Default(said) => {
                assert_eq!(said, default, "{}: said and real default", key.path());
                assert_eq!(&key.shown, default, "{}: shown and real default", key.path());
            }
        }
    }
}

#[test]
fn every_required_key_is_truly_required_and_no_other() {
    let names = |line: &str| line.split_once(" = ").map(|(name, _)| name.to_owned());
    for (index, key) in keys().iter().enumerate() {
        let mut at = 0;
        let text: Vec<_> = REFERENCE
            .lines()
            .filter_map(setting)
            .filter(|line| {
                if names(line).is_none() || line.starts_with('[') {
                    return true;
                }
                at += 1;
                at - 1 != index
            })
            .collect();
        let without = Config::parse("reference", &text.join("\n"));
        let message = without.err().map(|error| error.to_string()).unwrap_or_default();
        let missing = message.contains(&format!("missing field `{}`", key.name));
        assert_eq!(missing, key.said == Said::Required, "{}: {message}", key.path());
    }
}

#[test]
fn the_sample_is_valid_and_without_warnings() {
    let (config, report) =
        Config::parse("preau.toml", include_str!("../config/preau.toml")).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(config.mirror.window.len(), 2);
}
