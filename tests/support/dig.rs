//! `dig`, a resolver's client that others wrote.

use std::{net::SocketAddr, process::Command};

use super::school_box::SchoolBox;

/// What it shows of a question to this box; it fails the test when it gets no answer.
pub fn dig(school: &SchoolBox, dns: SocketAddr, words: &str) -> String {
    let output = Command::new("dig")
        .arg(format!("@{}", dns.ip()))
        .args(["-p", &dns.port().to_string(), "+tries=1", "+time=20"])
        .args(words.split(' '))
        .output()
        .unwrap_or_else(|error| panic!("dig, scripts/install test: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "dig {words}: {said}\n{}", school.log());
    said
}
