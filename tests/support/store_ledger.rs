//! What a writer was told is done, held against what a store has after a crash.

#![allow(dead_code, reason = "each test uses its own part")]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::ChildStdout,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use preau::store::Store;

use super::store_writer::{
    Dice, MARK, Writer, content, describe, document, hash, open, state, ticket, transfer,
};

/// A writer that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// The state of what is not there.
const ABSENT: &str = "-";

/// When the parent kills the writer.
#[derive(Debug, Clone, Copy)]
pub enum Kill {
    /// Never: it ends or dies by itself.
    Never,
    /// So long after it was started.
    After(Duration),
}

/// All that one data folder's writers said.
#[derive(Debug, Default)]
pub struct Ledger {
    fates: BTreeMap<String, Fate>,
    /// Durable bytes of the transfers under way.
    parts: BTreeMap<u64, u64>,
    /// Number of the next thing to do.
    pub next: u64,
    /// Things that the store said are done.
    pub acknowledged: u64,
    /// The last writer told its story to the end.
    pub ended: bool,
    /// The last writer's store failed, saying this.
    pub error: Option<String>,
}

/// What a package or document is: the last thing said to be done, or any begun since.
#[derive(Debug, Default)]
struct Fate {
    sure: Option<String>,
    possible: Vec<String>,
}

impl Fate {
    fn allows(&self, state: &str) -> bool {
        self.sure.as_deref().unwrap_or(ABSENT) == state || self.possible.iter().any(|p| p == state)
    }
}

impl Ledger {
    /// Runs a writer until it ends, dies or is killed, and hears all that it says.
    pub fn run(&mut self, writer: Writer<'_>, when: Kill, complaints: &Path) {
        (self.ended, self.error) = (false, None);
        let begun = Instant::now();
        let mut child = writer.start(complaints);
        let lines = listen(child.stdout.take().unwrap());
        loop {
            let patience = match when {
                Kill::After(delay) => delay.saturating_sub(begun.elapsed()),
                Kill::Never => PATIENCE,
            };
            match lines.recv_timeout(patience) {
                Ok(line) => self.hear(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if matches!(when, Kill::After(_)) => {
                    child.kill().unwrap();
                    break;
                }
                Err(RecvTimeoutError::Timeout) => {
                    child.kill().unwrap();
                    panic!("the writer hangs; it complained: {}", said(complaints));
                }
            }
        }
        for line in lines {
            self.hear(&line);
        }
        let status = child.wait().unwrap();
        let killed = std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
        assert!(killed || self.ended, "the writer: {status}; it complained: {}", said(complaints));
    }

    /// One line of a writer.
    pub fn hear(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (verb, what, state) = (word(), word(), word().to_owned());
        match verb {
            "will" | "done" => {
                if let Some(Ok(thing)) = state.rsplit('/').next().map(str::parse::<u64>) {
                    self.next = self.next.max(thing + 1);
                }
                let fate = self.fates.entry(what.to_owned()).or_default();
                if verb == "will" {
                    fate.possible.push(state);
                } else {
                    *fate = Fate { sure: Some(state), possible: Vec::new() };
                    self.acknowledged += 1;
                }
            }
            "part" => {
                let number = what.parse().unwrap();
                self.parts.insert(number, state.parse().unwrap());
                self.next = self.next.max(number + 1);
                self.acknowledged += 1;
            }
            "over" => drop(self.parts.remove(&what.parse().unwrap())),
            "error" => self.error = line.split_once(' ').map(|(_, text)| text.to_owned()),
            "ended" => self.ended = true,
            "opened" | "rebuilt" => self.acknowledged += 1,
            _ => panic!("the writer said: {line}"),
        }
    }

    /// A transfer that can be gone on with.
    pub fn unfinished(&self) -> Option<u64> {
        self.parts.keys().next().copied()
    }

    /// Opens the store, holds it against what was said, and stores one package more. What is found
    /// wrong is named; nothing is what everyone hopes for. `settled`: what is there now is there
    /// to stay, so that of several possible states the one found is the true one.
    pub fn check(&mut self, folder: &Path, settled: bool) -> Vec<String> {
        let mut faults = half_files(folder);
        let before = match open(folder) {
            Ok(store) => self.look(&store, settled, &mut faults),
            Err(error) => return vec![format!("it does not open: {error}")],
        };
        match open(folder) {
            Ok(store) => {
                if listing(&store) != before {
                    faults.push(format!("opened again: {:?}, was {before:?}", listing(&store)));
                }
                self.put_one(&store, &mut faults);
            }
            Err(error) => faults.push(format!("it does not open again: {error}")),
        }
        faults
    }

    fn look(
        &mut self,
        store: &Store,
        settled: bool,
        faults: &mut Vec<String>,
    ) -> BTreeMap<String, String> {
        let mut there = listing(store);
        let packages = there.clone();
        for (name, _) in self.fates.iter().filter(|(name, _)| name.starts_with("document:")) {
            let bytes = store.document(&name["document:".len()..]).unwrap();
            if let Some(bytes) = bytes {
                there.insert(name.clone(), document_state(&bytes));
            }
        }
        for name in there.keys().filter(|name| !self.fates.contains_key(*name)) {
            faults.push(format!("{name} is listed, and nobody stored it"));
        }
        for (name, fate) in &mut self.fates {
            let found = there.get(name).map_or(ABSENT, String::as_str);
            if !fate.allows(found) {
                faults.push(format!("{name} is {found}, was to be {fate:?}"));
            }
            if settled {
                *fate = Fate { sure: Some(found.to_owned()), possible: Vec::new() };
            }
        }
        faults.extend(not_current(store));
        let verified = store.verify(&mut |_, _| true).unwrap();
        if !verified.damaged.is_empty() || verified.checked != packages.len() as u64 {
            faults.push(format!("verified: {verified:?}"));
        }
        for (number, durable) in &self.parts {
            let len = store.incoming(&transfer(*number), ticket(*number)).unwrap().len();
            if len < *durable {
                faults.push(format!("transfer {number}: {len} bytes, {durable} were durable"));
            }
        }
        packages
    }

    fn put_one(&mut self, store: &Store, faults: &mut Vec<String>) {
        // A multiple of 24 is of small content.
        let number = self.next.next_multiple_of(24);
        let (bytes, description) = (content(number), describe(number, number));
        let line = format!("package:{} {}", hash(&bytes), state(&description));
        self.hear(&format!("will {line}"));
        let stored = store.incoming(&transfer(number), ticket(number)).and_then(|mut incoming| {
            incoming.append(&bytes[usize::try_from(incoming.len()).unwrap()..])?;
            incoming.commit(description)
        });
        match stored {
            Ok(_) => self.hear(&format!("done {line}")),
            Err(error) => faults.push(format!("it takes nothing more: {error}")),
        }
    }
}

/// What a writer wrote to its error output.
pub fn said(complaints: &Path) -> String {
    fs::read_to_string(complaints).unwrap_or_default()
}

fn listen(out: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if let Some(line) = line.strip_prefix(MARK) {
                let _ = sender.send(line.to_owned());
            }
        }
    });
    receiver
}

