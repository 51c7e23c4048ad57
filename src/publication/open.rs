//! Tells the formats apart and opens each.

use std::{fs::File, os::unix::fs::FileExt as _, sync::Arc};

use super::{Item, Publication, PublicationError, epub, html, media_type, pdf, scorm, zip::Table};

/// A PDF's header is in its first bytes (ISO 32000-1 annex H, implementation note 13).
const PDF_HEADER_WITHIN_BYTES: usize = 1_024;

/// What a media type lets expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Epub,
    Pdf,
    Zip,
    Anything,
}

fn expected(media_type: &str) -> Expected {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/epub+zip" => Expected::Epub,
        media_type::PDF => Expected::Pdf,
        "application/zip" | "application/x-zip" | "application/x-zip-compressed" => Expected::Zip,
        other if other.ends_with("+zip") || other.contains("scorm") => Expected::Zip,
        _ => Expected::Anything,
    }
}

/// Opens and checks a package.
pub(super) fn open(file: File, announced: &str) -> Result<Publication, PublicationError> {
    let expected = expected(announced);
    let file = Arc::new(file);
    let is_pdf = has_pdf_header(&file)?;
    let other_format =
        |expected| PublicationError::OtherFormat { announced: announced.to_owned(), expected };
    match expected {
        Expected::Pdf if !is_pdf => return Err(other_format("a PDF")),
        Expected::Pdf => return pdf::open(file),
        Expected::Epub | Expected::Zip if is_pdf => return Err(other_format("a zip archive")),
        Expected::Anything if is_pdf => return pdf::open(file),
        Expected::Epub | Expected::Zip | Expected::Anything => {}
    }
    let table = Table::read(file)?;
    if expected == Expected::Epub || table.find(epub::CONTAINER).is_some() {
        epub::open(table)
    } else if let Some(manifest) = scorm::find_manifest(&table) {
        scorm::open(table, &manifest)
    } else {
        html::open(table)
    }
}

fn has_pdf_header(file: &File) -> Result<bool, PublicationError> {
    let mut head = [0; PDF_HEADER_WITHIN_BYTES];
    let mut got = 0;
    while let Some(room) = head.get_mut(got..).filter(|room| !room.is_empty()) {
        match file.read_at(room, got as u64) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(source) if source.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => {
                return Err(PublicationError::Read {
                    what: "the first bytes".into(),
                    offset: got as u64,
                    source,
                });
            }
        }
    }
    let head = head.get(..got).unwrap_or_default();
    // A zip may store a PDF as its first entry, uncompressed.
    Ok(!head.starts_with(b"PK") && head.windows(5).any(|window| window == b"%PDF-"))
}

/// An item for an entry of a zip, by its path; `None` when it is not there.
pub(super) fn item(table: &Table, path: &str) -> Option<Item> {
    let row = table.find(path)?;
    Some(Item {
        path: table.path(row).to_owned(),
        media_type: table.media_type(row).to_owned(),
        title: None,
        size: row.len,
        page: None,
        viewport: None,
    })
}

/// Items for all entries but these, for packages that do not list their own.
pub(super) fn other_items(table: &Table, but: &[Item]) -> Vec<Item> {
    let taken: std::collections::HashSet<&str> = but.iter().map(|item| &*item.path).collect();
    table
        .rows()
        .map(|row| table.path(row))
        .filter(|path| !taken.contains(path))
        .filter_map(|path| item(table, path))
        .collect()
}
