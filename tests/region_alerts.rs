//! Who hears of what: Alertmanager with the very file of `config/region/metrics/`, its routes, what holds
//! back what, and the mail that arrives in the guichet's box.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod region_support;
mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

use region_support::{
    BAYEN, Ended, OTHER,
    engine::Engine,
    folder, present, run, texts,
    write::{now, series},
};
use serde_json::{Value, json};
use support::{PATIENCE, http, school_box::free_address, until};
use tempfile::TempDir;

const ALERTMANAGER: &str = "prometheus-alertmanager";

#[test]
fn alertmanager_takes_the_file_and_sends_each_alert_where_it_belongs() {
    if !present(&["amtool"]) {
        return;
    }
    let (good, said) = run("amtool", &["check-config", "alertmanager.yml"]);
    assert!(good, "{said}");
    let school = "uai=0510035L";
    for (labels, receiver) in [
        (&["alertname=BoxSilent", "severity=critical", school][..], "guichet"),
        (&["alertname=LinkUnderContract", "severity=warning", school], "guichet"),
        (&["alertname=WingWithoutWifi", "severity=critical", school], "guichet"),
        (&["alertname=StoreDamaged", "severity=warning", school], "guichet"),
        (&["alertname=UpdateFailed", "severity=warning", school], "guichet"),
        (&["alertname=AccessPointReboots", "severity=info", school], "journal"),
        (&["alertname=PlaqueSilent", "severity=critical", "plaque=IHDEAL"], "exploitation"),
        (&["alertname=PlaqueLossy", "severity=critical", "plaque=IHDEAL"], "exploitation"),
        (&["alertname=RegionSilent", "severity=critical"], "exploitation"),
        (&["alertname=UpdateWaveFails", "severity=critical", "version=1.4.0"], "exploitation"),
        (&["alertname=StoreDiskFull", "severity=critical", "instance=mesures-1"], "exploitation"),
        (&["alertname=Watchdog", "severity=none"], "veille"),
    ] {
        let verify = format!("--verify.receivers={receiver}");
        let asked = ["config", "routes", "test", "--config.file=alertmanager.yml", &verify];
        let (good, said) = run("amtool", &[&asked, labels].concat());
        assert!(good, "{labels:?}: {said}");
    }
}

#[test]
fn every_alert_that_is_named_there_is_one_of_the_rules() {
    let text = fs::read_to_string(folder().join("alertmanager.yml")).unwrap();
    let known: Vec<String> = texts::alerts().into_iter().map(|alert| alert.name).collect();
    let named = regex::Regex::new(r#"alertname (?:=~|!=|=) "?([A-Za-z|]+)"#).unwrap();
    let mut count = 0;
    for found in named.captures_iter(&text) {
        for name in found[1].split('|') {
            assert!(known.iter().any(|is| is == name), "{name} is no alert");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

/// Alertmanager on loopback, and the mailbox.
struct Post {
    address: SocketAddr,
    mail: mpsc::Receiver<String>,
    _folder: TempDir,
    _process: Ended,
}

impl Post {
    fn start() -> Self {
        let at = tempfile::tempdir().unwrap();
        let (box_address, mail) = mailbox();
        let mut file = fs::read_to_string(folder().join("alertmanager.yml")).unwrap();
        let templates = folder().join("templates").display().to_string();
        // Where mail goes, and that a test need not wait a minute.
        for (from, to) in [
            ("smtp.example.org:587", box_address.to_string()),
            ("  smtp_auth_username: preau@example.org\n", "  smtp_require_tls: false\n".to_owned()),
            ("  smtp_auth_password_file: /etc/prometheus/smtp-password\n", String::new()),
            ("/etc/preau-region/templates", templates),
            ("group_wait: 1m", "group_wait: 1s".to_owned()),
        ] {
            assert!(file.contains(from), "{from}");
            file = file.replace(from, &to);
        }
        let settings = at.path().join("alertmanager.yml");
        fs::write(&settings, file).unwrap();
        let address = free_address();
        let said = at.path().join("said");
        let child = Command::new(ALERTMANAGER)
            .arg(format!("--config.file={}", settings.display()))
            .arg(format!("--storage.path={}", at.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&said).unwrap())
            .spawn();
        let mut process = Ended(child.unwrap());
        until("Alertmanager", || {
            if let Some(status) = process.0.try_wait().unwrap() {
                panic!("Alertmanager ended with {status}: {}", fs::read_to_string(&said).unwrap());
            }
            TcpStream::connect(address).ok()
        });
        Self { address, mail, _folder: at, _process: process }
    }

    fn tell(&self, alerts: &[Value]) {
        let body = serde_json::to_vec(alerts).unwrap();
        let json = "Content-Type: application/json\r\n";
        let page = http::send(self.address, "POST", "/api/v2/alerts", json, &body);
        assert_eq!(page.status, 200, "{}", page.text());
    }

    /// Names and schools of the alerts that nothing holds back.
    fn told(&self) -> Vec<String> {
        let alerts = http::get(self.address, "/api/v2/alerts", "").json();
        let mut names: Vec<_> = alerts
            .as_array()
            .unwrap()
            .iter()
            .filter(|alert| alert["status"]["inhibitedBy"].as_array().unwrap().is_empty())
            .map(|alert| {
                let labels = &alert["labels"];
                let of = ["uai", "plaque"].iter().find_map(|label| labels[label].as_str());
                format!("{} {}", labels["alertname"].as_str().unwrap(), of.unwrap_or("-"))
            })
            .collect();
        names.sort();
        names
    }
}

/// Takes mail, one message a connection, without a word of its own.
fn mailbox() -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Ok(message) = take(stream) {
                let _ = sender.send(message);
            }
        }
    });
    (address, receiver)
}

