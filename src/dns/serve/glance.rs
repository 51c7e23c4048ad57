//! A question as nearly every device sends it, seen without being read: one name and type, and EDNS
//! without anything to act on. Whatever else comes is read whole.
//!
//! Ours, beside `hickory_proto`, for speed alone, as `wire/kept.rs`. Pure.

use hickory_proto::rr::RecordType;

use crate::dns::wire::{
    self, AUTHENTIC, COOKIE, HEADER_BYTES, MAX_UDP_BYTES, MIN_UDP_BYTES, NO_CHECKING,
    WANTS_RECURSION,
};

/// Bytes of the longest name without the root's label (RFC 1035 §2.3.4).
const MAX_NAME_BYTES: usize = 254;
/// Bytes of the longest label.
const MAX_LABEL_BYTES: u8 = 63;
/// Class IN.
const IN: [u8; 2] = [0, 1];
/// DO, in the first byte of EDNS's flags (RFC 3225).
const WANTS_SIGNATURES: u8 = 0x80;

/// What was seen.
#[derive(Debug)]
pub struct Glance<'a> {
    /// Its number.
    pub id: [u8; 2],
    /// Its flags: RD and CD are those of the answer.
    pub flags: [u8; 2],
    /// Name, type and class as they came.
    pub question: &'a [u8],
    /// Does it have EDNS? Then its answer has.
    pub edns: bool,
    /// With signatures?
    pub signatures: bool,
    /// Bytes of the largest answer by UDP.
    pub most: usize,
    /// In lower case, with what the cache tells questions apart by behind it.
    folded: [u8; MAX_NAME_BYTES + 3],
    name: usize,
}

impl<'a> Glance<'a> {
    /// Of bytes that came; nothing: they are to be read.
    pub fn at(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
        let [id0, id1, high, low, 0, 1, 0, 0, 0, 0, 0, more @ (0 | 1)] = *header else {
            return None;
        };
        if high & !WANTS_RECURSION != 0 || low & !(AUTHENTIC | NO_CHECKING) != 0 {
            return None;
        }
        let name = name_bytes(rest)?;
        let (question, after) = rest.split_at_checked(name + 5)?;
        let [kind @ .., class0, class1] = *question.last_chunk::<4>()?;
        let kind_number = u16::from_be_bytes(kind);
        let is_data = kind_number != 0 && !wire::is_meta(RecordType::from(kind_number));
        if !is_data || [class0, class1] != IN {
            return None;
        }
        let edns = if more == 1 { Some(edns(after)?) } else { None };
        let (size, signatures) = edns.unwrap_or_default();
        let most = usize::from(size.min(MAX_UDP_BYTES)).max(MIN_UDP_BYTES);
        let mut folded = [0; MAX_NAME_BYTES + 3];
        let own = folded.get_mut(..name)?;
        own.copy_from_slice(question.get(..name)?);
        // Lengths are below 64, so that no letter is among them.
        own.make_ascii_lowercase();
        let told_apart = u8::from(signatures) | u8::from(low & NO_CHECKING != 0) << 1;
        let [kind0, kind1] = kind;
        *folded.get_mut(name..)?.first_chunk_mut()? = [kind0, kind1, told_apart];
        let (id, flags, edns) = ([id0, id1], [high, low], edns.is_some());
        Some(Self { id, flags, question, edns, signatures, most, folded, name })
    }

    /// The name in lower case, as it travels, without the root's label.
    pub fn name(&self) -> &[u8] {
        self.folded.get(..self.name).unwrap_or_default()
    }

    /// The same question's [`Key`](crate::dns::cache::Key).
    pub fn key(&self) -> &[u8] {
        self.folded.get(..self.name + 3).unwrap_or_default()
    }

    /// Does who asks understand AD (RFC 6840 §5.8)?
    pub fn understands_authentic(&self) -> bool {
        self.signatures || self.flags[1] & AUTHENTIC != 0
    }
}

/// Bytes of the name that stands first, without the root's label; there is no pointer in a question,
/// and of the root there is nothing to be seen.
fn name_bytes(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *bytes.get(at)? {
            0 => return (at > 0).then_some(at),
            length @ 1..=MAX_LABEL_BYTES => at += 1 + usize::from(length),
            _ => return None,
        }
        if at > MAX_NAME_BYTES {
            return None;
        }
    }
}

