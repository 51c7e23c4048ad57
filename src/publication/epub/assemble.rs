//! From the documents of an EPUB to a publication.

use std::collections::{HashMap, HashSet};

use super::{
    super::{
        ContentsEntry, Item, Kind, Place, Publication, PublicationError,
        contents::give_titles,
        media_type, open, path,
        xml::{self, Element},
        zip::Table,
    },
    container, cover, nav, ncx,
    opf::{self, Entry, Package},
    viewport,
};

/// Fallbacks followed from an item to one that opens as a page.
const MAX_FALLBACKS: usize = 16;
/// Fixed pages whose size is looked for.
const MAX_MEASURED_PAGES: usize = 2_000;
/// The media type of an NCX.
const NCX: &str = "application/x-dtbncx+xml";

/// Opens an EPUB.
pub(in super::super) fn open(mut table: Table) -> Result<Publication, PublicationError> {
    let opf_path = container::package_document(&table)?;
    container::refuse_protected(&table)?;
    let tree = xml::load(&table, &opf_path)?;
    if &*tree.name != "package" {
        return Err(PublicationError::Document {
            path: opf_path,
            reason: format!("its root is <{}>, not <package>", tree.name),
        });
    }
    let mut package = opf::read(&tree, path::folder_of(&opf_path));
    drop(tree);
    for entry in &package.manifest {
        table.set_media_type(&entry.path, &entry.media_type);
    }
    let fixed = is_fixed(&package) || container::apple_fixed_layout(&table);
    let mut reading_order = reading_order(&package, &table, fixed);
    if reading_order.is_empty() {
        return Err(PublicationError::NothingToRead { path: opf_path });
    }
    let navigation = read_navigation(&package, &table);
    give_titles(&navigation.contents, &mut reading_order);
    let fixed_pages = || u32::try_from(reading_order.len()).ok().filter(|_| fixed);
    let pages = package.metadata.pages.or(navigation.pages).or_else(fixed_pages);
    package.metadata.pages = pages;
    let resources = resources(&package, &table, &reading_order);
    Ok(Publication {
        kind: if fixed { Kind::EpubFixed } else { Kind::EpubReflowable },
        cover: cover::find(&package, &table),
        metadata: package.metadata,
        reading_order,
        resources,
        contents: navigation.contents,
        place: Place::Zip(table),
        memory: std::sync::OnceLock::new(),
    })
}

/// Is every page fixed, by the book or by each place of the spine?
fn is_fixed(package: &Package) -> bool {
    let mut places = package.spine.iter();
    !package.spine.is_empty() && places.all(|place| place.fixed.unwrap_or(package.fixed))
        || package.fixed && package.spine.iter().any(|place| place.fixed.is_none())
}

/// The spine's pages that are in the package. Those out of the line (`linear="no"`) are resources
/// to be reached by a link, unless there is nothing else.
fn reading_order(package: &Package, table: &Table, fixed: bool) -> Vec<Item> {
    let mut by_id: HashMap<&str, &Entry> = HashMap::new();
    for entry in &package.manifest {
        by_id.entry(&entry.id).or_insert(entry);
    }
    let only_linear = package.spine.iter().any(|place| place.linear);
    let mut seen = HashSet::new();
    let mut order = Vec::new();
    for place in package.spine.iter().filter(|place| place.linear || !only_linear) {
        let Some(entry) = by_id.get(&*place.id) else { continue };
        let entry = readable(entry, &by_id);
        let Some(mut item) = open::item(table, &entry.path) else { continue };
        if !seen.insert(item.path.clone()) {
            continue;
        }
        item.page = place.page;
        if place.fixed.unwrap_or(fixed) && order.len() < MAX_MEASURED_PAGES {
            item.viewport = measure(table, &item.path).or(package.resolution);
        }
        order.push(item);
    }
    order
}

/// The item itself when it opens as a page, else the first of its fallbacks that does
/// (EPUB 3.3 §3.5.1).
fn readable<'a>(entry: &'a Entry, by_id: &HashMap<&str, &'a Entry>) -> &'a Entry {
    let mut candidate = entry;
    for _ in 0..MAX_FALLBACKS {
        if media_type::is_page(&candidate.media_type) {
            return candidate;
        }
        match candidate.fallback.as_deref().and_then(|id| by_id.get(id)) {
            Some(next) => candidate = next,
            None => break,
        }
    }
    entry
}

fn measure(table: &Table, path: &str) -> Option<(u32, u32)> {
    let row = table.find(path)?;
    media_type::is_page(table.media_type(row))
        .then(|| viewport::read(&table.resource(row).head(viewport::HEAD_BYTES)))
        .flatten()
}

/// The manifest's items that are in the package and not in the reading order.
fn resources(package: &Package, table: &Table, order: &[Item]) -> Vec<Item> {
    let mut seen: HashSet<String> = order.iter().map(|item| item.path.clone()).collect();
    package
        .manifest
        .iter()
        .filter_map(|entry| open::item(table, &entry.path))
        .filter(|item| seen.insert(item.path.clone()))
        .collect()
}

/// What the navigation documents say.
#[derive(Debug, Default)]
struct Navigation {
    contents: Vec<ContentsEntry>,
    pages: Option<u32>,
}

/// The navigation document, else the NCX. One that cannot be read costs the table of contents,
/// not the book.
fn read_navigation(package: &Package, table: &Table) -> Navigation {
    let mut found = Navigation::default();
    if let Some((tree, folder)) =
        package.manifest.iter().find(|e| e.has("nav")).and_then(|e| read_tree(table, e))
    {
        found.contents = nav::contents(&tree, folder);
        found.pages = nav::printed_pages(&tree);
    }
    if found.contents.is_empty() {
        let by_spine = package.manifest.iter().find(|e| Some(&e.id) == package.ncx.as_ref());
        let by_type = || package.manifest.iter().find(|e| e.media_type == NCX);
        if let Some((tree, folder)) =
            by_spine.or_else(by_type).and_then(|entry| read_tree(table, entry))
        {
            found.contents = ncx::contents(&tree, folder);
        }
    }
    found
}

fn read_tree<'a>(table: &Table, entry: &'a Entry) -> Option<(Element, &'a str)> {
    match xml::load(table, &entry.path) {
        Ok(tree) => Some((tree, path::folder_of(&entry.path))),
        Err(error) => {
            tracing::debug!(%error, "navigation document left out");
            None
        }
    }
}
