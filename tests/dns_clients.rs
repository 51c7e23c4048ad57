//! Others' programs as a school's devices: `drill` of ldns, and systemd-resolved, which most Linux
//! desktops ask by. Each in a network namespace, the box in another.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use support::{
    names::{Names, Zone},
    netns::{self, Host, Running, allowed},
    school_box::SchoolBox,
    until,
};
use tempfile::TempDir;

const BOX: &str = "10.78.0.1";
const ZONE: Zone =
    &[("www.example.org", &["9.9.9.9", "2620:fe::9"]), ("alias.example.org", &["www.example.org"])];
const POLICY: &str = r#"
[[filter.profiles]]
name = "eleves"
networks = ["10.0.0.0/8"]
[[filter.rules]]
name = "jeux en ligne"
sites = ["jeux.example"]
"#;

/// A device and a box, each a host of its own.
struct School {
    _school: SchoolBox,
    names: Names,
    device: Host,
    // After what runs in it.
    _carrier: Host,
}

impl School {
    fn start() -> Self {
        let (device, carrier) = (Host::new("device"), Host::new("box"));
        netns::join((&device, "eth0", "10.78.0.2/24"), (&carrier, "lan0", "10.78.0.1/24"));
        let (names, school) = carrier.within(|| {
            let names = Names::start(ZONE);
            let settings = format!(
                "[dns]\nlisten = [\"{BOX}:53\"]\nresolvers = [\"{}\"]\nzone = \"preau.lan\"\n{POLICY}",
                names.address
            );
            (names, SchoolBox::start("0510035L", &settings))
        });
        Self { _school: school, names, device, _carrier: carrier }
    }

    /// What a program says on the device.
    fn say(&self, program: &str, words: &str) -> String {
        let output = self.device.command(program).args(words.split(' ')).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!said.is_empty(), "{program}, scripts/install test: {output:?}");
        said
    }
}

#[test]
fn drill_is_told_by_udp_and_tcp_and_with_signatures_wanted() {
    if !allowed() {
        return;
    }
    let school = School::start();
    for way in ["", "-t ", "-D "] {
        let said = school.say("drill", &format!("{way}www.example.org @{BOX} A"));
        assert!(said.contains("rcode: NOERROR") && said.contains("9.9.9.9"), "{way}{said}");
        let said = school.say("drill", &format!("{way}alias.example.org @{BOX} AAAA"));
        assert!(said.contains("CNAME\twww.example.org.") && said.contains("2620:fe::9"), "{said}");
        let refused = school.say("drill", &format!("{way}www.jeux.example @{BOX} A"));
        assert!(refused.contains("rcode: NXDOMAIN"), "{refused}");
    }
    let own = school.say("drill", &format!("manuels.preau.lan @{BOX} A"));
    assert!(own.contains(BOX) && own.contains("rcode: NOERROR"), "{own}");
    let reverse = school.say("drill", &format!("-x {BOX} @{BOX}"));
    assert!(reverse.contains("preau.preau.lan."), "{reverse}");
    assert!(!school.names.heard().iter().any(|asked| asked.contains("jeux")));
}

/// systemd-resolved, where `scripts/install-resolved` put it, or the system's. Without it a test is
/// skipped, loudly; in continuous integration that is a failure.
fn resolved() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/resolved");
    let places = [own, PathBuf::from("/")];
    let found = places.iter().map(|place| place.join("lib/systemd/systemd-resolved"));
    let found = found.into_iter().find(|file| file.exists());
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "systemd-resolved is missing");
    if found.is_none() {
        eprintln!("SKIPPED: there is no systemd-resolved (scripts/install-resolved)");
    }
    found
}

/// It asks the box for everything, with the user it wants and a `/run` of its own. It needs no bus:
/// it waits for one.
fn start_resolved(device: &Host, program: &Path, folder: &Path) -> Running {
    let user = "systemd-resolve:x:61953:61953::/:/usr/sbin/nologin\n";
    let group = "systemd-resolve:x:61953:\n";
    for (file, line) in [("passwd", user), ("group", group)] {
        let own = fs::read_to_string(format!("/etc/{file}")).unwrap();
        let others = own.lines().filter(|one| !one.starts_with("systemd-resolve:"));
        let all: Vec<&str> = others.chain([line]).collect();
        fs::write(folder.join(file), all.join("\n")).unwrap();
    }
    let settings =
        format!("[Resolve]\nDNS={BOX}\nFallbackDNS=\nDomains=~.\nLLMNR=no\nMulticastDNS=no\n");
    fs::write(folder.join("box.conf"), settings).unwrap();
    let at = folder.display();
    let script = format!(
        "set -e\nmount -t tmpfs tmpfs /run\nmkdir -p /run/systemd/resolved.conf.d\n\
         cp {at}/box.conf /run/systemd/resolved.conf.d/\n\
         mount --bind {at}/passwd /etc/passwd\nmount --bind {at}/group /etc/group\n\
         exec {}\n",
        program.display()
    );
    let log = fs::File::create(folder.join("log")).unwrap();
    let child = device
        .command("unshare")
        .args(["--mount", "sh", "-c", &script])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    Running(child)
}

#[test]
fn systemd_resolved_finds_names_by_the_box() {
    let Some(program) = resolved().filter(|_| allowed()) else { return };
    let school = School::start();
    let folder = TempDir::new().unwrap();
    let _resolved = start_resolved(&school.device, &program, folder.path());
    let ask = |words: &str| school.say("dig", &format!("@127.0.0.53 +tries=1 +time=5 {words}"));
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    until("systemd-resolved", || ask("www.example.org A").contains("9.9.9.9").then_some(()));
    let alias = ask("alias.example.org AAAA");
    assert!(alias.contains("2620:fe::9"), "{alias}\n{}", log());
    for name in ["www.jeux.example", "rien.example.org", "use-application-dns.net"] {
        let refused = ask(&format!("{name} A"));
        assert!(refused.contains("status: NXDOMAIN"), "{refused}\n{}", log());
    }
    let own = ask("manuels.preau.lan A");
    assert!(own.contains(BOX), "{own}\n{}", log());
    // It finds the box able (EDNS, DO) and never falls back to less.
    assert!(!log().contains("degraded feature set"), "{}", log());
}
