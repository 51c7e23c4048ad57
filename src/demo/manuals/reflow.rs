//! Reflowable EPUB 3: a document a chapter, a figure in each.

use std::io;

use super::{
    Manual, correction,
    opf::{self, Item, XHTML},
    package::{Output, Package},
    press::{FIGURE, Press},
    text::{Lesson, chapter_body, escape},
};
use crate::store::BlobId;

const STYLE: &str = "\
body { margin: 1em; line-height: 1.5; }
h1 { line-height: 1.2; }
figure { margin: 1em 0; }
img { max-width: 100%; height: auto; }
figcaption { font-size: 0.9em; }
p.note { font-style: italic; }
";
const HEAD: &str = "<link rel=\"stylesheet\" href=\"../style/text.css\"/>";

/// Writes the package.
pub(super) fn write(
    manual: &Manual,
    lesson: &Lesson,
    version: u32,
    output: Output<'_>,
) -> io::Result<(u64, BlobId)> {
    let chapters = lesson.chapters.len();
    // The cover is a page, about twice as tall as a figure.
    let press = Press::new(manual, FIGURE, chapters + 2, manual.target_bytes)?;
    let mut package = Package::new(output);
    package.mimetype()?;
    package.deflate("META-INF/container.xml", opf::CONTAINER)?;
    package.deflate(opf::OPF_PATH, &opf::package(manual, version, false, &items(chapters)))?;
    let contents: Vec<_> = (1..)
        .zip(&lesson.chapters)
        .map(|(number, chapter): (usize, _)| {
            (format!("{number}. {}", chapter.title), format!("text/chapter{number:02}.xhtml"))
        })
        .collect();
    package.deflate("OEBPS/nav.xhtml", &opf::navigation(manual, "text/cover.xhtml", &contents))?;
    package.deflate("OEBPS/style/text.css", STYLE)?;
    package.deflate("OEBPS/text/cover.xhtml", &cover_page(manual))?;
    package.store("OEBPS/images/cover.jpg", &press.cover()?)?;
    for (index, chapter) in lesson.chapters.iter().enumerate() {
        let number = index + 1;
        let note = correction(version, index, chapters).unwrap_or_default();
        let image = format!("../images/figure{number:02}.jpg");
        let body = chapter_body(chapter, number, &image, &note);
        let page = opf::xhtml(manual.language, chapter.title, HEAD, &body);
        package.deflate(&format!("OEBPS/text/chapter{number:02}.xhtml"), &page)?;
        let picture = press.picture(number, 1)?;
        package.store(&format!("OEBPS/images/figure{number:02}.jpg"), &picture)?;
    }
    package.finish()
}

fn items(chapters: usize) -> Vec<Item> {
    let mut items = opf::front("style/text.css", "text/cover.xhtml", "");
    for number in 1..=chapters {
        let href = format!("text/chapter{number:02}.xhtml");
        items.push(Item {
            spine: Some(""),
            ..Item::resource(format!("chapter{number:02}"), href, XHTML)
        });
        let image = format!("images/figure{number:02}.jpg");
        items.push(Item::resource(format!("figure{number:02}"), image, "image/jpeg"));
    }
    items
}

fn cover_page(manual: &Manual) -> String {
    let title = escape(manual.title);
    let body = format!(
        "<section epub:type=\"cover\"><h1>{title}</h1>\
         <p><img src=\"../images/cover.jpg\" alt=\"Couverture : {title}\"/></p>\
         <p>{}, {}</p></section>\n",
        escape(manual.level),
        escape(manual.publisher)
    );
    opf::xhtml(manual.language, manual.title, HEAD, &body)
}
