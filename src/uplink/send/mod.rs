//! Sends what is spooled, the oldest first, one request at a time: what is live and what waited go the same
//! way.
//!
//! Not here: what stays on the disk (`spool`). `decide` and `parts` are pure.

pub mod decide;
pub mod parts;
mod post;
mod work;

use std::time::Duration;

use url::Url;

pub use self::work::Sender;
use crate::{config::RemoteWrite, net::client::ClientOptions};

/// Where and how it is sent.
#[derive(Debug, Clone)]
pub struct Target {
    /// The region's remote-write address.
    pub url: Url,
    /// Which version is spoken.
    pub protocol: RemoteWrite,
    /// The certificate, and whom to trust.
    pub client: ClientOptions,
    /// How long between tries.
    pub pace: Pace,
}

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// After a first failure; doubled after each further one.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
    /// While nothing can be better before somebody has changed something.
    pub hold: Duration,
    /// A receiver's head must come within.
    pub head: Duration,
    /// Between a start and the first request, spread by school.
    pub start: Duration,
    /// Between two looks at a clock that is in doubt.
    pub clock: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(300),
            hold: Duration::from_secs(600),
            head: Duration::from_secs(60),
            start: Duration::from_secs(60),
            clock: Duration::from_secs(5),
        }
    }
}

/// A school's own part of a span, the same at each start: schools that come back together do not ask
/// together (FNV-1a of its identifier).
pub fn spread(uai: &str, span: Duration) -> Duration {
    let hash = uai.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis((hash ^ (hash >> 32)).checked_rem(millis).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schools_are_spread_evenly_over_a_minute() {
        let mut tenths = [0; 10];
        for number in 0..4000 {
            let after = spread(&format!("{number:07}A"), Duration::from_secs(60));
            assert!(after < Duration::from_secs(60));
            tenths[usize::try_from(after.as_secs() / 6).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|count| (300..500).contains(count)), "{tenths:?}");
        let own = spread("0510035L", Duration::from_secs(60));
        assert_eq!(own, spread("0510035L", Duration::from_secs(60)));
        assert_eq!(spread("0510035L", Duration::ZERO), Duration::ZERO);
    }
}
