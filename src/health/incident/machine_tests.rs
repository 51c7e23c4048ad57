use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

const MERGE: SignedDuration = SignedDuration::from_mins(10);

fn machine(kept: impl IntoIterator<Item = Incident>) -> Machine {
    Machine::new(Naming { uai: "0510035L".into(), zone: TimeZone::UTC }, MERGE, kept)
}

fn second(at: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + at).unwrap()
}

fn finding(kind: Kind, subject: &str, within: &[&str], verdict: Verdict, since: i64) -> Finding {
    let within = within.iter().map(|&one| one.to_owned()).collect();
    Finding { within, ..Finding::new(kind, subject, verdict, second(since)) }
}

fn link(verdict: Verdict, since: i64) -> Finding {
    finding(Kind::LinkDown, "fibre", &[], verdict, since)
}

/// One access point of `lycee`, in its building B.
fn point(name: &str, verdict: Verdict) -> Finding {
    finding(Kind::AccessPointDown, name, &["lycee", "lycee/B"], verdict, 0)
}

/// What happens from one second to another while this is so.
fn run(
    machine: &mut Machine,
    from: i64,
    to: i64,
    findings: &[Finding],
) -> Vec<(i64, What, Incident)> {
    let mut all = Vec::new();
    for at in from..to {
        let events = machine.step(findings, second(at));
        all.extend(events.into_iter().map(|event| (at, event.what, event.incident)));
    }
    all
}

fn kinds(events: &[(i64, What, Incident)]) -> Vec<(i64, What, Kind)> {
    events.iter().map(|(at, what, one)| (*at, *what, one.thing.kind)).collect()
}

#[test]
fn a_link_opens_and_closes_in_the_second_in_which_its_own_machine_says_so() {
    let mut machine = machine([]);
    assert_eq!(run(&mut machine, 0, 10, &[link(Verdict::Good, 0)]), []);
    let down = run(&mut machine, 10, 40, &[link(Verdict::Wrong, 3)]);
    assert_eq!(kinds(&down), [(10, What::Opened, Kind::LinkDown)]);
    assert_eq!((down[0].2.since, down[0].2.opened_at), (second(3), second(10)));
    let up = run(&mut machine, 40, 60, &[link(Verdict::Good, 38)]);
    assert_eq!(kinds(&up), [(40, What::Ended, Kind::LinkDown)]);
    let ended = up[0].2.ended.as_ref().unwrap();
    assert_eq!((ended.at, ended.noted_at), (second(38), second(40)));
    assert_eq!(up[0].2.lasted(second(60)), SignedDuration::from_secs(35));
    assert_eq!(up[0].2.id, down[0].2.id);
    assert_eq!(up[0].2.seconds_seen, 29, "the second of its opening is not counted again");
}

#[test]
fn nothing_opens_and_nothing_closes_while_nobody_can_say() {
    let mut machine = machine([]);
    let silent = |verdict| finding(Kind::TargetSilent, "gar", &["fibre"], verdict, 0);
    assert_eq!(run(&mut machine, 0, 59, &[silent(Verdict::Wrong)]), []);
    assert_eq!(run(&mut machine, 59, 600, &[silent(Verdict::Unknown)]), [], "59 seconds stay 59");
    let opened = run(&mut machine, 600, 610, &[silent(Verdict::Wrong)]);
    assert_eq!(kinds(&opened), [(601, What::Opened, Kind::TargetSilent)]);
    assert_eq!(run(&mut machine, 610, 2_000, &[silent(Verdict::Unknown)]), []);
    let closed = run(&mut machine, 2_000, 2_100, &[silent(Verdict::Good)]);
    assert_eq!(kinds(&closed), [(2_060, What::Ended, Kind::TargetSilent)]);
}

#[test]
fn one_good_second_begins_the_wait_anew() {
    let mut machine = machine([]);
    for minute in 0..20 {
        let at = minute * 60;
        let silent = |verdict| [finding(Kind::TargetSilent, "gar", &["fibre"], verdict, at)];
        assert_eq!(run(&mut machine, at, at + 59, &silent(Verdict::Wrong)), []);
        assert_eq!(run(&mut machine, at + 59, at + 60, &silent(Verdict::Good)), []);
    }
}

