//! Messages written: names compressed (RFC 1035 §4.1.4), and answers kept as bytes renewed for who
//! asks now.

use super::{
    BadMessage, HEADER_BYTES, Kind, Name, Question, Record,
    data::{self, Part},
    edns::Edns,
};

/// Where a pointer can lead: 14 bits.
const MAX_POINTED: usize = 0x3fff;
const POINTER: u16 = 0xc000;
/// Names that others may point to: an answer of more is as long as it will be.
const MAX_REMEMBERED: usize = 64;

/// Writes one message.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    bytes: Vec<u8>,
    /// Names and where they stand.
    seen: Vec<(&'a [u8], u16)>,
}

impl<'a> Writer<'a> {
    /// With its header; `counts` are those of the sections after the question.
    pub fn new(id: u16, flags: u16, counts: [usize; 3]) -> Self {
        let mut bytes = Vec::with_capacity(512);
        let [answers, authority, additional] = counts.map(|n| u16::try_from(n).unwrap_or(u16::MAX));
        for word in [id, flags, 1, answers, authority, additional] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        Self { bytes, seen: Vec::new() }
    }

    pub fn question(&mut self, question: &'a Question) {
        self.name(question.name.as_wire());
        self.word(question.kind.0);
        self.word(question.class);
    }

    pub fn record(&mut self, record: &'a Record) {
        self.name(record.owner.as_wire());
        self.word(record.kind.0);
        self.word(record.class);
        self.bytes.extend_from_slice(&record.ttl.to_be_bytes());
        let at = self.bytes.len();
        self.word(0);
        self.data(record.kind, &record.data);
        let length = u16::try_from(self.bytes.len() - at - 2).unwrap_or(0);
        if let Some(place) = self.bytes.get_mut(at..at + 2) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    pub fn opt(&mut self, edns: &Edns) {
        self.bytes.push(0);
        self.word(Kind::OPT.0);
        self.word(edns.size);
        self.bytes.extend_from_slice(&edns.ttl().to_be_bytes());
        let data = edns.data();
        self.word(u16::try_from(data.len()).unwrap_or(0));
        self.bytes.extend_from_slice(&data);
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn word(&mut self, word: u16) {
        self.bytes.extend_from_slice(&word.to_be_bytes());
    }

    fn data(&mut self, kind: Kind, data: &'a [u8]) {
        let Some(parts) = data::parts(kind).filter(|_| data::is_compressed(kind)) else {
            return self.bytes.extend_from_slice(data);
        };
        let mut rest = data;
        for part in parts {
            let length = match part {
                Part::Name => name_length(rest),
                Part::Bytes(count) => *count,
                Part::Text => 1 + rest.first().map_or(0, |length| usize::from(*length)),
            };
            // What the box makes or has read is whole.
            let Some((this, next)) = rest.split_at_checked(length) else { break };
            if *part == Part::Name {
                self.name(this);
            } else {
                self.bytes.extend_from_slice(this);
            }
            rest = next;
        }
    }

    fn name(&mut self, name: &'a [u8]) {
        let mut rest = name;
        while let Some((length, more)) = rest.split_first().filter(|(length, _)| **length > 0) {
            let known = self.seen.iter().find(|(seen, _)| *seen == rest);
            if let Some((_, at)) = known {
                let pointer = POINTER | at;
                return self.word(pointer);
            }
            let at = u16::try_from(self.bytes.len()).unwrap_or(u16::MAX);
            if usize::from(at) <= MAX_POINTED && self.seen.len() < MAX_REMEMBERED {
                self.seen.push((rest, at));
            }
            let Some((label, next)) = more.split_at_checked(usize::from(*length)) else { break };
            self.bytes.push(*length);
            self.bytes.extend_from_slice(label);
            rest = next;
        }
        self.bytes.push(0);
    }
}

/// Bytes of the name that stands first.
fn name_length(bytes: &[u8]) -> usize {
    Name::read(bytes, 0).map_or(bytes.len(), |(_, after)| after)
}

/// An answer kept as bytes, for a question that differs from its own in nothing but the letters'
/// case: with that question's id, flags and letters, and TTLs as `ttl` makes them.
///
/// # Errors
/// The bytes are no message, or answer another question.
pub fn renew(
    kept: &[u8],
    (id, flags): (u16, u16),
    asked: &Question,
    ttl: impl Fn(u32) -> u32,
) -> Result<Vec<u8>, BadMessage> {
    let mut bytes = kept.to_vec();
    let header: &mut [u8; HEADER_BYTES] = bytes.first_chunk_mut().ok_or(BadMessage::Short)?;
    let [id, flags] = [id, flags | u16::from(header[3] & 0x0f)].map(u16::to_be_bytes);
    if let Some(place) = header.first_chunk_mut::<4>() {
        place.copy_from_slice([id, flags].as_flattened());
    }
    let counts = header.as_chunks::<2>().0.iter().skip(3);
    let records: usize = counts.map(|count| usize::from(u16::from_be_bytes(*count))).sum();
    let name = asked.name.as_wire();
    let after = HEADER_BYTES + name.len();
    let own = bytes.get_mut(HEADER_BYTES..after).ok_or(BadMessage::Short)?;
    if !own.eq_ignore_ascii_case(name) {
        return Err(BadMessage::Name);
    }
    own.copy_from_slice(name);
    let mut at = after + 4;
    for _ in 0..records {
        at = passed_name(&bytes, at)?;
        let fixed = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<10>());
        let [_, _, _, _, t0, t1, t2, t3, l0, l1] = fixed.ok_or(BadMessage::Short)?;
        let new = ttl(u32::from_be_bytes([*t0, *t1, *t2, *t3])).to_be_bytes();
        ([*t0, *t1, *t2, *t3], at) = (new, at + 10 + usize::from(u16::from_be_bytes([*l0, *l1])));
    }
    Ok(bytes)
}

/// Puts EDNS behind a message that has nothing in its last section.
pub fn append(message: &mut Vec<u8>, edns: &Edns) {
    let mut writer = Writer { bytes: std::mem::take(message), seen: Vec::new() };
    writer.opt(edns);
    *message = writer.into_bytes();
    if let Some(count) = message.get_mut(10..HEADER_BYTES) {
        count.copy_from_slice(&1_u16.to_be_bytes());
    }
}

/// Where what comes after a name starts. Its pointers are not followed.
fn passed_name(bytes: &[u8], mut at: usize) -> Result<usize, BadMessage> {
    loop {
        match *bytes.get(at).ok_or(BadMessage::Short)? {
            0 => return Ok(at + 1),
            pointer if pointer >= 0xc0 => return Ok(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}