/// The size and DO of an OPT record (RFC 6891 §6.1.2) of version 0.
fn edns(bytes: &[u8]) -> Option<(u16, bool)> {
    let (record, rest) = bytes.split_first_chunk::<11>()?;
    let [0, 0, 41, size0, size1, _, 0, flags, _, length0, length1] = *record else { return None };
    let mut options = rest.get(..usize::from(u16::from_be_bytes([length0, length1])))?;
    while !options.is_empty() {
        let ([code0, code1, length0, length1], rest) = options.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([*length0, *length1]));
        let (_, rest) = rest.split_at_checked(length)?;
        if u16::from_be_bytes([*code0, *code1]) == COOKIE && !wire::is_cookie(length) {
            return None;
        }
        options = rest;
    }
    Some((u16::from_be_bytes([size0, size1]), flags & WANTS_SIGNATURES != 0))
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::{Message, MessageType, OpCode},
        rr::DNSClass,
    };

    use super::*;
    use crate::dns::{
        cache::Key,
        testing::{bytes, question},
    };

    fn asked(change: impl Fn(&mut Message)) -> Vec<u8> {
        let mut asked = wire::ask(7, question("wWw.Example.org", RecordType::AAAA), false);
        change(&mut asked);
        bytes(&asked)
    }

    #[test]
    fn what_is_seen_is_what_is_read() {
        for (signatures, no_checking, size) in
            [(false, false, 512), (true, false, 1232), (false, true, 4096), (true, true, 700)]
        {
            let sent = asked(|asked| {
                asked.metadata.checking_disabled = no_checking;
                let mut edns = wire::edns(signatures, Some(vec![1; 8]), None);
                edns.set_max_payload(size);
                asked.edns = Some(edns);
            });
            let seen = Glance::at(&sent).unwrap();
            let query = question("www.example.ORG", RecordType::AAAA);
            assert_eq!(seen.key(), Key::new(&query, signatures, no_checking).as_ref());
            assert_eq!((seen.signatures, seen.edns, seen.id), (signatures, true, [0, 7]));
            assert_eq!(seen.most, usize::from(size.min(1232)));
            assert_eq!(seen.name(), b"\x03www\x07example\x03org");
        }
        let plain = asked(|_| ());
        let seen = Glance::at(&plain).unwrap();
        assert_eq!((seen.edns, seen.most), (false, 512));
        assert_eq!(seen.question, &plain[12..]);
    }

    #[test]
    fn what_is_not_as_usual_is_left_to_be_read() {
        let changes: [fn(&mut Message); 8] = [
            |asked| asked.metadata.message_type = MessageType::Response,
            |asked| asked.metadata.op_code = OpCode::Notify,
            |asked| asked.metadata.truncation = true,
            |asked| asked.queries[0].query_type = RecordType::ANY,
            |asked| asked.queries[0].query_class = DNSClass::CH,
            |asked| asked.queries[0].name = hickory_proto::rr::Name::root(),
            |asked| asked.queries.push(question("b.example", RecordType::A)),
            |asked| {
                let mut edns = wire::edns(false, None, None);
                edns.set_version(1);
                asked.edns = Some(edns);
            },
        ];
        for (number, change) in changes.into_iter().enumerate() {
            assert!(Glance::at(&asked(change)).is_none(), "{number}");
        }
        let broken = asked(|asked| asked.edns = Some(wire::edns(false, Some(vec![1; 9]), None)));
        assert!(Glance::at(&broken).is_none(), "a cookie that there is not");
        let pointed = [&asked(|_| ())[..12], &[0xc0, 12, 0, 1, 0, 1]].concat();
        assert!(Glance::at(&pointed).is_none());
    }

    #[test]
    fn cut_anywhere_or_longer_than_any_name_it_is_left_too() {
        let whole = asked(|asked| asked.edns = Some(wire::edns(true, Some(vec![1; 16]), None)));
        assert!(Glance::at(&whole).is_some());
        for length in 0..whole.len() {
            assert!(Glance::at(&whole[..length]).is_none(), "{length}");
        }
        let labels = |count: usize| {
            let name = b"\x3f".iter().chain(&[b'x'; 63]).copied().collect::<Vec<_>>().repeat(count);
            [&asked(|_| ())[..12], &name, &[0, 0, 1, 0, 1]].concat()
        };
        assert!(Glance::at(&labels(3)).is_some());
        assert!(Glance::at(&labels(4)).is_none());
    }
}
