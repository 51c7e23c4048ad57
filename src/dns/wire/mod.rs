//! Messages as they travel (RFC 1035 §4), read and written by `hickory_proto`, within bounds. Pure.
//!
//! The box passes answers on: of a record only the name, the type, the TTL and the names inside
//! well-known data are understood; all else stays byte for byte as it came, signatures (RFC 4034)
//! and types not yet invented (RFC 3597) included. Every byte is hostile: what cannot be read whole
//! is an error, and reading ends within the message's own bytes.

mod data;
mod edns;
mod kept;
mod name;

use hickory_proto::{
    ProtoError,
    op::{Header, Message, MessageType, Metadata, OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, Record, RecordType},
    serialize::binary::{
        BinDecodable as _, BinDecoder, BinEncodable as _, BinEncoder, DecodeError,
    },
};

pub use self::{
    data::{
        address, data_of, next_name, service, service_data, signed_labels, signed_type, signer,
    },
    edns::{COOKIE, Ede, cookie, edns, is_cookie, reason, wants_signatures},
    kept::{Encoded, Renewal, View},
    name::{Text, host, key, name},
};

/// Bytes of the longest message (RFC 1035 §4.2.2: its length is sent in 16 bits).
pub const MAX_MESSAGE_BYTES: usize = 65_535;
/// Bytes of a header.
pub const HEADER_BYTES: usize = 12;
/// RD, in the header's third byte (RFC 1035 §4.1.1).
pub const WANTS_RECURSION: u8 = 0x01;
/// AD, in its fourth (RFC 4035 §3.2): of a question, that it is understood.
pub const AUTHENTIC: u8 = 0x20;
/// CD, beside it.
pub const NO_CHECKING: u8 = 0x10;
/// Bytes of an answer over UDP for who says nothing of its size (RFC 1035 §4.2.1).
pub const MIN_UDP_BYTES: usize = 512;
/// Bytes of the largest answer sent or asked for over UDP: it passes everywhere unbroken (DNS flag
/// day 2020).
pub const MAX_UDP_BYTES: u16 = 1232;

/// Records read of one answer: far more than any that is of use.
const MAX_RECORDS: usize = 1000;
/// Records read of one question: EDNS and a signature of the transaction, with room.
const MAX_QUESTION_RECORDS: usize = 8;

/// Why bytes are no message.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BadMessage {
    /// It ends in the middle of something, or a name or a record cannot be read.
    #[error("the message cannot be read: {0}")]
    Unreadable(#[from] DecodeError),
    /// Not one question; two EDNS records; one that is not where it must be.
    #[error("the message has parts that no message of its kind has")]
    Parts,
    /// More records than any message of its kind holds.
    #[error("the message has too many records")]
    Many,
    /// RFC 7873 §5.2.2: a cookie of a length that there is not.
    #[error("the message has a cookie of no length that there is")]
    Cookie,
    /// It cannot be written.
    #[error("the message cannot be written: {0}")]
    Unwritable(String),
}

impl From<ProtoError> for BadMessage {
    fn from(error: ProtoError) -> Self {
        Self::Unwritable(error.to_string())
    }
}

/// Reads an answer; one with one question, like all that a resolver gets.
///
/// # Errors
/// It is none.
pub fn read(bytes: &[u8]) -> Result<Message, BadMessage> {
    read_bounded(bytes, MAX_RECORDS)
}

/// Reads a question.
///
/// # Errors
/// It is none.
pub fn read_question(bytes: &[u8]) -> Result<Message, BadMessage> {
    read_bounded(bytes, MAX_QUESTION_RECORDS)
}

/// Not `Message::from_vec`: that takes room for as many questions as the header says before it has
/// read one, refuses whole messages for one record of a known type whose data it does not like, and
/// writes some data otherwise than it came.
fn read_bounded(bytes: &[u8], most_records: usize) -> Result<Message, BadMessage> {
    let mut decoder = BinDecoder::new(bytes);
    let Header { metadata, counts } = Header::read(&mut decoder)?;
    if counts.queries != 1 {
        return Err(BadMessage::Parts);
    }
    let sections = [counts.answers, counts.authorities, counts.additionals];
    if sections.iter().map(|count| usize::from(*count)).sum::<usize>() > most_records {
        return Err(BadMessage::Many);
    }
    let mut message = Message::new(metadata.id, metadata.message_type, metadata.op_code);
    message.metadata = metadata;
    message.queries = vec![Query::read(&mut decoder)?];
    for (section, count) in sections.into_iter().enumerate() {
        for _ in 0..count {
            take(&mut message, section, read_record(&mut decoder)?)?;
        }
    }
    // What comes after the message is not looked at: it means nothing to anybody.
    Ok(message)
}

