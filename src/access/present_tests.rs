use super::*;
use crate::access::{
    Revoke,
    testing::{at, open_store, person, room, room_with},
    tests::{Browser, sign_in, teacher},
};

const DEVICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 31, 4, 9));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 31, 4, 10));
const HOUR: i64 = 3600;

fn role(room: &Access, address: IpAddr, now: i64) -> Option<Role> {
    room.role_at(address, at(now)).map(|here| here.role)
}

/// A neighbour table in which this device has hardware that ends so.
fn neighbours(last: u8) -> Seen {
    Seen::of("", "", &format!("{DEVICE} 0x1 0x2 02:00:00:00:00:{last:02x} * vlan10\n"))
}

#[tokio::test]
async fn whoever_signs_in_at_a_device_is_there_until_they_sign_out() {
    let (room, _folder) = room();
    let session = teacher(&room).await;
    assert_eq!(role(&room, DEVICE, 0), None);
    room.is_at(&session, DEVICE, at(0));
    assert_eq!(role(&room, DEVICE, 1), Some(Role::Teacher));
    assert_eq!(role(&room, "::ffff:10.31.4.9".parse().unwrap(), 1), Some(Role::Teacher));
    assert_eq!(role(&room, OTHER, 1), None);
    room.sign_out(&session);
    assert_eq!(role(&room, DEVICE, 1), None);
    // A request that was under way meanwhile brings nobody back.
    room.is_at(&session, DEVICE, at(1));
    assert_eq!(role(&room, DEVICE, 1), None);
}

#[tokio::test]
async fn a_device_is_nobody_s_two_hours_after_the_last_page_and_after_the_session() {
    let (room, _folder) = room();
    let session = teacher(&room).await;
    room.is_at(&session, DEVICE, at(0));
    let here = room.role_at(DEVICE, at(0)).unwrap();
    assert_eq!(here.until, at(2 * HOUR));
    assert_eq!(role(&room, DEVICE, 2 * HOUR), None);
    // Asking for a verdict is no sign of life; a page is, but not beyond the session's end.
    for hour in 0..12 {
        assert_eq!(role(&room, DEVICE, hour * HOUR + 3599), Some(Role::Teacher), "{hour}");
        room.is_at(&session, DEVICE, at(hour * HOUR + 3599));
    }
    assert_eq!(room.role_at(DEVICE, at(12 * HOUR - 1)).unwrap().until, session.until);
    assert_eq!(role(&room, DEVICE, 12 * HOUR), None);
    // A clock that went back makes nothing last longer.
    assert_eq!(role(&room, DEVICE, -HOUR), None);
}

#[tokio::test]
async fn the_next_to_sign_in_at_a_device_takes_its_place() {
    let (room, _folder) = room();
    room.is_at(&*teacher(&room).await, DEVICE, at(0));
    let pupil = sign_in(&room, &person("x", Role::Pupil), &mut Browser::default(), 0).await;
    room.is_at(&pupil, DEVICE, at(5));
    assert_eq!(role(&room, DEVICE, 5), Some(Role::Pupil));
}

#[tokio::test]
async fn every_end_of_a_session_is_the_end_at_the_device() {
    let (room, _folder) = room();
    for what in [Revoke::Person("t".into()), Revoke::All] {
        let session = teacher(&room).await;
        room.is_at(&session, DEVICE, at(0));
        assert_eq!(role(&room, DEVICE, 0), Some(Role::Teacher));
        room.revoke(what, at(1)).unwrap();
        assert_eq!(role(&room, DEVICE, 1), None);
    }
    // The same browser signs in as somebody else, and has opened no page yet.
    let mut browser = Browser::default();
    let first = sign_in(&room, &person("a", Role::Teacher), &mut browser, 2).await;
    room.is_at(&first, DEVICE, at(2));
    sign_in(&room, &person("b", Role::Pupil), &mut browser, 3).await;
    assert_eq!(role(&room, DEVICE, 3), None);
}

