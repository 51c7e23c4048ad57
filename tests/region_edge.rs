//! Where the boxes' values come in: nginx and `VictoriaMetrics` with the very files of
//! `config/region/metrics/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod region_support;
mod support;

use rcgen::ExtendedKeyUsagePurpose as Purpose;
use region_support::{
    BAYEN, OTHER,
    authority::{Authority, Name, REVOKED, Says},
    edge::{self, Region, path_of},
    present, texts,
    write::{body, now, series},
};
use support::until;

const NEEDED: [&str; 2] = ["nginx", "victoria-metrics"];
const BEAT: &str = "preau_heartbeat_timestamp_seconds";

#[test]
fn a_box_writes_for_its_own_school_and_no_other() {
    if !present(&NEEDED) {
        return;
    }
    let (region, at) = (Region::start(), now());
    let bayen = region.boxes.school(BAYEN);
    let beat =
        || vec![series(BEAT, &[("uai", BAYEN), ("plaque", "TELEMUS"), ("site", "")], &[(at, 7.0)])];
    assert_eq!(region.write(&bayen, BAYEN, beat()), 204);
    region.engine.flush();
    let told = region.engine.ask(BEAT, at);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["metric"]["uai"], BAYEN);
    assert_eq!(told[0]["metric"]["plaque"], "TELEMUS");
    assert_eq!(told[0]["value"][1], "7");

    // The path of another school, and whatever looks like one's own.
    let refused = region.ask(Some(&bayen), "POST", &path_of(OTHER), &body(beat()));
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("another school's"), "{}", refused.text());
    for (path, status) in [
        (format!("/boites/{BAYEN}/api/v1/write%0a"), 404),
        (format!("/boites/{BAYEN}/api/v1/write/"), 404),
        ("/boites/0510035l/api/v1/write".to_owned(), 404),
        (format!("/boites/{OTHER}/../{OTHER}/api/v1/write"), 403),
        ("/api/v1/write".to_owned(), 404),
        (format!("/boites/{BAYEN}/api/v1/query?query=up"), 404),
        ("/api/v1/query?query=up".to_owned(), 404),
        ("/schools".to_owned(), 404),
    ] {
        assert_eq!(region.ask(Some(&bayen), "POST", &path, &body(beat())).status, status, "{path}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(region.ask(Some(&bayen), method, &path_of(BAYEN), b"").status, 405, "{method}");
    }
    // What a box adds behind its path goes no further.
    let path = format!("{}?extra_label=uai={OTHER}&extra_label=plaque=x", path_of(BAYEN));
    assert_eq!(region.ask(Some(&bayen), "POST", &path, &body(beat())).status, 204);
    assert_eq!(region.engine.exist(&format!("{{uai!='{BAYEN}',__name__=~'preau_h.+'}}")).len(), 0);
    assert_eq!(region.engine.exist(BEAT).len(), 1);
}

