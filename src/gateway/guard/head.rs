//! The head of a request, byte by byte: RFC 9112 §2 to §5, strictly.

use super::watch::{Next, Refused};

/// Longest head, in bytes. hyper's own buffer for a head is larger.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;
/// A name of this many bytes or more is none of those looked for.
const NAME_BYTES: usize = 24;
/// So is a value, where it matters.
const VALUE_BYTES: usize = 24;

/// The first bytes of a word; what is longer than its room is marked as such.
#[derive(Debug, Clone, Copy)]
struct Word<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Word<N> {
    const EMPTY: Self = Self { bytes: [0; N], length: 0 };

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length = self.length.saturating_add(1);
    }

    fn get(&self) -> Option<&[u8]> {
        self.bytes.get(..self.length)
    }

    fn is(&self, text: &str) -> bool {
        self.get().is_some_and(|own| own.eq_ignore_ascii_case(text.as_bytes()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the request line: empty lines are skipped (RFC 9112 §2.2).
    Before,
    Line,
    LineStart,
    Name,
    Value,
    /// After a CR; is the line an empty one?
    Lf {
        empty: bool,
    },
}

#[derive(Debug)]
pub struct Head {
    place: Place,
    seen: usize,
    /// The last bytes of the request line: they say the version.
    version: [u8; 8],
    method: Word<8>,
    in_method: bool,
    begun: bool,
    name: Word<NAME_BYTES>,
    value: Word<VALUE_BYTES>,
    length: Option<u64>,
    chunked: bool,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            place: Place::Before,
            seen: 0,
            version: [0; 8],
            method: Word::EMPTY,
            in_method: true,
            begun: false,
            name: Word::EMPTY,
            value: Word::EMPTY,
            length: None,
            chunked: false,
        }
    }
}

/// RFC 9110 §5.6.2.
pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl Head {
    /// Bytes taken, and what follows when the head is over.
    pub fn see(&mut self, bytes: &[u8]) -> Result<(usize, Option<Next>), (usize, Refused)> {
        for (at, &byte) in bytes.iter().enumerate() {
            self.seen += 1;
            if self.seen > MAX_HEAD_BYTES {
                return Err((at, Refused::HeadTooLong));
            }
            match self.byte(byte) {
                Ok(None) => {}
                Ok(Some(next)) => return Ok((at + 1, Some(next))),
                Err(why) => return Err((at, why)),
            }
        }
        Ok((bytes.len(), None))
    }

    fn byte(&mut self, byte: u8) -> Result<Option<Next>, Refused> {
        match (self.place, byte) {
            (Place::Lf { empty }, b'\n') => {
                if empty && self.begun {
                    return self.over().map(Some);
                }
                self.place = if self.begun { Place::LineStart } else { Place::Before };
            }
            (Place::Lf { .. }, _) | (_, b'\n') => return Err(Refused::LineEnd),
            (Place::Before | Place::LineStart, b'\r') => self.place = Place::Lf { empty: true },
            (Place::Before | Place::LineStart, b' ' | b'\t') => return Err(Refused::Fold),
            (Place::Before, _) => {
                (self.place, self.begun) = (Place::Line, true);
                return self.of_line(byte);
            }
            (Place::Line, b'\r') => self.place = Place::Lf { empty: false },
            (Place::Line, _) => return self.of_line(byte),
            (Place::LineStart, _) => {
                self.place = Place::Name;
                self.name = Word::EMPTY;
                return self.of_name(byte);
            }
            (Place::Name, _) => return self.of_name(byte),
            (Place::Value, b'\r') => {
                self.field()?;
                self.place = Place::Lf { empty: false };
            }
            (Place::Value, b'\t' | b' '..=b'~' | 0x80..) => {
                if self.value.length > 0 || !matches!(byte, b' ' | b'\t') {
                    self.value.push(byte);
                }
            }
            (Place::Value, _) => return Err(Refused::Control),
        }
        Ok(None)
    }

    fn of_line(&mut self, byte: u8) -> Result<Option<Next>, Refused> {
        if !matches!(byte, b' '..=b'~' | 0x80..) {
            return Err(Refused::Control);
        }
        self.version.rotate_left(1);
        self.version[7] = byte;
        self.in_method &= byte != b' ';
        if self.in_method {
            self.method.push(byte);
        }
        Ok(None)
    }

    fn of_name(&mut self, byte: u8) -> Result<Option<Next>, Refused> {
        match byte {
            b':' if self.name.length > 0 => {
                self.place = Place::Value;
                self.value = Word::EMPTY;
            }
            _ if is_token(byte) => self.name.push(byte),
            _ => return Err(Refused::Name),
        }
        Ok(None)
    }

    /// A field is whole: two of them say how long the body is.
    fn field(&mut self) -> Result<(), Refused> {
        if self.name.is("content-length") {
            let text = self.value.get().ok_or(Refused::Length)?;
            let text = text.trim_ascii_end();
            let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(text).ok().filter(|_| digits);
            let length = number.and_then(|n| n.parse().ok()).ok_or(Refused::Length)?;
            if self.length.is_some_and(|other| other != length) {
                return Err(Refused::Length);
            }
            self.length = Some(length);
        } else if self.name.is("transfer-encoding") {
            let text = self.value.get().ok_or(Refused::Coding)?;
            let plain = text.trim_ascii_end().eq_ignore_ascii_case(b"chunked");
            if !plain || self.chunked || self.version != *b"HTTP/1.1" {
                return Err(Refused::Coding);
            }
            self.chunked = true;
        }
        if self.chunked && self.length.is_some() { Err(Refused::BothLengths) } else { Ok(()) }
    }

    fn over(&self) -> Result<Next, Refused> {
        let length = self.length.unwrap_or(0);
        // Methods are case-sensitive (RFC 9110 §9.1).
        if self.method.get() == Some(b"CONNECT") {
            let body = self.chunked || length > 0;
            return if body { Err(Refused::ConnectBody) } else { Ok(Next::Tunnel) };
        }
        Ok(if self.chunked { Next::Chunked } else { Next::Length(length) })
    }
}
