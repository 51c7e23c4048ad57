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

/// Room for a name as text: nothing is allocated for each that is looked at.
#[derive(Debug)]
pub struct Text([u8; MAX_TEXT_BYTES]);

/// Bytes of the longest name as text, with its last dot (RFC 1035 §2.3.4).
const MAX_TEXT_BYTES: usize = 254;
/// The two highest bits of a pointer (RFC 1035 §4.1.4).
const POINTER: u8 = 0xc0;

impl Default for Text {
    fn default() -> Self {
        Self([0; MAX_TEXT_BYTES])
    }
}

impl Text {
    /// Of the name that stands there in a message, with its last dot. Nothing where it cannot be
    /// read, or a label holds what would have to be escaped.
    pub fn of(&mut self, message: &[u8], at: usize) -> Option<&str> {
        // Every pointer must lead before the place where the last labels began: no loop.
        let (mut at, mut before, mut length) = (at, at, 0);
        loop {
            let first = *message.get(at)?;
            if first == 0 {
                break;
            }
            if first & POINTER == POINTER {
                let low = *message.get(at + 1)?;
                at = usize::from(u16::from_be_bytes([first & !POINTER, low]));
                if at >= before {
                    return None;
                }
                before = at;
                continue;
            }
            if first & POINTER != 0 {
                return None;
            }
            let end = at + 1 + usize::from(first);
            let label = message.get(at + 1..end)?;
            let place = self.0.get_mut(length..=length + label.len())?;
            let (dot, own) = place.split_last_mut()?;
            own.copy_from_slice(label);
            *dot = b'.';
            if label.iter().any(|byte| is_escaped(*byte)) {
                return None;
            }
            length += label.len() + 1;
            at = end;
        }
        std::str::from_utf8(self.0.get(..length)?).ok()
    }
}

/// Would it have to be escaped in the text of a name?
fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'.' | b'\\' | b'"' | 0..=b' ' | 0x7f..)
}

/// Text of labels; nothing where a label holds what would have to be escaped.
fn text_of<'a>(labels: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut text = String::with_capacity(Name::MAX_LENGTH);
    for label in labels {
        for byte in label {
            if is_escaped(*byte) {
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
    fn text_is_read_out_of_a_message_and_no_pointer_leads_astray() {
        // "a" at 0, then "b" before a pointer to it, then pointers that may not be followed.
        let message = [1, b'a', 0, 1, b'b', POINTER, 0, POINTER, 7, POINTER, 9, 0x80, POINTER, 3];
        let at = |at| Text::default().of(&message, at).map(str::to_owned);
        assert_eq!(at(0).as_deref(), Some("a."));
        assert_eq!(at(3).as_deref(), Some("b.a."));
        assert_eq!(at(12).as_deref(), Some("b.a."));
        for wrong in [7, 9, 11, 13, 14, usize::MAX] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
        let long = [&[63][..], &[b'x'; 63]].concat();
        assert!(Text::default().of(&[long.repeat(3), vec![0]].concat(), 0).is_some());
        assert!(Text::default().of(&[long.repeat(4), vec![0]].concat(), 0).is_none());
        assert!(Text::default().of(b"\x03a.b\0", 0).is_none());
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
