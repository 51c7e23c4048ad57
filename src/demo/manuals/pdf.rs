//! PDF manuals: an A4 page a leaf, a drawn picture above the text, an outline of chapters.

use std::io::{self, Write as _};

use encoding_rs::WINDOWS_1252;
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

use super::{
    Manual, correction,
    package::Output,
    press::{FIGURE, PAGE, Press},
    text::{Leaf, Lesson},
};
use crate::store::BlobId;

/// A4 in points.
const SHEET: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 50.0;
/// Share of the column that lines fill: viewers without Helvetica put a wider face in its place.
const COLUMN: f32 = 0.86;
/// Bytes of a document given to the file at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Advance widths of Helvetica from space to `~`, in thousandths of its size (Adobe Core 14 AFM).
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
/// Width taken for letters that the table does not have.
const OTHER_WIDTH: u16 = 556;

/// Object numbers: a few for the whole, then three a page, then one a chapter.
struct Numbers {
    pages: i32,
}

impl Numbers {
    const CATALOG: Ref = Ref::new(1);
    const TREE: Ref = Ref::new(2);
    const FONT: Ref = Ref::new(3);
    const BOLD: Ref = Ref::new(4);
    const OUTLINE: Ref = Ref::new(5);
    const INFO: Ref = Ref::new(6);
    const FIRST: i32 = 10;

    fn page(index: i32) -> Ref {
        Ref::new(Self::FIRST + index * 3)
    }
    fn content(index: i32) -> Ref {
        Ref::new(Self::FIRST + index * 3 + 1)
    }
    fn image(index: i32) -> Ref {
        Ref::new(Self::FIRST + index * 3 + 2)
    }
    fn chapter(&self, index: i32) -> Ref {
        Ref::new(Self::FIRST + self.pages * 3 + index)
    }
}

/// Writes the document.
pub(super) fn write(
    manual: &Manual,
    lesson: &Lesson,
    version: u32,
    mut output: Output<'_>,
) -> io::Result<(u64, BlobId)> {
    let leaves = lesson.leaves();
    let count = leaves.len() + 1;
    let cover = Press::new(manual, PAGE, count, manual.target_bytes)?;
    let press = Press::new(manual, FIGURE, count, manual.target_bytes)?;
    let numbers = Numbers { pages: i32::try_from(count).map_err(io::Error::other)? };
    let mut pdf = Pdf::new();
    frontmatter(&mut pdf, manual, &numbers);
    outline(&mut pdf, lesson, &leaves, &numbers);
    let mut content = Content::new();
    place_image(&mut content, SHEET.0, SHEET.1, 0.0, 0.0);
    add_page(&mut pdf, 0, &content.finish());
    add_image(&mut pdf, 0, &cover.cover()?, cover.size());
    for (number, leaf) in (1..).zip(&leaves) {
        let index = usize::try_from(number).unwrap_or_default();
        let note = correction(version, index - 1, leaves.len());
        add_page(&mut pdf, number, &leaf_content(leaf, index, note.as_deref()));
        add_image(&mut pdf, number, &press.picture(index, 1)?, press.size());
    }
    for piece in pdf.finish().chunks(PIECE_BYTES) {
        output.write_all(piece)?;
    }
    output.finish()
}

fn frontmatter(pdf: &mut Pdf, manual: &Manual, numbers: &Numbers) {
    let mut catalog = pdf.catalog(Numbers::CATALOG);
    catalog.pages(Numbers::TREE);
    catalog.outlines(Numbers::OUTLINE);
    catalog.lang(TextStr(manual.language));
    catalog.viewer_preferences().display_doc_title(true);
    catalog.finish();
    let mut info = pdf.document_info(Numbers::INFO);
    info.title(TextStr(manual.title));
    info.author(TextStr(manual.publisher));
    info.subject(TextStr(manual.subject));
    info.keywords(TextStr(&format!("urn:isbn:{} {}", manual.isbn, manual.ark)));
    info.finish();
    let kids = (0..numbers.pages).map(Numbers::page);
    pdf.pages(Numbers::TREE).kids(kids).count(numbers.pages);
    for (id, name) in [(Numbers::FONT, "Helvetica"), (Numbers::BOLD, "Helvetica-Bold")] {
        let mut font = pdf.type1_font(id);
        font.base_font(Name(name.as_bytes()));
        font.encoding_predefined(Name(b"WinAnsiEncoding"));
    }
}