#[test]
fn a_link_that_flaps_is_one_incident_with_its_spans_and_a_later_one_is_another() {
    let mut machine = machine([]);
    let mut all = Vec::new();
    for flap in 0..5 {
        let at = flap * 100;
        all.extend(run(&mut machine, at, at + 20, &[link(Verdict::Wrong, at)]));
        all.extend(run(&mut machine, at + 20, at + 100, &[link(Verdict::Good, at + 20)]));
    }
    let opened = all.iter().filter(|(_, what, _)| *what == What::Opened).count();
    let went_on = all.iter().filter(|(_, what, _)| *what == What::WentOn).count();
    assert_eq!((opened, went_on), (1, 4));
    let last = &all.last().unwrap().2;
    assert_eq!((last.returns(), last.lasted(second(500))), (4, SignedDuration::from_secs(100)));
    assert!(all.iter().all(|(_, _, one)| one.id == last.id));
    let quiet = run(&mut machine, 500, 1_100, &[link(Verdict::Good, 420)]);
    assert_eq!(quiet, []);
    let another = run(&mut machine, 1_100, 1_101, &[link(Verdict::Wrong, 1_100)]);
    assert_eq!(another[0].1, What::Opened);
    assert_ne!(another[0].2.id, last.id);
}

#[test]
fn a_controller_that_vanishes_is_one_incident_and_not_forty() {
    let mut machine = machine([]);
    let scene = |controller, points| {
        let mut all = vec![finding(Kind::ControllerSilent, "lycee", &[], controller, 0)];
        all.extend((0..40).map(|ap| point(&format!("ap{ap}"), points)));
        all
    };
    assert_eq!(run(&mut machine, 0, 60, &scene(Verdict::Good, Verdict::Good)), []);
    let gone = run(&mut machine, 60, 3_600, &scene(Verdict::Wrong, Verdict::Unknown));
    assert_eq!(kinds(&gone), [(60, What::Opened, Kind::ControllerSilent)]);
    // It is back, and needs minutes to gather its access points.
    let back = run(&mut machine, 3_600, 3_900, &scene(Verdict::Good, Verdict::Wrong));
    assert_eq!(kinds(&back), [(3_600, What::Ended, Kind::ControllerSilent)]);
    assert_eq!(run(&mut machine, 3_900, 5_000, &scene(Verdict::Good, Verdict::Good)), []);
}

#[test]
fn a_wing_hides_its_access_points_even_while_it_is_not_sure_itself() {
    let mut machine = machine([]);
    let wing = |verdict| finding(Kind::WingDown, "lycee/B", &["lycee"], verdict, 200);
    let mut scene: Vec<_> = (0..8).map(|ap| point(&format!("ap{ap}"), Verdict::Wrong)).collect();
    assert_eq!(run(&mut machine, 0, 119, &scene), [], "not one of them is sure");
    scene.insert(0, wing(Verdict::Wrong));
    let down = run(&mut machine, 119, 400, &scene);
    let opened: Vec<_> = down.iter().filter(|(_, what, _)| *what == What::Opened).collect();
    assert_eq!(opened.len(), 1);
    assert_eq!((opened[0].0, opened[0].2.thing.kind), (179, Kind::WingDown));
    let incident = machine.open().next().unwrap();
    assert_eq!((incident.effects.len(), incident.effects_in_all), (8, 8));
    // One of the next building is no part of it.
    scene.push(finding(Kind::AccessPointDown, "c1", &["lycee", "lycee/C"], Verdict::Wrong, 400));
    let other = run(&mut machine, 400, 600, &scene);
    assert_eq!(kinds(&other), [(520, What::Opened, Kind::AccessPointDown)]);
}

#[test]
fn a_link_that_is_down_hides_what_follows_from_it_and_nothing_else() {
    let mut machine = machine([]);
    let scene = [
        finding(Kind::MirrorStuck, "", &[], Verdict::Wrong, 0),
        finding(Kind::NamesFail, "", &[], Verdict::Wrong, 0),
        finding(Kind::TargetSilent, "gar", &["fibre"], Verdict::Wrong, 0),
        finding(Kind::TargetSilent, "voisin", &["4g"], Verdict::Wrong, 0),
        finding(Kind::DiskFull, "/", &[], Verdict::Wrong, 0),
        link(Verdict::Wrong, 0),
    ];
    run(&mut machine, 0, 3_600, &scene);
    let open: Vec<_> = machine.open().map(|one| (one.thing.kind, &*one.thing.subject)).collect();
    assert_eq!(
        open,
        [(Kind::LinkDown, "fibre"), (Kind::TargetSilent, "voisin"), (Kind::DiskFull, "/")]
    );
    let link = machine.open().next().unwrap();
    let effects: Vec<_> = link.effects.iter().map(|one| one.kind).collect();
    assert_eq!(effects, [Kind::MirrorStuck, Kind::NamesFail, Kind::TargetSilent]);
}

