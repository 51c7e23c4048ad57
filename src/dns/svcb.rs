//! Surgery on SVCB and HTTPS records (RFC 9460): the keys that hide a name (`ech`) taken out, and
//! addresses in them looked at. By framing: what is not understood stays byte for byte. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::wire::{Name, Record};

/// Keys of parameters (RFC 9460 §14.3.2).
const MANDATORY: u16 = 0;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;
/// Parameters of a record: far more than there are keys.
const MAX_PARAMETERS: usize = 64;

/// A record's data in its parts.
struct Service<'a> {
    /// Priority and target.
    head: &'a [u8],
    parameters: Vec<(u16, &'a [u8])>,
}

impl<'a> Service<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let (_, length) = Name::read(data.get(2..)?, 0).ok()?;
        let (head, mut rest) = data.split_at_checked(2 + length)?;
        let mut parameters = Vec::new();
        while let Some((start, more)) = rest.split_first_chunk::<4>() {
            let [a, b, c, d] = *start;
            let (key, length) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let (value, next) = more.split_at_checked(usize::from(length))?;
            // RFC 9460 §2.2: in ascending order, each once.
            if parameters.last().is_some_and(|(last, _)| *last >= key)
                || parameters.len() == MAX_PARAMETERS
            {
                return None;
            }
            parameters.push((key, value));
            rest = next;
        }
        rest.is_empty().then_some(Self { head, parameters })
    }

    fn value(&self, key: u16) -> Option<&'a [u8]> {
        self.parameters.iter().find(|(own, _)| *own == key).map(|(_, value)| *value)
    }
}

/// A record without the keys under which devices would hide the name they go to (RFC 9849); the
/// same record if it has none. Nothing for one that cannot be read: no device could use it.
pub fn without_ech(record: &Record) -> Option<Record> {
    let service = Service::read(&record.data)?;
    if service.value(ECH).is_none() {
        return Some(record.clone());
    }
    let mut data = service.head.to_vec();
    let mut put = |key: u16, value: &[u8]| {
        data.extend_from_slice(&key.to_be_bytes());
        data.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
        data.extend_from_slice(value);
    };
    for (key, value) in &service.parameters {
        match *key {
            ECH => {}
            // A device that must understand `ech` would not use the record without it.
            MANDATORY => {
                let kept: Vec<u8> = value
                    .chunks(2)
                    .filter(|key| *key != ECH.to_be_bytes())
                    .flatten()
                    .copied()
                    .collect();
                if !kept.is_empty() {
                    put(MANDATORY, &kept);
                }
            }
            key => put(key, value),
        }
    }
    Some(Record { data: data.into(), ..record.clone() })
}

/// The addresses that a record gives as hints. Nothing for one that cannot be read.
pub fn hints(record: &Record) -> Option<Vec<IpAddr>> {
    let service = Service::read(&record.data)?;
    let v4 = service.value(IPV4_HINT).unwrap_or_default().chunks(4);
    let v4 = v4.map(|bytes| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()));
    let v6 = service.value(IPV6_HINT).unwrap_or_default().chunks(16);
    let v6 = v6.map(|bytes| Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()));
    v4.chain(v6).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{testing::record, wire::Kind};

    fn service(parameters: &[(u16, &[u8])]) -> Record {
        let mut data = [&[0, 1][..], b"\x01t\x07example\0"].concat();
        for (key, value) in parameters {
            data.extend(key.to_be_bytes());
            data.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            data.extend_from_slice(value);
        }
        record("a.example", Kind::HTTPS, &data, 60)
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
            record("a.example", Kind::HTTPS, &[0], 60),
            record("a.example", Kind::HTTPS, &[0, 1, 0, 0, 5, 0, 9, 1], 60),
        ] {
            let both = (hints(&bad).is_none(), without_ech(&bad).is_none());
            assert!(both.0 || both.1, "{bad:?}");
        }
    }
}
