//! UT1 as a `.tar.gz`, read in one pass and never unpacked.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use tar::{Archive, Entry, EntryType};

use super::{
    super::{
        Feed, Notes, Progress, Source, SourceError,
        source::{BUFFER_BYTES, MAX_SOURCE_BYTES},
    },
    MAX_USAGE_BYTES, OUT_OF_ORDER, Part, is_category_name,
    tree::{add_aliases, sibling},
    usage,
};
use crate::filter::{
    category::Category,
    lists::{Builder, Purpose},
};

/// Files of an archive.
const MAX_ENTRIES: usize = 100_000;
/// Links, and `usage` files.
const MAX_ALIASES: usize = 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads every category of the source's archive, packed or not.
pub(in super::super) fn read_archive(
    source: &Source,
    builder: &mut Builder,
    notes: &mut Notes,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), SourceError> {
    let at = || SourceError::at(&source.path);
    let file = File::open(&source.path).map_err(at())?;
    let mut input = BufReader::with_capacity(BUFFER_BYTES, file);
    let packed = io::BufRead::fill_buf(&mut input).map_err(at())?.starts_with(&GZIP_MAGIC);
    let bytes: Box<dyn Read> =
        if packed { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) };
    let mut archive = Archive::new(bytes.take(MAX_SOURCE_BYTES));
    let mut reading = Reading {
        source,
        builder,
        notes,
        feeds: BTreeMap::new(),
        usages: BTreeMap::new(),
        aliases: Vec::new(),
    };
    for entry in archive.entries().map_err(at())?.take(MAX_ENTRIES) {
        reading.entry(entry.map_err(at())?, progress)?;
    }
    reading.end()
}

/// What was met so far.
struct Reading<'a> {
    source: &'a Source,
    builder: &'a mut Builder,
    notes: &'a mut Notes,
    /// Files under way: the piece that comes next, and the lines.
    feeds: BTreeMap<(String, Part), (u32, Feed)>,
    usages: BTreeMap<String, (Purpose, Vec<String>)>,
    aliases: Vec<(String, String)>,
}

impl Reading<'_> {
    fn entry(
        &mut self,
        entry: Entry<'_, impl Read>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SourceError> {
        let at = || SourceError::at(&self.source.path);
        let path = entry.path().map_err(at())?.into_owned();
        let Some((folder, name)) = last_names(&path) else { return Ok(()) };
        match entry.header().entry_type() {
            EntryType::Symlink => {
                let link = entry.link_name().map_err(at())?;
                match link.as_deref().and_then(sibling) {
                    Some(target) if self.aliases.len() < MAX_ALIASES => {
                        self.aliases.push((name, target));
                    }
                    _ => self.notes.add(format_args!("{name}: a link out of the tree")),
                }
                Ok(())
            }
            EntryType::Regular => self.file(entry, folder, &name, progress),
            // Folders say nothing; nothing else has a place in lists.
            _ => Ok(()),
        }
    }

    fn file(
        &mut self,
        entry: Entry<'_, impl Read>,
        folder: String,
        name: &str,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), SourceError> {
        let at = SourceError::at(&self.source.path);
        if name == "usage" && self.usages.len() < MAX_ALIASES {
            let mut text = Vec::new();
            entry.take(MAX_USAGE_BYTES).read_to_end(&mut text).map_err(at)?;
            self.usages.insert(folder, usage(&String::from_utf8_lossy(&text)));
            return Ok(());
        }
        let Some((part, piece)) = Part::of_name(name) else { return Ok(()) };
        if !is_category_name(&folder) {
            self.notes.add(format_args!("{folder:?} is no name of a category"));
            return Ok(());
        }
        let category = self.builder.category(&folder)?;
        let changed = entry.header().mtime().ok().and_then(|seconds| {
            i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
        });
        self.source.describe(self.builder, category, changed, Purpose::Unsaid);
        let new = || (0, Feed::new(part.reader(), category));
        let (next, feed) = self.feeds.entry((folder.clone(), part)).or_insert_with(new);
        if piece.is_some_and(|piece| piece != *next) {
            if let Some(about) = self.builder.about(category) {
                about.bad(0, name.as_bytes(), &OUT_OF_ORDER);
            }
            return Ok(());
        }
        *next += u32::from(piece.is_some());
        let input = BufReader::with_capacity(BUFFER_BYTES, entry);
        feed.part(input, self.builder, &mut |bytes| {
            progress(Progress { what: &folder, bytes });
        })
        .map_err(at)
    }

    fn end(self) -> Result<(), SourceError> {
        if self.feeds.is_empty() {
            return Err(SourceError::NothingFound(self.source.path.clone()));
        }
        for (_, feed) in self.feeds.into_values() {
            feed.end(self.builder);
        }
        for (name, said) in self.usages {
            let category: Option<Category> = self.builder.known(&name);
            if let Some(about) = category.and_then(|category| self.builder.about(category)) {
                (about.purpose, about.tags) = said;
            }
        }
        add_aliases(self.builder, self.aliases, self.notes);
        Ok(())
    }
}

/// The name of the folder that something is in, and its own.
fn last_names(path: &Path) -> Option<(String, String)> {
    let name = path.file_name()?.to_str()?.to_owned();
    let folder = path.parent()?.file_name().map(|folder| folder.to_string_lossy().into_owned());
    Some((folder.unwrap_or_default(), name))
}
