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
/// How long somebody who waits sleeps before looking again: others may have left.
const NAP: Duration = Duration::from_millis(5);
/// Who waited and has not looked again for so long has gone.
const GONE: Duration = Duration::from_millis(60);
/// Devices are forgotten when they took nothing for so long.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// Devices remembered before the oldest are looked through.
const MANY_DEVICES: usize = 1024;

/// Who took how much: start-time fair queueing. Pure: the time is passed in.
#[derive(Debug)]
struct Shares {
    /// Bytes a second.
    rate: f64,
    /// When the link has carried all that was taken.
    carried: Instant,
    /// Bytes that a device had taken which was served all along.
    served: u64,
    devices: HashMap<IpAddr, Taken>,
    /// Who was told to wait, and when.
    waiting: HashMap<IpAddr, Instant>,
}

#[derive(Debug)]
struct Taken {
    last: Instant,
    /// Bytes, those it let pass while it took nothing included.
    bytes: u64,
}

impl Shares {
    fn new(rate: u64, now: Instant) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "no link has 2^52 bytes a second")]
        let rate = (rate as f64).max(1.0);
        let (devices, waiting) = (HashMap::new(), HashMap::new());
        Self { rate, carried: now, served: 0, devices, waiting }
    }

    /// A device took these bytes.
    fn took(&mut self, device: IpAddr, bytes: usize, now: Instant) {
        #[allow(clippy::cast_precision_loss, reason = "a piece of a body")]
        let alone = Duration::from_secs_f64(bytes as f64 / self.rate);
        self.carried = self.carried.max(now) + alone;
        if self.devices.len() >= MANY_DEVICES {
            self.devices.retain(|_, taken| now.duration_since(taken.last) < FORGOTTEN);
        }
        let served = self.served;
        let taken = self.devices.entry(device).or_insert(Taken { last: now, bytes: served });
        taken.last = now;
        taken.bytes = taken.bytes.max(served).saturating_add(bytes as u64);
    }

    /// May a device take more now? Who may not is remembered as waiting.
    fn may(&mut self, device: IpAddr, now: Instant) -> bool {
        let behind = self.carried.saturating_duration_since(now);
        self.waiting.retain(|_, since| now.duration_since(*since) < GONE);
        let served = self.served;
        let taken = |device: &IpAddr| {
            self.devices.get(device).map_or(served, |taken| taken.bytes.max(served))
        };
        let (own, others) = (taken(&device), self.waiting.keys().filter(|one| **one != device));
        let least = others.map(taken).min();
        let may = match least {
            _ if behind.is_zero() => true,
            None => behind <= SLACK,
            // Before all who wait: those may have filled the link already.
            Some(least) if own < least => behind <= SLACK * 2,
            Some(least) => own == least && behind <= SLACK,
        };
        if may {
            self.waiting.remove(&device);
            self.served = self.served.max(own.min(least.unwrap_or(own)));
        } else {
            self.waiting.insert(device, now);
        }
        may
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
        while !self.with(|shares| shares.may(self.device, Instant::now())) {
            tokio::time::sleep(NAP).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 10_000_000;
    const PIECE: usize = 16 * 1024;
    const STEP: Duration = Duration::from_millis(1);

    /// Bytes that each device took in ten seconds: a piece comes for it at every step of its pace,
    /// and waits for its turn.
    fn ten_seconds(paces: &[u32]) -> Vec<usize> {
        let begun = Instant::now();
        let mut shares = Shares::new(RATE, begun);
        let (mut came, mut took) = (vec![0; paces.len()], vec![0; paces.len()]);
        for step in 0..10_000 {
            let now = begun + STEP * step;
            for (index, pace) in paces.iter().enumerate() {
                let device = IpAddr::from([10, 0, 0, u8::try_from(index).unwrap()]);
                came[index] += if step % pace == 0 { PIECE } else { 0 };
                if came[index] > took[index] && shares.may(device, now) {
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
        assert!(shares.may(device, now));
        shares.took(device, 5_000_000, now);
        assert!(!shares.may(device, now));
        assert!(shares.may(device, now + Duration::from_secs(1)));
    }
}