/// RFC 5321, as far as a sender needs it.
fn take(mut stream: TcpStream) -> std::io::Result<String> {
    stream.write_all(b"220 mailbox\r\n")?;
    let (mut lines, mut message) = (BufReader::new(stream.try_clone()?).lines(), String::new());
    while let Some(line) = lines.next().transpose()? {
        let answer = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" => "250 mailbox",
            "DATA" => {
                stream.write_all(b"354 go on\r\n")?;
                for line in lines.by_ref() {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    message.push_str(&line);
                    message.push('\n');
                }
                "250 taken"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n")?;
                return Ok(message);
            }
            _ => "250 well",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
    }
    Ok(message)
}

/// Quoted-printable (RFC 2045 §6.7) and its form in header fields (RFC 2047 §4.2), read back.
fn readable(message: &str) -> String {
    let joined =
        message.replace("?=\n =?utf-8?q?", "").replace("?= =?utf-8?q?", "").replace("=\n", "");
    let (mut bytes, mut rest) = (Vec::new(), joined.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if first == b'=' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    // What only looks encoded, as a boundary may, is of no interest.
    String::from_utf8_lossy(&bytes).into_owned()
}

fn alert(name: &str, labels: &[(&str, &str)]) -> Value {
    let mut all = json!({ "alertname": name });
    for (label, value) in labels {
        all[*label] = json!(value);
    }
    json!({ "labels": all, "annotations": { "summary": format!("{name} en français, été") } })
}

#[test]
fn one_cause_is_one_ticket() {
    if !present(&[ALERTMANAGER]) {
        return;
    }
    let bayen = [("uai", "0510035L"), ("plaque", "TELEMUS")];
    let other = [("uai", "0670007U"), ("plaque", "IHDEAL")];
    let post = Post::start();
    let mut alerts: Vec<Value> =
        ["BoxHot", "DiskFull", "DiskNearlyFull", "ProxyFails", "TargetLossy"]
            .into_iter()
            .map(|name| alert(name, &bayen))
            .collect();
    alerts
        .extend(["ControllerSilent", "WingWithoutWifi", "TargetSilent"].map(|n| alert(n, &other)));
    post.tell(&alerts);
    let seen = |what: &str, expected: &[&str]| {
        until(what, || (post.told() == expected).then_some(()));
    };
    // A disk that is full is nearly full, and a controller's access points are unknown; both schools speak.
    let both = [
        "BoxHot 0510035L",
        "ControllerSilent 0670007U",
        "DiskFull 0510035L",
        "ProxyFails 0510035L",
        "TargetLossy 0510035L",
        "TargetSilent 0670007U",
    ];
    seen("schools", &both);
    // A link explains its school's names, not the disk, and no other school's.
    post.tell(&[alert("LinkDown", &[bayen[0], bayen[1], ("link", "fibre")])]);
    let link = [
        "BoxHot 0510035L",
        "ControllerSilent 0670007U",
        "DiskFull 0510035L",
        "LinkDown 0510035L",
        "TargetSilent 0670007U",
    ];
    seen("a link", &link);
    // A silent box says nothing new.
    post.tell(&[alert("BoxSilent", &bayen)]);
    let silent = ["BoxSilent 0510035L", "ControllerSilent 0670007U", "TargetSilent 0670007U"];
    seen("a silent box", &silent);
    // A silent plaque is said once; the other plaque's box stays what it is.
    post.tell(&[alert("PlaqueSilent", &[("plaque", "TELEMUS")]), alert("BoxSilent", &other)]);
    seen("a silent plaque", &["BoxSilent 0670007U", "PlaqueSilent TELEMUS"]);
    post.tell(&[alert("RegionSilent", &[])]);
    seen("a silent region", &["RegionSilent -"]);
}

#[test]
fn the_guichet_gets_one_mail_a_school_and_it_reads_well() {
    if !present(&[ALERTMANAGER]) {
        return;
    }
    let post = Post::start();
    let silent = json!({
        "labels": { "alertname": "BoxSilent", "uai": "0510035L", "plaque": "TELEMUS", "severity": "critical" },
        "annotations": {
            "summary": "Lycée Étienne Bayen (0510035L) — la boîte est muette.",
            "description": "Aucune mesure de cette boîte depuis un quart d'heure.",
            "runbook": "docs/region.md#boxsilent",
        },
        "startsAt": "2026-11-26T08:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z",
    });
    post.tell(&[silent]);
    let mail = readable(&post.mail.recv_timeout(PATIENCE).unwrap());
    assert!(mail.contains("To: guichet-maintenance@example.org"), "{mail}");
    let subject = mail.replace('_', " ");
    assert!(subject.contains("Lycée Étienne Bayen (0510035L) — la boîte est muette."), "{mail}");
    for line in [
        "EN COURS  Lycée Étienne Bayen (0510035L) — la boîte est muette.",
        "Lycée     0510035L, plaque TELEMUS",
        "Depuis    2026-11-26 08:00 UTC",
        "Aucune mesure de cette boîte depuis un quart d'heure.",
        "Que faire : docs/region.md#boxsilent",
    ] {
        assert!(mail.contains(line), "{line}: {mail}");
    }

    // Two at once, of one school: one mail.
    let critical =
        |name| alert(name, &[("uai", "0670007U"), ("plaque", "IHDEAL"), ("severity", "critical")]);
    post.tell(&[critical("DiskFailing"), critical("ControllerSilent")]);
    let mail = readable(&post.mail.recv_timeout(PATIENCE).unwrap());
    assert!(mail.replace('_', " ").contains("(et 1 de plus)"), "{mail}");
    assert!(
        mail.contains("DiskFailing en français") && mail.contains("ControllerSilent en"),
        "{mail}"
    );
}

/// vmalert as its unit starts it, but for where things are, and without waiting.
fn vmalert(at: &Path, engine: SocketAddr, post: SocketAddr) -> Ended {
    fs::create_dir(at.join("rules")).unwrap();
    let waits = regex::Regex::new(r"(?m)^( +)(for|interval): .*$").unwrap();
    for file in texts::files("rules", "yml") {
        let text = fs::read_to_string(&file).unwrap();
        let text = waits.replace_all(&text, |found: &regex::Captures<'_>| {
            let soon = if &found[2] == "for" { "0s" } else { "1s" };
            format!("{}{}: {soon}", &found[1], &found[2])
        });
        fs::write(at.join("rules").join(file.file_name().unwrap()), text.as_ref()).unwrap();
    }
    let unit = fs::read_to_string(folder().join("vmalert.service")).unwrap();
    let start = unit.split_once("ExecStart=/usr/bin/vmalert ").unwrap().1;
    let flags = start.split_once("\nRestart").unwrap().0.split_whitespace();
    let flags = flags.filter(|word| *word != "\\").map(|flag| {
        flag.replace("/etc/preau-region", at.to_str().unwrap())
            .replace("127.0.0.1:8428", &engine.to_string())
            .replace("127.0.0.1:9093", &post.to_string())
            .replace("127.0.0.1:8880", &free_address().to_string())
            .replace("-evaluationInterval=1m", "-evaluationInterval=1s")
    });
    let said = fs::File::create(at.join("vmalert-said")).unwrap();
    let mut command = Command::new("vmalert");
    command.args(flags).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
    Ended(command.spawn().unwrap())
}

