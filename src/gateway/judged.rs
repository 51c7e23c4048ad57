//! The one place where a verdict is asked for. What decides is given by the daemon.

use std::{fmt, net::IpAddr, sync::Arc};

use jiff::Timestamp;
use tokio::sync::watch;

use super::asked::Asked;
use crate::{
    access::Role,
    filter::{Ceiling, host::Host},
};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    /// The device's address; IPv4 through an IPv6 socket is given as IPv4.
    pub address: IpAddr,
}

/// What was decided, and for how long it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruling {
    /// Why not; nothing = it may go through.
    pub denied: Option<Denial>,
    /// The moment at which it could be otherwise: then it is asked again.
    pub until: Option<Timestamp>,
    /// Whose addresses are dialled in the place of its own: the safe host of a search engine. The
    /// origin is shown the name that the device asked for.
    pub instead: Option<Arc<Host>>,
    /// What who asks may take of the link, together with all who are judged alike.
    pub ceiling: Option<Arc<Ceiling>>,
    /// By whose rules.
    pub profile: Option<Arc<str>>,
    /// The session of whoever is signed in at the device, by a name that gives no right.
    pub session: Option<Arc<str>>,
}

impl Ruling {
    /// Where a place that was asked for is dialled.
    pub fn place(&self, asked: &Asked) -> Asked {
        let host = self.instead.as_deref().unwrap_or(&asked.host);
        Asked { host: *host, port: asked.port }
    }
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
    /// What the person who signed in on the device is, when somebody did.
    pub role: Option<Role>,
}

type Decide = dyn Fn(&Who, &Asked, Option<&str>, Timestamp) -> Ruling + Send + Sync;

type Hear = dyn Fn(IpAddr) -> watch::Receiver<()> + Send + Sync;

/// Decides. Cheap to clone.
#[derive(Clone)]
pub struct Judge {
    decide: Arc<Decide>,
    hear: Option<Arc<Hear>>,
}

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
        Self { decide: Arc::new(decide), hear: None }
    }

    /// The same, whose open tunnels are judged anew at once when what this gives for their device
    /// changes.
    #[must_use]
    pub fn hearing(
        self,
        hear: impl Fn(IpAddr) -> watch::Receiver<()> + Send + Sync + 'static,
    ) -> Self {
        Self { hear: Some(Arc::new(hear)), ..self }
    }

    /// Lets everything through: a box without a policy.
    pub fn lenient() -> Self {
        Self::new(|_, _, _, _| Ruling::default())
    }

    /// May it go through?
    pub fn judge(&self, who: &Who, asked: &Asked, path: Option<&str>, now: Timestamp) -> Ruling {
        (self.decide)(who, asked, path, now)
    }

    /// What is heard of changes at this device.
    pub fn changes(&self, device: IpAddr) -> Changes {
        Changes(self.hear.as_ref().map(|hear| hear(device)))
    }
}

/// News of one device.
#[derive(Debug)]
pub struct Changes(Option<watch::Receiver<()>>);

impl Changes {
    /// Ends at the next change since the last that ended it, or since this was made; never where
    /// nobody tells.
    pub async fn next(&mut self) {
        if let Some(heard) = &mut self.0
            && heard.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}
