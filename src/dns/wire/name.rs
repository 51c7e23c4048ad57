//! Names as text, as hosts of the policy, and as keys.

use hickory_proto::rr::{Name, RecordType};

use crate::filter::host::Host;

/// A name of text, with or without its last dot; nothing when it is none. What is inside a label
/// is not looked at.
pub fn name(text: &str) -> Option<Name> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() {
        return Some(Name::root());
    }
    Name::from_labels(text.split('.').map(str::as_bytes)).ok()
}

/// As lists and policies write it. Of a name that no host has (`_sip._tcp` is one; others hold
/// spaces or dots inside a label), the nearest parent that a host may have.
pub fn host(name: &Name) -> Option<Host> {
    (0..name.iter().len()).find_map(|skipped| {
        let text = text_of(name.iter().skip(skipped))?;
        // No address: those are never looked up by name.
        Host::parse(&text).ok().filter(|host| host.name().is_some())
    })
}

/// Text of labels; nothing where a label holds what would have to be escaped.
fn text_of<'a>(labels: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut text = String::with_capacity(Name::MAX_LENGTH);
    for label in labels {
        for byte in label {
            if matches!(byte, b'.' | b'\\' | b'"' | 0..=b' ' | 0x7f..) {
                return None;
            }
            text.push(char::from(*byte));
        }
        text.push('.');
    }
    Some(text)
}

/// Bytes that are the same for the same name and type, in whatever case, and for no others.
pub fn key(name: &Name, kind: RecordType) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 4);
    for label in name {
        // Lengths are below 64, so that no letter is among them.
        key.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        key.extend(label.iter().map(u8::to_ascii_lowercase));
    }
    key.extend_from_slice(&u16::from(kind).to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_name_is_refused() {
        assert!(name(&"x".repeat(64)).is_none());
        assert!(name("a..b").is_none());
        assert!(name(&"x.".repeat(128)).is_none());
        assert_eq!(name("a.Example."), name("a.example"));
        assert_eq!(name(""), Some(Name::root()));
    }

    #[test]
    fn what_no_host_is_called_is_judged_by_its_parent() {
        let odd = |labels: &[&[u8]]| {
            let name = Name::from_labels(labels.iter().copied()).unwrap();
            host(&name).map(|host| host.to_string())
        };
        assert_eq!(odd(&[b"_sip", b"bad", b"Example"]).unwrap(), "_sip.bad.example");
        assert_eq!(odd(&[b"a.b", b"bad", b"example"]).unwrap(), "bad.example");
        assert_eq!(odd(&[b"a b", b"bad", b"example"]).unwrap(), "bad.example");
        assert_eq!(odd(&[b"\xff\0b", b"bad", b"example"]).unwrap(), "bad.example");
        assert_eq!(odd(&[]), None);
    }

    #[test]
    fn keys_differ_where_names_or_types_do_and_not_where_letters_do() {
        let of = |text: &str, kind| key(&name(text).unwrap(), kind);
        assert_eq!(of("A.example", RecordType::A), of("a.eXample", RecordType::A));
        assert_ne!(of("a.example", RecordType::A), of("a.example", RecordType::AAAA));
        assert_ne!(of("a.bc", RecordType::A), of("ab.c", RecordType::A));
    }
}
