//! Addresses as browsers read them in a URL (WHATWG URL §3.5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `[…]`; a zone (`%eth0`) is not taken.
pub(super) fn ipv6(text: &str) -> Option<IpAddr> {
    bare_ipv6(text.strip_prefix('[')?.strip_suffix(']')?)
}

/// Without brackets.
pub(super) fn bare_ipv6(text: &str) -> Option<IpAddr> {
    text.parse::<Ipv6Addr>().ok().map(|address| IpAddr::from(address).to_canonical())
}

/// The "ends in a number checker": such a host is an IPv4 address or nothing.
pub(super) fn ends_in_number(name: &[u8]) -> bool {
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    !last.is_empty() && last.iter().all(u8::is_ascii_digit)
        || last.strip_prefix(b"0x").is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
}

/// One to four numbers, each decimal, octal or hexadecimal; the last fills what is left.
pub(super) fn ipv4(name: &[u8]) -> Option<Ipv4Addr> {
    let mut numbers = [0; 4];
    let mut count = 0;
    for part in name.split(|byte| *byte == b'.') {
        *numbers.get_mut(count)? = number(part)?;
        count += 1;
    }
    let (last, before) = numbers.get(..count)?.split_last()?;
    let mut address = *last;
    if address >= 1 << (8 * (5 - count)) {
        return None;
    }
    for (place, value) in before.iter().enumerate() {
        if *value > 255 {
            return None;
        }
        address += value << (8 * (3 - place));
    }
    u32::try_from(address).ok().map(Ipv4Addr::from)
}

/// A number of at most 32 bits and its base, by its prefix.
fn number(part: &[u8]) -> Option<u64> {
    let (digits, base) = match part {
        [] => return None,
        [b'0', b'x', digits @ ..] => (digits, 16),
        [b'0', digits @ ..] => (digits, 8),
        digits => (digits, 10),
    };
    let number = digits.iter().try_fold(0_u32, |value, digit| {
        value.checked_mul(base)?.checked_add(char::from(*digit).to_digit(base)?)
    });
    number.map(u64::from)
}
