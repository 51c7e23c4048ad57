//! The one place where a verdict is asked for. What decides is given by the daemon.

use std::{fmt, net::IpAddr, sync::Arc};

use jiff::Timestamp;

use super::asked::Asked;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    /// The device's address; IPv4 through an IPv6 socket is given as IPv4.
    pub address: IpAddr,
}

/// What was decided, and for how long it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Why not; nothing = it may go through.
    pub denied: Option<Denial>,
    /// The moment at which it could be otherwise: then it is asked again.
    pub until: Option<Timestamp>,
}

/// Why something may not go through, in words of the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial {
    /// The category that denies it, by its name in the lists.
    pub category: Option<String>,
    /// The rule, as the policy names it.
    pub rule: String,
    /// Who was judged by it: `pupils`, `guests`…
    pub profile: Option<String>,
}

type Decide = dyn Fn(&Who, &Asked, Option<&str>, Timestamp) -> Ruling + Send + Sync;

/// Decides. Cheap to clone.
#[derive(Clone)]
pub struct Judge(Arc<Decide>);

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

impl Judge {
    /// By this function: who, where, the path and query where they are visible, and now.
    pub fn new(
        decide: impl Fn(&Who, &Asked, Option<&str>, Timestamp) -> Ruling + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(decide))
    }

    /// Lets everything through: a box without a policy.
    pub fn lenient() -> Self {
        Self::new(|_, _, _, _| Ruling { denied: None, until: None })
    }

    /// May it go through?
    pub fn judge(&self, who: &Who, asked: &Asked, path: Option<&str>, now: Timestamp) -> Ruling {
        (self.0)(who, asked, path, now)
    }
}
