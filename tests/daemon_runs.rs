//! The daemon's life: checked before it binds, ready when it says so, alive, reloaded, drained.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod daemon_support;
mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use daemon_support::{UAI, Watched, run_to_its_end};
use nix::sys::signal::Signal;
use support::{
    PATIENCE, http,
    school_box::{free_address, package_files, write_settings},
    until,
};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_daemon_says_ready_gives_signs_of_life_and_says_when_it_stops() {
    let mut daemon = Watched::start("", Some(Duration::from_secs(2)));
    TcpStream::connect(daemon.address).unwrap();
    for _ in 0..3 {
        daemon.await_notice("WATCHDOG=1");
    }
    daemon.signal(Signal::SIGTERM);
    daemon.await_notice("STOPPING=1");
    assert_eq!(daemon.ended().code(), Some(0), "{}", daemon.log());
    assert!(!daemon.folder.path().join("control.sock").exists());
}

#[test]
fn the_service_manager_is_told_what_is_lent() {
    let daemon = Watched::start("", None);
    let notice = daemon.await_notice("STATUS=");
    assert!(notice.contains("Lending 0 books"), "{notice}");
}

#[test]
fn a_socket_passed_by_the_service_manager_is_used_in_place_of_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let (passed, own) = (free_address(), free_address());
    let file = write_settings(folder.path(), UAI, own, "", "");
    let activated = Command::new("systemd-socket-activate")
        .arg("--listen")
        .arg(passed.to_string())
        .arg(env!("CARGO_BIN_EXE_preau"))
        .args(["run", "--config"])
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(fs::File::create(folder.path().join("preau.log")).unwrap())
        .spawn();
    let Ok(mut child) = activated else {
        assert!(std::env::var_os("CI").is_none(), "systemd-socket-activate is missing");
        eprintln!("SKIPPED: systemd-socket-activate is not installed (scripts/install test)");
        return;
    };
    until("the passed socket", || TcpStream::connect(passed).ok());
    let page = http::get(passed, "/", "");
    let own_is_closed = TcpStream::connect(own).is_err();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(page.status, 200, "{}", page.head);
    assert!(own_is_closed, "network.listen was bound all the same");
}

#[test]
fn a_bad_reload_leaves_the_old_settings_in_force_and_says_why() {
    let daemon = Watched::start("drain = \"7s\"", None);
    let good = fs::read_to_string(daemon.settings()).unwrap();
    fs::write(daemon.settings(), good.replace("reserve", "reserves")).unwrap();
    daemon.signal(Signal::SIGHUP);
    let notice = daemon.await_notice("RELOADING=1");
    assert!(notice.contains("MONOTONIC_USEC="), "{notice}");
    daemon.await_notice("READY=1");
    assert!(daemon.log().contains("unknown field `reserves`"), "{}", daemon.log());
    let refused = daemon.preau(&["reload"]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(stderr(&refused).contains("reserves"), "{}", stderr(&refused));
    assert!(daemon.preau(&["status"]).status.success());

    let (quick, other) = (good.replace("7s", "8s"), free_address());
    let listens = quick.replace(&daemon.address.to_string(), &other.to_string());
    fs::write(daemon.settings(), listens).unwrap();
    let reloaded = daemon.preau(&["reload", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&reloaded.stdout).unwrap();
    assert_eq!(report["applied"], serde_json::json!(["network.drain"]));
    assert_eq!(report["waiting_for_restart"], serde_json::json!(["network.listen"]));
}

/// A PDF that is mostly weight.
const HEAVY_BYTES: usize = 24 << 20;

/// Puts a heavy package on the shelf by plan B, and begins to download it.
fn download_begun(daemon: &Watched) -> TcpStream {
    let usb = daemon.folder.path().join("usb");
    fs::create_dir(&usb).unwrap();
    let mut pdf = b"%PDF-1.4\n".to_vec();
    pdf.resize(HEAVY_BYTES, b' ');
    fs::write(usb.join("lourd.pdf"), pdf).unwrap();
    let order = "identifiant;titre;fichier\n978-2-07-036822-8;Lourd;lourd.pdf\n";
    fs::write(usb.join("commande.csv"), order).unwrap();
    let imported = daemon.preau(&["import", usb.to_str().unwrap()]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    let stored = package_files(daemon.folder.path()).pop().unwrap();
    let blob = stored.file_name().unwrap().to_str().unwrap();
    let mut stream = TcpStream::connect(daemon.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let path = download_path(daemon, blob);
    let ask = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", daemon.address);
    stream.write_all(ask.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

/// Where the OPDS catalogue says that the package is; a moment passes before it is on the shelf.
fn download_path(daemon: &Watched, blob: &str) -> String {
    until("the package in the OPDS catalogue", || {
        let feed = http::get(daemon.address, "/opds", "").text();
        let mut paths = feed.split('"').filter(|word| word.contains(&format!("/p/{blob}/")));
        let path = paths.find(|path| !path.contains("manifest") && !path.contains("cover"))?;
        Some(path[path.find("/p/")?..].to_owned())
    })
}

#[test]
fn sigterm_lets_a_download_under_way_finish() {
    let mut daemon = Watched::start("drain = \"1m\"", None);
    let mut stream = download_begun(&daemon);
    daemon.signal(Signal::SIGTERM);
    daemon.await_notice("STOPPING=1");
    until("the end of listening", || TcpStream::connect(daemon.address).err());
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.len() >= HEAVY_BYTES, "{} bytes came after SIGTERM", rest.len());
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(daemon.log().contains("drained=true"), "{}", daemon.log());
}

#[test]
fn a_reader_that_takes_nothing_is_cut_at_the_limit_of_the_drain() {
    let mut daemon = Watched::start("drain = \"1s\"", None);
    let mut stream = download_begun(&daemon);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(daemon.log().contains("not everything ended"), "{}", daemon.log());
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.len() < HEAVY_BYTES, "it was not cut");
}

#[test]
fn a_bad_configuration_ends_with_its_code_before_a_port_is_bound() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
    let file = write_settings(folder.path(), UAI, address, "max_conections = 4", "");
    // A taken port would be complained of, were it asked for.
    let _taken = TcpListener::bind(address).unwrap();
    let ended = run_to_its_end(&file);
    assert_eq!(ended.status.code(), Some(78));
    assert!(stderr(&ended).contains("max_conections"), "{}", stderr(&ended));
    assert!(!folder.path().join("data").exists(), "nothing was made yet");
    let ended = run_to_its_end(&folder.path().join("absent.toml"));
    assert_eq!(ended.status.code(), Some(66));
}

#[test]
fn what_is_taken_already_is_named() {
    let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
    let file = write_settings(folder.path(), UAI, address, "", "");
    let _taken = TcpListener::bind(address).unwrap();
    let ended = run_to_its_end(&file);
    assert_eq!(ended.status.code(), Some(69));
    let says = stderr(&ended);
    assert!(says.contains(&address.to_string()) && says.contains("another program"), "{says}");

    let daemon = Watched::start("", None);
    let ended = run_to_its_end(&daemon.settings());
    assert_eq!(ended.status.code(), Some(69));
    assert!(stderr(&ended).contains("is preau already running?"), "{}", stderr(&ended));
}
