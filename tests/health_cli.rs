//! What a person reads of the Wi-Fi on the box, and what a script does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod wifi_support;

use std::{
    fs,
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;
use support::{school_box::SchoolBox, until};
use wifi_support::hostile::{Agent, Reaction};

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What the box says once its controller was asked.
fn asked(school: &SchoolBox) -> (Value, Option<i32>) {
    until("a look at the controller", || {
        let said = school.preau(&["health", "wifi", "--json"]);
        let value: Value = serde_json::from_slice(&said.stdout).ok()?;
        let asked = !value["controllers"][0]["since"].is_null();
        asked.then(|| (value, said.status.code()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn access_points_are_shown_with_their_rooms_and_remembered_when_their_controller_is_silent() {
    let silent = Arc::new(AtomicBool::new(false));
    let switch = silent.clone();
    let bend = move |_: &_| {
        if switch.load(Ordering::Relaxed) { Reaction::Silence } else { Reaction::Honest }
    };
    let agent = Agent::start(150, Box::new(bend)).await;
    let places = agent.secret().with_file_name("places.csv");
    fs::write(&places, "access_point;room;building\nAP7;CDI;B\n").unwrap();
    let settings = format!(
        "[[health.controllers]]\nname = \"lycee\"\naddress = \"{}\"\ncommunity_file = \"{}\"\n\
         timeout = \"200ms\"\nplaces = \"{}\"\n",
        agent.address,
        agent.secret().display(),
        places.display()
    );
    tokio::task::spawn_blocking(move || {
        let mut school = SchoolBox::start("0510035L", &settings);
        let (said, code) = asked(&school);
        assert_eq!(code, Some(0), "{said}");
        let controller = &said["controllers"][0];
        assert_eq!((&controller["kind"], &controller["clients"]), (&"cisco".into(), &600.into()));
        assert_eq!(controller["standing"]["up"], 150);
        let points = said["access_points"].as_array().unwrap();
        assert_eq!(points.len(), 150, "more than one part of an answer");
        let point = points.iter().find(|one| one["name"] == "ap7").unwrap();
        assert_eq!((&point["place"]["room"], &point["standing"]), (&"CDI".into(), &"up".into()));
        assert_eq!(point["radios"][0]["channel"], 36);
        let table = stdout(&school.preau(&["health", "wifi"]));
        let line = table.lines().find(|line| line.contains(" ap7 ")).unwrap();
        assert!(
            line.contains("up") && line.contains("B CDI") && line.contains("36/2/-/-/-"),
            "{line}"
        );

        let config = school.folder.path().join("preau.toml");
        let config = config.to_str().unwrap();
        let poll = school.preau(&["health", "poll", "lycee", "--config", config]);
        assert!(poll.status.success() && stdout(&poll).contains("150 up, 0 down"), "{poll:?}");
        let none = school.preau(&["health", "poll", "other", "--config", config]);
        assert_eq!(none.status.code(), Some(78));

        silent.store(true, Ordering::Relaxed);
        school.restart();
        let (said, code) = asked(&school);
        assert_eq!(code, Some(75), "somebody should look");
        let controller = &said["controllers"][0];
        assert!(controller["trouble"].as_str().unwrap().contains("does not answer"));
        assert_eq!(
            (&controller["clients"], &controller["standing"]["unknown"]),
            (&Value::Null, &150.into())
        );
        assert_eq!(controller["standing"]["down"], 0, "nobody said that they are down");
        let point = &said["access_points"][7];
        assert_eq!((&point["name"], &point["standing"]), (&"ap7".into(), &"unknown".into()));
        let poll = school.preau(&["health", "poll", "--config", config]);
        assert_eq!(poll.status.code(), Some(75));
        let log = school.log();
        assert!(log.contains("the controller tells nothing") && !log.contains("public"), "{log}");
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_everybody_may_read_keeps_the_box_from_starting_and_is_named() {
    tokio::task::spawn_blocking(|| {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("community");
        fs::write(&secret, "tres-secret\n").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        let more = format!(
            "[[health.controllers]]\nname = \"lycee\"\naddress = \"127.0.0.1:9\"\ncommunity_file = \"{}\"\n",
            secret.display()
        );
        let address = support::school_box::free_address();
        let config =
            support::school_box::write_settings(folder.path(), "0510035L", address, "", &more);
        let said = support::school_box::preau(
            folder.path(),
            &["run", "--config", config.to_str().unwrap()],
        );
        assert_eq!(said.status.code(), Some(78));
        let why = String::from_utf8_lossy(&said.stderr);
        assert!(why.contains("lycee: community_file") && why.contains("mode 644"), "{why}");
        assert!(!why.contains("tres-secret"), "{why}");
    })
    .await
    .unwrap();
}
