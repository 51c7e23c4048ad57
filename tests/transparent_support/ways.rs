//! What devices try, in every family of addresses alike.

use std::{
    io::{
        ErrorKind::{ConnectionRefused, HostUnreachable, PermissionDenied},
        Read as _, Write as _,
    },
    net::UdpSocket,
    time::{Duration, Instant},
};

use super::{Plan, World, at, bare};
use crate::support::PATIENCE;

/// Sites are reached untouched, by the box; a false name opens nothing.
pub fn untouched_and_by_no_false_name(world: &World) {
    let plan = world.plan;
    let by_box = |site: &str| format!("this is {site} for {}\n", plan.outside);
    // Carried, by the box: the origin sees its address, and shows its own certificate.
    let clear = world.ask(plan.good, "good.example");
    assert!(clear.ends_with(&by_box("good")), "{clear}");
    assert_eq!(world.ask_tls(plan.good, "good.example").unwrap(), by_box("good"));
    let curl = world.curl(&["https://good.example/", "http://bad.example/"]);
    assert_eq!(String::from_utf8_lossy(&curl.stdout), by_box("good") + &by_box("bad"));

    // A name in front of another's address opens the place of that name.
    assert_eq!(world.ask_tls(plan.bad, "good.example").unwrap(), by_box("good"));
    let false_host = world.ask(plan.bad, "good.example");
    assert!(false_host.contains("this is good"), "{false_host}");
    // An address that the name does have is the one that is dialled.
    assert_eq!(world.ask_tls(plan.both, "cdn.example").unwrap(), by_box("cdn"));
    // A name that nobody knows opens nothing, wherever it was sent.
    assert!(world.ask_tls(plan.good, "nowhere.example").is_err());

    // Without a name, by address alone, nothing goes under TLS; the alert says so at once.
    assert!(world.ask_tls(plan.bad, plan.bad).is_err());
    let mut silent = world.reach(&at(plan.bad, 443)).unwrap();
    silent.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
    let mut said = Vec::new();
    let _ = silent.read_to_end(&mut said);
    assert_eq!(said, b"", "what is no TLS gets no word");
}

/// Other ports, private resolvers, QUIC, and the box as a stepping stone.
pub fn no_other_way_leads_out(world: &World) {
    let plan = world.plan;
    // Refused at once, not left to wait.
    for port in [8081, 853, 22] {
        let begun = Instant::now();
        assert!(world.reach(&at(plan.good, port)).is_err(), "{port}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{port} let the device wait");
    }
    for port in [443, 853] {
        let refused = world.device.within(|| {
            let socket = UdpSocket::bind(at(plan.device, 0)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket.connect(at(plan.good, port)).unwrap();
            let _ = socket.send(&[0xc0; 1200]);
            socket.recv(&mut [0; 64]).unwrap_err()
        });
        assert!(
            [ConnectionRefused, HostUnreachable, PermissionDenied].contains(&refused.kind()),
            "UDP {port}: {refused}"
        );
    }
    // The box is no stepping stone: not to itself, not to the inside, by no spelling.
    let names = ["inside.example", "loop.example", "localhost"];
    for host in plan.inside.iter().chain(&names) {
        let said = world.ask(plan.good, host);
        assert!(said.starts_with("HTTP/1.1 403"), "{host}: {said}");
    }
    let library = world.ask(plan.good, &bare(plan.carrier));
    assert!(library.contains("Les manuels de l"), "the box's address is its library: {library}");
    for name in names {
        assert!(world.ask_tls(plan.good, name).is_err(), "{name}");
    }
    // Nor are its sockets for taken connections there to be dialled.
    for port in [3129, 3130] {
        for address in [plan.carrier, plan.outside] {
            assert!(world.reach(&at(address, port)).is_err(), "{address} {port}");
        }
    }
}

/// With the policy of the plan: neither `bad.example` nor bare addresses.
pub fn refused_by_name_whatever_the_way(world: &World) {
    let plan = world.plan;
    let clear = world.ask(plan.bad, "bad.example");
    assert!(clear.starts_with("HTTP/1.1 403") && clear.contains("interdit d"), "{clear}");
    let alert = world.ask_tls(plan.bad, "bad.example").unwrap_err();
    assert!(alert.to_string().contains("AccessDenied"), "{alert}");
    let bare_ones = plan.spellings.iter().map(|host| (host, "adresses nues"));
    let names = ["BAD.Example.", "sub.bad.example"];
    for (host, rule) in bare_ones.chain(names.iter().map(|host| (host, "interdit d"))) {
        for address in [plan.bad, plan.good] {
            let said = world.ask(address, host);
            assert!(said.starts_with("HTTP/1.1 403"), "{host} at {address}: {said}");
            assert!(said.contains(rule), "{host} at {address}: {said}");
        }
    }
    // The page that the refusal leads to tells this device what it was refused.
    let carrier = bare(plan.carrier);
    assert!(clear.contains(&format!("http://{carrier}/bloque")), "{clear}");
    let lately = world.ask_for(plan.carrier, &carrier, "/bloque");
    assert!(lately.starts_with("HTTP/1.1 200") && lately.contains("interdit d"), "{lately}");
    assert!(lately.contains("bad.example") && lately.contains(plan.bad), "{lately}");
    // Sent to an address that may be reached, the refused name is still refused.
    assert!(world.ask_tls(plan.good, "bad.example").is_err());
    let good = world.ask_tls(plan.good, "good.example").unwrap();
    assert_eq!(good, format!("this is good for {}\n", plan.outside));
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

/// The engine's own certificate is seen, at the safe host's address.
pub fn an_engine_is_taken_to_its_safe_host(plan: &'static Plan) {
    let by_box = |site: &str| format!("this is {site} for {}\n", plan.outside);
    let usual = World::new(plan, "");
    assert_eq!(usual.ask_tls(plan.good, "www.bing.com").unwrap(), by_box("good"));
    drop(usual);
    let world = World::new(plan, SAFELY);
    assert_eq!(world.ask_tls(plan.good, "www.bing.com").unwrap(), by_box("cdn"));
    let clear = world.ask(plan.good, "www.bing.com");
    assert!(clear.ends_with(&by_box("cdn")), "{clear}");
    assert_eq!(world.ask_tls(plan.good, "good.example").unwrap(), by_box("good"));
}
