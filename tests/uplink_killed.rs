//! A box that dies at any moment loses nothing that its spool had said was on the disk.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

mod support;
mod uplink_support;

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use preau::uplink::{
    message::{Body, NAME, Sample, Series, label},
    spool::{Bounds, Fate, Spool},
};
use uplink_support::memory_folder;

const FOLDER: &str = "PREAU_SPOOL_FOLDER";
const FIRST: &str = "PREAU_SPOOL_FIRST";
/// Before the lines that are for the parent; libtest writes to the same output.
const MARK: &str = "@@ ";
const KILLS: u64 = 200;
/// Longest life of a writer, in milliseconds after its first word.
const LONGEST_LIFE: u64 = 60;
const QUOTA: u64 = 64 << 20;
/// One body at a time, once what waited was put together.
const BOUNDS: Bounds = Bounds { samples: 25, bytes: 1 << 20 };

fn collection(number: i64) -> Vec<Body> {
    let series = |name: i64| Series {
        labels: vec![label(NAME, &format!("preau_{name}"))],
        samples: vec![Sample { value: 1.0, timestamp: number * 60_000 }],
    };
    vec![Body::pack(&(0..5).map(series).collect::<Vec<_>>()).unwrap()]
}

/// The collections in series, of which each has five.
fn numbers(series: &[Series]) -> Vec<i64> {
    let of = series.iter().filter(|one| one.labels == [label(NAME, "preau_3")]);
    of.flat_map(|one| &one.samples).map(|sample| sample.timestamp / 60_000).collect()
}

fn say(words: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{MARK}{words}").unwrap();
    out.flush().unwrap();
}

/// Puts collections in, and now and then has some of them taken, as a region does that is there a quarter
/// of the time.
#[test]
#[ignore = "the writer that is killed, started by the test of this file"]
fn writer_child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let first: i64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mut spool = Spool::open(Path::new(&folder), QUOTA).unwrap();
    say("opened");
    for number in first.. {
        spool.append(&collection(number)).unwrap();
        say(&format!("kept {number}"));
        if number % 7 == 0
            && number / 2000 % 4 == 3
            && let Some(batch) = spool.batch(BOUNDS).unwrap()
        {
            let taken = numbers(&batch.series);
            let taken: Vec<String> = taken.iter().map(ToString::to_string).collect();
            // What the region has said is known before the spool has kept it.
            say(&format!("taken {}", taken.join(" ")));
            let sent = 5 * taken.len() as u64;
            spool.done(&batch, Fate { sent, ..Fate::default() }).unwrap();
            say(&format!("done {}", taken.join(" ")));
        }
    }
}

fn child(folder: &Path, first: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["writer_child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[derive(Default)]
struct Ledger {
    kept: BTreeSet<i64>,
    taken: BTreeSet<i64>,
    twice: usize,
    last: i64,
    /// The most that waited when a writer was killed.
    waited: usize,
}

impl Ledger {
    /// Lets a writer live for so long, and writes down what it said.
    fn run(&mut self, folder: &Path, life: Duration) {
        let mut child = child(folder, self.last + 1);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut first, mut killed) = (None, false);
        for line in lines.map_while(Result::ok) {
            let Some((_, words)) = line.split_once(MARK) else { continue };
            let mut words = words.split(' ');
            let verb = words.next().unwrap();
            let numbers: Vec<i64> = words.map_while(|word| word.parse().ok()).collect();
            match verb {
                "kept" => {
                    self.last = self.last.max(numbers[0]);
                    self.kept.extend(numbers);
                }
                "taken" => {
                    self.twice +=
                        numbers.iter().filter(|number| !self.taken.insert(**number)).count();
                }
                _ => {}
            }
            let begun: &Instant = first.get_or_insert_with(Instant::now);
            if !killed && begun.elapsed() >= life {
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        self.waited = self.waited.max(self.kept.difference(&self.taken).count());
        // One that was put in and not yet said is not used again.
        self.last += 2;
    }
}

#[test]
fn two_hundred_kills_lose_nothing_that_was_on_the_disk_and_send_little_twice() {
    let folder = memory_folder();
    let (mut ledger, mut dice) = (Ledger::default(), 0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..KILLS {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ledger.run(folder.path(), Duration::from_millis((dice >> 33) % LONGEST_LIFE));
    }
    let mut spool = Spool::open(folder.path(), QUOTA).unwrap();
    let mut left = BTreeSet::new();
    while let Some(batch) = spool.batch(BOUNDS).unwrap() {
        left.extend(numbers(&batch.series));
        spool.done(&batch, Fate::default()).unwrap();
    }
    let lost: Vec<_> =
        ledger.kept.iter().filter(|n| !left.contains(n) && !ledger.taken.contains(n)).collect();
    let (kept, taken) = (ledger.kept.len(), ledger.taken.len());
    eprintln!(
        "kills: {KILLS}, kept: {kept}, taken: {taken}, left: {}, sent twice: {}, lost: {}",
        left.len(),
        ledger.twice,
        lost.len()
    );
    assert!(lost.is_empty(), "lost though they were on the disk: {lost:?}");
    assert!(kept > 1000 && taken > 300, "the writers lived long enough: {kept}, {taken}");
    // At the end little may wait: the region may just have been there.
    assert!(ledger.waited > 500, "what waited was put together: {}", ledger.waited);
    assert!(ledger.twice * 4 < taken, "{} of {taken} were sent twice", ledger.twice);
}
