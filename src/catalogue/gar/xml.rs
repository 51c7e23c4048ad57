//! XML as the tree that JSON would give: an element with children is an object, one without is a
//! text, one that comes again is an array. Attributes and namespaces say nothing the GAR's
//! answers need.

use encoding_rs::Encoding;
use quick_xml::{
    Reader,
    events::{BytesRef, Event},
};
use serde_json::{Map, Value};

use crate::catalogue::lenient::BadAnswer;

/// Elements within elements.
const MAX_DEPTH: usize = 32;
/// Elements of one answer: a page of 5,000 resources has some 200,000.
const MAX_ELEMENTS: usize = 500_000;
/// Bytes looked at for `encoding="…"`.
const MAX_DECLARATION_BYTES: usize = 200;

/// An element being read.
struct Open {
    name: String,
    fields: Map<String, Value>,
    text: String,
}

impl Open {
    fn new(name: String) -> Self {
        Self { name, fields: Map::new(), text: String::new() }
    }

    fn add(&mut self, name: String, value: Value) {
        match self.fields.get_mut(&name) {
            None => drop(self.fields.insert(name, value)),
            Some(Value::Array(values)) => values.push(value),
            Some(one) => {
                let first = one.take();
                *one = Value::Array(vec![first, value]);
            }
        }
    }

    fn close(self) -> (String, Value) {
        let value = if self.fields.is_empty() {
            Value::String(self.text.trim().to_owned())
        } else {
            Value::Object(self.fields)
        };
        (self.name, value)
    }
}

/// The document as `{"root": …}`.
pub(super) fn tree(bytes: &[u8]) -> Result<Value, BadAnswer> {
    let text = decode(bytes);
    let mut reader = Reader::from_str(&text);
    let mut document = Open::new(String::new());
    let mut open: Vec<Open> = Vec::new();
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
                open.push(Open::new(start.local_name().as_ref().to_owned()));
            }
            Event::Empty(empty) => {
                let parent = open.last_mut().unwrap_or(&mut document);
                parent.add(empty.local_name().as_ref().to_owned(), Value::String(String::new()));
            }
            Event::End(_) => {
                // The reader checks that ends match starts.
                let Some(element) = open.pop() else { return Err(bad("an end too many")) };
                let (name, value) = element.close();
                open.last_mut().unwrap_or(&mut document).add(name, value);
            }
            Event::Text(text) => push(&mut open, &text.xml10_content()),
            Event::CData(text) => push(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                if let Some(meant) = meaning(&reference)? {
                    push(&mut open, meant.encode_utf8(&mut [0; 4]));
                }
            }
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
        }
    }
    if !open.is_empty() || document.fields.is_empty() {
        return Err(bad("the document ends too early"));
    }
    Ok(Value::Object(document.fields))
}

/// What `&…;` stands for. Entities that a document type defines stand for nothing: nobody needs
/// the bombs.
fn meaning(reference: &BytesRef<'_>) -> Result<Option<char>, BadAnswer> {
    Ok(match &**reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref().map_err(|error| bad(error.to_string()))?,
    })
}

fn push(open: &mut [Open], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn bad(reason: impl Into<String>) -> BadAnswer {
    BadAnswer::Syntax { form: "XML", reason: reason.into() }
}

/// As text, by its mark or its declaration; UTF-8 when neither says.
fn decode(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    let start = bytes.get(..MAX_DECLARATION_BYTES).unwrap_or(bytes);
    let start = String::from_utf8_lossy(start);
    let declared = start
        .split_once("encoding=")
        .filter(|(before, _)| before.trim_start_matches('\u{feff}').starts_with("<?xml"))
        .and_then(|(_, after)| after.split(['"', '\'']).nth(1))
        .and_then(|label| Encoding::for_label(label.as_bytes()));
    declared.unwrap_or(encoding_rs::UTF_8).decode(bytes).0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_element_that_comes_again_is_an_array() {
        let xml = "<?xml version='1.0'?><a:l xmlns:a='x'><r><n>1 &amp; 2&#233;</n></r>\
                   <r><n><![CDATA[<3>]]></n><v/></r></a:l>";
        assert_eq!(
            tree(xml.as_bytes()).unwrap(),
            json!({"l": {"r": [{"n": "1 & 2é"}, {"n": "<3>", "v": ""}]}})
        );
    }

    #[test]
    fn the_declared_encoding_is_heeded() {
        let xml = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><t>\xC9cole</t>";
        assert_eq!(tree(xml).unwrap(), json!({"t": "École"}));
    }

    #[test]
    fn a_deep_or_cut_document_is_refused() {
        assert!(tree("<a>".repeat(100).as_bytes()).is_err());
        assert!(tree(b"<a><b></b>").is_err());
        assert!(tree(b"").is_err());
        let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        assert!(tree(wide.as_bytes()).unwrap_err().to_string().contains("elements"));
        let bomb = "<!DOCTYPE a [<!ENTITY x \"yy\"><!ENTITY y \"&x;&x;\">]><a>&y;z</a>";
        assert_eq!(tree(bomb.as_bytes()).unwrap(), json!({"a": "z"}));
        assert!(tree(b"<a></b>").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text in "[<>/a-c&;#x0-9 !\\[\\]CDATA?'\"=-]{0,60}") {
            let _ = tree(text.as_bytes());
        }
    }
}
