//! EDNS: what is said beside the question (RFC 6891), of which the box reads the size, the wish for
//! signatures and the cookie, and writes the reason of a refusal.

use hickory_proto::{
    op::{Edns, Message},
    rr::{
        Record,
        rdata::opt::{EdnsCode, EdnsOption},
    },
};

use super::{BadMessage, MAX_UDP_BYTES};

/// The option of a cookie (RFC 7873 §4).
pub const COOKIE: u16 = 10;
/// `hickory_proto` has no name for it.
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
    /// Its signatures are not right.
    pub const BOGUS: u16 = 6;
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

    /// As an option (RFC 8914 §2).
    fn option(&self) -> EdnsOption {
        let data = [&self.code.to_be_bytes()[..], self.words.as_bytes()].concat();
        EdnsOption::Unknown(EXTENDED_ERROR, data)
    }
}

/// EDNS of the box: with signatures or without, with a cookie and a reason where there are.
pub fn edns(signatures: bool, cookie: Option<Vec<u8>>, reason: Option<&Ede>) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(MAX_UDP_BYTES).set_dnssec_ok(signatures);
    let cookie = cookie.map(|cookie| EdnsOption::Unknown(COOKIE, cookie));
    for option in cookie.into_iter().chain(reason.map(Ede::option)) {
        edns.options_mut().insert(option);
    }
    edns
}

/// Of an OPT record.
pub(super) fn read(record: &Record) -> Result<Edns, BadMessage> {
    let edns = Edns::from(record);
    let good = option(&edns, COOKIE).is_none_or(|cookie| is_cookie(cookie.len()));
    if good { Ok(edns) } else { Err(BadMessage::Cookie) }
}

/// Has a cookie so many bytes? With any other length a message is broken (RFC 7873 §5.2.2).
pub fn is_cookie(bytes: usize) -> bool {
    bytes == CLIENT_COOKIE_BYTES || COOKIE_BYTES.contains(&bytes)
}

fn option(edns: &Edns, code: u16) -> Option<&[u8]> {
    match edns.option(EdnsCode::from(code))? {
        EdnsOption::Unknown(_, data) => Some(data),
        _ => None,
    }
}

/// The cookie of a message (RFC 7873): 8 bytes of a client, with those of a server 16 to 40.
pub fn cookie(message: &Message) -> Option<&[u8]> {
    option(message.edns.as_ref()?, COOKIE)
}

/// Why the answer is as it is.
pub fn reason(message: &Message) -> Option<Ede> {
    let (code, words) = option(message.edns.as_ref()?, EXTENDED_ERROR)?.split_first_chunk()?;
    Some(Ede::new(u16::from_be_bytes(*code), &String::from_utf8_lossy(words)))
}

/// Are signatures wanted (DO, RFC 3225)?
pub fn wants_signatures(message: &Message) -> bool {
    message.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_between_letters() {
        let cut = Ede::new(15, &"é".repeat(100)).words;
        assert_eq!(cut.len(), 120);
        assert_eq!(Ede::new(15, &format!("x{}", "é".repeat(100))).words.len(), 119);
    }
}
