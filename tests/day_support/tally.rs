//! What happened: counts, and the story of each request that failed.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Stories that are told whole; further ones are counted.
const MAX_STORIES: usize = 40;
/// More failures than this end the day: the rest would say the same.
const TOO_MANY: u64 = 200;

/// Counts by what they count, and stories.
#[derive(Debug)]
pub struct Tally {
    begun: Instant,
    counts: Mutex<BTreeMap<&'static str, BTreeMap<String, u64>>>,
    stories: Mutex<(u64, Vec<String>)>,
    /// Bytes that came by the box and were checked.
    pub bytes: AtomicU64,
}

impl Tally {
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            counts: Mutex::default(),
            stories: Mutex::default(),
            bytes: AtomicU64::new(0),
        }
    }

    /// One more of `what`, in a chapter of the summary.
    pub fn add(&self, chapter: &'static str, what: &str) {
        let mut counts = self.counts.lock().unwrap();
        let chapter = counts.entry(chapter).or_default();
        match chapter.get_mut(what) {
            Some(count) => *count += 1,
            None => drop(chapter.insert(what.to_owned(), 1)),
        }
    }

    pub fn of(&self, chapter: &str, what: &str) -> u64 {
        let counts = self.counts.lock().unwrap();
        counts.get(chapter).and_then(|chapter| chapter.get(what)).copied().unwrap_or(0)
    }

    /// A request failed, and not by its origin's fault. `true` when that is enough.
    pub fn failed(&self, story: &str) -> bool {
        let at = self.begun.elapsed();
        let mut stories = self.stories.lock().unwrap();
        stories.0 += 1;
        if stories.1.len() < MAX_STORIES {
            stories.1.push(format!("after {}: {story}", shown(at)));
        }
        stories.0 > TOO_MANY
    }

    /// Those that failed: how many, and the first stories.
    pub fn failures(&self) -> (u64, String) {
        let stories = self.stories.lock().unwrap();
        (stories.0, stories.1.join("\n"))
    }

    /// The counts, a chapter after the other.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        let mib = self.bytes.load(Relaxed) >> 20;
        writeln!(text, "bytes read by devices and right: {mib} MiB").unwrap();
        for (chapter, counts) in &*self.counts.lock().unwrap() {
            let sum: u64 = counts.values().sum();
            writeln!(text, "{chapter}: {sum}").unwrap();
            for (what, count) in counts {
                writeln!(text, "  {count:>8}  {what}").unwrap();
            }
        }
        text
    }
}

/// Minutes and seconds.
pub fn shown(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}
