//! A device that knows of no proxy, a box, and the Internet: three network namespaces, the firewall
//! rules of `config/nftables/preau.nft`, and the built daemon.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod ways;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    path::Path,
    process::{Command, Output, Stdio},
};

use nix::sys::socket::{setsockopt, sockopt};
use preau::demo::authority::Authority;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::support::{
    PATIENCE,
    netns::{self, Host, Running},
    tls, until,
};

/// Who has which address.
pub struct Plan {
    /// The box toward the device.
    pub carrier: &'static str,
    /// The box toward the Internet.
    pub outside: &'static str,
    pub device: &'static str,
    /// Of the devices.
    pub network: &'static str,
    pub good: &'static str,
    pub bad: &'static str,
    /// `cdn.example` has this and the address of `good.example`.
    pub both: &'static str,
    pub loopback: &'static str,
    /// Bare addresses, above all `bad` in several spellings.
    pub spellings: &'static [&'static str],
    /// What leads inside, in several spellings.
    pub inside: &'static [&'static str],
    prefix: u8,
}

pub const FOUR: Plan = Plan {
    carrier: "10.77.0.1",
    outside: "45.12.0.1",
    device: "10.77.0.2",
    network: "10.77.0.0/24",
    good: "45.12.0.2",
    bad: "45.12.0.3",
    both: "45.12.0.4",
    loopback: "127.0.0.1",
    spellings: &["45.12.0.3", "0x2d0c0003", "757858307", "[::ffff:45.12.0.3]", "45.12.0.2"],
    inside: &["127.0.0.1", "0x7f.1", "[::1]", "45.12.0.1"],
    prefix: 24,
};

pub const SIX: Plan = Plan {
    carrier: "fd77::1",
    outside: "2a02:7077::1",
    device: "fd77::2",
    network: "fd77::/64",
    good: "2a02:7077::2",
    bad: "2a02:7077::3",
    both: "2a02:7077::4",
    loopback: "::1",
    spellings: &[
        "[2a02:7077::3]",
        "[2A02:7077:0:0:0:0:0:3]",
        "[2a02:7077::0.0.0.3]",
        "[2a02:7077::2]",
        "45.12.0.3",
    ],
    inside: &[
        "[::1]",
        "[0:0::1]",
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.77.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::1]",
        "[fe80::1]",
        "[2a02:7077::1]",
    ],
    prefix: 64,
};

