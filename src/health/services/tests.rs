use jiff::SignedDuration;

use super::{watch::Seen, *};
use crate::{
    health::{
        finding::{Finding, Kind, Verdict},
        sample::Telling,
    },
    mirror::{Failure, Transfer},
};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
}

const DAY: i64 = 24 * 60;

fn finding(seen: &Seen, kind: Kind) -> Finding {
    seen.verdicts.findings().into_iter().find(|one| one.kind == kind).unwrap()
}

fn verdict(seen: &Seen, kind: Kind) -> Verdict {
    finding(seen, kind).verdict
}

#[test]
fn a_certificate_is_ending_two_weeks_or_a_sixth_of_its_life_before() {
    let verdict_of = |life: i64, left: i64| {
        let mut seen = Seen::default();
        let certificate = Some((at(left - life), at(left)));
        seen.take(Reading { at: at(0), certificate, ..Reading::default() });
        verdict(&seen, Kind::CertificateEnding)
    };
    assert_eq!(verdict_of(365 * DAY, 15 * DAY), Verdict::Good);
    assert_eq!(verdict_of(365 * DAY, 13 * DAY), Verdict::Wrong);
    assert_eq!(verdict_of(6 * DAY, 2 * DAY), Verdict::Good, "renewed every three days");
    assert_eq!(verdict_of(6 * DAY, DAY - 1), Verdict::Wrong);
    assert_eq!(verdict_of(90 * DAY, -1), Verdict::Wrong);
}

fn waiting(done: u64, tries: u32) -> Mirror {
    let transfer = Transfer {
        holding: "h".into(),
        title: "Maths 2de".into(),
        done,
        total: Some(1000),
        moved: 0,
        rate: 0,
    };
    let failure = Failure {
        holding: "f".into(),
        title: "Physique\u{1b}[31m".into(),
        tries,
        reason: "404".into(),
        at: at(0),
        again_at: at(0),
    };
    read::mirror(&Progress { active: vec![transfer], failed: vec![failure], ..Progress::default() })
}

#[test]
fn the_mirror_is_stuck_after_two_days_without_a_byte_or_many_tries_of_one_package() {
    let mut seen = Seen::default();
    let mut take = |hours: i64, mirror: Mirror| {
        seen.take(Reading { at: at(60 * hours), mirror, ..Reading::default() });
        finding(&seen, Kind::MirrorStuck)
    };
    assert_eq!(take(0, waiting(10, 1)).verdict, Verdict::Good);
    assert_eq!(take(47, waiting(11, 1)).verdict, Verdict::Good, "a byte");
    assert_eq!(take(94, waiting(11, 1)).verdict, Verdict::Good);
    let stuck = take(95, waiting(11, 1));
    assert_eq!((stuck.verdict, stuck.since), (Verdict::Wrong, at(60 * 47)));
    assert_eq!(
        stuck.detail,
        "2 manuels attendus, rien n’est arrivé depuis le 17/01/2027 ; « Physique[31m » : 1 essais, 404"
    );
    assert_eq!(take(96, waiting(12, 1)).verdict, Verdict::Good);
    assert_eq!(take(97, waiting(13, 10)).verdict, Verdict::Wrong, "others come, this one does not");
    assert_eq!(take(500, Mirror::default()).verdict, Verdict::Good, "nothing is wanted");
}

#[test]
fn a_package_that_was_set_aside_is_news_for_a_day() {
    let mut seen = Seen::default();
    let mut take = |minute: i64, damaged: Option<Vec<Timestamp>>| {
        seen.take(Reading { at: at(minute), damaged, ..Reading::default() });
        let one = finding(&seen, Kind::StoreDamaged);
        (one.verdict, one.since)
    };
    assert_eq!(take(0, Some(vec![])), (Verdict::Good, at(0)));
    assert_eq!(take(9, Some(vec![at(5), at(7)])), (Verdict::Wrong, at(5)));
    assert_eq!(take(DAY + 6, Some(vec![at(5), at(7)])), (Verdict::Wrong, at(5)));
    assert_eq!(take(DAY + 8, Some(vec![at(5), at(7)])).0, Verdict::Good);
    assert_eq!(take(DAY + 9, None).0, Verdict::Unknown, "the disk does not say");
}

