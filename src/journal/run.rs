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
    time::Duration,
};

use jiff::{SignedDuration, tz::TimeZone};
use tokio_util::sync::CancellationToken;

use super::{
    book::{Book, BookError, Settings},
    clock::{Clock, Look, Reading, Watch},
    distrust,
    pseudonym::Pseudonyms,
    purge::{purge, weigh},
    record::{Record, Refused, Verdict},
    seal::Recipient,
    status::{Room, Status},
};
use crate::store::durable;

/// Records that wait for the disk. Past them, records are lost, and counted.
const MAX_WAITING: usize = 1 << 16;
/// They are written so often: a sync on a slow disk still ends within the second.
const EVERY: Duration = Duration::from_millis(400);
/// What is due is looked for, and the disk weighed, so often.
const TEND_EVERY: Duration = Duration::from_secs(60);
/// While there is no room, the number of those that are lost is sealed so often.
const COUNT_EVERY: Duration = Duration::from_secs(3600);

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
    /// By which moments are told.
    pub clock: Clock,
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

/// And of which category it was denied, if of one.
type Noted = (Record, Option<Arc<str>>);

#[derive(Debug, Default)]
struct Waiting {
    records: Vec<Noted>,
    lost: u64,
}

#[derive(Debug)]
struct Books {
    connections: Book<Record>,
    refusals: Book<Refused>,
    names: Pseudonyms,
    watch: Watch,
    /// Refusals that the disk refused once already, and those lost since for want of room.
    refused: Vec<Refused>,
    refused_lost: u64,
    /// When (by the steady clock) the disk was last looked at.
    tended: Option<Duration>,
    /// When the number of the lost was last sealed.
    counted: Option<Duration>,
    /// Since when the clock has been in doubt.
    doubted: Option<Duration>,
    room: Room,
}

impl Journal {
    /// Goes on with what is in the folder, or begins. Blocking.
    pub fn open(options: Options) -> Result<Self, BookError> {
        let now = options.clock.read().now;
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
            watch: Watch::resume(distrust::read(&options.folder)?),
            refused: Vec::new(),
            refused_lost: 0,
            tended: None,
            counted: None,
            doubted: None,
            room: Room { bytes: 0, most: options.most, free: u64::MAX, doubt: Duration::ZERO },
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
        let mut taken = mem::take(&mut *lock(&self.0.waiting));
        // After that: a step before any of these moments is seen now.
        let reading = self.0.options.clock.read();
        let look = self.look(&mut books, reading, &mut taken);
        let done = self.put(&mut books, taken, reading);
        let trouble = done.err().map(|error| error.to_string());
        let due = books.tended.is_none_or(|then| reading.since(then) >= TEND_EVERY);
        if due || trouble.is_some() {
            books.tended = Some(reading.steady);
            self.tend(&mut books, (look, reading), trouble);
        }
    }

    /// Looks at the clock. Where it is in doubt, so is what was noted since the last look.
    fn look(&self, books: &mut Books, reading: Reading, taken: &mut Waiting) -> Look {
        let before = books.watch.set();
        let look = books.watch.look(reading);
        if books.watch.set() != before
            && let Err(error) = distrust::keep(&self.0.options.folder, books.watch.set())
        {
            tracing::error!(%error, "a restart would trust the clock, which was set");
        }
        self.0.doubt.store(look.doubt, Relaxed);
        if look.doubt {
            let mut waiting = lock(&self.0.waiting);
            let all = taken.records.iter_mut().chain(&mut waiting.records);
            all.for_each(|(record, _)| record.doubt = true);
            books.doubted.get_or_insert(reading.steady);
        } else {
            books.doubted = None;
        }
        if look.step != 0 {
            tracing::warn!(milliseconds = look.step, "the clock was set; records say so");
        }
        look
    }

