//! Slows down who guesses: after some failures each costs a wait, longer each time.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::secret::TokenHash;

/// Failures without a wait: a class behind one address mistypes a little.
const FREE_FAILURES: u32 = 10;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// Failures are forgotten after this long without one.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_mins(30);
/// Devices and codes remembered.
const MAX_REMEMBERED: usize = 10_000;
/// Bits of an IPv6 address that one network has: its devices choose the rest as they like.
const NETWORK_BYTES: usize = 8;

/// Who, or what, fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A device by its address; all that cannot be told apart are one.
    Device(Option<IpAddr>),
    /// One code or pass, wherever it is tried.
    Secret(TokenHash),
}

impl Key {
    pub(super) fn device(peer: Option<IpAddr>) -> Self {
        Self::Device(peer.map(|ip| match ip.to_canonical() {
            IpAddr::V6(v6) => {
                let mut network = [0; 16];
                network[..NETWORK_BYTES].copy_from_slice(&v6.octets()[..NETWORK_BYTES]);
                IpAddr::from(network)
            }
            v4 @ IpAddr::V4(_) => v4,
        }))
    }
}

/// Failures of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failures {
    count: u32,
    last: Timestamp,
}

/// How long to wait before the next try. Pure. A clock that went back makes nobody wait longer
/// than the longest wait.
pub(super) fn wait(failures: Failures, now: Timestamp) -> Option<Duration> {
    let beyond = failures.count.checked_sub(FREE_FAILURES)?;
    let whole = 2_u32.checked_pow(beyond).and_then(|times| FIRST_WAIT.checked_mul(times));
    let whole = whole.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
    let since = Duration::try_from(now.duration_since(failures.last)).unwrap_or_default();
    let left = whole.saturating_sub(since);
    (!left.is_zero()).then_some(left)
}

/// Who failed lately.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    failures: HashMap<Key, Failures>,
}

impl Throttle {
    /// The longest wait due for any of `keys`.
    pub(super) fn wait(&self, keys: &[Key], now: Timestamp) -> Option<Duration> {
        keys.iter().filter_map(|key| wait(*self.failures.get(key)?, now)).max()
    }

    /// Notes a failure. Returns whether a wait begins now for the first time.
    pub(super) fn fail(&mut self, keys: &[Key], now: Timestamp) -> bool {
        if self.failures.len() + keys.len() > MAX_REMEMBERED {
            self.sweep(now);
        }
        let mut begins = false;
        for key in keys {
            if self.failures.len() >= MAX_REMEMBERED && !self.failures.contains_key(key) {
                self.forget_mildest();
            }
            let entry = self.failures.entry(*key).or_insert(Failures { count: 0, last: now });
            *entry = Failures { count: entry.count.saturating_add(1), last: now };
            begins |= entry.count == FREE_FAILURES;
        }
        begins
    }

    pub(super) fn sweep(&mut self, now: Timestamp) {
        self.failures.retain(|_, failures| {
            let since = now.duration_since(failures.last);
            if since < SignedDuration::ZERO {
                failures.last = now;
            }
            since < FORGOTTEN_AFTER
        });
    }

    /// Who failed least gives way, so that a flood of new names frees nobody who is slowed down.
    fn forget_mildest(&mut self) {
        let mildest = self.failures.iter().min_by_key(|(_, f)| (f.count, f.last)).map(|(k, _)| *k);
        mildest.and_then(|key| self.failures.remove(&key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn secs(count: u32, last: i64, now: i64) -> Option<u64> {
        wait(Failures { count, last: at(last) }, at(now)).map(|wait| wait.as_secs())
    }

    #[test]
    fn each_failure_past_the_tenth_doubles_the_wait_up_to_five_minutes() {
        assert_eq!(secs(9, 0, 0), None);
        assert_eq!(secs(10, 0, 0), Some(2));
        assert_eq!(secs(11, 0, 0), Some(4));
        assert_eq!(secs(11, 0, 3), Some(1));
        assert_eq!(secs(11, 0, 4), None);
        assert_eq!(secs(u32::MAX, 0, 0), Some(300));
        assert_eq!(secs(u32::MAX, 1000, 0), Some(300), "the clock went back");
    }

    #[test]
    fn a_device_of_a_large_ipv6_network_does_not_become_another_by_its_address() {
        let key = |text: &str| Key::device(Some(text.parse().unwrap()));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
        assert_ne!(key("10.0.0.2"), key("10.0.0.1"));
    }

    #[test]
    fn a_flood_of_new_names_frees_nobody_who_is_slowed_down() {
        let mut throttle = Throttle::default();
        let guesser = Key::device(Some("10.0.0.1".parse().unwrap()));
        for _ in 0..20 {
            throttle.fail(&[guesser], at(0));
        }
        for n in 0..MAX_REMEMBERED + 50 {
            throttle.fail(&[Key::Secret(TokenHash::of(&n.to_string()))], at(1));
        }
        assert!(throttle.failures.len() <= MAX_REMEMBERED);
        assert!(throttle.wait(&[guesser], at(2)).is_some());
        throttle.sweep(at(1 + 30 * 60));
        assert!(throttle.failures.is_empty(), "forgotten after half an hour");
    }
}
