//! Fixed-layout EPUB 3: one XHTML and one full-page picture a page, real text over it.

use std::io;

use super::{
    Manual, changed_pages, correction,
    opf::{self, Item, XHTML},
    package::{Output, Package},
    press::{PAGE, Press},
    text::{Leaf, Lesson, escape},
};
use crate::store::BlobId;

const STYLE: &str = "\
html, body { margin: 0; padding: 0; }
body { position: relative; width: 1000px; height: 1414px; overflow: hidden; \
font-family: 'DejaVu Sans', Verdana, sans-serif; color: #1c1e28; }
img.page { position: absolute; left: 0; top: 0; width: 1000px; height: 1414px; }
section { position: absolute; left: 60px; top: 730px; width: 820px; padding: 24px 30px; \
background: #fffdf8; border-radius: 10px; }
h1 { margin: 0 0 18px; font-size: 34px; line-height: 1.2; }
p, li { margin: 0 0 14px; font-size: 24px; line-height: 1.42; }
p.note { font-size: 19px; font-style: italic; color: #5a2a1a; }
section.cover { top: 470px; }
footer { position: absolute; right: 60px; bottom: 44px; padding: 2px 12px; font-size: 20px; \
background: #fffdf8; border-radius: 6px; }
";
const HEAD: &str = "<meta name=\"viewport\" content=\"width=1000, height=1414\"/>\
                    <link rel=\"stylesheet\" href=\"../style/page.css\"/>";
/// Bytes that a page takes besides its picture, about.
const PAGE_OVERHEAD: u64 = 1500;

/// Writes the package.
pub(super) fn write(
    manual: &Manual,
    lesson: &Lesson,
    version: u32,
    output: Output<'_>,
) -> io::Result<(u64, BlobId)> {
    let leaves = lesson.leaves();
    let pages = leaves.len();
    let pictures = manual.target_bytes.saturating_sub((pages as u64).saturating_mul(PAGE_OVERHEAD));
    let press = Press::new(manual, PAGE, pages + 1, pictures)?;
    let mut package = Package::new(output);
    package.mimetype()?;
    package.deflate("META-INF/container.xml", opf::CONTAINER)?;
    package.deflate(opf::OPF_PATH, &opf::package(manual, version, true, &items(pages)))?;
    package.deflate(
        "OEBPS/nav.xhtml",
        &opf::navigation(manual, "pages/cover.xhtml", &contents(&leaves)),
    )?;
    package.deflate("OEBPS/style/page.css", STYLE)?;
    package.deflate("OEBPS/pages/cover.xhtml", &cover_page(manual))?;
    package.store("OEBPS/images/cover.jpg", &press.cover()?)?;
    // One of the changed pages has a new picture too; the others are new in their text.
    let redrawn = changed_pages(pages)[1];
    for (index, leaf) in leaves.iter().enumerate() {
        let note = correction(version, index, pages);
        let edition = if index == redrawn { version } else { 1 };
        let number = index + 1;
        let page = page(manual, leaf, number, note.as_deref());
        package.deflate(&format!("OEBPS/pages/page{number:03}.xhtml"), &page)?;
        let picture = press.picture(number, edition)?;
        package.store(&format!("OEBPS/images/page{number:03}.jpg"), &picture)?;
    }
    package.finish()
}

fn items(pages: usize) -> Vec<Item> {
    let mut items = opf::front("style/page.css", "pages/cover.xhtml", "page-spread-right");
    for number in 1..=pages {
        let side = if number % 2 == 1 { "page-spread-left" } else { "page-spread-right" };
        items.push(Item {
            spine: Some(side),
            ..Item::resource(
                format!("page{number:03}"),
                format!("pages/page{number:03}.xhtml"),
                XHTML,
            )
        });
        let image = format!("images/page{number:03}.jpg");
        items.push(Item::resource(format!("image{number:03}"), image, "image/jpeg"));
    }
    items
}

fn contents(leaves: &[Leaf]) -> Vec<(String, String)> {
    leaves
        .iter()
        .zip(1..)
        .filter(|(leaf, _)| leaf.opens)
        .map(|(leaf, number): (_, usize)| {
            (leaf.heading.clone(), format!("pages/page{number:03}.xhtml"))
        })
        .collect()
}

fn cover_page(manual: &Manual) -> String {
    let title = escape(manual.title);
    let body = format!(
        "<img class=\"page\" src=\"../images/cover.jpg\" alt=\"Couverture : {title}\"/>\n\
         <section class=\"cover\" epub:type=\"cover\"><h1>{title}</h1><p>{}</p></section>\n",
        escape(manual.publisher)
    );
    opf::xhtml(manual.language, manual.title, HEAD, &body)
}

fn page(manual: &Manual, leaf: &Leaf, number: usize, note: Option<&str>) -> String {
    let mut body = format!(
        "<img class=\"page\" src=\"../images/page{number:03}.jpg\" alt=\"{}\"/>\n\
         <section><h1>{}</h1>\n",
        escape(&leaf.caption),
        escape(&leaf.heading)
    );
    let (open, close, tag) = if leaf.exercise { ("<ol>", "</ol>\n", "li") } else { ("", "", "p") };
    body += open;
    for paragraph in &leaf.paragraphs {
        body += &format!("<{tag}>{}</{tag}>\n", escape(paragraph));
    }
    body += close;
    if let Some(note) = note {
        body += &format!("<p class=\"note\">{}</p>\n", escape(note));
    }
    body += &format!("</section>\n<footer>{number}</footer>\n");
    opf::xhtml(manual.language, &leaf.heading, HEAD, &body)
}
