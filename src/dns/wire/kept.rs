//! Answers kept as the bytes of a message, and renewed for who asks now by changing those bytes.
//!
//! Ours, beside `hickory_proto`, for speed alone: most answers of a school's resolver come out of
//! its cache, and reading and writing a message again would cost many times the copy made here. What
//! is changed is what may differ between two that ask the same: the id, two flags, the letters of
//! the question, TTLs, EDNS.

use std::sync::Arc;

use hickory_proto::{
    op::{Edns, Header, Message, Metadata, Query},
    rr::{DNSClass, Name, RecordType},
    serialize::binary::{BinDecodable as _, BinDecoder, BinEncodable as _, BinEncoder},
};

use super::{
    AUTHENTIC, BadMessage, HEADER_BYTES, MAX_MESSAGE_BYTES, NO_CHECKING, Text, WANTS_RECURSION,
};
use crate::filter::host::Host;

/// Types whose data leads to another name.
const CNAME: u16 = 5;
const SVCB: u16 = 64;
const HTTPS: u16 = 65;
/// Where the header counts the last section's records.
const ADDITIONALS: std::ops::Range<usize> = 10..HEADER_BYTES;

/// An answer as bytes: one question, no EDNS. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The message, and behind it where its TTLs stand, each place in two bytes: one allocation an
    /// answer, of which there are a hundred thousand.
    bytes: Arc<[u8]>,
    /// Bytes of the message.
    end: usize,
}

impl Encoded {
    /// Of a message without EDNS.
    ///
    /// # Errors
    /// It cannot be written, or not in the bytes of a message.
    pub fn of(message: &Message) -> Result<Self, BadMessage> {
        let (mut bytes, is_cut) = super::written(message, MAX_MESSAGE_BYTES)?;
        if is_cut || message.edns.is_some() {
            return Err(BadMessage::Parts);
        }
        let (end, places) = (bytes.len(), ttl_places(&bytes)?);
        bytes.extend(places.into_iter().flat_map(u16::to_be_bytes));
        Ok(Self { bytes: bytes.into(), end })
    }

    /// As a message again.
    ///
    /// # Errors
    /// None that was kept.
    pub fn read(&self) -> Result<Message, BadMessage> {
        super::read(self.parts().0)
    }

    /// Its bytes.
    pub fn message(&self) -> &[u8] {
        self.parts().0
    }

    /// Bytes that it takes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: there is a header.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Of what [`to_parts`](Self::to_parts) gave.
    pub fn of_parts(bytes: &[u8], end: usize) -> Self {
        Self { bytes: bytes.into(), end }
    }

    /// The message with where its TTLs stand, and the bytes of the message.
    pub fn to_parts(&self) -> (&[u8], usize) {
        (&self.bytes, self.end)
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at_checked(self.end).unwrap_or_default()
    }

    /// For a question that differs from its own in nothing but the letters' case: with that
    /// question's id, flags and letters, these TTLs, and this EDNS. Nothing if it answers another
    /// question.
    pub fn renewed(&self, asked: &Message, ttl: u32, edns: Option<&Edns>) -> Option<Vec<u8>> {
        let (message, _) = self.parts();
        let mut bytes = Vec::with_capacity(message.len() + 64);
        let Metadata { id, recursion_desired, checking_disabled, authentic_data, .. } =
            asked.metadata;
        let renewal = Renewal {
            id: id.to_be_bytes(),
            recursion: recursion_desired,
            no_checking: checking_disabled,
            authentic: authentic_data || super::wants_signatures(asked),
            question: &asked.queries.first()?.to_bytes().ok()?,
            ttl,
        };
        View::of(&self.bytes, self.end).renew(&renewal, &mut bytes)?;
        if let Some(edns) = edns {
            let end = u32::try_from(bytes.len()).ok()?;
            edns.emit(&mut BinEncoder::with_offset(&mut bytes, end)).ok()?;
            let count = bytes.get_mut(ADDITIONALS)?.first_chunk_mut()?;
            *count = u16::from_be_bytes(*count).checked_add(1)?.to_be_bytes();
        }
        Some(bytes)
    }
}

