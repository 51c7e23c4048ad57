use std::time::Duration;

use super::*;
use crate::config::LinkPart;

/// Of the link, in bytes a second.
const RATE: u64 = 10_000_000;
const STEP: Duration = Duration::from_millis(1);

/// Somebody who takes.
struct Taker {
    device: IpAddr,
    under: Option<Under>,
    /// Pieces that it asks for at once: its connections.
    at_once: usize,
    /// It asks again so many steps after its piece came.
    slow: u32,
    took: u64,
}

fn taker(number: u8, at_once: usize) -> Taker {
    Taker { device: [10, 0, 0, number].into(), under: None, at_once, slow: 0, took: 0 }
}

fn under(profile: &str, rate: u64) -> Under {
    let (profile, most) = (profile.into(), LinkPart::Percent(1));
    Under { ceiling: Arc::new(Ceiling { profile, most }), rate }
}

/// Ten seconds in steps: bytes that each took.
fn ten_seconds<const N: usize>(link: Option<u64>, mut takers: [Taker; N]) -> [u64; N] {
    let begun = Instant::now();
    let mut shares = Shares::new(link, begun);
    let mut asks: Vec<(u32, usize)> =
        (0..N).flat_map(|index| vec![(0, index); takers[index].at_once]).collect();
    for step in 0..10_000 {
        let now = begun + STEP * step;
        asks.retain(|(at, index)| {
            if *at > step {
                return true;
            }
            let taker = &takers[*index];
            let piece = shares.piece(taker.device, taker.under.clone(), None, now);
            shares.wait(piece, *index, now);
            false
        });
        for (index, piece) in shares.release(now).0 {
            shares.settle(&piece, piece.bytes, now);
            takers[index].took += piece.bytes;
            asks.push((step + 1 + takers[index].slow, index));
        }
    }
    takers.map(|taker| taker.took)
}

fn about(bytes: u64, wanted: u64) -> bool {
    (wanted * 19 / 20..=wanted * 21 / 20).contains(&bytes)
}

#[test]
fn one_device_has_the_whole_link_and_no_more() {
    let [took] = ten_seconds(Some(RATE), [taker(1, 16)]);
    assert!(about(took, 10 * RATE), "{took}");
}

#[test]
fn a_device_with_many_connections_has_no_more_than_one_with_few() {
    let took = ten_seconds(Some(RATE), [taker(1, 200), taker(2, 16), taker(3, 1)]);
    assert!(took.iter().all(|bytes| about(*bytes, 10 * RATE / 3)), "{took:?}");
}

#[test]
fn who_comes_back_late_for_each_piece_keeps_its_share() {
    let late = Taker { slow: 8, ..taker(2, 2) };
    let took = ten_seconds(Some(RATE), [taker(1, 50), late, taker(3, 50)]);
    assert!(took.iter().all(|bytes| about(*bytes, 10 * RATE / 3)), "{took:?}");
}

#[test]
fn who_takes_little_hardly_waits_and_the_rest_goes_to_the_others() {
    // A piece every 49 ms, if it does not wait: a tenth of the link.
    let little = Taker { slow: 48, ..taker(2, 1) };
    let took = ten_seconds(Some(RATE), [taker(1, 20), little, taker(3, 20)]);
    assert!(took[1] > RATE * 9 / 10, "{took:?}");
    assert!(about(took[0], took[2]), "{took:?}");
    assert!(about(took.iter().sum(), 10 * RATE), "nothing is wasted: {took:?}");
}

#[test]
fn a_profile_stays_under_its_ceiling_and_its_devices_share_it() {
    let guests = |number, at_once| Taker {
        under: Some(under("guests", RATE / 10)),
        ..taker(number, at_once)
    };
    let took = ten_seconds(Some(RATE), [guests(1, 30), guests(2, 1), taker(3, 1), taker(4, 20)]);
    assert!(about(took[0], RATE / 2) && about(took[1], RATE / 2), "{took:?}");
    assert!(about(took[2], 10 * RATE * 9 / 20) && about(took[3], 10 * RATE * 9 / 20), "{took:?}");
    // Nobody else is there: no more than the ceiling all the same.
    let [alone] = ten_seconds(Some(RATE), [guests(1, 30)]);
    assert!(about(alone, RATE), "{alone}");
    // Nor does the ceiling need a link's rate.
    let [capped, free] = ten_seconds(None, [guests(1, 30), taker(2, 4)]);
    assert!(about(capped, RATE) && free > 100 * RATE, "{capped} {free}");
}

#[test]
fn a_ceiling_that_is_not_reached_takes_nothing_from_anybody() {
    let high = Taker { under: Some(under("pupils", RATE)), ..taker(1, 20) };
    let took = ten_seconds(Some(RATE), [high, taker(2, 20)]);
    assert!(took.iter().all(|bytes| about(*bytes, 5 * RATE)), "{took:?}");
}

#[test]
fn nobody_waits_while_there_is_room_and_what_was_not_taken_is_given_back() {
    let now = Instant::now();
    let mut shares = Shares::<()>::new(Some(RATE), now);
    let device = IpAddr::from([10, 0, 0, 1]);
    for _ in 0..10_000 {
        let piece = shares.piece(device, None, None, now);
        let piece = shares.at_once(piece, now).expect("the link is idle");
        shares.settle(&piece, 0, now);
    }
    let piece = shares.piece(device, None, Some(RATE), now);
    let piece = shares.at_once(piece, now).unwrap();
    shares.settle(&piece, RATE, now);
    let next = shares.piece(device, None, None, now);
    let next = shares.at_once(next, now).unwrap_err();
    assert!(shares.at_once(next, now + Duration::from_secs(1)).is_ok());
}
