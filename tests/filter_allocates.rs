//! A verdict costs no memory: counted, over every case of a real school.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod filter_support;

use filter_support::{REGION, SCHOOL, at, config, lists, policy, who};
use preau::filter::{Openings, target::Typed};

const CASES: &str = include_str!("data/filter/cases.txt");

#[test]
fn a_verdict_allocates_nothing() {
    let (config, lists) = (config(REGION, SCHOOL), lists());
    let mut judged = 0;
    for line in CASES.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let (who, now) = (who(cells[0]), at(cells[1]));
        let typed = Typed::parse(cells[2]).unwrap();
        let (policy, openings) = (policy(&config, &lists, now), Openings::default());
        let judge = || policy.judge(Some(&lists), &openings, &who, &typed.target(), now).allowed;
        // A regular expression may make room for itself the first time a thread runs it.
        let expected = judge();
        let counted = allocation_counter::measure(|| {
            assert_eq!(judge(), expected);
        });
        assert_eq!(counted.count_total, 0, "{line}");
        judged += 1;
    }
    assert!(judged >= 60);
}
