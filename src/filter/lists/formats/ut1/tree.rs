//! UT1 as a folder on disk.

use std::{
    fs::{self, File},
    io::{BufReader, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Component, Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    super::{
        Feed, Notes, Progress, Source, SourceError,
        source::{BUFFER_BYTES, MAX_SOURCE_BYTES},
    },
    MAX_USAGE_BYTES, OUT_OF_ORDER, Part, is_category_name, usage,
};
use crate::filter::lists::{Builder, Purpose};

/// The folder of the categories, when the source is the one around it.
const USUAL_FOLDER: &str = "blacklists";
/// Pieces of a file.
const MAX_PIECES: usize = 64;

/// Reads every category below the source's folder.
pub(in super::super) fn read_tree(
    source: &Source,
    builder: &mut Builder,
    notes: &mut Notes,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), SourceError> {
    let inner = source.path.join(USUAL_FOLDER);
    let root = if inner.is_dir() { &inner } else { &source.path };
    let mut aliases = Vec::new();
    let mut found = false;
    for path in entries(root)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let about = fs::symlink_metadata(&path).map_err(SourceError::at(&path))?;
        if about.is_symlink() {
            match alias_of(&path) {
                Some(target) => aliases.push((name, target)),
                None => notes.add(format_args!("{name}: a link out of the tree is not followed")),
            }
        } else if about.is_dir() {
            if is_category_name(&name) {
                found |= read_category(source, &path, &name, builder, progress)?;
            } else {
                notes.add(format_args!("{name:?} is no name of a category"));
            }
        }
    }
    add_aliases(builder, aliases, notes);
    if found { Ok(()) } else { Err(SourceError::NothingFound(source.path.clone())) }
}

/// Makes the names of links known as other names of the categories they lead to.
pub(super) fn add_aliases(
    builder: &mut Builder,
    aliases: Vec<(String, String)>,
    notes: &mut Notes,
) {
    for (name, target) in aliases {
        match builder.known(&target).and_then(|category| builder.about(category)) {
            Some(about) if is_category_name(&name) => {
                if !about.aliases.contains(&name) {
                    about.aliases.push(name);
                }
            }
            _ => notes.add(format_args!("{name}: the link leads to no category")),
        }
    }
}

/// The sibling that a link leads to.
fn alias_of(path: &Path) -> Option<String> {
    sibling(&fs::read_link(path).ok()?)
}

/// The one name of a link that stays in its folder.
pub(super) fn sibling(target: &Path) -> Option<String> {
    let mut parts = target.components().filter(|part| *part != Component::CurDir);
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(name)), None) => name.to_str().map(str::to_owned),
        _ => None,
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let entries = fs::read_dir(folder).map_err(SourceError::at(folder))?;
    let path = |entry: std::io::Result<fs::DirEntry>| entry.map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        entries.map(path).collect::<Result<_, _>>().map_err(SourceError::at(folder))?;
    paths.sort();
    Ok(paths)
}

/// Reads the files of one category. Says whether there was any.
fn read_category(
    source: &Source,
    folder: &Path,
    name: &str,
    builder: &mut Builder,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<bool, SourceError> {
    let mut files: Vec<(Part, Option<u32>, PathBuf)> = Vec::new();
    for path in entries(folder)? {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some((part, piece)) = Part::of_name(&file)
            && fs::symlink_metadata(&path).is_ok_and(|about| about.is_file())
            && files.len() < MAX_PIECES
        {
            files.push((part, piece, path));
        }
    }
    if files.is_empty() {
        return Ok(false);
    }
    // Pieces in the order of their numbers, the tenth behind the ninth.
    files.sort();
    let category = builder.category(name)?;
    for same in files.chunk_by(|a, b| a.0 == b.0) {
        let Some((part, _, _)) = same.first() else { continue };
        let mut feed = Feed::new(part.reader(), category);
        let mut next = 0;
        for (_, piece, path) in same {
            if piece.is_some_and(|piece| piece != next) {
                if let Some(about) = builder.about(category) {
                    about.bad(0, path.as_os_str().as_encoded_bytes(), &OUT_OF_ORDER);
                }
                break;
            }
            next += u32::from(piece.is_some());
            let file = open(path)?;
            let changed = file.metadata().and_then(|about| about.modified()).ok();
            let changed = changed.and_then(|time| Timestamp::try_from(time).ok());
            source.describe(builder, category, changed, Purpose::Unsaid);
            let input = BufReader::with_capacity(BUFFER_BYTES, file.take(MAX_SOURCE_BYTES));
            let mut told = |bytes| progress(Progress { what: name, bytes });
            feed.part(input, builder, &mut told).map_err(SourceError::at(path))?;
        }
        feed.end(builder);
    }
    let mut text = Vec::new();
    if let Ok(file) = open(&folder.join("usage")) {
        // Without it the purpose is not said, and the policy decides all the same.
        let _ = file.take(MAX_USAGE_BYTES).read_to_end(&mut text);
    }
    if let Some(about) = builder.about(category) {
        (about.purpose, about.tags) = usage(&String::from_utf8_lossy(&text));
    }
    Ok(true)
}

/// Opens a file that is no link.
fn open(path: &Path) -> Result<File, SourceError> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path);
    file.map_err(SourceError::at(path))
}
