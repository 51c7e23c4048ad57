//! XML documents of packages as small trees, bounded in size, depth and number of parts. No DTD
//! is read and no entity is expanded beyond characters, so none can grow.

mod references;

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use quick_xml::{Reader, events::BytesStart, events::Event};

use self::references::{resolve_reference, unescape};
use super::{PublicationError, zip::Table};

/// Bytes of an XML document of a package (container, OPF, nav, NCX, imsmanifest).
pub(super) const MAX_XML_BYTES: u64 = 16 << 20;
/// Elements inside one another.
const MAX_DEPTH: usize = 200;
/// Elements, their ends, texts and attributes of one document: a tree then takes some 100 MiB at
/// worst.
const MAX_PARTS: usize = 600_000;
/// Bytes in which an XML declaration names its encoding.
const DECLARATION_BYTES: usize = 256;

/// Why a document could not be understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum XmlError {
    #[error("not well-formed near byte {at}: {reason}")]
    Malformed { at: u64, reason: String },
    #[error("elements nest deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("more than {MAX_PARTS} elements, attributes and texts")]
    TooManyParts,
    #[error("it has no element")]
    Empty,
}

/// An element, its name without prefix.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: Box<str>,
    /// Names as written, prefix included.
    attributes: Vec<(Box<str>, Box<str>)>,
    children: Vec<Node>,
}

#[derive(Debug)]
enum Node {
    Element(Element),
    Text(Box<str>),
}

impl Element {
    /// The value of an attribute, named as written.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }

    /// The value of an attribute whatever its prefix: documents choose their prefixes.
    pub(super) fn attribute_any(&self, local: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| local_name(key) == local).map(|(_, value)| &**value)
    }

    /// Does an attribute have this word among its words?
    pub(super) fn has_word(&self, local: &str, word: &str) -> bool {
        self.attribute_any(local).is_some_and(|value| value.split_whitespace().any(|w| w == word))
    }

    /// The elements right below.
    pub(super) fn elements(&self) -> impl DoubleEndedIterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The elements of a name right below.
    pub(super) fn named(&self, name: &str) -> impl DoubleEndedIterator<Item = &Element> {
        self.elements().filter(move |element| &*element.name == name)
    }

    /// The first element of a name right below.
    pub(super) fn first(&self, name: &str) -> Option<&Element> {
        self.named(name).next()
    }

    /// All elements of a name at any depth, in document order.
    pub(super) fn descendants(&self, name: &str) -> Vec<&Element> {
        let mut found = Vec::new();
        let mut waiting: Vec<&Element> = self.elements().rev().collect();
        while let Some(element) = waiting.pop() {
            if &*element.name == name {
                found.push(element);
            }
            waiting.extend(element.elements().rev());
        }
        found
    }

    /// All its text, white space collapsed; pictures speak by their `alt`.
    pub(super) fn text(&self) -> String {
        let mut all = String::new();
        let mut waiting: Vec<&Node> = self.children.iter().rev().collect();
        while let Some(node) = waiting.pop() {
            match node {
                Node::Text(text) => all.push_str(text),
                Node::Element(element) => {
                    if &*element.name == "img"
                        && let Some(alt) = element.attribute("alt")
                    {
                        all.push_str(alt);
                    }
                    waiting.extend(element.children.iter().rev());
                }
            }
        }
        collapse(&all)
    }
}

/// Bytes of a title, a name or another line of text; what follows is left out.
const MAX_LINE_BYTES: usize = 4_096;

