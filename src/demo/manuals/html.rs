//! A manual as a small site: `index.html`, a page a chapter, in a zip.

use std::io;

use super::{
    Manual, correction,
    package::{Output, Package},
    press::{FIGURE, Press},
    text::{Lesson, chapter_body, escape},
};
use crate::store::BlobId;

const STYLE: &str = "\
body { max-width: 46rem; margin: 0 auto; padding: 1rem; font-family: sans-serif; \
line-height: 1.5; color: #1c1e28; background: #fffdf8; }
a { color: #1d4a8c; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; }
figcaption { font-size: 0.9rem; }
nav { display: flex; gap: 1rem; justify-content: space-between; }
p.note { font-style: italic; }
";

/// Writes the package.
pub(super) fn write(
    manual: &Manual,
    lesson: &Lesson,
    version: u32,
    output: Output<'_>,
) -> io::Result<(u64, BlobId)> {
    let chapters = lesson.chapters.len();
    let press = Press::new(manual, FIGURE, chapters + 2, manual.target_bytes)?;
    let mut package = Package::new(output);
    package.deflate("index.html", &index(manual, lesson))?;
    package.deflate("style.css", STYLE)?;
    package.store("images/couverture.jpg", &press.cover()?)?;
    for (index, chapter) in lesson.chapters.iter().enumerate() {
        let number = index + 1;
        let note = correction(version, index, chapters).unwrap_or_default();
        let image = format!("../images/figure{number}.jpg");
        let mut body = chapter_body(chapter, number, &image, &note);
        body += "<nav aria-label=\"Chapitres\">";
        if number > 1 {
            body += &format!("<a href=\"chapitre{}.html\">Chapitre précédent</a> ", number - 1);
        }
        body += "<a href=\"../index.html\">Sommaire</a>";
        if number < chapters {
            body += &format!(" <a href=\"chapitre{}.html\">Chapitre suivant</a>", number + 1);
        }
        body += "</nav>\n";
        let page = page(manual, chapter.title, "../style.css", &body);
        package.deflate(&format!("pages/chapitre{number}.html"), &page)?;
        package.store(&format!("images/figure{number}.jpg"), &press.picture(number, 1)?)?;
    }
    package.finish()
}

fn index(manual: &Manual, lesson: &Lesson) -> String {
    let title = escape(manual.title);
    let mut body = format!(
        "<h1>{title}</h1>\n<p>{}, {}</p>\n\
         <p><img src=\"images/couverture.jpg\" alt=\"Couverture : {title}\"/></p>\n\
         <h2>Sommaire</h2>\n<ol>\n",
        escape(manual.level),
        escape(manual.publisher)
    );
    for (number, chapter) in (1..).zip(&lesson.chapters) {
        let number: usize = number;
        let title = escape(chapter.title);
        body += &format!("<li><a href=\"pages/chapitre{number}.html\">{title}</a></li>\n");
    }
    page(manual, manual.title, "style.css", &(body + "</ol>\n"))
}

fn page(manual: &Manual, title: &str, style: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><link rel=\"stylesheet\" href=\"{style}\"></head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        manual.language,
        escape(title)
    )
}
