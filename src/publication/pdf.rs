//! PDF: title, authors, pages and outline; the file itself is the one resource.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    os::unix::fs::FileExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

use super::{
    ContentsEntry, Item, Kind, Metadata, Place, Publication, PublicationError,
    contents::MAX_CONTENTS_LINES, media_type, xml::collapse,
};

/// The path of the one resource.
const PATH: &str = "publication.pdf";
/// Files larger than that are lent without being looked into: looking takes all of them in
/// memory, of which a small box has 2 GB.
const MAX_LOADED_BYTES: u64 = 64 << 20;
/// Bytes that all compressed streams of objects may inflate to together.
const MAX_OBJECTS_BYTES: usize = 16 << 20;
/// Marks between values of a file, about: each value takes some 120 bytes of memory, however
/// short it is. Images have marks by chance, one in thirty-six bytes.
const MAX_MARKS: usize = 2_500_000;
/// Levels of an outline.
const MAX_OUTLINE_DEPTH: usize = 16;
/// Nodes of the tree of names that are visited.
const MAX_NAME_NODES: usize = 10_000;
/// Named destinations kept.
const MAX_NAMES: usize = 100_000;

/// Opens a PDF whose header was seen. What its structure hides (encrypted, broken, of a kind
/// unknown here) stays unknown: the browser may still show it.
pub(super) fn open(file: Arc<File>) -> Result<Publication, PublicationError> {
    let size = file
        .metadata()
        .map_err(|source| PublicationError::Read { what: "the file".into(), offset: 0, source })?
        .len();
    // The parser is not ours: a panic in it costs the outline, not the book.
    let known = usize::try_from(size)
        .ok()
        .filter(|_| size <= MAX_LOADED_BYTES)
        .and_then(|len| catch_unwind(AssertUnwindSafe(|| look(&file, len))).ok().flatten());
    let (metadata, contents) = known.unwrap_or_default();
    let item = Item {
        path: PATH.into(),
        media_type: media_type::PDF.into(),
        title: None,
        size,
        page: None,
        viewport: None,
    };
    Ok(Publication {
        kind: Kind::Pdf,
        metadata,
        reading_order: vec![item],
        resources: Vec::new(),
        contents,
        cover: None,
        place: Place::Whole(file),
        memory: std::sync::OnceLock::new(),
    })
}

/// Keeps what describes the document, drops what is drawn.
fn descriptive(id: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    match object {
        Object::Stream(stream) if !stream.dict.has_type(b"ObjStm") => None,
        other => Some((id, other.clone())),
    }
}

/// How many values a file may hold, about: at least half of those it does, since each ends with
/// white space or a delimiter after a letter, or begins with a solidus (ISO 32000-1 §7.2.2).
fn marks(bytes: &[u8]) -> usize {
    let is_mark = |byte: u8| b"\0\t\n\x0c\r ()<>[]{}/%".contains(&byte);
    let ends = |pair: &&[u8]| match **pair {
        [_, b'/'] => true,
        [before, mark] => is_mark(mark) && (is_mark(before) || before.is_ascii_graphic()),
        _ => false,
    };
    bytes.windows(2).filter(ends).count()
}

/// Does this begin with the name of the type of object streams, however it is spelt
/// (`#` and two digits stand for any letter, §7.3.5)?
fn is_object_stream(name: &[u8]) -> bool {
    let mut rest = name;
    b"ObjStm".iter().all(|wanted| {
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let (letter, after) = match rest {
            [b'#', a, b, after @ ..] => (hex(&[*a, *b]), after),
            [letter, after @ ..] => (Some(*letter), after),
            [] => return false,
        };
        rest = after;
        letter == Some(*wanted)
    })
}

