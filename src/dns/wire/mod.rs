//! Messages as they travel (RFC 1035 §4), read and written. Pure.
//!
//! The box passes answers on: of a record only the name, the type, the TTL and the names inside
//! well-known data are understood; all else stays byte for byte as it came, signatures (RFC 4034)
//! and types not yet invented (RFC 3597) included. Every byte is hostile: what cannot be read whole
//! is an error, and reading ends within the message's own bytes.

mod data;
mod edns;
mod message;
mod name;
mod write;

use std::fmt;

pub use self::{
    data::{address, next_name},
    edns::{Ede, Edns},
    message::{Flags, Message, Question, Record},
    name::Name,
    write::{append, renew},
};

/// Bytes of the longest message (RFC 1035 §4.2.2: its length is sent in 16 bits).
pub const MAX_MESSAGE_BYTES: usize = 65_535;
/// Bytes of a header.
pub const HEADER_BYTES: usize = 12;
/// Bytes of an answer over UDP for who says nothing of its size (RFC 1035 §4.2.1).
pub const MIN_UDP_BYTES: usize = 512;
/// Bytes of the largest answer sent or asked for over UDP: it passes everywhere unbroken (DNS flag
/// day 2020).
pub const MAX_UDP_BYTES: u16 = 1232;
/// The class of the Internet.
pub const CLASS_IN: u16 = 1;

/// Types of records, by their numbers (IANA, "Resource Record (RR) TYPEs").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u16);

impl Kind {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// A name server.
    pub const NS: Self = Self(2);
    /// Another name for the same.
    pub const CNAME: Self = Self(5);
    /// The start of a zone.
    pub const SOA: Self = Self(6);
    /// A name for an address.
    pub const PTR: Self = Self(12);
    /// Words about a machine; the answer to ANY (RFC 8482).
    pub const HINFO: Self = Self(13);
    /// Text.
    pub const TXT: Self = Self(16);
    /// An IPv6 address.
    pub const AAAA: Self = Self(28);
    /// Where a service is.
    pub const SRV: Self = Self(33);
    /// Other names for all below (RFC 6672).
    pub const DNAME: Self = Self(39);
    /// What carries EDNS (RFC 6891).
    pub const OPT: Self = Self(41);
    /// A signature (RFC 4034).
    pub const RRSIG: Self = Self(46);
    /// What there is not (RFC 4034).
    pub const NSEC: Self = Self(47);
    /// The same, hashed (RFC 5155).
    pub const NSEC3: Self = Self(50);
    /// How a service is reached (RFC 9460).
    pub const SVCB: Self = Self(64);
    /// The same for HTTPS.
    pub const HTTPS: Self = Self(65);
    /// A transaction signature (RFC 8945).
    pub const TSIG: Self = Self(250);
    /// Whatever there is.
    pub const ANY: Self = Self(255);

    /// Is it one that questions and messages use and no zone holds (RFC 6895 §3.1)? ANY is one.
    pub fn is_meta(self) -> bool {
        self == Self::OPT || (128..=255).contains(&self.0)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = match *self {
            Self::A => "A",
            Self::NS => "NS",
            Self::CNAME => "CNAME",
            Self::SOA => "SOA",
            Self::PTR => "PTR",
            Self::TXT => "TXT",
            Self::AAAA => "AAAA",
            Self::SRV => "SRV",
            Self::SVCB => "SVCB",
            Self::HTTPS => "HTTPS",
            // RFC 3597 §5.
            Self(number) => return write!(f, "TYPE{number}"),
        };
        f.write_str(known)
    }
}

/// What an answer says of the question (RFC 1035 §4.1.1, RFC 6891 §6.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rcode(pub u16);

impl Rcode {
    /// Here it is, or there is none of this type.
    pub const NO_ERROR: Self = Self(0);
    /// The question cannot be read.
    pub const FORM_ERR: Self = Self(1);
    /// No answer could be had.
    pub const SERV_FAIL: Self = Self(2);
    /// There is no such name.
    pub const NX_DOMAIN: Self = Self(3);
    /// Such questions are not answered.
    pub const NOT_IMP: Self = Self(4);
    /// You are not answered.
    pub const REFUSED: Self = Self(5);
    /// An EDNS of the future.
    pub const BAD_VERS: Self = Self(16);
    /// A cookie that is too old (RFC 7873 §8).
    pub const BAD_COOKIE: Self = Self(23);
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// It ends in the middle of something.
    #[error("the message ends too early")]
    Short,
    /// A name longer than 255 bytes, a kind of label that does not exist, or a pointer that does
    /// not lead back.
    #[error("a name in the message cannot be read")]
    Name,
    /// Data whose length disagrees with what it holds.
    #[error("a record of the message cannot be read")]
    Data,
    /// Not one question; two EDNS records; one that is not where it must be.
    #[error("the message has parts that no message of its kind has")]
    Parts,
    /// More records than any answer holds.
    #[error("the message has too many records")]
    Many,
}
