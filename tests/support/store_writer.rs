//! A process that works on a store and says, line by line, what it is about to do and what the
//! store told it is done. It is the test's own executable, started again: whoever kills it kills
//! a real process, with its page cache, its locks and its half-written files.

#![allow(dead_code, reason = "each test uses its own part")]

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use preau::store::{BlobId, Description, Sidecar, Store, StoreError, StoreOptions, Ticket};
use sha2::{Digest, Sha256};

/// The `#[ignore]`d test that every user of the writer has, which calls [`child`].
pub const CHILD_TEST: &str = "writer_child";
/// Before every line that is for the parent; libtest writes to the same output.
pub const MARK: &str = "@@ ";

const FOLDER: &str = "PREAU_WRITER_FOLDER";
const FIRST: &str = "PREAU_WRITER_FIRST";
const DIE_AT: &str = "PREAU_WRITER_DIE_AT";
const RESUME: &str = "PREAU_WRITER_RESUME";
const STORY: &str = "PREAU_WRITER_STORY";

/// More packages than this, and the story removes one.
const MANY_PACKAGES: usize = 12;
const HOLDINGS: u64 = 5;

/// What the writer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// One of each thing, small, for a kill at each step.
    Short,
    /// Anything, without end.
    Endless,
    /// So many random things.
    Things(u64),
}

/// How to start a writer.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    pub folder: &'a Path,
    pub story: Story,
    /// Every thing it does has a number; this is the first.
    pub first: u64,
    /// It kills itself before this step (from 1) of the disk.
    pub die_at: Option<u64>,
    /// A transfer to finish first.
    pub resume: Option<u64>,
}

impl Writer<'_> {
    pub fn start(self, complaints: &Path) -> Child {
        let story = match self.story {
            Story::Short => "short".to_owned(),
            Story::Endless => u64::MAX.to_string(),
            Story::Things(count) => count.to_string(),
        };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([CHILD_TEST, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(FOLDER, self.folder)
            .env(FIRST, self.first.to_string())
            .env(STORY, story)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(complaints).unwrap());
        if let Some(step) = self.die_at {
            command.env(DIE_AT, step.to_string());
        }
        if let Some(content) = self.resume {
            command.env(RESUME, content.to_string());
        }
        command.spawn().unwrap()
    }
}

/// A folder in memory where there is one: what a test harms itself needs no true disk.
pub fn memory_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// Opens a store as every one of these tests does.
pub fn open(folder: &Path) -> Result<Store, StoreError> {
    let (path, keep_replaced) = (folder.to_owned(), Duration::from_hours(1));
    Store::open(StoreOptions { path, quota: None, reserve: 0, keep_replaced })
}

/// A small generator of numbers that is the same everywhere (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }
}

/// The bytes of the package made of this number: mostly small, some of several parts of 8 MiB.
pub fn content(number: u64) -> Vec<u8> {
    let mut dice = Dice(number);
    let size = match number % 24 {
        23 => (9 << 20) + dice.below(1 << 20),
        n if n % 8 == 7 => (1 << 20) + dice.below(1 << 20),
        _ => 1 + dice.below(60_000),
    };
    filled(&mut dice, usize::try_from(size).unwrap())
}

/// So many bytes, no two blocks of 4 KiB alike.
pub fn filled(dice: &mut Dice, size: usize) -> Vec<u8> {
    let block: Vec<u8> = (0..500).flat_map(|_| dice.roll().to_le_bytes()).collect();
    let mut bytes = Vec::with_capacity(size + block.len() + 8);
    while bytes.len() < size {
        bytes.extend_from_slice(&dice.roll().to_le_bytes());
        bytes.extend_from_slice(&block);
    }
    bytes.truncate(size);
    bytes
}

/// The text of a document, of some hundreds to some thousands of bytes.
pub fn document(number: u64) -> Vec<u8> {
    format!("document {number}\n").repeat(20 + usize::try_from(number % 300).unwrap()).into_bytes()
}

pub fn hash(bytes: &[u8]) -> BlobId {
    BlobId(Sha256::digest(bytes).into())
}

pub fn ticket(number: u64) -> Ticket {
    let bytes = content(number);
    let (length, sha256) = (Some(bytes.len() as u64), Some(hash(&bytes)));
    Ticket { url: format!("http://origin/{number}"), etag: None, length, sha256 }
}

/// The name of the transfer of a content.
pub fn transfer(number: u64) -> String {
    format!("transfer {number}")
}

/// What is said of a package: its content's number is its origin, the thing that stored it its
/// version.
pub fn describe(number: u64, thing: u64) -> Description {
    let holding = format!("holding-{}", number % HOLDINGS);
    Description {
        identifiers: vec![holding.clone()],
        title: format!("Manuel {number}"),
        publisher: None,
        media_type: "application/epub+zip".into(),
        version: thing.to_string(),
        origin: number.to_string(),
        holding,
    }
}

/// How the lines name what a package is.
pub fn state(description: &Description) -> String {
    format!("{}/{}", description.holding, description.version)
}

/// The body of the `#[ignore]`d test: does nothing when it was not started by [`Writer::start`].
pub fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    if let Some(step) = number(DIE_AT) {
        let passed = Arc::new(AtomicU64::new(0));
        let count = move || {
            if passed.fetch_add(1, Ordering::SeqCst) + 1 == step {
                die();
            }
        };
        fail::cfg_callback("store::step", count).unwrap();
    }
    let told = tell(&PathBuf::from(folder), number(FIRST).unwrap(), number(RESUME));
    match told {
        Ok(()) => say("ended"),
        Err(error) => {
            say(&format!("error {error}"));
            die();
        }
    }
}

