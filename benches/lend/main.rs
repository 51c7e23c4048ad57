//! How fast Préau lends, beside nginx and kiwix-serve, on one machine in one run.
//!
//! Peers take turns, round by round, so that a machine that slows down slows all of them.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../support/mod.rs"]
mod support;

mod school;

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use school::School;
use support::{
    load,
    process::Server,
    report::{Better, Report, Row, median},
};

/// Rounds of each measure; the median counts.
const ROUNDS: usize = 9;
/// Packages in the store when the start is timed.
const MANY_PACKAGES: usize = 2_000;
/// 2.4 GB: less is over before the scheduler has settled.
const BODIES_A_ROUND: u32 = 12;
const READERS: usize = 1_000;
const READER_RATE: u64 = 1_000_000;
const READER_BYTES: u64 = 8_000_000;
/// What the box promises: start to serving, and resident memory idle.
const START_LIMIT_S: f64 = 0.5;
const IDLE_LIMIT_MIB: f64 = 64.0;

fn main() -> Result<()> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    let work = out.join("lend-work");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("emptying {}", work.display()))?;
    }
    fs::create_dir_all(&work)?;
    println!("preparing the content");
    let school = School::prepare(&work)?;
    let mut rows = Vec::new();
    {
        let ours = school.preau()?;
        let nginx = school.nginx()?;
        package(&school, &ours, &nginx, &mut rows)?;
        page(&school, &ours, &nginx, &mut rows)?;
        readers(&school, &ours, &nginx, &mut rows)?;
    }
    start_and_idle(&work, &mut rows)?;
    fs::remove_dir_all(&work)?;
    Report::new("lend", rows).publish(&out)
}

/// A measure of both, in turn, `ROUNDS` times after one round that does not count.
fn in_turn(ours: impl Fn() -> Result<f64>, theirs: impl Fn() -> Result<f64>) -> Result<(f64, f64)> {
    let mut figures = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let pair = (ours()?, theirs()?);
        if round > 0 {
            figures.0.push(pair.0);
            figures.1.push(pair.1);
        }
    }
    Ok((median(figures.0), median(figures.1)))
}

fn package(school: &School, ours: &Server, nginx: &Server, rows: &mut Vec<Row>) -> Result<()> {
    println!("a 200 MB package over HTTP");
    let (a, b) = in_turn(
        || load::big_bodies(ours.address, &school.package_url, BODIES_A_ROUND),
        || load::big_bodies(nginx.address, "/package", BODIES_A_ROUND),
    )?;
    let mb = 1e6;
    rows.push(Row::new("200 MB package, HTTP", "MB/s", Better::More, a / mb, "nginx", b / mb));
    Ok(())
}

fn page(school: &School, ours: &Server, nginx: &Server, rows: &mut Vec<Row>) -> Result<()> {
    println!("an 8 KB page from inside an EPUB");
    let (a, b) = in_turn(
        || load::pages(ours.address, &school.page_url, 3),
        || load::pages(nginx.address, "/page.xhtml", 3),
    )?;
    rows.push(Row::new(
        "8 KB page inside an EPUB",
        "req/s",
        Better::More,
        a,
        "nginx gzip_static",
        b,
    ));
    let kiwix = school.kiwix()?;
    let (a, b) = in_turn(
        || load::pages(ours.address, &school.page_url, 3),
        || load::pages(kiwix.address, &school.kiwix_page, 3),
    )?;
    rows.push(Row::new("8 KB page inside a package", "req/s", Better::More, a, "kiwix-serve", b));
    Ok(())
}

fn readers(school: &School, ours: &Server, nginx: &Server, rows: &mut Vec<Row>) -> Result<()> {
    println!("{READERS} readers at 1 MB/s each");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let crowd = |server: &Server, path: &str| -> Result<f64> {
        let before = server.memory()?;
        let mut during = 0.0;
        let crowd = runtime.block_on(load::slow_readers(
            server.address,
            path,
            READERS,
            READER_BYTES,
            READER_RATE,
            || {
                during = server.memory()?;
                Ok(())
            },
        ))?;
        println!("  {} of {READERS} complete in {:.1} s", crowd.complete, crowd.took.as_secs_f64());
        ensure!(crowd.complete == READERS, "not every reader got every byte");
        Ok((during - before).max(0.0) / READERS as f64)
    };
    // The first crowd counts: later ones find the memory already taken.
    let a = crowd(ours, &school.package_url)?;
    let b = crowd(nginx, "/package")?;
    rows.push(Row::new("memory a slow reader, 1,000 at once", "KiB", Better::Less, a, "nginx", b));
    Ok(())
}

fn start_and_idle(work: &Path, rows: &mut Vec<Row>) -> Result<()> {
    println!("{MANY_PACKAGES} packages: start and idle memory");
    let many = School::of_many(&work.join("many"), MANY_PACKAGES)?;
    let (mut starts, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        let server = many.preau()?;
        let shelf = load::pages(server.address, "/aide", 1)?;
        ensure!(shelf > 0.0, "the library does not answer");
        starts.push(server.started_in.as_secs_f64());
        idle.push(server.memory()? / 1024.0);
    }
    rows.push(Row::new(
        format!("start to serving, {MANY_PACKAGES} packages"),
        "s",
        Better::Less,
        median(starts),
        "limit",
        START_LIMIT_S,
    ));
    rows.push(Row::new("memory, idle", "MiB", Better::Less, median(idle), "limit", IDLE_LIMIT_MIB));
    Ok(())
}