/// White space as a reader sees it: none at the ends, one space elsewhere.
pub(super) fn collapse(text: &str) -> String {
    let mut collapsed = String::new();
    for word in text.split_whitespace() {
        if collapsed.len() + word.len() >= MAX_LINE_BYTES {
            break;
        }
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    collapsed
}

/// Reads an XML document of a package.
pub(super) fn load(table: &Table, path: &str) -> Result<Element, PublicationError> {
    let row = table.find(path).ok_or_else(|| PublicationError::Missing {
        path: path.to_owned(),
        why: "another document of the package names it",
    })?;
    let bytes = table.resource(row).read(MAX_XML_BYTES)?;
    parse(&bytes).map_err(|error| PublicationError::Document {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Parses a document. Elements left open are closed at its end and stray ends are skipped, as
/// reading systems do with the XHTML that publishers ship.
pub(super) fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    let mut tree = Tree::default();
    tree.grow(&decode(bytes))?;
    tree.finish()
}

/// Parses a page of a web site, XML or not: names in lowercase, elements that have no end closed
/// at once (HTML §13.1.2). Where it can no longer be understood, the tree ends.
pub(super) fn parse_page(bytes: &[u8]) -> Option<Element> {
    let mut tree = Tree { is_page: true, ..Tree::default() };
    // What came before the trouble is enough for a title and some links.
    let _ = tree.grow(&decode(bytes));
    tree.finish().ok()
}

/// HTML elements without content.
const VOID: [&str; 13] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
];

/// A reader that takes what publishers ship.
pub(super) fn lenient_reader(text: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

/// A tree being built.
#[derive(Debug, Default)]
struct Tree {
    /// Elements open, the outermost first.
    open: Vec<Element>,
    root: Option<Element>,
    parts: usize,
    is_page: bool,
}

impl Tree {
    /// Reads a document to its end.
    fn grow(&mut self, text: &str) -> Result<(), XmlError> {
        let mut reader = lenient_reader(text);
        loop {
            let event = reader.read_event().map_err(|error| XmlError::Malformed {
                at: reader.error_position(),
                reason: error.to_string(),
            })?;
            match event {
                Event::Start(start) => self.open(&start, false)?,
                Event::Empty(start) => self.open(&start, true)?,
                Event::End(end) => {
                    // Stray ends count too: each is looked for among the open elements.
                    self.count(1)?;
                    let name = self.name(end.name().as_ref());
                    self.close(&name);
                }
                Event::Text(text) => self.text(&text.into_inner())?,
                Event::CData(text) => self.text(&text.into_inner())?,
                Event::GeneralRef(name) => self.text(&resolve_reference(&name))?,
                Event::Eof => return Ok(()),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
    }

    fn name(&self, written: &str) -> Box<str> {
        let local = local_name(written);
        if self.is_page { local.to_ascii_lowercase().into() } else { local.into() }
    }

    fn count(&mut self, parts: usize) -> Result<(), XmlError> {
        self.parts = self.parts.saturating_add(parts);
        if self.parts > MAX_PARTS { Err(XmlError::TooManyParts) } else { Ok(()) }
    }

    fn open(&mut self, start: &BytesStart<'_>, is_empty: bool) -> Result<(), XmlError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(XmlError::TooDeep);
        }
        self.count(1)?;
        let name = self.name(start.name().as_ref());
        let is_empty = is_empty || self.is_page && VOID.contains(&&*name);
        let mut element = Element { name, ..Element::default() };
        for attribute in start.html_attributes().with_checks(false).flatten() {
            self.count(1)?;
            let key = attribute.key.as_ref();
            let key = if self.is_page { key.to_ascii_lowercase().into() } else { key.into() };
            element.attributes.push((key, unescape(&attribute.value).into()));
        }
        if is_empty {
            self.place(element);
        } else {
            self.open.push(element);
        }
        Ok(())
    }

    /// Closes the innermost element of that name, and those left open inside it.
    fn close(&mut self, name: &str) {
        if !self.open.iter().any(|element| &*element.name == name) {
            return;
        }
        while let Some(element) = self.open.pop() {
            let found = &*element.name == name;
            self.place(element);
            if found {
                return;
            }
        }
    }

    /// Hangs a closed element below the one that holds it; the first without one is the root.
    fn place(&mut self, element: Element) {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None if self.root.is_none() => self.root = Some(element),
            None => {}
        }
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        let Some(parent) = self.open.last_mut() else { return Ok(()) };
        if text.is_empty() {
            return Ok(());
        }
        parent.children.push(Node::Text(text.into()));
        self.count(1)
    }

    fn finish(mut self) -> Result<Element, XmlError> {
        while let Some(element) = self.open.pop() {
            self.place(element);
        }
        self.root.ok_or(XmlError::Empty)
    }
}

/// The name after the prefix.
fn local_name(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Text of any encoding that XML allows: by its mark, its declaration, else UTF-8.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default()).0;
    }
    let encoding = match bytes.get(..2) {
        Some([0, b'<']) => UTF_16BE,
        Some([b'<', 0]) => UTF_16LE,
        _ => declared(bytes).unwrap_or(UTF_8),
    };
    encoding.decode_without_bom_handling(bytes).0
}

/// The encoding that an XML declaration names. One whose declaration reads as ASCII is not UTF-16,
/// whatever it says.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(bytes.get(..DECLARATION_BYTES.min(bytes.len()))?);
    let declaration = head.trim_start().strip_prefix("<?xml")?.split("?>").next()?;
    let (_, after) = declaration.split_once("encoding")?;
    let value = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let label = value.split(quote).nth(1)?;
    Encoding::for_label(label.as_bytes()).filter(|e| *e != UTF_16LE && *e != UTF_16BE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_a_tree() {
        let tree = parse(
            "<?xml version='1.0'?><!DOCTYPE html><h:a xml:base=\"x/\" t='1 &amp; 2'>\
             Un<b>&nbsp;deux </b>\n<b><![CDATA[<3>]]></b></h:a>"
                .as_bytes(),
        )
        .unwrap();
        assert_eq!(&*tree.name, "a");
        assert_eq!(tree.attribute("xml:base"), Some("x/"));
        assert_eq!(tree.attribute_any("base"), Some("x/"));
        assert_eq!(tree.attribute("t"), Some("1 & 2"));
        assert_eq!(tree.text(), "Un deux <3>");
        assert_eq!(tree.descendants("b").len(), 2);
    }

    #[test]
    fn an_entity_bomb_stays_small() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbbbbbb\"><!ENTITY c \"&b;&b;&b;\">]><a>&c;&c;</a>";
        assert_eq!(parse(bomb.as_bytes()).unwrap().text(), "&c;&c;");
    }

    #[test]
    fn depth_and_parts_are_bounded() {
        let deep = "<a>".repeat(MAX_DEPTH + 1);
        assert!(matches!(parse(deep.as_bytes()), Err(XmlError::TooDeep)));
        for part in ["<b/>", "</b>", "<b c=''/>", "&lt;"] {
            let wide = format!("<a>{}</a>", part.repeat(MAX_PARTS));
            let error = parse(wide.as_bytes()).unwrap_err();
            assert!(matches!(error, XmlError::TooManyParts), "{part}: {error}");
        }
    }

    #[test]
    fn careless_markup_is_read_all_the_same() {
        let tree = parse(b"<ol><li>a & b<br></li><li>&unknown; c</ol></p>").unwrap();
        let lines: Vec<String> = tree.named("li").map(Element::text).collect();
        assert_eq!(lines, ["a & b", "&unknown; c"]);
    }

    #[test]
    fn a_page_that_is_no_xml_is_read_as_far_as_it_goes() {
        let page = "<!doctype html><HTML Lang=fr><META charset=utf-8><TITLE>Un<br>deux</TITLE>\
                    <img src=a.png><p><A HREF=b.html>B</a><";
        let tree = parse_page(page.as_bytes()).unwrap();
        assert_eq!(tree.attribute("lang"), Some("fr"));
        assert_eq!(tree.first("title").unwrap().text(), "Undeux");
        assert_eq!(tree.descendants("a")[0].attribute("href"), Some("b.html"));
    }

    #[test]
    fn every_encoding_that_publishers_use_is_read() {
        let latin = b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>\xe9t\xe9</a>";
        let mut utf16 = vec![0xff, 0xfe];
        utf16.extend("<a>été</a>".encode_utf16().flat_map(u16::to_le_bytes));
        let marked = "\u{feff}<a>été</a>".as_bytes();
        let lying = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a>été</a>".as_bytes();
        for bytes in [&latin[..], &utf16, marked, lying] {
            assert_eq!(parse(bytes).unwrap().text(), "été");
        }
    }

    #[test]
    fn character_references_are_resolved() {
        let tree = parse("<a b='&#233;&#x2014;&oelig;&#0;'>&#xE9;&eacute;&yuml;</a>".as_bytes());
        let tree = tree.unwrap();
        assert_eq!(tree.text(), "ééÿ");
        assert_eq!(tree.attribute("b"), Some("é—œ\u{fffd}"));
    }
}
