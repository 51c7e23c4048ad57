//! Files of a foreign folder: opened without leaving it, recognised by what they hold.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::fd::OwnedFd,
    path::{Component, Path},
};

use rawzip::ZipArchive;
use rustix::fs::{Mode, OFlags};

use crate::catalogue::text::has_extension;

/// Files looked at in a folder.
pub(super) const MAX_FILES: usize = 100_000;
/// Folders within the folder that a name may go through.
const MAX_DEPTH: usize = 8;
/// Bytes in which a PDF's first line is looked for (ISO 32000-2 annex I: readers accept 1,024).
const PDF_HEAD_BYTES: usize = 1_024;
/// Entries of a zip looked at to know what it is.
const MAX_ENTRIES: usize = 200_000;

const EPUB: &str = "application/epub+zip";
const PDF: &str = "application/pdf";
const ZIP: &str = "application/zip";

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("{name}: not a name of a file in the order's folder")]
    Outside { name: String },
    #[error("{name}: cannot be opened (links are not followed): {reason}")]
    Open { name: String, reason: io::Error },
    #[error("{name}: not a regular file")]
    Special { name: String },
    #[error("{name}: empty")]
    Empty { name: String },
    #[error("{name}: {size} bytes; at most {most} were expected")]
    TooLarge { name: String, size: u64, most: u64 },
    #[error("{name}: cannot be read: {reason}")]
    Read { name: String, reason: io::Error },
    #[error("{name}: {found}; EPUB, PDF, or a zip of HTML or SCORM was expected")]
    Unknown { name: String, found: String },
}

/// Opens `name`, which may be below folders of `folder`, following no link on the way. Gives its
/// size too.
pub(super) fn open(folder: &Path, name: &str) -> Result<(File, u64), FileError> {
    // Orders written on Windows say `dossier\fichier`.
    let slashed = name.replace('\\', "/");
    let mut steps = Vec::new();
    for component in Path::new(&slashed).components() {
        match component {
            Component::Normal(step) => steps.push(step),
            Component::CurDir => {}
            _ => return Err(FileError::Outside { name: name.to_owned() }),
        }
    }
    let Some((last, folders)) = steps.split_last() else {
        return Err(FileError::Outside { name: name.to_owned() });
    };
    if folders.len() > MAX_DEPTH || slashed.starts_with('/') {
        return Err(FileError::Outside { name: name.to_owned() });
    }
    let fault =
        |errno: rustix::io::Errno| FileError::Open { name: name.to_owned(), reason: errno.into() };
    let within = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // The folder itself is named by whoever runs the import: a link is fine there.
    let mut at: OwnedFd = rustix::fs::open(folder, within, Mode::empty()).map_err(fault)?;
    for step in folders {
        at = rustix::fs::openat(&at, *step, within | OFlags::NOFOLLOW, Mode::empty())
            .map_err(fault)?;
    }
    // Without waiting: a pipe of that name would never open.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: File = rustix::fs::openat(&at, *last, flags, Mode::empty()).map_err(fault)?.into();
    let about =
        file.metadata().map_err(|reason| FileError::Read { name: name.to_owned(), reason })?;
    match (about.is_file(), about.len()) {
        (false, _) => Err(FileError::Special { name: name.to_owned() }),
        (true, 0) => Err(FileError::Empty { name: name.to_owned() }),
        (true, size) => Ok((file, size)),
    }
}

/// A small file, whole.
pub(super) fn read_small(folder: &Path, name: &str, most: u64) -> Result<Vec<u8>, FileError> {
    let (file, size) = open(folder, name)?;
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|reason| FileError::Read { name: name.to_owned(), reason })?;
    if bytes.len() as u64 > most {
        return Err(FileError::TooLarge { name: name.to_owned(), size: size.max(most + 1), most });
    }
    Ok(bytes)
}

/// The media type of a package, by its content.
pub(super) fn sniff(name: &str, file: &mut File) -> Result<&'static str, FileError> {
    let read = |reason| FileError::Read { name: name.to_owned(), reason };
    let unknown = |found: String| FileError::Unknown { name: name.to_owned(), found };
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0)).map_err(read)?;
    (&mut *file).take(PDF_HEAD_BYTES as u64).read_to_end(&mut head).map_err(read)?;
    if head.windows(5).any(|w| w == b"%PDF-") && !head.starts_with(b"PK") {
        return Ok(PDF);
    }
    if !head.starts_with(b"PK\x03\x04") {
        return Err(unknown("neither a zip nor a PDF".to_owned()));
    }
    if is_marked_epub(&head) {
        return Ok(EPUB);
    }
    let file = file.try_clone().map_err(read)?;
    zip_type(file).map_err(unknown)
}

