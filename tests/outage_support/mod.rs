//! The world of a school whose Internet can be cut: a device, the box and the Internet, a host each,
//! behind the firewall rules of `config/nftables/preau.nft`. The box is the device's resolver, asks one
//! on the Internet, and lends a manual that comes from there.

#![allow(dead_code, reason = "each test uses its own part")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use preau::demo::{authority::Authority, manuals::write_big_epub};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{
    PATIENCE,
    names::{Names, Zone},
    netns::{self, Host, Running},
    samples::sha256,
    until,
};

pub const BOX: &str = "10.77.0.1";
pub const SITE: &str = "45.12.0.2";
/// The zone in which the box has its names, as DHCP tells devices.
pub const ZONE: &str = "preau.lan";
/// What the manual is called, and the words of its first page.
pub const MANUAL: &str = "Le manuel de la coupure";
pub const FIRST_PAGE: &str = "Page 1,";
/// What the resolver on the Internet knows. Of the last nobody answers there when half of it is silent.
const NAMES: Zone = &[
    ("good.example", &[SITE]),
    ("other.example", &[SITE]),
    ("connectivitycheck.gstatic.com", &[SITE]),
    ("captive.apple.com", &[SITE]),
    ("silent1.example", &["45.12.0.21"]),
    ("silent2.example", &["45.12.0.22"]),
    ("silent3.example", &["45.12.0.23"]),
    ("silent4.example", &["45.12.0.24"]),
    ("silent5.example", &["45.12.0.25"]),
];
/// Names of places that may be silent.
pub const SILENT: [&str; 5] =
    ["silent1.example", "silent2.example", "silent3.example", "silent4.example", "silent5.example"];
/// What an answer of the box itself may take.
pub const AT_ONCE: Duration = Duration::from_secs(1);
/// What browsing may take to work again.
pub const BACK_WITHIN: Duration = Duration::from_secs(10);
/// A machine that is busy elsewhere has so many tries to keep what is promised in time.
pub const TRIES: usize = 3;

/// A device behind a box on the Internet; all of it ends with the test.
pub struct World {
    pub device: Host,
    _names: Names,
    _running: [Running; 2],
    folder: TempDir,
    // After what runs in them.
    carrier: Host,
    internet: Host,
}

impl World {
    pub fn new() -> Self {
        let (device, carrier, internet) = (Host::new("device"), Host::new("box"), Host::new("net"));
        netns::join((&device, "eth0", "10.77.0.2/24"), (&carrier, "lan0", "10.77.0.1/24"));
        netns::join((&carrier, "wan0", "45.12.0.1/24"), (&internet, "eth0", "45.12.0.2/24"));
        for name in 21..=25 {
            internet.ip(&["address", "add", &format!("45.12.0.{name}/24"), "dev", "eth0"]);
        }
        device.ip(&["route", "add", "default", "via", BOX]);
        device.asks(BOX, ZONE);
        carrier.knows("");
        let at = SocketAddr::new(SITE.parse().unwrap(), 53);
        let names = internet.within(|| Names::at(at, NAMES));
        let folder = tempfile::tempdir().unwrap();
        publish(&folder.path().join("opds"));
        let running = [site(&internet, folder.path()), daemon(&carrier, folder.path())];
        let world = Self { device, _names: names, _running: running, folder, carrier, internet };
        until("the daemon", || world.reach(BOX, 80));
        let synced = world.preau(&["sync"]);
        assert!(synced.status.success(), "{}", String::from_utf8_lossy(&synced.stderr));
        world
    }

    pub fn reach(&self, address: &str, port: u16) -> Option<TcpStream> {
        let place = SocketAddr::new(address.parse().unwrap(), port);
        self.device.within(|| {
            let stream = TcpStream::connect_timeout(&place, PATIENCE).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            Some(stream)
        })
    }

    /// What a request of the device is answered, head and body: taken on its way, or by the proxy.
    pub fn ask(&self, way: Way, host: &str, path: &str) -> String {
        let (at, target) = match way {
            Way::Taken => (self.reach(SITE, 80), path.to_owned()),
            Way::Proxy => (self.reach(BOX, 3128), format!("http://{host}{path}")),
            Way::Library => (self.reach(BOX, 80), path.to_owned()),
        };
        let mut stream = at.unwrap();
        let ask = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        String::from_utf8(said).unwrap()
    }

