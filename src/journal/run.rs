//! The journal at work: records come from any task without waiting, and are on the disk within a
//! second.

use std::{
    mem,
    net::IpAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{
    book::{Book, BookError, Settings},
    clock::Clock,
    pseudonym::Pseudonyms,
    purge::{purge, weigh},
    record::{Record, Refused, Verdict},
    seal::Recipient,
};

/// Records that wait for the disk. Past them, records are lost, and counted.
const MAX_WAITING: usize = 1 << 16;
/// They are written so often: a sync on a slow disk still ends within the second.
const EVERY: Duration = Duration::from_millis(400);
/// What is due is looked for, and the disk weighed, so often.
const TEND_EVERY: Duration = Duration::from_secs(60);
/// Of `journal.most`, in hundredths: a person should see to it while there is a fifth left.
const ALARM_HUNDREDTHS: u64 = 80;

/// What a journal is kept by.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its folder.
    pub folder: PathBuf,
    /// The region's public key.
    pub recipient: Recipient,
    /// How long connections are kept.
    pub term: Duration,
    /// How long refusals are.
    pub refusals_term: Duration,
    /// Bytes it may take on the disk.
    pub most: u64,
    /// See [`Clock`].
    pub synchronised: PathBuf,
    /// Where a month begins.
    pub zone: TimeZone,
}

/// The journal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: Options,
    waiting: Mutex<Waiting>,
    doubt: AtomicBool,
    /// Since the daemon started.
    lost: AtomicU64,
    kept: AtomicU64,
    /// The writer's own; nobody else waits for it.
    books: Mutex<Books>,
    status: Mutex<Status>,
}

#[derive(Debug, Default)]
struct Waiting {
    records: Vec<(Record, Option<Arc<str>>)>,
    lost: u64,
}

#[derive(Debug)]
struct Books {
    connections: Book<Record>,
    refusals: Book<Refused>,
    names: Pseudonyms,
    clock: Clock,
    /// Refusals that the disk refused once already.
    refused: Vec<Refused>,
    tended: Option<Instant>,
    full: bool,
}

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

impl Journal {
    /// Goes on with what is in the folder, or begins. Blocking.
    pub fn open(options: Options, now: Timestamp) -> Result<Self, BookError> {
        let settings = |term| Settings {
            recipient: options.recipient.clone(),
            term: SignedDuration::try_from(term).unwrap_or(SignedDuration::MAX),
        };
        let (connections, refusals) =
            (options.folder.join("connections"), options.folder.join("refusals"));
        let books = Books {
            connections: Book::open(&connections, settings(options.term), now)?,
            refusals: Book::open(&refusals, settings(options.refusals_term), now)?,
            names: Pseudonyms::open(&options.folder, options.zone.clone(), now)?,
            clock: Clock::new(options.synchronised.clone()),
            refused: Vec::new(),
            tended: None,
            full: false,
        };
        let journal = Self(Arc::new(Shared {
            options,
            waiting: Mutex::default(),
            doubt: AtomicBool::new(true),
            lost: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            books: Mutex::new(books),
            status: Mutex::default(),
        }));
        journal.write();
        Ok(journal)
    }

    /// Takes a record; never waits. One whose verdict is [`Verdict::Denied`] is a refusal too, of a
    /// `category` if it was denied by one.
    pub fn note(&self, mut record: Record, category: Option<Arc<str>>) {
        record.doubt = self.0.doubt.load(Relaxed);
        let mut waiting = lock(&self.0.waiting);
        if waiting.records.len() < MAX_WAITING {
            waiting.records.push((record, category));
        } else {
            waiting.lost += 1;
        }
    }

    /// How it is.
    pub fn status(&self) -> Status {
        let shared = &self.0;
        Status {
            kept: shared.kept.load(Relaxed),
            lost: shared.lost.load(Relaxed) + lock(&shared.waiting).lost,
            doubt: shared.doubt.load(Relaxed),
            ..lock(&shared.status).clone()
        }
    }

    /// Writes what comes, until cancelled; then what is left.
    pub async fn run(&self, token: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while token.run_until_cancelled(ticks.tick()).await.is_some() {
            let journal = self.clone();
            // A panic in there costs what it had taken; the next goes on.
            let _ = tokio::task::spawn_blocking(move || journal.write()).await;
        }
        let journal = self.clone();
        let _ = tokio::task::spawn_blocking(move || journal.end()).await;
    }

