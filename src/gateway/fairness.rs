//! The link shared between devices that compete for it: whoever takes more than its share waits
//! while others are served, and nobody waits while the link has room.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The link may be this far behind before anybody waits: what its own queue holds anyway.
const SLACK: Duration = Duration::from_millis(50);
/// A device that took something within this counts among those that compete.
const COMPETES: Duration = Duration::from_secs(1);
/// How long a device's past taking is held against it.
const GRUDGE: Duration = Duration::from_millis(250);
/// Nobody sleeps longer before looking again: others may have left.
const LONGEST_NAP: Duration = Duration::from_millis(20);
const SHORTEST_NAP: Duration = Duration::from_millis(1);

/// Who took how much. Pure: the time is passed in.
#[derive(Debug)]
struct Shares {
    /// Bytes a second.
    rate: f64,
    /// When the link has carried all that was taken.
    carried: Instant,
    devices: HashMap<IpAddr, Taken>,
    /// Devices that compete, and when they were counted.
    competing: (f64, Instant),
}

#[derive(Debug)]
struct Taken {
    last: Instant,
    /// When its share will have carried what it took.
    paid: Instant,
}

impl Shares {
    fn new(rate: u64, now: Instant) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "no link has 2^52 bytes a second")]
        let rate = (rate as f64).max(1.0);
        Self { rate, carried: now, devices: HashMap::new(), competing: (1.0, now) }
    }

    /// A device took these bytes.
    fn took(&mut self, device: IpAddr, bytes: usize, now: Instant) {
        #[allow(clippy::cast_precision_loss, reason = "a piece of a body")]
        let alone = Duration::from_secs_f64(bytes as f64 / self.rate);
        self.carried = self.carried.max(now) + alone;
        let new = !self.devices.contains_key(&device);
        let taken = self.devices.entry(device).or_insert(Taken { last: now, paid: now });
        taken.last = now;
        if new || now.duration_since(self.competing.1) > COMPETES / 10 {
            self.devices.retain(|_, taken| now.duration_since(taken.last) < COMPETES);
            let count = u32::try_from(self.devices.len()).unwrap_or(u32::MAX);
            self.competing = (f64::from(count.max(1)), now);
        }
        if let Some(taken) = self.devices.get_mut(&device) {
            let share = alone.mul_f64(self.competing.0);
            taken.paid = (taken.paid.max(now) + share).min(now + GRUDGE.max(share));
        }
    }

    /// How long a device waits before it looks again; nothing = it may take more.
    fn wait(&self, device: IpAddr, now: Instant) -> Option<Duration> {
        let behind = self.carried.saturating_duration_since(now).checked_sub(SLACK)?;
        let owes = self.devices.get(&device)?.paid.checked_duration_since(now)?;
        Some(owes.min(behind).clamp(SHORTEST_NAP, LONGEST_NAP))
    }
}

/// The link's shares. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fairness(Arc<Mutex<Shares>>);

impl Fairness {
    /// Of a link that carries so many bytes a second.
    pub fn new(rate: u64) -> Self {
        Self(Arc::new(Mutex::new(Shares::new(rate, Instant::now()))))
    }

    /// What counts for one device.
    pub fn meter(&self, device: IpAddr) -> Meter {
        Meter { fairness: self.clone(), device }
    }
}

/// Counts what one device takes.
#[derive(Debug, Clone)]
pub struct Meter {
    fairness: Fairness,
    device: IpAddr,
}

impl Meter {
    fn with<T>(&self, work: impl FnOnce(&mut Shares) -> T) -> T {
        work(&mut self.fairness.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// It took these bytes.
    pub fn took(&self, bytes: usize) {
        self.with(|shares| shares.took(self.device, bytes, Instant::now()));
    }

    /// Ends when it may take more.
    pub async fn turn(&self) {
        while let Some(wait) = self.with(|shares| shares.wait(self.device, Instant::now())) {
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 10_000_000;
    const PIECE: usize = 16 * 1024;
    const STEP: Duration = Duration::from_millis(1);

    /// Bytes that each device took in ten seconds: a device asks for a piece at every step of its
    /// pace unless it has to wait.
    fn ten_seconds(paces: &[u32]) -> Vec<usize> {
        let begun = Instant::now();
        let mut shares = Shares::new(RATE, begun);
        let mut took = vec![0; paces.len()];
        for step in 0..10_000 {
            let now = begun + STEP * step;
            for (index, pace) in paces.iter().enumerate() {
                let device = IpAddr::from([10, 0, 0, u8::try_from(index).unwrap()]);
                if step % pace == 0 && shares.wait(device, now).is_none() {
                    shares.took(device, PIECE, now);
                    took[index] += PIECE;
                }
            }
        }
        took
    }

    fn about(bytes: usize, wanted: usize) -> bool {
        (wanted * 9 / 10..=wanted * 11 / 10).contains(&bytes)
    }

    #[test]
    fn one_device_has_the_whole_link_and_no_more() {
        let took = ten_seconds(&[1]);
        assert!(about(took[0], 100_000_000), "{took:?}");
    }

    #[test]
    fn devices_that_compete_have_equal_shares() {
        let took = ten_seconds(&[1, 1, 1, 1]);
        assert!(took.iter().all(|bytes| about(*bytes, 25_000_000)), "{took:?}");
    }

    #[test]
    fn who_takes_little_never_waits_and_the_rest_goes_to_the_others() {
        // A piece every 16 ms is a tenth of the link.
        let took = ten_seconds(&[1, 16, 1]);
        assert!(about(took[1], 10_240_000), "{took:?}");
        assert!(about(took[0], 45_000_000) && about(took[2], 45_000_000), "{took:?}");
    }

    #[test]
    fn nobody_waits_while_the_link_has_room() {
        let now = Instant::now();
        let mut shares = Shares::new(RATE, now);
        let device = IpAddr::from([10, 0, 0, 1]);
        shares.took(device, 100_000, now);
        assert!(shares.wait(device, now).is_none());
        shares.took(device, 5_000_000, now);
        assert!(shares.wait(device, now).is_some());
        assert!(shares.wait(device, now + Duration::from_secs(1)).is_none());
    }
}
