//! What the box holds: descriptors, threads, tasks, memory, files, read from outside; its tasks, from
//! its own mouth.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use preau::control::{
    client,
    protocol::{Command, Outcome},
};

/// Of one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    pub sockets: usize,
    pub pipes: usize,
    /// Files of the cache that are kept open.
    pub cached: usize,
    /// Files that have no name any more.
    pub deleted: usize,
    /// All other descriptors.
    pub others: usize,
    pub threads: usize,
    pub tasks: usize,
    /// Memory that is no file's (`RssAnon`), in KiB.
    pub memory: usize,
    /// What the cache holds of that on purpose, as the box says, in KiB.
    pub kept: usize,
}

/// How a box is read.
#[derive(Debug, Clone)]
pub struct Gauge {
    pub process: u32,
    pub folder: PathBuf,
}

impl Gauge {
    /// What it holds now.
    pub fn read(&self) -> Reading {
        // First, for what asks is a socket itself.
        let seen = self.look();
        let socket = self.folder.join("control.sock");
        let status = match client::ask(&socket, Command::Status, &mut drop) {
            Ok(Outcome::Status(status)) => status,
            other => panic!("the box does not say how it is: {other:?}"),
        };
        let kept = status.cache.map_or(0, |cache| cache.memory_bytes / 1024);
        Reading { tasks: status.tasks, kept: usize::try_from(kept).unwrap(), ..seen }
    }

    /// The same but for its tasks. It is not asked: an answer takes a thread for the disk, which then
    /// stays for ten seconds.
    pub fn look(&self) -> Reading {
        let mut reading = self.of_system();
        let descriptors = format!("/proc/{}/fd", self.process);
        for entry in fs::read_dir(descriptors).unwrap().flatten() {
            // One that was closed meanwhile.
            let Ok(leads) = fs::read_link(entry.path()) else { continue };
            let shown = leads.to_string_lossy();
            let place = if shown.starts_with("socket:") {
                &mut reading.sockets
            } else if shown.starts_with("pipe:") {
                &mut reading.pipes
            } else if shown.ends_with(" (deleted)") {
                &mut reading.deleted
            } else if leads.starts_with(self.cache()) {
                &mut reading.cached
            } else {
                &mut reading.others
            };
            *place += 1;
        }
        reading
    }

    fn of_system(&self) -> Reading {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_ascii_whitespace().next().unwrap().parse().unwrap()
        };
        Reading { threads: number("Threads:"), memory: number("RssAnon:"), ..Reading::default() }
    }

    /// The cache's folder.
    pub fn cache(&self) -> PathBuf {
        self.folder.join("data/cache")
    }

    /// Files that belong to nothing: transfers under way, drafts, bodies in the cache without a note.
    pub fn stray_files(&self) -> Vec<PathBuf> {
        let mut files = files(&self.folder.join("data"));
        let stray = |path: &PathBuf| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            match extension {
                Some("draft" | "tmp" | "part") => true,
                Some("body") => !path.with_extension("note").exists(),
                Some("note") => !path.with_extension("body").exists(),
                _ => path.starts_with(self.folder.join("data/incoming")),
            }
        };
        files.retain(stray);
        files
    }

    /// Compiled lists there are.
    pub fn lists(&self) -> Vec<PathBuf> {
        files(&self.folder.join("data/lists"))
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

impl Reading {
    /// The most of both.
    pub fn most(self, other: Self) -> Self {
        Self {
            sockets: self.sockets.max(other.sockets),
            pipes: self.pipes.max(other.pipes),
            cached: self.cached.max(other.cached),
            deleted: self.deleted.max(other.deleted),
            others: self.others.max(other.others),
            threads: self.threads.max(other.threads),
            tasks: self.tasks.max(other.tasks),
            memory: self.memory.max(other.memory),
            kept: self.kept.max(other.kept),
        }
    }

    /// Memory beyond what the cache holds on purpose, in KiB.
    pub fn unaccounted(self) -> usize {
        self.memory.saturating_sub(self.kept)
    }

    /// What is more than it was; memory and the cache's files are looked at by themselves.
    pub fn beyond(self, start: Self) -> Option<String> {
        let counted = [
            ("sockets", self.sockets, start.sockets),
            ("pipes", self.pipes, start.pipes),
            ("files without a name", self.deleted, start.deleted),
            ("other descriptors", self.others, start.others),
            ("threads", self.threads, start.threads),
            ("tasks", self.tasks, start.tasks),
        ];
        let more = counted.iter().filter(|(_, now, before)| now > before);
        let more: Vec<_> =
            more.map(|(what, now, before)| format!("{now} {what} ({before})")).collect();
        (!more.is_empty()).then(|| more.join(", "))
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>7} sockets {:>4} pipes {:>4} cache files {:>3} nameless {:>3} other {:>4} threads \
             {:>6} tasks {:>7.1} MiB, {:.1} of it cached",
            self.sockets,
            self.pipes,
            self.cached,
            self.deleted,
            self.others,
            self.threads,
            self.tasks,
            mib(self.memory),
            mib(self.kept)
        )
    }
}

fn mib(kib: usize) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}
