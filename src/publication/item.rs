//! What a package is made of, whichever its format.

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
    /// Path inside the package, with `?query` and `#fragment` when it has them.
    pub href: Option<String>,
    /// Lines below it.
    pub children: Vec<ContentsEntry>,
}
