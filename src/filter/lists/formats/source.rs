//! Where lists come from: a UT1 tree or archive, or a file of one category.

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use jiff::Timestamp;

use super::{Feed, Reader, rpz::Zone, ut1};
use crate::filter::{
    category::Category,
    lists::{Builder, Purpose, build::BuildError},
};

/// Bytes read of one source, unpacked.
pub(super) const MAX_SOURCE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Bytes read at a time.
pub(super) const BUFFER_BYTES: usize = 256 * 1024;
/// Remarks kept of one source.
const MAX_NOTES: usize = 20;

/// How a source is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// UT1: a folder a category, as a tree or a `.tar.gz`.
    Ut1,
    /// A hosts file.
    Hosts,
    /// One name a line.
    Domains,
    /// AdGuard rules.
    AdGuard,
    /// A response policy zone.
    Rpz,
}

impl FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "ut1" => Ok(Self::Ut1),
            "hosts" => Ok(Self::Hosts),
            "domains" => Ok(Self::Domains),
            "adguard" => Ok(Self::AdGuard),
            "rpz" => Ok(Self::Rpz),
            _ => Err(()),
        }
    }
}

/// A source to be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How it is written.
    pub format: Format,
    /// The category that it fills; UT1 has its own.
    pub category: Option<String>,
    /// Where it is.
    pub path: PathBuf,
    /// Its date, when it is not that of its last change.
    pub date: Option<Timestamp>,
}

/// Why a source is not read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system refuses.
    #[error("could not read {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No category is named, or one with a name that none may have.
    #[error("{0}: name the category it fills, with letters, digits, `-` and `_`")]
    NoCategory(PathBuf),
    /// A UT1 source without a category.
    #[error("{0} holds no UT1 category: a folder with `domains`, `urls` or `expressions`")]
    NothingFound(PathBuf),
    /// The lists are too much.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl SourceError {
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Unreadable { path: path.to_owned(), source }
    }
}

/// How far reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is read now.
    pub what: &'a str,
    /// Bytes of it read since the last time.
    pub bytes: u64,
}

/// What was odd about a source and stopped nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notes {
    /// The first remarks.
    pub first: Vec<String>,
    /// How many there were.
    pub count: usize,
}

impl Notes {
    pub(super) fn add(&mut self, note: impl fmt::Display) {
        self.count += 1;
        if self.first.len() < MAX_NOTES {
            self.first.push(note.to_string());
        }
    }
}

impl Source {
    /// Reads all of it into `builder`; blocks on the disk. `progress` is told of each piece.
    ///
    /// # Errors
    /// It cannot be read, or there is no category to put it in.
    pub fn read(
        &self,
        builder: &mut Builder,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Notes, SourceError> {
        let mut notes = Notes::default();
        let reader = match self.format {
            Format::Ut1 if self.path.is_dir() => {
                ut1::read_tree(self, builder, &mut notes, progress)?;
                return Ok(notes);
            }
            Format::Ut1 => {
                ut1::read_archive(self, builder, &mut notes, progress)?;
                return Ok(notes);
            }
            Format::Hosts => Reader::Hosts,
            Format::Domains => Reader::Domains,
            Format::AdGuard => Reader::AdGuard,
            Format::Rpz => Reader::Rpz(Zone::default()),
        };
        let name = self.category.as_deref().filter(|name| ut1::is_category_name(name));
        let name = name.ok_or_else(|| SourceError::NoCategory(self.path.clone()))?;
        let file = File::open(&self.path).map_err(SourceError::at(&self.path))?;
        let changed = file.metadata().and_then(|about| about.modified()).ok();
        let category = builder.category(name)?;
        let changed = changed.and_then(|time| Timestamp::try_from(time).ok());
        self.describe(builder, category, changed, Purpose::Black);
        let input = BufReader::with_capacity(BUFFER_BYTES, file.take(MAX_SOURCE_BYTES));
        let mut feed = Feed::new(reader, category);
        feed.part(input, builder, &mut |bytes| progress(Progress { what: name, bytes }))
            .map_err(SourceError::at(&self.path))?;
        feed.end(builder);
        Ok(notes)
    }

    /// Says in the category where it comes from, and of when.
    pub(super) fn describe(
        &self,
        builder: &mut Builder,
        category: Category,
        changed: Option<Timestamp>,
        purpose: Purpose,
    ) {
        let Some(about) = builder.about(category) else { return };
        about.date = about.date.max(self.date.or(changed));
        let source = self.path.display().to_string();
        if !about.sources.contains(&source) {
            about.sources.push(source);
        }
        if about.purpose == Purpose::Unsaid {
            about.purpose = purpose;
        }
    }
}
