//! Origins that cannot be reached are left alone for a while, all their packages together: a cut
//! link is one fault, not hundreds. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::mirror::retry::{Waits, wait};

/// Origins that rest, by scheme, host and port.
#[derive(Debug, Default)]
pub(super) struct Rests(BTreeMap<String, Rest>);

#[derive(Debug)]
struct Rest {
    tries: u32,
    until: Timestamp,
}

impl Rests {
    /// It could not be reached. Several transfers that fail together count as one try.
    pub fn unreached(&mut self, origin: &str, waits: Waits, chance: f64, now: Timestamp) {
        let rest = self.0.entry(origin.to_owned()).or_insert(Rest { tries: 0, until: now });
        if rest.until > now {
            return;
        }
        rest.tries = rest.tries.saturating_add(1);
        let pause = SignedDuration::try_from(wait(waits, rest.tries, false, chance));
        rest.until =
            now.saturating_add(pause.unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX);
    }

    /// It answered, well or badly.
    pub fn reached(&mut self, origin: &str) {
        self.0.remove(origin);
    }

    /// May it be asked?
    pub fn lets(&self, origin: &str, now: Timestamp) -> bool {
        self.0.get(origin).is_none_or(|rest| rest.until <= now)
    }

    /// All may be asked at once.
    pub fn wake(&mut self) {
        self.0.clear();
    }

    /// The first rest to end, and whose.
    pub fn next(&self, now: Timestamp) -> Option<(&str, Timestamp)> {
        let resting = self.0.iter().filter(|(_, rest)| rest.until > now);
        resting.map(|(origin, rest)| (origin.as_str(), rest.until)).min_by_key(|(_, until)| *until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_origin_rests_longer_each_time_until_it_answers() {
        let waits = Waits { first: Duration::from_secs(5), longest: Duration::from_hours(1) };
        let (mut rests, start) = (Rests::default(), Timestamp::UNIX_EPOCH);
        rests.unreached("a", waits, 1.0, start);
        rests.unreached("a", waits, 1.0, start);
        assert!(!rests.lets("a", start) && rests.lets("b", start));
        let (_, first) = rests.next(start).unwrap();
        assert_eq!(first.as_second(), 5, "two at once are one try");
        assert!(rests.lets("a", first));
        rests.unreached("a", waits, 1.0, first);
        assert_eq!(rests.next(first), Some(("a", Timestamp::from_second(15).unwrap())));
        rests.reached("a");
        assert!(rests.lets("a", first) && rests.next(first).is_none());
    }
}
