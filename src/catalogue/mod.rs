//! Chooses what the school holds: GAR rights, distributors' feeds and plan B imports, merged into
//! one `Holding` a book, whichever of its identifiers came.
//!
//! Not here: fetching packages (`mirror`), or who may open them (`library`).

mod entry;
pub mod gar;
pub mod identifiers;
mod import;
mod lenient;
mod merge;
pub mod opds;
mod pace;
mod shelf;
mod sources;
mod text;

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::{
    entry::Entry,
    lenient::BadAnswer,
    shelf::Catalogue,
    sources::{Given, NotGiven, PersonalSource},
};
use crate::store::BlobId;

/// One book (or other resource) that the school holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Canonical identifier: `ark:/49591/…` if it has an ARK, else `isbn:9782…`, else the source's.
    pub id: String,
    /// Every identifier seen, canonical form, sorted.
    pub identifiers: Vec<String>,
    /// Title.
    pub title: String,
    /// Publisher.
    pub publisher: Option<String>,
    /// BCP 47 language.
    pub language: Option<String>,
    /// Subjects (*domaines d'enseignement*), as people read them.
    pub subjects: Vec<String>,
    /// Levels (*niveaux éducatifs*), as people read them.
    pub levels: Vec<String>,
    /// Description, plain text.
    pub description: Option<String>,
    /// Is it a manual (GAR `MAN`), or, when nobody says, taken for one.
    pub manual: bool,
    /// Cover or thumbnail address at its source.
    pub cover: Option<Url>,
    /// Where it is read online.
    pub online: Option<Url>,
    /// Subscriptions that cover it.
    pub licences: Vec<Licence>,
    /// Packages offered for it.
    pub offers: Vec<Offer>,
}

impl Holding {
    /// Every name it is known by, the canonical one first; that one comes twice where it is also
    /// among the others.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.identifiers).map(String::as_str)
    }

    /// A holding of which nothing is known but its identifier and its title.
    pub fn titled(id: &str, title: &str) -> Self {
        Self {
            id: id.to_owned(),
            identifiers: vec![id.to_owned()],
            title: title.to_owned(),
            publisher: None,
            language: None,
            subjects: Vec::new(),
            levels: Vec::new(),
            description: None,
            manual: true,
            cover: None,
            online: None,
            licences: Vec::new(),
            offers: Vec::new(),
        }
    }

    /// Pupils it is assigned to, over all licences.
    pub fn assigned_pupils(&self) -> u64 {
        self.licences.iter().map(|l| l.assigned_pupils).sum()
    }
}

/// A subscription of the school to a holding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// The GAR's `idAbonnement`, or the order line of a plan B import.
    pub id: String,
    /// First moment of validity.
    pub from: Option<Timestamp>,
    /// First moment past validity.
    pub until: Option<Timestamp>,
    /// Pupils' licences bought; `None` = unlimited or not said.
    pub pupil_licences: Option<u64>,
    /// Pupils it is assigned to now (*décompte*).
    pub assigned_pupils: u64,
    /// Given to persons one by one (`typeAffectation` INDIV), not to the whole school.
    #[serde(default)]
    pub individual: bool,
    /// Publics it is meant for, as the GAR writes them (`ELEVE`, `ENSEIGNANT`, …).
    pub publics: Vec<String>,
}

/// A package that a distributor offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Name of the feed it came from (its credentials are used to fetch it).
    pub source: String,
    /// Where it is.
    pub url: Url,
    /// Media type, such as `application/epub+zip`.
    pub media_type: String,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Hash.
    pub sha256: Option<BlobId>,
    /// The feed's `modified`, or whatever tells versions apart.
    pub version: String,
    /// Not to be lent from this moment on.
    pub until: Option<Timestamp>,
}

/// When a source was last asked, and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// The source's name in `preau.toml`, or `import`.
    pub name: String,
    /// Date of the last good answer: its age is shown.
    pub good_at: Option<Timestamp>,
    /// Why the last try failed, if it did.
    pub failure: Option<String>,
    /// Entries in the last good answer.
    pub entries: usize,
    /// Entries left out, with the reason.
    pub refused: Vec<String>,
}

/// Everything the school holds, as known now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Sorted by title.
    pub all: Vec<Arc<Holding>>,
    /// One a source.
    pub sources: Vec<SourceState>,
}

/// What may go wrong.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The school's time zone is not known.
    #[error("time zone {name}: {reason}; a name such as Europe/Paris was expected")]
    TimeZone {
        /// The name in the configuration.
        name: String,
        /// The time zone library's words.
        reason: String,
    },
    /// Another import is under way.
    #[error("an import is under way already; wait for its end")]
    Busy,
    /// The folder to import cannot be read.
    #[error("{path}: {reason}; a folder with an order (commande.csv) was expected")]
    Folder {
        /// The folder, or a file in it.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The order says nothing that can be used.
    #[error("{path}: {reason}; the columns are described in docs/plan-b.md")]
    Order {
        /// The CSV file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What was imported cannot be kept.
    #[error("keeping the answer of {name}: {reason}")]
    Keep {
        /// The source's name.
        name: String,
        /// The store's words.
        reason: String,
    },
}

/// Where an import is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProgress {
    /// Order line being worked on, from 1.
    pub line: usize,
    /// Order lines in all.
    pub lines: usize,
    /// File being read.
    pub file: String,
    /// Bytes read so far, of all files.
    pub bytes: u64,
    /// Bytes in all files.
    pub total: u64,
}

/// How an import went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Packages stored now.
    pub stored: usize,
    /// Packages that were there already.
    pub known: usize,
    /// Lines or files refused, each with its reason.
    pub refused: Vec<String>,
}
