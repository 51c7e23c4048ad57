//! A hundred cuts of a hundred real links, of six kinds, and their returns: each is found in ten seconds or
//! less, blamed on whom it should be, and over within a minute of the return.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod link_support;
mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use link_support::{CUTS, Cut, Internet, School, spread, within};
use preau::health::{
    finding::{Kind, Verdict},
    link::Pace,
};
use support::netns::allowed;

const SCHOOLS: usize = 25;
const LINKS: usize = 4;
/// What the issue promises.
const FOUND_WITHIN: Duration = Duration::from_secs(10);
const CLOSED_WITHIN: Duration = Duration::from_secs(60);
/// For all links to be known to carry.
const BEGUN_WITHIN: Duration = Duration::from_secs(30);

/// One link of one school, and what happened to it.
struct Case {
    school: usize,
    link: usize,
    cut: Cut,
    begun: Instant,
    found: Option<Duration>,
    reasoning: String,
}

#[test]
fn a_hundred_cuts_of_a_hundred_are_found_in_ten_seconds_and_over_a_minute_after_the_return() {
    if !allowed() {
        return;
    }
    let internet = Internet::new();
    let schools: Vec<School> = (0..SCHOOLS)
        .map(|number| School::new(&internet, number, LINKS, Pace::default(), ""))
        .collect();
    let all = || (0..SCHOOLS).flat_map(|school| (0..LINKS).map(move |link| (school, link)));
    let up = |school: usize, link: usize| {
        schools[school].verdict(Kind::LinkDown, link) == Some(Verdict::Good)
    };
    let begun = within(BEGUN_WITHIN, || all().all(|(school, link)| up(school, link)));
    eprintln!("{} links carry after {begun:?}", SCHOOLS * LINKS);
    assert!(begun.is_some(), "not all links carry");

    let mut cases: Vec<Case> = Vec::new();
    for (school, link) in all() {
        let cut = CUTS[(school * LINKS + link) % CUTS.len()];
        let begun = Instant::now();
        schools[school].cut(link, cut);
        cases.push(Case { school, link, cut, begun, found: None, reasoning: String::new() });
        look(&schools, &mut cases);
    }
    let limit = FOUND_WITHIN + Duration::from_secs(5);
    within(limit, || {
        look(&schools, &mut cases);
        cases.iter().all(|case| case.found.is_some())
    });
    let mut found: BTreeMap<Cut, Vec<Duration>> = BTreeMap::new();
    for case in &cases {
        found.entry(case.cut).or_default().extend(case.found);
    }
    for (cut, times) in found {
        eprintln!("found {cut:?}: {}", spread(times));
    }
    let late = |case: &&Case| case.found.is_none_or(|took| took > FOUND_WITHIN);
    let late: Vec<String> = cases.iter().filter(late).map(told).collect();
    let in_time = cases.len() - late.len();
    eprintln!("found in {FOUND_WITHIN:?} or less: {in_time} of {}", cases.len());
    assert_eq!(late, [] as [String; 0]);
    for case in &cases {
        let blamed = match case.cut {
            Cut::Carrier => "Plus de porteuse",
            Cut::Router => "ne répond plus",
            _ => "chez l'opérateur",
        };
        assert!(case.reasoning.contains(blamed), "{}", told(case));
    }

    let mended = Instant::now();
    for school in &schools {
        school.mend(LINKS);
    }
    let mut closed: Vec<Option<Duration>> = vec![None; cases.len()];
    within(CLOSED_WITHIN, || {
        for (case, closed) in cases.iter().zip(&mut closed) {
            if closed.is_none() && up(case.school, case.link) {
                *closed = Some(mended.elapsed());
            }
        }
        closed.iter().all(Option::is_some)
    });
    let times: Vec<Duration> = closed.into_iter().flatten().collect();
    eprintln!("closed after the return: {}", spread(times.clone()));
    assert_eq!(times.len(), cases.len(), "not all outages are over {CLOSED_WITHIN:?} later");
    // It takes twenty good seconds: an outage that ends sooner was not watched.
    assert!(times.iter().all(|took| *took > Duration::from_secs(15)), "{times:?}");
}

fn look(schools: &[School], cases: &mut [Case]) {
    for case in cases.iter_mut().filter(|case| case.found.is_none()) {
        let found = schools[case.school].finding(Kind::LinkDown, case.link).unwrap();
        if found.verdict == Verdict::Wrong {
            case.found = Some(case.begun.elapsed());
            case.reasoning = found.reasoning;
        }
    }
}

fn told(case: &Case) -> String {
    let Case { school, link, cut, found, reasoning, .. } = case;
    format!("school {school}, link {link}, {cut:?}: {found:?} {reasoning}")
}
