//! The filter of a running box: asked, swapped, opened, restarted, and never lost to a bad file.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use support::school_box::{SchoolBox, free_address};

const SCHOOL: &str = r#"
[filter]
region = "@/policy.toml"
[[filter.periods]]
name = "cours"
hours = ["lun-ven 08:00-12:00"]
[[filter.profiles]]
name = "eleves"
networks = ["10.31.0.0/19"]
[[filter.rules]]
name = "jeux en cours"
categories = ["games"]
during = ["cours"]
[[filter.rules]]
name = "jamais"
sites = ["jamais.example"]
"#;

const REGION: &str = r#"
[filter]
[[filter.profiles]]
name = "eleves"
roles = ["pupil"]
locked = true
[[filter.rules]]
name = "mineurs"
categories = ["adult"]
locked = true
"#;

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Compiles lists to where the box looks for them.
fn compile(folder: &Path, games: &str, adult: &str) {
    fs::write(folder.join("games.txt"), games).unwrap();
    fs::write(folder.join("adult.txt"), adult).unwrap();
    fs::create_dir_all(folder.join("data/lists")).unwrap();
    let compiled = Command::new(env!("CARGO_BIN_EXE_preau"))
        .args(["filter", "compile", "--shrink", "100", "--out"])
        .arg(folder.join("data/lists/lists.preau"))
        .arg(format!("domains:games={}", folder.join("games.txt").display()))
        .arg(format!("domains:adult={}", folder.join("adult.txt").display()))
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", stderr(&compiled));
}

fn settings(folder: &Path) -> String {
    SCHOOL.replace('@', &folder.display().to_string())
}

/// A box with a policy and lists.
fn start() -> SchoolBox {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.toml"), REGION).unwrap();
    compile(folder.path(), "jeux.example\n", "adulte.example\n");
    let more = settings(folder.path());
    SchoolBox::start_in(folder, "0510035L", "", &more)
}

const IN_CLASS: [&str; 4] = ["--from", "10.31.4.20", "--at", "2026-11-26T09:00"];

/// Exit code and JSON of `preau filter test`.
fn test(school: &SchoolBox, url: &str, more: &[&str]) -> (i32, Value) {
    let words = [&["filter", "test", url, "--json"], more].concat();
    let output = school.preau(&words);
    let told = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), told)
}

#[test]
fn a_running_box_says_who_may_go_where_and_why() {
    let school = start();
    let (code, told) = test(&school, "https://a.jeux.example/", &IN_CLASS);
    assert_eq!(code, 77, "{told}");
    assert_eq!(told["reason"]["rule"], "jeux en cours");
    assert_eq!(told["reason"]["category"], "games");
    assert_eq!(told["reason"]["until"], "2026-11-26T11:00:00Z");
    assert_eq!(test(&school, "jeux.example", &["--at", "2026-11-26T12:00"]).0, 0);
    let at_home = ["--role", "pupil", "--at", "2026-11-29T09:00"];
    let (code, told) = test(&school, "adulte.example", &at_home);
    assert_eq!((code, &told["reason"]["why"]), (77, &Value::from("locked")), "{told}");

    let words = [&["filter", "explain", "jeux.example"], &IN_CLASS[..]].concat();
    let explained = stdout(&school.preau(&words));
    for part in
        ["DENIED", "`jeux en cours`", "DECIDED", "jamais", "does not name it", "cours, until"]
    {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    let policy = stdout(&school.preau(&["filter", "policy"]));
    for part in ["lists.preau: 2 categories", "eleves: pupil, 10.31.0.0/19", "mineurs", "locked"] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    // The same without a daemon.
    let file = school.folder.path().join("preau.toml");
    let words = ["filter", "test", "jeux.example", "--config", file.to_str().unwrap()];
    assert_eq!(school.preau(&[&words[..], &IN_CLASS].concat()).status.code(), Some(77));
    let wrong = school.preau(&["filter", "test", "a b"]);
    assert_eq!(wrong.status.code(), Some(65), "{}", stderr(&wrong));
    let wrong = school.preau(&["filter", "test", "a.example", "--at", "tomorrow"]);
    assert!(stderr(&wrong).contains("2026-11-26T10:05"), "{}", stderr(&wrong));
}

#[test]
fn the_proxy_refuses_what_the_policy_denies() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.toml"), REGION).unwrap();
    compile(folder.path(), "jeux.example\n", "adulte.example\n");
    let proxy = free_address();
    let gateway = format!("[gateway]\nlisten = [\"{proxy}\"]\n");
    let more = format!("{gateway}{}", settings(folder.path()));
    let _school = SchoolBox::start_in(folder, "0510035L", "", &more);
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(proxy).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer
    };
    let adult = "CONNECT adulte.example:443 HTTP/1.1\r\nHost: adulte.example:443\r\n\r\n";
    assert!(ask(adult).starts_with("HTTP/1.1 403"), "{}", ask(adult));
    let own = "GET http://jamais.example/ HTTP/1.1\r\nHost: jamais.example\r\n\r\n";
    assert!(ask(own).starts_with("HTTP/1.1 403"), "{}", ask(own));
    // What nobody denies goes on to the Internet, where this name does not exist.
    let other = "GET http://autre.invalid/ HTTP/1.1\r\nHost: autre.invalid\r\n\r\n";
    assert!(ask(other).starts_with("HTTP/1.1 50"), "{}", ask(other));
}

