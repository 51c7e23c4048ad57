//! A journal on a machine whose clocks are the test's.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use preau::journal::{Clock, Identity, Journal, Options, Reading, Record, Refused, new_identity};

use super::{YEAR, all, at};

/// 183 days.
pub const HALF_A_YEAR: SignedDuration = SignedDuration::from_hours(183 * 24);
/// The service that sets the clock asks so often.
const SYNCHRONISED_EVERY: SignedDuration = SignedDuration::from_mins(30);

pub struct Machine {
    _folder: tempfile::TempDir,
    options: Options,
    identity: Identity,
    reading: Arc<Mutex<Reading>>,
    began: Timestamp,
    pub journal: Journal,
}

fn long(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap()
}

impl Machine {
    /// Synchronised, with the terms of the law.
    pub fn start(now: &str) -> Self {
        Self::start_with(now, YEAR, HALF_A_YEAR)
    }

    pub fn start_with(now: &str, term: SignedDuration, refusals: SignedDuration) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), None, now, (term, refusals), 1 << 30)
    }

    /// In a folder of its own, or in another, with so many bytes at most.
    pub fn start_in(
        folder: tempfile::TempDir,
        other: Option<PathBuf>,
        now: &str,
        (term, refusals): (SignedDuration, SignedDuration),
        most: u64,
    ) -> Self {
        let (public, private) = new_identity();
        let began = at(now);
        let reading = Reading { steady: Duration::ZERO, now: began, synchronised: Some(began) };
        let reading = Arc::new(Mutex::new(reading));
        let read = reading.clone();
        let options = Options {
            folder: other.unwrap_or_else(|| folder.path().to_owned()),
            recipient: public.parse().unwrap(),
            term: long(term),
            refusals_term: long(refusals),
            most,
            clock: Clock::new(move || *read.lock().unwrap()),
            zone: TimeZone::UTC,
        };
        let journal = Journal::open(options.clone()).unwrap();
        let (identity, folder) = (private.parse().unwrap(), folder);
        let machine = Self { _folder: folder, options, identity, reading, began, journal };
        machine.pass(SignedDuration::from_secs(1));
        machine
    }

    /// By the clock that may be wrong.
    pub fn now(&self) -> Timestamp {
        self.reading.lock().unwrap().now
    }

    /// Really, since the start.
    pub fn passed(&self) -> SignedDuration {
        SignedDuration::try_from(self.reading.lock().unwrap().steady).unwrap()
    }

    /// Is the clock right, and known to be?
    pub fn is_sure(&self) -> bool {
        self.began + self.passed() == self.now() && !self.journal.status().doubt
    }

    /// Time passes, the service that sets the clock sees to it, and the journal writes.
    pub fn pass(&self, by: SignedDuration) {
        let mut left = by;
        while left > SignedDuration::ZERO {
            let some = left.min(SYNCHRONISED_EVERY);
            left -= some;
            let mut reading = self.reading.lock().unwrap();
            reading.steady += long(some);
            reading.now = self.began + SignedDuration::try_from(reading.steady).unwrap();
            reading.synchronised = Some(reading.now);
            drop(reading);
            if left == SignedDuration::ZERO || by <= SignedDuration::from_hours(48) {
                self.journal.write();
            }
        }
    }

    pub fn pass_until(&self, moment: Timestamp) {
        self.pass(moment.duration_since(self.now()));
    }

    /// Time passes, and the service is silent.
    pub fn pass_unsynchronised(&self, by: SignedDuration) {
        let mut reading = self.reading.lock().unwrap();
        reading.steady += long(by);
        reading.now += by;
        drop(reading);
        self.journal.write();
    }

    /// Somebody sets the clock.
    pub fn leap(&self, by: SignedDuration) {
        self.reading.lock().unwrap().now += by;
    }

    /// The daemon ends as a kill ends it.
    pub fn stop(&self) {
        self.journal.write();
    }

    pub fn start_again(&mut self) {
        self.journal = Journal::open(self.options.clone()).unwrap();
    }

    /// Numbers of the connections that are kept; their chain holds.
    pub fn kept(&self) -> BTreeSet<u64> {
        self.rows().into_iter().map(|row| row.up).collect()
    }

    pub fn rows(&self) -> Vec<Record> {
        self.read("connections")
    }

    pub fn refused(&self) -> Vec<Refused> {
        self.read("refusals")
    }

    fn read<R: preau::journal::Row>(&self, log: &str) -> Vec<R> {
        let now = self.began + self.passed();
        let (rows, report) = all(&self.options.folder.join(log), &self.identity, now);
        assert_eq!(report.findings, [], "{log}");
        rows
    }

    /// The same, and how many the box says it lost.
    pub fn lost(&self) -> u64 {
        let now = self.began + self.passed();
        let log = self.options.folder.join("connections");
        all::<Record>(&log, &self.identity, now).1.lost
    }
}
