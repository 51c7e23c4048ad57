//! System updates: kept by slices under a name without their signature, and never two versions
//! mixed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may; these have functions beside their tests"
)]

mod cache_support;
mod gateway_support;
mod support;

use std::{fs, path::Path, sync::Arc};

use cache_support::{
    Proxy,
    nginx::{self, Nginx},
    options,
};
use preau::{
    config,
    gateway::{cache::Cache, cache_host::WithCacheHost},
    net::{body::Body, serve},
};
use support::{http, wire::Wire};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const MIB: usize = 1 << 20;
const HOST: &str = "tlu.dl.delivery.mp.microsoft.com";

fn bytes(version: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| version ^ u8::try_from(at / 4096 % 251).unwrap()).collect()
}

fn publish(root: &Path, name: &str, bytes: &[u8]) {
    let draft = root.join(".draft");
    fs::write(&draft, bytes).unwrap();
    #[allow(clippy::disallowed_methods, reason = "a document of a test need not be durable")]
    fs::rename(draft, root.join(name)).unwrap();
}

fn get(proxy: &Proxy, path: &str, range: &str) -> http::Page {
    let fields = if range.is_empty() { String::new() } else { format!("Range: {range}\r\n") };
    http::get(proxy.address, &format!("http://{HOST}{path}"), &fields)
}

struct School {
    origin: Nginx,
    cable: Wire,
    proxy: Arc<Proxy>,
    _folder: tempfile::TempDir,
}

fn school(more: &str) -> School {
    let folder = tempfile::tempdir().unwrap();
    let origin = Nginx::start(more);
    let cable = Wire::to(origin.address);
    let proxy = Arc::new(Proxy::to(options(folder.path()), Some(cable.address)));
    School { origin, cable, proxy, _folder: folder }
}

#[test]
fn who_asks_for_the_end_waits_for_no_beginning() {
    if !nginx::found() {
        return;
    }
    let school = school("add_header Cache-Control max-age=600;");
    let whole = bytes(1, 10 * MIB + 5);
    publish(school.origin.root(), "update.esd", &whole);
    let page = get(&school.proxy, "/update.esd?P1=1&P4=a", "bytes=7500000-7600000");
    assert_eq!((page.status, page.body.len()), (206, 100_001));
    assert!(page.body == whole[7_500_000..=7_600_000]);
    assert_eq!(
        school.origin.asked()[0],
        "GET /update.esd?P1=1&P4=a 206 bytes=7340032-8388607",
        "an aligned slice, with the signature that the origin wants"
    );
    // Another computer's signature names the same file.
    let before = school.origin.asked().len();
    let again = get(&school.proxy, "/update.esd?P1=2&P4=b", "bytes=7340032-7350000");
    assert!(again.status == 206 && again.body == whole[7_340_032..=7_350_000]);
    assert!(again.field("cache-status").unwrap().starts_with("preau; hit"), "{}", again.head);
    assert!(school.origin.asked().len() <= before + 1, "at most the next slice, ahead");
    let page = get(&school.proxy, "/update.esd?P1=3&P4=c", "");
    assert!(page.status == 200 && page.body == whole);
    let range = |line: &String| line.rsplit(' ').next().unwrap().to_owned();
    let mut ranges: Vec<_> = school.origin.asked().iter().map(range).collect();
    ranges.sort();
    let unique = ranges.len();
    ranges.dedup();
    assert_eq!((unique, ranges.len()), (11, 11), "each slice once: {ranges:?}");
}

#[test]
fn a_class_that_updates_at_once_costs_each_slice_once() {
    if !nginx::found() {
        return;
    }
    let school = school("add_header Cache-Control max-age=600;");
    let whole = bytes(2, 6 * MIB);
    publish(school.origin.root(), "x.cab", &whole);
    let clients: Vec<_> = (0..30)
        .map(|client| {
            let proxy = school.proxy.clone();
            std::thread::spawn(move || get(&proxy, &format!("/x.cab?P4={client}"), ""))
        })
        .collect();
    for client in clients {
        let page = client.join().unwrap();
        assert!(page.status == 200 && page.body == whole);
    }
    assert_eq!(school.origin.asked().len(), 6, "{:?}", school.origin.asked());
}

