//! What the rooms say of themselves.

use jiff::Timestamp;

use super::{Mirror, Reading, Rooms};
use crate::{
    dns::Resolver,
    filter::lists::Lists,
    mirror::{Progress, Transfer},
    net::tls::Certificates,
};

/// Characters of a title or a reason.
const MAX_CHARS: usize = 120;

/// Asks all of them. Blocking.
pub fn read(rooms: &Rooms, now: Timestamp) -> Reading {
    let current = rooms.store.packages();
    let certificate = rooms.certificates.as_ref().and_then(Certificates::current);
    Reading {
        at: now,
        certificate: certificate.map(|current| (current.begins, current.ends)),
        mirror: mirror(&rooms.mirror.borrow()),
        kept: (current.len(), current.iter().map(|package| package.size).sum()),
        scrubbed: rooms.store.scrubbed_at().ok().flatten(),
        damaged: rooms.store.set_aside().ok(),
        lists: rooms.filter.state().lists().and_then(Lists::date),
        proxy: rooms.gateway.counts(),
        names: rooms.names.as_ref().map(Resolver::counts),
    }
}

/// The mirror's progress, in short.
pub fn mirror(progress: &Progress) -> Mirror {
    let missing = |t: &Transfer| t.total.unwrap_or(0).saturating_sub(t.done);
    let coming = || progress.active.iter().chain(&progress.queued);
    let hardest = progress.failed.iter().max_by_key(|failure| failure.tries);
    Mirror {
        wanted: coming().count(),
        failed: progress.failed.len(),
        missing: coming().map(missing).sum(),
        moved: (
            progress.active.iter().map(|transfer| transfer.done).sum(),
            progress.finished.iter().map(|finished| finished.at).max(),
        ),
        hardest: hardest.map(|one| (one.tries, cut(&one.title), cut(&one.reason))),
        held_back: progress.held_back.as_deref().map(cut),
    }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect()
}
