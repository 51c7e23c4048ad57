//! What most questions get, without being read: an answer that is kept, or a refusal. The answer is
//! the same as the long way's (`first`), which takes all that is not seen here at once.

use std::{net::IpAddr, time::Instant};

use jiff::Timestamp;

use super::{glance::Glance, is_served};
use crate::{
    config::Refusal,
    dns::{
        Resolver,
        cache::{Copied, Key},
        judge::Denial,
        made,
        resolve::seconds_until,
        upstream::Wanted,
        wire::{self, MAX_UDP_BYTES, NO_CHECKING, Renewal, View, WANTS_RECURSION},
    },
    filter::host::Host,
    net::tally::Came,
};

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quick {
    /// It is answered.
    Answered,
    /// It goes the long way.
    Not,
}

/// QR and RA, in the header's third and fourth byte.
const IS_ANSWER: u8 = 0x80;
const HAS_RECURSION: u8 = 0x80;
/// There is no such name.
const NO_NAME: u8 = 3;
/// A pointer to the name of the question (RFC 1035 §4.1.4).
const TO_QUESTION: [u8; 2] = [0xc0, 12];
/// `nobody.invalid`, as [`made`] has it.
const NOBODY: &[u8] = b"\x06nobody\x07invalid\0";
/// Type SOA, class IN.
const SOA: [u8; 4] = [0, 6, 0, 1];
/// An OPT record up to its flags: the root, its type, the size (RFC 6891 §6.1.2).
const OPT: [u8; 3] = [0, 0, 41];
/// DO.
const WANTS_SIGNATURES: u8 = 0x80;
/// The option of a reason (RFC 8914 §2).
const REASON: [u8; 2] = [0, 15];

/// Room that is used again for each question.
#[derive(Debug, Default)]
pub struct Room {
    /// The answer.
    pub answer: Vec<u8>,
    kept: Copied,
}

/// Answers a device of the school that may ask. Never waits.
pub fn answer(own: &Resolver, bytes: &[u8], who: IpAddr, room: &mut Room) -> Quick {
    let Room { answer: into, kept: room } = room;
    let Some(seen) = Glance::at(bytes) else { return Quick::Not };
    let now = Instant::now();
    if !is_served(own, who) || own.shared.reserved.holds(seen.name()) {
        return Quick::Not;
    }
    let judge = |host: &Host| own.shared.judge.judge(who, host, Timestamp::now());
    let mut text = wire::Text::default();
    let host = text.of(seen.question, 0).and_then(|text| Host::parse(text).ok());
    let Some(host) = host.filter(|host| host.name().is_some()) else {
        return Quick::Not;
    };
    let ruling = judge(&host);
    into.clear();
    let mut refused = ruling.denied.is_some();
    let done = match (&ruling.denied, &ruling.instead) {
        (Some(denial), _) => refuse(own, &seen, denial, into),
        (None, Some(_)) => None,
        (None, None) => kept(own, bytes, &seen, now, room).and_then(|left| {
            let view = View::of(&room.bytes, room.end);
            let mut hidden = None;
            let passes = |host: &Host| {
                hidden = judge(host).denied;
                hidden.is_none()
            };
            let passes = room.is_plain || view.all_aliases(passes)?;
            refused = hidden.is_some();
            match &hidden {
                Some(denial) => refuse(own, &seen, denial, into),
                None if passes => renew(&seen, view, left.min(seconds_until(ruling.until)), into),
                None => None,
            }
        }),
    };
    // What is too long for a datagram is cut on the long way.
    if done.is_none() || into.len() > seen.most {
        return Quick::Not;
    }
    own.shared.tally.came(if refused { Came::Refused } else { Came::Served });
    Quick::Answered
}