/// The first entry is `mimetype`, stored, and says so (EPUB OCF 3.3 §4.3).
fn is_marked_epub(head: &[u8]) -> bool {
    let name = head.get(30..38);
    let says = head.get(38..).unwrap_or_default();
    name == Some(b"mimetype".as_slice())
        && says.windows(EPUB.len()).take(64).any(|window| window == EPUB.as_bytes())
}

/// By the names within: an EPUB that forgot its mark, or pages of HTML (SCORM's included).
fn zip_type(file: File) -> Result<&'static str, String> {
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let broken = |error: rawzip::Error| format!("a zip whose directory cannot be read ({error})");
    let archive = ZipArchive::from_file(file, &mut buffer).map_err(broken)?;
    let mut entries = archive.entries(&mut buffer);
    let (mut looked, mut has_pages) = (0, false);
    while let Some(entry) = entries.next_entry().map_err(broken)? {
        looked += 1;
        if looked > MAX_ENTRIES {
            return Err(format!("a zip of more than {MAX_ENTRIES} entries"));
        }
        let path = entry.file_path();
        let name: &[u8] = path.as_ref();
        if name == b"META-INF/container.xml" {
            return Ok(EPUB);
        }
        let name = String::from_utf8_lossy(name);
        has_pages |= name == "imsmanifest.xml" || has_extension(&name, &["html", "htm", "xhtml"]);
    }
    if has_pages { Ok(ZIP) } else { Err("a zip without a page".to_owned()) }
}

/// Packages in the folder that no line of the order names, each as a line to tell.
pub(super) fn unnamed<'a>(folder: &Path, named: impl Iterator<Item = &'a str>) -> Vec<String> {
    let named: HashSet<String> =
        named.map(|name| name.replace('\\', "/").trim_start_matches("./").to_owned()).collect();
    // The order was found in this folder a moment ago; gone since, there is nothing to tell.
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<String> = listing
        .take(MAX_FILES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && !named.contains(name))
        .filter(|name| has_extension(name, &["epub", "pdf", "zip"]))
        .map(|name| format!("{name}: no line of the order names it"))
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn zip(names: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
        for name in names {
            let (mut entry, config) = archive.new_file(*name).start().unwrap();
            let mut writer = config.wrap(&mut entry);
            let text = if *name == "mimetype" { EPUB } else { "x" };
            writer.write_all(text.as_bytes()).unwrap();
            let (_, descriptor) = writer.finish().unwrap();
            entry.finish(descriptor).unwrap();
        }
        archive.finish().unwrap();
        bytes
    }

    fn sniffed(bytes: &[u8]) -> Result<&'static str, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        sniff("f", &mut file).map_err(|error| error.to_string())
    }

    #[test]
    fn packages_are_known_by_what_they_hold() {
        assert_eq!(sniffed(b"%PDF-1.7\n..."), Ok(PDF));
        assert_eq!(sniffed(&zip(&["mimetype", "META-INF/container.xml"])), Ok(EPUB));
        assert_eq!(sniffed(&zip(&["a.xhtml", "META-INF/container.xml"])), Ok(EPUB));
        assert_eq!(sniffed(&zip(&["imsmanifest.xml", "sco/1.js"])), Ok(ZIP));
        assert_eq!(sniffed(&zip(&["site/index.html"])), Ok(ZIP));
        for other in [&b"MZ..."[..], b"PK\x03\x04 and no more", &zip(&["photo.jpg"])] {
            assert!(sniffed(other).is_err());
        }
    }

    #[test]
    fn no_name_leaves_the_folder_and_no_link_is_followed() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("stick");
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::write(outer.path().join("secret.pdf"), "%PDF-").unwrap();
        fs::write(folder.join("sub/a.pdf"), "%PDF-").unwrap();
        fs::write(folder.join("empty.pdf"), "").unwrap();
        std::os::unix::fs::symlink("../secret.pdf", folder.join("link.pdf")).unwrap();
        std::os::unix::fs::symlink("..", folder.join("up")).unwrap();
        for good in ["sub/a.pdf", "./sub/a.pdf", "sub\\a.pdf"] {
            assert!(open(&folder, good).is_ok(), "{good}");
        }
        let absolute = outer.path().join("secret.pdf");
        for bad in [
            "../secret.pdf",
            "sub/../../secret.pdf",
            absolute.to_str().unwrap(),
            "link.pdf",
            "up/secret.pdf",
            "sub",
            "empty.pdf",
            "",
            ".",
            "none.pdf",
            "..\\secret.pdf",
        ] {
            assert!(open(&folder, bad).is_err(), "{bad}");
        }
    }
}