fn look(file: &File, len: usize) -> Option<(Metadata, Vec<ContentsEntry>)> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, 0).ok()?;
    if marks(&bytes) > MAX_MARKS {
        return None;
    }
    // The parser bounds each stream only: the more there are, the less each may take.
    let streams = bytes.split(|byte| *byte == b'/').filter(|name| is_object_stream(name)).count();
    let options = LoadOptions {
        filter: Some(descriptive),
        max_decompressed_size: Some(MAX_OBJECTS_BYTES / streams.max(1)),
        ..LoadOptions::default()
    };
    let document = Document::load_mem_with_options(&bytes, options).ok()?;
    drop(bytes);
    if document.is_encrypted() {
        return None;
    }
    let pages: HashMap<ObjectId, u32> = document.page_iter().zip(1..).collect();
    let metadata = metadata(&document, u32::try_from(pages.len()).ok());
    let names = named_destinations(&document);
    let contents = Outline { document: &document, pages, names, seen: HashSet::new() }.read();
    Some((metadata, contents))
}

fn metadata(document: &Document, pages: Option<u32>) -> Metadata {
    let info = document.trailer.get_deref(b"Info", document).and_then(Object::as_dict).ok();
    let field = |key: &[u8]| text(document, info?, key);
    let language = document.catalog().ok().and_then(|catalog| text(document, catalog, b"Lang"));
    Metadata {
        title: field(b"Title").unwrap_or_default(),
        authors: field(b"Author").into_iter().collect(),
        languages: language.into_iter().collect(),
        pages: pages.filter(|pages| *pages > 0),
        ..Metadata::default()
    }
}

/// A text string of a dictionary (ISO 32000-1 §7.9.2.2); `None` when absent or blank.
fn text(document: &Document, dictionary: &Dictionary, key: &[u8]) -> Option<String> {
    let object = dictionary.get_deref(key, document).ok()?;
    let decoded = match object.as_str() {
        // Many writers put UTF-8 without its mark.
        Ok(bytes) if !bytes.starts_with(b"\xef\xbb\xbf") && !bytes.starts_with(b"\xfe\xff") => {
            match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => lopdf::decode_text_string(object).ok()?,
            }
        }
        _ => lopdf::decode_text_string(object).ok()?,
    };
    let plain: String = decoded.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let plain = collapse(&plain);
    (!plain.is_empty()).then_some(plain)
}

/// Reads an outline (ISO 32000-1 §12.3.3), whose links may form rings.
struct Outline<'a> {
    document: &'a Document,
    pages: HashMap<ObjectId, u32>,
    names: HashMap<&'a [u8], &'a Object>,
    seen: HashSet<ObjectId>,
}

impl<'a> Outline<'a> {
    fn read(mut self) -> Vec<ContentsEntry> {
        let Ok(catalog) = self.document.catalog() else { return Vec::new() };
        let Ok(root) = self.document.get_dict_in_dict(catalog, b"Outlines") else {
            return Vec::new();
        };
        self.lines_below(root, 0)
    }

    fn lines_below(&mut self, parent: &'a Dictionary, depth: usize) -> Vec<ContentsEntry> {
        let mut lines = Vec::new();
        let mut next = parent.get(b"First").and_then(Object::as_reference).ok();
        while let Some(id) = next {
            if depth >= MAX_OUTLINE_DEPTH
                || self.seen.len() >= MAX_CONTENTS_LINES
                || !self.seen.insert(id)
            {
                break;
            }
            let Ok(item) = self.document.get_dictionary(id) else { break };
            let title = text(self.document, item, b"Title").unwrap_or_default();
            let href = self.page_of(item).map(|page| format!("{PATH}#page={page}"));
            let children = self.lines_below(item, depth + 1);
            lines.push(ContentsEntry { title, href, children });
            next = item.get(b"Next").and_then(Object::as_reference).ok();
        }
        lines
    }

    /// The page that a line leads to: its destination, or that of its action.
    fn page_of(&self, item: &'a Dictionary) -> Option<u32> {
        let destination = if let Ok(destination) = item.get_deref(b"Dest", self.document) {
            destination
        } else {
            let action = self.document.get_dict_in_dict(item, b"A").ok()?;
            let kind = action.get_deref(b"S", self.document).and_then(Object::as_name).ok()?;
            if kind != b"GoTo" {
                return None;
            }
            action.get_deref(b"D", self.document).ok()?
        };
        let array = match destination {
            Object::Array(array) => array,
            Object::Name(name) | Object::String(name, _) => {
                let found = self.document.dereference(self.names.get(&**name)?).ok()?.1;
                array_of(self.document, found)?
            }
            _ => return None,
        };
        match array.first()? {
            Object::Reference(page) => self.pages.get(page).copied(),
            // Some writers put the page's place, from 0.
            Object::Integer(place) => u32::try_from(*place).ok()?.checked_add(1),
            _ => None,
        }
    }
}

