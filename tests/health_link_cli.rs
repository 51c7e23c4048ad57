//! What a person reads of the links on the box, and what a script does: the built daemon, over loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::net::TcpListener;

use serde_json::Value;
use support::{school_box::SchoolBox, until};

#[test]
fn links_are_shown_to_people_and_scripts_and_told_at_metrics() {
    let place = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = place.local_addr().unwrap().port();
    std::thread::spawn(move || place.incoming().for_each(drop));
    let target = |name: &str| {
        format!(
            "[[health.targets]]\nname = \"{name}\"\naddress = \"127.0.0.1\"\nicmp = false\ntcp = {port}\n"
        )
    };
    let settings = format!(
        "[[health.links]]\nname = \"fibre\"\ninterface = \"lo\"\nnetwork = \"IHDEAL\"\n\
         down = \"100 Mbit/s\"\n{}{}",
        target("gar"),
        target("ancre")
    );
    let school = SchoolBox::start("0510035L", &settings);
    let (said, code) = until("a link that carries", || {
        let said = school.preau(&["health", "link", "--json"]);
        let value: Value = serde_json::from_slice(&said.stdout).ok()?;
        let known = value["links"][0]["targets"][1]["tcp"]["ms"].is_array();
        (known && value["links"][0]["stand"] == "up").then(|| (value, said.status.code()))
    });
    assert_eq!(code, Some(0), "{said}");
    let link = &said["links"][0];
    assert_eq!((&link["network"], &link["contract"][0]), (&"IHDEAL".into(), &12_500_000.into()));
    assert_eq!(link["targets"][0]["tcp"]["lost"], 0, "{link}");
    assert!(link["targets"][0]["icmp"].is_null(), "it is not asked by ICMP: {link}");

    let text = school.preau(&["health", "link"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    for words in
        ["fibre on lo: IHDEAL", "state     up since", "contract 100.0 Mbit/s down", "ancre"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    // No object is set: the settings are to blame, and say so.
    let test = school.preau(&["health", "throughput"]);
    let why = String::from_utf8_lossy(&test.stderr).into_owned();
    assert_eq!(test.status.code(), Some(78), "{why}");
    assert!(why.contains("health.throughput.url"), "{why}");
    let test = school.preau(&["health", "throughput", "cuivre"]);
    assert_eq!(test.status.code(), Some(66), "no such link");

    let told = school.preau(&["metrics"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    for name in ["preau_link_up{", "preau_probe_sent_total{", "preau_probe_rtt_seconds{"] {
        assert!(told.contains(name), "{name}: {told}");
    }
}
