//! TLS conversations of odd shapes through the splice: whatever a device says and however it is cut,
//! it gets what it would have got from the server itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod transparent_support;

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use support::netns::allowed;
use transparent_support::{FOUR, World};

const CONVERSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls_conversations/converse.py");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tls/venv/bin/python");
/// What RFC 8446 §5.1 forbids to send, which OpenSSL takes and the box does not.
const STRICTER: &str = "stricter: an empty record first";
const UNEXPECTED_MESSAGE: &str = "alert 10";

/// Is the client there? In continuous integration it must be.
fn installed() -> bool {
    let there = Path::new(PYTHON).exists();
    assert!(there || std::env::var_os("CI").is_none(), "scripts/install-tls was not run");
    if !there {
        eprintln!("SKIPPED: no TLS client, scripts/install-tls");
    }
    there
}

/// What came of each conversation with `good.example`, held by this command's Python.
fn converse(mut python: Command) -> BTreeMap<String, String> {
    let python = python.args([CONVERSE, FOUR.good, "443", "good.example"]);
    let output = python.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let word = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (word(&line, "conversation"), word(&line, "answer"))).collect()
}

#[test]
fn fragmented_and_large_hellos_get_through_the_splice_what_the_server_gives() {
    if !allowed() || !installed() {
        return;
    }
    let world = World::new(&FOUR, "");
    let mut direct = converse(world.internet.command(PYTHON));
    let mut carried = converse(world.device.command(PYTHON));
    // Both ways must have been ways to the same page, and the script one that tells them apart.
    assert!(direct.len() >= 240, "{} conversations", direct.len());
    let pages = |answers: &BTreeMap<String, String>, version: &str| {
        answers.values().filter(|a| a.starts_with("page ") && a.ends_with(version)).count()
    };
    for (version, at_least) in [("TLS 1.0", 1), ("TLS 1.1", 1), ("TLS 1.2", 110), ("TLS 1.3", 110)]
    {
        assert!(pages(&direct, version) >= at_least, "{version}: {}", pages(&direct, version));
    }
    for (conversation, answer) in &direct {
        let expected = if conversation.starts_with("refused: ") { "alert " } else { "page " };
        assert!(answer.starts_with(expected), "{conversation}: {answer}");
    }
    assert!(direct.remove(STRICTER).is_some());
    assert_eq!(carried.remove(STRICTER).as_deref(), Some(UNEXPECTED_MESSAGE));
    let different: Vec<_> =
        direct.iter().filter(|(name, answer)| carried.get(*name) != Some(answer)).collect();
    assert!(
        different.is_empty(),
        "{different:#?}\nthrough the box: {:#?}",
        different.iter().map(|(name, _)| carried.get(*name)).collect::<Vec<_>>()
    );
    assert_eq!(direct.len(), carried.len());
}
