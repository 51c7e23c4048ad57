//! A region's boxes into one `VictoriaMetrics`, with the region's flags and relabelling: 500 schools of 100
//! access points, minute after minute, each box a request with its own samples, as fast as they are taken;
//! then a day of a few of them, back-filled, for what a sample takes on the disk.
//!
//! Without nginx and its TLS: what is sized here is the engine, and a box keeps its connection.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use preau::{
    health::sample::MetricKind,
    uplink::message::{self, Body, Sample, Series},
};

use crate::{
    school::{self, Told},
    support::{
        process::{Server, free_port},
        report::{Better, Row},
    },
};

const BOXES: usize = 500;
const ACCESS_POINTS: usize = 100;
/// Minutes of all boxes. The first makes the series known, which costs the engine more.
const MINUTES: i64 = 6;
/// Boxes whose day is sent after, in bodies of an hour.
const DAYS: usize = 4;
const HOUR: i64 = 60;
/// Requests under way.
const SENDERS: usize = 8;
/// Seconds between two collections of a box.
const INTERVAL: f64 = 60.0;

/// A school's series, with the labels that go out.
struct School {
    uai: String,
    told: Vec<Told>,
    series: Vec<Series>,
}

/// How a round of requests went.
struct Round {
    samples: u64,
    bytes: u64,
    took: f64,
    answers: Vec<Duration>,
}

/// Measures, and adds its rows.
pub fn measure(rows: &mut Vec<Row>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = engine(folder.path())?;
    let schools: Vec<School> = (0..BOXES).map(School::new).collect();
    let series: usize = schools.iter().map(|school| school.series.len()).sum();
    let now = Timestamp::now().as_second() / 60 * 60;
    let mut rounds = Vec::new();
    let (mut idle, mut memory) = (0.0, 0.0_f64);
    for minute in 0..MINUTES {
        if minute == 1 {
            idle = server.processor()?;
        }
        let at = now - (MINUTES - minute) * 60;
        let bodies = schools.iter().map(|school| school.body(at, 1)).collect::<Result<Vec<_>>>()?;
        rounds.push(send(server.address, &bodies)?);
        memory = memory.max(server.memory()? * 1024.0);
        println!("minute {minute}: {:.0} samples/s", rounds.last().map_or(0.0, Round::rate));
    }
    let (first, later) = rounds.split_first().context("no round")?;
    let samples: u64 = later.iter().map(|round| round.samples).sum();
    let took: f64 = later.iter().map(|round| round.took).sum();
    let processor = server.processor()? - idle;
    let needed = real(series) / INTERVAL;
    let all = format!("{BOXES} boxes, {series} series");
    rows.push(Row::new(
        format!("{all}: samples taken"),
        "/s",
        Better::More,
        real(samples) / took,
        "what they send",
        needed,
    ));
    rows.push(Row::new(
        format!("{all}: samples taken, all series new"),
        "/s",
        Better::More,
        first.rate(),
        "what they send",
        needed,
    ));
    rows.push(Row::new(
        "samples a second that one core of VictoriaMetrics takes",
        "/s",
        Better::More,
        real(samples) / processor,
        "what they send",
        needed,
    ));
    let mut answers: Vec<Duration> = later.iter().flat_map(|r| r.answers.iter().copied()).collect();
    answers.sort();
    let late = answers.get(answers.len() * 99 / 100).context("no answers")?.as_secs_f64() * 1000.0;
    rows.push(Row::new(
        format!("99th percentile answer, {SENDERS} requests at a time"),
        "ms",
        Better::Less,
        late,
        "limit",
        1000.0,
    ));
    rows.push(Row::new(
        format!("{all}: memory a series"),
        "B",
        Better::Less,
        memory / real(series),
        "limit",
        4096.0,
    ));
    bytes(rows, &server, &schools, (series, now), later)
}

