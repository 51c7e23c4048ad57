//! A box that dies in the middle of a write: what is served afterwards is whole, or not there.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

mod cache_support;
mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use cache_support::{
    Proxy,
    nginx::{self, Nginx},
    options,
};
use support::{http, until, wire::Wire};

const FOLDER: &str = "PREAU_CACHE_FOLDER";
const ORIGIN: &str = "PREAU_CACHE_ORIGIN";
/// Before the line that is for the parent; libtest writes to the same output.
const MARK: &str = "@@ ";
const BYTES: usize = 6 << 20;
const ROUNDS: u64 = 8;

#[test]
#[ignore = "the proxy that is killed, started by the test of this file"]
fn proxy_child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let origin = std::env::var(ORIGIN).unwrap().parse().unwrap();
    let proxy = Proxy::to(options(Path::new(&folder)), Some(origin));
    println!("{MARK}{}", proxy.address);
    loop {
        std::thread::park();
    }
}

fn child(folder: &Path, origin: SocketAddr) -> (Child, SocketAddr) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["proxy_child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(ORIGIN, origin.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once(MARK).map(|(_, address)| address.to_owned()));
    (child, line.unwrap().parse().unwrap())
}

/// Bytes of all files below.
fn written(folder: &Path) -> u64 {
    let shards = fs::read_dir(folder).unwrap().flatten();
    let files = shards.flat_map(|shard| fs::read_dir(shard.path()).unwrap().flatten());
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn bytes(version: u64) -> Vec<u8> {
    (0..BYTES).map(|at| u8::try_from((at as u64 / 512 + version * 31) % 251).unwrap()).collect()
}

#[test]
fn a_kill_in_the_middle_of_a_write_never_serves_half() {
    if !nginx::found() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Nginx::start("add_header Cache-Control max-age=600;");
    let cable = Wire::to(origin.address);
    // Slow enough to be killed on the way: 32 KiB each 2 ms.
    cable.set_pause(2);
    for round in 0..ROUNDS {
        fs::write(origin.root().join(round.to_string()), bytes(round)).unwrap();
        let (mut proxy, address) = child(folder.path(), cable.address);
        let (before, url) = (cable.carried(), format!("http://box.example/{round}"));
        let client = std::thread::spawn(move || {
            // It is cut with the proxy.
            std::panic::catch_unwind(|| http::get(address, &url, ""))
        });
        let enough = before + (round + 1) * (BYTES as u64) / (ROUNDS + 1);
        until("some of the file to come", || (cable.carried() > enough).then_some(()));
        proxy.kill().unwrap();
        proxy.wait().unwrap();
        let _ = client.join();
    }
    cable.set_pause(0);
    let proxy = Proxy::to(options(folder.path()), Some(cable.address));
    for round in 0..ROUNDS {
        let url = format!("http://box.example/{round}");
        let kept = http::get(proxy.address, &url, "Cache-Control: only-if-cached\r\n");
        assert!(kept.status == 504 || kept.body == bytes(round), "round {round}");
        let page = http::get(proxy.address, &url, "");
        assert!(page.status == 200 && page.body == bytes(round), "round {round}");
    }
    // Whatever was found, was found by now; the rest is swept away.
    let left = || written(folder.path()) < (ROUNDS + 1) * BYTES as u64;
    until("left-overs to be gone", || left().then_some(()));
}
