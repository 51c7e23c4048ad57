//! How fast Préau lends, beside nginx and kiwix-serve, on one machine in one run.
//!
//! Peers take turns, round by round, so that a machine that slows down slows all of them.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../support/mod.rs"]
mod support;

mod people;
mod school;

use std::{fs, path::Path, time::Duration};

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
/// Manuals on the shelf of a person.
const MANUALS: usize = 40;
/// Who comes in when the lesson starts, within how long, and who reads meanwhile.
const COMERS: usize = 1_000;
const COMING: Duration = Duration::from_secs(60);
const READING: usize = 200;
/// What they are promised: 99 of 100 pages within this.
const PAGE_LIMIT_MS: f64 = 100.0;
/// Searches timed, and the time each may take.
const SEARCHES: usize = 400;
const SEARCH_LIMIT_MS: f64 = 5.0;

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
    persons(&work, &mut rows)?;
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

fn persons(work: &Path, rows: &mut Vec<Row>) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let school = School::of_many(&work.join("class"), MANUALS)?;
    let _inside = runtime.enter();
    let ours = school.preau_of_persons(people::AnyTicket::start(school::UAI)?)?;
    school.order(MANUALS)?;
    println!("{COMERS} pupils and {READING} readers get their passes");
    let mut comers = runtime.block_on(people::enrol(ours.address, COMERS + READING))?;
    let mut pupil = comers.first().context("nobody came")?.clone();
    runtime.block_on(pupil.read(&school.page_url)).context("the order is not yet known")?;
    let shelf = runtime.block_on(pupil.read("/"))?.body;
    println!("a signed-in shelf of {MANUALS} manuals, {} bytes", shelf.len());
    school.give_nginx("shelf.html", &shelf)?;
    let nginx = school.nginx()?;
    let cookie = format!("Cookie: {}", pupil.cookie());
    let (a, b) = in_turn(
        || load::pages_with(ours.address, "/", 3, &cookie),
        || load::pages_with(nginx.address, "/shelf.html", 3, &cookie),
    )?;
    let name = format!("signed-in shelf of {MANUALS} manuals");
    rows.push(Row::new(name, "req/s", Better::More, a, "nginx, a file of its size", b));
    println!("the lesson starts");
    let readers = comers.split_off(COMERS);
    let class = people::start_of_class(comers, readers, &school.page_url, COMING);
    let times = runtime.block_on(class)?;
    println!("  {} pages", times.0.len());
    let slow = times.percentile(99) * 1e3;
    let name = format!("99th percentile page, {COMERS} passes in a minute, {READING} readers");
    rows.push(Row::new(name, "ms", Better::Less, slow, "limit", PAGE_LIMIT_MS));
    Ok(())
}

/// Queries as people type them: whole words, beginnings, a wrong letter, a number.
fn search(server: &Server, rows: &mut Vec<Row>) -> Result<()> {
    const QUERIES: [&str; 4] = ["manuel+17", "manu", "manual+1999", "banc+essai+12"];
    println!("searches over {MANY_PACKAGES} publications");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut reader = people::Browser::new(server.address);
    let mut times = Vec::with_capacity(SEARCHES);
    for number in 0..SEARCHES + QUERIES.len() {
        let query = QUERIES[number % QUERIES.len()];
        let page = runtime.block_on(reader.read(&format!("/recherche?q={query}")))?;
        // The first of each opens connections and fills caches.
        if number >= QUERIES.len() {
            times.push(page.took.as_secs_f64() * 1e3);
        }
    }
    let name = format!("search over {MANY_PACKAGES} publications, page and all");
    rows.push(Row::new(name, "ms", Better::Less, median(times), "limit", SEARCH_LIMIT_MS));
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
    search(&many.preau()?, rows)?;
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
