//! What all of health and the uplink cost: the daemon with 300 access points and a link with eight targets to watch, each
//! asked by ICMP (where the system lets it) and TCP once a second, beside the same daemon without anything
//! to watch, in the same two minutes, by what the kernel says of each. The controller is the
//! recorded one of 1,386, cut to its first 300.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use preau::health::wifi::{
    Kind,
    tables::{About, Table, family},
};
use tempfile::TempDir;

use crate::{
    support::{
        process::{Server, free_port},
        report::{Better, Row},
    },
    wifi::{Simulator, recorded, simulator_of},
};

/// Access points that are left.
const POINTS: usize = 300;
/// Targets of the link.
const TARGETS: usize = 8;
/// The first look and the start itself are over by then.
const SETTLED: Duration = Duration::from_secs(15);
/// Looked at for so long, two whole looks at the controller among it.
const LASTS: Duration = Duration::from_secs(120);
/// Memory is looked at this often: its highest counts.
const WEIGHED_EVERY: Duration = Duration::from_secs(1);
/// Of one core, in percent; and memory, in MiB.
const LIMITS: (f64, f64) = (3.0, 24.0);

/// Measures, and adds its rows.
pub fn measure(rows: &mut Vec<Row>) -> Result<()> {
    let simulator = simulator_of(&first_points(&recorded()?, POINTS)?)?;
    let receiver = Receiver::start()?;
    let with = Daemon::start(&watching(&simulator, &receiver)?)?;
    let without = Daemon::start("")?;
    pause(SETTLED);
    let seen = with.access_points()?;
    ensure!(seen == POINTS, "{seen} access points are seen, {POINTS} are expected");
    let asked = with.targets()?;
    ensure!(asked == TARGETS, "{asked} targets answer, {TARGETS} are expected");
    let begun = (with.server.processor()?, without.server.processor()?);
    let (mut most, mut least) = (0_f64, 0_f64);
    let start = Instant::now();
    while start.elapsed() < LASTS {
        pause(WEIGHED_EVERY);
        most = most.max(with.server.memory()?);
        least = least.max(without.server.memory()?);
    }
    let seconds = start.elapsed().as_secs_f64();
    let spent = |now: f64, then: f64| 100.0 * (now - then) / seconds;
    let ours = spent(with.server.processor()?, begun.0);
    let bare = spent(without.server.processor()?, begun.1);
    let taken = receiver.bytes.load(Relaxed);
    ensure!(taken > 0, "the region was sent nothing");
    println!("sent to the region: {taken} bytes");
    println!("processor: {ours:.2} % of a core with health, {bare:.2} % without");
    println!("memory: {:.1} MiB with health, {:.1} MiB without", most / 1024.0, least / 1024.0);
    let name =
        |what: &str| format!("{what} of health and uplink, {POINTS} access points, {seconds:.0} s");
    rows.push(Row::new(
        name("processor"),
        "% of a core",
        Better::Less,
        (ours - bare).max(0.01),
        "limit",
        LIMITS.0,
    ));
    let memory = (most - least) / 1024.0;
    rows.push(Row::new(name("memory"), "MiB", Better::Less, memory.max(0.01), "limit", LIMITS.1));
    Ok(())
}

/// The settings of a box that measures all that it can here.
fn watching(simulator: &Simulator, receiver: &Receiver) -> Result<String> {
    let (community, clock) = (simulator.community()?, receiver.folder.path().join("synchronised"));
    fs::write(&clock, "")?;
    let place = TcpListener::bind("127.0.0.1:0")?;
    let port = place.local_addr()?.port();
    // Ends with the program.
    std::thread::spawn(move || place.incoming().for_each(drop));
    let target = |number| {
        format!("[[health.targets]]\nname = \"t{number}\"\naddress = \"127.0.0.1\"\ntcp = {port}\n")
    };
    let link = "[[health.links]]\nname = \"fibre\"\ninterface = \"lo\"\ndown = \"100 Mbit/s\"\n";
    let links = link.to_owned() + &(0..TARGETS).map(target).collect::<String>();
    Ok(format!(
        "[journal]\nsynchronised = \"{}\"\n[uplink]\nurl = \"http://{}/api/v1/write\"\n\
         [[health.controllers]]\nname = \"lycee\"\naddress = \"{}\"\ncommunity_file = \"{}\"\n\
         timeout = \"5s\"\n{links}",
        clock.display(),
        receiver.address,
        simulator.address,
        community.display()
    ))
}

