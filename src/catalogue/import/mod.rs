//! Plan B: an order and its packages, brought on a USB stick or from a folder when no source can
//! be reached. The format is described in `docs/plan-b.md`.

mod files;
mod order;

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

pub(super) use self::order::{Order, read_order};
use self::{files::FileError, order::OrderLine};
use super::{
    Holdings, ImportProgress, ImportReport,
    entry::{Kept, Kind, MAX_ENTRIES, Part, SCHEMA},
    text::Notes,
};
use crate::store::{BlobId, Description, Store, Ticket};

/// Bytes read and handed on at a time.
const PIECE_BYTES: usize = 1 << 20;

/// The kept imports with this order's lines added; lines of the same book replace older ones.
pub(super) fn add(old: Option<Kept>, order: &Order, now: Timestamp) -> Kept {
    let named: HashSet<&str> =
        order.lines.iter().flat_map(|line| &line.entry.identifiers).map(String::as_str).collect();
    let mut parts = old.map(|old| old.parts).unwrap_or_default();
    parts.retain(|part| {
        let mut identifiers = part.entries.iter().flat_map(|entry| &entry.identifiers);
        !identifiers.any(|id| named.contains(id.as_str()))
    });
    let mut new: HashMap<&str, usize> = HashMap::new();
    for line in &order.lines {
        let Some(key) = line.entry.identifiers.first() else { continue };
        if let Some(at) = new.get(key.as_str()).copied()
            && let Some(part) = parts.get_mut::<usize>(at)
        {
            part.entries.push(line.entry.clone());
        } else if parts.len() < MAX_ENTRIES {
            new.insert(key, parts.len());
            parts.push(Part { key: key.clone(), at: now, entries: vec![line.entry.clone()] });
        }
    }
    Kept { schema: SCHEMA, kind: Kind::Import, parts, refused: order.refused.clone() }
}

/// Why the import stops here.
enum Stop {
    /// The caller had enough.
    Cancelled,
    /// This file is refused; the others go on.
    Refused(String),
}

impl From<FileError> for Stop {
    fn from(error: FileError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// Brings the order's package files into the store, one after the other.
pub(super) fn bring(
    folder: &Path,
    order: &Order,
    store: &Store,
    holdings: &Holdings,
    progress: &mut dyn FnMut(&ImportProgress) -> bool,
) -> ImportReport {
    let mut notes = Notes::default();
    notes.extend(order.refused.iter().cloned());
    let total = order.lines.iter().filter_map(|line| line.file.as_deref());
    let total = total.filter_map(|name| files::open(folder, name).ok()).map(|(_, size)| size).sum();
    let mut import = Import {
        folder,
        store,
        holdings,
        progress,
        at: ImportProgress { lines: order.lines.len(), total, ..ImportProgress::default() },
        report: ImportReport::default(),
        buffer: vec![0; PIECE_BYTES],
    };
    let mut cancelled = false;
    for (place, line) in order.lines.iter().enumerate() {
        import.at.line = place + 1;
        match import.line(line) {
            Ok(()) => {}
            Err(Stop::Cancelled) => {
                notes.add(&format!("stopped at line {} of {}", place + 1, order.lines.len()));
                cancelled = true;
                break;
            }
            Err(Stop::Refused(reason)) => notes.add(&format!("line {}: {reason}", line.number)),
        }
    }
    if !cancelled {
        notes.extend(files::unnamed(folder, order.lines.iter().filter_map(|l| l.file.as_deref())));
    }
    ImportReport { refused: notes.into_lines(), ..import.report }
}

/// An import under way.
struct Import<'a> {
    folder: &'a Path,
    store: &'a Store,
    holdings: &'a Holdings,
    progress: &'a mut dyn FnMut(&ImportProgress) -> bool,
    at: ImportProgress,
    report: ImportReport,
    buffer: Vec<u8>,
}

impl Import<'_> {
    fn line(&mut self, line: &OrderLine) -> Result<(), Stop> {
        let Some(name) = &line.file else { return self.tell(0) };
        name.clone_into(&mut self.at.file);
        self.tell(0)?;
        let (mut file, size) = files::open(self.folder, name)?;
        let begun = self.at.bytes;
        let outcome = self.file(name, &mut file, size, line);
        // Refused or known, the file's bytes are behind us.
        self.at.bytes = begun + size;
        outcome
    }

    fn file(
        &mut self,
        name: &str,
        file: &mut File,
        size: u64,
        line: &OrderLine,
    ) -> Result<(), Stop> {
        let media_type = files::sniff(name, file)?;
        // Hashing first costs a whole reading: only when a package of this size is there.
        if self.store.packages().iter().any(|known| known.size == size) {
            let begun = self.at.bytes;
            let hash = self.hash(name, file)?;
            if self.store.package(&hash).is_some() {
                self.report.known += 1;
                return Ok(());
            }
            self.at.bytes = begun;
        }
        self.copy(name, file, size, self.description(name, media_type, line))?;
        self.report.stored += 1;
        Ok(())
    }