    /// Writes what waits, and ends the hours that are over. Blocking.
    pub fn write(&self) {
        let mut books = lock(&self.0.books);
        let look = books.clock.look();
        self.0.doubt.store(look.doubt, Relaxed);
        if look.step != 0 {
            tracing::warn!(milliseconds = look.step, "the clock was set; records say so");
        }
        let now = Timestamp::now();
        let taken = mem::take(&mut *lock(&self.0.waiting));
        let trouble = self.put(&mut books, taken, now).err().map(|error| error.to_string());
        if books.tended.is_none_or(|tended| tended.elapsed() >= TEND_EVERY) || trouble.is_some() {
            books.tended = Some(Instant::now());
            self.tend(&mut books, !look.doubt, now, trouble);
        }
    }

    fn put(&self, books: &mut Books, taken: Waiting, now: Timestamp) -> Result<(), BookError> {
        let Waiting { records, lost } = taken;
        if books.full {
            let lost = lost + records.len() as u64;
            self.put_back(Waiting { records: Vec::new(), lost });
            return Ok(());
        }
        books.names.renew(now)?;
        let refused: Vec<Refused> = records.iter().filter_map(|one| refusal(books, one)).collect();
        let rows: Vec<Record> = records.iter().map(|(record, _)| record.clone()).collect();
        if let Err(error) = books.connections.append(&rows, lost, now) {
            self.put_back(Waiting { records, lost });
            return Err(error);
        }
        self.0.kept.fetch_add(rows.len() as u64, Relaxed);
        self.0.lost.fetch_add(lost, Relaxed);
        books.refused.extend(refused);
        books.refused.truncate(MAX_WAITING);
        let due = mem::take(&mut books.refused);
        books.refusals.append(&due, 0, now).inspect_err(|_| books.refused = due)
    }

    /// What the disk did not take is tried again, as far as there is room.
    fn put_back(&self, mut taken: Waiting) {
        let mut waiting = lock(&self.0.waiting);
        taken.records.append(&mut waiting.records);
        let lost = taken.records.len().saturating_sub(MAX_WAITING);
        taken.records.truncate(MAX_WAITING);
        waiting.records = taken.records;
        waiting.lost += taken.lost + lost as u64;
    }

    /// Purges what is due, weighs the rest, and says what a person should see to.
    fn tend(&self, books: &mut Books, sure: bool, now: Timestamp, trouble: Option<String>) {
        let options = &self.0.options;
        let mut status = Status { most: options.most, trouble, ..Status::default() };
        status.fingerprints =
            vec![books.connections.fingerprint().into(), books.refusals.fingerprint().into()];
        let logs = [("connections", options.term), ("refusals", options.refusals_term)];
        for (log, term) in logs {
            let folder = options.folder.join(log);
            let term = SignedDuration::try_from(term).unwrap_or(SignedDuration::MAX);
            // By a clock in doubt nothing is old enough.
            match if sure { purge(&folder, term, now) } else { Ok(0) } {
                Ok(0) => {}
                Ok(files) => tracing::info!(log, files, "kept for their term, and purged"),
                Err(error) => status.trouble = Some(error.to_string()),
            }
            match weigh(&folder) {
                Ok((bytes, files, oldest)) => {
                    status.bytes += bytes;
                    status.files += files;
                    status.oldest = [status.oldest, oldest].into_iter().flatten().min();
                }
                Err(error) => status.trouble = Some(format!("{}: {error}", folder.display())),
            }
        }
        books.full = status.bytes >= options.most;
        if books.full {
            status.trouble = Some("journal.most is reached: nothing more is kept".to_owned());
        } else if status.bytes >= options.most / 100 * ALARM_HUNDREDTHS {
            status.trouble = Some("four fifths of journal.most are taken".to_owned());
        }
        let before = mem::replace(&mut *lock(&self.0.status), status.clone());
        if let Some(trouble) = status.trouble.filter(|now| before.trouble.as_ref() != Some(now)) {
            tracing::error!(%trouble, bytes = status.bytes, most = status.most, "journal");
        }
    }

    /// Writes what is left, and the hour as one file. Blocking.
    fn end(&self) {
        self.write();
        let mut books = lock(&self.0.books);
        let now = Timestamp::now();
        let ended = books.connections.close(now).and_then(|()| books.refusals.close(now));
        if let Err(error) = ended {
            tracing::error!(%error, "the journal's hour stays in pieces");
        }
    }
}

fn refusal(books: &Books, (record, category): &(Record, Option<Arc<str>>)) -> Option<Refused> {
    let address = || record.destination.map(|address: IpAddr| Arc::from(address.to_string()));
    (record.verdict == Verdict::Denied).then(|| Refused {
        at: record.at,
        pseudonym: books.names.of(record.device.ip()),
        profile: record.profile.clone(),
        category: category.clone(),
        domain: record.name.clone().or_else(address).unwrap_or_else(|| Arc::from("")),
        doubt: record.doubt,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
