use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::{
    config::TicketMail,
    health::{
        finding::{Finding, Kind, Verdict},
        incident::record::{Naming, Told},
    },
};

fn second(at: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + at).unwrap()
}

fn tickets() -> Tickets {
    let mail = TicketMail {
        server: "smtp.example.org:587".parse().unwrap(),
        tls: crate::config::MailTls::Starttls,
        from: "a@example.org".into(),
        to: vec!["b@example.org".into()],
        user: None,
        password_file: None,
    };
    Tickets { mail: Some(mail), ..Tickets::default() }
}

fn outbox(tickets: &Tickets) -> Outbox {
    Outbox::new(Rules::of(tickets))
}

fn incident(kind: Kind, subject: &str, at: i64) -> Incident {
    let naming = Naming { uai: "0510035L".into(), zone: TimeZone::UTC };
    let finding = Finding::new(kind, subject, Verdict::Wrong, second(at));
    Incident::open(&finding, &naming, Timestamp::MIN, second(at))
}

fn ended(mut incident: Incident, at: i64) -> Incident {
    incident.end(second(at), second(at), How::Good);
    incident
}

/// Takes what is due, as somebody would who answers; how the incident then is.
fn send(outbox: &mut Outbox, at: i64) -> Option<Incident> {
    let (job, mut incident) = outbox.next(second(at))?;
    outbox.taken(&job, second(at));
    let ended = !incident.is_open();
    incident.told.push(Told { way: job.way.name().into(), ended, at: second(at) });
    outbox.note(&incident, second(at));
    Some(incident)
}

#[test]
fn one_message_when_it_lasted_and_one_when_it_is_over_for_good() {
    let mut outbox = outbox(&tickets());
    let down = incident(Kind::LinkDown, "fibre", 0);
    outbox.note(&down, second(0));
    assert_eq!(send(&mut outbox, 119), None, "it may be short");
    let told = send(&mut outbox, 120).unwrap();
    assert_eq!(send(&mut outbox, 9_999), None, "never twice");
    let over = ended(told, 10_000);
    outbox.note(&over, second(10_000));
    assert_eq!(send(&mut outbox, 10_599), None, "it may go on");
    assert!(send(&mut outbox, 10_600).is_some());
    assert_eq!((send(&mut outbox, 99_999), outbox.waiting()), (None, 0));
}

#[test]
fn what_was_short_small_unwanted_or_part_of_another_is_told_to_nobody() {
    let mut outbox = outbox(&tickets());
    outbox.note(&ended(incident(Kind::LinkDown, "fibre", 0), 119), second(119));
    outbox.note(&incident(Kind::ListsOld, "", 0), second(0));
    let mut folded = incident(Kind::TargetSilent, "gar", 0);
    folded.end(second(500), second(500), How::Folded { into: "x".into() });
    outbox.note(&folded, second(500));
    assert_eq!((outbox.waiting(), outbox.next(second(9_999))), (0, None));
    let mut only = super::tests::outbox(&Tickets { kinds: vec!["wing_down".into()], ..tickets() });
    only.note(&incident(Kind::LinkDown, "fibre", 0), second(0));
    only.note(&incident(Kind::WingDown, "lycee/B", 0), second(0));
    assert_eq!(only.next(second(999)).unwrap().1.thing.kind, Kind::WingDown);
    assert_eq!(only.waiting(), 1);
}

#[test]
fn one_that_was_told_and_then_became_part_of_another_is_told_to_be_over() {
    let mut outbox = outbox(&tickets());
    outbox.note(&incident(Kind::TargetSilent, "gar", 0), second(0));
    let mut told = send(&mut outbox, 120).unwrap();
    told.end(second(500), second(500), How::Folded { into: "x".into() });
    outbox.note(&told, second(500));
    assert!(send(&mut outbox, 500).is_some());
}

