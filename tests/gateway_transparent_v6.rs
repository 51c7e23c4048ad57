//! What holds for devices that know of no proxy holds over IPv6 too, with the sockets that systemd
//! passes: of both families, transparent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod transparent_support;

use support::netns::allowed;
use transparent_support::{FOUR, SIX, World, at, ways};

#[test]
fn over_ipv6_a_device_reaches_sites_untouched_and_nothing_by_a_false_name() {
    if allowed() {
        ways::untouched_and_by_no_false_name(&World::new(&SIX, ""));
    }
}

#[test]
fn over_ipv6_no_other_way_leads_out() {
    if allowed() {
        ways::no_other_way_leads_out(&World::new(&SIX, ""));
    }
}

#[test]
fn over_ipv6_a_refused_site_is_refused_by_name_whatever_the_way() {
    if allowed() {
        ways::refused_by_name_whatever_the_way(&World::new(&SIX, &SIX.policy()));
    }
}

#[test]
fn over_ipv6_an_engine_is_taken_on_its_way_to_its_safe_host() {
    if allowed() {
        ways::an_engine_is_taken_to_its_safe_host(&SIX);
    }
}

#[test]
fn the_sockets_that_systemd_passes_take_ipv4_too_and_families_do_not_mix() {
    if !allowed() {
        return;
    }
    let world = World::new(&SIX, "");
    let four = world.ask(FOUR.good, "four.example");
    assert!(four.ends_with(&format!("this is good for {}\n", FOUR.outside)), "{four}");
    // A name of the other family opens its own place, from wherever it was asked.
    let crossed = world.ask(SIX.bad, "four.example");
    assert!(crossed.ends_with(&format!("this is good for {}\n", FOUR.outside)), "{crossed}");
    let crossed = world.ask_tls(FOUR.bad, "good.example").unwrap();
    assert_eq!(crossed, format!("this is good for {}\n", SIX.outside));
    for (plan, port) in [(&FOUR, 3129), (&FOUR, 3130), (&FOUR, 8081)] {
        assert!(world.reach(&at(plan.carrier, port)).is_err(), "{port}");
    }
}
