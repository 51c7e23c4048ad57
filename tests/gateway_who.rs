//! Who a device is, to the gateway: by the interface that leads there, and by whoever signed in at
//! the portal from it. The built box, with devices on two networks in namespaces of their own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod library_support;
mod publication_support;
mod support;

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use library_support::ent::Ent;
use support::{
    PATIENCE,
    http::{self, Page},
    netns::{self, Host, Running, allowed},
    school_box, until,
};
use tempfile::TempDir;
use url::Url;

const SITE: &str = "45.12.0.2";
const POLICY: &str = r#"
[[filter.profiles]]
name = "professeurs"
roles = ["teacher"]
[[filter.profiles]]
name = "salle"
interfaces = ["lan0"]
[[filter.profiles]]
name = "libre"
interfaces = ["lan1"]
[[filter.rules]]
name = "interdit en salle"
sites = ["site.example"]
profiles = ["salle"]
"#;

/// Two devices, each on a network of its own, behind a box on the Internet.
struct World {
    room: Device,
    other: Device,
    _daemon: Running,
    folder: TempDir,
    // After what runs in them.
    _ent: Ent,
    _box: Host,
    _internet: Host,
}

/// A device, and the box's addresses on its network.
struct Device {
    host: Host,
    gateway: &'static str,
    six: &'static str,
}

impl World {
    fn new() -> Self {
        let [room, other, carrier, internet] = ["room", "other", "box", "net"].map(Host::new);
        netns::join((&room, "eth0", "10.77.0.2/24"), (&carrier, "lan0", "10.77.0.1/24"));
        netns::join((&other, "eth0", "10.78.0.2/24"), (&carrier, "lan1", "10.78.0.1/24"));
        for (host, interface, address) in [
            (&room, "eth0", "fd00:77::2/64"),
            (&carrier, "lan0", "fd00:77::1/64"),
            (&other, "eth0", "fd00:78::2/64"),
            (&carrier, "lan1", "fd00:78::1/64"),
        ] {
            host.ip(&["address", "add", address, "dev", interface, "nodad"]);
        }
        netns::join((&carrier, "wan0", "45.12.0.1/24"), (&internet, "eth0", "45.12.0.2/24"));
        carrier.knows(&format!("{SITE} site.example\n"));
        internet.within(site);
        let folder = tempfile::tempdir().unwrap();
        let ent = carrier.within(Ent::start);
        let at = folder.path().display();
        let settings = format!(
            "[school]\nuai = \"0510035L\"\nname = \"Lycée d'essai\"\n{}\
             [store]\npath = \"{at}/data\"\nreserve = \"10 MB\"\n\
             [control]\nsocket = \"{at}/control.sock\"\n\
             [gateway]\nlisten = [\"0.0.0.0:3128\", \"[::]:3128\"]\n{POLICY}",
            ent.settings().replacen("[network]\n", "[network]\nlisten = [\"0.0.0.0:80\"]\n", 1),
        );
        fs::write(folder.path().join("preau.toml"), settings).unwrap();
        let log = fs::File::create(folder.path().join("preau.log")).unwrap();
        let mut command: Command = carrier.command(env!("CARGO_BIN_EXE_preau"));
        command.args(["run", "--config"]).arg(folder.path().join("preau.toml")).stderr(log);
        let daemon = Running(command.spawn().unwrap());
        let room = Device { host: room, gateway: "10.77.0.1", six: "[fd00:77::1]" };
        let other = Device { host: other, gateway: "10.78.0.1", six: "[fd00:78::1]" };
        let world = Self {
            room,
            other,
            _daemon: daemon,
            folder,
            _ent: ent,
            _box: carrier,
            _internet: internet,
        };
        until("the daemon", || world.room.reach(80).ok());
        world
    }

