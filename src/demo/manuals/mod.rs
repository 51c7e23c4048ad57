//! Twelve French manuals made by code: real lessons, drawn pictures, four kinds of package.
//!
//! The same manual and version always give the same bytes, so that a version 2 differs from
//! version 1 in three pages and nowhere else.

mod big;
mod canvas;
mod dice;
mod fixed;
mod html;
mod letters;
mod motifs;
mod opf;
mod package;
mod pdf;
mod press;
mod reflow;
mod shelf;
mod text;

use std::{
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

pub use self::{big::write_big_epub, shelf::manuals};
use self::{motifs::Motif, package::Output, press::Press, text::Lesson};
use crate::store::BlobId;

/// How a manual is packaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Fixed-layout EPUB 3, one XHTML and one full-page picture a page.
    FixedEpub,
    /// Reflowable EPUB 3, one XHTML a chapter.
    ReflowableEpub,
    /// PDF with an outline.
    Pdf,
    /// Zip of HTML pages with an `index.html`.
    HtmlZip,
}

impl Kind {
    /// Media type of the package.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::FixedEpub | Self::ReflowableEpub => "application/epub+zip",
            Self::Pdf => "application/pdf",
            Self::HtmlZip => "application/zip",
        }
    }

    /// File name extension of the package, without its dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::FixedEpub | Self::ReflowableEpub => "epub",
            Self::Pdf => "pdf",
            Self::HtmlZip => "zip",
        }
    }
}

/// A manual of the demo school.
#[derive(Debug, Clone)]
pub struct Manual {
    /// Short name, for files and addresses.
    pub slug: &'static str,
    /// Title.
    pub title: &'static str,
    /// Subject, as people read it.
    pub subject: &'static str,
    /// Level, as people read it.
    pub level: &'static str,
    /// BCP 47 language of most of its text.
    pub language: &'static str,
    /// Invented publisher.
    pub publisher: &'static str,
    /// Invented ARK (`ark:/49591/…`).
    pub ark: String,
    /// Invented ISBN-13 with a right check digit.
    pub isbn: String,
    /// How it is packaged.
    pub kind: Kind,
    /// About how large its package is, in bytes.
    pub target_bytes: u64,
    motif: Motif,
    text: &'static str,
}

impl Manual {
    /// File name of its package.
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.slug, self.kind.extension())
    }
}

/// What was written for a manual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenManual {
    /// Bytes of the package.
    pub size: u64,
    /// Their hash.
    pub sha256: BlobId,
    /// Media type of the package.
    pub media_type: &'static str,
    /// Date of this version.
    pub modified: Timestamp,
}

/// A manual and the file that holds one version of it.
#[derive(Debug, Clone)]
pub struct Printed {
    /// The manual.
    pub manual: Manual,
    /// Where its package is.
    pub path: PathBuf,
    /// What is in the file.
    pub written: WrittenManual,
}

/// First version's date: 15 June 2026, 08:00 UTC.
const FIRST_VERSION: Timestamp = Timestamp::constant(1_781_510_400, 0);
/// Seconds between two versions: three weeks.
const BETWEEN_VERSIONS: i64 = 21 * 86_400;

/// The date of a version, from 1.
fn modified(version: u32) -> Timestamp {
    let later = i64::from(version.saturating_sub(1)).saturating_mul(BETWEEN_VERSIONS);
    Timestamp::from_second(FIRST_VERSION.as_second().saturating_add(later)).unwrap_or(FIRST_VERSION)
}

/// Writes one version (from 1) of a manual. Blocking; `progress` is told the bytes written so far.
pub fn write(
    manual: &Manual,
    version: u32,
    to: &Path,
    progress: &mut dyn FnMut(u64),
) -> io::Result<WrittenManual> {
    let lesson = Lesson::parse(manual.text);
    let output = Output::create(to, progress)?;
    let (size, sha256) = match manual.kind {
        Kind::FixedEpub => fixed::write(manual, &lesson, version, output)?,
        Kind::ReflowableEpub => reflow::write(manual, &lesson, version, output)?,
        Kind::Pdf => pdf::write(manual, &lesson, version, output)?,
        Kind::HtmlZip => html::write(manual, &lesson, version, output)?,
    };
    let media_type = manual.kind.media_type();
    Ok(WrittenManual { size, sha256, media_type, modified: modified(version) })
}

/// Writes one version of a manual into a folder, as `slug-vN.ext`. Blocking.
pub fn print(
    manual: &Manual,
    version: u32,
    folder: &Path,
    progress: &mut dyn FnMut(u64),
) -> io::Result<Printed> {
    let name = format!("{}-v{version}.{}", manual.slug, manual.kind.extension());
    let path = folder.join(name);
    let written = write(manual, version, &path, progress)?;
    Ok(Printed { manual: manual.clone(), path, written })
}

/// The cover alone, as a small JPEG.
pub fn cover(manual: &Manual) -> io::Result<Vec<u8>> {
    Press::thumbnail(manual)
}

/// Pages that version 2 and later change, of `count`.
fn changed_pages(count: usize) -> [usize; 3] {
    [count / 4, count / 2, count * 3 / 4]
}

/// The line that a changed page carries in version `version`.
fn correction(version: u32, page: usize, count: usize) -> Option<String> {
    (version > 1 && changed_pages(count).contains(&page))
        .then(|| format!("Édition {version} : page revue et corrigée."))
}

#[cfg(test)]
mod tests;
