//! The clock: is it synchronised, and how far is it off, as whoever sets it says?
//!
//! `adjtimex(2)` is barred to the daemon (see `journal::clock`): `preau-clock.timer` writes down what
//! chrony or systemd-timesyncd say of it.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::files;
use crate::journal::{Clock, Look, Watch};

/// Where `preau-clock.service` writes it.
pub const OFFSET: &str = "/run/preau-clock/offset";
/// What was written longer ago says nothing of now.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(20);
/// No clock is off by more and called synchronised.
const MOST_SECONDS: f64 = 1e9;

/// How the clock is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClockState {
    /// Is it synchronised?
    pub synchronised: bool,
    /// Seconds by which it was set since the last look.
    pub step: f64,
    /// Seconds by which it is ahead of its source, if that is known.
    pub offset: Option<f64>,
}

/// How it is, by these. Blocking.
pub fn state(clock: &Clock, watch: &mut Watch, offset: &Path) -> ClockState {
    let reading = clock.read();
    let Look { doubt, step, .. } = watch.look(reading);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a clock's step")]
    let step = step as f64 / 1000.0;
    ClockState { synchronised: !doubt, step, offset: written(offset, reading.now) }
}

fn written(path: &Path, now: Timestamp) -> Option<f64> {
    let at = Timestamp::try_from(std::fs::metadata(path).ok()?.modified().ok()?).ok()?;
    if now.duration_since(at).abs() > GOOD_FOR {
        return None;
    }
    let seconds = offset(&files::text(path)?)?;
    (seconds.is_finite() && seconds.abs() < MOST_SECONDS).then_some(seconds)
}

/// Of what `chronyc -c tracking` or `timedatectl timesync-status` print. Both say by how much the clock
/// is behind.
pub(super) fn offset(text: &str) -> Option<f64> {
    let chrony = || text.lines().find(|line| line.matches(',').count() >= 10);
    let timesyncd = || text.lines().find_map(|line| line.trim().strip_prefix("Offset:"));
    let behind: f64 = match timesyncd() {
        Some(span) => seconds(span.trim())?,
        // Reference, its name, stratum, time, and by how much the system's clock is slow.
        None => chrony()?.split(',').nth(4)?.trim().parse().ok()?,
    };
    Some(-behind)
}

/// A time span as systemd.time(7) prints it: `+1min 2.5s`, `-37us`.
fn seconds(span: &str) -> Option<f64> {
    let (sign, rest) = match span.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, span.strip_prefix('+').unwrap_or(span)),
    };
    let mut all = 0.0;
    for part in rest.split_ascii_whitespace() {
        let (number, unit) = part.split_at(part.find(|c: char| c.is_ascii_alphabetic())?);
        let unit = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        all += number.parse::<f64>().ok()? * unit;
    }
    (!rest.is_empty()).then_some(sign * all)
}
