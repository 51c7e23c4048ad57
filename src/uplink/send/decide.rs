//! What next after this answer? Pure.
//!
//! - 2xx: taken.
//! - 429, 502 to 504, no answer: again, later and later, with jitter.
//! - 500 and what is like it: again; the fifth time as 400.
//! - 400: is it these samples, or does the receiver take nothing at all? One value of now tells: when it is
//!   taken, the batch is halved until what is refused stands alone, and that is dropped; when it is not,
//!   nothing is dropped, and it is tried again slowly.
//! - 413: halved.
//! - everything else (redirects, 401, 403, 404…): a person must change something; again, slowly.

use std::time::Duration;

use super::Pace;

/// Failures of the receiver's own in a row that are its fault; after them the batch is suspected.
const MAX_FAILURES: u32 = 5;
/// The longest wait that a receiver may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// What a receiver said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// All is taken.
    Taken,
    /// It does not know this version of the protocol.
    Older,
    /// These samples are bad.
    Refused,
    /// The request is too large.
    TooLarge,
    /// It failed.
    Failed,
    /// Not now; perhaps after so long.
    Busy(Option<Duration>),
    /// Nothing, or half of it.
    Unreachable,
    /// Not here, or not to this box.
    Barred,
}

/// What an answer's status and `Retry-After` (seconds) mean.
pub fn meaning(status: u16, retry_after: Option<u64>) -> Said {
    match status {
        200..=299 => Said::Taken,
        400 | 422 => Said::Refused,
        413 => Said::TooLarge,
        415 => Said::Older,
        408 | 425 | 429 | 502 | 503 | 504 => Said::Busy(retry_after.map(Duration::from_secs)),
        500..=599 => Said::Failed,
        _ => Said::Barred,
    }
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To take a batch.
    Batch,
    /// To take one value of now.
    Probe,
    /// To take a part of a batch that was refused, while other values are taken.
    Part,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Go on to what comes after.
    Taken,
    /// Ask the same again after so long.
    Again(Duration),
    /// The same by another version of the protocol, at once.
    Older,
    /// Ask whether one value of now is taken.
    Probe,
    /// Halve it, and ask for each half; drop what cannot be halved.
    Halve,
    /// Ask the same again after so long: it is wrong, and somebody must see to it.
    Hold(Duration),
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Course {
    /// Tries in a row that brought nothing.
    in_vain: u32,
    /// Failures of the receiver's own since something was taken.
    failures: u32,
}

impl Course {
    /// After this answer. `dice` is a random number from 0 to 1.
    pub fn next(&mut self, asked: Asked, said: Said, pace: &Pace, dice: f64) -> Next {
        match (asked, said) {
            (_, Said::Older) => Next::Older,
            (Asked::Probe, Said::Taken) => {
                *self = Self::default();
                Next::Halve
            }
            (_, Said::Taken) => {
                *self = Self::default();
                Next::Taken
            }
            (Asked::Batch | Asked::Part, Said::TooLarge)
            | (Asked::Part, Said::Refused | Said::Failed) => Next::Halve,
            (Asked::Batch, Said::Refused) => Next::Probe,
            (Asked::Batch, Said::Failed) => {
                self.failures += 1;
                if self.failures < MAX_FAILURES {
                    return self.again(None, pace, dice);
                }
                self.failures = 0;
                Next::Probe
            }
            (_, Said::Busy(asked)) => self.again(asked, pace, dice),
            (_, Said::Unreachable) => self.again(None, pace, dice),
            (Asked::Probe, Said::Refused | Said::TooLarge | Said::Failed) | (_, Said::Barred) => {
                self.failures = 0;
                Next::Hold(jittered(pace.hold, dice))
            }
        }
    }

    fn again(&mut self, asked: Option<Duration>, pace: &Pace, dice: f64) -> Next {
        let doubled = pace.first.saturating_mul(1 << self.in_vain.min(16)).min(pace.longest);
        self.in_vain = self.in_vain.saturating_add(1);
        let own = jittered(doubled, dice);
        // Those that are told the same moment do not come back at the same moment.
        let asked = asked.map(|asked| asked.min(LONGEST_ASKED).saturating_add(own));
        Next::Again(asked.unwrap_or(own))
    }
}

/// A half of it, and up to another.
fn jittered(longest: Duration, dice: f64) -> Duration {
    longest.mul_f64(0.5 + dice.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(300),
        hold: Duration::from_secs(600),
        head: Duration::from_secs(60),
        start: Duration::from_secs(60),
        clock: Duration::from_secs(5),
    };

    fn seconds(next: Next) -> f64 {
        let (Next::Again(after) | Next::Hold(after)) = next else { panic!("{next:?}") };
        after.as_secs_f64()
    }

    #[test]
    fn answers_mean_what_the_protocol_says() {
        for (status, said) in [
            (200, Said::Taken),
            (204, Said::Taken),
            (301, Said::Barred),
            (400, Said::Refused),
            (401, Said::Barred),
            (403, Said::Barred),
            (404, Said::Barred),
            (413, Said::TooLarge),
            (415, Said::Older),
            (500, Said::Failed),
            (502, Said::Busy(Some(Duration::from_secs(7)))),
            (501, Said::Failed),
        ] {
            assert_eq!(meaning(status, Some(7)), said, "{status}");
        }
        assert_eq!(meaning(429, None), Said::Busy(None));
    }

    #[test]
    fn one_that_is_away_is_asked_later_and_later_and_never_much_later() {
        let mut course = Course::default();
        let mut wait = |dice| seconds(course.next(Asked::Batch, Said::Unreachable, &PACE, dice));
        let waits: Vec<f64> = (0..11).map(|_| wait(1.0)).collect();
        assert_eq!(waits, [1., 2., 4., 8., 16., 32., 64., 128., 256., 300., 300.]);
        assert!((wait(0.0) - 150.0).abs() < 1e-6, "schools that wait together come back apart");
        course.next(Asked::Batch, Said::Taken, &PACE, 1.0);
        let after = course.next(Asked::Batch, Said::Busy(None), &PACE, 1.0);
        assert!((seconds(after) - 1.0).abs() < 1e-6, "an answer makes good");
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it_within_reason() {
        let mut course = Course::default();
        let busy = |seconds| Said::Busy(Some(Duration::from_secs(seconds)));
        assert!(seconds(course.next(Asked::Batch, busy(30), &PACE, 0.0)) >= 30.0);
        assert!(seconds(course.next(Asked::Batch, busy(u64::MAX), &PACE, 0.0)) <= 3601.0);
    }

    #[test]
    fn five_failures_are_the_receivers_and_then_the_batch_is_suspected() {
        let mut course = Course::default();
        for _ in 0..4 {
            let next = course.next(Asked::Batch, Said::Failed, &PACE, 0.5);
            assert!(matches!(next, Next::Again(_)), "{next:?}");
        }
        assert_eq!(course.next(Asked::Batch, Said::Failed, &PACE, 0.5), Next::Probe);
        assert_eq!(course.next(Asked::Probe, Said::Taken, &PACE, 0.5), Next::Halve);
        assert_eq!(course.next(Asked::Part, Said::Failed, &PACE, 0.5), Next::Halve);
    }

    #[test]
    fn what_takes_nothing_at_all_makes_nothing_lost() {
        for (batch, probe) in [
            (Said::Refused, Said::Refused),
            (Said::Refused, Said::Failed),
            (Said::Refused, Said::Barred),
        ] {
            let mut course = Course::default();
            assert_eq!(course.next(Asked::Batch, batch, &PACE, 0.5), Next::Probe);
            let next = course.next(Asked::Probe, probe, &PACE, 0.5);
            assert!(matches!(next, Next::Hold(_)), "{next:?}");
        }
    }

    #[test]
    fn a_wrong_address_or_certificate_is_asked_again_slowly() {
        for asked in [Asked::Batch, Asked::Probe, Asked::Part] {
            let next = Course::default().next(asked, Said::Barred, &PACE, 1.0);
            assert_eq!(next, Next::Hold(PACE.hold), "{asked:?}");
        }
    }

    #[test]
    fn one_that_goes_away_while_a_batch_is_halved_is_waited_for() {
        let next = Course::default().next(Asked::Part, Said::Unreachable, &PACE, 1.0);
        assert_eq!(next, Next::Again(PACE.first));
    }
}
