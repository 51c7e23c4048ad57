//! Which addresses a client may reach: the public Internet, and what the school allowed by name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// IANA IPv4 Special-Purpose Address Registry, multicast and class E included.
const SPECIAL_V4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Inside `2000::/3`, what is not plain global unicast: IETF protocols with Teredo and ORCHID,
/// documentation (RFC 3849, RFC 9637) and 6to4, which hides an IPv4 address.
const SPECIAL_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Is this address on the public Internet? IPv4-mapped addresses never are.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let bits = u32::from(v4);
            !SPECIAL_V4
                .iter()
                .any(|(net, prefix)| (bits ^ u32::from(*net)) >> (32 - u32::from(*prefix)) == 0)
        }
        IpAddr::V6(v6) => match v6.segments() {
            // RFC 6052: the NAT64 prefix carries an IPv4 address, and that one counts.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                is_public(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)).into())
            }
            [first, ..] => {
                let bits = u128::from(v6);
                let special = SPECIAL_V6.iter().any(|(net, prefix)| {
                    (bits ^ u128::from(*net)) >> (128 - u32::from(*prefix)) == 0
                });
                first & 0xe000 == 0x2000 && !special
            }
        },
    }
}

/// May a client reach this address, given the networks allowed by name? A mapped address is
/// allowed by the network of the IPv4 address it stands for.
pub fn may_reach(address: IpAddr, allow_private: &[IpNet]) -> bool {
    let canonical = address.to_canonical();
    is_public(address)
        || allow_private.iter().any(|net| net.contains(&address) || net.contains(&canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().unwrap())
    }

    #[test]
    fn plain_global_addresses_are_public() {
        for text in ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111"] {
            assert!(public(text), "{text}");
        }
        assert!(public("64:ff9b::101:101"), "NAT64 of a public address");
    }

    #[test]
    fn special_addresses_are_not() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:1.1.1.1",
            "::1.1.1.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!public(text), "{text}");
        }
    }

    #[test]
    fn a_named_network_is_allowed_in_both_spellings() {
        let allowed: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap()];
        assert!(may_reach("127.0.0.1".parse().unwrap(), &allowed));
        assert!(may_reach("::ffff:127.0.0.1".parse().unwrap(), &allowed));
        assert!(!may_reach("10.0.0.1".parse().unwrap(), &allowed));
        assert!(!may_reach("::1".parse().unwrap(), &allowed));
    }
}
