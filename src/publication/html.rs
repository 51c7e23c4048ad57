//! Web sites in a zip: `index.html` is where they start.

use super::{
    Item, Kind, Metadata, Place, Publication, PublicationError,
    open::{item, other_items},
    path, xml,
    zip::Table,
};

/// Bytes of the first page in which its title and language are looked for.
const HEAD_BYTES: u64 = 16 * 1024;

/// Opens a web site.
pub(super) fn open(table: Table) -> Result<Publication, PublicationError> {
    let start = find_start(&table).ok_or_else(|| PublicationError::Missing {
        path: "index.html".into(),
        why: "a web site starts there, or at the one HTML page beside it or in its one folder",
    })?;
    let mut reading_order: Vec<Item> = item(&table, &start).into_iter().collect();
    let metadata = read_head(&table, &start);
    if let Some(first) = reading_order.first_mut()
        && !metadata.title.is_empty()
    {
        first.title = Some(metadata.title.clone());
    }
    let resources = other_items(&table, &reading_order);
    Ok(Publication {
        kind: Kind::Html,
        metadata,
        reading_order,
        resources,
        contents: Vec::new(),
        cover: None,
        place: Place::Zip(table),
    })
}

/// The page where a site starts: `index.html` at the top, else the only page there; else the same
/// in the one folder that holds everything, as archives made of a folder have it.
fn find_start(table: &Table) -> Option<String> {
    start_in(table, "").or_else(|| start_in(table, &only_folder(table)?))
}

fn start_in(table: &Table, folder: &str) -> Option<String> {
    for name in ["index.html", "index.htm", "index.xhtml"] {
        if let Some(row) = table.find_any_case(&format!("{folder}{name}")) {
            return Some(table.path(row).to_owned());
        }
    }
    let mut pages = table.rows().map(|row| table.path(row)).filter(|path| {
        let name = path.strip_prefix(folder).filter(|name| !name.contains('/'));
        let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
        ending.is_some_and(|ending| {
            ["html", "htm", "xhtml"].iter().any(|html| ending.eq_ignore_ascii_case(html))
        })
    });
    let first = pages.next()?;
    pages.next().is_none().then(|| first.to_owned())
}

/// The one folder at the top, with its slash, unless files lie beside it. What systems leave in
/// archives does not count.
pub(super) fn only_folder(table: &Table) -> Option<String> {
    let mut folders = table
        .rows()
        .map(|row| table.path(row))
        .filter(|path| !path.starts_with("__MACOSX/") && !path.ends_with(".DS_Store"))
        .map(|path| path.split_once('/').map(|(folder, _)| folder));
    let first = folders.next()??;
    folders.all(|folder| folder == Some(first)).then(|| format!("{first}/"))
}

/// Title and language of a page, as its head says them.
fn read_head(table: &Table, start: &str) -> Metadata {
    let mut metadata = Metadata::default();
    let Some(row) = table.find(start) else { return metadata };
    let head = table.resource(row).head(HEAD_BYTES);
    // The page may be cut in the middle and is rarely XML: what cannot be read has no title.
    let text = xml::decode(&head);
    let lower = text.to_ascii_lowercase();
    if let Some(title) = between(&text, &lower, "<title", "</title") {
        let inner = title.split_once('>').map_or("", |(_, inner)| inner);
        metadata.title = xml::parse(format!("<t>{inner}</t>").as_bytes())
            .map_or_else(|_| xml::collapse(inner), |tree| tree.text());
    }
    if let Some(tag) = between(&text, &lower, "<html", ">")
        && let Ok(tree) = xml::parse(format!("<html {tag}/>").as_bytes())
        && let Some(language) = tree.attribute_any("lang")
    {
        metadata.languages.push(language.to_owned());
    }
    if metadata.title.is_empty() {
        // The folder's name says more than "index".
        let folder = path::folder_of(start).trim_end_matches('/');
        folder.rsplit('/').next().unwrap_or_default().clone_into(&mut metadata.title);
    }
    metadata
}

/// What stands between two marks; `lower` is `text` in ASCII lowercase, byte for byte.
fn between<'a>(text: &'a str, lower: &str, from: &str, to: &str) -> Option<&'a str> {
    let start = lower.find(from)? + from.len();
    let end = start + lower.get(start..)?.find(to)?;
    text.get(start..end)
}

#[cfg(test)]
mod tests {
    use super::super::testing::zip_file;
    use super::*;

    fn start(entries: &[&str]) -> Option<String> {
        let entries: Vec<(&str, &[u8])> = entries.iter().map(|name| (*name, &b"<p>"[..])).collect();
        let publication = Publication::open(zip_file(&entries), "application/zip").ok()?;
        assert_eq!(publication.kind, Kind::Html);
        assert_eq!(publication.resources.len() + 1, entries.len());
        Some(publication.reading_order[0].path.clone())
    }

    #[test]
    fn a_site_starts_where_it_should() {
        assert_eq!(start(&["index.html", "a.html"]), Some("index.html".into()));
        assert_eq!(start(&["INDEX.HTM", "a.html"]), Some("INDEX.HTM".into()));
        assert_eq!(start(&["accueil.html", "x/a.html"]), Some("accueil.html".into()));
        assert_eq!(start(&["livre/index.html", "livre/a.html"]), Some("livre/index.html".into()));
        assert_eq!(
            start(&["__MACOSX/._x", "livre/index.html", "livre/a.html"]),
            Some("livre/index.html".into())
        );
        assert_eq!(start(&["a.html", "b.html"]), None);
        assert_eq!(start(&["a/index.html", "b/index.html"]), None);
    }

    #[test]
    fn the_first_page_names_the_site() {
        let page = "<!DOCTYPE html><HTML lang='fr' data-x><head><Title>L&rsquo;eau\n &amp; le feu</Title><p>";
        let file = zip_file(&[("index.html", page.as_bytes())]);
        let publication = Publication::open(file, "application/zip").unwrap();
        assert_eq!(publication.metadata.title, "L’eau & le feu");
        assert_eq!(publication.metadata.languages, ["fr"]);
    }
}