/// With a port.
pub fn at(address: &str, port: u16) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// As a host of an address.
pub fn bare(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

impl Plan {
    /// The region's policy as it is shipped, which closes bare addresses to pupils; and no site of
    /// that name.
    pub fn policy(&self) -> String {
        let region = concat!(env!("CARGO_MANIFEST_DIR"), "/config/region/policy.toml");
        format!(
            "[filter]\nregion = \"{region}\"\n\
             [[filter.periods]]\nname = \"cours\"\nhours = [\"lun-ven 08:00-18:00\"]\n\
             [[filter.profiles]]\nname = \"eleves\"\nnetworks = [\"{}\"]\n\
             [[filter.rules]]\nname = \"interdit d'essai\"\nsites = [\"bad.example\"]\n",
            self.network
        )
    }

    fn names(&self) -> String {
        let Self { good, bad, both, carrier, loopback, .. } = self;
        format!(
            "{good} good.example\n{bad} bad.example\n{both} cdn.example\n{good} cdn.example\n\
             {good} www.bing.com\n{both} strict.bing.com\n\
             {carrier} inside.example\n{loopback} loop.example\n"
        )
    }

    /// Gives the hosts their addresses, and the way through the box.
    fn lay(&self, device: &Host, carrier: &Host, internet: &Host) {
        let Self { prefix, network, .. } = self;
        let family = if self.prefix == SIX.prefix { "-6" } else { "-4" };
        for (host, interface, address) in [
            (device, "eth0", self.device),
            (carrier, "lan0", self.carrier),
            (carrier, "wan0", self.outside),
            (internet, "eth0", self.good),
            (internet, "eth0", self.bad),
            (internet, "eth0", self.both),
        ] {
            host.ip(&["address", "add", &format!("{address}/{prefix}"), "dev", interface]);
        }
        device.ip(&[family, "route", "add", "default", "via", self.carrier]);
        // What leaks would be answered, and seen.
        internet.ip(&[family, "route", "add", network, "via", self.outside]);
        carrier.ip(&[family, "rule", "add", "fwmark", "0x7072", "lookup", "7072"]);
        carrier.ip(&[family, "route", "add", "local", "default", "dev", "lo", "table", "7072"]);
    }
}

/// A device behind a box on the Internet; all of it ends with the test.
pub struct World {
    pub plan: &'static Plan,
    pub device: Host,
    pub folder: TempDir,
    _running: [Running; 2],
    authority: String,
    // After what runs in them.
    _box: Host,
    pub internet: Host,
}

impl World {
    /// Whose names have the addresses of this plan. That of IPv6 has those of IPv4 beside them, as
    /// networks do, and `four.example` by that alone.
    pub fn new(plan: &'static Plan, policy: &str) -> Self {
        let (device, carrier, internet) = (Host::new("device"), Host::new("box"), Host::new("net"));
        for host in [&device, &carrier, &internet] {
            // Nobody else is there: addresses are good at once.
            sysctl(host, "net.ipv6.conf.default.accept_dad=0");
            sysctl(host, "net.ipv6.conf.all.accept_dad=0");
        }
        netns::cable((&device, "eth0"), (&carrier, "lan0"));
        netns::cable((&carrier, "wan0"), (&internet, "eth0"));
        FOUR.lay(&device, &carrier, &internet);
        let mut names = plan.names();
        if plan.prefix == SIX.prefix {
            SIX.lay(&device, &carrier, &internet);
            names += &format!("{} four.example\n", FOUR.good);
        }
        device.knows(&names);
        carrier.knows(&names);
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("the Internet of a test").unwrap();
        for name in ["good", "bad", "cdn"] {
            // The safe host of an engine answers under the engine's own name.
            let also = if name == "bad" { "bad.invalid" } else { "www.bing.com" };
            let issued = authority.issue_now(&[&format!("{name}.example"), also]).unwrap();
            issued.write(folder.path(), name).unwrap();
        }
        let authority = authority.pem();
        fs::write(folder.path().join("authority.crt"), &authority).unwrap();
        let running = [
            origins(&internet, folder.path(), plan),
            firewall_and_daemon(&carrier, folder.path(), plan, policy),
        ];
        let world =
            Self { plan, device, folder, _running: running, authority, _box: carrier, internet };
        until("the daemon", || world.reach(&at(plan.carrier, 80)).ok());
        let site: SocketAddr = at(plan.good, 443).parse().unwrap();
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

    /// What a request in the clear to port 80 of this address is answered, head and body.
    pub fn ask(&self, address: &str, host: &str) -> String {
        self.ask_for(address, host, "/")
    }

    pub fn ask_for(&self, address: &str, host: &str, path: &str) -> String {
        let place = at(address, 80);
        let mut stream = self.reach(&place).unwrap_or_else(|error| panic!("{place}: {error}"));
        let ask = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        String::from_utf8(said).unwrap()
    }

    /// The first page of `name`, asked under TLS at port 443 of this address; the origin's
    /// certificate must be its own.
    pub fn ask_tls(&self, address: &str, name: &str) -> std::io::Result<String> {
        let (place, trusted) = (at(address, 443).parse().unwrap(), tls::trusting(&self.authority));
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

fn sysctl(host: &Host, setting: &str) {
    let done = host.command("sysctl").args(["-q", "-w", setting]).status().unwrap();
    assert!(done.success(), "{setting}");
}

/// nginx with a site at each address, and one at a port that nobody asked for.
fn origins(internet: &Host, folder: &Path, plan: &Plan) -> Running {
    let here = folder.display();
    let site = |name: &str, address: &str, four: &str| {
        let six = (address != four).then_some(address);
        let listen: String = std::iter::once(four)
            .chain(six)
            .map(|address| {
                let on = |port| at(address, port);
                format!("listen {}; listen {} ssl; listen {};\n", on(80), on(443), on(8081))
            })
            .collect::<Vec<_>>()
            .concat();
        format!(
            "server {{ {listen}\
             ssl_certificate {here}/{name}.crt; ssl_certificate_key {here}/{name}.key;\n\
             ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;\n\
             add_header Alt-Svc 'h3=\":443\"; ma=86400' always; default_type text/html;\n\
             location = /name {{ return 200 \"{name}\\n\"; }}\n\
             location / {{ return 200 \"this is {name} for $remote_addr\\n\"; }} }}\n"
        )
    };
    let sites = [
        site("good", plan.good, FOUR.good),
        site("bad", plan.bad, FOUR.bad),
        site("cdn", plan.both, FOUR.both),
    ]
    .concat();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {here}/{kind};\n"))
        .concat();
    let settings = format!(
        "daemon off; user root; worker_processes 1; pid {here}/nginx.pid; error_log {here}/nginx.err;\n\
         events {{ worker_connections 256; }} http {{ access_log off; {temporary} {sites} }}\n"
    );
    fs::write(folder.join("nginx.conf"), settings).unwrap();
    let mut command = internet.command("nginx");
    command.arg("-c").arg(folder.join("nginx.conf")).stderr(Stdio::null());
    Running(command.spawn().unwrap())
}

/// As `systemd/preau-nft.service` and the sockets' units do it. Over IPv4 the daemon makes its
/// sockets itself; over IPv6 it is given those of the units.
fn firewall_and_daemon(carrier: &Host, folder: &Path, plan: &Plan, policy: &str) -> Running {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/config/nftables/preau.nft");
    let loaded = carrier.command("nft").args(["-f", rules]).output().unwrap();
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    // A box that forwards is one where leaks would show.
    sysctl(carrier, "net.ipv4.ip_forward=1");
    sysctl(carrier, "net.ipv6.conf.all.forwarding=1");
    let (here, listen) = (folder.display(), at(plan.carrier, 80));
    let six = plan.prefix == SIX.prefix;
    let own = "[gateway.transparent]\nhttp = [\"0.0.0.0:3129\"]\ntls = [\"0.0.0.0:3130\"]\n";
    let settings = format!(
        "[school]\nuai = \"0510035L\"\nname = \"Lycée d'essai\"\n[access]\nsign_in = \"off\"\n\
         [network]\nlisten = [\"{listen}\"]\n\
         [store]\npath = \"{here}/data\"\nreserve = \"10 MB\"\n\
         [control]\nsocket = \"{here}/control.sock\"\n\
         [gateway]\nconnect_timeout = \"2s\"\n{}{policy}",
        if six { "" } else { own }
    );
    fs::write(folder.join("preau.toml"), settings).unwrap();
    let log = fs::File::create(folder.join("preau.log")).unwrap();
    let mut command = if six { with_sockets(carrier) } else { carrier.command(PREAU) };
    command.args(["run", "--config"]).arg(folder.join("preau.toml")).stderr(log);
    Running(command.spawn().unwrap())
}

const PREAU: &str = env!("CARGO_BIN_EXE_preau");
/// What systemd does for a service with sockets, `sd_listen_fds(3)`: its descriptors from 3 on.
const PASS: &str = "exec 3<&0 4<&1 0</dev/null 1>&2; export LISTEN_PID=$$ LISTEN_FDS=2 \
                    LISTEN_FDNAMES=tproxy-http:tproxy-tls; exec \"$@\"";

/// The daemon with the sockets of `preau-tproxy.socket` and `preau-tproxy-tls.socket`.
fn with_sockets(carrier: &Host) -> Command {
    let [plain, tls] = [3129, 3130].map(|port| carrier.within(|| taking(port)));
    let mut command = carrier.command("sh");
    command.args(["-c", PASS, "sh", PREAU]);
    command.stdin(OwnedFd::from(plain)).stdout(OwnedFd::from(tls));
    command
}

/// `ListenStream=PORT`, `BindIPv6Only=both`, `Transparent=yes`: of both families.
fn taking(port: u16) -> TcpListener {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
    socket.set_only_v6(false).unwrap();
    socket.set_reuse_address(true).unwrap();
    // One flag of the socket, whichever family's option sets it.
    setsockopt(&socket, sockopt::IpTransparent, &true).unwrap();
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into()).unwrap();
    socket.listen(128).unwrap();
    socket.into()
}
