//! A rate, and how far what was taken is ahead of it.

use std::time::{Duration, Instant};

/// A lane may be this far behind before anybody waits: what a link's own queue holds anyway.
const SLACK: Duration = Duration::from_millis(50);
/// A piece is what a lane carries in this time…
const PIECES_A_SECOND: u64 = 200;
/// …within these bounds, in bytes.
const SHORTEST_PIECE: u64 = 8 * 1024;
pub const LONGEST_PIECE: u64 = 256 * 1024;

/// Pure: moments are passed in.
#[derive(Debug)]
pub struct Lane {
    /// Bytes a second.
    rate: u64,
    /// When it has carried all that was taken.
    carried: Instant,
}

impl Lane {
    pub fn new(rate: u64, now: Instant) -> Self {
        Self { rate: rate.max(1), carried: now }
    }

    pub fn set_rate(&mut self, rate: u64) {
        self.rate = rate.max(1);
    }

    /// These bytes are taken.
    pub fn take(&mut self, bytes: u64, now: Instant) {
        self.carried = self.carried.max(now) + self.time_of(bytes);
    }

    /// What was taken was so many bytes more, or less, than was said before.
    pub fn correct(&mut self, more: u64, less: u64, now: Instant) {
        if more > 0 {
            self.take(more, now);
        }
        let earlier = self.carried.checked_sub(self.time_of(less));
        self.carried = earlier.unwrap_or(self.carried);
    }

    /// The moment from which on somebody may take more.
    pub fn opens(&self) -> Instant {
        self.carried.checked_sub(SLACK).unwrap_or(self.carried)
    }

    /// Bytes that are taken in one go: few on a slow lane, so that turns are short.
    pub fn piece(&self) -> u64 {
        (self.rate / PIECES_A_SECOND).clamp(SHORTEST_PIECE, LONGEST_PIECE)
    }

    #[allow(clippy::cast_precision_loss, reason = "a part of a body, and no rate is beyond 2^60")]
    fn time_of(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.rate as f64)
    }
}
