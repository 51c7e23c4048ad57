//! What one reader may cost the box: memory, places, and pages that lead elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod library_support;
mod publication_support;
mod support;

use std::{
    io::{Read as _, Seek as _, Write as _},
    net::TcpStream,
};

use library_support::Lender;

const LARGE_BYTES: usize = 48 << 20;
const READERS: usize = 12;

/// A web site with a large page that is deflated.
fn site() -> Vec<u8> {
    let large: String = "0123456789abcdef".repeat(LARGE_BYTES / 16);
    let entries = [("index.html", "<title>Site</title>"), ("large.html", large.as_str())];
    let mut file = publication_support::zip_of(&entries);
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Memory of this process (proc(5), `statm`), in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn slow_readers_of_a_large_inflated_page_take_little_memory() {
    let lender = Lender::start();
    let blob = lender.put_as("application/zip", "a", "Site", &site());
    let path = format!("/p/{blob}/r/large.html");
    let ask = format!("GET {path} HTTP/1.1\r\nHost: box\r\n\r\n");
    let before = resident();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut stream = TcpStream::connect(lender.address).unwrap();
        stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
        stream.write_all(ask.as_bytes()).unwrap();
        // A head, some bytes, and no more: the rest waits for a reader that never comes.
        stream.read_exact(&mut [0; 1024]).unwrap();
        readers.push(stream);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < LARGE_BYTES * READERS / 4, "{grown} bytes for {READERS} readers");
}

#[test]
fn any_part_of_a_large_inflated_page_is_what_was_asked_for() {
    let lender = Lender::start();
    let blob = lender.put_as("application/zip", "a", "Site", &site());
    let path = format!("/p/{blob}/r/large.html");
    for (first, last) in [(0, 0), (131_071, 131_073), (5_000_003, 5_300_000)] {
        let part = lender.get(&path, &format!("Range: bytes={first}-{last}\r\n"));
        let wanted: Vec<u8> = (first..=last).map(|n| b"0123456789abcdef"[n % 16]).collect();
        assert_eq!(part.status, 206);
        assert!(part.body == wanted, "{first}-{last}: {} bytes came", part.body.len());
    }
    let end = lender.get(&path, "Range: bytes=-7\r\n");
    assert_eq!(end.body, b"9abcdef");
    let whole = lender.get(&path, "");
    assert!(whole.status == 200 && whole.body.len() == LARGE_BYTES);
    let head = lender.ask("HEAD", &path);
    assert_eq!(head.field("content-length"), Some(LARGE_BYTES.to_string().as_str()));
    assert!(head.body.is_empty());
}

#[test]
fn a_page_number_past_every_page_and_a_path_with_two_slashes_do_no_harm() {
    let lender = Lender::start();
    lender.put("a", "Algèbre", &library_support::manual("Algèbre", 2));
    for path in ["/", "/opds", "/opds/recherche"] {
        let page = lender.get(&format!("{path}?page={}", u64::MAX), "");
        assert_eq!(page.status, 200, "{path}");
    }
    let lost = lender.get("//evil.example/x", "");
    assert_eq!(lost.status, 404);
    assert!(!lost.text().contains("\"//evil"), "{}", lost.text());
}
