//! The one place where a verdict is asked for. What decides is given by the daemon.

use std::{fmt, net::IpAddr, sync::Arc};

use jiff::Timestamp;

use super::wire::Ede;
use crate::filter::host::Host;

/// What was decided of a name, and for how long it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruling {
    /// Why it is not told; nothing = it is.
    pub denied: Option<Denial>,
    /// The moment at which it could be otherwise.
    pub until: Option<Timestamp>,
    /// Whose addresses are told in the place of its own: the safe host of a search engine.
    pub instead: Option<Arc<Host>>,
    /// Is who asks filtered at all? Then names must not be hidden from the gateway (`ech`).
    pub filtered: bool,
}

/// Why a name is not told, in words of the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial {
    /// The rule; nothing: the profile lets through only what its rules name.
    pub rule: Option<String>,
    /// The category that lists it.
    pub category: Option<String>,
}

impl Denial {
    /// As an Extended DNS Error (RFC 8914 §4.16, §4.18).
    pub fn reason(&self) -> Ede {
        let words = match (&self.rule, &self.category) {
            (Some(rule), Some(category)) => format!("{rule} ({category})"),
            (Some(rule), None) => rule.clone(),
            (None, _) => String::new(),
        };
        Ede::new(if self.rule.is_some() { Ede::BLOCKED } else { Ede::FILTERED }, &words)
    }
}

type Decide = dyn Fn(IpAddr, &Host, Timestamp) -> Ruling + Send + Sync;

/// Decides. Cheap to clone.
#[derive(Clone)]
pub struct Judge(Arc<Decide>);

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

impl Judge {
    /// By this function: the device that asks, the name, and now.
    pub fn new(
        decide: impl Fn(IpAddr, &Host, Timestamp) -> Ruling + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(decide))
    }

    /// Tells everything: a box without a policy.
    pub fn lenient() -> Self {
        Self::new(|_, _, _| Ruling::default())
    }

    /// May who asks be told?
    pub fn judge(&self, who: IpAddr, host: &Host, now: Timestamp) -> Ruling {
        (self.0)(who, host, now)
    }
}
