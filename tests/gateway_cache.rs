//! The cache as a school has it: many computers, one origin, large files, cut links, restarts.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

mod cache_support;
mod support;

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use cache_support::{
    Proxy,
    nginx::{self, Nginx},
    options,
};
use preau::gateway::cache::{Bounds, Options};
use sha2::{Digest, Sha256};
use support::{http, until, wire::Wire};

const MIB: usize = 1 << 20;
const CACHEABLE: &str = "add_header Cache-Control max-age=600;";

/// Bytes that repeat nowhere, and their name.
fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut block = Sha256::digest([seed]);
    let mut bytes = Vec::with_capacity(length + 32);
    while bytes.len() < length {
        block = Sha256::digest(block);
        bytes.extend_from_slice(&block);
    }
    bytes.truncate(length);
    bytes
}

fn publish(origin: &Nginx, name: &str, bytes: &[u8]) {
    let draft = origin.root().join(".draft");
    fs::write(&draft, bytes).unwrap();
    #[allow(clippy::disallowed_methods, reason = "a document of a test need not be durable")]
    fs::rename(draft, origin.root().join(name)).unwrap();
}

fn get(proxy: &Proxy, origin: SocketAddr, path: &str, fields: &str) -> http::Page {
    http::get(proxy.address, &format!("http://{origin}{path}"), fields)
}

fn cache_status(page: &http::Page) -> String {
    page.field("cache-status").unwrap_or_default().to_owned()
}

#[test]
fn a_hundred_computers_that_ask_at_once_cost_one_fetch() {
    if !nginx::found() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Nginx::start(CACHEABLE);
    let (large, small) = (noise(1, 8 * MIB), noise(2, 5_000));
    publish(&origin, "large", &large);
    publish(&origin, "small", &small);
    let proxy = Arc::new(Proxy::start(options(folder.path())));
    for (path, bytes) in [("/large", large), ("/small", small)] {
        let before = origin.asked().len();
        let clients: Vec<_> = (0..100)
            .map(|_| {
                let (proxy, at) = (proxy.clone(), origin.address);
                std::thread::spawn(move || get(&proxy, at, path, ""))
            })
            .collect();
        for client in clients {
            let page = client.join().unwrap();
            assert_eq!(page.status, 200);
            assert!(page.body == bytes, "{} bytes of {}", page.body.len(), bytes.len());
        }
        let asked = origin.asked().len() - before;
        assert_eq!(asked, 1, "{:?}", origin.asked());
    }
}

#[test]
fn parts_are_combined_and_what_is_missing_alone_is_fetched() {
    if !nginx::found() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Nginx::start(CACHEABLE);
    let proxy = Proxy::start(options(folder.path()));
    for (name, length) in [("/in-memory", 100_000), ("/on-disk", 3_000_000)] {
        let bytes = noise(3, length);
        publish(&origin, &name[1..], &bytes);
        let before = origin.asked().len();
        let part = |range: &str| get(&proxy, origin.address, name, &format!("Range: {range}\r\n"));
        let middle = part("bytes=1000-1999");
        assert_eq!((middle.status, middle.body), (206, bytes[1000..2000].to_vec()));
        let inner = part("bytes=1500-1599");
        assert_eq!(inner.field("content-range").unwrap(), format!("bytes 1500-1599/{length}"));
        assert_eq!(inner.body, bytes[1500..1600]);
        let across = part("bytes=500-2499");
        assert_eq!((across.status, across.body), (206, bytes[500..2500].to_vec()));
        let whole = get(&proxy, origin.address, name, "");
        assert!(whole.status == 200 && whole.body == bytes);
        let again = get(&proxy, origin.address, name, "");
        assert!(again.body == bytes && cache_status(&again).starts_with("preau; hit"));
        let last = length - 1;
        let expected = [
            format!("GET {name} 206 bytes=1000-1999"),
            format!("GET {name} 206 bytes=500-999"),
            format!("GET {name} 206 bytes=2000-2499"),
            format!("GET {name} 206 bytes=0-499"),
            format!("GET {name} 206 bytes=2500-{last}"),
        ];
        until("the origin's log", || (origin.asked().len() >= before + 5).then_some(()));
        assert_eq!(origin.asked()[before..], expected);
    }
}

