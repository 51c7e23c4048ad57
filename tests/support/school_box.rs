//! A box of its own for a test: the built daemon on loopback, in a folder that goes with it.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use nix::{sys::signal, unistd::Pid};
use tempfile::TempDir;

use super::{
    http::{self, Page},
    until,
};

/// A daemon under test, ended when dropped.
#[derive(Debug)]
pub struct SchoolBox {
    /// Its folder: `preau.toml`, `data/`, `control.sock`, `preau.log`.
    pub folder: TempDir,
    /// Where its pages are.
    pub address: SocketAddr,
    child: Child,
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

impl SchoolBox {
    /// Starts a box for the school `uai`, with `more` added to its settings, and waits until its
    /// pages answer.
    pub fn start(uai: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let at = folder.path().display();
        let settings = format!(
            "[school]\nuai = \"{uai}\"\nname = \"Lycée d'essai\"\n\
             [network]\nlisten = [\"{address}\"]\nallow_private = [\"127.0.0.0/8\"]\n\
             [store]\npath = \"{at}/data\"\nreserve = \"10 MB\"\n\
             [control]\nsocket = \"{at}/control.sock\"\n{more}\n"
        );
        fs::write(folder.path().join("preau.toml"), settings).unwrap();
        let child = run(folder.path());
        let mut started = Self { folder, address, child };
        started.await_pages();
        started
    }

    fn await_pages(&mut self) {
        until("the daemon's pages", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the daemon ended with {status}: {}", self.log());
            }
            TcpStream::connect(self.address).ok()
        });
    }

    /// What the daemon logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("preau.log")).unwrap_or_default()
    }

    /// `preau WORDS --socket …`, as typed on the box.
    pub fn preau(&self, words: &[&str]) -> Output {
        let socket: PathBuf = self.folder.path().join("control.sock");
        Command::new(env!("CARGO_BIN_EXE_preau"))
            .args(words)
            .arg("--socket")
            .arg(socket)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Refreshes the catalogue and mirrors all that is wanted.
    pub fn sync(&self) {
        let output = self.preau(&["sync"]);
        assert!(
            output.status.success(),
            "sync: {}\n{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
    }

    /// One GET on a connection of its own; header names of `fields` end with `\r\n`.
    pub fn get(&self, path: &str, fields: &str) -> Page {
        http::get(self.address, path, fields)
    }
}

fn run(folder: &Path) -> Child {
    let log = fs::File::create(folder.join("preau.log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_preau"))
        .args(["run", "--config"])
        .arg(folder.join("preau.toml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

impl Drop for SchoolBox {
    fn drop(&mut self) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = signal::kill(id, signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