#[test]
fn two_versions_are_never_mixed() {
    if !nginx::found() {
        return;
    }
    let school = school("add_header Cache-Control max-age=600;");
    let (old, new) = (bytes(3, 4 * MIB), bytes(4, 5 * MIB));
    publish(school.origin.root(), "x.cab", &old);
    let first = get(&school.proxy, "/x.cab", "bytes=0-99");
    assert!(first.body == old[..100]);
    publish(school.origin.root(), "x.cab", &new);
    let page = get(&school.proxy, "/x.cab", "bytes=3145728-3145827");
    assert!(page.body == new[3_145_728..3_145_828], "the version that there is now");
    let page = get(&school.proxy, "/x.cab", "");
    assert!(page.status == 200 && page.body == new);
}

#[test]
fn lists_of_revoked_certificates_are_asked_about_each_time() {
    if !nginx::found() {
        return;
    }
    let school = school("add_header Cache-Control max-age=600;");
    publish(school.origin.root(), "authrootstl.cab", &bytes(5, 300_000));
    for _ in 0..3 {
        assert!(get(&school.proxy, "/authrootstl.cab", "").body == bytes(5, 300_000));
    }
    let statuses: Vec<_> = school
        .origin
        .asked()
        .iter()
        .map(|line| line.split(' ').nth(2).unwrap().to_owned())
        .collect();
    assert_eq!(statuses, ["200", "304", "304"]);
    school.cable.set_up(false);
    assert_eq!(get(&school.proxy, "/authrootstl.cab", "").status, 502, "old is worse than none");
}

#[test]
fn what_may_not_be_stored_comes_as_it_was_asked_for() {
    if !nginx::found() {
        return;
    }
    let school = school("add_header Cache-Control no-store;");
    let whole = bytes(6, 3 * MIB);
    publish(school.origin.root(), "x.cab", &whole);
    let part = get(&school.proxy, "/x.cab", "bytes=2000000-2000009");
    assert_eq!((part.status, part.body), (206, whole[2_000_000..2_000_010].to_vec()));
    let page = get(&school.proxy, "/x.cab", "");
    assert!(page.status == 200 && page.body == whole);
}

/// The library, as far as this test goes.
#[derive(Clone)]
struct Library;

impl serve::Handler for Library {
    async fn answer(&self, _: ::http::Request<hyper::body::Incoming>) -> ::http::Response<Body> {
        serve::plain(::http::StatusCode::OK, "the library\n")
    }
}

#[test]
fn the_box_is_a_cache_host_at_the_library_s_address_for_listed_origins_alone() {
    if !nginx::found() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let origin = Nginx::start("add_header Cache-Control max-age=600;");
    let whole = bytes(7, 3 * MIB);
    publish(origin.root(), "x.esd", &whole);
    // Its names lead to the origin, as through the académie's proxy.
    let upstream = config::Upstream::at(origin.address.to_string().parse().unwrap());
    let settings = config::Gateway { upstream: Some(upstream), ..gateway_support::settings(&[80]) };
    let cache = Cache::new(options(&folder.path().join("cache")));
    let proxy = gateway_support::Proxy::caching(settings, cache);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let library = listener.local_addr().unwrap();
    let handler = WithCacheHost::new(Library, Some(proxy.gateway.clone()));
    let places = Arc::new(tokio::sync::Semaphore::new(100));
    let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
    runtime.spawn(serve::serve(listener, handler, places, tracker, token));
    let named = "cacheHostOrigin=au.download.windowsupdate.com";
    for address in [library, proxy.address] {
        let path = format!("/x.esd?P1=1&{named}");
        let part = http::get(address, &path, "Range: bytes=1048576-1048585\r\n");
        assert!(part.status == 206 && part.body == whole[MIB..MIB + 10], "{}", part.head);
        let evil = http::get(address, "/x.esd?cacheHostOrigin=example.org", "");
        assert_eq!(evil.status, 403, "{}", evil.head);
    }
    assert_eq!(http::get(library, "/x.esd", "").text(), "the library\n");
    let asked = origin.asked();
    assert!(asked.iter().all(|line| line.contains("/x.esd?P1=1 206")), "{asked:?}");
    let first = asked.iter().filter(|line| line.ends_with("bytes=1048576-2097151")).count();
    assert_eq!(first, 1, "both doors share what is kept: {asked:?}");
}
