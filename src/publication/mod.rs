//! Opens packages: EPUB, PDF and HTML/SCORM zips become a manifest, a table of contents and
//! resources, straight from the file; nothing is unpacked.
//!
//! Not here: who asks, and the HTTP answer itself (`library`).

mod contents;
mod epub;
mod error;
mod html;
mod item;
mod manifest;
mod media_type;
mod open;
mod path;
mod pdf;
mod resource;
mod scorm;
#[cfg(test)]
pub(crate) mod testing;
mod xml;
mod zip;

use std::{fs::File, sync::Arc};

pub use error::PublicationError;
pub use item::{ContentsEntry, Item, Kind, Metadata};
pub use path::encode as encode_path;
pub use resource::{Inflating, Resource};
pub use zip::ZipError;

use zip::Table;

/// A package, open for reading. Shared by all its readers.
#[derive(Debug)]
pub struct Publication {
    /// What kind of package it is.
    pub kind: Kind,
    /// What the package says of itself.
    pub metadata: Metadata,
    /// Pages or chapters, in reading order.
    pub reading_order: Vec<Item>,
    /// Everything else.
    pub resources: Vec<Item>,
    /// Table of contents.
    pub contents: Vec<ContentsEntry>,
    /// Path of the cover image, when there is one.
    pub cover: Option<String>,
    place: Place,
    /// Bytes of memory that all this takes, about; counted once.
    memory: std::sync::OnceLock<usize>,
}

/// Where the bytes of a package are.
#[derive(Debug)]
enum Place {
    /// Entries of a zip.
    Zip(Table),
    /// The file is the one resource.
    Whole(Arc<File>),
}

impl Publication {
    /// Opens and checks a package of the given media type. Blocking.
    ///
    /// The media type tells EPUB, PDF and zips apart; one that tells nothing
    /// (`application/octet-stream`) leaves it to the first bytes.
    pub fn open(file: File, media_type: &str) -> Result<Self, PublicationError> {
        open::open(file, media_type)
    }

    /// One resource by its path inside the package (decoded). *In memory.*
    pub fn resource(&self, path: &str) -> Option<Resource> {
        match &self.place {
            Place::Zip(table) => table.find(path).map(|row| table.resource(row)),
            Place::Whole(file) => {
                let item = self.reading_order.first().filter(|item| item.path == path)?;
                Some(Resource::whole(file.clone(), item))
            }
        }
    }

    /// Bytes of memory that the open package takes, about. *In memory.*
    pub fn memory(&self) -> usize {
        *self.memory.get_or_init(|| {
            let of_item = |item: &Item| {
                let text = item.path.len() + item.media_type.len();
                size_of::<Item>() + text + item.title.as_ref().map_or(0, String::len)
            };
            let items =
                self.reading_order.iter().chain(&self.resources).map(of_item).sum::<usize>();
            let mut lines = 0;
            let mut waiting: Vec<&ContentsEntry> = self.contents.iter().collect();
            while let Some(line) = waiting.pop() {
                let text = line.title.len() + line.href.as_ref().map_or(0, String::len);
                lines += size_of::<ContentsEntry>() + text;
                waiting.extend(&line.children);
            }
            let table = match &self.place {
                Place::Zip(table) => table.memory(),
                Place::Whole(_) => 0,
            };
            items + lines + table
        })
    }

    /// The Readium Web Publication Manifest. `base` is the address of the package's folder, with a
    /// final slash; every `href` is below it.
    pub fn manifest(&self, base: &str) -> serde_json::Value {
        manifest::manifest(self, base)
    }

    /// The address of a line of the table of contents (path, `?query` and `#fragment` as
    /// [`ContentsEntry::href`] has them) below `base`, encoded.
    pub fn address(&self, base: &str, href: &str) -> String {
        manifest::address(self, base, href)
    }
}
