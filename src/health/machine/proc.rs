//! Processor, load, memory and the daemon itself, from `proc` (proc(5)).

use std::{fs, path::Path};

use super::files;

/// `USER_HZ`: what `proc` counts processor time in, on every machine that the box runs on (time(7)).
const TICKS_A_SECOND: f64 = 100.0;
/// Kibibytes, which `proc` says `kB` to.
const KIB: u64 = 1024;
/// Descriptors that are counted.
const MAX_FDS: usize = 1 << 20;

/// Processor time since the machine started, all cores together, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Processor {
    /// Programs, those that were asked to be nice among them.
    pub user: f64,
    /// The kernel.
    pub system: f64,
    /// Interrupts.
    pub interrupts: f64,
    /// Nothing to do.
    pub idle: f64,
    /// Nothing to do but to wait for a disk.
    pub waiting: f64,
    /// Taken by the machine around this one.
    pub stolen: f64,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All.
    pub total: u64,
    /// What could be had without swapping.
    pub available: u64,
}

/// The daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Own {
    /// Processor time, in seconds.
    pub processor: Option<f64>,
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<usize>,
}

/// What the machine's processor did.
pub fn processor(root: &Path) -> Option<Processor> {
    let text = files::text(&root.join("proc/stat"))?;
    let mut words = text.lines().find(|line| line.starts_with("cpu "))?.split_ascii_whitespace();
    words.next();
    let mut seconds = [0.0; 8];
    for (place, seconds) in seconds.iter_mut().enumerate() {
        *seconds = match words.next() {
            Some(word) => ticks(word)?,
            None if place > 3 => 0.0,
            None => return None,
        };
    }
    let [user, nice, system, idle, waiting, hard, soft, stolen] = seconds;
    Some(Processor { user: user + nice, system, interrupts: hard + soft, idle, waiting, stolen })
}

#[expect(clippy::cast_precision_loss, reason = "a machine runs less than 2^53 ticks")]
fn ticks(word: &str) -> Option<f64> {
    Some(word.parse::<u64>().ok()? as f64 / TICKS_A_SECOND)
}

/// Load of the last minute.
pub fn load(root: &Path) -> Option<f64> {
    let text = files::text(&root.join("proc/loadavg"))?;
    let load: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    (load.is_finite() && load >= 0.0).then_some(load)
}

/// How much memory there is.
pub fn memory(root: &Path) -> Option<Memory> {
    let text = files::text(&root.join("proc/meminfo"))?;
    let bytes = |name| field(&text, name)?.checked_mul(KIB);
    let (total, available) = (bytes("MemTotal:")?, bytes("MemAvailable:")?);
    (available <= total).then_some(Memory { total, available })
}

/// A line of `name: number kB`.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// What the daemon takes.
pub fn own(root: &Path) -> Own {
    let folder = root.join("proc/self");
    let spent = || {
        let text = files::text(&folder.join("stat"))?;
        // The program's name, in parentheses, may hold anything: what follows it does not.
        let (_, rest) = text.rsplit_once(')')?;
        let mut times = rest.split_ascii_whitespace().skip(11);
        Some(ticks(times.next()?)? + ticks(times.next()?)?)
    };
    let status = files::text(&folder.join("status"));
    let entries = fs::read_dir(folder.join("fd")).ok();
    Own {
        processor: spent(),
        memory: status.and_then(|text| field(&text, "VmRSS:")?.checked_mul(KIB)),
        descriptors: entries.map(|entries| entries.take(MAX_FDS).count()),
    }
}
