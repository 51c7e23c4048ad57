//! A controller of 1,386 access points, recorded, behind a delay of 10 ms each way (the simulator alone
//! would be the limit): one whole look, beside `snmpbulkwalk -Cr50` of the same columns, in turn.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use preau::{
    config::{Controller, ControllerKind, Period},
    health::wifi::{Kind, Target, tables::family},
};
use tempfile::TempDir;

use crate::support::report::{Better, Row};

/// The recorded controller, and its community at the simulator.
const WALK: &str = "arubaos";
const DELAY: Duration = Duration::from_millis(10);
const ROUNDS: usize = 5;
/// The simulator listens within this.
const PATIENCE: Duration = Duration::from_secs(60);

/// The simulator, ended with it.
pub struct Simulator {
    pub address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Simulator {
    /// A file with the community that its controller is asked by.
    pub fn community(&self) -> Result<PathBuf> {
        let community = self.folder.path().join("community");
        let mut options = File::options();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        writeln!(options.create(true).write(true).truncate(true).open(&community)?, "{WALK}")?;
        Ok(community)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Measures, and adds its rows.
pub fn measure(rows: &mut Vec<Row>) -> Result<()> {
    let simulator = simulator_of(&recorded()?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let address = runtime.block_on(delayed(simulator.address))?;
    let columns: Vec<(String, usize)> = columns_there(simulator.address)?;
    let same_rows: usize = columns.iter().map(|(_, rows)| rows).sum();
    println!("{} columns, {same_rows} rows, {DELAY:?} each way", columns.len());
    let target = Target::open(&controller(address, simulator.community()?)?)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let begun = Instant::now();
        let survey = runtime.block_on(target.look())?;
        ours.push(begun.elapsed().as_secs_f64());
        ensure!(survey.access_points_in_all() == Some(1386), "not all came");
        ensure!(survey.radios.len() == 1380 && survey.whole, "not all came: {:?}", survey.gaps);
        let begun = Instant::now();
        let walked =
            columns.iter().map(|(oid, _)| bulk_walk(address, oid)).sum::<Result<usize>>()?;
        theirs.push(begun.elapsed().as_secs_f64());
        ensure!(walked == same_rows, "snmpbulkwalk: {walked} of {same_rows} rows");
        println!("round {round}: {:.2} s, {:.2} s", ours[round - 1], theirs[round - 1]);
    }
    let name = format!("a look at 1,386 access points ({same_rows} rows), {DELAY:?} each way");
    let (ours, theirs) = (median(ours), median(theirs));
    rows.push(Row::new(name, "s", Better::Less, ours, "snmpbulkwalk -Cr50", theirs));
    Ok(())
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// The recorded walk.
pub fn recorded() -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packed = root.join(format!("../shared/data/snmp/{WALK}.snmprec.gz"));
    let mut text = String::new();
    let walk = File::open(&packed).with_context(|| format!("the walk {}", packed.display()))?;
    GzDecoder::new(walk).read_to_string(&mut text)?;
    Ok(text)
}

/// The simulator with this walk.
pub fn simulator_of(walk: &str) -> Result<Simulator> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("target/snmp/venv/bin/snmpsim-command-responder");
    ensure!(program.exists(), "no simulator: scripts/install-snmp");
    let folder = tempfile::tempdir()?;
    for made in ["data", "cache"] {
        fs::create_dir(folder.path().join(made))?;
    }
    fs::write(folder.path().join(format!("data/{WALK}.snmprec")), walk)?;
    let address = UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?;
    let log = folder.path().join("log");
    let mut command = Command::new(program);
    command
        .arg(format!("--data-dir={}", folder.path().join("data").display()))
        .arg(format!("--cache-dir={}", folder.path().join("cache").display()))
        .arg(format!("--agent-udpv4-endpoint={address}"));
    if nix::unistd::geteuid().is_root() {
        command.args(["--process-user=root", "--process-group=root"]);
    }
    let said = File::create(&log)?;
    command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
    let simulator = Simulator { address, child: command.spawn()?, folder };
    let begun = Instant::now();
    while !fs::read_to_string(&log)?.contains("Listening at UDP/IPv4 endpoint") {
        ensure!(begun.elapsed() < PATIENCE, "the simulator does not listen");
        #[allow(clippy::disallowed_methods, reason = "a pause between two looks, on no runtime")]
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(simulator)
}

/// An address at which the agent answers as if it were far: every datagram waits, each way.
async fn delayed(agent: SocketAddr) -> Result<SocketAddr> {
    let front = Arc::new(tokio::net::UdpSocket::bind(("127.0.0.1", 0)).await?);
    let address = front.local_addr()?;
    tokio::spawn(async move {
        let mut ways: HashMap<SocketAddr, Arc<tokio::net::UdpSocket>> = HashMap::new();
        let mut buffer = vec![0; 65_536];
        while let Ok((length, from)) = front.recv_from(&mut buffer).await {
            let way = match ways.entry(from) {
                Entry::Occupied(known) => Arc::clone(known.get()),
                Entry::Vacant(place) => {
                    let bound = tokio::net::UdpSocket::bind(("127.0.0.1", 0)).await;
                    let Ok(way) = bound.map(Arc::new) else { return };
                    tokio::spawn(back(way.clone(), front.clone(), from));
                    place.insert(way).clone()
                }
            };
            let bytes = buffer[..length].to_vec();
            tokio::spawn(async move {
                tokio::time::sleep(DELAY).await;
                way.send_to(&bytes, agent).await
            });
        }
    });
    Ok(address)
}

async fn back(way: Arc<tokio::net::UdpSocket>, front: Arc<tokio::net::UdpSocket>, to: SocketAddr) {
    let mut buffer = vec![0; 65_536];
    while let Ok((length, _)) = way.recv_from(&mut buffer).await {
        let (bytes, front) = (buffer[..length].to_vec(), front.clone());
        tokio::spawn(async move {
            tokio::time::sleep(DELAY).await;
            front.send_to(&bytes, to).await
        });
    }
}

fn controller(address: SocketAddr, community: PathBuf) -> Result<Controller> {
    Ok(Controller {
        name: "bench".to_owned(),
        address: address.to_string().parse()?,
        kind: ControllerKind::Auto,
        community_file: Some(community),
        v3: None,
        interval: Period::seconds(60),
        timeout: Period::seconds(5),
        places: None,
    })
}

/// Columns of ours that the recorded controller has, each with its rows. The others cost the peer
/// nothing.
fn columns_there(agent: SocketAddr) -> Result<Vec<(String, usize)>> {
    let mut there = Vec::new();
    for table in family(Kind::Aruba).tables {
        for (column, _) in table.columns {
            let arcs: Vec<String> =
                table.entry.iter().chain([column]).map(u32::to_string).collect();
            let oid = arcs.join(".");
            let rows = bulk_walk(agent, &oid)?;
            if rows > 0 {
                there.push((oid, rows));
            }
        }
    }
    ensure!(!there.is_empty(), "the walk has none of our columns");
    Ok(there)
}

/// Rows that net-snmp's own walk of a column brings.
fn bulk_walk(address: SocketAddr, oid: &str) -> Result<usize> {
    let output = Command::new("snmpbulkwalk")
        .args(["-v2c", "-c", WALK, "-On", "-Cr50", "-r3", "-t5", &address.to_string(), oid])
        .output()
        .context("snmpbulkwalk (Debian's snmp)")?;
    ensure!(output.status.success(), "snmpbulkwalk: {}", String::from_utf8_lossy(&output.stderr));
    let prefix = format!(".{oid}.");
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter(|line| line.starts_with(&prefix)).count())
}
