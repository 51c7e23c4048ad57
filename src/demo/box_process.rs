//! The demo's box: this very program, run as a school runs it, in a process of its own.

use std::{
    fs::File,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::{sys::signal, unistd::Pid};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

/// The box must show its pages within this.
const START_PATIENCE: Duration = Duration::from_secs(20);
/// It must end within this after SIGTERM.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Lines of its log shown when it fails.
const LOG_LINES: usize = 20;

/// A box in a folder of its own; it is killed when dropped.
#[derive(Debug)]
pub struct BoxProcess {
    folder: PathBuf,
    /// Where its pages are.
    pub address: SocketAddr,
    child: Child,
}

/// The port asked for, or a free one.
pub fn free_address(wanted: Option<u16>) -> Result<SocketAddr> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let bound = TcpListener::bind(at(wanted.unwrap_or(0)));
    let bound = bound.with_context(|| format!("cannot listen on {}", at(wanted.unwrap_or(0))))?;
    Ok(bound.local_addr()?)
}

impl BoxProcess {
    /// Starts the box of `folder/preau.toml` and waits until its pages answer. Gives the box and
    /// the time that took.
    pub async fn start(folder: &Path, address: SocketAddr) -> Result<(Self, Duration)> {
        let begun = Instant::now();
        let child = spawn(folder).context("cannot start the box")?;
        let mut started = Self { folder: folder.to_owned(), address, child };
        loop {
            if TcpStream::connect(address).await.is_ok() {
                return Ok((started, begun.elapsed()));
            }
            if let Some(status) = started.child.try_wait()? {
                bail!("the box ended with {status}:\n{}", started.log());
            }
            if begun.elapsed() > START_PATIENCE {
                bail!("no page within {START_PATIENCE:?}:\n{}", started.log());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// `preau WORDS --socket …`; what it says is kept.
    pub async fn ask(&self, words: &[&str]) -> Result<Output> {
        let mut command = self.command(words)?;
        Ok(command.stdin(Stdio::null()).output().await?)
    }

    /// The same, shown as it comes: with progress bars on a terminal.
    pub async fn show(&self, words: &[&str]) -> Result<bool> {
        Ok(self.command(words)?.stdin(Stdio::null()).status().await?.success())
    }

    fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(words).arg("--socket").arg(self.socket()).kill_on_drop(true);
        Ok(command)
    }

    /// Ends the box as systemd would, and waits for its end.
    pub async fn stop(&mut self) -> Result<()> {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            signal::kill(Pid::from_raw(id), signal::Signal::SIGTERM)?;
        }
        let ended = tokio::time::timeout(STOP_PATIENCE, self.child.wait()).await;
        let status =
            ended.with_context(|| format!("SIGTERM did not end it in {STOP_PATIENCE:?}"))??;
        if !status.success() {
            bail!("the box ended with {status}:\n{}", self.log());
        }
        Ok(())
    }

    /// The last lines of its log.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("preau.log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

fn spawn(folder: &Path) -> io::Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join("preau.log"))?;
    Command::new(std::env::current_exe()?)
        .args(["run", "--config"])
        .arg(folder.join("preau.toml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
}
