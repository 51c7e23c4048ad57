//! What the task shows of itself.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Work,
    active::{self, Active},
};
use crate::mirror::Progress;

/// Queued packages shown.
const MAX_SHOWN: usize = 1000;

impl Work<'_> {
    /// Why nothing moves, although something waits.
    fn held_back(&self, now: Timestamp) -> Option<String> {
        if !self.active.is_empty() || self.queue.is_empty() {
            return None;
        }
        let schedule = &self.settings.schedule;
        if !schedule.at(now).open && self.window_ignored.is_none() {
            let until = schedule.opens_at(now).map(|moment| schedule.say(moment, now));
            return Some(match until {
                Some(moment) => format!("outside the window until {moment}"),
                None => "outside the window".to_owned(),
            });
        }
        if !self.gate.is_open() {
            return Some(match self.gate.opens_at() {
                Some(at) => {
                    format!("the link is back; others go first until {}", schedule.say(at, now))
                }
                None => "the link to the Internet is down".to_owned(),
            });
        }
        if let Some(reason) = self.hold.reason(now) {
            return Some(reason.to_owned());
        }
        self.rests.next(now).map(|(origin, until)| {
            format!("{origin} cannot be reached, tried again at {}", schedule.say(until, now))
        })
    }

    /// Publishes where it is, if that changed.
    pub(super) fn say(&mut self, now: Timestamp) {
        let waiting = self.queue.iter().filter(|wanted| {
            !self.active.contains_key(&wanted.key) && self.failures.again_at(&wanted.key).is_none()
        });
        let queued = waiting
            .take(MAX_SHOWN)
            .map(|wanted| active::waiting(wanted, self.partial.get(&wanted.key).copied()))
            .collect();
        let progress = Progress {
            active: self.active.values_mut().map(Active::shown).collect(),
            queued,
            failed: self.failures.list(),
            held_back: self.held_back(now),
            finished: self.finished.iter().cloned().collect(),
        };
        self.mirror.progress.send_if_modified(|said| {
            let changed = **said != progress;
            if changed {
                *said = Arc::new(progress);
            }
            changed
        });
        self.mirror.heard.send_replace(self.heard);
    }
}
