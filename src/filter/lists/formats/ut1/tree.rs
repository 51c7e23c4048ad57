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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::{super::super::Format, *};
    use crate::filter::{host::Host, target::Target};

    fn source(path: &Path) -> Source {
        Source { format: Format::Ut1, category: None, path: path.to_owned(), date: None }
    }

    fn write(path: &Path, text: &[u8]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A tree with what the real ones have: links, pieces, empty files, files of no use.
    fn tree(root: &Path) {
        write(&root.join("adult/domains.0"), b"one.example\ntwo.exa");
        write(&root.join("adult/domains.1"), b"mple\nthree.example\n1.2.3.4\n.dot.example\n");
        write(&root.join("adult/domains.2"), b"xxx\nbad..name\nlast.example");
        write(&root.join("adult/expressions"), b"");
        write(&root.join("adult/very_restrictive_expression"), b"(teen)");
        write(&root.join("adult/usage"), b"black\nadult\nporn\n");
        write(&root.join("bank/domains"), b"bank.example\n");
        write(&root.join("bank/usage"), b"white\nblack\n");
        write(&root.join("empty/usage"), b"black\n");
        write(&root.join("README"), b"read me");
        write(&root.join("global_usage"), b"NAME: adult");
        symlink("adult", root.join("porn")).unwrap();
        symlink("/etc", root.join("etc")).unwrap();
        symlink("../outside", root.join("out")).unwrap();
        symlink("nowhere", root.join("broken")).unwrap();
        symlink("/etc/passwd", root.join("bank/urls")).unwrap();
    }

    fn check(builder: Builder, notes: &Notes) {
        assert_eq!(notes.count, 3, "{notes:?}");
        let (lists, _) = builder.finish().unwrap();
        let mut names: Vec<_> = lists.categories().map(|(_, about)| about.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["adult", "bank"]);
        assert_eq!(lists.category("porn"), lists.category("adult"));
        assert_eq!(lists.category("etc"), None);
        let adult = lists.about(lists.category("adult").unwrap()).unwrap();
        assert_eq!((adult.rules.names, adult.rules.addresses, adult.bad), (6, 1, 1));
        assert_eq!(adult.rules.expressions, 0);
        assert_eq!(adult.tags, ["adult", "porn"]);
        assert!(adult.date.is_some());
        let bank = lists.about(lists.category("bank").unwrap()).unwrap();
        assert_eq!((bank.purpose, bank.rules.urls), (Purpose::WhiteOrBlack, 0));
        for name in ["two.example", "three.example", "last.example", "a.xxx", "dot.example"] {
            let host = Host::parse(name).unwrap();
            let mut found = false;
            lists.matches(&Target::of_host(&host, 443), &mut |_| {
                found = true;
                true
            });
            assert!(found, "{name}");
        }
    }

    #[test]
    fn a_tree_is_read_with_its_links_and_pieces_and_nothing_outside_it() {
        let folder = tempfile::tempdir().unwrap();
        tree(&folder.path().join("blacklists"));
        for path in [folder.path().to_owned(), folder.path().join("blacklists")] {
            let mut builder = Builder::default();
            let notes = source(&path).read(&mut builder, &mut |_| ()).unwrap();
            check(builder, &notes);
        }
    }

    #[test]
    fn an_archive_gives_what_the_tree_gives() {
        let folder = tempfile::tempdir().unwrap();
        tree(&folder.path().join("blacklists"));
        let path = folder.path().join("lists.tar.gz");
        let file = File::create(&path).unwrap();
        let packer = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        let mut archive = tar::Builder::new(packer);
        archive.follow_symlinks(false);
        let root = folder.path().join("blacklists");
        for entry in entries(&root).unwrap() {
            let name = Path::new("mirror-main/blacklists").join(entry.file_name().unwrap());
            if fs::symlink_metadata(&entry).unwrap().is_dir() {
                for file in entries(&entry).unwrap() {
                    let name = name.join(file.file_name().unwrap());
                    archive.append_path_with_name(&file, name).unwrap();
                }
            } else {
                archive.append_path_with_name(&entry, name).unwrap();
            }
        }
        archive.into_inner().unwrap().finish().unwrap();
        let mut builder = Builder::default();
        let mut notes = source(&path).read(&mut builder, &mut |_| ()).unwrap();
        // The link that stands for a file is one more here.
        notes.count -= 1;
        check(builder, &notes);
    }

    #[test]
    fn a_missing_piece_is_told_and_the_rest_is_not_guessed() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("adult/domains.0"), b"one.example\n");
        write(&folder.path().join("adult/domains.2"), b"two.example\n");
        let mut builder = Builder::default();
        source(folder.path()).read(&mut builder, &mut |_| ()).unwrap();
        let category = builder.known("adult").unwrap();
        let about = builder.about(category).unwrap();
        assert_eq!((about.rules.names, about.bad), (1, 1));
    }

    #[test]
    fn what_holds_no_category_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let read = |path: &Path| source(path).read(&mut Builder::default(), &mut |_| ());
        assert!(matches!(read(folder.path()), Err(SourceError::NothingFound(_))));
        let none = folder.path().join("none.tar.gz");
        assert!(matches!(read(&none), Err(SourceError::Unreadable { .. })));
        fs::write(&none, b"no archive at all").unwrap();
        assert!(read(&none).is_err());
        fs::write(&none, [0x1f, 0x8b, 8, 0]).unwrap();
        assert!(read(&none).is_err());
    }
}