    fn put(&self, books: &mut Books, taken: Waiting, reading: Reading) -> Result<(), BookError> {
        let Waiting { records, mut lost } = taken;
        let now = reading.now;
        let records = if books.room.is_full() {
            lost += records.len() as u64;
            books.refused_lost += count(records.iter().filter(|one| is_refusal(&one.0)));
            Vec::new()
        } else {
            records
        };
        let told = books.counted.is_some_and(|then| reading.since(then) < COUNT_EVERY);
        if books.room.is_full() && (told || lost == 0) {
            self.put_back(Waiting { records, lost });
            books.connections.tick(now)?;
            return books.refusals.tick(now);
        }
        books.counted = Some(reading.steady);
        books.names.renew(now)?;
        let records = self.alike(records);
        let refused: Vec<Refused> = records.iter().filter_map(|one| refusal(books, one)).collect();
        let rows: Vec<Record> = records.iter().map(|(record, _)| record.clone()).collect();
        if let Err(error) = books.connections.append(&rows, lost, now) {
            self.put_back(Waiting { records, lost });
            return Err(error);
        }
        self.0.kept.fetch_add(rows.len() as u64, Relaxed);
        self.0.lost.fetch_add(lost, Relaxed);
        books.refused.extend(refused);
        books.refused_lost += books.refused.len().saturating_sub(MAX_WAITING) as u64;
        books.refused.truncate(MAX_WAITING);
        let due = (mem::take(&mut books.refused), mem::take(&mut books.refused_lost));
        let kept = books.refusals.append(&due.0, due.1, now);
        books.room.bytes += books.connections.grown() + books.refusals.grown();
        kept.inspect_err(|_| (books.refused, books.refused_lost) = due)
    }

    /// The first of these, as far as all are in doubt or none is; the rest wait.
    fn alike(&self, mut records: Vec<Noted>) -> Vec<Noted> {
        let first = records.first().is_some_and(|(record, _)| record.doubt);
        if let Some(other) = records.iter().position(|(record, _)| record.doubt != first) {
            self.put_back(Waiting { records: records.split_off(other), lost: 0 });
        }
        records
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
    fn tend(&self, books: &mut Books, at: (Look, Reading), trouble: Option<String>) {
        let (options, (look, reading)) = (&self.0.options, at);
        let mut troubles: Vec<String> = trouble.into_iter().collect();
        let mut status = Status { most: options.most, ..Status::default() };
        status.fingerprints =
            vec![books.connections.fingerprint().into(), books.refusals.fingerprint().into()];
        let logs = [("connections", options.term), ("refusals", options.refusals_term)];
        for (log, term) in logs {
            let folder = options.folder.join(log);
            let term = SignedDuration::try_from(term).unwrap_or(SignedDuration::MAX);
            // By a clock in doubt nothing is old enough.
            match if look.settled { purge(&folder, term, reading.now) } else { Ok(0) } {
                Ok(0) => {}
                Ok(files) => tracing::info!(log, files, "kept for their term, and purged"),
                Err(error) => troubles.push(error.to_string()),
            }
            match weigh(&folder) {
                Ok((bytes, files, oldest)) => {
                    status.bytes += bytes;
                    status.files += files;
                    status.oldest = [status.oldest, oldest].into_iter().flatten().min();
                }
                Err(error) => troubles.push(format!("{}: {error}", folder.display())),
            }
        }
        books.connections.grown();
        books.refusals.grown();
        books.room = Room {
            bytes: status.bytes,
            most: options.most,
            free: durable::free_bytes(&options.folder).unwrap_or(u64::MAX),
            doubt: books.doubted.map_or(Duration::ZERO, |then| reading.since(then)),
        };
        troubles.extend(books.room.alarms());
        status.trouble = (!troubles.is_empty()).then(|| troubles.join("; "));
        let before = mem::replace(&mut *lock(&self.0.status), status.clone());
        if let Some(trouble) = status.trouble.filter(|now| before.trouble.as_ref() != Some(now)) {
            tracing::error!(%trouble, bytes = status.bytes, most = status.most, "journal");
        }
    }

    /// Writes what is left, and the hour as one file. Blocking.
    fn end(&self) {
        lock(&self.0.books).counted = None;
        self.write();
        let mut books = lock(&self.0.books);
        let now = self.0.options.clock.read().now;
        let ended = books.connections.close(now).and_then(|()| books.refusals.close(now));
        if let Err(error) = ended {
            tracing::error!(%error, "the journal's hour stays in pieces");
        }
    }
}

fn is_refusal(record: &Record) -> bool {
    record.verdict == Verdict::Denied
}

fn count<T>(of: impl Iterator<Item = T>) -> u64 {
    of.fold(0, |count, _| count + 1)
}

fn refusal(books: &Books, (record, category): &Noted) -> Option<Refused> {
    let address = || record.destination.map(|address: IpAddr| Arc::from(address.to_string()));
    is_refusal(record).then(|| Refused {
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