#[test]
fn an_effect_that_was_open_before_its_cause_becomes_part_of_it() {
    let mut machine = machine([]);
    let silent = finding(Kind::TargetSilent, "gar", &["fibre"], Verdict::Wrong, 0);
    let opened = run(&mut machine, 0, 100, std::slice::from_ref(&silent));
    assert_eq!(kinds(&opened), [(60, What::Opened, Kind::TargetSilent)]);
    let both = run(&mut machine, 100, 200, &[silent, link(Verdict::Wrong, 95)]);
    assert_eq!(
        kinds(&both),
        [(100, What::Opened, Kind::LinkDown), (100, What::Ended, Kind::TargetSilent)]
    );
    let (cause, effect) = (&both[0].2, &both[1].2);
    assert_eq!(effect.ended.as_ref().unwrap().how, How::Folded { into: cause.id.clone() });
    assert_eq!(cause.effects[0].subject, "gar");
    assert_eq!(machine.open().count(), 1);
}

#[test]
fn what_was_wrong_for_days_before_is_no_effect() {
    let mut machine = machine([]);
    let old = point("ap1", Verdict::Wrong);
    run(&mut machine, 0, 7_300, std::slice::from_ref(&old));
    let wing = finding(Kind::WingDown, "lycee/B", &["lycee"], Verdict::Wrong, 7_300);
    run(&mut machine, 7_300, 7_500, &[old, wing]);
    let open: Vec<_> = machine.open().map(|one| one.thing.kind).collect();
    assert_eq!(open, [Kind::AccessPointDown, Kind::WingDown]);
}

#[test]
fn what_is_still_wrong_when_its_cause_has_gone_stands_for_itself_after_a_grace() {
    let mut machine = machine([]);
    let silent = finding(Kind::TargetSilent, "gar", &["fibre"], Verdict::Wrong, 0);
    run(&mut machine, 0, 300, &[silent.clone(), link(Verdict::Wrong, 0)]);
    let after = run(&mut machine, 300, 600, &[silent, link(Verdict::Good, 300)]);
    let grace = rule(Kind::TargetSilent).after_cause + rule(Kind::TargetSilent).opens_after;
    assert_eq!(
        kinds(&after),
        [
            (300, What::Ended, Kind::LinkDown),
            (300 + grace.as_secs(), What::Opened, Kind::TargetSilent)
        ]
    );
}

#[test]
fn what_was_open_when_the_box_went_off_goes_on_and_what_nobody_tells_of_ends() {
    let mut before = machine([]);
    let id = run(&mut before, 0, 1, &[link(Verdict::Wrong, 0)])[0].2.id.clone();
    let kept: Vec<Incident> = before.open().cloned().collect();
    let mut machine = machine(kept);
    assert_eq!(run(&mut machine, 500, 510, &[link(Verdict::Wrong, 500)]), [], "no second opening");
    assert_eq!(machine.open().next().unwrap().id, id);
    let gone = run(&mut machine, 510, 2_000, &[]);
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].0, 509 + UNWATCHED_AFTER.as_secs());
    assert_eq!(gone[0].2.ended.as_ref().unwrap().how, How::Unwatched);
}

#[test]
fn a_box_that_slept_has_seen_nothing_of_the_time_between() {
    let mut machine = machine([]);
    let silent = [finding(Kind::TargetSilent, "gar", &["fibre"], Verdict::Wrong, 0)];
    assert_eq!(machine.step(&silent, second(0)), []);
    assert_eq!(machine.step(&silent, second(86_400)), [], "a day is not sixty seconds of evidence");
    assert_eq!(machine.step(&silent, second(0)), [], "nor is a clock that goes back");
}

#[test]
fn however_much_is_wrong_incidents_are_bounded_and_the_rest_is_counted() {
    let mut machine = machine([]);
    let many: Vec<Finding> = (0..MAX_OPEN + 100)
        .map(|at| finding(Kind::LinkDown, &format!("link{at}"), &[], Verdict::Wrong, 0))
        .collect();
    machine.step(&many, second(0));
    assert_eq!((machine.open().count(), machine.left_out()), (MAX_OPEN, 100));
}

