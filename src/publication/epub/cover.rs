//! The cover image: three ways to name it, and the page that shows it.

use super::{
    super::{media_type, path, xml, zip::Table},
    opf::Package,
};

/// A cover page larger than that is a chapter.
const MAX_COVER_PAGE_BYTES: u64 = 256 * 1024;

/// The path of the cover image: by `properties="cover-image"` (EPUB 3), by `<meta name="cover">`
/// (EPUB 2), by the guide.
pub(super) fn find(package: &Package, table: &Table) -> Option<String> {
    let there = |path: &str| table.find(path).map(|row| table.path(row).to_owned());
    if let Some(entry) = package.manifest.iter().find(|entry| entry.has("cover-image"))
        && let Some(path) = there(&entry.path)
    {
        return Some(path);
    }
    let by_meta = package.cover.as_ref().and_then(|wanted| {
        let entry = package
            .manifest
            .iter()
            .find(|entry| entry.id == *wanted)
            .or_else(|| package.manifest.iter().find(|entry| entry.path.ends_with(wanted)))?;
        image(&entry.path, table)
    });
    by_meta.or_else(|| image(package.guide_cover.as_ref()?, table))
}

/// The image itself, or the first one of the page.
fn image(path: &str, table: &Table) -> Option<String> {
    let row = table.find(path)?;
    if table.media_type(row).starts_with("image/") {
        return Some(table.path(row).to_owned());
    }
    if !media_type::is_page(table.media_type(row)) {
        return None;
    }
    let bytes = table.resource(row).read(MAX_COVER_PAGE_BYTES).ok()?;
    let tree = xml::parse_page(&bytes)?;
    let mut references = tree.descendants("img").into_iter().filter_map(|e| e.attribute("src"));
    let drawn = tree.descendants("image");
    let mut drawn = drawn.iter().filter_map(|e| e.attribute_any("href"));
    let reference = references.next().or_else(|| drawn.next())?;
    let target = path::resolve(path::folder_of(path), reference)?;
    let row = table.find(&target.path)?;
    table.media_type(row).starts_with("image/").then(|| table.path(row).to_owned())
}
