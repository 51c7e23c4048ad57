//! Does a link that carries do it badly? And which of the targets is silent by itself? Pure.
//!
//! Seconds are gathered into slots. A slot is bad when most of the targets lost much in it, two or more of
//! them, or took much longer than they use to. Not so while the link is full: it is slow then, and loses, and
//! that is no fault of the operator's. A link is degraded after [`BAD`] bad slots in a row, and well
//! again after [`WELL`] good ones: one busy minute, a few bursts, or one lossy target, is no alarm.

use std::time::Duration;

/// Bad slots in a row that make a link degraded: two minutes.
pub const BAD: u32 = 6;
/// Good slots in a row that make it well.
pub const WELL: u32 = 6;
/// A slot, unless somebody wants it shorter.
pub const SLOT_SECONDS: u32 = 20;
/// Part of the probes of a target that are lost in a bad slot.
const LOSS: f64 = 0.08;
/// A handshake that took so long lost its first packet (RFC 6298 §2: it is sent again after a second), and
/// an echo that did is as good as lost.
const SENT_AGAIN: Duration = Duration::from_secs(1);
/// How much longer than usual is slow: so many times, and by so much.
const SLOWER: f64 = 3.0;
const SLOWER_BY: f64 = 0.08;
/// What is usual is the best that was seen, which is forgotten by this part each slot: a longer way
/// becomes usual within about a day.
const FORGOTTEN: f64 = 0.0002;
/// A target that was silent for so many seconds, while others answered, is silent.
pub const TARGET_SILENT_SECONDS: u32 = 180;
/// It is back after so many answers.
const TARGET_BACK_ANSWERS: u32 = 20;
/// Round trips of one target kept in a slot.
const MAX_TIMES: usize = 256;

/// What made a slot bad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Badness {
    /// Part of the probes that were lost, in the middle of the targets.
    pub loss: f64,
    /// Seconds of a round trip, in the middle of the targets.
    pub latency: f64,
    /// What is usual.
    pub usual: f64,
    /// Was it loss?
    pub by_loss: bool,
}

/// What a slot was.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Slot {
    /// Nobody answered: an outage, of which this is not to judge.
    Silent,
    Good,
    Bad(Badness),
}

#[derive(Debug, Clone, Default)]
struct Target {
    sent: u32,
    lost: u32,
    times: Vec<f32>,
    /// Seconds since its last answer while others answered.
    silent: u32,
    answers: u32,
    is_silent: bool,
}

/// The machine of one link.
#[derive(Debug, Clone)]
pub struct Quality {
    slot_seconds: u32,
    targets: Vec<Target>,
    seconds: u32,
    busy_seconds: u32,
    usual: Option<f64>,
    /// Slots in a row.
    bad: u32,
    well: u32,
    degraded: bool,
    last_bad: Option<Badness>,
}

impl Quality {
    /// Of a link with so many targets beyond it, with slots of so many seconds.
    pub fn new(targets: usize, slot_seconds: u32) -> Self {
        Self {
            slot_seconds: slot_seconds.max(1),
            targets: vec![Target::default(); targets],
            seconds: 0,
            busy_seconds: 0,
            usual: None,
            bad: 0,
            well: 0,
            degraded: false,
            last_bad: None,
        }
    }

    /// Does it carry badly?
    pub fn is_degraded(&self) -> bool {
        self.degraded
    }

    /// The last bad slot.
    pub fn last_bad(&self) -> Option<Badness> {
        self.last_bad
    }

    /// Does this target not answer, while others do?
    pub fn is_silent(&self, target: usize) -> bool {
        self.targets.get(target).is_some_and(|one| one.is_silent)
    }

    /// A probe of a target came back, or did not.
    pub fn probe(&mut self, target: usize, took: Option<Duration>) {
        let Some(target) = self.targets.get_mut(target) else { return };
        target.sent = target.sent.saturating_add(1);
        match took {
            Some(took) => {
                target.lost = target.lost.saturating_add(u32::from(took >= SENT_AGAIN));
                target.answers = target.answers.saturating_add(1);
                target.silent = 0;
                if target.times.len() < MAX_TIMES {
                    target.times.push(took.as_secs_f32());
                }
            }
            None => {
                target.lost = target.lost.saturating_add(1);
            }
        }
    }

    /// A second is over, in which something answered or not, and the link was full or not.
    pub fn second(&mut self, answered: bool, busy: bool) {
        if answered {
            for target in &mut self.targets {
                target.silent = target.silent.saturating_add(1);
                if target.silent >= TARGET_SILENT_SECONDS {
                    (target.is_silent, target.answers) = (true, 0);
                } else if target.answers >= TARGET_BACK_ANSWERS {
                    target.is_silent = false;
                }
            }
        }
        self.seconds += 1;
        self.busy_seconds += u32::from(busy);
        if self.seconds >= self.slot_seconds {
            self.close_slot();
        }
    }

    fn close_slot(&mut self) {
        let busy = 2 * self.busy_seconds >= self.seconds;
        let slot = self.slot(busy);
        if slot != Slot::Silent {
            let is_bad = matches!(slot, Slot::Bad(_));
            self.bad = if is_bad { self.bad.saturating_add(1) } else { 0 };
            self.well = if is_bad { 0 } else { self.well.saturating_add(1) };
            if let Slot::Bad(bad) = slot {
                self.last_bad = Some(bad);
            }
            if self.bad >= BAD {
                self.degraded = true;
            } else if self.well >= WELL {
                self.degraded = false;
            }
        }
        (self.seconds, self.busy_seconds) = (0, 0);
        for target in &mut self.targets {
            (target.sent, target.lost) = (0, 0);
            target.times.clear();
        }
    }

