//! `[link]`: how the box tells whether the Internet is there.

use serde::{Deserialize, Serialize};

use super::Endpoint;

/// `[link]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// Places beyond the link that are asked by a bare TCP connection, once at the start, in doubt
    /// and during an outage; none = what devices try to reach decides alone.
    pub targets: Vec<Endpoint>,
}
