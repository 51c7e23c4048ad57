//! Data of records: which names stand in it, and where.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{BadMessage, Kind, Name, Record};

/// A part of the data of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A name, which may come compressed.
    Name,
    /// So many bytes.
    Bytes(usize),
    /// A length in a byte, and as many bytes (RFC 1035 §3.3).
    Text,
}

use Part::{Bytes, Text};

/// The parts of types in whose data a compressed name may come (RFC 3597 §4); nothing for all
/// others, whose data is passed on as it is.
pub(super) fn parts(kind: Kind) -> Option<&'static [Part]> {
    Some(match kind.0 {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME
        2..=5 | 7..=9 | 12 | 39 => &[Part::Name],
        // SOA: serial, refresh, retry, expire, minimum
        6 => &[Part::Name, Part::Name, Bytes(20)],
        // MINFO, RP
        14 | 17 => &[Part::Name, Part::Name],
        // MX, AFSDB, RT, KX
        15 | 18 | 21 | 36 => &[Bytes(2), Part::Name],
        // PX
        26 => &[Bytes(2), Part::Name, Part::Name],
        // SRV
        33 => &[Bytes(6), Part::Name],
        // NAPTR
        35 => &[Bytes(4), Text, Text, Text, Part::Name],
        _ => return None,
    })
}

/// May names in its data be compressed when they are written (RFC 3597 §4: those of RFC 1035)?
pub(super) fn is_compressed(kind: Kind) -> bool {
    matches!(kind.0, 2..=9 | 12 | 14 | 15)
}

/// Takes the data at `at` of a message, `length` bytes long, its names uncompressed.
pub(super) fn read(
    kind: Kind,
    message: &[u8],
    at: usize,
    length: usize,
) -> Result<Box<[u8]>, BadMessage> {
    let end = at + length;
    let whole = message.get(at..end).ok_or(BadMessage::Short)?;
    let Some(parts) = parts(kind) else { return checked(kind, whole) };
    // A name ends within the data, wherever its pointers lead.
    let message = message.get(..end).ok_or(BadMessage::Short)?;
    let (mut data, mut at) = (Vec::with_capacity(length), at);
    for part in parts {
        let next = match part {
            Part::Name => {
                let (name, next) = Name::read(message, at)?;
                data.extend_from_slice(name.as_wire());
                at = next;
                continue;
            }
            Bytes(count) => at + count,
            Text => at + 1 + usize::from(*message.get(at).ok_or(BadMessage::Data)?),
        };
        data.extend_from_slice(message.get(at..next).ok_or(BadMessage::Data)?);
        at = next;
    }
    if at == end { Ok(data.into()) } else { Err(BadMessage::Data) }
}

/// Data without compressed names.
fn checked(kind: Kind, data: &[u8]) -> Result<Box<[u8]>, BadMessage> {
    let fits = match kind {
        Kind::A => data.len() == 4,
        Kind::AAAA => data.len() == 16,
        _ => true,
    };
    if fits { Ok(data.into()) } else { Err(BadMessage::Data) }
}

/// The address that a record holds.
pub fn address(record: &Record) -> Option<IpAddr> {
    match record.kind {
        Kind::A => <[u8; 4]>::try_from(&*record.data).ok().map(|v4| Ipv4Addr::from(v4).into()),
        Kind::AAAA => <[u8; 16]>::try_from(&*record.data).ok().map(|v6| Ipv6Addr::from(v6).into()),
        _ => None,
    }
}

/// The name at which it goes on: of CNAME and DNAME, and of SVCB and HTTPS whose target is not
/// their own name.
pub fn next_name(record: &Record) -> Option<Name> {
    let at = match record.kind {
        Kind::CNAME | Kind::DNAME => 0,
        Kind::SVCB | Kind::HTTPS => 2,
        _ => return None,
    };
    // RFC 9460 §2.2: never compressed; a pointer would lead out of the data.
    let (name, _) = Name::read(record.data.get(at..)?, 0).ok()?;
    (at == 0 || name != Name::root()).then_some(name)
}
