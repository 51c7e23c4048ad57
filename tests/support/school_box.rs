//! A box of its own for a test: the built daemon on loopback, in a folder that goes with it.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
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
    environment: Vec<(&'static str, &'static str)>,
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> u16 {
    free_address().port()
}

/// A loopback address that was free a moment ago.
pub fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

/// Settings in a folder, for a box on `address` of the school `uai`; `network` is added to that
/// section, `more` at the end.
pub fn write_settings(
    folder: &Path,
    uai: &str,
    address: SocketAddr,
    network: &str,
    more: &str,
) -> PathBuf {
    let at = folder.display();
    let file = folder.join("preau.toml");
    // A test that says nothing of signing in is not about it.
    let access = if more.contains("[access]") { "" } else { "[access]\nsign_in = \"off\"\n" };
    let settings = format!(
        "[school]\nuai = \"{uai}\"\nname = \"Lycée d'essai\"\n{access}\
         [network]\nlisten = [\"{address}\"]\nallow_private = [\"127.0.0.0/8\", \"::1/128\"]\n{network}\n\
         [store]\npath = \"{at}/data\"\nreserve = \"10 MB\"\n\
         [control]\nsocket = \"{at}/control.sock\"\n{more}\n"
    );
    fs::write(&file, settings).unwrap();
    file
}

/// `preau WORDS --socket …`, as typed on the box whose folder this is.
pub fn preau(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_preau"))
        .args(words)
        .arg("--socket")
        .arg(folder.join("control.sock"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The packages' files in the folder of a box, without their sidecars.
pub fn package_files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![folder.join("data/blobs")], Vec::new());
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none() {
                found.push(path);
            }
        }
    }
    found
}

impl SchoolBox {
    /// Starts a box for the school `uai`, with `more` added to its settings, and waits until its
    /// pages answer.
    pub fn start(uai: &str, more: &str) -> Self {
        Self::start_with(uai, "", more)
    }

    /// The same, with `network` added to that section.
    pub fn start_with(uai: &str, network: &str, more: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), uai, network, more)
    }

    /// The same in a folder that holds files already.
    pub fn start_in(folder: TempDir, uai: &str, network: &str, more: &str) -> Self {
        let address = free_address();
        write_settings(folder.path(), uai, address, network, more);
        Self::start_at(address, folder, &[])
    }

    /// The same by settings that lie in the folder already, with more in its environment.
    pub fn start_at(
        address: SocketAddr,
        folder: TempDir,
        environment: &[(&'static str, &'static str)],
    ) -> Self {
        let environment = environment.to_vec();
        let child = run(folder.path(), &environment);
        let mut started = Self { folder, address, child, environment };
        started.await_pages();
        started
    }

    /// Stops it and starts it again, on the same folder and address.
    pub fn restart(&mut self) {
        end(&mut self.child);
        self.child = run(self.folder.path(), &self.environment);
        self.await_pages();
    }

    /// The daemon's process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, once a signal asked for it.
    pub fn ended(&mut self) -> ExitStatus {
        until("the daemon's end", || self.child.try_wait().unwrap())
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
        preau(self.folder.path(), words)
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

fn run(folder: &Path, environment: &[(&str, &str)]) -> Child {
    let log = fs::File::create(folder.join("preau.log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_preau"))
        .args(["run", "--config"])
        .arg(folder.join("preau.toml"))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn end(child: &mut Child) {
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let _ = signal::kill(id, signal::Signal::SIGTERM);
    let _ = child.wait();
}

impl Drop for SchoolBox {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
