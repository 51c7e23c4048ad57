//! How the journal is, and what a person should see to.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Of `journal.most`, in hundredths: a person should see to it while there is a fifth left.
const ALARM_HUNDREDTHS: u64 = 80;
/// Of `journal.most`, in hundredths: what the disk should have left, if the journal may grow so much.
const FREE_HUNDREDTHS: u64 = 5;
/// A clock that is in doubt for longer is no accident: what is due stays.
const DOUBT_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// How the journal is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Names of its two chains, which the region notes when they begin.
    pub fingerprints: Vec<String>,
    /// Records kept since the daemon started.
    pub kept: u64,
    /// Records lost since then: too many at once, or no room.
    pub lost: u64,
    /// Bytes on the disk, of `most`.
    pub bytes: u64,
    /// Bytes it may take.
    pub most: u64,
    /// Files.
    pub files: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
    /// Is the clock in doubt?
    pub doubt: bool,
    /// What a person should see to.
    pub trouble: Option<String>,
}

/// What an alarm is made of.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Bytes it may take.
    pub most: u64,
    /// Bytes that its disk has left.
    pub free: u64,
    /// Since when the clock has been in doubt.
    pub doubt: Duration,
}

impl Room {
    /// Nothing is removed before its term to make room: what comes is lost, and counted.
    pub fn is_full(&self) -> bool {
        self.bytes >= self.most
    }

    /// What a person should see to, well before it costs a record.
    pub fn alarms(&self) -> Vec<String> {
        let Self { bytes, most, free, doubt } = *self;
        let hundredth = most / 100;
        let mut alarms = Vec::new();
        if self.is_full() {
            alarms.push("journal.most is reached: nothing more is kept".to_owned());
        } else if bytes >= hundredth * ALARM_HUNDREDTHS {
            alarms.push("four fifths of journal.most are taken".to_owned());
        }
        let may_grow = most.saturating_sub(bytes);
        if free < may_grow.min(hundredth * FREE_HUNDREDTHS) {
            let [free, may_grow] = [free, may_grow].map(|bytes| bytes >> 20);
            alarms.push(format!(
                "its disk has {free} MiB left, of {may_grow} MiB that it may still take"
            ));
        }
        if doubt >= DOUBT_LIMIT {
            alarms.push(
                "the clock has not been synchronised for a day: what is due is not purged"
                    .to_owned(),
            );
        }
        alarms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_comes_a_fifth_before_the_bound_or_when_the_disk_has_less_than_that_needs() {
        const GIB: u64 = 1 << 30;
        let room = |bytes, free| Room { bytes, most: 64 * GIB, free, doubt: Duration::ZERO };
        let said = |room: Room| room.alarms().join("; ");
        assert_eq!(said(room(51 * GIB, 100 * GIB)), "");
        assert_eq!(said(room(52 * GIB, 100 * GIB)), "four fifths of journal.most are taken");
        assert!(!room(64 * GIB - 1, 0).is_full() && room(64 * GIB, 0).is_full());
        assert!(said(room(64 * GIB, GIB)).contains("nothing more is kept"));
        assert_eq!(said(room(10 * GIB, 4 * GIB)), "");
        assert!(said(room(10 * GIB, 3 * GIB)).contains("3072 MiB left"));
        assert_eq!(said(room(63 * GIB, 2 * GIB)), "four fifths of journal.most are taken");
        let old = Room { doubt: DOUBT_LIMIT, ..room(0, 100 * GIB) };
        assert!(said(old).contains("not purged"));
    }
}
