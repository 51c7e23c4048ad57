//! Paths inside a package: the one spelling they are compared in, references resolved to them,
//! and their spelling in addresses.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// What RFC 3986 §2.3 leaves unencoded, and the slash between segments.
const IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What RFC 3986 §3.4 and §3.5 allow after `?` and `#`; `%` stays, for what is already encoded.
const IN_SUFFIX: &AsciiSet = &IN_PATH
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'?');

/// Bytes of a reference, and of the path it resolves to. Names of entries are shorter; a longer one
/// repeated in thousands of places would fill the memory.
const MAX_REFERENCE_BYTES: usize = 2_048;

/// A path as it is written in an address, segment by segment.
pub fn encode(path: &str) -> String {
    utf8_percent_encode(path, IN_PATH).to_string()
}

/// `?query#fragment`, as it may be written in an address.
pub(super) fn encode_suffix(suffix: &str) -> String {
    let decoded_twice_never = |text: &str| {
        // An escape that is one stays; a lone `%` is encoded.
        text.split('%')
            .enumerate()
            .map(|(place, part)| {
                let encoded = utf8_percent_encode(part, IN_SUFFIX).to_string();
                let escape =
                    part.as_bytes().get(..2).is_some_and(|b| b.iter().all(u8::is_ascii_hexdigit));
                match place {
                    0 => encoded,
                    _ if escape => format!("%{encoded}"),
                    _ => format!("%25{encoded}"),
                }
            })
            .collect::<String>()
    };
    let (query, fragment) = match suffix.split_once('#') {
        Some((query, fragment)) => (query, Some(fragment)),
        None => (suffix, None),
    };
    let mut encoded = decoded_twice_never(query);
    if let Some(fragment) = fragment {
        encoded.push('#');
        encoded += &decoded_twice_never(fragment);
    }
    encoded
}

/// The spelling in which two names are the same path: Unicode NFC, no empty or `.` segment.
/// `None` when it leaves the package with `..`.
pub(super) fn normalise(path: &str) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()?),
            other => kept.push(other),
        }
    }
    let joined = kept.join("/");
    Some(if is_nfc(&joined) { joined } else { joined.nfc().collect() })
}

/// The folder of a path, with its final slash; empty at the top.
pub(super) fn folder_of(path: &str) -> &str {
    path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or_default()
}

/// A reference resolved inside the package: its path, and `?query#fragment` as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) path: String,
    pub(super) suffix: String,
}

impl Target {
    /// Path and suffix together, as a line of the contents has them.
    pub(super) fn href(&self) -> String {
        format!("{}{}", self.path, self.suffix)
    }
}

/// Resolves a relative reference (RFC 3986 §4.2) found in a document of `folder`. `None` when it
/// leads out of the package or nowhere. A leading slash is the root of the package (EPUB 3.3
/// §4.2.5).
pub(super) fn resolve(folder: &str, reference: &str) -> Option<Target> {
    let reference = reference.trim();
    if reference.len() > MAX_REFERENCE_BYTES || reference.starts_with("//") || has_scheme(reference)
    {
        return None;
    }
    let end = reference.find(['?', '#']).unwrap_or(reference.len());
    let (written, suffix) = reference.split_at_checked(end)?;
    let decoded: Cow<'_, str> = percent_decode_str(written).decode_utf8().ok()?;
    if decoded.is_empty() || decoded.contains(['\0', '\\']) {
        return None;
    }
    let joined = match decoded.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("{folder}{decoded}"),
    };
    let path = normalise(&joined)?;
    if path.len() > MAX_REFERENCE_BYTES {
        return None;
    }
    (!path.is_empty()).then(|| Target { path, suffix: suffix.to_owned() })
}

/// The folder that `xml:base` leads to from another, with its final slash. `None` out of the
/// package.
pub(super) fn resolve_folder(folder: &str, base: &str) -> Option<String> {
    let base = base.trim();
    if base.is_empty() || base == "." || base == "./" || base == "/" {
        return Some(if base == "/" { String::new() } else { folder.to_owned() });
    }
    // Only what comes before the last slash counts, as RFC 3986 §5.2.3 merges paths.
    let target = resolve(folder, &format!("{base}_"))?;
    Some(folder_of(&target.path).to_owned())
}

/// Does a reference begin with a scheme (RFC 3986 §3.1)?
fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(folder: &str, reference: &str) -> Option<String> {
        resolve(folder, reference).map(|target| target.href())
    }

    #[test]
    fn references_resolve_inside_the_package() {
        assert_eq!(path("EPUB/text/", "../img/a%20b.png"), Some("EPUB/img/a b.png".into()));
        assert_eq!(path("EPUB/", "page.xhtml#p%204"), Some("EPUB/page.xhtml#p%204".into()));
        assert_eq!(path("a/", "/b.html?x=1#y"), Some("b.html?x=1#y".into()));
        assert_eq!(path("", "./e\u{301}te\u{301}.html"), Some("\u{e9}t\u{e9}.html".into()));
        assert_eq!(path("a/b/", "c:d"), None, "a scheme");
    }

    #[test]
    fn references_that_leave_the_package_lead_nowhere() {
        let outside = [
            "../../x",
            "%2e%2e/%2e%2e/x",
            "//host/x",
            "http://host/x",
            "data:,x",
            "",
            "#here",
            "a\\b",
            "%00",
            "%ff",
        ];
        for reference in outside {
            assert_eq!(path("a/", reference), None, "{reference}");
        }
    }

    #[test]
    fn references_that_would_grow_with_their_folder_lead_nowhere() {
        let folder = "a/".repeat(MAX_REFERENCE_BYTES / 2);
        assert_eq!(path(&folder, "b"), None);
        assert_eq!(path("", &"b".repeat(MAX_REFERENCE_BYTES + 1)), None);
    }

    #[test]
    fn a_base_folder_is_followed() {
        assert_eq!(resolve_folder("", "content/"), Some("content/".into()));
        assert_eq!(resolve_folder("content/", "sco1/"), Some("content/sco1/".into()));
        assert_eq!(resolve_folder("a/", "../b/"), Some("b/".into()));
        assert_eq!(resolve_folder("a/", "http://host/"), None);
    }

    #[test]
    fn suffixes_are_encoded_once() {
        assert_eq!(encode_suffix("?q=é%20x&y=100%#a b#c"), "?q=%C3%A9%20x&y=100%25#a%20b%23c");
    }

    proptest! {
        #[test]
        fn a_normal_path_never_leaves_and_stays_normal(name in "[a-zé./ ]{0,40}") {
            if let Some(path) = normalise(&name) {
                prop_assert!(!path.starts_with('/') && !path.ends_with('/'));
                prop_assert!(path.split('/').all(|s| !matches!(s, "." | "..")));
                let again = normalise(&path);
                prop_assert_eq!(again.as_deref(), Some(path.as_str()));
            }
        }

        #[test]
        fn any_reference_resolves_to_a_normal_path_or_nothing(folder in "([a-z]{1,3}/){0,3}", reference in "\\PC{0,40}") {
            if let Some(target) = resolve(&folder, &reference) {
                let again = normalise(&target.path);
                prop_assert_eq!(again, Some(target.path));
            }
        }

        #[test]
        fn an_encoded_path_decodes_to_itself(path in "\\PC{1,40}") {
            let encoded = encode(&path);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b)));
            prop_assert_eq!(percent_decode_str(&encoded).decode_utf8().unwrap(), path);
        }
    }
}
