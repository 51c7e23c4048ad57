//! Devices that know of no proxy: in three network namespaces (a device, the box, the Internet) and
//! behind the firewall rules of `config/nftables/preau.nft`, they reach what they may, untouched, and
//! nothing by another way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod transparent_support;

use support::netns::allowed;
use transparent_support::{FOUR, World, ways};

#[test]
fn a_device_that_knows_of_no_proxy_reaches_sites_untouched_and_nothing_by_a_false_name() {
    if allowed() {
        ways::untouched_and_by_no_false_name(&World::new(&FOUR, ""));
    }
}

#[test]
fn no_other_way_leads_out() {
    if allowed() {
        ways::no_other_way_leads_out(&World::new(&FOUR, ""));
    }
}

#[test]
fn a_refused_site_is_refused_by_name_whatever_the_way() {
    if allowed() {
        ways::refused_by_name_whatever_the_way(&World::new(&FOUR, &FOUR.policy()));
    }
}

#[test]
fn an_engine_is_taken_on_its_way_to_its_safe_host() {
    if allowed() {
        ways::an_engine_is_taken_to_its_safe_host(&FOUR);
    }
}

#[test]
#[ignore = "needs Chromium: scripts/test runs it"]
fn chromium_with_nothing_configured_is_filtered_by_name() {
    if !allowed() || !support::browser::present() {
        return;
    }
    let world = World::new(&FOUR, &FOUR.policy());
    let profile = world.folder.path().join("chromium");
    let page = |address: &str| {
        let mut command = world.device.command("chromium");
        // The test's authority is no browser's: only there is the certificate not looked at; curl
        // above sees that it is the origin's own.
        let output = command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--ignore-certificate-errors", "--enable-quic"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(["--dump-dom", address])
            .output()
            .unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    // The second time it knows that the site offers QUIC, too, and gives way to TCP.
    for _ in 0..2 {
        let good = page("https://good.example/");
        assert!(good.contains("this is good for 45.12.0.1"), "{good}");
    }
    let clear = page("http://bad.example/");
    assert!(clear.contains("interdit d"), "the refusal's page: {clear}");
    let secure = page("https://bad.example/");
    assert!(!secure.contains("this is bad") && secure.contains("ERR_"), "{secure}");
}