fn die() {
    kill(Pid::this(), Signal::SIGKILL).unwrap();
}

fn say(line: &str) {
    // One write a line, past libtest's capture: what was said arrives even if we die right after.
    let line = format!("\n{MARK}{line}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).unwrap();
    out.flush().unwrap();
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Put,
    PutInTwo,
    Begin,
    PutAgain,
    Remove,
    Document,
    Collect,
    Rebuild,
}

const SHORT: [(u64, Deed); 13] = [
    (1, Deed::Put),
    (2, Deed::Document),
    (3, Deed::PutInTwo),
    (4, Deed::PutAgain),
    (5, Deed::Put),
    (6, Deed::Put), // A new version for the holding of 1.
    (8, Deed::Remove),
    (9, Deed::Document),
    (10, Deed::Collect),
    (11, Deed::Put),
    (12, Deed::Rebuild),
    (13, Deed::Begin),
    (23, Deed::Put), // Of two parts.
];

fn tell(folder: &Path, first: u64, resume: Option<u64>) -> Result<(), StoreError> {
    let store = open(folder)?;
    say("opened");
    let mut first = first;
    if let Some(number) = resume {
        put(&store, number, first, false)?;
        first += 1;
    }
    let story = std::env::var(STORY).unwrap();
    if story == "short" {
        return SHORT.iter().try_for_each(|(thing, deed)| act(&store, *thing, *deed));
    }
    for thing in (first..).take(usize::try_from(story.parse::<u64>().unwrap()).unwrap()) {
        let deed = match Dice(thing).below(18) {
            _ if store.packages().len() > MANY_PACKAGES => Deed::Remove,
            0..=6 => Deed::Put,
            7..=8 => Deed::PutInTwo,
            9 => Deed::Begin,
            10..=11 => Deed::PutAgain,
            12 => Deed::Remove,
            13..=15 => Deed::Document,
            16 => Deed::Collect,
            _ => Deed::Rebuild,
        };
        act(&store, thing, deed)?;
    }
    Ok(())
}

fn act(store: &Store, thing: u64, deed: Deed) -> Result<(), StoreError> {
    match deed {
        Deed::Put => put(store, thing, thing, false),
        Deed::PutInTwo => put(store, thing, thing, true),
        Deed::Begin => begin(store, thing),
        Deed::PutAgain => match one_of(store, thing) {
            Some(package) => put(store, package.description.origin.parse().unwrap(), thing, false),
            None => Ok(()),
        },
        Deed::Remove => match one_of(store, thing) {
            Some(package) => remove(store, &package),
            None => Ok(()),
        },
        Deed::Document => {
            let name = format!("document-{}", thing % 3);
            say(&format!("will document:{name} {thing}"));
            store.keep_document(&name, &document(thing))?;
            say(&format!("done document:{name} {thing}"));
            Ok(())
        }
        Deed::Collect => collect(store),
        Deed::Rebuild => store.rebuild().map(|_| say("rebuilt")),
    }
}

fn one_of(store: &Store, thing: u64) -> Option<Arc<Sidecar>> {
    let packages = store.packages();
    let which = Dice(thing).roll().checked_rem(packages.len() as u64)?;
    packages.get(usize::try_from(which).unwrap()).cloned()
}

fn put(store: &Store, number: u64, thing: u64, in_two: bool) -> Result<(), StoreError> {
    let bytes = content(number);
    let (blob, description) = (hash(&bytes), describe(number, thing));
    let state = state(&description);
    if in_two {
        begin(store, number)?;
    }
    let mut incoming = store.incoming(&transfer(number), ticket(number))?;
    incoming.append(&bytes[usize::try_from(incoming.len()).unwrap()..])?;
    say(&format!("over {number}"));
    say(&format!("will package:{blob} {state}"));
    incoming.commit(description)?;
    say(&format!("done package:{blob} {state}"));
    Ok(())
}

/// Half of a transfer, made durable.
fn begin(store: &Store, number: u64) -> Result<(), StoreError> {
    let bytes = content(number);
    let mut incoming = store.incoming(&transfer(number), ticket(number))?;
    let from = usize::try_from(incoming.len()).unwrap();
    incoming.append(&bytes[from..from.max(bytes.len() / 2)])?;
    incoming.checkpoint()?;
    say(&format!("part {number} {}", incoming.len()));
    Ok(())
}

fn remove(store: &Store, package: &Sidecar) -> Result<(), StoreError> {
    say(&format!("will package:{} -", package.blob));
    store.remove(&package.blob)?;
    say(&format!("done package:{} -", package.blob));
    Ok(())
}

fn collect(store: &Store) -> Result<(), StoreError> {
    let (current, now) = (store.current(), Timestamp::now());
    let replaced: Vec<_> =
        store.packages().iter().filter(|p| !current.contains(p)).cloned().collect();
    for package in current.iter() {
        store.lent(&package.blob, now);
    }
    for package in &replaced {
        say(&format!("will package:{} -", package.blob));
    }
    store.collect(&|_| true, now + SignedDuration::from_hours(2))?;
    for package in &replaced {
        say(&format!("done package:{} -", package.blob));
    }
    Ok(())
}
