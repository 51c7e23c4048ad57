//! Answers that the box makes itself. Pure.

use std::net::IpAddr;

use super::{
    answer::Answer,
    wire::{CLASS_IN, Kind, Name, Question, Rcode, Record},
};
use crate::config::Refusal;

/// Of what is refused: short, so that what a teacher opens is open soon (`filter` may decide
/// otherwise any second).
pub const REFUSED_SECONDS: u32 = 30;
/// Of the box's own names.
pub const OWN_SECONDS: u32 = 60;
/// Of names that never exist.
pub const NEVER_SECONDS: u32 = 3600;

/// The record of an address.
pub fn address_record(owner: &Name, address: IpAddr, ttl: u32) -> Record {
    let (kind, data): (_, Box<[u8]>) = match address {
        IpAddr::V4(v4) => (Kind::A, v4.octets().into()),
        IpAddr::V6(v6) => (Kind::AAAA, v6.octets().into()),
    };
    Record { owner: owner.clone(), kind, class: CLASS_IN, ttl, data }
}

/// The record of another name for the same.
pub fn alias_record(owner: &Name, to: &Name, ttl: u32) -> Record {
    named_record(owner, Kind::CNAME, to, ttl)
}

/// A record whose data is a name.
pub fn named_record(owner: &Name, kind: Kind, to: &Name, ttl: u32) -> Record {
    Record { owner: owner.clone(), kind, class: CLASS_IN, ttl, data: to.as_wire().into() }
}

/// The SOA with which devices remember for so long what is not there (RFC 2308 §3); of the form of
/// RFC 6303 §3.
fn soa(zone: &Name, ttl: u32) -> Record {
    let nobody = Name::parse("nobody.invalid").unwrap_or_else(Name::root);
    let numbers = [1, 3600, 1200, 604_800, ttl].map(u32::to_be_bytes);
    let data = [zone.as_wire(), nobody.as_wire(), numbers.as_flattened()].concat();
    Record { owner: zone.clone(), kind: Kind::SOA, class: CLASS_IN, ttl, data: data.into() }
}

/// There is no such name.
pub fn no_name(zone: &Name, ttl: u32) -> Answer {
    Answer::nothing(Rcode::NX_DOMAIN, vec![soa(zone, ttl)], ttl)
}

/// There is nothing of this type.
pub fn no_data(zone: &Name, ttl: u32) -> Answer {
    Answer::nothing(Rcode::NO_ERROR, vec![soa(zone, ttl)], ttl)
}

/// The addresses of the asked type; else nothing of the type.
pub fn addresses(asked: &Question, of: &[IpAddr], ttl: u32) -> Answer {
    let records = of.iter().map(|one| address_record(&asked.name, *one, ttl));
    let records: Vec<Record> = records.filter(|one| one.kind == asked.kind).collect();
    if records.is_empty() { no_data(&asked.name, ttl) } else { Answer::of(records, ttl) }
}

/// What a device is told of a name that it may not be told; `page` are the box's addresses.
pub fn refused(asked: &Question, how: Refusal, page: &[IpAddr]) -> Answer {
    match how {
        Refusal::Nxdomain => no_name(&asked.name, REFUSED_SECONDS),
        Refusal::Nodata => no_data(&asked.name, REFUSED_SECONDS),
        Refusal::Page => addresses(asked, page, REFUSED_SECONDS),
    }
}

/// The answer to ANY (RFC 8482 §4.2): one small record that says why.
pub fn minimal_any(asked: &Question) -> Answer {
    let data = b"\x07RFC8482\x00".as_slice().into();
    let (owner, kind, class) = (asked.name.clone(), Kind::HINFO, CLASS_IN);
    Answer::of(vec![Record { owner, kind, class, ttl: NEVER_SECONDS, data }], NEVER_SECONDS)
}
