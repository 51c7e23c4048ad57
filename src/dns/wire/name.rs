//! A name: labels of 1 to 63 bytes, each after its length, and the root's empty one at the end
//! (RFC 1035 §3.1). Compared without case where DNS does; kept in the case it came in, because
//! that is looked at (0x20).

use std::{fmt, net::IpAddr};

use super::BadMessage;
use crate::filter::host::Host;

/// Bytes of the longest name (RFC 1035 §2.3.4).
const MAX_BYTES: usize = 255;
/// Bytes of the longest label.
const MAX_LABEL_BYTES: usize = 63;
/// The two high bits of a pointer (RFC 1035 §4.1.4).
const POINTER: u8 = 0xc0;

/// A name, uncompressed. Equal names have the same bytes; see [`is`](Self::is).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name(Box<[u8]>);

impl Name {
    /// The name of the root.
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Reads a name of a message at `at`, following pointers back; where what comes after it
    /// starts.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(message: &[u8], at: usize) -> Result<(Self, usize), BadMessage> {
        let mut bytes = [0_u8; MAX_BYTES];
        let (mut length, mut from, mut after) = (0_usize, at, None);
        // Every pointer must lead before the place where the last run of labels began: no loop.
        let mut before = at;
        loop {
            let first = *message.get(from).ok_or(BadMessage::Short)?;
            match first & POINTER {
                0 => {
                    let end = from + 1 + usize::from(first);
                    let label = message.get(from..end).ok_or(BadMessage::Short)?;
                    let room = bytes.get_mut(length..length + label.len());
                    room.ok_or(BadMessage::Name)?.copy_from_slice(label);
                    length += label.len();
                    from = end;
                    if first == 0 {
                        break;
                    }
                }
                POINTER => {
                    let low = *message.get(from + 1).ok_or(BadMessage::Short)?;
                    let to = usize::from(first & !POINTER) << 8 | usize::from(low);
                    after = after.or(Some(from + 2));
                    if to >= before {
                        return Err(BadMessage::Name);
                    }
                    (from, before) = (to, to);
                }
                // RFC 6891 §5: the other two kinds are not in use.
                _ => return Err(BadMessage::Name),
            }
        }
        let name = bytes.get(..length).ok_or(BadMessage::Name)?;
        Ok((Self(name.into()), after.unwrap_or(from)))
    }

    /// A name of text, with or without its last dot; nothing when it is none. What is inside a
    /// label is not looked at.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Some(Self::root());
        }
        let mut bytes = Vec::with_capacity(text.len() + 2);
        for label in text.split('.') {
            let length = u8::try_from(label.len()).ok()?;
            if label.is_empty() || label.len() > MAX_LABEL_BYTES {
                return None;
            }
            bytes.push(length);
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.push(0);
        (bytes.len() <= MAX_BYTES).then(|| Self(bytes.into()))
    }

    /// The name under which an address is looked up (RFC 1035 §3.5, RFC 3596 §2.5).
    pub fn of_address(address: IpAddr) -> Self {
        let text = match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(v6) => {
                let mut text = String::with_capacity(MAX_BYTES);
                for byte in v6.octets().into_iter().rev() {
                    text += &format!("{:x}.{:x}.", byte & 0xf, byte >> 4);
                }
                text + "ip6.arpa"
            }
        };
        Self::parse(&text).unwrap_or_else(Self::root)
    }

    /// As it travels.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Its labels, the deepest first, without the root's.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        self.suffixes().filter_map(|suffix| {
            let (length, rest) = suffix.split_first()?;
            rest.get(..usize::from(*length)).filter(|label| !label.is_empty())
        })
    }

    /// The name and each parent of it, as they travel, down to the root.
    pub fn suffixes(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::successors(Some(&*self.0), |suffix| {
            let (length, rest) = suffix.split_first()?;
            if *length == 0 { None } else { rest.get(usize::from(*length)..) }
        })
    }

    /// In lower case (RFC 4343).
    #[must_use]
    pub fn lower(&self) -> Self {
        // Lengths are below 64, so that no letter is among them.
        Self(self.0.to_ascii_lowercase().into())
    }

    /// The same, each letter in a case that `upper` chooses.
    #[must_use]
    pub fn in_case(&self, mut upper: impl FnMut() -> bool) -> Self {
        let cased = |byte: &u8| {
            if !byte.is_ascii_alphabetic() {
                *byte
            } else if upper() {
                byte.to_ascii_uppercase()
            } else {
                byte.to_ascii_lowercase()
            }
        };
        Self(self.0.iter().map(cased).collect())
    }

    /// The same name, whatever the case?
    pub fn is(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// Is it `other`, or below it?
    pub fn is_within(&self, other: &Self) -> bool {
        self.suffixes().any(|suffix| suffix.eq_ignore_ascii_case(&other.0))
    }

    /// As lists and policies write it. Of a name that no host has (`_sip._tcp` is one; others hold
    /// spaces or dots inside a label), the nearest parent that a host may have.
    pub fn host(&self) -> Option<Host> {
        let mut suffixes = self.suffixes();
        suffixes.find_map(|suffix| {
            let text = text_of(suffix, false)?;
            // No address: those are never looked up by name.
            Host::parse(&text).ok().filter(|host| host.name().is_some())
        })
    }
}

