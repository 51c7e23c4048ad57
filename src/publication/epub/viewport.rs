//! The size of a fixed page (EPUB 3.3 §8.2.2.6): `<meta name="viewport">` of XHTML, `viewBox` of
//! SVG.

use quick_xml::events::{BytesStart, Event};

use super::super::xml;

/// Bytes of a page in which its size is looked for.
pub(super) const HEAD_BYTES: u64 = 4 * 1024;
/// CSS pixels that a page may measure: a wall poster at print resolution.
const MAX_PIXELS: f64 = 100_000.0;

/// The width and height that the beginning of a page states, CSS pixels.
pub(super) fn read(head: &[u8]) -> Option<(u32, u32)> {
    let text = xml::decode(head);
    let mut reader = xml::lenient_reader(&text);
    loop {
        // The head is cut anywhere: an error ends the search.
        let start = match reader.read_event().ok()? {
            Event::Start(start) | Event::Empty(start) => start,
            Event::Eof => return None,
            _ => continue,
        };
        let found = match start.local_name().as_ref() {
            "meta" if attribute(&start, "name").as_deref() == Some("viewport") => {
                attribute(&start, "content").and_then(|content| viewport(&content))
            }
            "svg" => svg(&start),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = start.html_attributes();
    let mut attributes = attributes.with_checks(false).flatten();
    attributes.find(|a| a.key.as_ref() == name).map(|a| a.value.into_owned())
}

/// `width=1200, height=1577`, separated as writers like it.
fn viewport(content: &str) -> Option<(u32, u32)> {
    let mut width = None;
    let mut height = None;
    for part in content.split([',', ';']) {
        let Some((name, value)) = part.split_once('=') else { continue };
        match name.trim() {
            "width" => width = pixels(value),
            "height" => height = pixels(value),
            _ => {}
        }
    }
    Some((width?, height?))
}

fn svg(start: &BytesStart<'_>) -> Option<(u32, u32)> {
    if let Some(view) = attribute(start, "viewBox") {
        let numbers: Vec<&str> =
            view.split([' ', ',', '\n', '\t']).filter(|part| !part.is_empty()).collect();
        if let [_, _, width, height] = numbers.as_slice() {
            return Some((pixels(width)?, pixels(height)?));
        }
    }
    Some((pixels(&attribute(start, "width")?)?, pixels(&attribute(start, "height")?)?))
}

/// A length in CSS pixels, with or without its unit.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn pixels(text: &str) -> Option<u32> {
    let number: f64 = text.trim().trim_end_matches("px").trim_end().parse().ok()?;
    (1.0..=MAX_PIXELS).contains(&number).then(|| number.round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(page: &str) -> Option<(u32, u32)> {
        read(page.as_bytes())
    }

    #[test]
    fn a_page_states_its_size() {
        let meta = |content: &str| of(&format!("<html><meta name='viewport' content='{content}'>"));
        assert_eq!(meta("width=1200, height=1577"), Some((1200, 1577)));
        assert_eq!(meta("width = 1200.4px ;height=800"), Some((1200, 800)));
        assert_eq!(meta("width=device-width, initial-scale=1"), None);
        assert_eq!(meta("width=0, height=10"), None);
        assert_eq!(meta("width=1e9, height=NaN"), None);
        assert_eq!(of("<?xml version='1.0'?><svg viewBox='0 0 600 800.6'/>"), Some((600, 801)));
        assert_eq!(of("<svg width='60px' height='80'>"), Some((60, 80)));
    }

    #[test]
    fn a_page_cut_before_its_size_has_none() {
        let page = "<html><head><meta name='viewport' content='width=10,height=20'/>";
        for end in 0..page.len() - 2 {
            assert_eq!(of(&page[..end]), None, "{end}");
        }
        assert_eq!(of(page), Some((10, 20)));
    }
}
