//! A large fixed-layout EPUB, made fast: for measuring deltas and speed, not for reading.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::Path,
};

use jpeg_encoder::{ColorType, Encoder};

use super::{
    WrittenManual,
    dice::Dice,
    modified, opf,
    package::{Output, Package},
};

/// Most bytes of one JPEG comment segment (ITU-T T.81 §B.2.4.5), its length field excluded.
const COMMENT_BYTES: u32 = 65_533;
/// Pages and bytes a page may not be more than this.
const MOST_PAGES: u32 = 10_000;

/// Writes `pages` pages of about `page_bytes` each. The pages listed in `changed` (from 1) depend
/// on `version`, every other byte but the date does not. Streams to disk; blocking.
pub fn write_big_epub(
    to: &Path,
    pages: u32,
    page_bytes: u32,
    changed: &[u32],
    version: u32,
) -> io::Result<WrittenManual> {
    if pages > MOST_PAGES {
        let says = format!("{pages} pages are too many: at most {MOST_PAGES}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, says));
    }
    let mut quiet = |_| {};
    let mut package = Package::new(Output::create(to, &mut quiet)?);
    let tiny = tiny_jpeg()?;
    package.mimetype()?;
    package.deflate("META-INF/container.xml", opf::CONTAINER)?;
    package.deflate(opf::OPF_PATH, &document(pages, version))?;
    package.deflate("OEBPS/nav.xhtml", &navigation())?;
    for page in 1..=pages {
        let edition = if changed.contains(&page) { version } else { 1 };
        let body = format!(
            "<p>Page {page}, édition {edition}</p>\n\
             <img src=\"page{page:05}.jpg\" alt=\"Page {page}\"/>\n"
        );
        let head = "<meta name=\"viewport\" content=\"width=1000, height=1414\"/>";
        let xhtml = opf::xhtml("fr", &format!("Page {page}"), head, &body);
        package.deflate(&format!("OEBPS/page{page:05}.xhtml"), &xhtml)?;
        package.stored(&format!("OEBPS/page{page:05}.jpg"), |writer| {
            heavy_jpeg(writer, &tiny, page_bytes, &mut Dice::of("big", seed(page, edition)))
        })?;
    }
    let (size, sha256) = package.finish()?;
    let media_type = "application/epub+zip";
    Ok(WrittenManual { size, sha256, media_type, modified: modified(version) })
}

fn seed(page: u32, edition: u32) -> u64 {
    u64::from(page) << 32 | u64::from(edition)
}

fn tiny_jpeg() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 80)
        .encode(&[200; 16 * 16 * 3], 16, 16, ColorType::Rgb)
        .map_err(io::Error::other)?;
    Ok(bytes)
}

/// A valid JPEG of about `size` bytes: comments full of noise before a tiny picture.
fn heavy_jpeg(writer: &mut dyn Write, tiny: &[u8], size: u32, dice: &mut Dice) -> io::Result<()> {
    let (start, rest) = tiny.split_at(2.min(tiny.len()));
    writer.write_all(start)?;
    let mut left = size;
    let mut noise = Vec::new();
    while left > 0 {
        let length = left.min(COMMENT_BYTES);
        left -= length;
        noise.clear();
        noise.extend_from_slice(&[0xff, 0xfe]);
        let announced = u16::try_from(length + 2).unwrap_or(u16::MAX);
        noise.extend_from_slice(&announced.to_be_bytes());
        let end = noise.len() + usize::try_from(length).unwrap_or_default();
        while noise.len() < end {
            noise.extend_from_slice(&dice.bits().to_le_bytes());
        }
        noise.truncate(end);
        writer.write_all(&noise)?;
    }
    writer.write_all(rest)
}

fn document(pages: u32, version: u32) -> String {
    let (mut manifest, mut spine) = (String::new(), String::new());
    for page in 1..=pages {
        let _ = writeln!(
            manifest,
            "<item id=\"p{page}\" href=\"page{page:05}.xhtml\" media-type=\"application/xhtml+xml\"/>\
             <item id=\"i{page}\" href=\"page{page:05}.jpg\" media-type=\"image/jpeg\"/>"
        );
        let _ = writeln!(spine, "<itemref idref=\"p{page}\"/>");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" unique-identifier=\"id\">\n\
         <metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
         <dc:identifier id=\"id\">urn:isbn:9791098000003</dc:identifier>\
         <dc:title>Grand manuel d’essai</dc:title><dc:language>fr</dc:language>\
         <meta property=\"dcterms:modified\">{}</meta>\
         <meta property=\"rendition:layout\">pre-paginated</meta></metadata>\n\
         <manifest><item id=\"nav\" href=\"nav.xhtml\" media-type=\"application/xhtml+xml\" \
         properties=\"nav\"/>\n{manifest}</manifest>\n<spine>\n{spine}</spine>\n</package>\n",
        modified(version).strftime("%Y-%m-%dT%H:%M:%SZ")
    )
}

fn navigation() -> String {
    let body =
        "<nav epub:type=\"toc\"><ol><li><a href=\"page00001.xhtml\">Début</a></li></ol></nav>\n";
    opf::xhtml("fr", "Sommaire", "", body)
}
