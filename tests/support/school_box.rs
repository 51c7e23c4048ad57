//! A box of its own for a test: the built daemon on loopback, in a folder that goes with it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use nix::{sys::signal, unistd::Pid};
use tempfile::TempDir;

use super::{PATIENCE, until};

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
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let ask = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{fields}\r\n",
            self.address
        );
        stream.write_all(ask.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Page::parse(path, &bytes)
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

/// An answer, head and body apart.
#[derive(Debug)]
pub struct Page {
    /// Status code.
    pub status: u16,
    /// Status line and header fields.
    pub head: String,
    /// The body, unchunked.
    pub body: Vec<u8>,
}

impl Page {
    fn parse(path: &str, bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("{path}: no answer head in {} bytes", bytes.len()));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = &bytes[end + 4..];
        let body = if chunked { unchunk(body) } else { body.to_vec() };
        Self { status: head[9..12].parse().unwrap(), head, body }
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n").expect("a chunk size line");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}
