//! A policy, the lists it was compiled for, and what is open: replaced as one.

use std::{
    fs::{DirEntry, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use jiff::Timestamp;

use super::{
    category::CategorySet,
    host::Host,
    lists::Lists,
    openings::{Opening, Openings},
    policy::{Explanation, Policy},
    target::Target,
    verdict::{Ceiling, Reason, Verdict, Who},
};
use crate::{
    access::Role,
    config::filter::{SafeSearch, SiteHost},
};

/// Compiled lists end so.
const EXTENSION: &str = "preau";
/// Generations tried, the newest first.
const MAX_TRIED: usize = 8;

/// What questions are answered by; never changed once made.
#[derive(Debug)]
pub struct State {
    policy: Arc<Policy>,
    lists: Option<Generation>,
    openings: Arc<Openings>,
    troubles: Vec<String>,
}

#[derive(Debug, Clone)]
struct Generation {
    lists: Arc<Lists>,
    /// Where they were read, when it was in a file.
    file: Option<ListsFile>,
}

/// A verdict for who forwards: small when it may go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// May it?
    pub allowed: bool,
    /// The first moment at which it could be otherwise: then ask again.
    pub until: Option<Timestamp>,
    /// What search engines are asked to leave out.
    pub safe_search: SafeSearch,
    /// What the devices of its profile may take of the link together, if that has a limit.
    pub ceiling: Option<Arc<Ceiling>>,
    /// By whose rules; empty = the policy has no profile.
    pub profile: Option<Arc<str>>,
    /// Why not, when it may not.
    pub denied: Option<Box<Reason>>,
    /// Has the policy a profile for who asks?
    pub filtered: bool,
}

impl Judged {
    pub(super) fn of(verdict: &Verdict<'_>) -> Self {
        Self {
            allowed: verdict.allowed,
            until: verdict.until,
            safe_search: verdict.safe_search,
            ceiling: verdict.ceiling.cloned(),
            profile: verdict.name.cloned(),
            filtered: !verdict.profile.is_empty(),
            denied: (!verdict.allowed).then(|| Box::new(verdict.reason())),
        }
    }
}

impl State {
    pub(super) fn new(
        policy: Policy,
        lists: Option<(Arc<Lists>, Option<ListsFile>)>,
        openings: Arc<Openings>,
    ) -> Self {
        let lists = lists.map(|(lists, file)| Generation { lists, file });
        Self { policy: Arc::new(policy), lists, openings, troubles: Vec::new() }
    }

    /// May it go through? Pure; allocates nothing.
    pub fn judge(&self, who: &Who<'_>, target: &Target<'_>, now: Timestamp) -> Verdict<'_> {
        self.policy.judge(self.lists(), &self.openings, who, target, now)
    }

    /// The verdict, and every rule that was looked at.
    pub fn explain(&self, who: &Who<'_>, target: &Target<'_>, now: Timestamp) -> Explanation {
        self.policy.explain(self.lists(), &self.openings, who, target, now)
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The lists, when there are any.
    pub fn lists(&self) -> Option<&Lists> {
        self.lists.as_ref().map(|generation| &*generation.lists)
    }

    /// Where they were read.
    pub fn lists_file(&self) -> Option<&Path> {
        self.file().map(|file| file.path.as_path())
    }

    pub(super) fn file(&self) -> Option<&ListsFile> {
        self.lists.as_ref().and_then(|generation| generation.file.as_ref())
    }

    /// What was wrong with lists that are not in force.
    pub fn troubles(&self) -> &[String] {
        &self.troubles
    }

    pub(super) fn openings(&self) -> &Arc<Openings> {
        &self.openings
    }

    pub(super) fn with_policy(&self, policy: Policy) -> Self {
        Self { policy: Arc::new(policy), ..self.copy() }
    }

    pub(super) fn with_openings(&self, openings: Openings) -> Self {
        Self { openings: Arc::new(openings), ..self.copy() }
    }

    pub(super) fn with_troubles(&self, troubles: Vec<String>) -> Self {
        Self { troubles, ..self.copy() }
    }

    fn copy(&self) -> Self {
        Self {
            policy: self.policy.clone(),
            lists: self.lists.clone(),
            openings: self.openings.clone(),
            troubles: self.troubles.clone(),
        }
    }

    /// The region's locked rule that denies a site to the devices of its opening's network, to
    /// whom nobody signed in or a pupil did.
    pub(super) fn locked(&self, opening: &Opening) -> Option<String> {
        let host = match &opening.site.host {
            SiteHost::Domain(name) => Host::parse(name).ok(),
            SiteHost::Network(network) => Some(Host::from(network.addr())),
            SiteHost::Any => None,
        };
        let mut listed = CategorySet::EMPTY;
        let mut excepted = CategorySet::EMPTY;
        if let (Some(host), Some(lists)) = (host, self.lists()) {
            let path = opening.site.path.as_deref();
            lists.matches(&Target { host: &host, port: 80, path }, &mut |found| {
                excepted |= found.excepted;
                listed |= found.listed.minus(excepted);
                true
            });
        }
        let address = opening.network.hosts().next().unwrap_or(opening.network.addr());
        [None, Some(Role::Pupil)].into_iter().find_map(|role| {
            let who = Who { role, ..Who::at(address) };
            self.policy.locked(&who, &opening.site, listed).map(ToOwned::to_owned)
        })
    }
}

/// A file as it was when it was read: one replaced in its place is another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListsFile {
    modified: SystemTime,
    inode: u64,
    path: PathBuf,
}

impl ListsFile {
    fn of(entry: &DirEntry) -> Option<Self> {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            return None;
        }
        let about = entry.metadata().ok().filter(Metadata::is_file)?;
        let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Some(Self { modified, inode: about.ino(), path })
    }
}

/// The newest generation of a folder that can be read, unless it is `in_force`; and what is wrong
/// with newer ones. Blocking.
pub(super) fn newest(
    folder: &Path,
    in_force: Option<&ListsFile>,
) -> (Option<(Lists, ListsFile)>, Vec<String>) {
    let mut troubles = Vec::new();
    let mut files: Vec<ListsFile> = match std::fs::read_dir(folder) {
        Ok(entries) => {
            entries.filter_map(Result::ok).filter_map(|entry| ListsFile::of(&entry)).collect()
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            troubles.push(format!("cannot look for lists in {}: {error}", folder.display()));
            Vec::new()
        }
    };
    files.sort();
    for file in files.into_iter().rev().take(MAX_TRIED) {
        if Some(&file) == in_force {
            return (None, troubles);
        }
        match Lists::open(&file.path) {
            Ok(lists) => return (Some((lists, file)), troubles),
            Err(error) => troubles.push(format!("these lists are not taken: {error}")),
        }
    }
    (None, troubles)
}