fn outline(pdf: &mut Pdf, lesson: &Lesson, leaves: &[Leaf], numbers: &Numbers) {
    let starts: Vec<(i32, &Leaf)> = (1..).zip(leaves).filter(|(_, leaf)| leaf.opens).collect();
    let count = i32::try_from(lesson.chapters.len()).unwrap_or_default();
    let mut root = pdf.outline(Numbers::OUTLINE);
    root.first(numbers.chapter(0));
    root.last(numbers.chapter(count - 1));
    root.count(count);
    root.finish();
    for (index, (page, leaf)) in (0..).zip(starts) {
        let mut item = pdf.outline_item(numbers.chapter(index));
        item.title(TextStr(&leaf.heading));
        item.parent(Numbers::OUTLINE);
        if index > 0 {
            item.prev(numbers.chapter(index - 1));
        }
        if index + 1 < count {
            item.next(numbers.chapter(index + 1));
        }
        item.dest().page(Numbers::page(page)).fit();
    }
}

fn add_page(pdf: &mut Pdf, index: i32, content: &[u8]) {
    let mut page = pdf.page(Numbers::page(index));
    page.media_box(Rect::new(0.0, 0.0, SHEET.0, SHEET.1));
    page.parent(Numbers::TREE);
    page.contents(Numbers::content(index));
    let mut resources = page.resources();
    resources.x_objects().pair(Name(b"Picture"), Numbers::image(index));
    let mut fonts = resources.fonts();
    fonts.pair(Name(b"Text"), Numbers::FONT);
    fonts.pair(Name(b"Bold"), Numbers::BOLD);
    fonts.finish();
    resources.finish();
    page.finish();
    pdf.stream(Numbers::content(index), content);
}

fn add_image(pdf: &mut Pdf, index: i32, jpeg: &[u8], size: (usize, usize)) {
    let mut image = pdf.image_xobject(Numbers::image(index), jpeg);
    image.filter(Filter::DctDecode);
    image.width(i32::try_from(size.0).unwrap_or_default());
    image.height(i32::try_from(size.1).unwrap_or_default());
    image.color_space().device_rgb();
    image.bits_per_component(8);
}

fn place_image(content: &mut Content, wide: f32, tall: f32, left: f32, bottom: f32) {
    content.save_state();
    content.transform([wide, 0.0, 0.0, tall, left, bottom]);
    content.x_object(Name(b"Picture"));
    content.restore_state();
}

fn leaf_content(leaf: &Leaf, number: usize, note: Option<&str>) -> Vec<u8> {
    let mut content = Content::new();
    let wide = SHEET.0 - 2.0 * MARGIN;
    let tall = wide * FIGURE;
    let mut y = SHEET.1 - MARGIN - tall;
    place_image(&mut content, wide, tall, MARGIN, y);
    y -= 40.0;
    let mut put = |text: &str, font: &[u8], size: f32, y: &mut f32| {
        for line in wrap(text, size, wide * COLUMN) {
            content.begin_text();
            content.set_font(Name(font), size);
            content.next_line(MARGIN, *y);
            content.show(Str(&WINDOWS_1252.encode(&line).0));
            content.end_text();
            *y -= size * 1.4;
        }
        *y -= size * 0.5;
    };
    put(&leaf.heading, b"Bold", 18.0, &mut y);
    for (index, paragraph) in leaf.paragraphs.iter().enumerate() {
        if leaf.exercise {
            put(&format!("{}. {paragraph}", index + 1), b"Text", 12.5, &mut y);
        } else {
            put(paragraph, b"Text", 12.5, &mut y);
        }
    }
    if let Some(note) = note {
        put(note, b"Text", 10.0, &mut y);
    }
    let mut foot = 30.0;
    put(&number.to_string(), b"Text", 10.0, &mut foot);
    content.finish().into_vec()
}

/// Lines of a text that are at most `wide` points long.
fn wrap(text: &str, size: f32, wide: f32) -> Vec<String> {
    let width_of = |text: &str| -> f32 {
        let thousandths = text.chars().fold(0.0, |sum, letter| {
            let place = (u32::from(letter) as usize).checked_sub(32);
            let width = place.and_then(|p| WIDTHS.get(p)).copied().unwrap_or(OTHER_WIDTH);
            sum + f32::from(width)
        });
        thousandths * size / 1000.0
    };
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && width_of(&line) + width_of(word) + size * 0.278 > wide {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
