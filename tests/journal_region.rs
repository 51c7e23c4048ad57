//! `preau-region journal`: a requisition answered from a copy, by the program itself.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

mod journal_support;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use jiff::SignedDuration;
use journal_support::{YEAR, at, open, record};
use preau::journal::{Record, Settings};

fn region(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_preau-region"))
        .arg("journal")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_requisition_is_answered_from_a_copy_and_a_bad_copy_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let made = region(&["keygen", "region.key"], here);
    assert_eq!(made.status.code(), Some(0));
    let public = text(&made.stdout);
    assert!(public.starts_with("age1"), "{public}");
    assert_eq!(region(&["keygen", "region.key"], here).status.code(), Some(73), "never twice");
    assert_eq!(region(&["keygen", "other.key"], here).status.code(), Some(0));

    let settings = Settings { recipient: public.parse().unwrap(), term: YEAR };
    let nine = at("2026-11-03T09:00:00Z");
    let log = here.join("connections");
    let mut book = open(&log, &settings, nine);
    for minute in 0..90 {
        let now = nine + SignedDuration::from_mins(minute);
        let other = Record {
            device: "10.0.0.2:50000".parse().unwrap(),
            session: Some("x7".into()),
            ..record(1000, now)
        };
        book.append(&[record(minute.cast_unsigned(), now), other], 0, now).unwrap();
    }
    let asked = [
        "open",
        "--identity",
        "region.key",
        "--from",
        "2026-11-03T10:10",
        "--to",
        "2026-11-03T10:12",
        "--address",
        "10.0.0.1",
        "connections",
    ];
    let answer = region(&asked, here);
    assert_eq!(answer.status.code(), Some(0), "{}", text(&answer.stderr));
    let table = text(&answer.stdout);
    let lines: Vec<_> = table.trim_start_matches('\u{feff}').lines().collect();
    // The last began a second before the end that was asked for.
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("debut;fin;adresse_poste;port_poste;session;profil;"));
    assert_eq!(
        lines[1],
        "2026-11-03T10:09:59.000+01:00;2026-11-03T10:10:00.000+01:00;10.0.0.1;40000;;eleves;\
         192.0.2.1;443;manuel.example;10;20;acheminé;synchronisée;intacte"
    );
    let session =
        region(&["open", "--identity", "region.key", "--session", "x7", "connections"], here);
    assert_eq!(text(&session.stdout).lines().count(), 91);
    let print = book.fingerprint().to_owned();
    let named = |print: &str| {
        let asked = ["open", "--identity", "region.key", "--fingerprint", print, "connections"];
        region(&asked, here).status.code()
    };
    assert_eq!((named(&print), named("00")), (Some(0), Some(65)));
    let wrong = region(&["open", "--identity", "other.key", "connections"], here);
    assert_eq!(wrong.status.code(), Some(65));
    assert!(text(&wrong.stderr).contains("sealed to another key"), "{}", text(&wrong.stderr));

    let first = log.join("0001/0000000001.hour");
    let mut bytes = fs::read(&first).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&first, bytes).unwrap();
    let bad = region(&asked, here);
    assert_eq!(bad.status.code(), Some(65));
    assert!(text(&bad.stderr).contains("0000000001.hour: its tag does not fit"));
    assert!(text(&bad.stdout).lines().nth(1).unwrap().ends_with(";rompue"));
    let none = region(&["open", "--identity", "region.key", "nothing"], here);
    assert_eq!(none.status.code(), Some(66));
}
