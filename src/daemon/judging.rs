//! One verdict for whoever asks, the gateway or the resolver: of a device by its address, the
//! interface that leads there, and whoever is signed in at it.

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;

use crate::{
    access::{Access, Here},
    filter::{Filter, Judged, Who, host::Host, safe_search::Engines, target::Target},
    net::around::Around,
};

/// What a verdict is made of. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Judging {
    pub(super) filter: Filter,
    pub(super) access: Access,
    pub(super) around: Around,
    pub(super) engines: Arc<Engines>,
}

/// A verdict, and what it was made of.
pub(super) struct Opinion {
    pub(super) judged: Judged,
    /// Who is signed in at the device.
    pub(super) here: Option<Here>,
    /// The first moment at which it could be otherwise: by the policy, or because nobody is there
    /// any more.
    pub(super) until: Option<Timestamp>,
    /// The safe host whose addresses answer for this search engine.
    pub(super) instead: Option<Arc<Host>>,
}

impl Judging {
    /// Neither locks nor, for what may go through, allocates.
    pub(super) fn judge(&self, device: IpAddr, target: &Target<'_>, now: Timestamp) -> Opinion {
        let (seen, here) = (self.around.seen(), self.access.role_at(device, now));
        let role = here.as_ref().map(|here| here.role);
        let who = Who { address: device, interface: seen.interface(device), role };
        let judged = self.filter.judge(&who, target, now);
        let ends = here.as_ref().map(|here| here.until);
        let until = judged.until.into_iter().chain(ends).min();
        let instead = self.engines.instead(target.host, target.path, judged.safe_search).cloned();
        Opinion { judged, here, until, instead }
    }
}
