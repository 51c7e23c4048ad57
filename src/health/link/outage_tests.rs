use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules { asks: true, has_gateway: true, shared: false, down: Some(2_500_000) };
/// Seconds of the life of a link before something happens to it.
const BEFORE: u32 = 60;

const ALIVE: Second = Second { carrier: Some(true), answered: true, gateway: true, bytes: 300_000 };
const CUT: Second = Second { carrier: Some(true), answered: false, gateway: true, bytes: 158 };

struct Life {
    outage: Outage,
    at: Timestamp,
}

impl Life {
    /// Of a link that was well for a minute.
    fn of(rules: Rules) -> Self {
        let mut life = Self::begun(rules);
        assert_eq!(life.live(BEFORE, ALIVE), []);
        life
    }

    fn begun(rules: Rules) -> Self {
        Self { outage: Outage::new(rules), at: "2026-11-26T14:00:00Z".parse().unwrap() }
    }

    /// What changed in so many seconds of a kind: the second in which, and what.
    fn live(&mut self, seconds: u32, seen: Second) -> Vec<(u32, Change)> {
        let mut changes = Vec::new();
        for second in 1..=seconds {
            self.at += SignedDuration::from_secs(1);
            changes.extend(self.outage.second(self.at, &seen).map(|change| (second, change)));
        }
        changes
    }
}

#[test]
fn a_lost_carrier_is_an_outage_at_once() {
    let mut life = Life::of(RULES);
    let opened = life.outage.carrier(life.at, false);
    assert_eq!(opened, Some(Change::Opened(Cause::Carrier)));
    assert_eq!(life.outage.since(), Some(life.at));
    let mut polled = Life::of(RULES);
    let gone = Second { carrier: Some(false), ..Second::default() };
    assert_eq!(polled.live(1, gone), [(1, Change::Opened(Cause::Carrier))]);
}

#[test]
fn seven_silent_seconds_are_an_outage_and_six_are_not() {
    let mut life = Life::of(RULES);
    assert_eq!(life.live(6, CUT), []);
    assert_eq!(life.live(1, ALIVE), []);
    let began = life.at + SignedDuration::from_secs(1);
    assert_eq!(life.live(7, CUT), [(7, Change::Opened(Cause::Operator))]);
    assert_eq!(life.outage.since(), Some(began));
    assert_eq!(life.outage.last_good(), Some(began - SignedDuration::from_secs(1)));
}

#[test]
fn bytes_that_come_in_hold_an_outage_back_and_noise_does_not() {
    let mut congested = Life::of(RULES);
    let loses_ours = Second { bytes: 40_000, ..CUT };
    assert_eq!(congested.live(30, loses_ours), []);
    assert!(congested.outage.is_held_back());
    // ARP, ND, spanning tree and the gateway's own answers.
    let noise = Second { bytes: 3_000, ..CUT };
    assert_eq!(Life::of(RULES).live(7, noise), [(7, Change::Opened(Cause::Operator))]);
    // What was on its way when the link was cut.
    let mut cut = Life::of(RULES);
    assert_eq!(cut.live(1, loses_ours), []);
    assert_eq!(cut.live(7, CUT), [(6, Change::Opened(Cause::Operator))]);
}

#[test]
fn a_fast_link_has_more_noise_than_a_slow_one() {
    let fast = Rules { down: Some(25_000_000), ..RULES };
    let noise = Second { bytes: 20_000, ..CUT };
    assert_eq!(Life::of(fast).live(7, noise).len(), 1);
    assert_eq!(Life::of(RULES).live(7, noise), []);
}

#[test]
fn what_only_comes_in_does_not_hide_an_outage_for_ever() {
    let floods = Second { bytes: 1_000_000, ..CUT };
    assert_eq!(Life::of(RULES).live(120, floods), [(60, Change::Opened(Cause::OneWay))]);
    // Unless no target ever answered: then they may be wrong, and the link works.
    assert_eq!(Life::begun(RULES).live(600, floods), []);
}

#[test]
fn where_devices_share_the_interface_silence_alone_counts_and_takes_longer() {
    let shared = Rules { shared: true, ..RULES };
    let asked = Second { bytes: 1_000_000, ..CUT };
    assert_eq!(Life::of(shared).live(60, asked), [(15, Change::Opened(Cause::Operator))]);
}

