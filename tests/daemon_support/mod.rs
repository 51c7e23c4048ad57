//! A daemon whose notices, signals and log a test follows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    net::SocketAddr,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::support::{
    PATIENCE,
    school_box::{self, free_address, write_settings},
    until,
};

/// A daemon with a service manager (the test) that listens to it.
#[derive(Debug)]
pub struct Watched {
    pub folder: TempDir,
    pub address: SocketAddr,
    manager: UnixDatagram,
    child: Child,
}

/// The school of these tests.
pub const UAI: &str = "0510035L";

/// `preau run` with a settings file, run to its end.
pub fn run_to_its_end(file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_preau"))
        .args(["run", "--config"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

impl Watched {
    /// Starts a daemon and waits until it says that it is ready.
    pub fn start(network: &str, watchdog: Option<Duration>) -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
        let file = write_settings(folder.path(), UAI, address, network, "");
        let manager = UnixDatagram::bind(folder.path().join("notify.sock")).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let log = fs::File::create(folder.path().join("preau.log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
        command.args(["run", "--config"]).arg(file).stdin(Stdio::null()).stderr(log);
        command.env("NOTIFY_SOCKET", folder.path().join("notify.sock"));
        if let Some(limit) = watchdog {
            command.env("WATCHDOG_USEC", limit.as_micros().to_string());
        }
        let child = command.spawn().unwrap();
        let started = Self { folder, address, manager, child };
        started.await_notice("READY=1");
        started
    }

    /// The next notice that has a line beginning with `wanted`, whole.
    pub fn await_notice(&self, wanted: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self
                .manager
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("{wanted}: {error}\n{}", self.log()));
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.lines().any(|line| line.starts_with(wanted)) {
                return text;
            }
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("preau.log")).unwrap_or_default()
    }

    pub fn settings(&self) -> PathBuf {
        self.folder.path().join("preau.toml")
    }

    pub fn signal(&self, signal: Signal) {
        signal::kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// `preau WORDS --socket …`.
    pub fn preau(&self, words: &[&str]) -> Output {
        school_box::preau(self.folder.path(), words)
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        until("the daemon's end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
