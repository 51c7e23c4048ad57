use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn missed(machine: &mut Machine, places: &[&str], now: Instant) {
    for place in places {
        machine.note(Sign::missed(place), now);
    }
}

/// One whose targets answered at this moment.
fn trusting(now: Instant) -> Machine {
    let mut machine = Machine::new();
    machine.probed(Answer::Target, now, now);
    machine
}

#[test]
fn three_places_that_miss_are_the_link_and_one_that_misses_five_times_is_not() {
    let (mut machine, now) = (Machine::new(), Instant::now());
    missed(&mut machine, &["a"; 5], now);
    missed(&mut machine, &["b"], now);
    assert_ne!(machine.state(), State::Down);
    missed(&mut machine, &["c"], now);
    assert_eq!(machine.state(), State::Down);
}

#[test]
fn misses_of_long_ago_or_before_an_answer_do_not_count() {
    let (mut machine, now) = (Machine::new(), Instant::now());
    missed(&mut machine, &["a"], now);
    missed(&mut machine, &["b", "c"], now + WITHIN + SECOND);
    assert_ne!(machine.state(), State::Down, "the first is too old");
    machine.note(Sign::Reached, now + WITHIN + SECOND);
    missed(&mut machine, &["d"], now + WITHIN + SECOND);
    assert_ne!(machine.state(), State::Down, "somebody answered between");
}

#[test]
fn where_targets_are_known_to_answer_they_are_asked_before_an_outage_is_believed() {
    let start = Instant::now();
    let mut machine = trusting(start);
    assert_eq!(machine.probe_at(start), None, "in peace nobody is asked");
    let later = start + SECOND * 60;
    missed(&mut machine, &["a", "b", "c"], later);
    assert_ne!(machine.state(), State::Down, "three dead sites are no outage");
    assert!(machine.probe_at(later).unwrap() <= later, "but targets are asked at once");
    machine.probed(Answer::Target, later, later + SECOND);
    assert_ne!(machine.state(), State::Down);
    let after = later + SECOND * 60;
    machine.note(Sign::Slow, after);
    machine.probed(Answer::None, after, after + SECOND);
    assert_eq!(machine.state(), State::Down, "one slow site and no target is an outage");
}

#[test]
fn targets_that_never_answered_say_nothing_by_their_silence() {
    let (mut machine, now) = (Machine::new(), Instant::now());
    assert!(machine.probe_at(now).unwrap() <= now, "at a start they are asked once");
    for round in 0..20 {
        machine.note(Sign::Slow, now);
        machine.probed(Answer::None, now + SECOND * round, now + SECOND * round);
    }
    assert_eq!(machine.state(), State::Up);
    let wait = machine.probe_at(now).unwrap().duration_since(now + SECOND * 19);
    assert_eq!(wait, DOUBT_AT_MOST, "and are asked more and more seldom");
    machine.note(Sign::Reached, now + SECOND * 20);
    assert_eq!(machine.probe_at(now + SECOND * 20), None);
}

#[test]
fn an_answer_that_came_while_targets_were_silent_counts_more_than_they() {
    let start = Instant::now();
    let mut machine = trusting(start);
    machine.note(Sign::Slow, start + SECOND);
    machine.note(Sign::Reached, start + SECOND * 2);
    machine.note(Sign::Slow, start + SECOND * 2);
    machine.probed(Answer::None, start + SECOND, start + SECOND * 3);
    assert_eq!(machine.state(), State::Up);
}

