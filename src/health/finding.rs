//! What is wrong, or is not, as those who measure see it: what incidents are made of.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What may be wrong. Each is explained, timed and given its causes in `incident`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing beyond a link answers, and nothing comes in.
    LinkDown,
    /// A link loses packets, or takes long.
    LinkDegraded,
    /// A link carries less than its contract says.
    LinkSlow,
    /// Large packets do not pass a link.
    PathMtu,
    /// One of the targets does not answer.
    TargetSilent,
    /// Names are not answered.
    NamesFail,
    /// A Wi-Fi controller does not answer.
    ControllerSilent,
    /// An access point is down or missing.
    AccessPointDown,
    /// The access points of a building, or most of a controller's, are down together.
    WingDown,
    /// A disk is nearly full.
    DiskFull,
    /// A disk says that it is failing or worn out.
    DiskFailing,
    /// The box is too hot.
    Hot,
    /// The clock is not synchronised, or wrong.
    ClockWrong,
    /// A certificate ends soon.
    CertificateEnding,
    /// Packages do not come.
    MirrorStuck,
    /// Packages on the disk are damaged.
    StoreDamaged,
    /// The filter's lists are old.
    ListsOld,
    /// Much of what the proxy is asked fails on this side.
    ProxyFails,
    /// An update failed.
    UpdateFailed,
    /// The region takes no samples.
    UplinkStuck,
}

/// Is it wrong?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    Wrong,
    /// It is not.
    Good,
    /// Nobody can say now: nothing opens, and nothing closes.
    Unknown,
}

/// One thing, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What may be wrong.
    pub kind: Kind,
    /// With which: a link's name, a controller's, an access point's address; empty = the box.
    pub subject: String,
    /// What it belongs to, such as an access point's controller or building.
    pub within: Vec<String>,
    /// Is it?
    pub verdict: Verdict,
    /// Since when, as far as was seen.
    pub since: Timestamp,
    /// When it last was good.
    pub last_good: Option<Timestamp>,
    /// What was seen, in one line, in French: it is read in tickets.
    pub detail: String,
    /// How the cause was told apart, in French; may be empty.
    pub reasoning: String,
    /// Rooms that it touches.
    pub rooms: Vec<String>,
    /// Access points that it touches.
    pub access_points: u32,
    /// Wi-Fi clients that it touches: those there just before.
    pub clients: Option<u32>,
}

impl Finding {
    /// One that touches nothing in particular.
    pub fn new(kind: Kind, subject: &str, verdict: Verdict, since: Timestamp) -> Self {
        Self {
            kind,
            subject: subject.to_owned(),
            within: Vec::new(),
            verdict,
            since,
            last_good: None,
            detail: String::new(),
            reasoning: String::new(),
            rooms: Vec::new(),
            access_points: 0,
            clients: None,
        }
    }
}

/// A line of what was measured around a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// When.
    pub at: Timestamp,
    /// What, in French: one line.
    pub says: String,
}

/// Whoever finds things wrong.
pub trait Watcher: fmt::Debug + Send + Sync {
    /// Everything that is watched, as it is now. Takes no time; asked each second.
    fn findings(&self, now: Timestamp) -> Vec<Finding>;

    /// What was measured between two moments that concerns a thing, oldest first: a few dozen lines.
    fn evidence(&self, kind: Kind, subject: &str, from: Timestamp, to: Timestamp) -> Vec<Evidence>;
}
