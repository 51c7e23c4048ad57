//! Web sites in a zip: `index.html` is where they start.

use std::collections::HashSet;

use super::{
    ContentsEntry, Item, Kind, Metadata, Place, Publication, PublicationError,
    contents::{MAX_CONTENTS_LINES, give_titles},
    media_type,
    open::{item, other_items},
    path,
    xml::{self, Element},
    zip::{Row, Table},
};

/// Bytes of the first page that are read for its title and links.
const MAX_FIRST_PAGE_BYTES: u64 = 1 << 20;

/// Opens a web site.
pub(super) fn open(table: Table) -> Result<Publication, PublicationError> {
    let start = find_start(&table).ok_or_else(|| PublicationError::Missing {
        path: "index.html".into(),
        why: "a web site starts there, or at the one HTML page beside it or in its one folder",
    })?;
    let mut reading_order: Vec<Item> = item(&table, &start).into_iter().collect();
    let page = table
        .find(&start)
        .and_then(|row| xml::parse_page(&table.resource(row).head(MAX_FIRST_PAGE_BYTES)));
    let metadata = read_metadata(page.as_ref(), &start);
    if let Some(first) = reading_order.first_mut()
        && !metadata.title.is_empty()
    {
        first.title = Some(metadata.title.clone());
    }
    let contents = page.map(|page| contents(&table, &page, &start)).unwrap_or_default();
    let mut resources = other_items(&table, &reading_order);
    give_titles(&contents, &mut resources);
    Ok(Publication {
        kind: Kind::Html,
        metadata,
        reading_order,
        resources,
        contents,
        cover: cover(&table),
        place: Place::Zip(table),
        memory: std::sync::OnceLock::new(),
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

/// What the first page says of the site.
fn read_metadata(page: Option<&Element>, start: &str) -> Metadata {
    let title = page.and_then(|page| page.descendants("title").first().map(|title| title.text()));
    let language = page.and_then(|page| page.attribute_any("lang"));
    // The folder's name says more than "index".
    let folder = || path::folder_of(start).trim_end_matches('/').rsplit('/').next();
    let title = title.filter(|title| !title.is_empty());
    Metadata {
        title: title.or_else(|| folder().map(str::to_owned)).unwrap_or_default(),
        languages: language.map(str::to_owned).into_iter().collect(),
        ..Metadata::default()
    }
}

/// The pages of the package that the first page links to, each once, in its order: those of its
/// `<nav>` when it has one.
fn contents(table: &Table, page: &Element, start: &str) -> Vec<ContentsEntry> {
    let navs = page.descendants("nav");
    let mut lines = links(table, navs.first().copied().unwrap_or(page), start);
    if lines.is_empty() && !navs.is_empty() {
        lines = links(table, page, start);
    }
    lines
}

fn links(table: &Table, element: &Element, start: &str) -> Vec<ContentsEntry> {
    let folder = path::folder_of(start);
    let mut seen = HashSet::new();
    element
        .descendants("a")
        .into_iter()
        .filter_map(|link| {
            let target = path::resolve(folder, link.attribute("href")?)?;
            let row = table.find(&target.path)?;
            let title = link.text();
            let is_line = media_type::is_page(table.media_type(row))
                && target.path != start
                && !title.is_empty()
                && seen.insert(target.href());
            is_line.then(|| ContentsEntry {
                title,
                href: Some(target.href()),
                children: Vec::new(),
            })
        })
        .take(MAX_CONTENTS_LINES)
        .collect()
}

/// The picture that its name makes the cover, the one nearest to the top.
pub(super) fn cover(table: &Table) -> Option<String> {
    let is_cover = |row: &&Row| {
        let path = table.path(row);
        let stem = path.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
        table.media_type(row).starts_with("image/")
            && stem.is_some_and(|(stem, _)| {
                ["cover", "couverture"].iter().any(|name| stem.eq_ignore_ascii_case(name))
            })
    };
    let depth = |row: &&Row| table.path(row).matches('/').count();
    table.rows().filter(is_cover).min_by_key(depth).map(|row| table.path(row).to_owned())
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

    #[test]
    fn the_links_of_the_first_page_are_the_contents() {
        let page = "<ul><li><a href='pages/un.html'>Un</a><li><a href=\"pages/un.html\">encore</a>
            <a href='https://host/'>dehors</a><a href='absent.html'>absent</a>
            <a href='pages/deux.html#b'><img alt='Deux' src='x'></a><a href='index.html'>ici</a>";
        let file = zip_file(&[
            ("site/index.html", page.as_bytes()),
            ("site/pages/un.html", b""),
            ("site/pages/deux.html", b""),
            ("site/img/Couverture.PNG", b"png"),
        ]);
        let publication = Publication::open(file, "application/zip").unwrap();
        assert_eq!(publication.metadata.title, "site");
        assert_eq!(publication.cover.as_deref(), Some("site/img/Couverture.PNG"));
        let lines: Vec<(&str, &str)> = publication
            .contents
            .iter()
            .map(|line| (&*line.title, line.href.as_deref().unwrap()))
            .collect();
        assert_eq!(lines, [("Un", "site/pages/un.html"), ("Deux", "site/pages/deux.html#b")]);
        let titled = publication.resources.iter().find(|item| item.path.ends_with("un.html"));
        assert_eq!(titled.unwrap().title.as_deref(), Some("Un"));
    }
}