/// An answer as bytes that somebody else holds.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    message: &'a [u8],
    places: &'a [u8],
}

impl<'a> View<'a> {
    /// Of what [`Encoded::to_parts`] gave.
    pub fn of(bytes: &'a [u8], end: usize) -> Self {
        let (message, places) = bytes.split_at_checked(end).unwrap_or_default();
        Self { message, places }
    }

    /// As [`Encoded::renewed`], without EDNS, behind what is in `into`, which must be nothing.
    pub fn renew(self, asked: &Renewal<'_>, into: &mut Vec<u8>) -> Option<()> {
        let Self { message, places } = self;
        into.extend_from_slice(message);
        let [id0, id1, high, low] = into.first_chunk_mut()?;
        [*id0, *id1] = asked.id;
        *high = *high & !WANTS_RECURSION | if asked.recursion { WANTS_RECURSION } else { 0 };
        *low = *low & !NO_CHECKING | if asked.no_checking { NO_CHECKING } else { 0 };
        // RFC 6840 §5.8: only for who understands it.
        if !asked.authentic {
            *low &= !AUTHENTIC;
        }
        let own = into.get_mut(HEADER_BYTES..HEADER_BYTES + asked.question.len())?;
        if !own.eq_ignore_ascii_case(asked.question) {
            return None;
        }
        own.copy_from_slice(asked.question);
        for place in places.as_chunks().0 {
            let at = usize::from(u16::from_be_bytes(*place));
            *into.get_mut(at..)?.first_chunk_mut()? = asked.ttl.to_be_bytes();
        }
        Some(())
    }

    /// Do all hosts that its aliases lead to pass? Nothing where the bytes do not say it: a service
    /// is in it, or a name that no host has.
    pub fn all_aliases(self, mut passes: impl FnMut(&Host) -> bool) -> Option<bool> {
        let Self { message, places } = self;
        for place in places.as_chunks().0 {
            // The type stands before the class and the TTL, the data behind TTL and length.
            let at = usize::from(u16::from_be_bytes(*place));
            match u16::from_be_bytes(*message.get(at.checked_sub(4)?..)?.first_chunk()?) {
                SVCB | HTTPS => return None,
                CNAME => {
                    let mut text = Text::default();
                    let host = Host::parse(text.of(message, at + 6)?).ok()?;
                    host.name()?;
                    if !passes(&host) {
                        return Some(false);
                    }
                }
                _ => {}
            }
        }
        Some(true)
    }
}

/// What differs between two that ask the same.
#[derive(Debug)]
pub struct Renewal<'a> {
    /// The question's number.
    pub id: [u8; 2],
    /// RD.
    pub recursion: bool,
    /// CD.
    pub no_checking: bool,
    /// Does who asks understand AD?
    pub authentic: bool,
    /// Name, type and class, in the letters of who asks.
    pub question: &'a [u8],
    /// Seconds that it counts.
    pub ttl: u32,
}

/// Where the TTLs of a message stand.
fn ttl_places(bytes: &[u8]) -> Result<Vec<u16>, BadMessage> {
    let mut decoder = BinDecoder::new(bytes);
    let counts = Header::read(&mut decoder)?.counts;
    for _ in 0..counts.queries {
        Query::read(&mut decoder)?;
    }
    let sections = [counts.answers, counts.authorities, counts.additionals];
    let records = sections.into_iter().map(usize::from).sum();
    let mut places = Vec::with_capacity(records);
    for _ in 0..records {
        Name::read(&mut decoder)?;
        RecordType::read(&mut decoder)?;
        DNSClass::read(&mut decoder)?;
        places.push(u16::try_from(decoder.index()).map_err(|_| BadMessage::Many)?);
        decoder.read_u32()?;
        let length = decoder.read_u16()?.unverified();
        decoder.read_slice(length.into())?;
    }
    Ok(places)
}
