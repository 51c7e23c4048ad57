//! Answers kept as the bytes of a message, and renewed for who asks now by changing those bytes.
//!
//! Ours, beside `hickory_proto`, for speed alone: most answers of a school's resolver come out of
//! its cache, and reading and writing a message again would cost many times the copy made here. What
//! is changed is what may differ between two that ask the same: the id, two flags, the letters of
//! the question, TTLs, EDNS.

use std::sync::Arc;

use hickory_proto::{
    op::{Edns, Header, Message, Query},
    rr::{DNSClass, Name, RecordType},
    serialize::binary::{BinDecodable as _, BinDecoder, BinEncodable as _, BinEncoder},
};

use super::{BadMessage, HEADER_BYTES, MAX_MESSAGE_BYTES};

/// RD, in the header's third byte; CD and AD in its fourth.
const WANTS_RECURSION: u8 = 0x01;
const NO_CHECKING: u8 = 0x10;
const IS_AUTHENTIC: u8 = 0x20;
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

    fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at_checked(self.end).unwrap_or_default()
    }

    /// For a question that differs from its own in nothing but the letters' case: with that
    /// question's id, flags and letters, these TTLs, and this EDNS. Nothing if it answers another
    /// question.
    pub fn renewed(&self, asked: &Message, ttl: u32, edns: Option<&Edns>) -> Option<Vec<u8>> {
        let (message, places) = self.parts();
        let mut bytes = Vec::with_capacity(message.len() + 64);
        bytes.extend_from_slice(message);
        let [id0, id1, high, low] = bytes.first_chunk_mut()?;
        [*id0, *id1] = asked.metadata.id.to_be_bytes();
        *high = *high & !WANTS_RECURSION | u8::from(asked.metadata.recursion_desired);
        let unchecked = if asked.metadata.checking_disabled { NO_CHECKING } else { 0 };
        *low = *low & !NO_CHECKING | unchecked;
        // RFC 6840 §5.8: only for who understands it.
        if !asked.metadata.authentic_data && !super::wants_signatures(asked) {
            *low &= !IS_AUTHENTIC;
        }
        put_name(bytes.get_mut(HEADER_BYTES..)?, &asked.queries.first()?.name)?;
        for place in places.as_chunks().0 {
            let at = usize::from(u16::from_be_bytes(*place));
            *bytes.get_mut(at..)?.first_chunk_mut()? = ttl.to_be_bytes();
        }
        if let Some(edns) = edns {
            let end = u32::try_from(bytes.len()).ok()?;
            edns.emit(&mut BinEncoder::with_offset(&mut bytes, end)).ok()?;
            let count = bytes.get_mut(ADDITIONALS)?.first_chunk_mut()?;
            *count = u16::from_be_bytes(*count).checked_add(1)?.to_be_bytes();
        }
        Some(bytes)
    }
}

/// Writes a name over the same in other letters.
fn put_name(mut place: &mut [u8], name: &Name) -> Option<()> {
    for label in name {
        let (length, rest) = place.split_first_mut()?;
        let (own, rest) = rest.split_at_mut_checked(label.len())?;
        if usize::from(*length) != label.len() || !own.eq_ignore_ascii_case(label) {
            return None;
        }
        own.copy_from_slice(label);
        place = rest;
    }
    (place.first() == Some(&0)).then_some(())
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