/// Destinations by name: the catalogue's `Dests`, and the tree of names (§7.9.6).
fn named_destinations(document: &Document) -> HashMap<&[u8], &Object> {
    let mut found = HashMap::new();
    let Ok(catalog) = document.catalog() else { return found };
    if let Ok(direct) = document.get_dict_in_dict(catalog, b"Dests") {
        found.extend(direct.iter().take(MAX_NAMES).map(|(name, value)| (&**name, value)));
    }
    let names = document.get_dict_in_dict(catalog, b"Names");
    let tree = names.and_then(|names| document.get_dict_in_dict(names, b"Dests"));
    let mut waiting: Vec<&Dictionary> = tree.into_iter().collect();
    // Nodes may form rings: only so many are visited.
    for _ in 0..MAX_NAME_NODES {
        let Some(node) = waiting.pop() else { break };
        if let Ok(pairs) = node.get_deref(b"Names", document).and_then(Object::as_array) {
            for pair in pairs.chunks_exact(2) {
                if let [key, value] = pair
                    && let Ok(key) = key.as_str()
                    && found.len() < MAX_NAMES
                {
                    found.entry(key).or_insert(value);
                }
            }
        }
        if let Ok(kids) = node.get_deref(b"Kids", document).and_then(Object::as_array) {
            let room = MAX_NAME_NODES.saturating_sub(waiting.len());
            let nodes = kids.iter().filter_map(|kid| kid.as_reference().ok());
            waiting.extend(nodes.filter_map(|id| document.get_dictionary(id).ok()).take(room));
        }
    }
    found
}

/// A destination as an array, or the dictionary that holds it under `D`.
fn array_of<'a>(document: &'a Document, object: &'a Object) -> Option<&'a Vec<Object>> {
    match object {
        Object::Array(array) => Some(array),
        Object::Dictionary(dictionary) => {
            dictionary.get_deref(b"D", document).and_then(Object::as_array).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A document whose third object is this.
    fn document(third: &[u8]) -> Vec<u8> {
        let mut bytes = b"%PDF-1.4\n".to_vec();
        let catalog: &[u8] = b"<</Type/Catalog/Pages 2 0 R/Lang(fr)>>";
        let objects = [catalog, b"<</Type/Pages/Kids[]/Count 0>>", third];
        let mut table = "xref\n0 4\n0000000000 65535 f \n".to_owned();
        for (number, object) in (1..).zip(objects) {
            table += &format!("{:010} 00000 n \n", bytes.len());
            bytes.extend(format!("{number} 0 obj\n").bytes());
            bytes.extend(object);
            bytes.extend(b"\nendobj\n");
        }
        let start = bytes.len();
        bytes.extend(table.bytes());
        let end = format!("trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n{start}\n%%EOF");
        bytes.extend(end.bytes());
        bytes
    }

    fn seen(bytes: &[u8]) -> bool {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        look(&file, bytes.len()).is_some()
    }

    #[test]
    fn a_file_of_countless_small_values_is_not_looked_into() {
        assert!(seen(&document(b"[1 (a) /b <</c null>>]")));
        for value in [&b"1 "[..], b"[]", b"(\x80)", b"/\x80", b"1(\x80)", b"1  ", b"<>", b"null\n"]
        {
            let array = [b"[", value.repeat(2 * MAX_MARKS).as_slice(), b"]"].concat();
            assert!(!seen(&document(&array)), "{:?}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn an_object_stream_is_one_however_its_name_is_spelt() {
        for name in [&b"ObjStm/N 1"[..], b"#4fbjStm", b"#4F#62#6a#53#74#6d>>"] {
            assert!(is_object_stream(name), "{}", String::from_utf8_lossy(name));
        }
        for name in [&b"ObjSt"[..], b"Object", b"#4", b"#zzbjStm", b""] {
            assert!(!is_object_stream(name), "{}", String::from_utf8_lossy(name));
        }
    }
}
