//! Do large packets pass a link? Echo requests as large as the interface sends them, with DF set, as Linux
//! sends them by itself (`ip_no_pmtu_disc` = 0, RFC 1191), against small ones.
//!
//! A router that cannot pass a packet on says so, and the kernel then sends smaller ones: that costs nobody
//! anything. Where the notice is lost, large packets vanish: pages begin and never end. That is the trouble
//! told here (RFC 2923 §2.1). Why not a datagram with `IP_PMTUDISC_PROBE`: nothing out there would answer it.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use nix::sys::socket::{getsockopt, sockopt};

use super::{
    ping::{Echo, Pings},
    way::Way,
};

/// Larger packets than Ethernet's are none of the Internet's.
const LARGEST: u32 = 1500;
/// What links, tunnels and the protocols' own least sizes leave, largest first.
const SIZES: [u32; 12] = [1500, 1492, 1480, 1476, 1472, 1460, 1450, 1440, 1420, 1400, 1280, 576];
/// Times that a size is tried, each for so long.
const TRIES: usize = 3;
const WITHIN: Duration = Duration::from_secs(1);
/// Where a socket points of which the way alone is of interest (RFC 863): nothing is sent.
const DISCARD_PORT: u16 = 9;
/// Targets that are asked: one alone may refuse large requests.
const MAX_TARGETS: usize = 3;

/// What passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passes {
    /// Bytes of the largest packet that does.
    pub bytes: u32,
    /// Bytes of the largest that should.
    pub expected: u32,
    /// Are larger ones lost without a word?
    pub silently: bool,
}

/// Looks; nothing = nobody answers now, so that nothing can be said.
pub async fn look(way: &Way, pings: &Pings, targets: &[IpAddr], mtu: u32) -> Option<Passes> {
    let expected = mtu.min(LARGEST);
    let targets = targets.get(..targets.len().min(MAX_TARGETS)).unwrap_or_default();
    for target in targets {
        if passes(pings, *target, expected).await {
            let bytes = known(way, *target).await.unwrap_or(expected).min(expected);
            return Some(Passes { bytes, expected, silently: false });
        }
    }
    let mut largest = None;
    for target in targets {
        // Sizes are few: from below, until one does not pass.
        for size in SIZES.into_iter().rev().filter(|size| *size < expected) {
            if !passes(pings, *target, size).await {
                break;
            }
            largest = largest.max(Some(size));
        }
    }
    largest.map(|bytes| Passes { bytes, expected, silently: true })
}

async fn passes(pings: &Pings, target: IpAddr, size: u32) -> bool {
    for _ in 0..TRIES {
        match pings.ask(target, size as usize, WITHIN).await {
            Echo::Back(_) => return true,
            Echo::Lost => {}
            Echo::Unable => return false,
        }
    }
    false
}

/// What routers told the kernel of the way there (`IP_MTU`, ip(7)); of IPv4 alone.
async fn known(way: &Way, target: IpAddr) -> Option<u32> {
    if !target.is_ipv4() {
        return None;
    }
    let socket = way.udp(SocketAddr::new(target, DISCARD_PORT)).await.ok()?;
    getsockopt(&socket, sockopt::IpMtu).ok().and_then(|mtu| u32::try_from(mtu).ok())
}
