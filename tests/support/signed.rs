//! Zones signed by `ldns-signzone` and served by `nsd`, from a root of their own: what a checking
//! resolver sees of the world, good and tampered with.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{school_box::free_address, until};

const HEAD: &str = "$TTL 300\n@ SOA ns. root. 1 3600 900 604800 300\n@ NS ns.\n";

/// How a zone is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// Not at all: its parent says so.
    None,
    /// With NSEC.
    Plain,
    /// With NSEC3.
    Hashed,
    /// With signatures that ended long ago.
    Expired,
}

/// A zone below the root: its name, how it is signed, and its records.
pub type Zone<'a> = (&'a str, Signing, &'a str);
/// Changes a zone's file, which has a record a line, after it was signed.
pub type Tamper<'a> = &'a dyn Fn(&str, String) -> String;

/// The server; it ends when dropped.
#[derive(Debug)]
pub struct Signed {
    /// Where it is asked.
    pub address: SocketAddr,
    folder: TempDir,
    server: Child,
}

impl Signed {
    /// Serves these zones.
    pub fn start(zones: &[Zone<'_>], tamper: Tamper<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let mut root = format!("{HEAD}ns. A 127.0.0.1\n");
        for (name, signing, records) in zones {
            root += &format!("{name}. NS ns.\n");
            let text = format!("$ORIGIN {name}.\n{HEAD}{records}\n");
            root += &sign(at, &format!("{name}."), *signing, &text);
        }
        sign(at, ".", Signing::Plain, &root);
        for name in zones.iter().map(|(name, ..)| format!("{name}.")).chain([".".to_owned()]) {
            let file = at.join(format!("{name}zone"));
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, tamper(&name, text)).unwrap();
        }
        let address = free_address();
        let server = serve(at, address, zones);
        until("nsd", || TcpStream::connect(address).ok());
        Self { address, folder, server }
    }

    /// The root's key, as a file of keys to be trusted.
    pub fn anchors(&self) -> String {
        self.folder.path().join("anchors").display().to_string()
    }
}

impl Drop for Signed {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn run(at: &Path, command: &str, words: &[&str]) -> String {
    let output = Command::new(command)
        .args(words)
        .current_dir(at)
        .output()
        .unwrap_or_else(|error| panic!("{command}, scripts/install test: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command} {words:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Writes and signs a zone; the records by which its parent vouches for it.
fn sign(at: &Path, name: &str, signing: Signing, text: &str) -> String {
    let file = format!("{name}zone");
    fs::write(at.join(&file), text).unwrap();
    if signing == Signing::None {
        return String::new();
    }
    let key = |kind: &[&str]| {
        run(at, "ldns-keygen", &[&["-a", "ECDSAP256SHA256"], kind, &[name]].concat())
    };
    let (main, other) = (key(&["-k"]), key(&[]));
    let mut words = vec!["-o", name, "-f", &file];
    match signing {
        Signing::Hashed => words.extend(["-n", "-t", "0"]),
        Signing::Expired => words.extend(["-i", "20200101000000", "-e", "20200201000000"]),
        _ => {}
    }
    words.extend([file.as_str(), &main, &other]);
    run(at, "ldns-signzone", &words);
    if name == "." {
        fs::copy(at.join(format!("{main}.key")), at.join("anchors")).unwrap();
    }
    fs::read_to_string(at.join(format!("{main}.ds"))).unwrap()
}

fn serve(at: &Path, address: SocketAddr, zones: &[Zone<'_>]) -> Child {
    let folder = at.display();
    let mut settings = format!(
        "server:\n ip-address: {}@{}\n username: \"\"\n chroot: \"\"\n zonesdir: \"{folder}\"\n \
         database: \"\"\n pidfile: \"{folder}/pid\"\n xfrdfile: \"{folder}/xfrd\"\n \
         zonelistfile: \"{folder}/list\"\n xfrdir: \"{folder}\"\n server-count: 1\n \
         rrl-ratelimit: 0\nremote-control:\n control-enable: no\n",
        address.ip(),
        address.port()
    );
    for name in zones.iter().map(|(name, ..)| *name).chain([""]) {
        settings += &format!("zone:\n name: \"{name}.\"\n zonefile: \"{name}.zone\"\n");
    }
    let file = at.join("nsd.conf");
    fs::write(&file, settings).unwrap();
    let log = fs::File::create(at.join("log")).unwrap();
    Command::new("/usr/sbin/nsd")
        .args(["-d", "-c"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("nsd, scripts/install test: {error}"))
}
