//! Data of records: what is taken apart, and what stays the bytes that came.

use std::net::IpAddr;

use hickory_proto::{
    ProtoError,
    rr::{
        Name, RData, Record, RecordType,
        rdata::{CNAME, HTTPS, NULL, SVCB},
    },
    serialize::binary::{
        BinDecodable as _, BinDecoder, BinEncodable, BinEncoder, NameEncoding, Restrict,
    },
};

use super::BadMessage;

/// Reads data of so many bytes.
///
/// Only the types in whose data a compressed name may come (RFC 3597 §4), and addresses, are taken
/// apart: all others are kept as they are, because what is read and written again is not always
/// the same bytes, and a signature is over bytes.
pub(super) fn read(
    decoder: &mut BinDecoder<'_>,
    kind: RecordType,
    length: u16,
) -> Result<RData, BadMessage> {
    use RecordType::{A, AAAA, CNAME, MX, NAPTR, NS, OPT, PTR, SOA, SRV};
    match kind {
        OPT if length == 0 => Ok(RData::Update0(OPT)),
        A | AAAA | CNAME | MX | NAPTR | NS | OPT | PTR | SOA | SRV => {
            Ok(RData::read(decoder, kind, Restrict::new(length))?)
        }
        _ => {
            let bytes = match parts(kind) {
                Some(parts) => uncompressed(decoder, parts, length.into())?,
                None => decoder.read_slice(length.into())?.unverified().to_vec(),
            };
            Ok(data_of(kind, bytes))
        }
    }
}

/// These bytes as the data of a type that is not taken apart.
pub fn data_of(kind: RecordType, bytes: Vec<u8>) -> RData {
    let rdata = if bytes.is_empty() { NULL::new() } else { NULL::with(bytes) };
    RData::Unknown { code: kind, rdata }
}

/// Bytes before the names, and how many names, in data of types that `hickory_proto` does not know
/// and in which RFC 3597 §4 has names uncompressed.
fn parts(kind: RecordType) -> Option<(usize, usize)> {
    Some(match u16::from(kind) {
        // MD, MF, MB, MG, MR, DNAME
        3 | 4 | 7..=9 | 39 => (0, 1),
        // MINFO, RP
        14 | 17 => (0, 2),
        // AFSDB, RT, KX
        18 | 21 | 36 => (2, 1),
        // PX
        26 => (2, 2),
        _ => return None,
    })
}

fn uncompressed(
    decoder: &mut BinDecoder<'_>,
    (before, names): (usize, usize),
    length: usize,
) -> Result<Vec<u8>, BadMessage> {
    let end = decoder.index() + length;
    let mut bytes = decoder.read_slice(before)?.unverified().to_vec();
    for _ in 0..names {
        bytes.extend(emitted(&Name::read(decoder)?)?);
    }
    if decoder.index() == end { Ok(bytes) } else { Err(BadMessage::Parts) }
}

/// As it is written where nothing is compressed.
fn emitted(part: &impl BinEncodable) -> Result<Vec<u8>, ProtoError> {
    let mut bytes = Vec::new();
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    part.emit(&mut encoder)?;
    Ok(bytes)
}

/// The bytes of data that is not taken apart.
fn raw(record: &Record) -> Option<&[u8]> {
    match &record.data {
        RData::Unknown { rdata, .. } => Some(&rdata.anything),
        _ => None,
    }
}

/// The address that a record holds.
pub fn address(record: &Record) -> Option<IpAddr> {
    record.data.ip_addr()
}

/// The name at which it goes on: of CNAME and DNAME, and of SVCB and HTTPS whose target is not
/// their own name.
pub fn next_name(record: &Record) -> Option<Name> {
    match (&record.data, record.record_type()) {
        (RData::CNAME(CNAME(name)), _) => Some(name.clone()),
        (_, RecordType::DNAME) => Name::from_bytes(raw(record)?).ok(),
        _ => service(record).map(|service| service.target_name).filter(|name| !name.is_root()),
    }
}

/// The type that a signature is of: it stands first (RFC 4034 §3.1).
pub fn signed_type(record: &Record) -> Option<RecordType> {
    let kind = raw(record).filter(|_| record.record_type() == RecordType::RRSIG)?.first_chunk()?;
    Some(u16::from_be_bytes(*kind).into())
}

/// Labels of the name that was signed, without a wildcard's (RFC 4034 §3.1.3), of a signature.
pub fn signed_labels(record: &Record) -> Option<u8> {
    signed_type(record)?;
    raw(record)?.get(3).copied()
}

/// The zone that signs, of a signature (RFC 4034 §3.1.7: uncompressed, after 18 bytes).
pub fn signer(record: &Record) -> Option<Name> {
    signed_type(record)?;
    Name::from_bytes(raw(record)?.get(18..)?).ok()
}

/// How a service is reached, of an SVCB or HTTPS record (RFC 9460 §2.2). Nothing for one that cannot
/// be read, or not so that it is written again as it came.
pub fn service(record: &Record) -> Option<SVCB> {
    let kind = record.record_type();
    let bytes = raw(record).filter(|_| [RecordType::SVCB, RecordType::HTTPS].contains(&kind))?;
    let length = Restrict::new(u16::try_from(bytes.len()).ok()?);
    let read = RData::read(&mut BinDecoder::new(bytes), kind, length).ok()?;
    let (RData::SVCB(service) | RData::HTTPS(HTTPS(service))) = read else { return None };
    (emitted(&service).ok()? == bytes).then_some(service)
}

/// The data of an SVCB or HTTPS record. Nothing if no such record can be.
pub fn service_data(kind: RecordType, service: &SVCB) -> Option<RData> {
    Some(data_of(kind, emitted(service).ok()?))
}
