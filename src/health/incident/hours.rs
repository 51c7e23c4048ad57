//! When the box was on: what was not watched is not known. Pure but for its document.

use jiff::{SignedDuration, Timestamp};

use super::{
    book::KEPT_FOR,
    spans::{Span, Spans},
};

/// The box writes down that it is on this often; a power cut costs as much.
pub const BEAT: SignedDuration = SignedDuration::from_secs(60);
/// Without a beat for so long it was off, or its clock jumped.
const OFF_AFTER: SignedDuration = SignedDuration::from_secs(150);
/// Times that it was switched on, kept.
const MAX_RUNS: usize = 5_000;

/// When the box was on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours {
    runs: Vec<Span>,
    /// Since the start of this run nobody has said that it is on.
    fresh: bool,
}

impl Hours {
    /// As they were written down, before this start.
    pub fn read(bytes: Option<&[u8]>) -> Self {
        let runs = bytes.and_then(|bytes| serde_json::from_slice::<Vec<Span>>(bytes).ok());
        let mut runs = runs.unwrap_or_default();
        runs.retain(|run| run.from <= run.to);
        runs.truncate(MAX_RUNS);
        Self { runs, fresh: true }
    }

    /// To be written down.
    pub fn document(&self) -> Vec<u8> {
        // Text keys only: this cannot fail.
        serde_json::to_vec(&self.runs).unwrap_or_default()
    }

    /// It is on now.
    pub fn beat(&mut self, now: Timestamp) {
        let fresh = std::mem::take(&mut self.fresh);
        match self.runs.last_mut() {
            // A clock that goes back, a little, says nothing new.
            Some(run) if !fresh && run.from <= now && now.duration_since(run.to) < OFF_AFTER => {
                run.to = run.to.max(now);
            }
            _ => self.runs.push(Span { from: now, to: now }),
        }
        self.runs.retain(|run| now.duration_since(run.to) <= KEPT_FOR);
        let more = self.runs.len().saturating_sub(MAX_RUNS);
        self.runs.drain(..more);
    }

    /// The time in which it was on, as far as was written down.
    pub fn spans(&self) -> Spans {
        Spans::of(self.runs.iter().copied())
    }

    /// The same with what has passed since, of a box that is on now.
    pub fn spans_until(&self, now: Timestamp) -> Spans {
        let mut on = self.clone();
        // Who has not said so in this run yet has not watched either.
        if !on.fresh {
            on.beat(now);
        }
        on.spans()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(at: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + at).unwrap()
    }

    #[test]
    fn the_time_between_the_last_beat_and_the_next_start_is_not_known() {
        let mut hours = Hours::read(None);
        (0..=10).for_each(|minute| hours.beat(second(minute * 60)));
        let mut again = Hours::read(Some(&hours.document()));
        again.beat(second(620));
        again.beat(second(680));
        assert_eq!(again.spans().length(), SignedDuration::from_secs(660));
        assert_eq!(again.spans().iter().count(), 2);
        let off = Hours::read(Some(b"garbage"));
        assert_eq!(off.spans(), Spans::default());
    }

    #[test]
    fn what_has_passed_since_the_last_beat_counts_while_the_box_is_on() {
        let mut hours = Hours::read(None);
        assert_eq!(hours.spans_until(second(30)), Spans::default());
        hours.beat(second(0));
        assert_eq!(hours.spans_until(second(30)).length(), SignedDuration::from_secs(30));
        let again = Hours::read(Some(&hours.document()));
        assert_eq!(again.spans_until(second(30)).length(), SignedDuration::ZERO);
    }

    #[test]
    fn a_clock_that_jumps_is_not_a_time_that_was_watched() {
        let mut hours = Hours::read(None);
        for at in [0, 60, 86_400, 86_460, 30, 90] {
            hours.beat(second(at));
        }
        assert_eq!(hours.spans().length(), SignedDuration::from_secs(60 + 60 + 30));
    }

    #[test]
    fn runs_are_bounded() {
        let mut hours = Hours::read(None);
        for at in 0..i64::try_from(MAX_RUNS).unwrap() + 50 {
            hours.beat(second(at * 200));
        }
        assert_eq!(hours.runs.len(), MAX_RUNS);
        hours.beat(second(500 * 86_400));
        assert_eq!(hours.runs.len(), 1, "what is older than the book");
    }
}