#[test]
fn whoever_has_no_good_certificate_of_a_box_is_refused_and_told_no_400() {
    if !present(&NEEDED) {
        return;
    }
    let (region, at) = (Region::start(), now());
    let school = [(Name::Common, BAYEN)];
    let good = Says { subject: &school, serial: 2, purpose: &Purpose::ClientAuth, ended: false };
    let revoked = region.boxes.issue(Says { serial: REVOKED, ..good });
    let ended = region.boxes.issue(Says { ended: true, ..good });
    let server = region.boxes.issue(Says { purpose: &Purpose::ServerAuth, ..good });
    let nobody = region.boxes.issue(Says { subject: &[(Name::Common, "supervision")], ..good });
    let longer =
        region.boxes.issue(Says { subject: &[(Name::Common, "0510035L.example.org")], ..good });
    let hidden = [(Name::Common, "x"), (Name::Organisation, "y,CN=0510035L")];
    let hidden = region.boxes.issue(Says { subject: &hidden, ..good });
    let foreign = Authority::new().school(BAYEN);
    let sent = body(vec![series(BEAT, &[], &[(at, 1.0)])]);
    for (what, who) in [
        ("no certificate", None),
        ("a revoked one", Some(&revoked)),
        ("one that has ended", Some(&ended)),
        ("a server's", Some(&server)),
        ("one of another name", Some(&nobody)),
        ("one of a longer name", Some(&longer)),
        ("a school hidden in another part", Some(&hidden)),
        ("another authority's", Some(&foreign)),
    ] {
        // 400 would tell the box that its samples are wrong, and it would throw them away.
        assert_eq!(region.ask(who, "POST", &path_of(BAYEN), &sent).status, 403, "{what}");
    }
    assert_eq!(region.engine.exist("{__name__=~'preau_h.+'}").len(), 0);
    let right = region.boxes.issue(good);
    assert_eq!(region.ask(Some(&right), "POST", &path_of(BAYEN), &sent).status, 204);

    // The log says who and why, and nothing of where from.
    let log = region.log(9);
    assert!(log.contains(r#"403 POST uai= verify="NONE""#), "{log}");
    assert!(log.contains("FAILED:certificate revoked"), "{log}");
    assert!(log.contains("204 POST uai=0510035L verify=\"SUCCESS\""), "{log}");
    assert!(!log.contains("127.0.0.1"), "{log}");
}

#[test]
fn a_body_that_lies_about_its_school_is_kept_under_the_certificates() {
    if !present(&NEEDED) {
        return;
    }
    let (region, at) = (Region::start(), now());
    let bayen = region.boxes.school(BAYEN);
    let many: Vec<(String, &str)> = (0..60).map(|i| (format!("l{i}"), "x")).collect();
    let many: Vec<(&str, &str)> =
        many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let lie = ("uai", OTHER);
    let edge = ("preau_edge", OTHER);
    let cases: Vec<Vec<(&str, &str)>> = vec![
        vec![],
        vec![lie],
        vec![lie, lie, lie],
        vec![("ap", "1"), lie, ("radio", "2")],
        vec![edge],
        vec![edge, lie, edge],
        // The engine keeps thirty labels, and cuts the last: alone, `extra_label` would be cut here.
        [vec![lie], many.clone()].concat(),
        [many.clone(), vec![lie, edge]].concat(),
        [vec![edge, lie], vec![("ap", "1"); 60]].concat(),
        [vec![("UAI", OTHER), ("uai ", OTHER), ("__uai", OTHER)], many].concat(),
    ];
    for (i, labels) in cases.iter().enumerate() {
        let sent = vec![series(&format!("preau_case_{i}"), labels, &[(at, 1.0)])];
        assert_eq!(region.write(&bayen, BAYEN, sent), 204, "{i}");
    }
    let stored = region.engine.exist("{__name__=~'preau_case_.+'}");
    assert_eq!(stored.len(), cases.len());
    for series in &stored {
        for (name, value) in series.as_object().unwrap() {
            assert!(value != OTHER, "{name}: {series}");
            assert!(!name.starts_with('l') && name != "UAI", "no label that no box has: {series}");
        }
        // One series with sixty labels of one name is nobody's; all others are this school's.
        let whose = series.get("uai");
        assert!(whose.is_some_and(|uai| uai == BAYEN) || series["__name__"] == "preau_case_8");
    }
    // Names that are not a box's do not come in: a box makes no school, and no alert.
    for name in ["ALERTS", "up", "vm_rows_inserted_total", "Preau_link_up"] {
        let sent = vec![series(name, &[("alertname", "BoxSilent"), lie], &[(at, 1.0)])];
        assert_eq!(region.write(&bayen, BAYEN, sent), 204);
        assert_eq!(region.engine.exist(&format!("{name}{{uai!=''}}")).len(), 0, "{name}");
    }
    let school = vec![series(texts::SCHOOLS, &[lie, ("school", "Lycée inventé")], &[(at, 1.0)])];
    assert_eq!(region.write(&bayen, BAYEN, school), 204);
    for school in ["Lycée inventé", ""] {
        let which = format!("{}{{school='{school}'}}", texts::SCHOOLS);
        assert_eq!(region.engine.exist(&which).len(), 0, "{which}");
    }
}

#[test]
fn samples_of_before_keep_their_time_and_those_ahead_harm_nobody_else() {
    if !present(&NEEDED) {
        return;
    }
    let (region, at) = (Region::start(), now());
    let (bayen, other) = (region.boxes.school(BAYEN), region.boxes.school(OTHER));
    let name = "preau_uplink_series";
    let week = 7 * 86_400;
    let old: Vec<(i64, f64)> = (0..600).map(|i| (at - week + i * 60, 5.0)).collect();
    // Sent twice, as after an answer that was lost.
    for _ in 0..2 {
        assert_eq!(region.write(&bayen, BAYEN, vec![series(name, &[], &old)]), 204);
    }
    region.engine.flush();
    let kept = region.engine.ask(&format!("count_over_time({name}[1d])"), at - week + 599 * 60);
    assert_eq!(kept[0]["value"][1], "600", "each once, at its own time");

    // Thirty days ahead: the engine leaves it out, and goes on with everybody.
    let ahead = vec![series(BEAT, &[], &[(at + 30 * 86_400, 1.0)])];
    assert_eq!(region.write(&other, OTHER, ahead), 204);
    assert_eq!(region.write(&bayen, BAYEN, vec![series(BEAT, &[], &[(at, 1.0)])]), 204);
    region.engine.flush();
    assert_eq!(region.engine.of_itself(r#"vm_rows_ignored_total{reason="big_timestamp"}"#), 1);
    assert_eq!(region.engine.ask(BEAT, at).len(), 1, "the other box's went in");

    // Ten minutes ahead: taken, seen by nobody yet, and told by this rule.
    let clock = texts::alerts().into_iter().find(|alert| alert.name == "ClockAhead").unwrap();
    assert_eq!(region.engine.ask(&clock.question(), at).len(), 0);
    #[allow(clippy::cast_precision_loss, reason = "a moment of this century")]
    let soon = (at + 600, (at + 600) as f64);
    assert_eq!(region.write(&other, OTHER, vec![series(BEAT, &[], &[soon])]), 204);
    region.engine.flush();
    let told = region.engine.ask(&clock.question(), at);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["metric"]["uai"], OTHER);
}

#[test]
fn a_box_gets_one_back_fill_through_and_takes_no_others_place() {
    if !present(&NEEDED) {
        return;
    }
    let (region, at) = (Region::start(), now());
    let (bayen, other) = (region.boxes.school(BAYEN), region.boxes.school(OTHER));
    // Two requests under way, whose bodies do not come.
    let hold = || {
        let mut tls = region.connect(Some(&bayen));
        edge::begin(&mut tls, "POST", &path_of(BAYEN), 100);
        tls
    };
    let (first, second) = (hold(), hold());
    let sent = || vec![series(BEAT, &[], &[(at, 1.0)])];
    // The third is told to wait; nginx sees the two within a moment.
    until("429", || (region.write(&bayen, BAYEN, sent()) == 429).then_some(()));
    assert_eq!(region.write(&other, OTHER, sent()), 204);
    drop((first, second));
    until("a place again", || (region.write(&bayen, BAYEN, sent()) == 204).then_some(()));
    // A day of a hundred series in one request, larger than what nginx keeps in memory.
    let day = |i: i64| {
        let ap = i.to_string();
        let samples: Vec<_> =
            (0..1440_i32).map(|m| (at - 86_400 + i64::from(m) * 60, f64::from(m) * 1.37)).collect();
        series("preau_wifi_ap_uptime_seconds", &[("ap", ap.as_str())], &samples)
    };
    let sent: Vec<_> = (0..100).map(day).collect();
    assert!(body(sent.clone()).len() > 256 * 1024);
    assert_eq!(region.write(&bayen, BAYEN, sent), 204);
    // More than any box sends.
    let huge = vec![0; 9 * 1024 * 1024];
    assert_eq!(region.ask(Some(&bayen), "POST", &path_of(BAYEN), &huge).status, 413);
}

#[test]
fn the_regions_list_of_schools_comes_in_and_is_called_by_no_other_label() {
    if !present(&NEEDED) {
        return;
    }
    let region = Region::start();
    let schools = until("the list of schools", || {
        let schools = region.engine.exist(texts::SCHOOLS);
        (!schools.is_empty()).then_some(schools)
    });
    let bayen = schools.iter().find(|school| school["uai"] == BAYEN).unwrap();
    assert_eq!(bayen["school"], "Lycée Étienne Bayen");
    assert!(bayen.get("job").is_none() && bayen.get("instance").is_none(), "{bayen}");
}
