//! Devices that know of no proxy: in three network namespaces (a device, the box, the Internet) and
//! behind the firewall rules of `config/nftables/preau.nft`, they reach what they may, untouched, and
//! nothing by another way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod transparent_support;

use std::{
    io::{
        ErrorKind::{ConnectionRefused, HostUnreachable, PermissionDenied},
        Read as _, Write as _,
    },
    net::UdpSocket,
    time::Duration,
};

use support::PATIENCE;
use transparent_support::{BAD, BOTH, BOX, GOOD, World, allowed};

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