    fn hash(&mut self, name: &str, file: &mut File) -> Result<BlobId, Stop> {
        file.seek(SeekFrom::Start(0)).map_err(|error| unreadable(name, &error))?;
        let mut hasher = Sha256::new();
        loop {
            let got = file.read(&mut self.buffer).map_err(|error| unreadable(name, &error))?;
            if got == 0 {
                return Ok(BlobId(hasher.finalize().into()));
            }
            hasher.update(self.buffer.get(..got).unwrap_or_default());
            self.tell(got as u64)?;
        }
    }

    fn copy(
        &mut self,
        name: &str,
        file: &mut File,
        size: u64,
        about: Description,
    ) -> Result<(), Stop> {
        let failed = |error: &dyn std::fmt::Display| Stop::Refused(format!("{name}: {error}"));
        file.seek(SeekFrom::Start(0)).map_err(|error| unreadable(name, &error))?;
        let ticket =
            Ticket { url: format!("import:{name}"), length: Some(size), ..Ticket::default() };
        let opened = self.store.incoming(&ticket.url, ticket.clone());
        let mut incoming = opened.map_err(|error| failed(&error))?;
        if !incoming.is_empty() {
            // What an earlier import left may be of another file of this name.
            incoming.restart(ticket).map_err(|error| failed(&error))?;
        }
        let mut copied = || loop {
            let got = file.read(&mut self.buffer).map_err(|error| unreadable(name, &error))?;
            if got == 0 {
                return Ok(());
            }
            let piece = self.buffer.get(..got).unwrap_or_default();
            incoming.append(piece).map_err(|error| failed(&error))?;
            self.tell(got as u64)?;
        };
        if let Err(stop) = copied() {
            // Nothing more can be done about bytes that cannot be removed: the store sweeps them.
            let _ = incoming.discard();
            return Err(stop);
        }
        incoming.commit(about).map_err(|error| failed(&error))?;
        Ok(())
    }

    /// Filed under the holding that one of the line's identifiers belongs to.
    fn description(&self, name: &str, media_type: &str, line: &OrderLine) -> Description {
        let named = |id: &String| line.entry.identifiers.contains(id);
        let holding = self.holdings.all.iter().find(|h| h.identifiers.iter().any(named));
        let own = || line.entry.identifiers.first().cloned().unwrap_or_default();
        let id = holding.map_or_else(own, |holding| holding.id.clone());
        let title = holding.map(|h| h.title.clone()).or_else(|| line.entry.title.clone());
        Description {
            title: title.unwrap_or_else(|| id.clone()),
            holding: id,
            identifiers: holding
                .map_or_else(|| line.entry.identifiers.clone(), |h| h.identifiers.clone()),
            publisher: holding
                .map_or_else(|| line.entry.publisher.clone(), |h| h.publisher.clone()),
            media_type: media_type.to_owned(),
            version: line.version.clone(),
            origin: format!("import:{name}"),
        }
    }

    fn tell(&mut self, bytes: u64) -> Result<(), Stop> {
        self.at.bytes += bytes;
        if (self.progress)(&self.at) { Ok(()) } else { Err(Stop::Cancelled) }
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Stop {
    Stop::Refused(format!("{name}: cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{super::entry::Entry, *};

    fn order(ids: &[&[&str]]) -> Order {
        let lines = ids.iter().enumerate().map(|(place, ids)| OrderLine {
            number: place as u64 + 2,
            entry: Entry {
                identifiers: ids.iter().map(|id| (*id).to_owned()).collect(),
                ..Entry::default()
            },
            file: None,
            version: String::new(),
        });
        Order { lines: lines.collect(), refused: vec![] }
    }

    #[test]
    fn a_second_order_adds_its_books_and_replaces_the_same_ones() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = add(None, &order(&[&["isbn:1"], &["isbn:2"]]), at(1));
        let second =
            add(Some(first), &order(&[&["ark:/1/b", "isbn:2"], &["isbn:3"], &["isbn:3"]]), at(2));
        let keys: Vec<_> = second.parts.iter().map(|p| (&*p.key, p.at, p.entries.len())).collect();
        assert_eq!(keys, [("isbn:1", at(1), 1), ("ark:/1/b", at(2), 1), ("isbn:3", at(2), 2)]);
        assert_eq!(second.good_at(), Some(at(2)), "the last import's date is the one to show");
    }
}
