//! How much each device may ask: so much a second, and as much at once. Pure: the moment is passed
//! in.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use lru::LruCache;

/// Devices remembered; of more, those that asked longest ago start anew.
const MAX_DEVICES: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Of the questions past the rate, one in so many is answered: by TC, so that a device whose
/// address others write on their questions is answered by TCP (as BIND's `slip`).
const SLIP: u32 = 2;

/// What becomes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// It is answered.
    Yes,
    /// It is told to come by TCP.
    ByTcp,
    /// It is left without an answer.
    No,
}

/// The rates of all devices.
#[derive(Debug)]
pub struct Rates {
    devices: Mutex<LruCache<IpAddr, Bucket>>,
    per_second: f64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    since: Instant,
    over: u32,
}

impl Rates {
    /// So many questions a second; 0 = as many as they like.
    pub fn new(per_second: u32) -> Self {
        Self { devices: Mutex::new(LruCache::new(MAX_DEVICES)), per_second: per_second.into() }
    }

    /// A question of a device.
    pub fn pass(&self, device: IpAddr, now: Instant) -> Pass {
        if self.per_second <= 0.0 {
            return Pass::Yes;
        }
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let full = Bucket { left: self.per_second, since: now, over: 0 };
        let bucket = devices.get_or_insert_mut(network(device), || full);
        let gained = now.saturating_duration_since(bucket.since).as_secs_f64() * self.per_second;
        bucket.left = (bucket.left + gained).min(self.per_second);
        bucket.since = bucket.since.max(now);
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Pass::Yes;
        }
        bucket.over = bucket.over.wrapping_add(1);
        if bucket.over.is_multiple_of(SLIP) { Pass::ByTcp } else { Pass::No }
    }
}

/// A device has a whole IPv6 network of 64 bits to choose its address from (RFC 4291 §2.5.1).
fn network(device: IpAddr) -> IpAddr {
    match device {
        IpAddr::V4(_) => device,
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_device_asks_so_much_a_second_and_others_lose_nothing_by_it() {
        let (rates, now) = (Rates::new(100), Instant::now());
        let (one, other): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let answered = |device, count, now| {
            (0..count).filter(|_| rates.pass(device, now) == Pass::Yes).count()
        };
        assert_eq!(answered(one, 500, now), 100);
        assert_eq!(answered(other, 50, now), 50);
        assert_eq!(answered(one, 500, now + Duration::from_millis(500)), 50);
        assert_eq!(answered(one, 500, now + Duration::from_secs(3600)), 100);
        let past: Vec<_> = (0..4).map(|_| rates.pass(one, now)).collect();
        assert_eq!(past.iter().filter(|pass| **pass == Pass::ByTcp).count(), 2, "{past:?}");
        assert_eq!((0..500).filter(|_| Rates::new(0).pass(one, now) != Pass::Yes).count(), 0);
    }

    #[test]
    fn all_addresses_of_a_network_are_one_device() {
        let (rates, now) = (Rates::new(10), Instant::now());
        let address = |low: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, low).into();
        let answered = (0..100).filter(|low| rates.pass(address(*low), now) == Pass::Yes).count();
        assert_eq!(answered, 10);
    }
}
