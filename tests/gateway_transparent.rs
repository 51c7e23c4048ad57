//! Devices that know of no proxy: in three network namespaces (a device, the box, the Internet) and
//! behind the firewall rules of `config/nftables/preau.nft`, they reach what they may, untouched, and
//! nothing by another way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::{
    fs,
    io::{
        ErrorKind::{ConnectionRefused, HostUnreachable, PermissionDenied},
        Read as _, Write as _,
    },
    net::{SocketAddr, TcpStream, UdpSocket},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use nix::{sys::signal, unistd::Pid};
use preau::demo::authority::Authority;
use support::{
    PATIENCE,
    netns::{self, Host},
    tls, until,
};
use tempfile::TempDir;

const BOX: &str = "10.77.0.1";
const GOOD: &str = "45.12.0.2";
const BAD: &str = "45.12.0.3";
/// Has the address of `good.example` and another.
const BOTH: &str = "45.12.0.4";
const NAMES: &str = "45.12.0.2 good.example\n45.12.0.3 bad.example\n45.12.0.4 cdn.example\n\
                     45.12.0.2 www.bing.com\n45.12.0.4 strict.bing.com\n\
                     45.12.0.2 cdn.example\n10.77.0.1 inside.example\n127.0.0.1 loop.example\n";

/// A device behind a box on the Internet; all of it ends with the test.
struct World {
    device: Host,
    _running: [Running; 2],
    folder: TempDir,
    authority: String,
    // After what runs in them.
    _box: Host,
    _internet: Host,
}

/// Namespaces are root's to make. Elsewhere a test is skipped, loudly.
fn allowed() -> bool {
    let root = nix::unistd::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "network namespaces need root");
    if !root {
        eprintln!("SKIPPED: network namespaces need root");
    }
    root
}

impl World {
    fn new(policy: &str) -> Self {
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
        let world = Self {
            device,
            _running: running,
            folder,
            authority,
            _box: carrier,
            _internet: internet,
        };
        until("the daemon", || world.reach(&format!("{BOX}:80")).ok());
        world
    }

