//! `[dns]`: the school's resolver.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{ByteSize, Nameserver, Period, Site};

/// `[dns]`. Off unless it listens somewhere, or systemd passes sockets called `dns`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// Addresses the resolver listens on, by UDP and TCP, when systemd passes no socket.
    pub listen: Vec<SocketAddr>,
    /// The same under TLS (RFC 7858), with the certificate of `https.name`.
    pub listen_tls: Vec<SocketAddr>,
    /// The resolvers it asks.
    pub resolvers: Vec<Nameserver>,
    /// Networks whose devices are answered.
    pub allow: Vec<IpNet>,
    /// What is said of names that a device may not be told.
    pub refusal: Refusal,
    /// The zone in which the box is called `preau`, `manuels` and `wpad`, and nobody else anything.
    pub zone: Option<String>,
    /// The addresses of the box's names; empty = the one nearest to who asks.
    pub addresses: Vec<IpAddr>,
    /// Names (with those below them) that may have private addresses.
    pub private: Vec<Site>,
    /// Memory that answers may take.
    pub memory: ByteSize,
    /// No answer is kept for less.
    pub ttl_floor: Period,
    /// No answer is kept for longer.
    pub ttl_ceiling: Period,
    /// How long past its time an answer is given when no resolver can be reached.
    pub stale: Period,
    /// Questions a second that a device may ask.
    pub per_device: u32,
    /// What is done with signatures of answers.
    pub dnssec: Dnssec,
    /// A file of the keys that are trusted in the place of the root's.
    pub trust_anchors: Option<PathBuf>,
}

/// What is done with signatures of answers (DNSSEC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dnssec {
    /// They go to who wants them; the resolvers that are asked are believed.
    Pass,
    /// The box checks them: what is not what its zone signed is not told.
    Validate,
}

/// What is said of a name that a device may not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// There is no such name: browsers say so at once.
    Nxdomain,
    /// The name has no address.
    Nodata,
    /// Its address is the box's, whose page says why; under HTTPS browsers warn instead.
    Page,
}

/// Private, shared and link-local addresses (RFC 1918, 6598, 3927, 4193, 4291), and this machine's.
const INSIDE: [([u16; 8], u8); 9] = [
    ([0, 0, 0, 0, 0, 0xffff, 0x0a00, 0], 8),
    ([0, 0, 0, 0, 0, 0xffff, 0x6440, 0], 10),
    ([0, 0, 0, 0, 0, 0xffff, 0x7f00, 0], 8),
    ([0, 0, 0, 0, 0, 0xffff, 0xa9fe, 0], 16),
    ([0, 0, 0, 0, 0, 0xffff, 0xac10, 0], 12),
    ([0, 0, 0, 0, 0, 0xffff, 0xc0a8, 0], 16),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
];

impl Default for Dns {
    fn default() -> Self {
        let inside = INSIDE.iter().filter_map(|(segments, prefix)| {
            let address = IpAddr::from(*segments).to_canonical();
            IpNet::new(address, *prefix).ok()
        });
        Self {
            listen: Vec::new(),
            listen_tls: Vec::new(),
            resolvers: Vec::new(),
            allow: inside.collect(),
            refusal: Refusal::Nxdomain,
            zone: None,
            addresses: Vec::new(),
            private: Vec::new(),
            memory: ByteSize::mib(32),
            ttl_floor: Period::seconds(5),
            ttl_ceiling: Period::seconds(24 * 3600),
            stale: Period::seconds(3 * 24 * 3600),
            per_device: 200,
            dnssec: Dnssec::Pass,
            trust_anchors: None,
        }
    }
}
