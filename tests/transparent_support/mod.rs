//! A device that knows of no proxy, a box on its way, and an Internet of three sites, in network
//! namespaces; the box is behind the firewall rules of `config/nftables/preau.nft`.

#![allow(dead_code, reason = "each test uses its own part")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use nix::{sys::signal, unistd::Pid};
use preau::demo::authority::Authority;
use tempfile::TempDir;

use crate::support::{
    PATIENCE,
    netns::{self, Host},
    tls, until,
};

pub const BOX: &str = "10.77.0.1";
pub const GOOD: &str = "45.12.0.2";
pub const BAD: &str = "45.12.0.3";
/// Has the address of `good.example` and another.
pub const BOTH: &str = "45.12.0.4";
const NAMES: &str = "45.12.0.2 good.example\n45.12.0.3 bad.example\n45.12.0.4 cdn.example\n\
                     45.12.0.2 www.bing.com\n45.12.0.4 strict.bing.com\n\
                     45.12.0.2 cdn.example\n10.77.0.1 inside.example\n127.0.0.1 loop.example\n";

/// A device behind a box on the Internet; all of it ends with the test.
pub struct World {
    pub device: Host,
    _running: [Running; 2],
    pub folder: TempDir,
    authority: String,
    // After what runs in them.
    _box: Host,
    pub internet: Host,
}

/// Namespaces are root's to make. Elsewhere a test is skipped, loudly.
pub fn allowed() -> bool {
    let root = nix::unistd::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "network namespaces need root");
    if !root {
        eprintln!("SKIPPED: network namespaces need root");
    }
    root
}

impl World {
    pub fn new(policy: &str) -> Self {
        let (device, carrier, internet) = (Host::new("device"), Host::new("box"), Host::new("net"));
        netns::join((&device, "eth0", "10.77.0.2/24"), (&carrier, "lan0", "10.77.0.1/24"));
        netns::join((&carrier, "wan0", "45.12.0.1/24"), (&internet, "eth0", "45.12.0.2/24"));
        device.ip(&["route", "add", "default", "via", BOX]);
        for address in [BAD, BOTH] {
            internet.ip(&["address", "add", &format!("{address}/24"), "dev", "eth0"]);
        }
        // What leaks would be answered, and seen.
        internet.ip(&["route", "add", "10.77.0.0/24", "via", "45.12.0.1"]);
        device.knows(NAMES);
        carrier.knows(NAMES);
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("the Internet of a test").unwrap();
        for name in ["good", "bad", "cdn"] {
            // The safe host of an engine answers under the engine's own name.
            let also = if name == "bad" { "bad.invalid" } else { "www.bing.com" };
            let issued = authority.issue_now(&[&format!("{name}.example"), also]).unwrap();
            issued.write(folder.path(), name).unwrap();
        }
        fs::write(folder.path().join("authority.crt"), authority.pem()).unwrap();
        let running = [
            origins(&internet, folder.path()),
            firewall_and_daemon(&carrier, folder.path(), policy),
        ];
        let authority = authority.pem();
        let world = Self { device, _running: running, folder, authority, _box: carrier, internet };
        until("the daemon", || world.reach(&format!("{BOX}:80")).ok());
        let site: SocketAddr = format!("{GOOD}:443").parse().unwrap();
        until("the sites", || world.internet.within(|| TcpStream::connect(site)).ok());
        world
    }

