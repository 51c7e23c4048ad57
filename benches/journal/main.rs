//! What a school's day costs the account of connections: ten million records that look like a
//! lycée's, written as the daemon writes them, read back as the region does.
//!
//! Beside it the same rows as text, packed by gzip, as a log that is rotated every hour would be.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![allow(clippy::unwrap_used, reason = "shared with the tests")]

#[path = "../../tests/journal_support/mod.rs"]
mod journal_support;
#[path = "../support/mod.rs"]
mod support;

use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, write::GzEncoder};
use jiff::{SignedDuration, Timestamp};
use journal_support::{Day, all_of, at, pair};
use preau::journal::{Book, Identity, Record, weigh};
use support::report::{Better, Report, Row};

/// About 280 connections end each second: ten million in ten hours.
const SECONDS: i64 = 10 * 3600;
const RECORDS: u64 = 10_000_000;
/// What is promised.
const COST_LIMIT_BYTES: f64 = 16.0;
/// The seed of the day.
const SEED: u64 = 3;
const MORNING: &str = "2026-11-03T08:00:00Z";

/// A day that was written.
struct Written {
    rows: u64,
    bytes: u64,
    /// Time that writing took, syncs included; not that of making the rows up.
    took: Duration,
    /// Bytes a record of the hour under way, at its end.
    under_way: f64,
}

fn main() -> Result<()> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    let work = out.join("journal-work");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("emptying {}", work.display()))?;
    }
    let (identity, settings) = pair();
    let morning = at(MORNING);
    println!("a day of {} hours, written second by second", SECONDS / 3600);
    let mut book = Book::open(&work, settings, morning)?;
    let written = write(&mut book, &work, morning)?;
    let peak = memory_peak()?;
    println!("  {} records, {:.1} s", written.rows, written.took.as_secs_f64());
    println!("  {peak:.0} MiB at most, with what makes the day up");
    println!("  {:.1} bytes a record in the hour under way", written.under_way);
    ensure!(written.rows >= RECORDS, "{} records are no such day", written.rows);
    println!("read back by the region's key");
    let read = read(&work, &identity, written.rows)?;
    println!("  verified and read in {read:.1} s");
    let text = text(morning)?;
    let cost = written.bytes as f64 / written.rows as f64;
    let (less, rate) = (Better::Less, written.rows as f64 / written.took.as_secs_f64());
    let day = written.rows as f64 / SECONDS as f64;
    let rows = vec![
        Row::new("a record on the disk", "bytes", less, cost, "limit", COST_LIMIT_BYTES),
        Row::new("a record on the disk", "bytes", less, cost, "CSV, gzip -9, by the hour", text),
        Row::new("records written", "1/s", Better::More, rate, "the day's own pace", day),
    ];
    fs::remove_dir_all(&work)?;
    Report::new("journal", rows).publish(&out)?;
    ensure!(cost <= COST_LIMIT_BYTES, "{cost:.2} bytes a record, {COST_LIMIT_BYTES} are promised");
    Ok(())
}

fn write(book: &mut Book<Record>, log: &Path, morning: Timestamp) -> Result<Written> {
    let mut day = Day::new(SEED, morning);
    let (mut rows, mut took, mut of_hour, mut under_way) = (0, Duration::ZERO, 0, 0.0);
    for second in 0..SECONDS {
        let ended = day.second();
        rows += ended.len() as u64;
        of_hour += ended.len() as u64;
        let begun = Instant::now();
        book.append(&ended, 0, morning + SignedDuration::from_secs(second))?;
        took += begun.elapsed();
        if (second + 1) % 3600 == 0 {
            under_way = book.grown() as f64 / of_hour as f64;
            of_hour = 0;
        }
    }
    let begun = Instant::now();
    book.close(morning + SignedDuration::from_secs(SECONDS))?;
    took += begun.elapsed();
    Ok(Written { rows, bytes: weigh(log)?.0, took, under_way })
}

/// Seconds; all is there, and its chain holds.
fn read(log: &Path, identity: &Identity, rows: u64) -> Result<f64> {
    let begun = Instant::now();
    let mut count = 0;
    let report = all_of(log, identity, at(MORNING), |_: Record| count += 1);
    ensure!(report.findings.is_empty(), "the chain does not hold: {:?}", report.findings);
    ensure!(count == rows, "{count} rows of {rows} came back");
    Ok(begun.elapsed().as_secs_f64())
}

/// Bytes a record of one hour as text.
fn text(morning: Timestamp) -> Result<f64> {
    let mut day = Day::new(SEED, morning);
    let (mut packed, mut rows) = (GzEncoder::new(Vec::new(), Compression::best()), 0);
    for _ in 0..3600 {
        for row in day.second() {
            rows += 1;
            writeln!(
                packed,
                "{};{};{};{};{};{};{};{};{};{};{};{}",
                row.at.as_millisecond(),
                row.lasted,
                row.device.ip(),
                row.device.port(),
                row.session.as_deref().unwrap_or_default(),
                row.profile.as_deref().unwrap_or_default(),
                row.destination.map(|address| address.to_string()).unwrap_or_default(),
                row.port,
                row.name.as_deref().unwrap_or_default(),
                row.up,
                row.down,
                row.verdict as u8,
            )?;
        }
    }
    Ok(packed.finish()?.len() as f64 / f64::from(rows))
}

/// The most that this process has held, in MiB.
fn memory_peak() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")).context("no VmHWM line")?;
    Ok(kib.trim().parse::<f64>()? / 1024.0)
}