    /// The address that the device's own system finds for a name, asking the box.
    pub fn address_of(&self, name: &str) -> Option<String> {
        let output = self.device.command("getent").args(["ahostsv4", name]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        said.split_whitespace().next().map(str::to_owned)
    }

    pub fn cut(&self) {
        self.internet.ip(&["link", "set", "eth0", "down"]);
    }

    pub fn mend(&self) {
        self.internet.ip(&["link", "set", "eth0", "up"]);
    }

    /// The cable carries little, and part of the Internet is silent.
    pub fn degrade(&self) {
        let slow = ["qdisc", "add", "dev", "wan0", "root", "tbf"];
        let rate = ["rate", "2mbit", "burst", "16kb", "latency", "400ms"];
        self.carrier.run("tc", &[&slow[..], &rate].concat());
        self.internet.run("nft", &["add table inet gone"]);
        let chain = "add chain inet gone in { type filter hook input priority 0; }";
        self.internet.run("nft", &[chain]);
        let rule = "add rule inet gone in ip daddr 45.12.0.21-45.12.0.25 drop";
        self.internet.run("nft", &[rule]);
    }

    /// All of it answers again.
    pub fn restore(&self) {
        self.internet.run("nft", &["delete table inet gone"]);
        self.carrier.run("tc", &["qdisc", "del", "dev", "wan0", "root"]);
    }

    fn preau(&self, words: &[&str]) -> std::process::Output {
        let mut command = self.carrier.command(env!("CARGO_BIN_EXE_preau"));
        command.args(words).arg("--socket").arg(self.folder.path().join("control.sock"));
        command.output().unwrap()
    }

    /// The line of `preau status` about the link.
    pub fn link(&self) -> String {
        let status = self.preau(&["status", "--json"]).stdout;
        let status: Value = serde_json::from_slice(&status).unwrap();
        status["link"]["state"].as_str().unwrap().to_owned()
    }

    pub fn until_link_is(&self, state: &str) {
        until(&format!("the link to be {state}"), || (self.link() == state).then_some(()));
    }

    /// One device that asks is enough for the box to know.
    pub fn until_known(&self) {
        let page = self.ask(Way::Taken, "good.example", "/");
        assert!(page.contains("Internet est coup"), "the first one is told, too: {page}");
        self.until_link_is("down");
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Way {
    Taken,
    Proxy,
    Library,
}

/// A manual, and the feed of its distributor.
fn publish(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let package = folder.join("manuel.epub");
    write_big_epub(&package, 4, 20_000, &[1], 1).unwrap();
    let bytes = fs::read(&package).unwrap();
    let feed = json!({
        "metadata": {"title": "Livres"},
        "links": [],
        "publications": [{
            "metadata": {
                "@type": "http://schema.org/EBook",
                "identifier": "http://n2t.net/ark:/99999/coupure",
                "title": MANUAL,
                "language": "fr",
                "modified": "2026-09-01T00:00:00Z",
            },
            "links": [{
                "rel": "http://opds-spec.org/acquisition",
                "href": "/opds/manuel.epub",
                "type": "application/epub+zip",
                "size": bytes.len(),
                "properties": {
                    "hash": [{"algorithm": "sha256", "value": sha256(&bytes)}],
                    "availability": {"state": "available", "until": "2036-08-31"},
                },
            }],
        }],
    });
    fs::write(folder.join("feed.json"), feed.to_string()).unwrap();
}

/// nginx as every site there is, in the clear and under TLS.
fn site(internet: &Host, folder: &Path) -> Running {
    let authority = Authority::new("the Internet of a test").unwrap();
    let issued = authority.issue_now(&["good.example", "other.example"]).unwrap();
    issued.write(folder, "site").unwrap();
    let at = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
        .concat();
    let settings = format!(
        "daemon off; user root; worker_processes 1; pid {at}/nginx.pid; error_log {at}/nginx.err;\n\
         events {{ worker_connections 256; }} http {{ access_log off; {temporary}\n\
         server {{ listen 80; listen 443 ssl;\n\
         ssl_certificate {at}/site.crt; ssl_certificate_key {at}/site.key; default_type text/html;\n\
         location /opds/ {{ root {at}; types {{ application/opds+json json; \
         application/epub+zip epub; }} }}\n\
         location / {{ return 200 \"this is the site\\n\"; }} }} }}\n"
    );
    fs::write(folder.join("nginx.conf"), settings).unwrap();
    let mut command = internet.command("nginx");
    command.arg("-c").arg(folder.join("nginx.conf")).stderr(Stdio::null());
    Running(command.spawn().unwrap())
}

/// As `systemd/preau-nft.service` and the sockets' units do it.
fn daemon(carrier: &Host, folder: &Path) -> Running {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/config/nftables/preau.nft");
    let loaded = carrier.command("nft").args(["-f", rules]).output().unwrap();
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    carrier.ip(&["rule", "add", "fwmark", "0x7072", "lookup", "7072"]);
    carrier.ip(&["route", "add", "local", "default", "dev", "lo", "table", "7072"]);
    let at = folder.display();
    let settings = format!(
        "[school]\nuai = \"0510035L\"\nname = \"Lycée d'essai\"\n[access]\nsign_in = \"off\"\n\
         [network]\nlisten = [\"{BOX}:80\"]\n\
         [store]\npath = \"{at}/data\"\nreserve = \"10 MB\"\n\
         [control]\nsocket = \"{at}/control.sock\"\n\
         [link]\ntargets = [\"{SITE}:443\"]\n\
         [[catalogue.feeds]]\nname = \"livres\"\nurl = \"http://{SITE}/opds/feed.json\"\n\
         [dns]\nlisten = [\"{BOX}:53\"]\nresolvers = [\"{SITE}:53\"]\nzone = \"{ZONE}\"\n\
         [gateway]\nlisten = [\"{BOX}:3128\"]\n\
         [gateway.transparent]\nhttp = [\"0.0.0.0:3129\"]\ntls = [\"0.0.0.0:3130\"]\n"
    );
    fs::write(folder.join("preau.toml"), settings).unwrap();
    let log = fs::File::create(folder.join("preau.log")).unwrap();
    let mut command: Command = carrier.command(env!("CARGO_BIN_EXE_preau"));
    command.args(["run", "--config"]).arg(folder.join("preau.toml")).stderr(log);
    Running(command.spawn().unwrap())
}

/// Is this done within `limit`, in one of a few tries? Says how long each took.
pub fn in_time(what: &str, limit: Duration, mut work: impl FnMut()) {
    let mut took = Vec::new();
    for _ in 0..TRIES {
        let begun = Instant::now();
        work();
        took.push(begun.elapsed());
        if begun.elapsed() < limit {
            eprintln!("{what}: {took:?}");
            return;
        }
    }
    panic!("{what} took {took:?}, {limit:?} is promised");
}
