//! The command line: what a person reads, what a script parses, and the codes it ends with.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use support::school_box::{SchoolBox, free_port, package_files};

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {:?}", String::from_utf8_lossy(&output.stdout));
    })
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A plan B order of two books, of which one file is no package.
fn usb_stick(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("maths.pdf"), b"%PDF-1.4\n%%EOF\n").unwrap();
    fs::write(folder.join("lettres.epub"), b"not a package").unwrap();
    let order = "identifiant;titre;fichier;licences_eleves\n\
                 978-2-07-036822-8;Maths 2de;maths.pdf;30\n\
                 978-2-01-281202-4;Lettres;lettres.epub;30\n";
    fs::write(folder.join("commande.csv"), order).unwrap();
}

/// A box that has imported the stick.
fn box_with_a_book() -> SchoolBox {
    let school = SchoolBox::start("0510035L", "");
    usb_stick(&school.folder.path().join("usb"));
    school.preau(&["import", school.folder.path().join("usb").to_str().unwrap()]);
    school
}

#[test]
fn plan_b_stores_what_is_good_and_lists_what_is_not() {
    let school = SchoolBox::start("0510035L", "");
    let usb = school.folder.path().join("usb");
    usb_stick(&usb);
    let usb = usb.to_str().unwrap();
    let imported = school.preau(&["import", usb]);
    assert_eq!(imported.status.code(), Some(65), "{}", stderr(&imported));
    let says = stdout(&imported);
    assert!(says.contains("1 packages stored") && says.contains("lettres.epub"), "{says}");

    let again = json(&school.preau(&["import", usb, "--json"]));
    assert_eq!((&again["stored"], &again["known"]), (&0.into(), &1.into()), "{again}");
    assert_eq!(again["refused"].as_array().unwrap().len(), 1);

    let listed = json(&school.preau(&["holdings", "--json"]));
    assert_eq!(listed["count"], 2);
    let states: Vec<_> = listed["holdings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["title"].as_str().unwrap(), line["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("Lettres", "none"), ("Maths 2de", "here")]);
    let table = stdout(&school.preau(&["holdings"]));
    assert!(table.lines().any(|line| line.contains("Maths 2de") && line.contains("here")));

    let absent = school.preau(&["import", "/no/such/stick"]);
    assert_eq!(absent.status.code(), Some(66), "{}", stderr(&absent));
}

#[test]
fn every_answer_can_be_read_by_a_script() {
    let school = box_with_a_book();
    let ask = |words: &[&str]| {
        let output = school.preau(&[words, &["--json"]].concat());
        assert!(output.status.success(), "{words:?}: {}", stderr(&output));
        json(&output)
    };
    let status = ask(&["status"]);
    assert_eq!(status["uai"], "0510035L");
    assert_eq!(status["addresses"][0], school.address.to_string());
    assert_eq!((&status["here"], &status["holdings"]), (&1.into(), &2.into()));
    assert_eq!(ask(&["store", "usage"])["count"], 1);
    assert_eq!(ask(&["store", "rebuild"])["packages"], 1);
    let verified = ask(&["store", "verify"]);
    assert_eq!((&verified["checked"], &verified["damaged"]), (&1.into(), &0.into()));
    assert_eq!(ask(&["sync"])["whole"], true);
    assert_eq!(ask(&["sync", "--no-wait"])["waited"], false);
    assert_eq!(ask(&["reload"])["applied"].as_array().unwrap().len(), 0);
}

#[test]
fn a_damaged_package_is_found_by_name() {
    let school = box_with_a_book();
    let blob = package_files(school.folder.path()).pop().unwrap();
    let mut rights = fs::metadata(&blob).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o640);
    fs::set_permissions(&blob, rights).unwrap();
    fs::write(&blob, b"%PDF-1.5\n%%EOF\n").unwrap();
    let verified = school.preau(&["store", "verify"]);
    assert_eq!(verified.status.code(), Some(65), "{}", stderr(&verified));
    assert!(stdout(&verified).contains("Maths 2de"), "{}", stdout(&verified));
    assert_eq!(json(&school.preau(&["store", "usage", "--json"]))["count"], 0);
}

#[test]
fn a_sync_that_brings_not_all_lists_what_is_missing_and_why() {
    let closed = free_port();
    let feed =
        format!("[[catalogue.feeds]]\nname = \"perdu\"\nurl = \"http://127.0.0.1:{closed}/\"");
    let school = SchoolBox::start("0510035L", &feed);
    let synced = school.preau(&["sync"]);
    assert_eq!(synced.status.code(), Some(75), "{}", stderr(&synced));
    assert!(stdout(&synced).contains("perdu"), "{}", stdout(&synced));
    let report = json(&school.preau(&["sync", "--json"]));
    assert_eq!(report["whole"], false);
    assert!(report["sources"][0]["failure"].is_string(), "{report}");
}

#[test]
fn a_daemon_that_does_not_run_is_said_to_be_missing() {
    let asked = Command::new(env!("CARGO_BIN_EXE_preau"))
        .args(["status", "--socket", "/nowhere/control.sock"])
        .output()
        .unwrap();
    assert_eq!(asked.status.code(), Some(69));
    let says = stderr(&asked);
    let expected = "no daemon answers on /nowhere/control.sock: is `preau run` \
                    (systemctl status preau) running?";
    assert!(says.contains(expected), "{says}");
}

#[test]
fn a_configuration_is_judged_by_both_command_lines() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.toml"), folder.path().join("bad.toml"));
    let text = "[school]\nuai = \"0510035L\"\nname = \"x\"\n[access]\nsign_in = \"off\"\n";
    fs::write(&good, text).unwrap();
    fs::write(&bad, format!("{text}[store]\nquotas = \"1 GB\"\n")).unwrap();
    let check = |program: &str, files: &[&Path]| {
        Command::new(program).args(["check-config", "--json"]).args(files).output().unwrap()
    };
    let (school, region) = (env!("CARGO_BIN_EXE_preau"), env!("CARGO_BIN_EXE_preau-region"));
    assert_eq!(check(school, &[&good]).status.code(), Some(0));
    let judged = check(region, &[&good, &bad]);
    assert_eq!(judged.status.code(), Some(78));
    let report = json(&judged);
    assert_eq!(report["files"][0]["good"], true);
    let finding = &report["files"][1]["findings"][0];
    assert_eq!(
        (&finding["line"], &finding["key"]),
        (&7.into(), &"store.quotas".into()),
        "{report}"
    );
    let absent = check(school, &[&folder.path().join("absent.toml")]);
    assert_eq!(absent.status.code(), Some(66));
}

#[test]
fn a_command_line_that_means_nothing_ends_with_usage() {
    let school = env!("CARGO_BIN_EXE_preau");
    let typed = |words: &[&str]| Command::new(school).args(words).output().unwrap();
    assert_eq!(typed(&["lend"]).status.code(), Some(64));
    let help = typed(&["--help"]);
    assert!(help.status.success() && stdout(&help).contains("preau sync"));
}