#[test]
fn an_opening_outlives_a_restart_and_locks_stay_shut() {
    let mut school = start();
    let open = |school: &SchoolBox, site: &str| {
        school.preau(&[
            "filter",
            "open",
            site,
            "--network",
            "10.31.4.0/24",
            "--minutes",
            "100",
            "--by",
            "CMIL",
        ])
    };
    assert_eq!(test(&school, "jamais.example", &["--from", "10.31.4.20"]).0, 77);
    let opened = open(&school, "jamais.example");
    assert!(opened.status.success(), "{}", stderr(&opened));
    school.restart();
    assert_eq!(test(&school, "jamais.example", &["--from", "10.31.4.20"]).0, 0);
    assert_eq!(test(&school, "jamais.example", &["--from", "10.31.5.20"]).0, 77);
    let listed = stdout(&school.preau(&["filter", "openings"]));
    assert!(listed.contains("jamais.example is open to 10.31.4.0/24"), "{listed}");
    let locked = open(&school, "adulte.example");
    assert_eq!(locked.status.code(), Some(77));
    assert!(stderr(&locked).contains("`mineurs`"), "{}", stderr(&locked));
    let closed = school.preau(&["filter", "close", "jamais.example"]);
    assert!(closed.status.success());
    assert_eq!(test(&school, "jamais.example", &["--from", "10.31.4.20"]).0, 77);
    let documents = fs::read_dir(school.folder.path().join("data/documents")).unwrap();
    let audit = documents
        .map(|entry| entry.unwrap())
        .find(|entry| entry.file_name().to_string_lossy().starts_with("filter-audit-"))
        .map(|entry| fs::read_to_string(entry.path()).unwrap())
        .unwrap();
    assert!(audit.contains("\"opened\"") && audit.contains("\"closed\""), "{audit}");
}

#[test]
fn a_reload_takes_a_good_policy_and_good_lists_and_keeps_the_old_ones_otherwise() {
    let school = start();
    let folder = school.folder.path();
    let file = folder.join("preau.toml");
    let good = fs::read_to_string(&file).unwrap();
    // A file that is wrong changes nothing.
    fs::write(&file, format!("{good}\n[[filter.rules]]\nnom = \"x\"\n")).unwrap();
    assert_eq!(school.preau(&["reload"]).status.code(), Some(78));
    assert_eq!(test(&school, "adulte.example", &IN_CLASS).0, 77);
    // The region's file alone changes; then it is broken.
    fs::write(&file, &good).unwrap();
    let more = "[[filter.rules]]\nname = \"arrete\"\nsites = [\"arrete.example\"]\n";
    fs::write(folder.join("policy.toml"), format!("{REGION}{more}")).unwrap();
    assert!(school.preau(&["reload"]).status.success());
    assert_eq!(test(&school, "arrete.example", &IN_CLASS).0, 77);
    fs::write(folder.join("policy.toml"), "[filter]\nrules = 7\n").unwrap();
    let refused = school.preau(&["reload"]);
    assert!(stderr(&refused).contains("policy.toml:2"), "{}", stderr(&refused));
    assert_eq!(test(&school, "arrete.example", &IN_CLASS).0, 77);
    fs::write(folder.join("policy.toml"), REGION).unwrap();
    // Lists, likewise.
    compile(folder, "autres.example\n", "adulte.example\n");
    assert!(school.preau(&["reload"]).status.success());
    assert_eq!(test(&school, "jeux.example", &IN_CLASS).0, 0);
    assert_eq!(test(&school, "autres.example", &IN_CLASS).0, 77);
    fs::write(folder.join("data/lists/lists.preau"), "torn").unwrap();
    assert!(school.preau(&["reload"]).status.success());
    assert_eq!(test(&school, "autres.example", &IN_CLASS).0, 77, "the lists of before");
    let policy = stdout(&school.preau(&["filter", "policy"]));
    assert!(policy.contains("TROUBLE") && policy.contains("not taken"), "{policy}");
}

#[test]
fn what_the_region_locks_is_set_aside_in_the_school_s_file_and_the_box_starts() {
    let mut school = start();
    let file = school.folder.path().join("preau.toml");
    let good = fs::read_to_string(&file).unwrap();
    let loose = "[[filter.rules]]\nname = \"libre\"\naction = \"allow\"\n\
                 categories = [\"adult\"]\nsites = [\"jamais.example\"]\n";
    fs::write(&file, format!("{good}\n{loose}")).unwrap();
    let aside = "set aside: `adult` of the rule `libre`: the region's rule `mineurs` locks `adult`";
    let reloaded = school.preau(&["reload"]);
    assert_eq!(reloaded.status.code(), Some(78));
    assert!(stdout(&reloaded).contains(aside), "{}", stdout(&reloaded));
    let acts = |school: &SchoolBox| {
        assert_eq!(test(school, "adulte.example", &IN_CLASS).0, 77, "the lock stands");
        assert_eq!(test(school, "jamais.example", &IN_CLASS).0, 0, "the rest of the rule acts");
        let policy = stdout(&school.preau(&["filter", "policy"]));
        assert!(policy.contains(&format!("TROUBLE   {aside}")), "{policy}");
    };
    acts(&school);
    let check = school.preau(&["check-config", file.to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(78));
    assert!(stderr(&check).contains("the region's rule `mineurs` locks `adult`"));
    assert!(stdout(&check).contains("wrong, and the rest acts"), "{}", stdout(&check));
    let json = stdout(&school.preau(&["check-config", "--json", file.to_str().unwrap()]));
    assert!(json.contains("\"good\":false") && json.contains("\"aside\""), "{json}");
    // The region may have locked it while the box was off.
    school.restart();
    acts(&school);
    fs::write(&file, &good).unwrap();
    assert_eq!(school.preau(&["reload"]).status.code(), Some(0));
    assert_eq!(test(&school, "jamais.example", &IN_CLASS).0, 77);
}
