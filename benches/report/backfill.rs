//! What a day costs on the box's disk, and how fast it goes out once the region is there: a school of 100
//! and one of 300 access points, as their controllers tell them, once a minute.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use preau::{
    config::RemoteWrite,
    health::{
        metrics,
        sample::{Source, Telling},
    },
    journal::{Clock, Reading},
    net::client::ClientOptions,
    uplink::{
        collect::{Collector, Whose, ask},
        send::{Pace, Sender, Target},
        spool::{Spool, entry},
    },
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::report::{Better, Row};

const A_DAY: i64 = 1440;
const QUOTA: u64 = 1 << 30;
const PATIENCE: Duration = Duration::from_secs(120);
const RADIOS: [&str; 3] = ["0", "1", "2"];

/// A school, whose values move as those of a real one: channels and powers stay for hours, noise sways a
/// little, use and clients change from look to look, counters grow.
#[derive(Debug)]
struct School {
    access_points: u64,
}

/// A number that looks like chance and is the same in every run (`SplitMix64`).
fn chance(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Source for School {
    fn tell(&self, now: Timestamp, telling: &mut Telling) {
        let second = u64::try_from(now.as_second()).unwrap_or_default();
        let (minute, hour) = (second / 60, second / 3600);
        // Nobody is there at night.
        let busy = (7..18).contains(&(hour % 24));
        for ap in 0..self.access_points {
            let name = format!("6c:f3:7f:c7:{:02x}:{:02x}", ap / 256, ap % 256);
            let (room, building) = (format!("{}", 100 + ap), format!("{}", ap / 25));
            telling.say(&metrics::AP_UP, &[&name], now, 1.0);
            let started = chance(ap) % 5_000_000;
            telling.say(&metrics::AP_UPTIME, &[&name], now, (started + second) as f64);
            telling.say(&metrics::AP_REBOOTS, &[&name], now, (chance(ap) % 5) as f64);
            let info = [
                &*name,
                "lycee",
                &*format!("AP-{room}"),
                "AP-515",
                &*format!("CN{ap:07}"),
                &*building,
                "1",
                &*room,
            ];
            telling.say(&metrics::AP_INFO, &info, now, 1.0);
            for (number, radio) in (0..).zip(RADIOS) {
                let of = |what: u64, step: u64| {
                    chance(ap * 31 + number * 7 + what * 1009 + step * 65_537)
                };
                let clients =
                    if busy && of(1, minute / 2) % 3 > 0 { of(2, minute / 3) % 12 } else { 0 };
                let usage = if busy { of(3, minute) % 60 } else { of(3, minute / 10) % 4 };
                telling.say(&metrics::RADIO_CLIENTS, &[&name, radio], now, clients as f64);
                telling.say(
                    &metrics::RADIO_CHANNEL,
                    &[&name, radio],
                    now,
                    (36 + of(4, hour / 6) % 8 * 4) as f64,
                );
                telling.say(
                    &metrics::RADIO_UTILISATION,
                    &[&name, radio],
                    now,
                    usage as f64 / 100.0,
                );
                telling.say(
                    &metrics::RADIO_NOISE,
                    &[&name, radio],
                    now,
                    -90.0 - (of(5, minute / 4) % 4) as f64,
                );
                telling.say(
                    &metrics::RADIO_POWER,
                    &[&name, radio],
                    now,
                    12.0 + (of(6, hour / 6) % 6) as f64,
                );
            }
        }
        // The link, the box and its services: about two hundred, of which half change every minute.
        for metric in metrics::ALL.iter().filter(|metric| !metric.labels.contains(&"ap")) {
            for number in 0..metric.most.min(4) as u64 {
                let values: Vec<String> =
                    metric.labels.iter().map(|_| format!("{number}")).collect();
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                let moves = metric.name.ends_with("_total") || number % 2 == 0;
                let value = if moves { minute * 60 + chance(minute + number) % 60 } else { number };
                telling.say(metric, &values, now, value as f64);
            }
        }
    }
}

/// A day spooled.
struct Day {
    folder: TempDir,
    spool: Spool,
    series: usize,
    /// Bytes of its bodies as they went out one by one.
    live: u64,
}

fn spooled(access_points: u64, until: Timestamp) -> Result<Day> {
    let folder = tempfile::tempdir()?;
    let mut spool = Spool::open(folder.path(), QUOTA)?;
    let whose = Whose { uai: "0510035L".into(), plaque: "IHDEAL".into(), site: "principal".into() };
    let (mut collector, source) = (Collector::new(&whose), Arc::new(School { access_points }));
    let sources: [Arc<dyn Source>; 1] = [source];
    let (mut series, mut live) = (0, 0);
    for minute in (0..A_DAY).rev() {
        let now = until - SignedDuration::from_mins(minute);
        let collected = collector.collect(&ask(&sources, now), now)?;
        series = collected.series;
        live += entry::written(&collected.bodies).len() as u64;
        spool.append(&collected.bodies)?;
    }
    Ok(Day { folder, spool, series, live })
}

/// Bytes of the spool after a day without the region, beside those of the same bodies as they are sent
/// minute by minute.
pub fn spool(rows: &mut Vec<Row>) -> Result<()> {
    for access_points in [100, 300] {
        let day = spooled(access_points, Timestamp::now())?;
        let room = day.spool.room();
        ensure!(room.samples == day.series as u64 * A_DAY as u64, "not all is there");
        println!(
            "{access_points} access points: {} series, {} samples a day, {:.2} bytes each live, {:.2} spooled",
            day.series,
            room.samples,
            day.live as f64 / room.samples as f64,
            room.bytes as f64 / room.samples as f64
        );
        let name = format!(
            "spool, a day's outage of {access_points} access points ({} series at 60 s)",
            day.series
        );
        let (ours, theirs) = (room.bytes as f64 / 1e6, day.live as f64 / 1e6);
        rows.push(Row::new(name, "MB", Better::Less, ours, "the bodies as sent live", theirs));
    }
    Ok(())
}

/// A receiver, ended with it.
struct Receiver {
    address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Receiver {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let said = File::create(folder.path().join("log"))?;
        let child = Command::new("victoria-metrics")
            .arg(format!("-storageDataPath={}", folder.path().join("data").display()))
            .arg(format!("-httpListenAddr={address}"))
            .arg("-dedup.minScrapeInterval=1ms")
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .context("victoria-metrics (scripts/install bench)")?;
        let receiver = Self { address, child, _folder: folder };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(begun.elapsed() < PATIENCE, "victoria-metrics does not listen");
            #[allow(
                clippy::disallowed_methods,
                reason = "a pause between two looks, on no runtime"
            )]
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(receiver)
    }

    fn get(&self, path: &str, query: &str) -> Result<String> {
        let output = Command::new("curl")
            .args(["-sfG", "--data-urlencode", query])
            .arg(format!("http://{}{path}", self.address))
            .output()
            .context("curl")?;
        ensure!(output.status.success(), "{path}: {}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Samples a second from the spool into `VictoriaMetrics`, beside what its own import takes of the same
/// values, on one connection.
pub fn backfill(rows: &mut Vec<Row>) -> Result<()> {
    let day = spooled(100, Timestamp::now())?;
    let samples = day.spool.room().samples;
    let (first, begun) = (Receiver::start()?, Instant::now());
    send(day.spool, first.address)?;
    let ours = samples as f64 / begun.elapsed().as_secs_f64();
    drop(day.folder);
    first.get("/internal/force_flush", "")?;
    let export = tempfile::tempdir()?;
    let file = export.path().join("export.jsonl");
    let text = first.get("/api/v1/export", "match[]={uai=\"0510035L\"}")?;
    let there: usize = text.lines().map(values).sum();
    ensure!(there as u64 == samples, "{there} of {samples} arrived");
    fs::write(&file, text)?;
    let second = Receiver::start()?;
    let begun = Instant::now();
    import(&file, second.address)?;
    let theirs = samples as f64 / begun.elapsed().as_secs_f64();
    let name = format!("back-fill of {samples} samples into VictoriaMetrics, one connection");
    rows.push(Row::new(
        name,
        "samples/s",
        Better::More,
        ours,
        "its own import of JSON lines",
        theirs,
    ));
    Ok(())
}

/// Values of a line of an export.
fn values(line: &str) -> usize {
    let line: Option<serde_json::Value> = serde_json::from_str(line).ok();
    line.and_then(|line| line["values"].as_array().map(Vec::len)).unwrap_or_default()
}

fn import(file: &Path, address: SocketAddr) -> Result<()> {
    let status = Command::new("curl")
        .args(["-sf", "-H", "Expect:", "-X", "POST", "-T"])
        .arg(file)
        .arg(format!("http://{address}/api/v1/import"))
        .status()
        .context("curl")?;
    ensure!(status.success(), "import: {status}");
    Ok(())
}

/// Sends all that waits.
fn send(spool: Spool, address: SocketAddr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let spool = Arc::new(Mutex::new(spool));
    let target = Target {
        url: format!("http://{address}/api/v1/write").parse()?,
        protocol: RemoteWrite::V1,
        client: ClientOptions {
            allow_private: vec!["127.0.0.0/8".parse()?],
            ..ClientOptions::default()
        },
        pace: Pace { start: Duration::ZERO, ..Pace::default() },
    };
    let whose = Whose { uai: "0510035L".into(), plaque: String::new(), site: String::new() };
    let begun = Instant::now();
    let clock = Clock::new(move || {
        let now = Timestamp::now();
        Reading { steady: begun.elapsed(), now, synchronised: Some(now) }
    });
    let (sender, token) =
        (Sender::new(target, whose, spool.clone(), clock), CancellationToken::new());
    runtime.block_on(async {
        let sending = tokio::spawn(sender.run(token.clone()));
        let waiting = || spool.lock().unwrap_or_else(PoisonError::into_inner).room().samples;
        while waiting() > 0 {
            ensure!(begun.elapsed() < PATIENCE, "{} samples wait", waiting());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        token.cancel();
        sending.await?;
        Ok(())
    })
}
