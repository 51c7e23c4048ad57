//! A controller that vanishes is one incident with its ticket: read on the box, sent to the desk once each
//! way, whatever happens on the way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod incident_support;
mod support;
mod wifi_support;

use std::{fs, path::Path};

use incident_support::Place;
use serde_json::Value;
use support::{school_box::SchoolBox, until};
use wifi_support::{Simulator, secret};

fn asked(school: &SchoolBox, words: &[&str]) -> Value {
    let said = school.preau(words);
    serde_json::from_slice(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

/// What the book says of the Wi-Fi: the machine that the test runs on may have troubles of its own.
fn book(school: &SchoolBox) -> Vec<Value> {
    let said = asked(school, &["health", "incidents", "--all", "--json"]);
    let mut all = said["incidents"].as_array().cloned().unwrap_or_default();
    let wifi = ["controller_silent", "access_point_down", "wing_down"];
    all.retain(|one| wifi.contains(&one["kind"].as_str().unwrap()));
    all
}

/// A ticket is kept where a person may read it after the test.
fn keep(name: &str, text: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tickets");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

fn settings(simulator: &Simulator, place: &Place) -> String {
    let folder = place.folder.path();
    let places = folder.join("places.csv");
    let mut text = "access_point;room;building\n".to_owned();
    for (name, room) in [("erjiao_sw", "CDI"), ("erjiao_nw", "A 101")] {
        text.push_str(&format!("{name};{room};A\n"));
    }
    fs::write(&places, text).unwrap();
    format!(
        "{}[[health.controllers]]\nname = \"lycee\"\naddress = \"{}\"\ncommunity_file = \"{}\"\n\
         interval = \"10s\"\ntimeout = \"200ms\"\nplaces = \"{}\"\n",
        place.settings(),
        simulator.address,
        secret(folder, "community", "cisco-5500-226ap").display(),
        places.display()
    )
}

#[test]
fn a_controller_that_vanishes_is_one_incident_and_its_ticket_arrives_once_each_way() {
    let Some(place) = Place::new() else { return };
    let Some(simulator) = Simulator::start(&["cisco-5500-226ap"], None) else { return };
    let settings = settings(&simulator, &place);
    let mut school = SchoolBox::start_with("0510035L", &place.network(), &settings);
    until("a whole look", || {
        let wifi = asked(&school, &["health", "wifi", "--json"]);
        (wifi["controllers"][0]["standing"]["up"] == 226).then_some(())
    });
    assert!(book(&school).is_empty());
    // Somebody else answers in the desk's name: nothing is said to them.
    let impostor = place.open("impostor");
    simulator.is_silent();
    until("an incident", || (!book(&school).is_empty()).then_some(()));
    let all = book(&school);
    assert_eq!(all.len(), 1, "one, not 226: {all:?}");
    let id = all[0]["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("0510035L-20"), "{id}");
    assert_eq!(
        (&all[0]["kind"], &all[0]["subject"]),
        (&"controller_silent".into(), &"lycee".into())
    );
    assert_eq!(school.preau(&["health", "incidents"]).status.code(), Some(75));
    until("both ways to be refused", || {
        let log = school.log();
        let refused = |way: &str| {
            log.lines().any(|line| line.contains("was not taken") && line.contains(way))
        };
        (refused("mail") && refused("hook")).then_some(())
    });
    assert!(impostor.took("mail").is_empty() && impostor.took("hook").is_empty());
    drop(impostor);

    let desk = place.open("good");
    until("the ticket", || {
        (desk.took("mail").len() == 1 && desk.took("hook").len() == 1).then_some(())
    });
    until("its note in the book", || {
        (book(&school)[0]["told"].as_array().unwrap().len() == 2).then_some(())
    });
    let mail = &desk.took("mail")[0];
    assert!(mail.starts_with("preau TLS preau@lycee.example ['guichet@region.example']"), "{mail}");
    assert!(mail.contains(&format!("Message-ID: <{id}.open@lycee.example>")), "{mail}");
    assert!(mail.contains("multipart/alternative") && mail.contains("text/html"), "{mail}");
    assert!(mail.contains("Auto-Submitted: auto-generated"), "{mail}");
    let hook = &desk.took("hook")[0];
    let (head, body) = hook.split_once("\n\n").unwrap();
    assert_eq!(head, format!("/tickets \"{id}.open\""));
    let sent: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&sent["id"], &sent["state"]), (&id.clone().into(), &"open".into()));

    // A new start is no new incident, and no new message.
    school.restart();
    assert_eq!(book(&school).len(), 1);
    let ticket = asked(&school, &["health", "ticket", &id, "--json"]);
    assert_eq!(
        (&ticket["state"], &ticket["touched"]["access_points"]),
        (&"open".into(), &226.into())
    );
    assert_eq!(ticket["touched"]["clients"], 95);
    assert!(!ticket["evidence"]["before"].as_array().unwrap().is_empty(), "{ticket}");
    keep("controller-open.txt", &school.preau(&["health", "ticket", &id]).stdout);

    simulator.answers();
    until("its end", || (!book(&school)[0]["ended"].is_null()).then_some(()));
    until("the word that it is over", || {
        (desk.took("mail").len() == 2 && desk.took("hook").len() == 2).then_some(())
    });
    let mail = &desk.took("mail")[1];
    assert!(mail.contains(&format!("In-Reply-To: <{id}.open@lycee.example>")), "{mail}");
    let sent: Value =
        serde_json::from_str(desk.took("hook")[1].split_once("\n\n").unwrap().1).unwrap();
    assert_eq!((&sent["state"], &sent["returns"]), (&"ended".into(), &0.into()));
    until("everything to be told", || {
        let said = asked(&school, &["health", "incidents", "--json"]);
        (said["waiting"] == 0).then_some(())
    });
    assert_eq!(book(&school).len(), 1, "its access points were no incidents of their own");
    let text = school.preau(&["health", "ticket", &id]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("Le contrôleur Wi-Fi lycee n’a pas répondu."), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 72), "{text}");
    keep("controller.txt", text.as_bytes());
    let html = school.preau(&["health", "ticket", &id, "--html"]).stdout;
    assert!(html.starts_with(b"<!DOCTYPE html>"));
    keep("controller.html", &html);
    assert_eq!(desk.took("mail").len(), 2);
    let none = school.preau(&["health", "ticket", "../../etc/passwd"]);
    assert_eq!(none.status.code(), Some(66), "{none:?}");
}