/// What a sample takes on its way, and on the disk: a day in an engine of its own.
fn bytes(
    rows: &mut Vec<Row>,
    server: &Server,
    schools: &[School],
    (series, now): (usize, i64),
    live: &[Round],
) -> Result<()> {
    let sent = |rounds: &[Round]| {
        let bytes: u64 = rounds.iter().map(|round| round.bytes).sum();
        real(bytes) / real(rounds.iter().map(|round| round.samples).sum::<u64>())
    };
    get(server.address, "/internal/force_flush")?;
    let index = settled(server.address, "indexdb")?;
    rows.push(Row::new(
        "index a series, on the disk",
        "B",
        Better::Less,
        index / real(series),
        "limit",
        1024.0,
    ));
    let folder = tempfile::tempdir()?;
    let day = engine(folder.path())?;
    let mut rounds = Vec::new();
    for hour in 0..24 {
        let from = now - 86_400 + hour * 3600;
        let bodies =
            schools[..DAYS].iter().map(|s| s.body(from, HOUR)).collect::<Result<Vec<_>>>()?;
        rounds.push(send(day.address, &bodies)?);
    }
    get(day.address, "/internal/force_flush")?;
    get(day.address, "/internal/force_merge")?;
    let stored = settled(day.address, "storage/")?;
    let samples: u64 = rounds.iter().map(|round| round.samples).sum();
    for (name, ours) in [
        ("network, live: bytes a sample", sent(live)),
        ("network, an hour at a time: bytes a sample", sent(&rounds)),
        ("disk, a day back-filled: bytes a sample", stored / real(samples)),
    ] {
        rows.push(Row::new(name, "B", Better::Less, ours, "a time and a value", 16.0));
    }
    Ok(())
}

impl School {
    fn new(number: usize) -> Self {
        let told = school::told(number, ACCESS_POINTS);
        let uai = format!("{:07}Z", 500_000 + number);
        let series = told.iter().map(|told| {
            let mut labels: Vec<(&str, &str)> = vec![
                (message::NAME, told.metric.name),
                ("plaque", "TELEMUS"),
                ("uai", uai.as_str()),
            ];
            labels.extend(told.labels.iter().map(|(name, value)| (*name, value.as_str())));
            labels.sort_unstable();
            let labels = labels.iter().map(|(name, value)| message::label(name, value)).collect();
            Series { labels, samples: Vec::new() }
        });
        let series = series.collect();
        Self { uai, told, series }
    }

    /// Its samples of so many minutes, packed as a box packs them.
    fn body(&self, from: i64, minutes: i64) -> Result<(&str, Body)> {
        let series: Vec<Series> = self
            .series
            .iter()
            .zip(&self.told)
            .enumerate()
            .map(|(place, (series, told))| {
                let samples = (0..minutes).map(|minute| from / 60 + minute);
                let samples = samples.map(|minute| Sample {
                    timestamp: minute * 60_000,
                    value: value(told, place as u64, minute),
                });
                Series { labels: series.labels.clone(), samples: samples.collect() }
            })
            .collect();
        Ok((&self.uai, Body::pack(&series)?))
    }
}

impl Round {
    fn rate(&self) -> f64 {
        real(self.samples) / self.took
    }
}

/// Values as they go in a school: counters grow unevenly, flags stay, measured times and powers tremble.
fn value(told: &Told, place: u64, minute: i64) -> f64 {
    let minute = minute.unsigned_abs();
    let noise = |salt: u64| mixed(place.wrapping_mul(0x9e37_79b9) ^ minute ^ salt << 48);
    let name = told.metric.name;
    if told.metric.help.starts_with("1 ") || told.metric.help.starts_with("Always 1") {
        return 1.0;
    }
    match told.metric.kind {
        // A thousand a minute more or less, and never less than before.
        MetricKind::Counter => real((minute % 100_000) * 1000 + noise(1) % 1000),
        MetricKind::Gauge if name.ends_with("_timestamp_seconds") => real(minute * 60),
        MetricKind::Gauge if name.ends_with("_seconds") => real(8000 + noise(2) % 4000) / 1e6,
        MetricKind::Gauge if name.ends_with("_ratio") => real(noise(3) % 100) / 100.0,
        MetricKind::Gauge if name.ends_with("_dbm") => -95.0 + real(noise(4) % 4),
        MetricKind::Gauge if name.ends_with("_clients") => real((minute / 7 + noise(5) % 3) % 30),
        MetricKind::Gauge => real(1000 + (minute / 60 + place) % 50),
    }
}

