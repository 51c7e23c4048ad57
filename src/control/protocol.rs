//! The words: one request a connection, answered by events and one last reply.

use std::{net::SocketAddr, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use super::moving::Moving;
use super::{
    filtering::{FilterAnswer, FilterAsk},
    incidents::{IncidentAnswer, IncidentAsk},
};
use crate::{
    access::Revoke,
    catalogue::{ImportProgress, ImportReport, SourceState},
    gateway::cache,
    health::{
        incident::book::Line,
        link::{Moved, budget::Test, lines::UplinkLine},
        told::BoxLines,
        wifi::lines::{ApLine, ControllerLine},
    },
    journal,
    net::link::State,
    store::Usage,
    uplink,
};

/// Version of the words. Both ends must speak the same: they are installed together.
pub const VERSION: u16 = 1;
/// Entries of a list in one reply; the rest is counted.
pub const MAX_LISTED: usize = 200;
/// Refused entries shown of one source; the rest is counted.
const MAX_EXAMPLES: usize = 5;
/// Characters of one foreign text (a title, a reason) in a reply.
const MAX_TEXT_CHARS: usize = 500;

/// What a client sends, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// See [`VERSION`].
    pub version: u16,
    /// What is asked.
    #[serde(flatten)]
    pub command: Command,
}

/// What may be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// How the box is.
    Status,
    /// Ask every source now and fetch what is missing.
    Sync {
        /// Answer when nothing is left that could move, not at once.
        wait: bool,
        /// Fetch outside the window too.
        ignore_window: bool,
    },
    /// Read an order and its packages (docs/plan-b.md).
    Import {
        /// Absolute path, as the daemon sees it.
        folder: PathBuf,
    },
    /// Read every package again and check its hash.
    Verify,
    /// Make the index anew from the sidecars.
    Rebuild,
    /// How full the store is.
    Usage,
    /// Every book, and whether it is here.
    Holdings,
    /// Take device passes back, end sessions, forget keys of reading apps.
    Revoke {
        /// Whose.
        what: Revoke,
    },
    /// Ask the filter.
    Filter {
        /// What.
        ask: FilterAsk,
    },
    /// How the account of connections is.
    Journal,
    /// How the Wi-Fi is: its controllers and their access points.
    Wifi,
    /// How the box itself is, and its services.
    Machine,
    /// What is measured, as `/metrics` tells it.
    Metrics,
    /// How the reports to the region are.
    Uplink,
    /// How the links are.
    Links,
    /// Test what a link carries.
    Throughput {
        /// Its name; nothing = the first.
        link: Option<String>,
    },
    /// Ask the incidents.
    Incidents {
        /// What.
        ask: IncidentAsk,
    },
    /// Read the configuration again.
    Reload,
}

/// What a server sends, line by line: any number of events, then `Done` or `Refused`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Something to show meanwhile.
    Event(Event),
    /// The end, as asked.
    Done(Outcome),
    /// The end, otherwise.
    Refused(Refusal),
}

/// Something to show while a command runs, or a part of a long answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The daemon is still at it.
    Alive,
    /// The sources were asked.
    Sources(Vec<SourceLine>),
    /// Where the mirror is.
    Moving(Moving),
    /// Where an import is.
    Import(ImportProgress),
    /// Where a verification is.
    Verify {
        /// Bytes read.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A part of the list of holdings.
    Holdings(Vec<HoldingLine>),
    /// A part of the list of access points.
    AccessPoints(Vec<ApLine>),
    /// Lines of the text of what is measured.
    Metrics(String),
    /// Where a throughput test is.
    Throughput(Moved),
    /// A part of the book of incidents.
    Incidents(Vec<Line>),
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Of `Status`.
    Status(Box<Status>),
    /// Of `Sync` that waited: how it ended. Of one that did not: how it stands.
    Sync(SyncReport),
    /// Of `Import`.
    Import(ImportReport),
    /// Of `Verify`.
    Verify(VerifyReport),
    /// Of `Rebuild`.
    Rebuild {
        /// Packages found.
        packages: usize,
    },
    /// Of `Usage`.
    Usage(Usage),
    /// Of `Holdings`: how many were listed.
    Holdings {
        /// Their number.
        count: usize,
    },
    /// Of `Revoke`.
    Revoke {
        /// Passes, sessions and keys that open nothing any more.
        count: usize,
    },
    /// Of `Filter`.
    Filter(FilterAnswer),
    /// Of `Journal`; nothing = none is kept.
    Journal(Option<journal::Status>),
    /// Of `Wifi`: one a controller; none = none is configured.
    Wifi(Vec<ControllerLine>),
    /// Of `Machine`.
    Machine(BoxLines),
    /// Of `Metrics`: how many lines there were.
    Metrics(usize),
    /// Of `Uplink`; nothing = nothing is sent.
    Uplink(Option<uplink::Status>),
    /// Of `Links`; none = none is configured.
    Links(Vec<UplinkLine>),
    /// Of `Throughput`.
    Throughput(Test),
    /// Of `Incidents`.
    Incidents(IncidentAnswer),
    /// Of `Reload`.
    Reload(ReloadReport),
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What sort of reason: scripts tell by it (an exit code).
    pub fault: Fault,
    /// For a person.
    pub message: String,
}

impl Refusal {
    /// A refusal with its words, made short enough to be sent.
    pub fn new(fault: Fault, message: impl std::fmt::Display) -> Self {
        // Reports on a configuration take a few lines each.
        Self { fault, message: message.to_string().chars().take(8 * MAX_TEXT_CHARS).collect() }
    }
}

