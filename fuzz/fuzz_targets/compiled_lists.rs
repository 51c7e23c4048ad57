//! Any bytes as a compiled file, with a right checksum and length put in so that what follows is
//! reached: refused, or lists that can be asked anything. Never a panic, never memory for what is
//! not there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use preau::filter::{host::Host, lists::Lists, target::Target};

/// Where the checksum stands, and the length.
const CHECKSUM: std::ops::Range<usize> = 12..16;
const LENGTH: std::ops::Range<usize> = 16..24;

fuzz_target!(|data: &[u8]| {
    let _ = Lists::read(data, data.len() as u64);
    let mut bytes = data.to_vec();
    let length = bytes.len() as u64;
    if let Some(place) = bytes.get_mut(LENGTH) {
        place.copy_from_slice(&length.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[CHECKSUM.end..]);
        bytes[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    }
    let Ok(lists) = Lists::read(bytes.as_slice(), length) else { return };
    for host in ["example.org", "a.b.example.org", "192.0.2.1", "[2001:db8::1]", "x"] {
        let Ok(host) = Host::parse(host) else { return };
        let target = Target { host: &host, port: 8080, path: Some("/a/b") };
        lists.matches(&target, &mut |found| {
            let _ = lists.rule_text(&target, found.depth);
            true
        });
    }
});
