//! What a watcher found, from one look to the next: since when it is so, and when it last was good.
//!
//! Pure: the time is passed in.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::finding::{Finding, Kind, Verdict};

/// Things that are watched; more have no room.
const MAX_WATCHED: usize = 64;

/// What a look says of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// It is wrong.
    Wrong,
    /// It is good.
    Good,
    /// Neither: it stays as it was, so that what sways about a limit is one thing.
    Between,
    /// Nothing.
    Unknown,
}

impl Says {
    /// By a value that is wrong from `wrong` up and good again below `good`.
    pub fn of_rising(value: f64, wrong: f64, good: f64) -> Self {
        if value >= wrong {
            Self::Wrong
        } else if value < good {
            Self::Good
        } else {
            Self::Between
        }
    }
}

/// Everything that is watched.
#[derive(Debug, Default)]
pub struct Verdicts {
    all: BTreeMap<(Kind, String), (Finding, bool)>,
}

impl Verdicts {
    /// A look begins: what it does not speak of is unknown at its end.
    pub fn begin(&mut self) {
        for (_, said) in self.all.values_mut() {
            *said = false;
        }
    }

    /// A look says this of a thing; `detail`, in French, is asked for what is wrong.
    pub fn say(
        &mut self,
        (kind, subject): (Kind, &str),
        says: Says,
        now: Timestamp,
        detail: impl FnOnce() -> String,
    ) {
        let key = (kind, subject.to_owned());
        let known = self.all.get(&key).map(|(finding, _)| finding.verdict);
        if known.is_none() && self.all.len() >= MAX_WATCHED {
            return;
        }
        let verdict = match (says, known) {
            (Says::Wrong, _) | (Says::Between, Some(Verdict::Wrong)) => Verdict::Wrong,
            (Says::Good | Says::Between, _) => Verdict::Good,
            (Says::Unknown, _) => Verdict::Unknown,
        };
        let new = || (Finding::new(kind, subject, verdict, now), true);
        let (finding, said) = self.all.entry(key).or_insert_with(new);
        *said = true;
        if finding.verdict != verdict {
            (finding.verdict, finding.since) = (verdict, now);
        }
        match verdict {
            Verdict::Wrong => finding.detail = detail(),
            Verdict::Good => {
                finding.detail.clear();
                finding.last_good = Some(now);
            }
            Verdict::Unknown => {}
        }
    }

    /// The thing is wrong since a moment before it was looked at.
    pub fn wrong_since(&mut self, kind: Kind, subject: &str, since: Timestamp) {
        if let Some((finding, _)) = self.all.get_mut(&(kind, subject.to_owned()))
            && finding.verdict == Verdict::Wrong
        {
            finding.since = finding.since.min(since);
        }
    }

    /// A look is over.
    pub fn end(&mut self, now: Timestamp) {
        for (finding, _) in self.all.values_mut().filter(|(_, said)| !said) {
            if finding.verdict != Verdict::Unknown {
                (finding.verdict, finding.since) = (Verdict::Unknown, now);
            }
        }
    }

    /// All of them.
    pub fn findings(&self) -> Vec<Finding> {
        self.all.values().map(|(finding, _)| finding.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_sways_about_its_limit_is_wrong_once_until_it_is_well_below() {
        let mut verdicts = Verdicts::default();
        let mut seen = Vec::new();
        for (second, value) in (0..).zip([60.0, 86.0, 90.0, 86.0, 91.0, 80.0]) {
            verdicts.begin();
            let says = Says::of_rising(value, 90.0, 82.0);
            verdicts.say((Kind::Hot, "cpu"), says, at(second), || format!("{value} °C"));
            verdicts.end(at(second));
            let [finding] = verdicts.findings().try_into().unwrap();
            seen.push((finding.verdict, finding.since.as_second(), finding.detail));
        }
        let wrong = |detail: &str| (Verdict::Wrong, 2, detail.to_owned());
        let good = |since| (Verdict::Good, since, String::new());
        assert_eq!(
            seen,
            [good(0), good(0), wrong("90 °C"), wrong("86 °C"), wrong("91 °C"), good(5)]
        );
    }

    #[test]
    fn of_what_no_look_speaks_any_more_nobody_can_say_how_it_is() {
        let mut verdicts = Verdicts::default();
        verdicts.say((Kind::DiskFailing, "sda"), Says::Wrong, at(0), || "x".into());
        verdicts.say((Kind::DiskFailing, "sdb"), Says::Good, at(0), String::new);
        verdicts.begin();
        verdicts.say((Kind::DiskFailing, "sdb"), Says::Good, at(9), String::new);
        verdicts.end(at(9));
        let found: Vec<_> =
            verdicts.findings().into_iter().map(|one| (one.verdict, one.last_good)).collect();
        assert_eq!(found, [(Verdict::Unknown, None), (Verdict::Good, Some(at(9)))]);
    }

    #[test]
    fn no_more_is_watched_than_there_is_room_for() {
        let mut verdicts = Verdicts::default();
        for number in 0..1000 {
            verdicts.say((Kind::Hot, &number.to_string()), Says::Good, at(0), String::new);
        }
        assert_eq!(verdicts.findings().len(), MAX_WATCHED);
    }
}