#[test]
fn the_gateway_tells_whose_fault_it_is() {
    let deaf = Second { gateway: false, ..CUT };
    assert_eq!(Life::of(RULES).live(7, deaf), [(7, Change::Opened(Cause::School))]);
    let none = Rules { has_gateway: false, ..RULES };
    assert_eq!(Life::of(none).live(7, deaf), [(7, Change::Opened(Cause::Unknown))]);
    // One that never answered blames nobody.
    let mut mute = Life::begun(RULES);
    mute.live(60, Second { gateway: false, ..ALIVE });
    assert_eq!(mute.live(7, deaf), [(7, Change::Opened(Cause::Unknown))]);
    // A cable that is plugged in again, with nothing behind it.
    let mut life = Life::of(RULES);
    life.live(10, Second { carrier: Some(false), ..Second::default() });
    life.live(20, CUT);
    assert_eq!(life.outage.state(), State::Down(Cause::Operator));
}

#[test]
fn it_closes_after_twenty_good_seconds_of_twenty_five() {
    let mut life = Life::of(RULES);
    life.live(100, CUT);
    let back = life.at + SignedDuration::from_secs(1);
    assert_eq!(life.live(20, ALIVE), [(20, Change::Closed)]);
    assert_eq!(life.outage.state(), State::Up);
    // What it took to believe it is no part of the outage.
    assert_eq!((life.outage.since(), life.outage.down_seconds()), (Some(back), 99));
    // One second in four without an answer: never well.
    let mut poor = Life::of(RULES);
    poor.live(100, CUT);
    for _ in 0..100 {
        assert_eq!(poor.live(3, ALIVE), []);
        assert_eq!(poor.live(1, CUT), []);
    }
    // One in six: well.
    let mut fair = Life::of(RULES);
    fair.live(100, CUT);
    let closed: Vec<_> = (0..10)
        .flat_map(|_| [fair.live(5, ALIVE), fair.live(1, Second { bytes: 0, ..CUT })].concat())
        .collect();
    assert_eq!(closed.len(), 1);
}

#[test]
fn a_box_that_starts_gives_its_link_time_and_then_says_so() {
    assert_eq!(Life::begun(RULES).live(60, CUT), [(30, Change::Opened(Cause::Operator))]);
    let dark = Second { carrier: Some(false), ..Second::default() };
    assert_eq!(Life::begun(RULES).live(60, dark), [(30, Change::Opened(Cause::Carrier))]);
}

#[test]
fn without_targets_the_carrier_alone_counts() {
    let mut life = Life::of(Rules { asks: false, ..RULES });
    let idle = Second { answered: false, bytes: 0, ..ALIVE };
    assert_eq!(life.live(600, idle), []);
    assert_eq!(life.live(5, Second { carrier: Some(false), ..idle }).len(), 1);
    assert_eq!(life.live(60, idle), [(20, Change::Closed)]);
}

fn seconds() -> impl Strategy<Value = Vec<Second>> {
    let second = (prop::option::of(any::<bool>()), any::<bool>(), any::<bool>(), 0..20_000_u64);
    let second = second.prop_map(|(carrier, answered, gateway, bytes)| Second {
        carrier: carrier.map(|up| up || answered),
        answered,
        gateway,
        bytes,
    });
    // Runs of one kind, as they happen.
    prop::collection::vec((second, 1..40_usize), 1..30)
        .prop_map(|runs| runs.into_iter().flat_map(|(one, n)| vec![one; n]).collect())
}

proptest! {
    /// Whatever happens: it opens on no less than silence or a lost carrier, closes on no less than
    /// twenty answers, and says both in turn.
    #[test]
    fn it_opens_on_silence_and_closes_on_answers(lived in seconds()) {
        let mut life = Life::begun(RULES);
        let mut is_down = false;
        for (index, seen) in lived.iter().enumerate() {
            let change = life.live(1, *seen).first().map(|(_, change)| *change);
            let past = |n: usize| lived[..=index].iter().rev().take(n);
            match change {
                Some(Change::Opened(cause)) => {
                    prop_assert!(!is_down);
                    is_down = true;
                    let silent = past(7).count() == 7 && past(7).all(|one| !one.answered);
                    prop_assert!(silent || seen.carrier == Some(false));
                    prop_assert_eq!(cause == Cause::Carrier, seen.carrier == Some(false));
                }
                Some(Change::Closed) => {
                    prop_assert!(is_down);
                    is_down = false;
                    prop_assert!(past(25).filter(|one| one.answered).count() >= 20);
                }
                None => {}
            }
            prop_assert_eq!(is_down, matches!(life.outage.state(), State::Down(_)));
        }
    }
}