/// Every package, by the names of the lines.
pub fn listing(store: &Store) -> BTreeMap<String, String> {
    let packages = store.packages();
    packages.iter().map(|p| (format!("package:{}", p.blob), state(&p.description))).collect()
}

fn document_state(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let number = text.lines().next().and_then(|l| l.strip_prefix("document ")?.parse().ok());
    match number.filter(|n| document(*n) == bytes) {
        Some(number) => number.to_string(),
        None => "torn".to_owned(),
    }
}

/// Holdings whose current package is not the one stored last.
fn not_current(store: &Store) -> Vec<String> {
    let mut newest: BTreeMap<String, (u64, _)> = BTreeMap::new();
    for package in store.packages().iter() {
        let thing = package.description.version.parse().unwrap();
        let best = newest.entry(package.description.holding.clone()).or_insert((0, package.blob));
        if thing >= best.0 {
            *best = (thing, package.blob);
        }
    }
    let current = store.current();
    let mut faults: Vec<_> = newest
        .iter()
        .filter(|(holding, (_, blob))| {
            !current.iter().any(|p| p.description.holding == **holding && p.blob == *blob)
        })
        .map(|(holding, (thing, _))| format!("{holding}: thing {thing} is not current"))
        .collect();
    if current.len() != newest.len() {
        faults.push(format!("{} packages are current of {}", current.len(), newest.len()));
    }
    faults
}

/// Files under a blob's name that are not that blob.
fn half_files(folder: &Path) -> Vec<String> {
    let list = |path: &Path| -> Vec<PathBuf> {
        fs::read_dir(path).map_or(Vec::new(), |e| e.map(|e| e.unwrap().path()).collect())
    };
    list(&folder.join("blobs/sha256"))
        .iter()
        .flat_map(|shelf| list(shelf))
        .filter(|file| file.extension().is_none())
        .filter(|file| {
            file.file_name().unwrap().to_str() != Some(&hash(&fs::read(file).unwrap()).to_string())
        })
        .map(|file| format!("half a file: {}", file.display()))
        .collect()
}

/// A seed of this run, or the one of a run that failed, given as `PREAU_SEED`.
pub fn seed() -> u64 {
    let given = std::env::var("PREAU_SEED").ok().map(|text| text.parse().unwrap());
    given.unwrap_or_else(|| {
        let now = jiff::Timestamp::now().as_nanosecond();
        Dice(u64::try_from(now).unwrap()).roll() % 1_000_000_000
    })
}
