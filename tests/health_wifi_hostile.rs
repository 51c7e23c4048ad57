//! Controllers that vanish, answer by half, start anew in the middle or lie: what is known stays known,
//! what is not is unknown, and a look ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod wifi_support;

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use async_snmp::{Value, VarBind};
use jiff::Timestamp;
use preau::health::wifi::{ApState, PollError, Standing, roster::Roster};
use wifi_support::{
    hostile::{AP_TABLE, Agent, RADIO_TABLE, Reaction, answer, oid},
    look,
};

#[tokio::test]
async fn an_honest_controller_of_that_sort_is_read_whole() {
    let agent = Agent::honest(300).await;
    let survey = look(&agent.controller()).await.unwrap();
    assert_eq!((survey.access_points.len(), survey.radios.len()), (300, 600));
    assert_eq!((survey.in_state(ApState::Up), survey.clients_in_all()), (300, Some(1200)));
    assert!(survey.whole && survey.description.as_deref() == Some("Cisco Controller"));
}

#[tokio::test]
async fn one_that_does_not_answer_or_goes_away_in_the_middle_is_silent_within_its_time() {
    let silent = Agent::start(3, Box::new(|_| Reaction::Silence)).await;
    let begun = Instant::now();
    let Err(error) = look(&silent.controller()).await else { panic!("it said nothing") };
    assert_eq!(error, PollError::Silent);
    assert!(error.to_string().contains("passwords may be wrong"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5), "three times 150 ms");
    let leaves = Agent::start(
        3,
        Box::new(|question| match question.number {
            0 => Reaction::Honest,
            _ => Reaction::Silence,
        }),
    )
    .await;
    assert_eq!(look(&leaves.controller()).await, Err(PollError::Silent));
}

#[tokio::test]
async fn one_that_answers_by_half_is_known_by_half() {
    let deaf =
        |table: [u32; 11]| {
            Agent::start(
                5,
                Box::new(move |question| {
                    if question.is_below(&table) { Reaction::Silence } else { Reaction::Honest }
                }),
            )
        };
    let no_radios = deaf(RADIO_TABLE).await;
    let survey = look(&no_radios.controller()).await.unwrap();
    assert_eq!((survey.access_points.len(), survey.radios.len()), (5, 0));
    assert!(survey.whole, "its access points are all here");
    assert_eq!(survey.clients_in_all(), None, "unknown, not none");
    let told = survey.gaps.iter().filter(|gap| gap.contains("bsnAPIfTable")).count();
    assert!(told > 0 && survey.gaps.iter().any(|gap| gap.contains("does not answer")));
    // Of a list that did not come nobody is missing.
    let mut roster = Roster::default();
    let now = Timestamp::now();
    roster.take(&survey, now);
    let no_points = deaf(AP_TABLE).await;
    for _ in 0..3 {
        let survey = look(&no_points.controller()).await.unwrap();
        assert!(!survey.whole && survey.radios.len() == 10);
        roster.take(&survey, now);
    }
    assert!(roster.entries().all(|(_, entry)| entry.standing != Standing::Missing));
}

#[tokio::test]
async fn one_that_starts_anew_in_the_middle_is_looked_at_once_again() {
    let agent = |often: bool| async move {
        let mut up_time = 5_000_000;
        Agent::start(
            200,
            Box::new(move |question| {
                if question.number == 3 || (often && question.number % 4 == 3) {
                    // Each time a little earlier in its life than before.
                    up_time /= 3;
                }
                Reaction::Say(answer(200, question, up_time))
            }),
        )
        .await
    };
    let once = agent(false).await;
    let survey = look(&once.controller()).await.unwrap();
    assert_eq!((survey.access_points.len(), survey.up_time_centiseconds), (200, 5_000_000 / 3));
    let always = agent(true).await;
    assert!(matches!(look(&always.controller()).await, Err(PollError::Restarted(_))));
}

#[tokio::test]
async fn one_that_lies_is_left_where_it_lies() {
    // In circles: the same rows for ever.
    let circles = Agent::start(
        3,
        Box::new(|question| {
            if !question.is_below(&AP_TABLE) || question.bulk.is_none() {
                return Reaction::Honest;
            }
            let up =
                VarBind::new("1.3.6.1.2.1.1.3.0".parse().unwrap(), Value::TimeTicks(1_000_000));
            let row = |point| VarBind::new(oid(&AP_TABLE, 3, point, &[]), Value::Gauge32(point));
            Reaction::Say(std::iter::once(up).chain((1..4).chain(1..4).map(row)).collect())
        }),
    )
    .await;
    let survey = look(&circles.controller()).await.unwrap();
    assert!(survey.gaps.iter().any(|gap| gap.contains("backwards")), "{:?}", survey.gaps);
    assert_eq!(survey.radios.len(), 6, "another table is not hurt");
    // Wrong types: numbers where names should be, texts where numbers should be.
    let types = Agent::start(
        3,
        Box::new(|question| {
            let mut said = answer(3, question, 1_000_000);
            for one in said.iter_mut().filter(|one| one.oid.arcs().starts_with(&[1, 3, 6, 1, 4])) {
                one.value = match &one.value {
                    Value::Integer(_) | Value::Counter32(_) => Value::OctetString("x".into()),
                    Value::OctetString(_) => Value::Integer(-7),
                    other => other.clone(),
                };
            }
            Reaction::Say(said)
        }),
    )
    .await;
    let survey = look(&types.controller()).await.unwrap();
    assert_eq!((survey.access_points.len(), survey.radios.len()), (3, 6));
    assert!(survey.access_points.iter().all(|one| one.name.is_none() && one.state.is_none()));
    assert_eq!(survey.clients_in_all(), None);
}

#[tokio::test]
async fn bytes_that_are_no_answer_and_answers_to_others_are_passed_over() {
    for noise in [vec![0x30, 0x82, 0xff, 0xff, 2], vec![0; 1400], Vec::new()] {
        let mut turn = 0;
        let agent = Agent::start(
            20,
            Box::new(move |_| {
                turn += 1;
                match turn % 5 {
                    1 => Reaction::Garbage(noise.clone()),
                    3 => Reaction::Mistaken,
                    _ => Reaction::Honest,
                }
            }),
        )
        .await;
        let survey = look(&agent.controller()).await.unwrap();
        assert_eq!((survey.access_points.len(), survey.radios.len()), (20, 40));
    }
}

#[tokio::test]
async fn one_that_nobody_knows_is_named() {
    let agent = Agent::start(
        0,
        Box::new(|question| {
            let mut said = answer(0, question, 7);
            said[1].value = Value::ObjectIdentifier("1.3.6.1.4.1.8072.3.2.10".parse().unwrap());
            Reaction::Say(said)
        }),
    )
    .await;
    agent.up_time.store(7, Ordering::Relaxed);
    let Err(error) = look(&agent.controller()).await else { panic!("it is none") };
    let says = error.to_string();
    assert!(says.contains("1.3.6.1.4.1.8072.3.2.10") && says.contains("kind"), "{says}");
}
