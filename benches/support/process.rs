//! A peer (or Préau) as a child process: started, awaited, weighed and ended.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::{sys::signal, unistd::Pid};

/// How long a server may take to answer its first connection.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How long it may take to end.
const END_LIMIT: Duration = Duration::from_secs(5);
/// Of processor time, in `/proc` (`USER_HZ`: the same on every Linux that Préau is built for).
const TICKS_A_SECOND: f64 = 100.0;

/// A server under measure, ended when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start to the first connection accepted.
    pub started_in: Duration,
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Server {
    /// Starts `command`, whose output goes to `log`, and waits until `port` answers.
    pub fn start(mut command: Command, port: u16, log: &Path) -> Result<Self> {
        let out = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let begun = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        loop {
            if TcpStream::connect(address).is_ok() {
                return Ok(Self { child, address, started_in: begun.elapsed() });
            }
            if let Some(status) = child.try_wait()? {
                bail!(
                    "{} ended with {status}: see {}",
                    command.get_program().display(),
                    log.display()
                );
            }
            if begun.elapsed() > START_LIMIT {
                bail!("{} does not answer: see {}", command.get_program().display(), log.display());
            }
            #[allow(clippy::disallowed_methods, reason = "a benchmark has no runtime to hold up")]
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Proportional memory of the process and its children, in KiB.
    pub fn memory(&self) -> Result<f64> {
        let mut sum = 0.0;
        for pid in tree(self.child.id())? {
            // A worker may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else {
                continue;
            };
            let pss = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kib = pss.and_then(|rest| rest.trim().strip_suffix(" kB"));
            sum += kib.context("smaps_rollup has no Pss line")?.trim().parse::<f64>()?;
        }
        Ok(sum)
    }

    /// Processor time that the process and its children have taken, in seconds.
    pub fn processor(&self) -> Result<f64> {
        let mut ticks = 0;
        for pid in tree(self.child.id())? {
            let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            // proc_pid_stat(5): after the name in brackets, which may hold anything.
            let fields = text.rsplit_once(") ").context("no name in /proc/PID/stat")?.1;
            for field in fields.split(' ').skip(11).take(2) {
                ticks += field.parse::<u32>()?;
            }
        }
        Ok(f64::from(ticks) / TICKS_A_SECOND)
    }
}

/// A process and all its descendants.
fn tree(root: u32) -> Result<Vec<u32>> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        let children = format!("/proc/{pid}/task/{pid}/children");
        for child in fs::read_to_string(children).unwrap_or_default().split_whitespace() {
            found.push(child.parse()?);
        }
        next += 1;
    }
    Ok(found)
}

impl Drop for Server {
    fn drop(&mut self) {
        let Ok(id) = i32::try_from(self.child.id()) else { return };
        let _ = signal::kill(Pid::from_raw(id), signal::Signal::SIGTERM);
        let asked = Instant::now();
        // Some do not go when they are asked.
        while matches!(self.child.try_wait(), Ok(None)) {
            if asked.elapsed() > END_LIMIT {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
            #[allow(clippy::disallowed_methods, reason = "a benchmark has no runtime to hold up")]
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