#[test]
fn a_silent_school_is_named_in_the_mail_that_the_whole_chain_sends() {
    if !present(&[ALERTMANAGER, "vmalert", "victoria-metrics"]) {
        return;
    }
    let (at, now) = (tempfile::tempdir().unwrap(), now());
    let engine = Engine::start(at.path(), free_address());
    let school = |uai, name| {
        let labels = [("uai", uai), ("plaque", "TELEMUS"), ("school", name)];
        series(texts::SCHOOLS, &labels, &[(now - 120, 1.0), (now - 60, 1.0), (now, 1.0)])
    };
    let beat = [("uai", OTHER), ("plaque", "TELEMUS")];
    engine.put(vec![
        school(BAYEN, "Lycée Étienne Bayen"),
        school(OTHER, "Lycée qui parle"),
        series("preau_heartbeat_timestamp_seconds", &beat, &[(now - 60, 1.0), (now, 1.0)]),
    ]);
    let post = Post::start();
    let _vmalert = vmalert(at.path(), engine.address, post.address);
    // The watchdog comes, too.
    let (mut silent, mut watchdog) = (None, false);
    while silent.is_none() || !watchdog {
        let mail = readable(&post.mail.recv_timeout(PATIENCE).unwrap());
        assert!(!mail.contains("Lycée qui parle"), "{mail}");
        watchdog |= mail.contains("To: veille-preau@example.org");
        if mail.contains("To: guichet-maintenance@example.org") {
            silent = Some(mail);
        }
    }
    let mail = silent.unwrap();
    assert!(mail.contains("Lycée Étienne Bayen (0510035L) — la boîte est muette."), "{mail}");
}
