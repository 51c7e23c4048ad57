//! A package document (up to the first NUL) and a navigation document (after it), in an EPUB that
//! is sound otherwise: refused or opened, never a panic, nothing outside the package named.

#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use preau::publication::Publication;
use rawzip::ZipArchiveWriter;

const CONTAINER: &[u8] = b"<container><rootfiles><rootfile full-path=\"E/p.opf\" \
    media-type=\"application/oebps-package+xml\"/></rootfiles></container>";
const PAGE: &[u8] = b"<html><head><meta name='viewport' content='width=1,height=2'/></head></html>";

fn epub(opf: &[u8], nav: &[u8]) -> Result<Vec<u8>, rawzip::Error> {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for (name, content) in [
        ("META-INF/container.xml", CONTAINER),
        ("E/p.opf", opf),
        ("E/nav.xhtml", nav),
        ("E/toc.ncx", nav),
        ("E/a.xhtml", PAGE),
        ("E/c.png", b"png"),
    ] {
        let (mut entry, config) = archive.new_file(name).start()?;
        let mut writer = config.wrap(&mut entry);
        writer.write_all(content)?;
        let (_, descriptor) = writer.finish()?;
        entry.finish(descriptor)?;
    }
    archive.finish()?;
    Ok(bytes)
}

fuzz_target!(|data: &[u8]| {
    let cut = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (opf, nav) = data.split_at(cut);
    let Ok(bytes) = epub(opf, nav.get(1..).unwrap_or_default()) else { return };
    let Ok(mut file) = tempfile::tempfile() else { return };
    if file.write_all(&bytes).is_err() {
        return;
    }
    let Ok(publication) = Publication::open(file, "application/epub+zip") else { return };
    assert!(!publication.reading_order.is_empty());
    for item in publication.reading_order.iter().chain(&publication.resources) {
        assert!(publication.resource(&item.path).is_some(), "{} is not there", item.path);
        assert!(!item.media_type.contains(|c: char| c.is_control() || !c.is_ascii()));
    }
    let base = "http://box/p/0/";
    let manifest = publication.manifest(base);
    for link in manifest["toc"].as_array().into_iter().flatten() {
        let href = link["href"].as_str().unwrap_or_default();
        assert!(href.starts_with(base) && !href.contains("/../"), "{href}");
    }
});
