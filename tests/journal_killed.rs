//! A box that dies while it keeps account loses a second of it at most.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

mod journal_support;
mod support;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use jiff::{Timestamp, tz::TimeZone};
use journal_support::{Dice, all, record};
use preau::journal::{Clock, Identity, Journal, Options, Record, new_identity};
use tokio_util::sync::CancellationToken;

const FOLDER: &str = "PREAU_JOURNAL_FOLDER";
const KEY: &str = "PREAU_JOURNAL_KEY";
const FIRST: &str = "PREAU_JOURNAL_FIRST";
/// Before the lines that are for the parent; libtest writes to the same output.
const MARK: &str = "@@ ";
const KILLS: u64 = 200;
/// Longest life of a writer, in milliseconds after its first record.
const LONGEST_LIFE: u64 = 900;
const A_SECOND: Duration = Duration::from_secs(1);

fn options(folder: PathBuf, key: &str) -> Options {
    Options {
        folder,
        recipient: key.parse().unwrap(),
        term: Duration::from_secs(365 * 86_400),
        refusals_term: Duration::from_secs(183 * 86_400),
        most: 1 << 30,
        clock: Clock::of_system("/nonexistent".into()),
        zone: TimeZone::UTC,
    }
}

#[test]
#[ignore = "the writer that is killed, started by the test of this file"]
fn writer_child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (key, first) = (std::env::var(KEY).unwrap(), std::env::var(FIRST).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let journal = Journal::open(options(folder.into(), &key)).unwrap();
        tokio::spawn({
            let journal = journal.clone();
            async move { journal.run(CancellationToken::new()).await }
        });
        let mut number: u64 = first.parse().unwrap();
        let mut out = std::io::stdout();
        let mut ticks = tokio::time::interval(Duration::from_millis(3));
        loop {
            ticks.tick().await;
            for _ in 0..8 {
                journal.note(record(number, Timestamp::now()), None);
                number += 1;
            }
            writeln!(out, "{MARK}{number}").unwrap();
        }
    });
}

fn child(folder: &Path, key: &str, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["writer_child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(KEY, key)
        .env(FIRST, first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// When each of the records had been handed over, as the writer said: (the number after them, when).
fn run(folder: &Path, key: &str, first: u64, life: Duration) -> (Vec<(u64, Instant)>, Instant) {
    let mut child = child(folder, key, first);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said: Vec<(u64, Instant)> = Vec::new();
    let mut killed = None;
    for line in lines.map_while(Result::ok) {
        let Some((_, number)) = line.split_once(MARK) else { continue };
        said.push((number.parse().unwrap(), Instant::now()));
        if killed.is_none() && said[0].1.elapsed() >= life {
            killed = Some(Instant::now());
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    (said, killed.unwrap())
}

#[test]
fn two_hundred_kills_lose_a_second_of_records_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let (key, private) = new_identity();
    let identity: Identity = private.parse().unwrap();
    let mut dice = Dice(11);
    let (mut next, mut due, mut noted) = (0, Vec::new(), 0);
    for kill in 0..KILLS {
        let life =
            Duration::from_millis(dice.below(LONGEST_LIFE) + if kill % 20 == 0 { 800 } else { 0 });
        let (said, killed) = run(folder.path(), &key, next, life);
        // All that was handed over more than a second before.
        let mut safe = said.iter().filter(|(_, at)| killed.duration_since(*at) > A_SECOND);
        if let Some((upto, _)) = safe.next_back() {
            due.push(next..*upto);
        }
        let last = said.last().unwrap().0;
        noted += last - next;
        // Numbers that may have been handed over and not said are not used again.
        next = last + 1000;
    }
    let log = folder.path().join("connections");
    let (rows, report) = all::<Record>(&log, &identity, Timestamp::now());
    assert_eq!(report.findings, [], "a kill is no tampering");
    let kept: std::collections::BTreeSet<u64> = rows.iter().map(|row| row.up).collect();
    assert_eq!(kept.len(), rows.len(), "none is there twice");
    let lost: Vec<u64> = due.iter().cloned().flatten().filter(|n| !kept.contains(n)).collect();
    let owed: u64 = due.iter().map(|range| range.end - range.start).sum();
    eprintln!("kills: {KILLS}, noted: {noted}, kept: {}, older than a second: {owed}", kept.len());
    assert!(lost.is_empty(), "lost though older than a second: {lost:?}");
    assert!(owed > 1000 && kept.len() as u64 > owed, "the writers lived long enough");
}
