//! EDNS: what is said beside the question (RFC 6891), of which the box reads the size, the wish for
//! signatures and the cookie, and writes the reason of a refusal.

use super::{BadMessage, MAX_UDP_BYTES};

/// DO: signatures are wanted (RFC 3225).
const WANTS_SIGNATURES: u32 = 0x8000;
const COOKIE: u16 = 10;
const EXTENDED_ERROR: u16 = 15;
/// Bytes of a client's part of a cookie (RFC 7873 §4).
const CLIENT_COOKIE_BYTES: usize = 8;
/// Bytes of a whole cookie.
const COOKIE_BYTES: std::ops::RangeInclusive<usize> = 16..=40;
/// Bytes of the words of a reason.
const MAX_WORDS_BYTES: usize = 120;

/// Why an answer is as it is (RFC 8914).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ede {
    /// The kind of reason.
    pub code: u16,
    /// In words.
    pub words: String,
}

impl Ede {
    /// The answer is older than its time, because none newer could be had.
    pub const STALE: u16 = 3;
    /// The operator's policy does not let this through.
    pub const BLOCKED: u16 = 15;
    /// Let through is only what was asked for.
    pub const FILTERED: u16 = 17;
    /// Who asks is not served.
    pub const PROHIBITED: u16 = 18;
    /// No resolver answered.
    pub const NETWORK: u16 = 23;

    /// A reason; its words are cut to what fits anywhere.
    pub fn new(code: u16, words: &str) -> Self {
        let mut end = words.len().min(MAX_WORDS_BYTES);
        while !words.is_char_boundary(end) {
            end -= 1;
        }
        Self { code, words: words.get(..end).unwrap_or_default().to_owned() }
    }
}

/// The EDNS of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edns {
    /// Bytes of the largest datagram that its sender takes.
    pub size: u16,
    /// The high bits of the answer's code.
    pub high_rcode: u8,
    /// 0 is the only one there is.
    pub version: u8,
    /// Are signatures wanted?
    pub signatures: bool,
    /// Cookie (RFC 7873): 8 bytes of a client, with those of a server 16 to 40.
    pub cookie: Option<Vec<u8>>,
    /// Why the answer is as it is.
    pub reason: Option<Ede>,
}

impl Default for Edns {
    fn default() -> Self {
        Self {
            size: MAX_UDP_BYTES,
            high_rcode: 0,
            version: 0,
            signatures: false,
            cookie: None,
            reason: None,
        }
    }
}

impl Edns {
    /// Of the parts of an OPT record (RFC 6891 §6.1.2). Options that are not known are passed over.
    pub(super) fn read(class: u16, ttl: u32, data: &[u8]) -> Result<Self, BadMessage> {
        let [high_rcode, version, ..] = ttl.to_be_bytes();
        let signatures = ttl & WANTS_SIGNATURES != 0;
        let mut edns =
            Self { size: class, high_rcode, version, signatures, cookie: None, reason: None };
        let mut rest = data;
        while let Some((head, more)) = rest.split_first_chunk::<4>() {
            let [a, b, c, d] = *head;
            let length = usize::from(u16::from_be_bytes([c, d]));
            let (option, next) = more.split_at_checked(length).ok_or(BadMessage::Data)?;
            match u16::from_be_bytes([a, b]) {
                COOKIE if is_cookie(option) => edns.cookie = Some(option.to_vec()),
                // RFC 7873 §5.2.2: a cookie of any other length is a broken message.
                COOKIE => return Err(BadMessage::Data),
                EXTENDED_ERROR if edns.reason.is_none() => {
                    let (code, words) = option.split_first_chunk().ok_or(BadMessage::Data)?;
                    let words = String::from_utf8_lossy(words);
                    edns.reason = Some(Ede::new(u16::from_be_bytes(*code), &words));
                }
                _ => {}
            }
            rest = next;
        }
        if rest.is_empty() { Ok(edns) } else { Err(BadMessage::Data) }
    }

    /// As the TTL of its record.
    pub(super) fn ttl(&self) -> u32 {
        let flags = if self.signatures { WANTS_SIGNATURES } else { 0 };
        u32::from_be_bytes([self.high_rcode, self.version, 0, 0]) | flags
    }

    /// As the data of its record.
    pub(super) fn data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        let mut option = |code: u16, parts: [&[u8]; 2]| {
            let length = parts.iter().map(|part| part.len()).sum::<usize>();
            data.extend_from_slice(&code.to_be_bytes());
            data.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_be_bytes());
            data.extend_from_slice(&parts.concat());
        };
        if let Some(cookie) = self.cookie.as_ref().filter(|cookie| is_cookie(cookie)) {
            option(COOKIE, [cookie, &[]]);
        }
        if let Some(reason) = &self.reason {
            option(EXTENDED_ERROR, [&reason.code.to_be_bytes(), reason.words.as_bytes()]);
        }
        data
    }
}

fn is_cookie(bytes: &[u8]) -> bool {
    bytes.len() == CLIENT_COOKIE_BYTES || COOKIE_BYTES.contains(&bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let edns = Edns {
            size: 1400,
            high_rcode: 1,
            version: 0,
            signatures: true,
            cookie: Some(vec![7; 24]),
            reason: Some(Ede::new(Ede::BLOCKED, "réseaux")),
        };
        assert_eq!(Edns::read(1400, edns.ttl(), &edns.data()).unwrap(), edns);
    }

    #[test]
    fn options_that_are_cut_or_of_no_length_are_refused_and_unknown_ones_passed_over() {
        assert_eq!(
            Edns::read(512, 0, &[0, 99, 0, 1, 5]).unwrap(),
            Edns { size: 512, ..Edns::default() }
        );
        for bad in [&[0][..], &[0, 99, 0], &[0, 99, 0, 2, 5], &[0, 10, 0, 1, 5], &[0, 15, 0, 1, 5]]
        {
            assert_eq!(Edns::read(512, 0, bad).unwrap_err(), BadMessage::Data, "{bad:?}");
        }
    }

    #[test]
    fn long_words_are_cut_between_letters() {
        let cut = Ede::new(15, &"é".repeat(100)).words;
        assert_eq!(cut.len(), 120);
        assert_eq!(Ede::new(15, &format!("x{}", "é".repeat(100))).words.len(), 119);
    }
}