/// What a random second may hold.
fn world() -> impl Strategy<Value = Vec<Finding>> {
    let verdict = prop_oneof![
        4 => Just(Verdict::Good),
        4 => Just(Verdict::Wrong),
        1 => Just(Verdict::Unknown)
    ];
    let all: [(Kind, &str, &[&str]); 9] = [
        (Kind::LinkDown, "fibre", &[]),
        (Kind::TargetSilent, "gar", &["fibre"]),
        (Kind::UplinkStuck, "", &[]),
        (Kind::ClockWrong, "", &[]),
        (Kind::ControllerSilent, "lycee", &[]),
        (Kind::WingDown, "lycee", &["lycee"]),
        (Kind::WingDown, "lycee/B", &["lycee"]),
        (Kind::AccessPointDown, "ap1", &["lycee", "lycee/B"]),
        (Kind::AccessPointDown, "ap2", &["lycee"]),
    ];
    let told = prop::collection::vec(prop::option::weighted(0.95, verdict), all.len());
    told.prop_map(move |told| {
        let pairs = all.into_iter().zip(told);
        pairs
            .filter_map(|((kind, subject, within), verdict)| {
                Some(finding(kind, subject, within, verdict?, 0))
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever happens: incidents open on what is wrong, end on what is good, are told once each way,
    /// and never beside the cause that explains them.
    #[test]
    fn incidents_open_on_evidence_end_on_evidence_and_never_stand_beside_their_cause(
        worlds in prop::collection::vec((world(), 1..200_i64), 1..24),
    ) {
        let mut machine = machine([]);
        let mut open: BTreeMap<String, bool> = BTreeMap::new();
        let mut at = 0;
        for (world, seconds) in worlds {
            let verdict = |thing: &Thing| {
                let same = |one: &&Finding| one.kind == thing.kind && one.subject == thing.subject;
                world.iter().find(same).map(|one| one.verdict)
            };
            for _ in 0..seconds {
                at += 1;
                for Event { what, incident } in machine.step(&world, second(at)) {
                    let said = verdict(&incident.thing);
                    let was_open = open.get(&incident.id).copied();
                    match what {
                        What::Opened => {
                            prop_assert_eq!(said, Some(Verdict::Wrong));
                            prop_assert_eq!(was_open, None, "{} opened twice", incident.id);
                        }
                        What::WentOn => {
                            prop_assert_eq!(said, Some(Verdict::Wrong));
                            prop_assert_eq!(was_open, Some(false));
                        }
                        What::Grew => prop_assert_eq!(was_open, Some(true)),
                        What::Ended => {
                            prop_assert_eq!(was_open, Some(true));
                            match &incident.ended.as_ref().unwrap().how {
                                How::Good => prop_assert_eq!(said, Some(Verdict::Good)),
                                How::Unwatched => prop_assert_eq!(said, None),
                                How::Folded { into } => {
                                    prop_assert!(machine.open().any(|one| one.id == *into));
                                }
                            }
                        }
                    }
                    open.insert(incident.id.clone(), incident.is_open());
                    for pair in incident.spells.windows(2) {
                        prop_assert!(pair[0].to.unwrap() <= pair[1].from);
                    }
                }
                let now: Vec<&Incident> = machine.open().collect();
                prop_assert_eq!(now.len(), open.values().filter(|is| **is).count());
                for effect in &now {
                    for cause in &now {
                        let wrong = verdict(&effect.thing) == Some(Verdict::Wrong);
                        let lately = cause.opened_at == second(at);
                        let explains = rules::explains(&cause.thing, &effect.thing);
                        let long_before = cause.spells.last().unwrap().from
                            .duration_since(effect.since) > OWN_BEFORE;
                        prop_assert!(
                            !(explains && wrong) || long_before || lately,
                            "{:?} beside {:?}", effect.thing, cause.thing
                        );
                    }
                }
            }
        }
    }

    /// Of what nobody can say, and of good news, nothing comes.
    #[test]
    fn good_and_unknown_seconds_open_nothing(
        worlds in prop::collection::vec(world(), 1..60),
    ) {
        let mut machine = machine([]);
        for (at, mut world) in (0..).zip(worlds) {
            world.retain(|one| one.verdict != Verdict::Wrong);
            prop_assert_eq!(machine.step(&world, second(at)), []);
        }
    }
}
