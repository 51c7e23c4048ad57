//! The navigation document of EPUB 3 (EPUB 3.3 §7).

use super::super::{ContentsEntry, contents::MAX_CONTENTS_LINES, path, xml::Element};

/// The table of contents of a navigation document found in `folder`.
pub(super) fn contents(tree: &Element, folder: &str) -> Vec<ContentsEntry> {
    let navs = tree.descendants("nav");
    let toc = navs
        .iter()
        .find(|nav| nav.has_word("type", "toc"))
        .or_else(|| navs.iter().find(|nav| nav.has_word("role", "doc-toc")))
        // A document with one list and no word about it can only mean that one.
        .or_else(|| navs.first().filter(|nav| nav.attribute_any("type").is_none()));
    let mut room = MAX_CONTENTS_LINES;
    toc.map(|nav| lists(nav, folder, &mut room)).unwrap_or_default()
}

/// How many pages the printed edition has, by its list of pages.
pub(super) fn printed_pages(tree: &Element) -> Option<u32> {
    let navs = tree.descendants("nav");
    let list = navs.iter().find(|nav| nav.has_word("type", "page-list"))?;
    u32::try_from(list.descendants("a").len()).ok().filter(|pages| *pages > 0)
}

/// Lines of the lists below an element; as deep as the document, which is bounded.
fn lists(element: &Element, folder: &str, room: &mut usize) -> Vec<ContentsEntry> {
    let mut lines = Vec::new();
    for list in element.elements().filter(|e| matches!(&*e.name, "ol" | "ul")) {
        for item in list.named("li") {
            let Some(left) = room.checked_sub(1) else { return lines };
            *room = left;
            lines.push(line(item, folder, room));
        }
    }
    lines
}

fn line(item: &Element, folder: &str, room: &mut usize) -> ContentsEntry {
    let label = item.elements().find(|e| !matches!(&*e.name, "ol" | "ul"));
    // The link may be wrapped, which the standard forbids and publishers do.
    let link = label
        .filter(|label| &*label.name == "a")
        .or_else(|| label.and_then(|label| label.descendants("a").into_iter().next()));
    let text = label.map(Element::text).filter(|text| !text.is_empty());
    let spoken = || link.or(label).and_then(|e| e.attribute("title")).map(str::to_owned);
    ContentsEntry {
        title: text.or_else(spoken).unwrap_or_default(),
        href: link
            .and_then(|link| path::resolve(folder, link.attribute("href")?))
            .map(|target| target.href()),
        children: lists(item, folder, room),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::xml;
    use super::*;

    #[test]
    fn the_contents_keep_their_levels() {
        let tree = xml::parse(
            "<html><body><nav epub:type='landmarks'><ol><li><a href='x'>no</a></li></ol></nav>
             <nav epub:type='toc'><h1>Sommaire</h1><ol>
               <li><span>Partie&nbsp;1</span><ol><li><a href='../t/c1.xhtml#a'>L'<b>eau</b></a></li></ol></li>
               <li><p><a href='c2.xhtml'><img alt='Deux' src='x'/></a></p></li>
               <li><a href='http://host/'>Site</a></li>
             </ol></nav><nav epub:type='page-list'><ol><li><a href='x'>1</a></li><li><a href='x'>2</a></li></ol></nav>"
                .as_bytes(),
        )
        .unwrap();
        let lines = contents(&tree, "EPUB/nav/");
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].title, "Partie 1");
        assert_eq!(lines[0].href, None);
        assert_eq!(lines[0].children[0].title, "L'eau");
        assert_eq!(lines[0].children[0].href.as_deref(), Some("EPUB/t/c1.xhtml#a"));
        assert_eq!(lines[1].title, "Deux");
        assert_eq!(lines[1].href.as_deref(), Some("EPUB/nav/c2.xhtml"));
        assert_eq!(lines[2].href, None);
        assert_eq!(printed_pages(&tree), Some(2));
    }
}
