//! In which order devices are served: start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996,
//! §2). Pure.
//!
//! Every piece gets a tag when it is asked for: the bytes that its device asked for before. The
//! smallest tag goes first. A device that was away starts a little behind the one that was served
//! last, so that neither a short absence nor a late wake-up costs it its share.

use std::{collections::HashMap, net::IpAddr};

/// Devices remembered before those that took nothing lately are forgotten.
pub const MANY_DEVICES: usize = 1024;
/// A device that was away is ahead of the others by what is carried in a part of a second…
const CREDITS_A_SECOND: u64 = 5;
/// …and at least by this, in bytes.
const LEAST_CREDIT: u64 = 256 * 1024;

/// Of the devices that share one thing.
#[derive(Debug)]
pub struct Order {
    /// The tag of the piece that was granted last.
    served: u64,
    /// Where the next piece of each device begins.
    pub devices: HashMap<IpAddr, u64>,
    sweep_at: usize,
    credit: u64,
}

impl Order {
    /// Of something that carries so many bytes a second.
    pub fn new(rate: u64) -> Self {
        let credit = (rate / CREDITS_A_SECOND).max(LEAST_CREDIT);
        Self { served: 0, devices: HashMap::new(), sweep_at: MANY_DEVICES, credit }
    }

    /// Where a device's piece of so many bytes begins; its next begins after it.
    pub fn tag(&mut self, device: IpAddr, bytes: u64) -> u64 {
        let least = self.served.saturating_sub(self.credit);
        if self.devices.len() >= self.sweep_at {
            // Who is not ahead of this is as one who never came.
            self.devices.retain(|_, next| *next > least);
            self.sweep_at = MANY_DEVICES.max(self.devices.len() * 2);
        }
        let next = self.devices.entry(device).or_insert(least);
        let begins = (*next).max(least);
        *next = begins.saturating_add(bytes);
        begins
    }

    /// The piece with this tag was granted.
    pub fn granted(&mut self, tag: u64) {
        self.served = self.served.max(tag);
    }

    /// A device's piece came out longer or shorter than it was asked for.
    pub fn correct(&mut self, device: IpAddr, more: u64, less: u64) {
        if let Some(next) = self.devices.get_mut(&device) {
            *next = next.saturating_add(more).saturating_sub(less);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_went_are_forgotten_and_those_that_take_are_not() {
        let mut order = Order::new(1_000_000);
        let greedy = IpAddr::from([10, 0, 0, 1]);
        for number in 0..100_000_u32 {
            let device = std::net::Ipv4Addr::from_bits(number).into();
            let tag = order.tag(device, 10_000);
            order.granted(tag);
            let tag = order.tag(greedy, 10_000);
            order.granted(tag);
        }
        assert!(order.devices.len() <= MANY_DEVICES, "{}", order.devices.len());
        assert_eq!(order.devices.get(&greedy), Some(&1_000_000_000));
    }

    #[test]
    fn who_was_away_is_ahead_by_no_more_than_its_credit() {
        let mut order = Order::new(10_000_000);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert_eq!(order.tag(one, 100), 0);
        assert_eq!(order.tag(one, 50_000_000), 100);
        order.granted(100);
        assert_eq!(order.tag(one, 1), 50_000_100);
        order.granted(50_000_100);
        assert_eq!(order.tag(other, 1), 48_000_100);
    }
}
