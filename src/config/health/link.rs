//! `[[health.links]]`, `[[health.targets]]` and `[health.throughput]`: the uplinks, what is asked beyond
//! them, and how much a throughput test may move.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::config::{ByteRate, ByteSize, Period, TimeWindow};

/// `[[health.links]]`: one uplink and its contract.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HealthLink {
    /// A name of your choice, unique among links; reports call it so.
    pub name: String,
    /// The interface that leads there.
    pub interface: String,
    /// The regional network behind it, such as IHDEAL.
    pub network: Option<String>,
    /// What the operator calls the line.
    pub reference: Option<String>,
    /// What the contract promises toward the school.
    pub down: Option<ByteRate>,
    /// What it promises from the school.
    pub up: Option<ByteRate>,
    /// The first router of the operator, by its address: tells its faults from the school's.
    pub gateway: Option<IpAddr>,
    /// Are the school's devices on this interface too? Then bytes that come in say nothing of the link.
    #[serde(default)]
    pub shared: bool,
}

/// `[[health.targets]]`: a place that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HealthTarget {
    /// A name of your choice, unique among targets; reports call it so.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub role: TargetRole,
    /// Its address, or its name.
    pub address: String,
    /// The link over which it is asked; nothing = over each.
    pub link: Option<String>,
    /// Is it asked by ICMP, once a second?
    #[serde(default = "HealthTarget::default_icmp")]
    pub icmp: bool,
    /// The port at which it is asked by TCP, once a second.
    pub tcp: Option<u16>,
    /// What is fetched of it, once a minute; its head alone.
    pub http: Option<Url>,
    /// The name for whose address it is asked by DNS, twice a minute.
    pub dns: Option<String>,
}

impl HealthTarget {
    fn default_icmp() -> bool {
        true
    }
}

/// What a target is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetRole {
    /// On this side of the link: it says nothing of what is beyond.
    Gateway,
    /// The regional network's edge.
    Edge,
    /// The GAR.
    Gar,
    /// The ENT.
    Ent,
    /// A place that is always there.
    #[default]
    Anchor,
    /// A resolver.
    Resolver,
}

/// `[health.throughput]`: the test that fills the link for a moment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Throughput {
    /// A large object of the region; nothing = there is no test.
    pub url: Option<Url>,
    /// Where bytes may be sent by PUT; nothing = the way up is not tested.
    pub upload: Option<Url>,
    /// When a test is made by itself, once in it; nothing = on demand only.
    pub nightly: Option<TimeWindow>,
    /// Most bytes that one test moves each way.
    pub bytes: ByteSize,
    /// Longest time that it takes each way.
    pub time: Period,
    /// Most bytes that tests move in a day.
    pub bytes_per_day: ByteSize,
    /// Most bytes that tests move in a month.
    pub bytes_per_month: ByteSize,
}

impl Default for Throughput {
    fn default() -> Self {
        Self {
            url: None,
            upload: None,
            nightly: None,
            bytes: ByteSize::mib(100),
            time: Period::seconds(15),
            bytes_per_day: ByteSize::mib(500),
            bytes_per_month: ByteSize::gib(8),
        }
    }
}