#[test]
fn while_nobody_takes_it_the_waits_grow_and_what_ended_meanwhile_is_one_message() {
    let mut outbox = outbox(&tickets());
    outbox.note(&incident(Kind::LinkDown, "fibre", 0), second(0));
    let (mut at, mut waits) = (120, Vec::new());
    for _ in 0..12 {
        let (job, _) = outbox.next(second(at)).unwrap();
        let again = outbox.failed(&job, second(at), 1.0);
        let wait = again.duration_since(second(at)).as_secs();
        assert_eq!(outbox.next(second(at + wait - 1)), None);
        waits.push(wait);
        at += wait;
    }
    assert_eq!(waits[..5], [5, 10, 20, 40, 80]);
    assert_eq!(waits[11], LONGEST_WAIT.as_secs());
    let over = ended(incident(Kind::LinkDown, "fibre", 0), at);
    outbox.note(&over, second(at));
    outbox.wake();
    assert_eq!(outbox.next(second(at + 599)), None);
    let only = send(&mut outbox, at + 600).unwrap();
    assert_eq!(only.told.len(), 1);
    assert!(only.told[0].ended);
    assert_eq!(send(&mut outbox, at + 9_999), None);
}

#[test]
fn a_message_that_nobody_takes_holds_up_no_other() {
    let mut outbox = outbox(&tickets());
    let poison = incident(Kind::LinkDown, "fibre", 0);
    outbox.note(&poison, second(0));
    outbox.note(&incident(Kind::WingDown, "lycee/B", 50), second(50));
    let (first, _) = outbox.next(second(500)).unwrap();
    assert_eq!(first.id, poison.id);
    outbox.failed(&first, second(500), 0.0);
    assert_ne!(outbox.next(second(600)).unwrap().0.id, poison.id);
}

#[test]
fn an_hour_takes_so_many_messages_also_after_a_new_start() {
    let tickets = Tickets { most_per_hour: 3, ..tickets() };
    let mut before = outbox(&tickets);
    let mut all: Vec<Incident> =
        (0..10).map(|at| incident(Kind::TargetSilent, &format!("cible {at}"), 0)).collect();
    for one in &all {
        before.note(one, second(0));
    }
    let mut count = 0;
    while let Some(told) = send(&mut before, 200 + count) {
        let own = all.iter_mut().find(|one| one.id == told.id).unwrap();
        *own = told;
        count += 1;
    }
    assert_eq!(count, 3);
    let mut after = outbox(&tickets);
    for one in &all {
        after.note(one, second(300));
    }
    assert_eq!(after.next(second(300)), None);
    assert!(after.next(second(200 + 3_600)).is_some(), "the first hour is over");
    assert_eq!(after.waiting(), 7);
}

#[test]
fn after_a_week_nobody_wants_to_hear_of_it() {
    let mut outbox = outbox(&tickets());
    let over = ended(incident(Kind::LinkDown, "fibre", 0), 1_000);
    outbox.note(&over, second(7 * 86_400));
    assert_eq!(outbox.waiting(), 1);
    outbox.note(&over, second(8 * 86_400));
    assert_eq!(outbox.waiting(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever fails and whenever it ends: of each state one message at most, the end last.
    #[test]
    fn no_state_is_told_twice(
        ends in prop::option::of(0..40_000_i64),
        answers in prop::collection::vec(any::<bool>(), 1..40),
        steps in prop::collection::vec(1..2_000_i64, 1..60),
    ) {
        let mut outbox = outbox(&tickets());
        let mut own = incident(Kind::LinkDown, "fibre", 0);
        outbox.note(&own, second(0));
        let (mut at, mut answers) = (0, answers.into_iter().cycle());
        for step in steps {
            at += step;
            if ends.is_some_and(|end| end <= at) && own.is_open() {
                own.end(second(at), second(at), How::Good);
                outbox.note(&own, second(at));
            }
            let Some((job, told)) = outbox.next(second(at)) else { continue };
            prop_assert_eq!(&told, &own);
            if answers.next().unwrap() {
                outbox.taken(&job, second(at));
                let ended = !own.is_open();
                own.told.push(Told { way: "mail".into(), ended, at: second(at) });
                outbox.note(&own, second(at));
            } else {
                outbox.failed(&job, second(at), 0.5);
            }
        }
        let states: Vec<bool> = own.told.iter().map(|one| one.ended).collect();
        prop_assert!([vec![], vec![false], vec![true], vec![false, true]].contains(&states));
    }
}
