//! Schools with real links, each between real kernels: in a school's host its box, behind up to four
//! interfaces the operator's routers in another, behind those the Internet, shared by all, with nginx and a
//! resolver. A link's cable is a veth, which is cut, muted, made to lose or to be slow.

#![allow(dead_code, reason = "each test uses its own part")]

use std::{
    fs,
    path::Path,
    process::Stdio,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use preau::{
    config::Config,
    demo::authority::Authority,
    health::{
        finding::{Finding, Kind, Verdict, Watcher as _},
        link::{Links, Pace},
    },
    store::{Store, StoreOptions},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::support::{
    names::{Names, Zone},
    netns::{self, Host, Running},
    until,
};

/// What is asked on the Internet: a GAR, an ENT and an anchor.
pub const TARGETS: [&str; 3] = ["198.18.0.1", "198.18.0.2", "198.18.0.3"];
const NAMES: Zone = &[("www.example", &["198.18.0.1"])];
/// Bytes of the region's object.
const OBJECT_BYTES: u64 = 400 << 20;

/// The Internet.
pub struct Internet {
    pub host: Host,
    pub folder: TempDir,
    pub store: Store,
    _nginx: Running,
    _names: Names,
}

impl Internet {
    pub fn new() -> Self {
        let host = Host::new("lnet");
        for target in TARGETS {
            host.ip(&["address", "add", &format!("{target}/32"), "dev", "lo"]);
        }
        let folder = tempfile::tempdir().unwrap();
        let nginx = nginx(&host, folder.path());
        let at = (TARGETS[2].parse::<std::net::IpAddr>().unwrap(), 53).into();
        let names = host.within(|| Names::at(at, NAMES));
        until("nginx", || host.within(|| std::net::TcpStream::connect((TARGETS[0], 443)).ok()));
        let text = settings(folder.path(), "");
        let config = Config::parse("t", &text).unwrap().0;
        let store = Store::open(StoreOptions::of(&config.store)).unwrap();
        Self { host, folder, store, _nginx: nginx, _names: names }
    }
}

fn settings(folder: &Path, more: &str) -> String {
    let at = folder.display();
    format!(
        "[school]\nuai = \"0510035L\"\nname = \"Lycée d'essai\"\ntimezone = \"UTC\"\n\
         [access]\nsign_in = \"off\"\n[network]\nextra_authorities = [\"{at}/root.pem\"]\n\
         [store]\npath = \"{at}/data\"\nreserve = \"10 MB\"\n{more}"
    )
}

/// nginx with a large object, and a place to send to, in the clear and under TLS.
fn nginx(host: &Host, folder: &Path) -> Running {
    let authority = Authority::new("the Internet of a test").unwrap();
    fs::write(folder.join("root.pem"), authority.pem()).unwrap();
    authority.issue_now(&["198.18.0.1"]).unwrap().write(folder, "site").unwrap();
    let at = folder.display();
    fs::create_dir(folder.join("site")).unwrap();
    // All holes: it takes no room.
    fs::File::create(folder.join("site/object")).unwrap().set_len(OBJECT_BYTES).unwrap();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
        .concat();
    let settings = format!(
        "daemon off; user root; worker_processes 1; pid {at}/nginx.pid; error_log {at}/nginx.err;\n\
         events {{ worker_connections 4096; }} http {{ access_log off; {temporary}\n\
         server {{ listen 80; listen 443 ssl; root {at}/site; client_max_body_size 0;\n\
         ssl_certificate {at}/site.crt; ssl_certificate_key {at}/site.key;\n\
         location /sent/ {{ dav_methods PUT; create_full_put_path on; }}\n\
         location / {{ }} }} }}\n"
    );
    fs::write(folder.join("nginx.conf"), settings).unwrap();
    let mut command = host.command("nginx");
    command.arg("-c").arg(folder.join("nginx.conf")).stderr(Stdio::null());
    Running(command.spawn().unwrap())
}

/// How a cable is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// The interface loses its carrier.
    Carrier,
    /// Beyond the operator's router all is lost without a word.
    Silent,
    /// The operator's router says of everything that it cannot be reached.
    Refused,
    /// What the school sends is lost.
    Sent,
    /// What it should receive is.
    Received,
    /// The router itself is silent too.
    Router,
}

pub const CUTS: [Cut; 6] =
    [Cut::Carrier, Cut::Silent, Cut::Refused, Cut::Sent, Cut::Received, Cut::Router];

/// A school.
pub struct School {
    pub links: Links,
    pub number: usize,
    pub carrier: Host,
    pub operator: Host,
    token: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl School {
    /// With so many links, measured at this pace; `more` is added to its settings.
    pub fn new(internet: &Internet, number: usize, links: usize, pace: Pace, more: &str) -> Self {
        let carrier = Host::new(&format!("lbox{number}"));
        let operator = Host::new(&format!("lop{number}"));
        let up = format!("u{number}");
        let (near, far) = (format!("10.78.{number}.1/30"), format!("10.78.{number}.2/30"));
        netns::join((&operator, "up0", &near), (&internet.host, &up, &far));
        operator.ip(&["route", "add", "default", "via", &format!("10.78.{number}.2")]);
        operator.within(|| fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
        // What the image sets, and Debian 12 does not.
        let range = "/proc/sys/net/ipv4/ping_group_range";
        carrier.within(|| fs::write(range, "0 2147483647").unwrap());
        for link in 0..links {
            let (wan, lan) = (format!("wan{link}"), format!("lan{link}"));
            let [router, own] = [1, 2].map(|host| address(number, link, host));
            netns::join(
                (&carrier, &wan, &format!("{own}/30")),
                (&operator, &lan, &format!("{router}/30")),
            );
            let metric = (100 + link).to_string();
            carrier
                .ip(&["route", "add", "default", "via", &router, "dev", &wan, "metric", &metric]);
        }
        let net = format!("10.{}.0.0/16", 100 + number);
        let router = format!("10.78.{number}.1");
        internet.host.ip(&["route", "add", &net, "via", &router]);
        rules(
            &operator,
            "add table inet cut; add chain inet cut way { type filter hook forward priority 0; }; \
                add chain inet cut own { type filter hook input priority 0; }",
        );
        let text = settings(internet.folder.path(), &measured(number, links, more));
        let (config, _) = Config::parse("t", &text).unwrap_or_else(|error| panic!("{error}"));
        let links = Links::paced(&config, internet.store.clone(), pace).unwrap().unwrap();
        let mut school = Self {
            links,
            number,
            carrier,
            operator,
            token: CancellationToken::new(),
            thread: None,
        };
        school.start();
        school
    }

    /// The box at work, in its own host, on a thread of its own.
    fn start(&mut self) {
        let (links, token) = (self.links.clone(), self.token.clone());
        let thread = self.carrier.within(|| {
            // Threads are born in the host of their parent.
            thread::spawn(move || {
                let mut builder = tokio::runtime::Builder::new_current_thread();
                builder.enable_all().build().unwrap().block_on(links.run(token));
            })
        });
        self.thread = Some(thread);
    }

    /// Does something with the links there.
    pub fn at_box<T: Send>(&self, work: impl AsyncFnOnce(&Links) -> T + Send) -> T {
        self.carrier.within(|| {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().build().unwrap().block_on(work(&self.links))
        })
    }

    pub fn cut(&self, link: usize, cut: Cut) {
        let lan = format!("lan{link}");
        match cut {
            Cut::Carrier => self.operator.ip(&["link", "set", &lan, "down"]),
            Cut::Silent => rules(
                &self.operator,
                &format!(
                    "add rule inet cut way iifname {lan} drop; add rule inet cut way oifname {lan} drop"
                ),
            ),
            Cut::Refused => {
                let said = "reject with icmp type host-unreachable";
                rules(&self.operator, &format!("add rule inet cut way iifname {lan} {said}"));
            }
            Cut::Sent => {
                rules(&self.operator, &format!("add rule inet cut way iifname {lan} drop"));
            }
            Cut::Received => {
                rules(&self.operator, &format!("add rule inet cut way oifname {lan} drop"));
            }
            Cut::Router => rules(
                &self.operator,
                &format!(
                    "add rule inet cut way iifname {lan} drop; add rule inet cut own iifname {lan} drop"
                ),
            ),
        }
    }

    /// All links are whole again.
    pub fn mend(&self, links: usize) {
        rules(&self.operator, "flush table inet cut");
        for link in 0..links {
            self.operator.ip(&["link", "set", &format!("lan{link}"), "up"]);
        }
    }

    pub fn finding(&self, kind: Kind, link: usize) -> Option<Finding> {
        let subject = format!("wan{link}");
        let found = self.links.findings(Timestamp::now());
        found.into_iter().find(|one| one.kind == kind && one.subject == subject)
    }

    pub fn verdict(&self, kind: Kind, link: usize) -> Option<Verdict> {
        self.finding(kind, link).map(|finding| finding.verdict)
    }
}

impl Drop for School {
    fn drop(&mut self) {
        self.token.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Each link has a network of four addresses of its own: the router's, and the box's.
pub fn address(school: usize, link: usize, host: usize) -> String {
    format!("10.{}.{link}.{host}", 100 + school)
}

fn measured(number: usize, links: usize, more: &str) -> String {
    let mut text = String::new();
    for link in 0..links {
        let gateway = address(number, link, 1);
        text += &format!(
            "[[health.links]]\nname = \"wan{link}\"\ninterface = \"wan{link}\"\n\
             network = \"IHDEAL\"\nreference = \"FTTO-{link}\"\ndown = \"20 Mbit/s\"\n\
             gateway = \"{gateway}\"\n"
        );
    }
    for (role, target) in ["gar", "ent", "anchor"].into_iter().zip(TARGETS) {
        text += &format!(
            "[[health.targets]]\nname = \"{role}\"\nrole = \"{role}\"\naddress = \"{target}\"\n\
             tcp = 443\n"
        );
    }
    text + more
}

/// Rules of nftables, on a host.
pub fn rules(host: &Host, rules: &str) {
    host.run("nft", &[rules]);
}

/// Waits for something that may take so long; how long it took, or nothing when it did not come.
pub fn within(limit: Duration, mut done: impl FnMut() -> bool) -> Option<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if done() {
            return Some(begun.elapsed());
        }
        #[allow(clippy::disallowed_methods, reason = "a pause between two looks, on no runtime")]
        thread::sleep(Duration::from_millis(20));
    }
    None
}

/// Least, middle and most.
pub fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |part: usize| times.get(part).map_or(0.0, Duration::as_secs_f64);
    format!(
        "{:4} of them, least {:.1} s, middle {:.1} s, most {:.1} s",
        times.len(),
        at(0),
        at(times.len() / 2),
        at(times.len().saturating_sub(1))
    )
}