/// Copies what is kept, for how many seconds; asked for anew where it is time to.
fn kept(
    own: &Resolver,
    bytes: &[u8],
    seen: &Glance<'_>,
    now: Instant,
    into: &mut Copied,
) -> Option<u32> {
    let (left, renew) = own.shared.cache().copy(seen.key(), now, into)?;
    if renew {
        let message = wire::read_question(bytes).ok()?;
        let wanted = Wanted {
            question: wire::question(&message),
            signatures: seen.signatures,
            no_checking: seen.flags[1] & NO_CHECKING != 0,
        };
        let key = Key::new(&wanted.question, wanted.signatures, wanted.no_checking);
        if own.ask(&key, &wanted).is_err() {
            own.shared.cache().not_renewed(&key);
        }
    }
    Some(left)
}

fn renew(seen: &Glance<'_>, kept: View<'_>, left: u32, into: &mut Vec<u8>) -> Option<()> {
    let renewal = Renewal {
        id: seen.id,
        recursion: seen.flags[0] & WANTS_RECURSION != 0,
        no_checking: seen.flags[1] & NO_CHECKING != 0,
        authentic: seen.understands_authentic(),
        question: seen.question,
        ttl: left,
    };
    kept.renew(&renewal, into)?;
    if seen.edns {
        put_edns(seen, None, into);
        // No additional records are kept.
        *into.get_mut(10..)?.first_chunk_mut()? = 1_u16.to_be_bytes();
    }
    Some(())
}

/// As [`made::refused`] and [`Denial::reason`] have it.
fn refuse(own: &Resolver, seen: &Glance<'_>, denial: &Denial, into: &mut Vec<u8>) -> Option<()> {
    let code = match own.shared.config.refusal {
        Refusal::Nxdomain => NO_NAME,
        Refusal::Nodata => 0,
        Refusal::Page => return None,
    };
    let [high, low] = seen.flags;
    into.extend_from_slice(&seen.id);
    into.push(IS_ANSWER | high & WANTS_RECURSION);
    into.push(HAS_RECURSION | low & NO_CHECKING | code);
    into.extend_from_slice(&[0, 1, 0, 0, 0, 1, 0, u8::from(seen.edns)]);
    into.extend_from_slice(seen.question);
    let ttl = made::REFUSED_SECONDS;
    let numbers = made::SOA_NUMBERS.into_iter().chain([ttl]).flat_map(u32::to_be_bytes);
    let length = TO_QUESTION.len() + NOBODY.len() + 4 * (made::SOA_NUMBERS.len() + 1);
    into.extend_from_slice(&TO_QUESTION);
    into.extend_from_slice(&SOA);
    into.extend_from_slice(&ttl.to_be_bytes());
    into.extend_from_slice(&u16::try_from(length).ok()?.to_be_bytes());
    into.extend_from_slice(&TO_QUESTION);
    into.extend_from_slice(NOBODY);
    into.extend(numbers);
    if seen.edns {
        put_edns(seen, Some(&denial.reason()), into);
    }
    Some(())
}

/// EDNS of the box, as [`wire::edns`] makes it.
fn put_edns(seen: &Glance<'_>, reason: Option<&wire::Ede>, into: &mut Vec<u8>) {
    let flags = if seen.signatures { WANTS_SIGNATURES } else { 0 };
    let reason_bytes = reason.map_or(0, |reason| 2 + reason.words.len());
    let length = if reason.is_some() { 4 + reason_bytes } else { 0 };
    let bytes = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    into.extend_from_slice(&OPT);
    into.extend_from_slice(&MAX_UDP_BYTES.to_be_bytes());
    into.extend_from_slice(&[0, 0, flags, 0]);
    into.extend_from_slice(&bytes(length));
    if let Some(reason) = reason {
        into.extend_from_slice(&REASON);
        into.extend_from_slice(&bytes(reason_bytes));
        into.extend_from_slice(&reason.code.to_be_bytes());
        into.extend_from_slice(reason.words.as_bytes());
    }
}

#[cfg(test)]
#[path = "quick_tests.rs"]
mod tests;