fn take(message: &mut Message, section: usize, record: Record) -> Result<(), BadMessage> {
    match (section, record.record_type()) {
        (2, RecordType::OPT) if message.edns.is_none() => {
            let edns = edns::read(&record)?;
            let low = message.metadata.response_code.low();
            message.metadata.response_code = ResponseCode::from(edns.rcode_high(), low);
            message.edns = Some(edns);
        }
        (_, RecordType::OPT) => return Err(BadMessage::Parts),
        // Nobody shares a key with the box.
        (2, RecordType::TSIG) => {}
        (0, _) => message.answers.push(record),
        (1, _) => message.authorities.push(record),
        _ => message.additionals.push(record),
    }
    Ok(())
}

fn read_record(decoder: &mut BinDecoder<'_>) -> Result<Record, BadMessage> {
    let owner = Name::read(decoder)?;
    let kind = RecordType::read(decoder)?;
    let class = match kind {
        RecordType::OPT if !owner.is_root() => return Err(BadMessage::Parts),
        // RFC 6891 §6.2.3: values under 512 are 512.
        RecordType::OPT => DNSClass::for_opt(decoder.read_u16()?.unverified()),
        _ => DNSClass::read(decoder)?,
    };
    let ttl = decoder.read_u32()?.unverified();
    let length = decoder.read_u16()?.unverified();
    let mut record = Record::from_rdata(owner, ttl, data::read(decoder, kind, length)?);
    record.dns_class = class;
    Ok(record)
}

/// The question of a message that was read here; the root's address of one that was not.
pub fn question(message: &Message) -> Query {
    message.queries.first().cloned().unwrap_or_default()
}

/// A question for a resolver.
pub fn ask(id: u16, question: Query, no_checking: bool) -> Message {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.metadata.checking_disabled = no_checking;
    message.queries = vec![question];
    message
}

/// An answer without records.
pub fn answer_to(asked: &Message, rcode: ResponseCode) -> Message {
    let mut message = Message::response(asked.metadata.id, asked.metadata.op_code);
    message.metadata = Metadata::response_from_request(&asked.metadata);
    message.metadata.recursion_available = true;
    message.metadata.response_code = rcode;
    message.queries.clone_from(&asked.queries);
    message
}

/// The message in at most `most` bytes: one that has more is cut to its question (RFC 2181 §9),
/// and says so. Nothing of a message that cannot be written: none that was read here.
pub fn write(message: &Message, most: usize) -> Vec<u8> {
    let written = written(message, most).and_then(|(bytes, is_cut)| {
        let cut = || written(&message.truncate(), MAX_MESSAGE_BYTES).map(|(bytes, _)| bytes);
        if is_cut { cut() } else { Ok(bytes) }
    });
    written.unwrap_or_else(|error| {
        tracing::error!(%error, "a message cannot be written: no answer");
        Vec::new()
    })
}

/// The bytes, and whether records had to be left out.
fn written(message: &Message, most: usize) -> Result<(Vec<u8>, bool), BadMessage> {
    let mut bytes = Vec::with_capacity(MIN_UDP_BYTES);
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_max_size(u16::try_from(most).unwrap_or(u16::MAX));
    message.emit(&mut encoder)?;
    let header = Header::read(&mut BinDecoder::new(&bytes))?;
    Ok((bytes, header.metadata.truncation && !message.metadata.truncation))
}

/// Is it a type that questions and messages use and no zone holds (RFC 6895 §3.1)? ANY is one.
pub fn is_meta(kind: RecordType) -> bool {
    kind == RecordType::OPT || (128..=255).contains(&u16::from(kind))
}

#[cfg(test)]
mod tests;