#[test]
fn lists_are_old_after_thirty_days_and_where_there_are_none_nothing_is_said() {
    let mut seen = Seen::default();
    seen.take(Reading { at: at(0), ..Reading::default() });
    assert!(seen.verdicts.findings().iter().all(|one| one.kind != Kind::ListsOld));
    for (days, expected) in [(29, Verdict::Good), (31, Verdict::Wrong)] {
        let lists = Some(at(0) - SignedDuration::from_hours(24 * days));
        seen.take(Reading { at: at(0), lists, ..Reading::default() });
        assert_eq!(verdict(&seen, Kind::ListsOld), expected, "{days}");
    }
}

#[test]
fn the_proxy_fails_when_much_of_what_it_is_asked_does_for_ten_minutes() {
    let mut seen = Seen::default();
    let (mut minute, mut proxy) = (0, Counts::default());
    let mut pass = |minutes: i64, served: u64, failed: u64| {
        for _ in 0..minutes {
            proxy.served += served;
            proxy.failed += failed;
            // What is refused is no failure.
            proxy.refused += 1000;
            minute += 1;
            seen.take(Reading { at: at(minute), proxy, ..Reading::default() });
        }
        verdict(&seen, Kind::ProxyFails)
    };
    assert_eq!(pass(1, 1000, 1000), Verdict::Unknown, "what came before was not seen");
    assert_eq!(pass(20, 100, 5), Verdict::Good);
    assert_eq!(pass(3, 100, 100), Verdict::Good, "three bad minutes of ten");
    assert_eq!(pass(4, 100, 100), Verdict::Wrong);
    assert_eq!(pass(5, 100, 5), Verdict::Wrong, "it sways");
    assert_eq!(pass(9, 100, 5), Verdict::Good);
    assert_eq!(pass(11, 1, 3), Verdict::Unknown, "too few to say");
    let lines = seen.evidence(Kind::ProxyFails, at(23), at(25));
    let says: Vec<_> = lines.into_iter().map(|one| one.says).collect();
    let bad = "mandataire, en une minute : 100 servies, 100 en échec".to_owned();
    assert_eq!(says, [bad.clone(), bad.clone(), bad]);
}

#[test]
fn what_is_known_is_told_and_what_is_not_is_left_out() {
    let lines = |reading: &Reading| {
        let mut telling = Telling::default();
        tell::tell(reading, &mut telling);
        let line = |one: &crate::health::sample::Sample| {
            assert_eq!(one.at, reading.at);
            let name = one.metric.name.trim_start_matches("preau_");
            format!("{name} {} {}", one.labels.join(","), one.value)
        };
        telling.samples().iter().map(line).collect::<Vec<_>>()
    };
    let known = Reading {
        at: at(0),
        certificate: Some((at(-1), at(1))),
        mirror: waiting(400, 1),
        kept: (7, 700),
        scrubbed: Some(at(-2)),
        damaged: Some(vec![at(-3)]),
        lists: Some(at(-4)),
        proxy: Counts { served: 1, refused: 2, failed: 3 },
        names: Some(Counts { served: 4, refused: 5, failed: 6 }),
    };
    assert_eq!(
        lines(&known),
        [
            "certificate_expiry_timestamp_seconds https 1800000060",
            "mirror_packages here 7",
            "mirror_packages wanted 1",
            "mirror_packages failed 1",
            "mirror_wanted_bytes  600",
            "store_bytes  700",
            "store_scrub_last_timestamp_seconds  1799999880",
            "store_quarantined_packages  1",
            "filter_lists_timestamp_seconds  1799999760",
            "proxy_requests_total served 1",
            "proxy_requests_total refused 2",
            "proxy_requests_total failed 3",
            "dns_questions_total answered 4",
            "dns_questions_total refused 5",
            "dns_questions_total failed 6",
        ]
    );
    let names: Vec<_> = lines(&Reading { at: at(0), ..Reading::default() });
    assert_eq!(names.len(), 8, "nothing of certificate, scrub, damage, lists and names: {names:?}");
}
