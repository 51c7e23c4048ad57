//! Answers that the box makes itself. Pure.

use std::net::IpAddr;

use hickory_proto::{
    op::{Query, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{CNAME, SOA},
    },
};

use super::{answer::Answer, wire};
use crate::config::Refusal;

/// Of what is refused: short, so that what a teacher opens is open soon (`filter` may decide
/// otherwise any second).
pub const REFUSED_SECONDS: u32 = 30;
/// Of the box's own names.
pub const OWN_SECONDS: u32 = 60;
/// Of names that never exist.
pub const NEVER_SECONDS: u32 = 3600;

/// Serial, refresh, retry and expiry of a SOA (RFC 6303 §3).
pub const SOA_NUMBERS: [u32; 4] = [1, 3600, 1200, 604_800];

/// The record of an address.
pub fn address_record(owner: &Name, address: IpAddr, ttl: u32) -> Record {
    let data = match address {
        IpAddr::V4(v4) => RData::A(v4.into()),
        IpAddr::V6(v6) => RData::AAAA(v6.into()),
    };
    Record::from_rdata(owner.clone(), ttl, data)
}

/// The record of another name for the same.
pub fn alias_record(owner: &Name, to: &Name, ttl: u32) -> Record {
    Record::from_rdata(owner.clone(), ttl, RData::CNAME(CNAME(to.clone())))
}

/// The SOA with which devices remember for so long what is not there (RFC 2308 §3); of the form of
/// RFC 6303 §3.
fn soa(zone: &Name, ttl: u32) -> Record {
    let nobody = wire::name("nobody.invalid").unwrap_or_else(Name::root);
    let [serial, times @ ..] = SOA_NUMBERS;
    let [refresh, retry, expire] = times.map(u32::cast_signed);
    let data = SOA::new(zone.clone(), nobody, serial, refresh, retry, expire, ttl);
    Record::from_rdata(zone.clone(), ttl, RData::SOA(data))
}

/// There is no such name.
pub fn no_name(zone: &Name, ttl: u32) -> Answer {
    Answer::nothing(ResponseCode::NXDomain, vec![soa(zone, ttl)], ttl)
}

/// There is nothing of this type.
pub fn no_data(zone: &Name, ttl: u32) -> Answer {
    Answer::nothing(ResponseCode::NoError, vec![soa(zone, ttl)], ttl)
}

/// The addresses of the asked type; else nothing of the type.
pub fn addresses(asked: &Query, of: &[IpAddr], ttl: u32) -> Answer {
    let records = of.iter().map(|one| address_record(&asked.name, *one, ttl));
    let records: Vec<Record> =
        records.filter(|one| one.record_type() == asked.query_type).collect();
    if records.is_empty() { no_data(&asked.name, ttl) } else { Answer::of(records, ttl) }
}

/// What a device is told of a name that it may not be told; `page` are the box's addresses.
pub fn refused(asked: &Query, how: Refusal, page: &[IpAddr]) -> Answer {
    match how {
        Refusal::Nxdomain => no_name(&asked.name, REFUSED_SECONDS),
        Refusal::Nodata => no_data(&asked.name, REFUSED_SECONDS),
        Refusal::Page => addresses(asked, page, REFUSED_SECONDS),
    }
}

/// The answer to ANY (RFC 8482 §4.2): one small record that says why.
pub fn minimal_any(asked: &Query) -> Answer {
    let data = wire::data_of(RecordType::HINFO, b"\x07RFC8482\x00".to_vec());
    let record = Record::from_rdata(asked.name.clone(), NEVER_SECONDS, data);
    Answer::of(vec![record], NEVER_SECONDS)
}
