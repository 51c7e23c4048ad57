//! What the roster promises.

use super::*;
use crate::health::wifi::survey::{Kind, Totals};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

fn mac(last: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, last])
}

fn survey(controller: &str, whole: bool, points: &[(u8, Option<ApState>)]) -> Survey {
    let point = |(last, state): &(u8, Option<ApState>)| AccessPoint {
        name: Some(format!("ap{last}")),
        state: *state,
        ..AccessPoint::new(mac(*last))
    };
    Survey {
        controller: controller.to_owned(),
        kind: Kind::Cisco,
        at: at(0),
        description: None,
        up_time_centiseconds: 1,
        access_points: points.iter().map(point).collect(),
        whole,
        radios: Vec::new(),
        ssids: Vec::new(),
        totals: Totals::default(),
        gaps: Vec::new(),
    }
}

const UP: Option<ApState> = Some(ApState::Up);
const DOWN: Option<ApState> = Some(ApState::Down);

fn news(changes: Vec<Change>) -> Vec<(u8, News)> {
    changes.into_iter().map(|change| (change.mac.0[5], change.what)).collect()
}

fn stands(before: Standing, now: Standing) -> News {
    News::Stands { before, now }
}

#[test]
fn one_that_is_gone_from_two_whole_lists_is_missing_since_it_was_last_seen() {
    let mut roster = Roster::default();
    let both = survey("c", true, &[(1, UP), (2, UP)]);
    assert_eq!(news(roster.take(&both, at(0))), [(1, News::New), (2, News::New)]);
    assert_eq!(news(roster.take(&both, at(1))), []);
    let one = survey("c", true, &[(1, UP)]);
    assert_eq!(news(roster.take(&one, at(2))), [], "once may be chance");
    assert_eq!(roster.get(mac(2)).unwrap().standing, Standing::Up);
    let missing = stands(Standing::Up, Standing::Missing);
    assert_eq!(news(roster.take(&one, at(3))), [(2, missing)]);
    let entry = roster.get(mac(2)).unwrap();
    assert_eq!((entry.since, entry.name.as_deref()), (at(1), Some("ap2")));
    assert_eq!(news(roster.take(&one, at(4))), [], "said once");
    let back = stands(Standing::Missing, Standing::Up);
    assert_eq!(news(roster.take(&both, at(5))), [(2, back)]);
    assert_eq!(roster.get(mac(2)).unwrap().since, at(5));
    // Absence that was interrupted begins anew.
    roster.take(&one, at(6));
    roster.take(&both, at(7));
    assert_eq!(news(roster.take(&one, at(8))), []);
}

#[test]
fn a_list_that_is_not_whole_makes_nobody_missing() {
    let mut roster = Roster::default();
    roster.take(&survey("c", true, &[(1, UP), (2, UP)]), at(0));
    for minute in 1..5 {
        assert_eq!(news(roster.take(&survey("c", false, &[(1, UP)]), at(minute))), []);
    }
    assert_eq!(roster.get(mac(2)).unwrap().standing, Standing::Up);
}

#[test]
fn a_controller_that_does_not_answer_makes_its_own_unknown_and_nobody_down() {
    let mut roster = Roster::default();
    roster.take(&survey("c", true, &[(1, UP), (2, DOWN), (3, UP)]), at(0));
    roster.take(&survey("d", true, &[(9, UP)]), at(0));
    roster.take(&survey("c", true, &[(1, UP), (2, DOWN)]), at(1));
    roster.take(&survey("c", true, &[(1, UP), (2, DOWN)]), at(2));
    let unknown = |before| stands(before, Standing::Unknown);
    let changes = news(roster.unreachable("c", at(3)));
    assert_eq!(changes, [(1, unknown(Standing::Up)), (2, unknown(Standing::Down))]);
    assert_eq!(roster.get(mac(3)).unwrap().standing, Standing::Missing);
    assert_eq!(roster.get(mac(9)).unwrap().standing, Standing::Up);
    assert_eq!(news(roster.unreachable("c", at(4))), [], "said once");
    let back = news(roster.take(&survey("c", true, &[(1, UP), (2, DOWN)]), at(5)));
    let known = |now| stands(Standing::Unknown, now);
    assert_eq!(back, [(1, known(Standing::Up)), (2, known(Standing::Down))]);
}

#[test]
fn a_state_that_is_not_told_is_unknown_and_a_told_one_counts_at_once() {
    let mut roster = Roster::default();
    roster.take(&survey("c", true, &[(1, None), (2, UP)]), at(0));
    assert_eq!(roster.get(mac(1)).unwrap().standing, Standing::Unknown);
    let changes = news(roster.take(&survey("c", true, &[(1, UP), (2, DOWN)]), at(1)));
    let now = stands(Standing::Up, Standing::Down);
    assert_eq!(changes, [(1, stands(Standing::Unknown, Standing::Up)), (2, now)]);
}

#[test]
fn one_that_two_controllers_name_belongs_to_the_one_where_it_is_up() {
    let mut roster = Roster::default();
    roster.take(&survey("c", true, &[(1, UP)]), at(0));
    assert_eq!(news(roster.take(&survey("d", true, &[(1, DOWN)]), at(0))), []);
    assert_eq!(news(roster.take(&survey("d", true, &[(1, UP)]), at(1))), [], "it is up there");
    // It leaves: the first does not name it any more, the second has it.
    roster.take(&survey("c", true, &[]), at(2));
    let moved = News::Moved { from: "c".into() };
    assert_eq!(news(roster.take(&survey("d", true, &[(1, UP)]), at(2))), [(1, moved)]);
    roster.take(&survey("c", true, &[]), at(3));
    assert_eq!(news(roster.take(&survey("c", true, &[]), at(4))), [], "it is not c's any more");
    let entry = roster.get(mac(1)).unwrap();
    assert_eq!((entry.standing, entry.controller.as_str()), (Standing::Up, "d"));
}

#[test]
fn one_that_is_gone_for_half_a_year_is_forgotten_and_the_roster_is_bounded() {
    let mut roster = Roster::default();
    roster.take(&survey("c", true, &[(1, UP), (2, UP)]), at(0));
    let one = survey("c", true, &[(1, UP)]);
    let days = |days: i64| at(days * 24 * 60);
    roster.take(&one, days(1));
    roster.take(&one, days(2));
    assert_eq!(news(roster.take(&one, days(180))), []);
    assert_eq!(news(roster.take(&one, days(181))), [(2, News::Forgotten)]);
    let mut many = survey("c", true, &[]);
    let all = (0..=u32::try_from(MAX_REMEMBERED).unwrap()).map(|number| {
        let [a, b, c, d] = number.to_be_bytes();
        AccessPoint::new(Mac([1, 0, a, b, c, d]))
    });
    many.access_points = all.collect();
    roster.take(&many, days(182));
    assert_eq!((roster.entries().count(), roster.unlisted()), (MAX_REMEMBERED, 2));
}

#[test]
fn what_is_kept_is_read_back_without_controllers_that_are_gone() {
    let mut roster = Roster::default();
    roster.take(&survey("c", true, &[(1, UP)]), at(0));
    roster.take(&survey("d", true, &[(2, DOWN)]), at(1));
    let kept = serde_json::to_vec(&roster).unwrap();
    let read: Roster = serde_json::from_slice(&kept).unwrap();
    assert_eq!(read, roster);
    let left = read.of_controllers(&["d"]);
    assert_eq!(left.entries().map(|(mac, _)| mac).collect::<Vec<_>>(), [mac(2)]);
}
