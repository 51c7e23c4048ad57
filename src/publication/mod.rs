//! Opens packages: EPUB, PDF and HTML/SCORM zips become a manifest, a table of contents and
//! resources, straight from the file; nothing is unpacked.
//!
//! Not here: who asks, and the HTTP answer itself (`library`).

use std::{fs::File, sync::Arc};

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
}

/// Kinds of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// EPUB 3 (or 2), one fixed page a document.
    EpubFixed,
    /// EPUB 3 (or 2), text that flows.
    EpubReflowable,
    /// PDF.
    Pdf,
    /// A web site in a zip, `index.html` its start.
    Html,
    /// SCORM 1.2 or 2004.
    Scorm,
}

/// What a package says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Title; empty when it has none.
    pub title: String,
    /// Identifiers as written (URN, ISBN…).
    pub identifiers: Vec<String>,
    /// Authors.
    pub authors: Vec<String>,
    /// Publisher.
    pub publisher: Option<String>,
    /// BCP 47 languages.
    pub languages: Vec<String>,
    /// Last change, as written.
    pub modified: Option<String>,
    /// Pages, when known.
    pub pages: Option<u32>,
    /// `rtl` page progression.
    pub right_to_left: bool,
}

/// One resource of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Path inside the package, decoded, no leading slash, no `..`.
    pub path: String,
    /// Media type.
    pub media_type: String,
    /// Title, when the table of contents names it.
    pub title: Option<String>,
    /// Bytes, inflated.
    pub size: u64,
    /// `left`, `right` or `center` of a double page.
    pub page: Option<&'static str>,
    /// Width and height of a fixed page, CSS pixels.
    pub viewport: Option<(u32, u32)>,
}

/// A line of the table of contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentsEntry {
    /// What it says.
    pub title: String,
    /// Path inside the package, with `#fragment` when it has one.
    pub href: Option<String>,
    /// Lines below it.
    pub children: Vec<ContentsEntry>,
}

/// The bytes of one resource, where they lie in the package.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The package.
    pub file: Arc<File>,
    /// First byte of the stored or deflated data.
    pub offset: u64,
    /// Bytes there.
    pub stored_len: u64,
    /// Bytes once inflated; equal to `stored_len` when stored.
    pub len: u64,
    /// Is it a raw deflate stream (RFC 1951)?
    pub deflated: bool,
    /// CRC-32 of the inflated bytes.
    pub crc32: u32,
    /// Media type.
    pub media_type: String,
}

impl Resource {
    /// RFC 1952 header and trailer that make the raw deflate stream a gzip file: header, trailer.
    pub fn gzip_frame(&self) -> ([u8; 10], [u8; 8]) {
        todo!()
    }
    /// The bytes, inflated and checked, at most `limit`. Blocking.
    pub fn read(&self, _limit: u64) -> Result<Vec<u8>, PublicationError> {
        todo!()
    }
}

impl Publication {
    /// Opens and checks a package of the given media type. Blocking.
    pub fn open(_file: File, _media_type: &str) -> Result<Self, PublicationError> {
        todo!()
    }
    /// One resource by its path inside the package (decoded). *In memory.*
    pub fn resource(&self, _path: &str) -> Option<Resource> {
        todo!()
    }
    /// The Readium Web Publication Manifest. `base` is the address of the package's folder, with a
    /// final slash; every `href` is below it.
    pub fn manifest(&self, _base: &str) -> serde_json::Value {
        todo!()
    }
}

/// Why a package is refused; names the rule it breaks.
#[derive(Debug, thiserror::Error)]
pub enum PublicationError {
    /// More variants come with the code.
    #[error("{0}")]
    Other(String),
}
