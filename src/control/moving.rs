//! The mirror's progress, in words short enough for a line.

use serde::{Deserialize, Serialize};

use super::protocol::{MAX_LISTED, clip};
use crate::mirror::{Failure, Finished, Progress, Transfer};

/// The mirror's progress, short enough for a line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moving {
    /// Transfers under way.
    pub active: Vec<Transfer>,
    /// Packages waiting.
    pub queued: usize,
    /// Bytes they still need, as far as sizes are known.
    pub queued_bytes: u64,
    /// Packages on the retry list.
    pub failed: usize,
    /// The first of them.
    pub failures: Vec<Failure>,
    /// Why nothing moves although something waits.
    pub held_back: Option<String>,
    /// The last packages that came, latest first.
    pub finished: Vec<Finished>,
}

impl From<&Progress> for Moving {
    fn from(progress: &Progress) -> Self {
        let missing = |t: &Transfer| t.total.unwrap_or(0).saturating_sub(t.done);
        let mut moving = Self {
            active: progress.active.iter().take(MAX_LISTED).cloned().collect(),
            queued: progress.queued.len(),
            queued_bytes: progress.queued.iter().map(missing).sum(),
            failed: progress.failed.len(),
            failures: progress.failed.iter().take(MAX_LISTED).cloned().collect(),
            held_back: progress.held_back.as_deref().map(clip),
            finished: progress.finished.iter().take(MAX_LISTED).cloned().collect(),
        };
        for transfer in &mut moving.active {
            transfer.title = clip(&transfer.title);
        }
        for failure in &mut moving.failures {
            failure.title = clip(&failure.title);
            failure.reason = clip(&failure.reason);
        }
        for finished in &mut moving.finished {
            finished.title = clip(&finished.title);
        }
        moving
    }
}

impl Moving {
    /// Has the mirror come to rest: nothing moves, and nothing waits that could?
    pub fn is_at_rest(&self) -> bool {
        self.active.is_empty() && (self.queued == 0 || self.held_back.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_at_rest_when_nothing_can_move() {
        let mut moving = Moving { queued: 1, ..Moving::default() };
        assert!(!moving.is_at_rest());
        moving.held_back = Some("outside the window".into());
        assert!(moving.is_at_rest());
    }
}