/// A recording with only so many of its access points: rows of the tables that we read, and of noise,
/// whose index begins with the address of another are left out.
fn first_points(walk: &str, points: usize) -> Result<String> {
    let family = family(Kind::Aruba);
    let of_points = |table: &&Table| matches!(table.about, About::AccessPoint | About::Radio);
    let tables = family.tables.iter().filter(of_points).map(|table| table.entry);
    let entries: Vec<String> = tables
        .chain(family.noise)
        .map(|entry| entry.iter().map(u32::to_string).collect::<Vec<_>>().join(".") + ".")
        .collect();
    let index = |line: &str| -> Option<String> {
        let oid = line.split('|').next()?;
        let rest = entries.iter().find_map(|entry| oid.strip_prefix(entry.as_str()))?;
        let arcs: Vec<&str> = rest.split('.').skip(1).take(6).collect();
        (arcs.len() == 6).then(|| arcs.join("."))
    };
    let mut kept = BTreeSet::new();
    for mac in walk.lines().filter_map(index) {
        if kept.len() < points {
            kept.insert(mac);
        }
    }
    ensure!(kept.len() == points, "the recording has {} access points", kept.len());
    let keeps = |line: &&str| index(line).is_none_or(|mac| kept.contains(&mac));
    Ok(walk.lines().filter(keeps).collect::<Vec<_>>().join("\n") + "\n")
}

/// The region, which takes all that comes.
struct Receiver {
    address: SocketAddr,
    folder: TempDir,
    bytes: Arc<AtomicU64>,
}

impl Receiver {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = SocketAddr::from(([127, 0, 0, 1], listener.local_addr()?.port()));
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = bytes.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counted = counted.clone();
                std::thread::spawn(move || take(stream, &counted));
            }
        });
        Ok(Self { address, folder: tempfile::tempdir()?, bytes })
    }
}

/// Requests of one connection, each answered with 204.
fn take(stream: TcpStream, counted: &AtomicU64) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let field = line.trim_end().to_ascii_lowercase();
            if field.is_empty() {
                break;
            }
            if let Some(value) = field.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let taken = io::copy(&mut (&mut reader).take(length), &mut io::sink())?;
        counted.fetch_add(taken, Relaxed);
        reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
}

/// A daemon in a folder of its own.
struct Daemon {
    server: Server,
    folder: TempDir,
}

impl Daemon {
    fn start(more: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (at, port) = (folder.path().display(), free_port()?);
        let settings = format!(
            "[school]\nuai = \"0510035L\"\nname = \"Mesure\"\n[access]\nsign_in = \"off\"\n\
             [network]\nlisten = [\"127.0.0.1:{port}\"]\nallow_private = [\"127.0.0.0/8\"]\n\
             [store]\npath = \"{at}/data\"\n\
             reserve = \"10 MB\"\n[control]\nsocket = \"{at}/control.sock\"\n{more}"
        );
        let file = folder.path().join("preau.toml");
        fs::write(&file, settings)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
        command.args(["run", "--config"]).arg(&file);
        let server = Server::start(command, port, &folder.path().join("log"))?;
        Ok(Self { server, folder })
    }

    /// Targets of the link that answer.
    fn targets(&self) -> Result<usize> {
        let socket = self.folder.path().join("control.sock");
        let said: serde_json::Value =
            serde_json::from_slice(&preau(&["health", "link", "--json"], &socket)?)?;
        let targets = said["links"][0]["targets"].as_array().context("no link")?;
        Ok(targets.iter().filter(|one| one["tcp"]["ms"].is_array()).count())
    }

    /// Those that are up or down, as the daemon knows them.
    fn access_points(&self) -> Result<usize> {
        let socket = self.folder.path().join("control.sock");
        let said = preau(&["health", "wifi", "--json"], &socket)?;
        let said: serde_json::Value = serde_json::from_slice(&said)?;
        Ok(said["access_points"].as_array().map_or(0, Vec::len))
    }
}

fn preau(words: &[&str], socket: &Path) -> Result<Vec<u8>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
    Ok(command.args(words).arg("--socket").arg(socket).output()?.stdout)
}

fn pause(time: Duration) {
    #[allow(clippy::disallowed_methods, reason = "a benchmark has no runtime to hold up")]
    std::thread::sleep(time);
}