#[test]
fn ranges_are_cut_from_what_is_whole() {
    if !nginx::found() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Nginx::start(CACHEABLE);
    let bytes = noise(4, 700_000);
    publish(&origin, "x", &bytes);
    let proxy = Proxy::start(options(folder.path()));
    let whole = get(&proxy, origin.address, "/x", "");
    let etag = whole.field("etag").unwrap().to_owned();
    let ask = |fields: &str| get(&proxy, origin.address, "/x", fields);
    assert_eq!(ask("Range: bytes=-5\r\n").body, bytes[699_995..]);
    assert_eq!(ask("Range: bytes=699990-\r\n").body, bytes[699_990..]);
    let held = ask(&format!("Range: bytes=0-9\r\nIf-Range: {etag}\r\n"));
    assert_eq!((held.status, held.body.len()), (206, 10));
    let other = ask("Range: bytes=0-9\r\nIf-Range: \"other\"\r\n");
    assert_eq!((other.status, other.body.len()), (200, 700_000));
    let past = ask("Range: bytes=700000-\r\n");
    assert_eq!((past.status, past.field("content-range")), (416, Some("bytes */700000")));
    let several = ask("Range: bytes=0-3,699996-\r\n");
    assert_eq!(several.status, 206);
    let boundary = several.field("content-type").unwrap().split_once("boundary=").unwrap().1;
    let mut expected = Vec::new();
    for (range, part) in [("0-3", &bytes[..4]), ("699996-699999", &bytes[699_996..])] {
        expected.extend(format!("\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {range}/700000\r\n\r\n").bytes());
        expected.extend_from_slice(part);
    }
    expected.extend(format!("\r\n--{boundary}--\r\n").bytes());
    assert_eq!(several.body, expected);
    assert_eq!(several.field("content-length").unwrap(), expected.len().to_string());
    assert_eq!(ask(&format!("If-None-Match: {etag}\r\n")).status, 304);
    assert_eq!(origin.asked().len(), 1, "{:?}", origin.asked());
}

#[test]
fn a_restart_keeps_what_is_on_disk_whole_or_in_part() {
    if !nginx::found() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Nginx::start(CACHEABLE);
    let (whole, partly) = (noise(5, 2 * MIB), noise(6, 3 * MIB));
    publish(&origin, "whole", &whole);
    publish(&origin, "partly", &partly);
    {
        let proxy = Proxy::start(options(folder.path()));
        get(&proxy, origin.address, "/whole", "");
        get(&proxy, origin.address, "/partly", "Range: bytes=0-1048575\r\n");
        notes(folder.path(), 2);
    }
    let proxy = Proxy::start(options(folder.path()));
    until("what was stored to be found", || (proxy.cache.usage().disk_count == 2).then_some(()));
    assert!(get(&proxy, origin.address, "/whole", "").body == whole);
    assert_eq!(proxy.fetches(), 0);
    assert!(get(&proxy, origin.address, "/partly", "").body == partly);
    assert_eq!(origin.asked().last().unwrap(), "GET /partly 206 bytes=1048576-3145727");
}

/// Waits until so many responses are written down.
fn notes(folder: &Path, count: usize) {
    let is_note = |name: &str| Path::new(name).extension().is_some_and(|own| own == "note");
    let notes = || files(folder).into_iter().filter(|(name, _)| is_note(name)).count();
    until("what is stored to be written down", || (notes() == count).then_some(()));
}

/// Name and length of every file below.
fn files(folder: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for shard in fs::read_dir(folder).unwrap().flatten() {
        for file in fs::read_dir(shard.path()).unwrap().flatten() {
            let name = file.file_name().into_string().unwrap();
            if let Ok(metadata) = file.metadata() {
                found.push((name, metadata.len()));
            }
        }
    }
    found
}