/// Text of a name, escaped as in zone files (RFC 1035 §5.1) if `escaped`, else nothing for what
/// would need it.
fn text_of(wire: &[u8], escaped: bool) -> Option<String> {
    let mut text = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((length, more)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (label, next) = more.split_at_checked(usize::from(*length))?;
        for byte in label {
            match byte {
                b'.' | b'\\' | b'"' | 0..=b' ' | 0x7f.. => {
                    if !escaped {
                        return None;
                    }
                    text += &format!("\\{byte:03}");
                }
                byte => text.push(char::from(*byte)),
            }
        }
        text.push('.');
        rest = next;
    }
    Some(text)
}

/// With its last dot.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match text_of(&self.0, true) {
            Some(text) if !text.is_empty() => f.write_str(&text),
            _ => f.write_str("."),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_pointer_leads_back_or_nowhere() {
        // "a" at 0, then "b" before a pointer to it, then pointers that may not be followed.
        let message = [1, b'a', 0, 1, b'b', POINTER, 0, POINTER, 7, POINTER, 9, 0x80, POINTER, 3];
        assert_eq!(Name::read(&message, 3).unwrap(), (name("b.a"), 7));
        assert_eq!(Name::read(&message, 7).unwrap_err(), BadMessage::Name);
        assert_eq!(Name::read(&message, 9).unwrap_err(), BadMessage::Name);
        assert_eq!(Name::read(&message, 11).unwrap_err(), BadMessage::Name);
        assert_eq!(Name::read(&message, 12).unwrap(), (name("b.a"), 14));
        assert_eq!(Name::read(&message, 14).unwrap_err(), BadMessage::Short);
        assert_eq!(Name::read(&[2, b'a'], 0).unwrap_err(), BadMessage::Short);
    }

    #[test]
    fn a_name_of_256_bytes_is_refused_however_it_is_put_together() {
        let label = [&[63][..], &[b'x'; 63]].concat();
        let longest = [label.repeat(3), vec![61], vec![b'y'; 61], vec![0]].concat();
        assert_eq!(longest.len(), 255);
        assert_eq!(Name::read(&longest, 0).unwrap().1, 255);
        let message = [&longest[..], &[1, b'z', POINTER, 0]].concat();
        assert_eq!(Name::read(&message, 255).unwrap_err(), BadMessage::Name);
        assert!(Name::parse(&"x".repeat(64)).is_none());
        assert!(Name::parse("a..b").is_none());
    }

    #[test]
    fn names_are_compared_by_whole_labels_without_case() {
        assert!(name("A.Example").is(&name("a.eXample.")));
        assert!(name("a.example").is_within(&name("EXAMPLE")));
        assert!(name("a.example").is_within(&Name::root()));
        assert!(!name("anexample").is_within(&name("example")));
        assert_eq!(name("a.Example").lower().to_string(), "a.example.");
        let labels: Vec<_> = name("a.example").labels().map(<[u8]>::to_vec).collect();
        assert_eq!(labels, [b"a".to_vec(), b"example".to_vec()]);
    }

    #[test]
    fn addresses_have_their_names_for_the_way_back() {
        let v4 = Name::of_address([192, 0, 2, 7].into());
        assert_eq!(v4.to_string(), "7.2.0.192.in-addr.arpa.");
        let v6 = Name::of_address("2001:db8::1".parse::<IpAddr>().unwrap()).to_string();
        assert!(v6.starts_with("1.0.0.0.") && v6.ends_with("8.b.d.0.1.0.0.2.ip6.arpa."), "{v6}");
    }

    #[test]
    fn what_no_host_is_called_is_judged_by_its_parent() {
        let odd = |bytes: &[u8]| Name::read(bytes, 0).unwrap().0.host().map(|h| h.to_string());
        assert_eq!(odd(b"\x04_sip\x03bad\x07Example\0").unwrap(), "_sip.bad.example");
        assert_eq!(odd(b"\x03a.b\x03bad\x07example\0").unwrap(), "bad.example");
        assert_eq!(odd(b"\x03a b\x03bad\x07example\0").unwrap(), "bad.example");
        assert_eq!(odd(b"\x03\xff\0b\x03bad\x07example\0").unwrap(), "bad.example");
        assert_eq!(odd(b"\0"), None);
    }
}
