//! Gives the documents of SCORM packages the platform they ask for (`API`, `API_1484_11`).
//!
//! They run in an origin of their own, where no script of ours can reach in: the script has to
//! come with the document. What it keeps goes to the reader as messages.

/// The script's address; it stays the same, since documents are kept for ever.
const SCRIPT: &str = "<script src=\"/static/web/scorm-frame.js\"></script>";
/// How far into a document its `<head>` is looked for.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The document with the script before any of its own.
pub fn with_platform(document: &[u8]) -> Vec<u8> {
    // Two bytes a letter: such text would have to be recoded, and no such package was ever seen.
    if document.starts_with(&[0xff, 0xfe]) || document.starts_with(&[0xfe, 0xff]) {
        return document.to_vec();
    }
    let start = document.get(..document.len().min(MAX_HEAD_BYTES)).unwrap_or_default();
    let place = after_tag(start, b"<head").or_else(|| after_tag(start, b"<html")).unwrap_or_else(
        // Without either, what comes first but the document type, which must stay first.
        || after_tag(start, b"<!doctype").unwrap_or(0),
    );
    let (before, after) = document.split_at(place);
    [before, SCRIPT.as_bytes(), after].concat()
}

/// Where a tag of that name ends, whatever its letters' case.
fn after_tag(text: &[u8], name: &[u8]) -> Option<usize> {
    let is_tag = |window: &[u8]| {
        window.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && window.get(name.len()).is_some_and(|b| b.is_ascii_whitespace() || *b == b'>')
    };
    let start = text.windows(name.len() + 1).position(is_tag)?;
    let end = text.get(start..)?.iter().position(|b| *b == b'>')?;
    Some(start + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(document: &str) -> String {
        String::from_utf8(with_platform(document.as_bytes())).unwrap()
    }

    #[test]
    fn the_platform_comes_before_every_script_of_the_document() {
        for (document, before) in [
            ("<!DOCTYPE html><HTML><HEAD lang=fr><script>a()</script></HEAD>", "<HEAD lang=fr>"),
            ("<html><header>x</header>", "<html>"),
            ("<!doctype html><script>a()</script>", "<!doctype html>"),
            ("<script>a()</script>", ""),
            ("", ""),
        ] {
            let made = made(document);
            let place = made.find(SCRIPT).unwrap();
            assert!(made[..place].ends_with(before), "{made}");
            assert_eq!(made.replace(SCRIPT, ""), document);
        }
    }

    #[test]
    fn a_document_of_two_bytes_a_letter_stays_as_it_is() {
        let document = [0xff, 0xfe, b'<', 0, b'p', 0, b'>', 0];
        assert_eq!(with_platform(&document), document);
    }
}