    /// A connection of the device.
    fn reach(&self, place: &str) -> std::io::Result<TcpStream> {
        let place: SocketAddr = place.parse().unwrap();
        self.device.within(|| {
            let stream = TcpStream::connect_timeout(&place, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        })
    }

    /// What a request in the clear to this address is answered, head and body.
    fn ask(&self, place: &str, host: &str) -> String {
        self.ask_for(place, host, "/")
    }

    fn ask_for(&self, place: &str, host: &str, path: &str) -> String {
        let mut stream = self.reach(place).unwrap();
        let ask = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        String::from_utf8(said).unwrap()
    }

    /// The first page of `name`, asked under TLS at this address; the origin's certificate must be
    /// its own.
    fn ask_tls(&self, place: &str, name: &str) -> std::io::Result<String> {
        let (place, trusted) = (place.parse().unwrap(), tls::trusting(&self.authority));
        let opened = self.device.within(|| tls::connect(place, name, &trusted))?;
        Ok(tls::ask(opened, "GET", name, "/", "").text())
    }

    fn curl(&self, words: &[&str]) -> Output {
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
             add_header Alt-Svc 'h3=\":443\"; ma=86400' always; default_type text/html;\n\
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

#[test]
fn a_device_that_knows_of_no_proxy_reaches_sites_untouched_and_nothing_by_a_false_name() {
    if !allowed() {
        return;
    }
    let world = World::new("");
    // Carried, by the box: the origin sees its address, and shows its own certificate.
    let clear = world.ask(&format!("{GOOD}:80"), "good.example");
    assert!(clear.contains("this is good for 45.12.0.1"), "{clear}");
    let secure = world.ask_tls(&format!("{GOOD}:443"), "good.example").unwrap();
    assert_eq!(secure, "this is good for 45.12.0.1\n");
    let curl = world.curl(&["https://good.example/", "http://bad.example/"]);
    let said = String::from_utf8_lossy(&curl.stdout);
    assert_eq!(said, "this is good for 45.12.0.1\nthis is bad for 45.12.0.1\n");

    // A name in front of another's address opens the place of that name.
    let false_name = world.ask_tls(&format!("{BAD}:443"), "good.example").unwrap();
    assert_eq!(false_name, "this is good for 45.12.0.1\n");
    let false_host = world.ask(&format!("{BAD}:80"), "good.example");
    assert!(false_host.contains("this is good"), "{false_host}");
    // An address that the name does have is the one that is dialled.
    let other = world.ask_tls(&format!("{BOTH}:443"), "cdn.example").unwrap();
    assert_eq!(other, "this is cdn for 45.12.0.1\n");
    // A name that nobody knows opens nothing, wherever it was sent.
    assert!(world.ask_tls(&format!("{GOOD}:443"), "nowhere.example").is_err());

    // Without a name, by address alone, nothing goes under TLS; the alert says so at once.
    assert!(world.ask_tls(&format!("{BAD}:443"), BAD).is_err());
    let mut silent = world.reach(&format!("{BAD}:443")).unwrap();
    silent.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
    let mut said = Vec::new();
    let _ = silent.read_to_end(&mut said);
    assert_eq!(said, b"", "what is no TLS gets no word");
}

#[test]
fn no_other_way_leads_out() {
    if !allowed() {
        return;
    }
    let world = World::new("");
    // Ports that nobody opened, private resolvers, and QUIC: refused at once, not left to wait.
    for place in [format!("{GOOD}:8081"), format!("{GOOD}:853"), format!("{GOOD}:22")] {
        let begun = std::time::Instant::now();
        assert!(world.reach(&place).is_err(), "{place}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{place} let the device wait");
    }
    let refused = world.device.within(|| {
        let socket = UdpSocket::bind("10.77.0.2:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(format!("{GOOD}:443")).unwrap();
        let _ = socket.send(&[0xc0; 1200]);
        socket.recv(&mut [0; 64]).unwrap_err()
    });
    assert!(
        [ConnectionRefused, HostUnreachable, PermissionDenied].contains(&refused.kind()),
        "QUIC: {refused}"
    );
    // The box is no stepping stone: not to itself, not to the inside, by no spelling.
    for host in ["inside.example", "loop.example", "127.0.0.1", "0x7f.1", "[::1]", "localhost"] {
        let said = world.ask(&format!("{GOOD}:80"), host);
        assert!(said.starts_with("HTTP/1.1 403"), "{host}: {said}");
    }
    let library = world.ask(&format!("{GOOD}:80"), BOX);
    assert!(library.contains("Les manuels de l"), "the box's address is its library: {library}");
    for name in ["inside.example", "loop.example", "localhost"] {
        assert!(world.ask_tls(&format!("{GOOD}:443"), name).is_err(), "{name}");
    }
    // Nor are its sockets for taken connections there to be dialled.
    for port in [3129, 3130] {
        assert!(world.reach(&format!("{BOX}:{port}")).is_err(), "{port}");
    }
}

/// The region's policy as it is shipped, which closes bare addresses to pupils; and no site of that
/// name.
const POLICY: &str = concat!(
    "[filter]\nregion = \"",
    env!("CARGO_MANIFEST_DIR"),
    r#"/config/region/policy.toml"
[[filter.periods]]
name = "cours"
hours = ["lun-ven 08:00-18:00"]
[[filter.profiles]]
name = "eleves"
networks = ["10.77.0.0/24"]
[[filter.rules]]
name = "interdit d'essai"
sites = ["bad.example"]
"#
);

#[test]
fn a_refused_site_is_refused_by_name_whatever_the_way() {
    if !allowed() {
        return;
    }
    let world = World::new(POLICY);
    let clear = world.ask(&format!("{BAD}:80"), "bad.example");
    assert!(clear.starts_with("HTTP/1.1 403") && clear.contains("interdit d"), "{clear}");
    let alert = world.ask_tls(&format!("{BAD}:443"), "bad.example").unwrap_err();
    assert!(alert.to_string().contains("AccessDenied"), "{alert}");
    let addresses = [BAD, "0x2d0c0003", "757858307", "[::ffff:45.12.0.3]", GOOD];
    for host in ["BAD.Example.", "sub.bad.example"].into_iter().chain(addresses) {
        let said = world.ask(&format!("{BAD}:80"), host);
        assert!(said.starts_with("HTTP/1.1 403"), "{host}: {said}");
        let rule = if addresses.contains(&host) { "adresses nues" } else { "interdit d" };
        assert!(said.contains(rule), "{host}: {said}");
        let behind = world.ask(&format!("{GOOD}:80"), host);
        assert!(behind.starts_with("HTTP/1.1 403"), "{host}: {behind}");
    }
    // The page that the refusal leads to tells this device what it was refused.
    assert!(clear.contains(&format!("http://{BOX}/bloque")), "{clear}");
    let lately = world.ask_for(&format!("{BOX}:80"), BOX, "/bloque");
    assert!(lately.starts_with("HTTP/1.1 200") && lately.contains("interdit d"), "{lately}");
    assert!(lately.contains("bad.example") && lately.contains(BAD), "{lately}");
    // Sent to an address that may be reached, the refused name is still refused.
    assert!(world.ask_tls(&format!("{GOOD}:443"), "bad.example").is_err());
    let good = world.ask_tls(&format!("{GOOD}:443"), "good.example").unwrap();
    assert_eq!(good, "this is good for 45.12.0.1\n");
}

/// By the interface that leads to the device: it searches safely.
const SAFELY: &str = r#"
[[filter.profiles]]
name = "eleves"
interfaces = ["lan0"]
safe_search = "strict"
[[filter.profiles]]
name = "autres"
"#;

#[test]
fn an_engine_is_taken_on_its_way_to_its_safe_host() {
    if !allowed() {
        return;
    }
    let usual = World::new("");
    let secure = usual.ask_tls(&format!("{GOOD}:443"), "www.bing.com").unwrap();
    assert_eq!(secure, "this is good for 45.12.0.1\n");
    drop(usual);
    let world = World::new(SAFELY);
    // The engine's own certificate is seen, at the safe host's address.
    let secure = world.ask_tls(&format!("{GOOD}:443"), "www.bing.com").unwrap();
    assert_eq!(secure, "this is cdn for 45.12.0.1\n");
    let clear = world.ask(&format!("{GOOD}:80"), "www.bing.com");
    assert!(clear.contains("this is cdn for 45.12.0.1"), "{clear}");
    let other = world.ask_tls(&format!("{GOOD}:443"), "good.example").unwrap();
    assert_eq!(other, "this is good for 45.12.0.1\n");
}

#[test]
#[ignore = "needs Chromium: scripts/test runs it"]
fn chromium_with_nothing_configured_is_filtered_by_name() {
    if !allowed() || !support::browser::present() {
        return;
    }
    let world = World::new(POLICY);
    let profile = world.folder.path().join("chromium");
    let page = |address: &str| {
        let mut command = world.device.command("chromium");
        // The test's authority is no browser's: only there is the certificate not looked at; curl
        // above sees that it is the origin's own.
        let output = command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--ignore-certificate-errors", "--enable-quic"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(["--dump-dom", address])
            .output()
            .unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    // The second time it knows that the site offers QUIC, too, and gives way to TCP.
    for _ in 0..2 {
        let good = page("https://good.example/");
        assert!(good.contains("this is good for 45.12.0.1"), "{good}");
    }
    let clear = page("http://bad.example/");
    assert!(clear.contains("interdit d"), "the refusal's page: {clear}");
    let secure = page("https://bad.example/");
    assert!(!secure.contains("this is bad") && secure.contains("ERR_"), "{secure}");
}