    /// By whose rules the box says that this address is judged now.
    fn profile_of(&self, address: &str) -> String {
        let words = ["filter", "explain", "http://site.example/", "--from", address, "--json"];
        let output = school_box::preau(self.folder.path(), &words);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        told["reason"]["profile"].as_str().unwrap().to_owned()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("preau.log")).unwrap()
    }
}

/// The site, at ports 80 and 443, in the clear: it says one line, and then what it hears.
fn site() {
    for port in [80, 443] {
        let listener = TcpListener::bind((SITE, port)).unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let said = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nthe site";
                    let mut heard = [0; 4096];
                    while stream.read(&mut heard).is_ok_and(|read| read > 0) {
                        if stream.write_all(said.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
    }
}

impl Device {
    fn reach(&self, port: u16) -> std::io::Result<TcpStream> {
        self.reach_at(self.gateway, port)
    }

    fn reach_at(&self, address: &str, port: u16) -> std::io::Result<TcpStream> {
        let place: SocketAddr = format!("{address}:{port}").parse().unwrap();
        self.host.within(|| {
            let stream = TcpStream::connect_timeout(&place, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        })
    }

    /// What the proxy answers to these bytes, until it ends or has said `enough`.
    fn proxied(&self, bytes: &str, enough: &str) -> (TcpStream, String) {
        Self::said(self.reach(3128).unwrap(), bytes, enough)
    }

    fn said(mut stream: TcpStream, bytes: &str, enough: &str) -> (TcpStream, String) {
        stream.write_all(bytes.as_bytes()).unwrap();
        let (mut said, mut piece) = (String::new(), [0; 4096]);
        while enough.is_empty() || !said.contains(enough) {
            match stream.read(&mut piece) {
                Ok(read) if read > 0 => said += &String::from_utf8_lossy(&piece[..read]),
                _ => break,
            }
        }
        (stream, said)
    }

    /// Its first page, in the clear.
    fn sees_the_site(&self) -> bool {
        self.sees_the_site_by(self.gateway)
    }

    fn sees_the_site_by(&self, gateway: &str) -> bool {
        let ask = "GET http://site.example/ HTTP/1.1\r\nHost: site.example\r\n\
                   Connection: close\r\n\r\n";
        let said = Self::said(self.reach_at(gateway, 3128).unwrap(), ask, "the site").1;
        let refused = said.starts_with("HTTP/1.1 403") && said.contains("interdit en salle");
        assert!(refused || said.ends_with("the site"), "{said}");
        !refused
    }

    fn tunnel(&self) -> (TcpStream, String) {
        let ask = "CONNECT site.example:443 HTTP/1.1\r\nHost: site.example:443\r\n\r\n";
        self.proxied(ask, "\r\n\r\n")
    }
}

/// Someone with a browser on a device.
struct Person<'w> {
    device: &'w Device,
    cookies: BTreeMap<String, String>,
    /// Asks the portal through the box's own proxy.
    by_proxy: bool,
}

impl<'w> Person<'w> {
    fn at(device: &'w Device) -> Self {
        Self { device, cookies: BTreeMap::new(), by_proxy: false }
    }

    fn send(&mut self, method: &str, path: &str, more: &str, body: &str) -> Page {
        let place: SocketAddr = format!("{}:80", self.device.gateway).parse().unwrap();
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let fields = format!("Cookie: {}\r\n{more}", cookies.join("; "));
        let page = if self.by_proxy {
            let length = body.len();
            let ask = format!(
                "{method} http://{place}{path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\
                 Content-Length: {length}\r\n{fields}\r\n{body}"
            );
            Page::parse(path, self.device.proxied(&ask, "").1.as_bytes())
        } else {
            self.device.host.within(|| http::send(place, method, path, &fields, body.as_bytes()))
        };
        for line in page.head.lines().filter(|line| line.to_lowercase().starts_with("set-cookie:"))
        {
            let pair = line.split_once(':').unwrap().1.trim().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        page
    }

    fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, "", "")
    }

    /// Signs in at the ENT, and lands on the shelf.
    fn signs_in(&mut self, id: &str, role: &str) {
        let away = self.get("/connexion/ent?retour=%2F");
        assert_eq!(away.status, 303, "{}", away.text());
        let login: Url = away.field("location").unwrap().parse().unwrap();
        let service = login.query_pairs().find(|(name, _)| name == "service").unwrap().1;
        let service: Url = service.parse().unwrap();
        let ticket = format!("ST-1.{id}.{role}.0510035L.2DE3.{}", rand::random::<u64>());
        let query = service.query().unwrap();
        let landed = self.get(&format!("/connexion/retour?{query}&ticket={ticket}"));
        assert_eq!(landed.status, 303, "{}", landed.text());
        assert_eq!(self.get("/").status, 200);
    }

    fn signs_out(&mut self) {
        let page = self.get("/deconnexion").text();
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
        let token = rest.split('"').next().unwrap();
        let more = "Content-Type: application/x-www-form-urlencoded\r\n";
        let left = self.send("POST", "/deconnexion", more, &format!("csrf={token}"));
        assert_eq!(left.status, 303, "{}", left.text());
    }
}

#[test]
fn a_site_opens_for_a_teacher_at_this_device_and_closes_when_they_sign_out() {
    if !allowed() {
        return;
    }
    let world = World::new();
    // Two interfaces, two profiles: the network that leads to a device says what it may.
    assert!(!world.room.sees_the_site(), "{}", world.log());
    assert!(world.other.sees_the_site(), "{}", world.log());
    assert!(!world.room.sees_the_site_by(world.room.six), "{}", world.log());
    assert!(world.other.sees_the_site_by(world.other.six), "{}", world.log());

    let mut teacher = Person::at(&world.room);
    teacher.signs_in("prof", "National_ENS");
    assert!(world.room.sees_the_site(), "{}", world.log());
    let (mut open, head) = world.room.tunnel();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    open.write_all(b"x").unwrap();
    assert!(open.read(&mut [0; 64]).unwrap() > 0);

    // A tunnel is judged anew every half minute; this is not waited for.
    let begun = Instant::now();
    teacher.signs_out();
    let mut rest = Vec::new();
    let _ = open.read_to_end(&mut rest);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(!world.room.sees_the_site());
    assert!(world.room.tunnel().1.starts_with("HTTP/1.1 403"));

    // Whom a teacher's sign-in leaves in their place.
    teacher.signs_in("prof", "National_ENS");
    assert!(world.room.sees_the_site());
    Person::at(&world.room).signs_in("eleve", "National_ELV");
    assert!(!world.room.sees_the_site());
}

#[test]
fn a_sign_in_by_the_proxy_is_nobody_s_and_another_device_is_nobody_either() {
    if !allowed() {
        return;
    }
    let world = World::new();
    let mut teacher = Person { by_proxy: true, ..Person::at(&world.room) };
    teacher.signs_in("prof", "National_ENS");
    // The library saw the box's own address, which is no device's.
    assert!(!world.room.sees_the_site());
    assert_eq!(world.profile_of("10.77.0.1"), "salle", "the box's own address");
    teacher.by_proxy = false;
    assert_eq!(teacher.get("/moi").status, 200);
    assert!(world.room.sees_the_site(), "the same session, seen from the device itself");
    assert_eq!(world.profile_of("10.77.0.2"), "professeurs");

    // Another device takes the address: its hardware says so, once the box has looked around.
    let eth0 = ["link", "set", "eth0"];
    world.room.host.ip(&[&eth0[..], &["down"]].concat());
    world.room.host.ip(&[&eth0[..], &["address", "02:00:5e:00:00:77"]].concat());
    world.room.host.ip(&[&eth0[..], &["up"]].concat());
    until("the address is somebody else's", || (!world.room.sees_the_site()).then_some(()));
}
