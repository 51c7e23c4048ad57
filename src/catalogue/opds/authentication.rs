//! The Authentication Document that comes with a 401 (OPDS Authentication 1.0): read only to say
//! to a person what the distributor wants.

use serde_json::Value;

use super::link::links;
use crate::catalogue::{
    lenient::{json, list, text},
    text::{MAX_NAME_CHARS, line},
};

/// Links and ways of signing in that are repeated.
const MAX_SHOWN: usize = 5;

/// What the document says, on one line; `None` when it is no such document.
pub fn sign_in(bytes: &[u8]) -> Option<String> {
    let document = json(bytes).ok()?;
    let title = text(&document, "title", MAX_NAME_CHARS)?;
    let ways: Vec<String> = list(&document, "authentication")
        .iter()
        .take(MAX_SHOWN)
        .filter_map(|way| text(way, "type", 120))
        .collect();
    let addresses: Vec<String> = links(&document, "links")
        .filter(|link| ["help", "register", "authenticate"].iter().any(|rel| link.has_rel(rel)))
        .take(MAX_SHOWN)
        .filter_map(|link| line(link.href, 200))
        .collect();
    if ways.is_empty() && document.get("authentication").is_none_or(Value::is_null) {
        return None;
    }
    let mut says = format!("“{title}” asks to sign in");
    for (before, what) in [("by", ways), ("see", addresses)] {
        if !what.is_empty() {
            says = format!("{says}; {before} {}", what.join(", "));
        }
    }
    Some(says)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_told_in_a_line() {
        let document = r#"{"id":"https://h/auth","title":"Bibliothèque","description":"d",
            "links":[{"rel":"logo","href":"/l.png"},{"rel":"help","href":"mailto:aide@h.example"}],
            "authentication":[{"type":"http://opds-spec.org/auth/basic"}]}"#;
        assert_eq!(
            sign_in(document.as_bytes()).unwrap(),
            "“Bibliothèque” asks to sign in; by http://opds-spec.org/auth/basic; see mailto:aide@h.example"
        );
        assert_eq!(sign_in(br#"{"title":"x"}"#), None);
        assert_eq!(sign_in(b"<html>"), None);
    }
}
