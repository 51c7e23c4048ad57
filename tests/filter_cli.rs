//! `preau filter` as it is typed: lists compiled, looked at, asked, and kept when an update is not to
//! be believed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

/// sysexits.h
const GOOD: i32 = 0;
const USAGE: i32 = 64;
const DATA: i32 = 65;
const NO_INPUT: i32 = 66;

fn preau(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
    command.arg("filter").args(arguments).current_dir(folder).output().unwrap()
}

fn said(output: &Output) -> (i32, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

fn names(count: usize) -> String {
    (0..count).map(|number| format!("n{number}.example\n")).collect::<Vec<_>>().concat()
}

/// A UT1 tree of one category, and an AdGuard list.
fn sources(folder: &Path, count: usize) {
    fs::create_dir_all(folder.join("ut1/adult")).unwrap();
    fs::write(folder.join("ut1/adult/domains"), names(count) + "bad..name\n").unwrap();
    fs::write(folder.join("ut1/adult/urls"), "page.example/bar\n").unwrap();
    fs::write(folder.join("ut1/adult/usage"), "black\nporn\n").unwrap();
    let rules = "||ads.example^\n@@||good.ads.example^\n||x.example^$third-party\n";
    fs::write(folder.join("filter.txt"), rules).unwrap();
}

const COMPILE: [&str; 5] = ["compile", "--out", "lists", "ut1", "adguard:ads=filter.txt"];

#[test]
fn lists_are_compiled_shown_and_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    sources(folder, 10);
    let (code, text) = said(&preau(&COMPILE, folder));
    assert_eq!(code, GOOD, "{text}");
    assert!(text.contains("2 categories"), "{text}");
    assert!(text.contains("adult: 1 bad lines, 0 ignored"), "{text}");
    assert!(text.contains("line 11: bad..name"), "{text}");

    let (code, text) = said(&preau(&["stats", "lists"], folder));
    assert!(code == GOOD && text.contains("adult") && text.contains("black"), "{text}");
    let stats = preau(&["stats", "lists", "--json"], folder);
    let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!(stats["categories"][0]["rules"]["names"], 10);
    assert_eq!(stats["categories"][1]["ignored"], 1);

    let asked = [
        "test",
        "--lists",
        "lists",
        "http://u@WWW.N3.example.:8080/",
        "http://www.page.example//BARista",
        "https://page.example/bar",
        "a.good.ads.example",
    ];
    let (code, text) = said(&preau(&asked, folder));
    assert_eq!(code, GOOD, "{text}");
    let expected = "http://u@WWW.N3.example.:8080/: adult by name n3.example\n\
                    http://www.page.example//BARista: adult by URL page.example/bar…\n\
                    https://page.example/bar: in no list\n\
                    a.good.ads.example:  by name good.ads.example, not ads\n\
                    a.good.ads.example: ads by name ads.example\n";
    assert_eq!(text, expected);
}

#[test]
fn an_update_that_lost_too_much_leaves_the_last_good_lists() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    sources(folder, 1000);
    assert_eq!(said(&preau(&COMPILE, folder)).0, GOOD);
    let good = fs::read(folder.join("lists")).unwrap();
    sources(folder, 700);
    let (code, text) = said(&preau(&COMPILE, folder));
    assert_eq!(code, DATA, "{text}");
    assert!(text.contains("adult: 1001 rules before, 701 now"), "{text}");
    assert_eq!(fs::read(folder.join("lists")).unwrap(), good);
    let json = preau(&[&COMPILE[..], &["--json"]].concat(), folder);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["written"], false);
    assert_eq!(json["shrunk"][0]["after"], 701);
    let (code, _) = said(&preau(&[&COMPILE[..], &["--shrink", "40"]].concat(), folder));
    assert_eq!(code, GOOD);
    assert_ne!(fs::read(folder.join("lists")).unwrap(), good);
}

#[test]
fn what_is_wrong_is_said_with_a_code_that_scripts_can_use() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    sources(folder, 10);
    fs::write(folder.join("damaged"), "something else altogether").unwrap();
    for (arguments, code, why) in [
        (vec!["compile", "--out", "lists", "none.tar.gz"], NO_INPUT, "none.tar.gz"),
        (vec!["compile", "--out", "lists", "adguard:filter.txt"], USAGE, "which category"),
        (vec!["compile", "--out", "lists", "odd:ads=filter.txt"], USAGE, "known: ut1"),
        (vec!["compile", "--out", "lists", "hosts:../x=filter.txt"], USAGE, "name the category"),
        (vec!["compile", "--out", "lists", "."], DATA, "holds no UT1 category"),
        (vec!["compile", "--out", "lists"], USAGE, "required"),
        (vec!["stats", "damaged"], DATA, "it is no file of compiled lists"),
        (vec!["stats", "none"], NO_INPUT, "none"),
        (vec!["test", "--lists", "damaged", "example.org"], DATA, "compile them again"),
    ] {
        let (got, text) = said(&preau(&arguments, folder));
        assert_eq!(got, code, "{arguments:?}: {text}");
        assert!(text.contains(why), "{arguments:?}: {text}");
        assert!(!folder.join("lists").exists());
    }
    assert_eq!(said(&preau(&COMPILE, folder)).0, GOOD);
    let (code, text) = said(&preau(&["test", "--lists", "lists", "a..b", "n1.example"], folder));
    assert_eq!(code, DATA);
    assert!(text.contains("a..b: a label") && text.contains("n1.example: adult"), "{text}");
}