/// `SplitMix64`: the same for the same, and like nothing else.
fn mixed(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// `VictoriaMetrics` with the region's own flags, but for where it lies and what it fetches.
fn engine(folder: &Path) -> Result<Server> {
    let region = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/region/metrics");
    let text = fs::read_to_string(region.join("victoria-metrics.env"))?;
    let flags = text.split_once("\nARGS=\"").context("no ARGS")?.1.trim_end().trim_end_matches('"');
    let port = free_port()?;
    let mut command = Command::new("victoria-metrics");
    for flag in flags.split_whitespace().filter(|word| *word != "\\") {
        let (name, value) = flag.split_once('=').context("a flag without a value")?;
        match name {
            "-promscrape.config" | "-storage.minFreeDiskSpaceBytes" => {}
            "-storageDataPath" => drop(command.arg(format!("{name}={}", folder.display()))),
            "-httpListenAddr" => drop(command.arg(format!("{name}=127.0.0.1:{port}"))),
            "-relabelConfig" => {
                command.arg(format!("{name}={}", region.join("relabel.yml").display()));
            }
            _ => drop(command.arg(format!("{name}={value}"))),
        }
    }
    Server::start(command, port, &folder.join("log"))
}

/// Every body once, by so many connections that stay open.
fn send(address: SocketAddr, bodies: &[(&str, Body)]) -> Result<Round> {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let answers = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                scope.spawn(|| -> Result<Vec<Duration>> {
                    let (mut stream, mut answers) = (TcpStream::connect(address)?, Vec::new());
                    stream.set_nodelay(true)?;
                    while let Some((uai, body)) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let begun = Instant::now();
                        post(&mut stream, uai, &body.packed)?;
                        answers.push(begun.elapsed());
                    }
                    Ok(answers)
                })
            })
            .collect();
        let mut all = Vec::new();
        for sender in senders {
            match sender.join() {
                Ok(answers) => all.extend(answers?),
                Err(_) => bail!("a sender fell"),
            }
        }
        Ok(all)
    })?;
    Ok(Round {
        samples: bodies.iter().map(|(_, body)| u64::from(body.samples)).sum(),
        bytes: bodies.iter().map(|(_, body)| body.packed.len() as u64).sum(),
        took: begun.elapsed().as_secs_f64(),
        answers,
    })
}

fn post(stream: &mut TcpStream, uai: &str, body: &[u8]) -> Result<()> {
    // As nginx hands it on.
    let head = format!(
        "POST /api/v1/write?extra_label=preau_edge={uai} HTTP/1.1\r\nHost: region\r\n\
         Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
    while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "VictoriaMetrics closed the connection");
        answer.extend_from_slice(&buffer[..read]);
    }
    let answer = String::from_utf8_lossy(&answer);
    ensure!(answer.starts_with("HTTP/1.1 204"), "VictoriaMetrics: {answer}");
    Ok(())
}

fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(
        format!("GET {path} HTTP/1.0\r\nHost: region\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Bytes on its disk of the types that begin so, once merges have come to rest.
fn settled(address: SocketAddr, kind: &str) -> Result<f64> {
    const RESTS: u32 = 20;
    let (begun, mut size, mut same) = (Instant::now(), f64::NAN, 0);
    while same < RESTS {
        ensure!(begun.elapsed() < Duration::from_secs(120), "merges do not end");
        #[allow(clippy::disallowed_methods, reason = "a benchmark has no runtime to hold up")]
        std::thread::sleep(Duration::from_millis(100));
        let now = told(address, "vm_data_size_bytes", kind)?;
        let rests = told(address, "vm_active_merges", "")? < 1.0 && (now - size).abs() < 1.0;
        same = if rests { same + 1 } else { 0 };
        size = now;
    }
    Ok(size)
}

/// The sum of a value of its own, over the types that begin so.
fn told(address: SocketAddr, name: &str, kind: &str) -> Result<f64> {
    let begin = format!("{name}{{type=\"{kind}");
    let page = get(address, "/metrics")?;
    let lines = page.lines().filter(|line| line.starts_with(&begin));
    let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    Ok(values.sum())
}

/// Counts, for people.
fn real(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}
