//! What each device was refused lately: in memory, bounded, for that device's eyes and for an hour.
//!
//! Hosts only, never paths: a list of what somebody looked for is nobody's business.

use std::{
    collections::VecDeque,
    net::IpAddr,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use lru::LruCache;

use super::{asked::Asked, judged::Denial};

/// Devices remembered: the last to be refused something.
const MAX_DEVICES: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// Of each.
const MAX_REFUSALS: usize = 20;
/// A refusal is shown for this long.
const SHOWN: SignedDuration = SignedDuration::from_hours(1);

/// Something a device was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The last time.
    pub at: Timestamp,
    /// How many times.
    pub times: u32,
    /// Where it wanted to go.
    pub asked: Asked,
    /// Why it could not.
    pub denial: Denial,
}

/// The refusals by device. Cheap to clone.
#[derive(Clone)]
pub struct Recent(Arc<Mutex<LruCache<IpAddr, VecDeque<Refused>>>>);

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recent")
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(MAX_DEVICES))))
    }
}

impl Recent {
    /// Remembers one. The same place again is one line, with the newest reason.
    pub fn add(&self, device: IpAddr, asked: &Asked, denial: &Denial, now: Timestamp) {
        self.with(|devices| {
            let refused = devices.get_or_insert_mut(device, VecDeque::new);
            let again = refused.iter().position(|old| old.asked == *asked);
            let times = again.and_then(|at| refused.remove(at)).map_or(0, |old| old.times);
            if refused.len() == MAX_REFUSALS {
                refused.pop_back();
            }
            let (asked, denial) = (asked.clone(), denial.clone());
            refused.push_front(Refused { at: now, times: times.saturating_add(1), asked, denial });
        });
    }

    /// What a device was refused within the hour, newest first.
    pub fn of(&self, device: IpAddr, now: Timestamp) -> Vec<Refused> {
        let shown = |refused: &&Refused| now.duration_since(refused.at) < SHOWN;
        self.with(|devices| {
            let refused = devices.peek(&device.to_canonical()).into_iter().flatten();
            refused.filter(shown).cloned().collect()
        })
    }

    /// Forgets what is shown no longer.
    pub fn tidy(&self, now: Timestamp) {
        let old = |refusals: &VecDeque<Refused>| {
            refusals.front().is_none_or(|newest| now.duration_since(newest.at) >= SHOWN)
        };
        self.with(|devices| {
            // In the order of the last refusal of each.
            while devices.peek_lru().is_some_and(|(_, refusals)| old(refusals)) {
                devices.pop_lru();
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut LruCache<IpAddr, VecDeque<Refused>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Asked {
        Asked::tunnel(&text.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_device_sees_its_own_refusals_newest_first_and_for_an_hour() {
        let (recent, now) = (Recent::default(), Timestamp::UNIX_EPOCH);
        let (mine, theirs) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let later = now + SignedDuration::from_mins(50);
        recent.add(mine, &asked("a.example:443"), &Denial::default(), now);
        recent.add(mine, &asked("b.example:443"), &Denial::default(), now);
        recent.add(mine, &asked("a.example:443"), &Denial::default(), later);
        recent.add(theirs, &asked("c.example:443"), &Denial::default(), now);
        let seen = |at| -> Vec<_> {
            let refused = recent.of(mine, at).into_iter();
            refused.map(|one| (one.asked.host.to_string(), one.times)).collect()
        };
        assert_eq!(seen(later), [("a.example".to_owned(), 2), ("b.example".to_owned(), 1)]);
        assert_eq!(seen(later + SignedDuration::from_mins(20)), [("a.example".to_owned(), 2)]);
    }

    #[test]
    fn a_device_that_is_refused_all_day_fills_no_memory() {
        let (recent, now) = (Recent::default(), Timestamp::UNIX_EPOCH);
        let device = [10, 0, 0, 1].into();
        for n in 0..1000 {
            recent.add(device, &asked(&format!("{n}.example:443")), &Denial::default(), now);
        }
        assert_eq!(recent.of(device, now).len(), MAX_REFUSALS);
        for n in 0..5000u32 {
            recent.add(IpAddr::from(n.to_be_bytes()), &asked("a:1"), &Denial::default(), now);
        }
        let held = || recent.with(|devices| devices.len());
        assert!(held() <= MAX_DEVICES.get());
        let later = now + SignedDuration::from_mins(59);
        recent.add(device, &asked("a:1"), &Denial::default(), later);
        recent.tidy(now + SHOWN);
        assert_eq!(held(), 1, "the hour of all others is over");
        recent.tidy(later + SHOWN);
        assert_eq!(held(), 0);
    }
}