/// Sorts of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Not a request of this version.
    Usage,
    /// The peer may not command.
    Forbidden,
    /// Later, perhaps.
    Busy,
    /// What was given is wrong.
    Data,
    /// What was named is not there, or cannot be read.
    NoInput,
    /// The disk would not.
    Io,
    /// The configuration is wrong.
    Config,
    /// The daemon is stopping.
    Stopping,
    /// A bug.
    Internal,
}

/// How the box is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// The school's UAI.
    pub uai: String,
    /// The school's name.
    pub school: String,
    /// Since when the daemon runs.
    pub started_at: Timestamp,
    /// Where its pages are.
    pub addresses: Vec<SocketAddr>,
    /// Its one address under TLS, when the box has a name: the others only lead there.
    #[serde(default)]
    pub https: Option<HttpsLine>,
    /// The link to the Internet.
    #[serde(default)]
    pub link: Option<LinkLine>,
    /// Books that the school holds.
    pub holdings: usize,
    /// Of these, how many have a package here.
    pub here: usize,
    /// One a source.
    pub sources: Vec<SourceLine>,
    /// Where the mirror is.
    pub moving: Moving,
    /// How full the store is.
    pub usage: Usage,
    /// Tasks under way: the daemon's own, and those of connections and requests. A box that nobody
    /// asks anything comes back to the number it started with.
    #[serde(default)]
    pub tasks: usize,
    /// What the proxy keeps of the Internet; nothing where it keeps nothing.
    #[serde(default)]
    pub cache: Option<CacheLine>,
    /// Keys of the configuration that wait for a restart.
    pub waiting_for_restart: Vec<String>,
}

/// HTTPS, in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpsLine {
    /// `https://name/`, with its port when it is not 443.
    pub address: String,
    /// End of the certificate in force; nothing = there is none yet.
    pub certificate_until: Option<Timestamp>,
    /// What a person should look at.
    pub trouble: Option<String>,
}

/// The link to the Internet, in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkLine {
    /// How it is, as far as the box sees.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
}

/// What the proxy's cache holds, in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheLine {
    /// Bytes in memory, heads included, about.
    pub memory_bytes: u64,
    /// Responses in memory.
    pub memory_count: usize,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Responses on disk.
    pub disk_count: usize,
}

/// A source, in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLine {
    /// Its name in `preau.toml`, or `import`.
    pub name: String,
    /// Date of its last good answer.
    pub good_at: Option<Timestamp>,
    /// Why the last try failed.
    pub failure: Option<String>,
    /// Entries in the last good answer.
    pub entries: usize,
    /// Entries left out.
    pub refused: usize,
    /// The first of them, each with its reason.
    pub examples: Vec<String>,
}

impl From<cache::Usage> for CacheLine {
    fn from(usage: cache::Usage) -> Self {
        let cache::Usage { memory_bytes, memory_count, disk_bytes, disk_count } = usage;
        Self { memory_bytes, memory_count, disk_bytes, disk_count }
    }
}

impl From<&SourceState> for SourceLine {
    fn from(state: &SourceState) -> Self {
        Self {
            name: state.name.clone(),
            good_at: state.good_at,
            failure: state.failure.as_deref().map(clip),
            entries: state.entries,
            refused: state.refused.len(),
            examples: state.refused.iter().take(MAX_EXAMPLES).map(|why| clip(why)).collect(),
        }
    }
}

/// How a sync ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncReport {
    /// Did it wait for its end?
    pub waited: bool,
    /// One a source; empty when it did not wait.
    pub sources: Vec<SourceLine>,
    /// Where the mirror came to rest.
    pub moving: Moving,
}

impl SyncReport {
    /// Is everything here that should be?
    pub fn is_whole(&self) -> bool {
        let answered = self.sources.iter().all(|source| source.failure.is_none());
        answered && self.moving.failed == 0 && self.moving.queued == 0
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Packages read whole.
    pub checked: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Sidecars written again.
    pub mended: u64,
    /// Packages damaged, set aside and to be fetched again.
    pub damaged: usize,
    /// Titles of the first of them.
    pub titles: Vec<String>,
}

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// Keys in force now.
    pub applied: Vec<String>,
    /// Keys that wait for a restart.
    pub waiting_for_restart: Vec<String>,
    /// What of the school's policy does not act, since the region locked otherwise.
    #[serde(default)]
    pub set_aside: Vec<String>,
}

/// A book, in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldingLine {
    /// Canonical identifier.
    pub id: String,
    /// Title.
    pub title: String,
    /// Is it here?
    pub state: HoldingState,
    /// Bytes of its packages: here, or as offered.
    pub size: Option<u64>,
    /// Pupils it is assigned to.
    pub pupils: u64,
}

/// Where a book's package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldingState {
    /// In the store.
    Here,
    /// Coming now.
    Fetching,
    /// It will come.
    Queued,
    /// It did not come, and is tried again.
    Failed,
    /// Offered, but not wanted now (its licence has not begun, or ended).
    NotDue,
    /// No package is offered.
    None,
}

/// A foreign text, made short enough for a reply.
pub fn clip(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_flat_object() {
        let command = Command::Sync { wait: true, ignore_window: false };
        let text = serde_json::to_string(&Request { version: 1, command }).unwrap();
        assert_eq!(text, r#"{"version":1,"command":"sync","wait":true,"ignore_window":false}"#);
        let read: Request = serde_json::from_str(r#"{"version":1,"command":"status"}"#).unwrap();
        assert_eq!(read.command, Command::Status);
    }
}
