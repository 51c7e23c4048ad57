//! The small XML of CAS, as a tree. A document type and an entity of its own are refused: no
//! answer of an ENT needs them, and both are ways to attack.

use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

/// Elements within elements.
const MAX_DEPTH: usize = 16;
/// Elements of one document.
const MAX_ELEMENTS: usize = 5_000;
/// Attributes of one element.
const MAX_ATTRIBUTES: usize = 32;

/// Why it is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the XML is not read: {0}")]
pub(super) struct BadXml(String);

/// An element, its namespace prefix left out.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    /// The text directly inside. A comment does not cut it in two.
    pub(super) text: String,
}

impl Element {
    /// The value of an XML attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The children of a name.
    pub(super) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// The root of a document in UTF-8.
pub(super) fn read(bytes: &[u8]) -> Result<Element, BadXml> {
    let text = std::str::from_utf8(bytes).map_err(|_| bad("it is not UTF-8"))?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        let event = reader.read_event().map_err(|error| bad(error.to_string()))?;
        elements += usize::from(matches!(event, Event::Start(_) | Event::Empty(_)));
        if elements > MAX_ELEMENTS {
            return Err(bad(format!("more than {MAX_ELEMENTS} elements")));
        }
        match event {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return Err(bad(format!("more than {MAX_DEPTH} elements within elements")));
                }
                open.push(element(&start)?);
            }
            Event::Empty(empty) => close(element(&empty)?, &mut open, &mut root)?,
            Event::End(_) => {
                // The reader checks that ends match starts.
                let done = open.pop().ok_or_else(|| bad("an end too many"))?;
                close(done, &mut open, &mut root)?;
            }
            Event::Text(text) => push(&mut open, &text.xml10_content()),
            Event::CData(text) => push(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                push(&mut open, meaning(&reference)?.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(bad("it has a document type")),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err(bad("it ends too early")),
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, BadXml> {
    let mut element =
        Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| bad(error.to_string()))?;
        if element.attributes.len() >= MAX_ATTRIBUTES {
            return Err(bad(format!("more than {MAX_ATTRIBUTES} attributes")));
        }
        let value = quick_xml::escape::unescape(&attribute.value)
            .map_err(|error| bad(error.to_string()))?;
        element
            .attributes
            .push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
    }
    Ok(element)
}

fn close(done: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), BadXml> {
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None if root.is_none() => *root = Some(done),
        None => return Err(bad("it has two roots")),
    }
    Ok(())
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn meaning(reference: &BytesRef<'_>) -> Result<char, BadXml> {
    Ok(match &**reference {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => reference
            .resolve_char_ref()
            .map_err(|error| bad(error.to_string()))?
            .ok_or_else(|| bad("it has an entity of its own"))?,
    })
}

fn bad(reason: impl Into<String>) -> BadXml {
    BadXml(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_type_and_entities_of_its_own_are_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"yy\"><!ENTITY y \"&x;&x;\">]><a>&y;</a>";
        assert!(read(bomb.as_bytes()).unwrap_err().to_string().contains("document type"));
        let outside = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>";
        assert!(read(outside.as_bytes()).is_err());
        assert!(read(b"<a>&x;</a>").is_err());
        assert!(read(b"<a b=\"&x;\"/>").is_err());
    }

    #[test]
    fn a_comment_does_not_cut_a_text() {
        let root = read(b"<u>head<!-- x -->master &amp; &#233;<![CDATA[<c>]]></u>").unwrap();
        assert_eq!(root.text, "headmaster & \u{e9}<c>");
    }

    #[test]
    fn a_deep_wide_cut_or_double_document_is_refused() {
        assert!(read("<a>".repeat(100).as_bytes()).is_err());
        let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        assert!(read(wide.as_bytes()).is_err());
        let many = " a='1'".repeat(100);
        assert!(read(format!("<a{many}/>").as_bytes()).is_err());
        for bytes in [&b"<a><b></b>"[..], b"", b"<a></b>", b"<a/><b/>", b"<a>\xff</a>", b"text"] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