#[test]
fn the_quota_is_held_and_what_was_used_longest_ago_goes() {
    if !nginx::found() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Nginx::start(CACHEABLE);
    let quota = 5 * MIB as u64;
    let disk = Bounds { bytes: quota, count: 100 };
    let proxy = Proxy::start(Options { disk, ..options(folder.path()) });
    for name in 0..12u8 {
        publish(&origin, &name.to_string(), &noise(name, MIB));
        assert_eq!(get(&proxy, origin.address, &format!("/{name}"), "").body.len(), MIB);
        assert!(proxy.cache.usage().disk_bytes <= quota);
        get(&proxy, origin.address, "/0", "");
    }
    assert_eq!(origin.asked().iter().filter(|line| line.starts_with("GET /0 ")).count(), 1);
    let hit = |path| cache_status(&get(&proxy, origin.address, path, "")).contains("hit");
    assert!(hit("/11") && hit("/0") && !hit("/3"));
    let taken = || files(folder.path()).iter().map(|(_, length)| length).sum::<u64>();
    until("old files to go", || (taken() <= quota).then_some(()));
    proxy.cache.give_back(3 * MIB as u64);
    until("room to be given back", || (taken() <= 2 * MIB as u64).then_some(()));
    // What is larger than may be kept passes through, whole.
    publish(&origin, "huge", &noise(99, 4 * MIB));
    assert_eq!(get(&proxy, origin.address, "/huge", "").body, noise(99, 4 * MIB));
}

#[test]
fn a_transfer_cut_at_the_origin_goes_on_where_it_stopped() {
    if !nginx::found() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Nginx::start(CACHEABLE);
    let bytes = noise(7, 6 * MIB);
    publish(&origin, "x", &bytes);
    let cable = Wire::to(origin.address);
    let proxy = Proxy::to(options(folder.path()), Some(cable.address));
    cable.cut_once_after(2_500_000);
    let page = get(&proxy, origin.address, "/x", "");
    assert!(page.status == 200 && page.body == bytes);
    let asked = origin.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().any(|line| line.starts_with("GET /x 206 bytes=")), "{asked:?}");
}

#[test]
fn an_origin_that_is_away_is_stood_in_for() {
    if !nginx::found() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Nginx::start(
        "location /short { add_header Cache-Control max-age=0; }
         location /firm { add_header Cache-Control 'max-age=0, must-revalidate'; }",
    );
    publish(&origin, "short", b"short");
    publish(&origin, "firm", b"firm");
    let cable = Wire::to(origin.address);
    let proxy = Proxy::to(options(folder.path()), Some(cable.address));
    for path in ["/short", "/firm"] {
        assert_eq!(get(&proxy, origin.address, path, "").status, 200);
    }
    cable.set_up(false);
    let page = get(&proxy, origin.address, "/short", "");
    assert_eq!((page.status, page.text().as_str()), (200, "short"));
    assert!(cache_status(&page).contains("fwd=stale"), "{}", page.head);
    assert!(page.field("age").is_some() && page.field("warning").is_none());
    assert_eq!(get(&proxy, origin.address, "/firm", "").status, 502);
    let only = "Cache-Control: only-if-cached\r\n";
    assert_eq!(get(&proxy, origin.address, "/none", only).status, 504);
}

#[test]
fn what_cannot_be_read_back_is_fetched_again_and_nobody_is_turned_away() {
    if !nginx::found() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Nginx::start(CACHEABLE);
    let bytes = noise(8, MIB);
    publish(&origin, "x", &bytes);
    {
        let proxy = Proxy::start(options(folder.path()));
        get(&proxy, origin.address, "/x", "");
        notes(folder.path(), 1);
    }
    let proxy = Proxy::start(options(folder.path()));
    until("what was stored to be found", || (proxy.cache.usage().disk_count == 1).then_some(()));
    for shard in fs::read_dir(folder.path()).unwrap().flatten() {
        for file in fs::read_dir(shard.path()).unwrap().flatten() {
            fs::remove_file(file.path()).unwrap();
        }
    }
    for fields in ["", "Range: bytes=1000-1999\r\n"] {
        let page = get(&proxy, origin.address, "/x", fields);
        assert!(matches!(page.status, 200 | 206), "{}", page.head);
        let wanted = if fields.is_empty() { &bytes[..] } else { &bytes[1000..2000] };
        assert!(page.body == wanted);
    }
    assert_eq!(proxy.fetches(), 1, "the first, and what it brought is stored again");
}
