//! Surgery on SVCB and HTTPS records (RFC 9460): the keys that hide a name (`ech`) taken out, and
//! addresses in them looked at. What is not understood stays byte for byte. Pure.

use std::net::IpAddr;

use hickory_proto::rr::{
    Record,
    rdata::svcb::{IpHint, SvcParamKey, SvcParamValue},
};

use super::wire::{service, service_data};

/// A record without the keys under which devices would hide the name they go to (RFC 9849); the
/// same record if it has none. Nothing for one that cannot be read: no device could use it.
pub fn without_ech(record: &Record) -> Option<Record> {
    let mut service = service(record)?;
    let is_ech = |(key, _): &(SvcParamKey, SvcParamValue)| *key == SvcParamKey::EchConfigList;
    if !service.svc_params.iter().any(is_ech) {
        return Some(record.clone());
    }
    service.svc_params.retain_mut(|parameter| match parameter {
        (SvcParamKey::EchConfigList, _) => false,
        // A device that must understand `ech` would not use the record without it.
        (_, SvcParamValue::Mandatory(keys)) => {
            keys.0.retain(|key| *key != SvcParamKey::EchConfigList);
            !keys.0.is_empty()
        }
        _ => true,
    });
    let mut without = record.clone();
    without.data = service_data(record.record_type(), &service)?;
    Some(without)
}

/// The addresses that a record gives as hints. Nothing for one that cannot be read.
pub fn hints(record: &Record) -> Option<Vec<IpAddr>> {
    let mut hints: Vec<IpAddr> = Vec::new();
    for (_, value) in service(record)?.svc_params {
        match value {
            SvcParamValue::Ipv4Hint(IpHint(all)) => {
                hints.extend(all.iter().map(|one| IpAddr::V4(one.0)));
            }
            SvcParamValue::Ipv6Hint(IpHint(all)) => {
                hints.extend(all.iter().map(|one| IpAddr::V6(one.0)));
            }
            _ => {}
        }
    }
    Some(hints)
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::*;
    use crate::dns::testing::record;

    fn service(parameters: &[(u16, &[u8])]) -> Record {
        let mut data = [&[0, 1][..], b"\x01t\x07example\0"].concat();
        for (key, value) in parameters {
            data.extend(key.to_be_bytes());
            data.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            data.extend_from_slice(value);
        }
        record("a.example", RecordType::HTTPS, &data, 60)
    }

    #[test]
    fn ech_goes_and_all_else_stays_byte_for_byte() {
        let (alpn, odd) = (&b"\x02h3\x02h2"[..], &b"\0\xff?"[..]);
        let with = service(&[(1, alpn), (4, &[192, 0, 2, 1]), (5, b"secret"), (65_280, odd)]);
        let without = service(&[(1, alpn), (4, &[192, 0, 2, 1]), (65_280, odd)]);
        assert_eq!(without_ech(&with).unwrap(), without);
        assert_eq!(without_ech(&without).unwrap(), without);
    }

    #[test]
    fn what_made_ech_mandatory_goes_with_it() {
        let both = service(&[(0, &[0, 1, 0, 5]), (1, b"\x02h2"), (5, b"x")]);
        assert_eq!(without_ech(&both).unwrap(), service(&[(0, &[0, 1]), (1, b"\x02h2")]));
        let alone = service(&[(0, &[0, 5]), (5, b"x")]);
        assert_eq!(without_ech(&alone).unwrap(), service(&[]));
    }

    #[test]
    fn hints_are_addresses_and_broken_records_are_none() {
        let good = service(&[(4, &[10, 0, 0, 1, 192, 0, 2, 1]), (6, &[0xfd; 16])]);
        let texts: Vec<_> = hints(&good).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(texts[..2], ["10.0.0.1", "192.0.2.1"]);
        assert_eq!(texts.len(), 3);
        for bad in [
            service(&[(4, &[10, 0, 0])]),
            service(&[(5, b"x"), (1, b"y")]),
            service(&[(5, b"x"), (5, b"y")]),
            record("a.example", RecordType::HTTPS, &[0], 60),
            record("a.example", RecordType::HTTPS, &[0, 1, 0, 0, 5, 0, 9, 1], 60),
        ] {
            let both = (hints(&bad).is_none(), without_ech(&bad).is_none());
            assert!(both.0 || both.1, "{bad:?}");
        }
    }
}
