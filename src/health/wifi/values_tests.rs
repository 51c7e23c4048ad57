use super::*;
use crate::health::{
    sample::Sample,
    wifi::{ApState, Band, Kind, Mac, Ssid, Totals},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn mac(last: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, last])
}

fn point(last: u8, state: Option<ApState>) -> AccessPoint {
    AccessPoint { state, ..AccessPoint::new(mac(last)) }
}

fn survey(second: i64, access_points: Vec<AccessPoint>) -> Survey {
    let radio = |one: &AccessPoint| {
        [0, 1].map(|number| Radio {
            band: [Some(Band::Two), Some(Band::Five)][number as usize],
            channel: Some(36),
            clients: Some(3),
            utilisation_percent: Some(41),
            noise_dbm: Some(-91),
            ..Radio::new(one.mac, number)
        })
    };
    Survey {
        controller: "lycee".into(),
        kind: Kind::Cisco,
        at: at(second),
        description: None,
        up_time_centiseconds: 1,
        radios: access_points.iter().flat_map(radio).collect(),
        access_points,
        whole: true,
        ssids: vec![Ssid { clients: Some(12), ..Ssid::new("eleves".repeat(20)) }],
        totals: Totals { clients: Some(13), ..Totals::default() },
        gaps: vec![],
    }
}

fn about<'a>(survey: Option<&'a Survey>, trouble: Option<&'a str>) -> About<'a> {
    About { name: "lycee", address: "[::1]:161", trouble, since: None, took_ms: Some(2500), survey }
}

fn told(about: &About<'_>, asked_at: Timestamp, roster: &Roster, places: &Places) -> Vec<Sample> {
    let mut telling = Telling::default();
    controller(about, asked_at, (roster, places), &mut telling);
    assert_eq!(telling.left_out(), 0);
    telling.into_samples()
}

/// `name{labels} value`, without the prefix that all have.
fn lines(samples: &[Sample]) -> Vec<String> {
    let line = |one: &Sample| {
        let name = one.metric.name.trim_start_matches("preau_wifi_");
        format!("{name} {} {}", one.labels.join(","), one.value)
    };
    samples.iter().map(line).collect()
}

fn of<'a>(lines: &'a [String], start: &str) -> Vec<&'a str> {
    lines.iter().filter_map(|line| line.strip_prefix(start)).collect()
}

#[test]
fn what_is_known_is_told_with_the_time_of_its_look_and_what_is_not_is_left_out() {
    let mut roster = Roster::default();
    let named = AccessPoint {
        name: Some("AP-CDI".into()),
        up_time_seconds: Some(86_400),
        ..point(1, Some(ApState::Up))
    };
    let survey = survey(0, vec![named, point(2, Some(ApState::Down)), point(3, None)]);
    roster.take(&survey, at(4));
    let places = Places::parse("access_point;building;room\nap-cdi;B;CDI\n").unwrap();
    let samples = told(&about(Some(&survey), None), at(4), &roster, &places);
    assert!(samples.iter().all(|one| one.at == survey.at), "not when it was collected");
    let lines = lines(&samples);
    assert_eq!(of(&lines, "controller_up "), ["lycee 1"]);
    assert_eq!(of(&lines, "controller_poll_seconds "), ["lycee 2.5"]);
    assert_eq!(of(&lines, "controller_clients "), ["lycee 13"], "as it counts itself");
    assert_eq!(
        of(&lines, "controller_access_points "),
        ["lycee,up 1", "lycee,down 1", "lycee,missing 0", "lycee,unknown 1"]
    );
    assert_eq!(of(&lines, "ap_up "), ["02:00:00:00:00:01 1", "02:00:00:00:00:02 0"]);
    assert_eq!(of(&lines, "ap_uptime_seconds "), ["02:00:00:00:00:01 86400"]);
    assert_eq!(of(&lines, "ap_reboots_total "), [""; 0]);
    assert_eq!(of(&lines, "ap_info ")[0], "02:00:00:00:00:01,lycee,AP-CDI,,,B,,CDI 1");
    assert_eq!(
        of(&lines, "radio_utilization_ratio "),
        [
            "02:00:00:00:00:01,0:2.4GHz 0.41",
            "02:00:00:00:00:01,1:5GHz 0.41",
            "02:00:00:00:00:03,0:2.4GHz 0.41",
            "02:00:00:00:00:03,1:5GHz 0.41"
        ],
        "nothing of the radios of one that is down"
    );
    assert_eq!(of(&lines, "radio_noise_dbm ")[0], "02:00:00:00:00:01,0:2.4GHz -91");
    assert_eq!(of(&lines, "radio_transmit_power_dbm "), [""; 0]);
    let ssid = of(&lines, "ssid_clients ")[0];
    assert_eq!(ssid.len(), "lycee,".len() + MAX_LABEL_CHARS + " 12".len(), "{ssid}");
}

#[test]
fn a_controller_that_is_silent_tells_that_and_nothing_of_its_access_points() {
    let mut roster = Roster::default();
    let survey = survey(0, vec![point(1, Some(ApState::Up)), point(2, Some(ApState::Up))]);
    roster.take(&survey, at(0));
    roster.unreachable("lycee", at(60));
    let about = about(Some(&survey), Some("it does not answer"));
    let samples = told(&about, at(60), &roster, &Places::default());
    assert!(samples.iter().all(|one| one.at == at(60)));
    assert_eq!(
        lines(&samples),
        [
            "controller_up lycee 0",
            "controller_access_points lycee,up 0",
            "controller_access_points lycee,down 0",
            "controller_access_points lycee,missing 0",
            "controller_access_points lycee,unknown 2",
        ]
    );
}

#[test]
fn one_that_is_not_named_any_more_is_down_once_it_is_missing_and_unknown_before() {
    let mut roster = Roster::default();
    let serial = Some("CN0".to_owned());
    let second = AccessPoint { serial, ..point(2, Some(ApState::Up)) };
    let both = vec![point(1, Some(ApState::Up)), second];
    roster.take(&survey(0, both.clone()), at(0));
    let (mut states, mut infos) = (Vec::new(), Vec::new());
    let places = Places::parse("access_point;building\n020000000002;Internat\n").unwrap();
    for look in 1..=3 {
        let mut one_less = survey(60 * look, both[..1].to_vec());
        // The last look does not get to the end of the table: it may be there.
        one_less.whole = look < 3;
        roster.take(&one_less, one_less.at);
        let samples = told(&about(Some(&one_less), None), one_less.at, &roster, &places);
        let lines = lines(&samples);
        infos.extend(of(&lines, "ap_info 02:00:00:00:00:02").into_iter().map(str::to_owned));
        states.push(of(&lines, "ap_up ").join(" "));
    }
    let up = "02:00:00:00:00:01 1";
    assert_eq!(states, [up, &format!("{up} 02:00:00:00:00:02 0"), up]);
    assert_eq!(infos, [",lycee,,,CN0,Internat,, 1"], "where it was and what");
}

#[test]
fn of_an_access_point_that_belongs_to_another_controller_nothing_is_told() {
    let mut roster = Roster::default();
    let other =
        Survey { controller: "autre".into(), ..survey(0, vec![point(1, Some(ApState::Up))]) };
    roster.take(&other, at(0));
    let ours = survey(1, vec![point(1, Some(ApState::Up))]);
    roster.take(&ours, at(1));
    let lines = lines(&told(&about(Some(&ours), None), at(1), &roster, &Places::default()));
    assert_eq!((of(&lines, "ap_").len(), of(&lines, "radio_").len()), (0, 0), "{lines:?}");
}
