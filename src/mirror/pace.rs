//! The mirror's share of the link: one token bucket for all transfers.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, watch};

/// The bucket holds this part of a second's bytes…
const BURST_PARTS_OF_A_SECOND: u64 = 8;
/// …and at least what one read may bring, in bytes, so that every piece fits at last.
const MIN_BURST: u64 = 64 * 1024;
const NANOS: u128 = 1_000_000_000;

/// Bytes allowed so far and not taken, at one rate. Pure: moments are passed in.
#[derive(Debug, Clone)]
pub struct Bucket {
    rate: Option<u64>,
    /// In billionths of a byte, so that no rate loses a fraction.
    tokens: u128,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Option<u64>, now: Instant) -> Self {
        let mut bucket = Self { rate, tokens: 0, at: now };
        bucket.tokens = bucket.capacity();
        bucket
    }

    /// Bytes that may pass at once at a rate.
    pub fn burst(rate: u64) -> u64 {
        (rate / BURST_PARTS_OF_A_SECOND).max(MIN_BURST)
    }

    fn capacity(&self) -> u128 {
        u128::from(self.rate.map_or(MIN_BURST, Self::burst)) * NANOS
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_nanos();
        self.at = self.at.max(now);
        let came = elapsed.saturating_mul(u128::from(self.rate.unwrap_or(0)));
        self.tokens = self.tokens.saturating_add(came).min(self.capacity());
    }

    /// Changes the rate; what is in the bucket stays, within its new size.
    pub fn set_rate(&mut self, rate: Option<u64>, now: Instant) {
        self.refill(now);
        self.rate = rate;
        self.tokens = self.tokens.min(self.capacity());
    }

    /// Takes `bytes`, or says how long to wait before asking again. More than a burst is to be
    /// asked for in parts.
    pub fn take(&mut self, bytes: u64, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        let Some(rate) = self.rate else { return Ok(()) };
        let asked = (u128::from(bytes) * NANOS).min(self.capacity());
        if let Some(left) = self.tokens.checked_sub(asked) {
            self.tokens = left;
            return Ok(());
        }
        let nanos = (asked - self.tokens).div_ceil(u128::from(rate.max(1)));
        Err(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

/// The bucket as transfers share it. First come, first served.
#[derive(Debug)]
pub struct Pace {
    bucket: Mutex<Bucket>,
    turn: Semaphore,
    rate: watch::Sender<Option<u64>>,
}

impl Pace {
    /// A bucket at `rate` bytes a second; `None` = no cap.
    pub fn new(rate: Option<u64>) -> Self {
        Self {
            bucket: Mutex::new(Bucket::new(rate, Instant::now())),
            turn: Semaphore::new(1),
            rate: watch::Sender::new(rate),
        }
    }

    /// Changes the rate, for those who wait too.
    pub fn set_rate(&self, rate: Option<u64>) {
        self.rate.send_if_modified(|held| {
            let changed = *held != rate;
            if changed {
                self.bucket().set_rate(rate, Instant::now());
                *held = rate;
            }
            changed
        });
    }

    /// Waits until `bytes` may pass. Cancelling gives the turn back and takes nothing more.
    pub async fn pass(&self, bytes: u64) {
        // A closed semaphore cannot be: nobody closes it.
        let _turn = self.turn.acquire().await;
        let mut rate = self.rate.subscribe();
        let mut left = bytes;
        while left > 0 {
            let part = left.min(MIN_BURST);
            let outcome = self.bucket().take(part, Instant::now());
            match outcome {
                Ok(()) => left -= part,
                Err(wait) => {
                    // Woken early when the rate changes: the wait is then another.
                    let _ = tokio::time::timeout(wait, rate.changed()).await;
                }
            }
        }
    }

    fn bucket(&self) -> std::sync::MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_cap_everything_passes() {
        let now = Instant::now();
        let mut bucket = Bucket::new(None, now);
        assert!((0..1000).all(|_| bucket.take(u64::MAX, now).is_ok()));
    }

    #[test]
    fn a_wait_is_as_long_as_it_must_be() {
        let now = Instant::now();
        let mut bucket = Bucket::new(Some(1000), now);
        bucket.take(MIN_BURST, now).unwrap();
        let wait = bucket.take(500, now).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert!(bucket.take(500, now + Duration::from_nanos(499_999_999)).is_err());
        assert!(bucket.take(500, now + wait).is_ok());
    }

    #[test]
    fn a_new_rate_counts_from_its_moment_on() {
        let now = Instant::now();
        let mut bucket = Bucket::new(Some(1000), now);
        bucket.take(MIN_BURST, now).unwrap();
        let later = now + Duration::from_secs(1);
        bucket.set_rate(Some(10), later);
        assert!(bucket.take(1000, later).is_ok(), "a second at the old rate");
        assert_eq!(bucket.take(10, later).unwrap_err(), Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_a_burst(
            rate in 1..10_000_000_u64,
            asks in prop::collection::vec((1..200_000_u64, 0..400_u64), 1..200),
        ) {
            let start = Instant::now();
            let mut bucket = Bucket::new(Some(rate), start);
            let (mut now, mut passed) = (start, 0_u128);
            for (bytes, pause) in asks {
                now += Duration::from_millis(pause);
                let part = bytes.min(Bucket::burst(rate));
                if bucket.take(part, now).is_ok() {
                    passed += u128::from(part);
                }
                let earned = u128::from(rate) * (now - start).as_nanos() / NANOS;
                prop_assert!(passed <= earned + 1 + u128::from(Bucket::burst(rate)));
            }
        }

        #[test]
        fn whoever_waits_as_told_passes(rate in 1..10_000_000_u64, asks in prop::collection::vec(1..65_536_u64, 1..50)) {
            let mut now = Instant::now();
            let mut bucket = Bucket::new(Some(rate), now);
            for bytes in asks {
                if let Err(wait) = bucket.take(bytes, now) {
                    now += wait;
                    prop_assert!(bucket.take(bytes, now).is_ok());
                }
            }
        }
    }
}
