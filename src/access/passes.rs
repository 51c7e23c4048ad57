//! What the box remembers of each device pass: its serial, by which a copy is noticed.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::pass::Claims;

/// An older serial still opens for this long: two pages opened at once, an answer that was lost.
const GRACE: SignedDuration = SignedDuration::from_secs(60);
/// Passes remembered in all.
const MAX_PASSES: usize = 50_000;
/// Passes of one person; the one used longest ago gives way, and is revoked.
const MAX_OF_PERSON: usize = 10;
/// Kept this long past its end: the clock may have been wrong.
const MARGIN: SignedDuration = SignedDuration::from_hours(60 * 24);

/// One pass.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct State {
    pub(super) pass: String,
    pub(super) person: String,
    /// The serial of the newest token.
    pub(super) serial: u64,
    /// When it was given.
    pub(super) turned: Timestamp,
    pub(super) issued: Timestamp,
    pub(super) until: Timestamp,
    pub(super) used: Timestamp,
    pub(super) bound: bool,
}

impl State {
    pub(super) fn of(claims: &Claims, now: Timestamp) -> Self {
        Self {
            pass: claims.pass.clone(),
            person: claims.person.id.clone(),
            serial: claims.serial,
            turned: now,
            issued: claims.issued,
            until: claims.until,
            used: now,
            bound: claims.device.is_some(),
        }
    }
}

/// What the use of a plain pass leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It opens; the next token bears this serial.
    Next(u64),
    /// It opens; the newest token is given again.
    Again(u64),
    /// It was used since, elsewhere: somebody copied it.
    Copied,
    /// It was bound to a device since.
    Bound,
}

/// Pure. A state that was lost, or is a beat behind after a power cut, is no reason to refuse what
/// the box signed.
pub(super) fn turn(state: Option<&State>, serial: u64, now: Timestamp) -> Turn {
    match state {
        Some(state) if state.bound => Turn::Bound,
        Some(state) if serial < state.serial => {
            let since = now.duration_since(state.turned);
            let once_before = serial.checked_add(1) == Some(state.serial);
            if once_before && since.abs() < GRACE {
                Turn::Again(state.serial)
            } else {
                Turn::Copied
            }
        }
        _ => Turn::Next(serial.saturating_add(1)),
    }
}

/// All passes.
#[derive(Debug, Default)]
pub(super) struct Passes {
    by_id: HashMap<String, State>,
}

impl Passes {
    pub(super) fn of(states: impl IntoIterator<Item = State>) -> Self {
        Self { by_id: states.into_iter().map(|s| (s.pass.clone(), s)).collect() }
    }

    pub(super) fn get(&self, pass: &str) -> Option<&State> {
        self.by_id.get(pass)
    }

    /// Room for one more? One that is known has its room already.
    pub(super) fn has_room(&self, pass: &str) -> bool {
        self.by_id.len() < MAX_PASSES || self.by_id.contains_key(pass)
    }

    /// Remembers a pass as it is now. Returns those of the same person that gave way.
    pub(super) fn put(&mut self, state: State) -> Vec<State> {
        let person = state.person.clone();
        let new = state.pass.clone();
        self.by_id.insert(new.clone(), state);
        let mut own: Vec<_> = self.by_id.values().filter(|s| s.person == person).collect();
        let excess = own.len().saturating_sub(MAX_OF_PERSON);
        own.retain(|state| state.pass != new);
        own.sort_by_key(|state| state.used);
        let old: Vec<String> = own.iter().take(excess).map(|s| s.pass.clone()).collect();
        old.iter().filter_map(|pass| self.by_id.remove(pass)).collect()
    }

    pub(super) fn remove(&mut self, pass: &str) -> Option<State> {
        self.by_id.remove(pass)
    }

    pub(super) fn remove_where(&mut self, which: impl Fn(&State) -> bool) -> Vec<State> {
        let gone: Vec<_> =
            self.by_id.values().filter(|s| which(s)).map(|s| s.pass.clone()).collect();
        gone.iter().filter_map(|pass| self.by_id.remove(pass)).collect()
    }

    /// Forgets what ended long ago.
    pub(super) fn sweep(&mut self, settled: Timestamp) -> Vec<State> {
        self.remove_where(|state| settled.duration_since(state.until) > MARGIN)
    }

    pub(super) fn of_person<'a>(&'a self, person: &'a str) -> impl Iterator<Item = &'a State> {
        self.by_id.values().filter(move |state| state.person == person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing::at;

    fn state(pass: &str, serial: u64, used: i64) -> State {
        State {
            pass: pass.to_owned(),
            person: "x".to_owned(),
            serial,
            turned: at(used),
            issued: at(0),
            until: at(86_400),
            used: at(used),
            bound: false,
        }
    }

    #[test]
    fn a_plain_pass_turns_at_each_use_and_an_old_copy_is_noticed() {
        let known = state("p", 5, 100);
        assert_eq!(turn(Some(&known), 5, at(1000)), Turn::Next(6));
        assert_eq!(turn(Some(&known), 4, at(159)), Turn::Again(5));
        assert_eq!(turn(Some(&known), 4, at(160)), Turn::Copied);
        assert_eq!(turn(Some(&known), 4, at(0)), Turn::Copied, "a clock set back opens no window");
        assert_eq!(turn(Some(&known), 3, at(101)), Turn::Copied);
    }

    #[test]
    fn a_lost_or_late_state_refuses_no_pass_of_this_box() {
        assert_eq!(turn(None, 5, at(0)), Turn::Next(6));
        assert_eq!(turn(Some(&state("p", 4, 0)), 5, at(0)), Turn::Next(6));
        assert_eq!(turn(Some(&state("p", 4, 0)), u64::MAX, at(0)), Turn::Next(u64::MAX));
    }

    #[test]
    fn the_plain_token_from_before_the_binding_opens_no_more() {
        let bound = State { bound: true, ..state("p", 5, 100) };
        assert_eq!(turn(Some(&bound), 5, at(101)), Turn::Bound);
    }

    #[test]
    fn the_eleventh_device_of_a_person_takes_the_place_of_the_one_unused_longest() {
        let mut passes = Passes::of((0..10).map(|n| state(&n.to_string(), 1, 10 + n)));
        let gone = passes.put(state("new", 1, 0));
        assert_eq!(gone.iter().map(|s| s.pass.as_str()).collect::<Vec<_>>(), ["0"]);
        assert!(passes.get("new").is_some());
        assert_eq!(passes.of_person("x").count(), 10);
    }

    #[test]
    fn what_ended_is_kept_for_two_months_in_case_the_clock_is_wrong() {
        let mut passes = Passes::of([state("p", 1, 0)]);
        assert!(passes.sweep(at(86_400 + 60 * 86_400)).is_empty());
        assert_eq!(passes.sweep(at(86_400 + 60 * 86_400 + 1)).len(), 1);
    }
}