#[test]
fn one_answer_ends_an_outage_and_quiet_time_makes_the_link_good_again() {
    for by_probe in [true, false] {
        let start = Instant::now();
        let mut machine = trusting(start);
        machine.note(Sign::missed("a"), start + SECOND);
        machine.probed(Answer::None, start + SECOND, start + SECOND * 2);
        assert_eq!(machine.state(), State::Down);
        let asks = machine.probe_at(start + SECOND * 2).unwrap();
        assert!(asks <= start + SECOND * 6, "a return is seen within seconds");
        let back = start + SECOND * 60;
        if by_probe {
            machine.probed(Answer::Target, back, back);
        } else {
            machine.note(Sign::Reached, back);
        }
        assert_eq!(machine.state(), State::Degraded, "things are tried again at once");
        assert_eq!(machine.look_at(back), Some(back + LOOK_EVERY));
        machine.look(back + STEADY / 2);
        assert_eq!(machine.state(), State::Degraded);
        machine.look(back + STEADY);
        assert_eq!(machine.state(), State::Up);
        assert_eq!(machine.look_at(back + STEADY), None);
    }
}

#[test]
fn an_outage_that_comes_back_before_the_quiet_time_is_over_starts_it_anew() {
    let (mut machine, start) = (Machine::new(), Instant::now());
    missed(&mut machine, &["a", "b", "c"], start);
    machine.note(Sign::Reached, start + SECOND);
    missed(&mut machine, &["a", "b", "c"], start + SECOND * 2);
    assert_eq!(machine.state(), State::Down);
    machine.look(start + SECOND * 60);
    assert_eq!(machine.state(), State::Down, "time alone ends no outage");
    machine.note(Sign::Reached, start + SECOND * 60);
    machine.look(start + SECOND * 65);
    assert_eq!(machine.state(), State::Degraded);
}

#[test]
fn a_link_that_loses_half_of_what_is_tried_is_degraded_until_it_loses_little() {
    let start = Instant::now();
    let mut machine = trusting(start);
    let mut now = start;
    for n in 0..8 {
        now += SECOND;
        machine.note(Sign::missed(n), now);
        machine.note(Sign::Reached, now);
    }
    assert_eq!(machine.state(), State::Degraded);
    for _ in 0..5 {
        machine.note(Sign::Reached, now);
    }
    assert_eq!(machine.state(), State::Degraded, "a third is still too much");
    for _ in 0..7 {
        machine.note(Sign::Reached, now);
    }
    assert_eq!(machine.state(), State::Up);
}

#[test]
fn a_few_dead_sites_among_many_do_not_degrade_the_link_and_nothing_grows() {
    let start = Instant::now();
    let mut machine = trusting(start);
    for n in 0..10_000 {
        machine.note(Sign::missed(n), start);
        for _ in 0..3 {
            machine.note(Sign::Reached, start);
        }
        assert_eq!(machine.state(), State::Up, "after {n}");
    }
    assert!(machine.lately.len() <= LATELY && machine.misses.len() <= MISSES);
    assert!(machine.lately.capacity() <= 4 * LATELY);
}

#[test]
fn names_that_nobody_has_cut_nobody_off_where_a_place_reached_before_answers() {
    let (mut machine, now) = (Machine::new(), Instant::now());
    let place = |last: u8| SocketAddr::from(([192, 0, 2, last], 80));
    for last in 0..20 {
        machine.note(Sign::ReachedAt(place(last)), now);
    }
    machine.note(Sign::ReachedAt(place(18)), now);
    let newest: Vec<_> = machine.places().collect();
    assert_eq!(newest, [place(18), place(19), place(17), place(16)], "a few, each once");
    missed(&mut machine, &["a", "b", "c", "d"], now);
    assert_ne!(machine.state(), State::Down, "not before they were asked");
    assert!(machine.probe_at(now).unwrap() <= now);
    machine.probed(Answer::Place, now, now + SECOND);
    assert_ne!(machine.state(), State::Down);
    assert!(
        !machine.trusts(),
        "a place may be gone tomorrow: only a target sees a return for sure"
    );
    let later = now + SECOND * 30;
    missed(&mut machine, &["a"], later);
    machine.probed(Answer::None, later, later + SECOND);
    assert_eq!(machine.state(), State::Down, "their silence counts");
}