#[tokio::test]
async fn an_address_that_other_hardware_took_is_nobody_s() {
    let (room, _folder) = room();
    let session = teacher(&room).await;
    room.is_at(&session, DEVICE, at(0));
    for seen in [Seen::default(), neighbours(1), Seen::default(), neighbours(1)] {
        room.look_around(&seen, at(1));
        assert_eq!(role(&room, DEVICE, 1), Some(Role::Teacher), "{seen:?}");
    }
    room.look_around(&neighbours(2), at(2));
    assert_eq!(role(&room, DEVICE, 2), None);
}

#[tokio::test]
async fn neither_the_box_nor_a_reading_app_nor_a_shared_address_is_a_person_s() {
    let folder = tempfile::tempdir().unwrap();
    let shared_addresses = vec!["10.9.0.0/24".parse().unwrap()];
    let settings = config::Access { shared_addresses, ..config::Access::default() };
    let room = room_with(&settings, open_store(&folder));
    let session = teacher(&room).await;
    for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "fe80::1", "10.9.0.7"] {
        room.is_at(&session, text.parse().unwrap(), at(0));
        assert_eq!(role(&room, text.parse().unwrap(), 0), None, "{text}");
    }
    let app = Session { way: Way::AppKey, ..(*session).clone() };
    room.is_at(&app, DEVICE, at(0));
    assert_eq!(role(&room, DEVICE, 0), None);
}

#[tokio::test]
async fn a_flood_of_addresses_is_bounded_and_the_longest_silent_give_way() {
    let (room, _folder) = room();
    let session = teacher(&room).await;
    let of = |n: u32| IpAddr::from((0x0a40_0000 + n).to_be_bytes());
    for n in 0..6 {
        room.is_at(&session, of(n), at(i64::from(n)));
    }
    let there: Vec<_> = (0..6).filter(|n| role(&room, of(*n), 6).is_some()).collect();
    assert_eq!(there, [2, 3, 4, 5], "of one session");
    let present = &room.inner.present;
    let many = MAX_ADDRESSES + 10;
    for n in 0..u32::try_from(many).unwrap() {
        let own = Session { public_id: n.to_string(), ..(*session).clone() };
        present.note(&own, of(1000 + n), at(10 + i64::from(n)));
    }
    assert_eq!(present.people.load().len(), MAX_ADDRESSES);
    assert_eq!(role(&room, of(5), 100), None);
}

#[tokio::test]
async fn who_waits_hears_of_a_change_and_not_of_a_page() {
    let (room, _folder) = room();
    let session = teacher(&room).await;
    let mut changes = room.changes_at(DEVICE);
    let mut heard = || {
        let changed = changes.has_changed().unwrap();
        changes.mark_unchanged();
        changed
    };
    assert!(!heard());
    room.is_at(&session, DEVICE, at(0));
    assert!(heard());
    room.is_at(&session, DEVICE, at(1));
    room.look_around(&neighbours(1), at(1));
    assert!(!heard());
    room.look_around(&neighbours(2), at(1));
    assert!(heard());
    room.is_at(&session, DEVICE, at(2));
    assert!(heard());
    room.sign_out(&session);
    assert!(heard());
}

#[tokio::test]
async fn a_help_code_makes_a_pupil_of_the_device() {
    let (room, _folder) = room();
    let by = teacher(&room).await;
    let code = room.make_codes(&by, 1, "2DE 3", at(0)).unwrap().remove(0).code;
    let entered = room.enter_by_code(&code, &http::HeaderMap::new(), Some(DEVICE), at(1)).unwrap();
    room.is_at(&entered.session, DEVICE, at(1));
    assert_eq!(role(&room, DEVICE, 2), Some(Role::Pupil));
}

#[tokio::test]
async fn asking_who_is_there_allocates_nothing() {
    let (room, _folder) = room();
    room.is_at(&*teacher(&room).await, DEVICE, at(0));
    // The first read of a thread makes its place.
    let expected = room.role_at(DEVICE, at(1));
    let counted = allocation_counter::measure(|| {
        assert_eq!(room.role_at(DEVICE, at(1)), expected);
        assert_eq!(room.role_at(OTHER, at(1)), None);
    });
    assert_eq!(counted.count_total, 0);
}
