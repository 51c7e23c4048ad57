//! What a trap is good for: an earlier look. Nothing is believed of it; whoever sends one, however many,
//! makes the box look a little more often, and no more than that.
//!
//! Pure: the time is passed in.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{
    agent::{Binding, Oid, Value},
    roster::Standing,
    survey::Mac,
};

/// Traps that tell of an access point: it is down, or back.
const TELLING: [&[u32]; 4] = [
    // wlsxMgmt traps of an Aruba controller: down, up.
    &[1, 3, 6, 1, 4, 1, 14823, 2, 3, 1, 11, 1, 2, 1258],
    &[1, 3, 6, 1, 4, 1, 14823, 2, 3, 1, 11, 1, 2, 1257],
    // bsnAPDisassociated, bsnAPAssociated (AIRESPACE-WIRELESS-MIB).
    &[1, 3, 6, 1, 4, 1, 14179, 2, 6, 3, 8],
    &[1, 3, 6, 1, 4, 1, 14179, 2, 6, 3, 7],
];
/// Access points that are suspected at once.
const MAX_SUSPECTS: usize = 256;
/// One that no look decided is forgotten.
const SUSPECTED_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Objects of a trap that are looked at.
const MAX_OBJECTS: usize = 32;
/// Between two looks that traps made.
const PAUSE: Duration = Duration::from_secs(10);
/// Such looks that may follow one another; then one a minute.
const AT_ONCE: u32 = 6;
const ONE_A: Duration = Duration::from_secs(60);

/// Is a trap of this name about an access point?
pub fn is_telling(trap: &Oid) -> bool {
    TELLING.contains(&trap.arcs())
}

/// Addresses that stand in a trap: any of six bytes.
pub fn named(objects: &[Binding]) -> impl Iterator<Item = Mac> {
    objects.iter().take(MAX_OBJECTS).filter_map(|one| match &one.value {
        Value::Bytes(bytes) => bytes.as_slice().try_into().ok().map(Mac),
        _ => None,
    })
}

/// Access points of which a trap spoke, until a look decides.
#[derive(Debug, Clone, Default)]
pub struct Suspects(BTreeMap<Mac, Timestamp>);

impl Suspects {
    /// Takes one more, if there is room.
    pub fn suspect(&mut self, mac: Mac, now: Timestamp) {
        if self.0.len() < MAX_SUSPECTS {
            self.0.entry(mac).or_insert(now);
        }
    }

    /// A look is over; `stands` says how an access point stands after it, nothing: it was not decided.
    /// `true`: another look should follow soon.
    pub fn looked(&mut self, now: Timestamp, stands: impl Fn(Mac) -> Option<Standing>) -> bool {
        self.0.retain(|mac, since| {
            let old = now.duration_since(*since).abs() > SUSPECTED_FOR;
            !old && stands(*mac).is_none()
        });
        !self.0.is_empty()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }
}

/// How often a controller is looked at because of traps.
#[derive(Debug)]
pub struct Pace {
    left: u32,
    filled: Instant,
    last: Option<Instant>,
}

impl Pace {
    /// None was yet.
    pub fn new(now: Instant) -> Self {
        Self { left: AT_ONCE, filled: now, last: None }
    }

    /// When a look may begin that is wished for now; nothing: the usual one is soon enough.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        while self.left < AT_ONCE && now.duration_since(self.filled) >= ONE_A {
            self.left += 1;
            self.filled += ONE_A;
        }
        if self.left == 0 {
            return None;
        }
        if self.left == AT_ONCE {
            self.filled = now;
        }
        self.left -= 1;
        let at = self.last.map_or(now, |last| now.max(last + PAUSE));
        self.last = Some(at);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn mac(last: u8) -> Mac {
        Mac([2, 0, 0, 0, 0, last])
    }

    #[test]
    fn a_flood_of_traps_makes_six_looks_and_then_one_a_minute() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        let (mut now, mut looks) = (begun, Vec::new());
        // A thousand traps a second for ten minutes; a look takes two seconds.
        while now < begun + Duration::from_secs(600) {
            if let Some(at) = pace.next(now) {
                looks.push((at - begun).as_secs());
                now = at + Duration::from_secs(2);
            }
            now += Duration::from_millis(1);
        }
        assert_eq!(looks[..6], [0, 10, 20, 30, 40, 50], "{looks:?}");
        let steps: Vec<u64> = looks[6..].windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| (59..=61).contains(step)), "{looks:?}");
        assert!(looks.len() <= 16, "{looks:?}");
        let later = now + Duration::from_secs(3600);
        assert_eq!(pace.next(later), Some(later), "after a quiet hour at once");
    }

    #[test]
    fn a_suspect_is_one_until_a_look_decides_or_five_minutes_have_passed() {
        let mut suspects = Suspects::default();
        suspects.suspect(mac(1), at(0));
        suspects.suspect(mac(2), at(0));
        let first_is_down = |one: Mac| (one == mac(1)).then_some(Standing::Down);
        assert!(suspects.looked(at(10), first_is_down), "one is not decided");
        assert_eq!(suspects.len(), 1);
        assert!(!suspects.looked(at(301), |_| None));
        for number in 0..=u8::MAX {
            suspects.suspect(mac(number), at(400));
            suspects.suspect(Mac([4, 0, 0, 0, 0, number]), at(400));
        }
        assert_eq!(suspects.len(), MAX_SUSPECTS);
    }

    #[test]
    fn of_a_trap_addresses_are_read_and_nothing_else() {
        let object = |value| Binding { oid: Oid::new(&[1, 3]), value };
        let objects = [
            object(Value::Bytes(vec![1, 2, 3, 4, 5, 6])),
            object(Value::Bytes(b"ap-12".to_vec())),
            object(Value::Number(7)),
            object(Value::Bytes(vec![0; 70_000])),
        ];
        assert_eq!(named(&objects).collect::<Vec<_>>(), [Mac([1, 2, 3, 4, 5, 6])]);
        assert!(is_telling(&Oid::new(&[1, 3, 6, 1, 4, 1, 14179, 2, 6, 3, 8])));
        assert!(!is_telling(&Oid::new(&[1, 3, 6, 1, 4, 1, 14179, 2, 6, 3, 8, 0])));
        assert!(!is_telling(&Oid::new(&[1, 3, 6, 1, 6, 3, 1, 1, 5, 3])), "linkDown");
    }
}
