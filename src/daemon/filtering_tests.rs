//! The judge as the gateway has it, over the rooms as the daemon wires them.

use std::{net::IpAddr, sync::Arc};

use super::*;
use crate::{
    access::{Access, Role},
    filter::host::Host,
    filter::lists::{
        Builder,
        build::{Rule, Scope},
    },
    gateway::{Asked, Who as Device},
    net::around::{Around, Seen},
};

const POLICY: &str = r#"
[school]
uai = "0510035L"
name = "Lycée d'essai"
[access]
sign_in = "off"
[filter]
default_profile = "autres"
[[filter.profiles]]
name = "professeurs"
roles = ["teacher"]
interfaces = ["vlan64"]
[[filter.profiles]]
name = "eleves"
roles = ["pupil"]
networks = ["10.31.0.0/19"]
safe_search = "strict"
[[filter.profiles]]
name = "autres"
otherwise = "deny"
[[filter.rules]]
name = "jeux"
categories = ["games"]
profiles = ["eleves"]
[[filter.rules]]
name = "le reste"
action = "allow"
sites = ["*"]
profiles = ["eleves", "professeurs"]
"#;

struct House {
    judge: Judge,
    access: Access,
    _folder: tempfile::TempDir,
}

fn house(seen: Seen) -> House {
    let folder = tempfile::tempdir().unwrap();
    let (mut config, _) = Config::parse("t", POLICY).unwrap();
    config.store.path = folder.path().join("data");
    let store = Store::open(crate::store::StoreOptions::of(&config.store)).unwrap();
    let (school, https, network) = (&config.school, &config.https, &config.network);
    let access = Access::open(school, &config.access, https, network, store.clone()).unwrap();
    let filter = open(&config, store).unwrap();
    let mut lists = Builder::default();
    let games = lists.category("games").unwrap();
    let game = Rule::Host(Host::parse("jeux.example").unwrap(), Scope::Whole);
    lists.add(games, &game, false).unwrap();
    filter.replace_lists(Arc::new(lists.finish().unwrap().0), Timestamp::now());
    let around = Around::of(seen);
    let judge = judge(Judging {
        filter,
        access: access.clone(),
        around,
        engines: engines(&config).unwrap().into(),
    });
    House { judge, access, _folder: folder }
}

fn asked(text: &str) -> Asked {
    Asked::tunnel(&text.parse().unwrap()).unwrap()
}

impl House {
    fn ruling(&self, device: &str, place: &str) -> Ruling {
        let address: IpAddr = device.parse().unwrap();
        self.judge.judge(&Device { address }, &asked(place), None, Timestamp::now())
    }
}

fn six(to: &str, prefix: u8, interface: &str) -> String {
    let to = u128::from(to.parse::<std::net::Ipv6Addr>().unwrap());
    format!("{to:032x} {prefix:02x} {0:032x} 00 {0:032x} 00000100 1 0 00000001 {interface}\n", 0)
}

#[test]
fn a_device_is_judged_by_its_interface_and_its_network() {
    let routes = [six("2001:db8:64::", 64, "vlan64"), six("::", 0, "wan0")].concat();
    let house = house(Seen::of("", &routes, ""));
    let denied = |device: &str| {
        let denial = house.ruling(device, "jeux.example:443").denied;
        denial.map(|denial| denial.profile.unwrap())
    };
    assert_eq!(denied("2001:db8:64::9"), None);
    assert_eq!(denied("2001:db8:65::9").as_deref(), Some("autres"));
    assert_eq!(denied("10.31.4.9").as_deref(), Some("eleves"));
}

#[test]
fn whoever_signs_in_is_judged_by_their_role_until_they_are_no_longer_there() {
    let house = house(Seen::default());
    let device: IpAddr = "10.31.4.9".parse().unwrap();
    let changes = house.access.changes_at(device);
    let now = Timestamp::now();
    let session = house.access.a_session(Role::Teacher, now);
    assert!(house.ruling("10.31.4.9", "jeux.example:443").denied.is_some());
    house.access.is_at(&session, device, now);
    assert!(changes.has_changed().unwrap());
    let allowed = house.ruling("10.31.4.9", "jeux.example:443");
    assert_eq!(allowed.denied, None);
    // Asked again when the role may end, whatever the timetable says.
    let here = house.access.role_at(device, now).unwrap();
    assert_eq!(allowed.until, Some(here.until));
    house.access.sign_out(&session);
    let denial = house.ruling("10.31.4.9", "jeux.example:443").denied.unwrap();
    assert_eq!((denial.profile.as_deref(), denial.role), (Some("eleves"), None));
}

#[test]
fn a_profile_that_searches_safely_is_led_to_safe_hosts() {
    let house = house(Seen::default());
    let led = |device: &str, place: &str| house.ruling(device, place).instead;
    let safe = Host::parse("strict.bing.com").unwrap();
    assert_eq!(led("10.31.4.9", "www.bing.com:443").as_deref(), Some(&safe));
    assert_eq!(led("10.31.4.9", "example.org:443"), None);
    let now = Timestamp::now();
    let session = house.access.a_session(Role::Teacher, now);
    house.access.is_at(&session, "10.31.4.9".parse().unwrap(), now);
    assert_eq!(led("10.31.4.9", "www.bing.com:443"), None);
}

#[test]
fn a_verdict_costs_no_memory_on_its_whole_way() {
    let house = house(Seen::of("", &six("2001:db8:64::", 64, "vlan64"), ""));
    let now = Timestamp::now();
    let session = house.access.a_session(Role::Pupil, now);
    house.access.is_at(&session, "10.31.4.9".parse().unwrap(), now);
    for device in ["10.31.4.9", "10.31.4.10", "2001:db8:64::9"] {
        let who = Device { address: device.parse().unwrap() };
        for place in ["example.org:443", "www.bing.com:443"] {
            let place = asked(place);
            let judge = || house.judge.judge(&who, &place, None, now);
            // The first read of a thread makes its place.
            let expected = judge();
            assert_eq!(expected.denied, None, "{device}");
            let counted = allocation_counter::measure(|| {
                assert_eq!(judge(), expected);
            });
            assert_eq!(counted.count_total, 0, "{device} {place}");
        }
    }
}
