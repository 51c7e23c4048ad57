//! The NCX of EPUB 2 (OPF 2.0.1 §2.4.1), for packages without a navigation document.

use super::super::{ContentsEntry, contents::MAX_CONTENTS_LINES, path, xml::Element};

/// The table of contents of an NCX found in `folder`.
pub(super) fn contents(tree: &Element, folder: &str) -> Vec<ContentsEntry> {
    let mut room = MAX_CONTENTS_LINES;
    tree.first("navMap").map(|map| points(map, folder, &mut room)).unwrap_or_default()
}

/// Points below an element; as deep as the document, which is bounded.
fn points(element: &Element, folder: &str, room: &mut usize) -> Vec<ContentsEntry> {
    let mut lines = Vec::new();
    for point in element.named("navPoint") {
        let Some(left) = room.checked_sub(1) else { break };
        *room = left;
        let source = point.first("content").and_then(|content| content.attribute("src"));
        lines.push(ContentsEntry {
            title: point.first("navLabel").map(Element::text).unwrap_or_default(),
            href: source.and_then(|src| path::resolve(folder, src)).map(|target| target.href()),
            children: points(point, folder, room),
        });
    }
    lines
}