    fn slot(&mut self, busy: bool) -> Slot {
        let alive: Vec<&Target> = self.targets.iter().filter(|one| !one.times.is_empty()).collect();
        let share = |one: &Target| f64::from(one.lost) / f64::from(one.sent.max(1));
        let lossy = alive.iter().filter(|one| share(one) >= LOSS);
        let lossy = lossy.count();
        let loss = middle(alive.iter().map(|one| share(one)).collect());
        let times = |one: &&Target| middle(one.times.iter().copied().map(f64::from).collect());
        let latency = middle(alive.iter().filter_map(times).collect());
        let (Some(loss), Some(latency)) = (loss, latency) else { return Slot::Silent };
        let least = if self.targets.len() > 1 { 2 } else { 1 };
        let by_loss = !busy && lossy >= least && 2 * lossy > alive.len();
        let usual = self.usual.unwrap_or(latency);
        let slow = !busy && latency > (usual * SLOWER).max(usual + SLOWER_BY);
        self.usual = Some(latency.min(usual * (1.0 + FORGOTTEN)));
        if by_loss || slow {
            Slot::Bad(Badness { loss, latency, usual, by_loss })
        } else {
            Slot::Good
        }
    }
}

/// The one in the middle.
fn middle(mut values: Vec<f64>) -> Option<f64> {
    let at = values.len() / 2;
    if at >= values.len() {
        return None;
    }
    let (_, middle, _) = values.select_nth_unstable_by(at, f64::total_cmp);
    Some(*middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_millis(10);

    /// So many slots in which each target, asked twice a second, loses every n-th probe.
    fn live(quality: &mut Quality, slots: u32, every: &[u32], took: Duration, busy: bool) {
        for second in 0..slots * SLOT_SECONDS {
            for (target, every) in every.iter().enumerate() {
                for probe in [2 * second, 2 * second + 1] {
                    let lost = *every > 0 && probe.is_multiple_of(*every);
                    quality.probe(target, (!lost).then_some(took));
                }
            }
            quality.second(every.iter().any(|every| *every != 1), busy);
        }
    }

    #[test]
    fn a_link_that_loses_a_tenth_is_degraded_within_two_minutes_and_well_two_minutes_later() {
        let mut quality = Quality::new(3, SLOT_SECONDS);
        live(&mut quality, 10, &[0, 0, 0], USUAL, false);
        live(&mut quality, 5, &[10, 10, 10], USUAL, false);
        assert!(!quality.is_degraded());
        live(&mut quality, 1, &[10, 10, 10], USUAL, false);
        assert!(quality.is_degraded());
        let bad = quality.last_bad().unwrap();
        assert!(bad.by_loss && (bad.loss - 0.1).abs() < 1e-9, "{bad:?}");
        live(&mut quality, 5, &[0, 0, 0], USUAL, false);
        assert!(quality.is_degraded());
        live(&mut quality, 1, &[0, 0, 0], USUAL, false);
        assert!(!quality.is_degraded());
    }

    #[test]
    fn one_lossy_target_is_no_alarm_however_long() {
        let mut quality = Quality::new(3, SLOT_SECONDS);
        live(&mut quality, 1000, &[3, 0, 0], USUAL, false);
        assert!(!quality.is_degraded());
        let mut two = Quality::new(2, SLOT_SECONDS);
        live(&mut two, 1000, &[3, 0], USUAL, false);
        assert!(!two.is_degraded());
    }

    #[test]
    fn one_busy_minute_is_no_alarm_nor_is_a_full_evening() {
        let mut quality = Quality::new(3, SLOT_SECONDS);
        live(&mut quality, 10, &[0, 0, 0], USUAL, false);
        live(&mut quality, 3, &[5, 5, 5], USUAL * 40, false);
        live(&mut quality, 3, &[0, 0, 0], USUAL, false);
        assert!(!quality.is_degraded());
        live(&mut quality, 540, &[8, 8, 8], USUAL * 40, true);
        assert!(!quality.is_degraded());
    }

    #[test]
    fn a_link_that_is_slow_without_being_full_is_degraded() {
        let mut quality = Quality::new(3, SLOT_SECONDS);
        live(&mut quality, 10, &[0, 0, 0], USUAL, false);
        live(&mut quality, 6, &[0, 0, 0], USUAL * 12, false);
        assert!(quality.is_degraded());
        let bad = quality.last_bad().unwrap();
        assert!(!bad.by_loss && (bad.latency - 0.12).abs() < 1e-3, "{bad:?}");
    }

    #[test]
    fn a_target_is_silent_only_while_others_answer() {
        let mut quality = Quality::new(2, SLOT_SECONDS);
        live(&mut quality, 8, &[1, 0], USUAL, false);
        assert!(!quality.is_silent(0));
        live(&mut quality, 1, &[1, 0], USUAL, false);
        assert!(quality.is_silent(0) && !quality.is_silent(1) && !quality.is_degraded());
        live(&mut quality, 1, &[0, 0], USUAL, false);
        assert!(!quality.is_silent(0));
        let mut cut = Quality::new(2, SLOT_SECONDS);
        live(&mut cut, 100, &[1, 1], USUAL, false);
        assert!(!cut.is_silent(0) && !cut.is_silent(1) && !cut.is_degraded());
    }
}