    /// A connection of the device.
    pub fn reach(&self, place: &str) -> std::io::Result<TcpStream> {
        let place: SocketAddr = place.parse().unwrap();
        self.device.within(|| {
            let stream = TcpStream::connect_timeout(&place, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        })
    }

    /// What a request in the clear to this address is answered, head and body.
    pub fn ask(&self, place: &str, host: &str) -> String {
        self.ask_for(place, host, "/")
    }

    pub fn ask_for(&self, place: &str, host: &str, path: &str) -> String {
        let mut stream = self.reach(place).unwrap_or_else(|error| panic!("{place}: {error}"));
        let ask = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        String::from_utf8(said).unwrap()
    }

    /// The first page of `name`, asked under TLS at this address; the origin's certificate must be
    /// its own.
    pub fn ask_tls(&self, place: &str, name: &str) -> std::io::Result<String> {
        let (place, trusted) = (place.parse().unwrap(), tls::trusting(&self.authority));
        let opened = self.device.within(|| tls::connect(place, name, &trusted))?;
        Ok(tls::ask(opened, "GET", name, "/", "").text())
    }

    pub fn curl(&self, words: &[&str]) -> Output {
        let authority = self.folder.path().join("authority.crt");
        let mut command = self.device.command("curl");
        command.args(["--silent", "--show-error", "--max-time", "20", "--cacert"]).arg(authority);
        command.args(words).output().unwrap()
    }
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let _ = signal::kill(pid, signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// nginx with a site at each address, and one at a port that nobody asked for.
fn origins(internet: &Host, folder: &Path) -> Running {
    let at = folder.display();
    let site = |name: &str, address: &str| {
        format!(
            "server {{ listen {address}:80; listen {address}:443 ssl; listen {address}:8081;\n\
             ssl_certificate {at}/{name}.crt; ssl_certificate_key {at}/{name}.key;\n\
             ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;\n\
             add_header Alt-Svc 'h3=\":443\"; ma=86400' always; default_type text/html;\n\
             location = /name {{ return 200 \"{name}\\n\"; }}\n\
             location / {{ return 200 \"this is {name} for $remote_addr\\n\"; }} }}\n"
        )
    };
    let sites = [site("good", GOOD), site("bad", BAD), site("cdn", BOTH)].concat();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
        .concat();
    let settings = format!(
        "daemon off; user root; worker_processes 1; pid {at}/nginx.pid; error_log {at}/nginx.err;\n\
         events {{ worker_connections 256; }} http {{ access_log off; {temporary} {sites} }}\n"
    );
    fs::write(folder.join("nginx.conf"), settings).unwrap();
    let mut command = internet.command("nginx");
    command.arg("-c").arg(folder.join("nginx.conf")).stderr(Stdio::null());
    Running(command.spawn().unwrap())
}

/// As `systemd/preau-nft.service` and the sockets' units do it.
fn firewall_and_daemon(carrier: &Host, folder: &Path, policy: &str) -> Running {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/config/nftables/preau.nft");
    let loaded = carrier.command("nft").args(["-f", rules]).output().unwrap();
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    carrier.ip(&["rule", "add", "fwmark", "0x7072", "lookup", "7072"]);
    carrier.ip(&["route", "add", "local", "default", "dev", "lo", "table", "7072"]);
    // A box that forwards is one where leaks would show.
    let forward = ["-q", "-w", "net.ipv4.ip_forward=1"];
    assert!(carrier.command("sysctl").args(forward).status().unwrap().success());
    let at = folder.display();
    let settings = format!(
        "[school]\nuai = \"0510035L\"\nname = \"Lycée d'essai\"\n[access]\nsign_in = \"off\"\n\
         [network]\nlisten = [\"{BOX}:80\"]\n\
         [store]\npath = \"{at}/data\"\nreserve = \"10 MB\"\n\
         [control]\nsocket = \"{at}/control.sock\"\n\
         [gateway]\nconnect_timeout = \"2s\"\n\
         [gateway.transparent]\nhttp = [\"0.0.0.0:3129\"]\ntls = [\"0.0.0.0:3130\"]\n{policy}"
    );
    fs::write(folder.join("preau.toml"), settings).unwrap();
    let log = fs::File::create(folder.join("preau.log")).unwrap();
    let mut command: Command = carrier.command(env!("CARGO_BIN_EXE_preau"));
    command.args(["run", "--config"]).arg(folder.join("preau.toml")).stderr(log);
    Running(command.spawn().unwrap())
}
