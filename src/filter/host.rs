//! Hosts in one form: what a list, a policy and a request call the same is the same here.
//!
//! The rules are those of browsers (WHATWG URL, "host parsing"), so that no spelling a client
//! understands slips by: percent-encoding, letter case, IDN, a trailing dot, and every way to
//! write an address (`0x7f.1`, `2130706433`, `[::ffff:127.0.0.1]`).

mod literal;

use std::{fmt, net::IpAddr};

use idna::AsciiDenyList;

/// Bytes of the longest name, without the dot at its end (RFC 1035 §2.3.4).
pub const MAX_NAME_BYTES: usize = 253;
/// Bytes of the longest label (RFC 1035 §2.3.4).
pub const MAX_LABEL_BYTES: usize = 63;
/// Labels of the longest name.
pub const MAX_LABELS: usize = 127;
/// Bytes read of a spelling: each byte of a name may take three, percent-encoded.
const MAX_SPELLING_BYTES: usize = 3 * (MAX_NAME_BYTES + 1);

/// Why a text names no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHost {
    /// Nothing there.
    #[error("the host is empty")]
    Empty,
    /// Longer than DNS can carry.
    #[error("the name is longer than {MAX_NAME_BYTES} bytes")]
    TooLong,
    /// A label is empty (`a..b`) or longer than 63 bytes.
    #[error("a label of the name is empty or longer than {MAX_LABEL_BYTES} bytes")]
    BadLabel,
    /// A character that no browser takes in a host.
    #[error("the host holds a character that no host may have")]
    BadCharacter,
    /// Not a name that IDNA can write in ASCII.
    #[error("the name is no internationalised domain name")]
    BadIdn,
    /// It ends in a number, so it must be an IPv4 address, and is none.
    #[error("the host ends in a number but is no IPv4 address")]
    BadIpv4,
    /// Brackets that hold no IPv6 address.
    #[error("the brackets hold no IPv6 address")]
    BadIpv6,
}

/// Whom a request is for.
#[allow(clippy::large_enum_variant, reason = "held in place, so that asking costs no allocation")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Host {
    /// By name.
    Name(Name),
    /// By address; an IPv4-mapped IPv6 address is that IPv4 address.
    Address(IpAddr),
}

impl Host {
    /// Reads a host without port or userinfo. Allocates only when it is not ASCII.
    pub fn parse(text: &str) -> Result<Self, BadHost> {
        // Nearly all are plain. What is refused here may yet be another spelling.
        match Self::of_ascii(text.as_bytes()) {
            Err(BadHost::BadCharacter | BadHost::TooLong | BadHost::BadLabel) => {
                Self::of_spelling(text)
            }
            host => host,
        }
    }

    fn of_spelling(text: &str) -> Result<Self, BadHost> {
        if text.starts_with('[') {
            return literal::ipv6(text).map(Self::Address).ok_or(BadHost::BadIpv6);
        }
        // Outside a URL, addresses stand without brackets.
        if text.contains(':') {
            return literal::bare_ipv6(text).map(Self::Address).ok_or(BadHost::BadCharacter);
        }
        if text.len() > MAX_SPELLING_BYTES {
            return Err(BadHost::TooLong);
        }
        let mut decoded = [0; MAX_SPELLING_BYTES];
        let decoded = percent_decode(text.as_bytes(), &mut decoded);
        if decoded.is_ascii() {
            return Self::of_ascii(decoded);
        }
        // "Domain to ASCII" of WHATWG URL §3.3, not strict.
        match idna::domain_to_ascii_cow(decoded, AsciiDenyList::URL) {
            Ok(name) => Self::of_ascii(name.as_bytes()),
            Err(_) => Err(BadHost::BadIdn),
        }
    }

    fn of_ascii(text: &[u8]) -> Result<Self, BadHost> {
        let name = Name::of_ascii(text)?;
        if literal::ends_in_number(name.as_bytes()) {
            let address = literal::ipv4(name.as_bytes()).ok_or(BadHost::BadIpv4)?;
            return Ok(Self::Address(address.into()));
        }
        Ok(Self::Name(name))
    }

    /// The name, when it is one.
    pub fn name(&self) -> Option<&Name> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

/// As in a URL: IPv6 addresses in brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name.as_str()),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// A name in the form that is compared: lower-case ASCII (punycode where needed), labels of 1 to
/// 63 bytes, no dot at the end. Held in place, so that asking costs no allocation.
#[derive(Clone, Copy)]
pub struct Name {
    bytes: [u8; MAX_NAME_BYTES],
    length: u8,
}

impl Name {
    fn of_ascii(text: &[u8]) -> Result<Self, BadHost> {
        let text = text.strip_suffix(b".").unwrap_or(text);
        if text.is_empty() {
            return Err(BadHost::Empty);
        }
        let length = u8::try_from(text.len()).map_err(|_| BadHost::TooLong)?;
        let mut bytes = [0; MAX_NAME_BYTES];
        let copy = bytes.get_mut(..text.len()).ok_or(BadHost::TooLong)?;
        let mut label = 0;
        let mut good = true;
        for (to, from) in copy.iter_mut().zip(text) {
            let byte = FORMS[usize::from(*from)];
            good &= byte != FORBIDDEN;
            if byte == b'.' {
                if label == 0 || label > MAX_LABEL_BYTES {
                    return Err(BadHost::BadLabel);
                }
                label = 0;
            } else {
                label += 1;
            }
            *to = byte;
        }
        if label == 0 || label > MAX_LABEL_BYTES {
            return Err(BadHost::BadLabel);
        }
        if !good {
            return Err(BadHost::BadCharacter);
        }
        Ok(Self { bytes, length })
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        // It is ASCII by construction.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// How many labels it has, 1 to [`MAX_LABELS`].
    pub fn labels(&self) -> usize {
        self.as_bytes().split(|byte| *byte == b'.').count()
    }

    /// The name, then each parent of it, to the last label.
    pub fn suffixes(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |name| name.split_once('.').map(|(_, up)| up))
    }

    /// Its last `labels` labels; `None` when it has fewer, or for none.
    pub fn suffix(&self, labels: usize) -> Option<&str> {
        let above = self.labels().checked_sub(labels)?;
        if labels == 0 { None } else { self.suffixes().nth(above) }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// In [`FORMS`], of bytes that no name holds.
const FORBIDDEN: u8 = 0;

/// Each byte as it stands in a name.
const FORMS: [u8; 256] = {
    let mut forms = [FORBIDDEN; 256];
    let mut byte = b'!';
    // All above 0x7e are control or no ASCII.
    while byte < 0x7f {
        if !is_forbidden(byte) {
            forms[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    forms
};

/// Of those that print: "forbidden domain code point", WHATWG URL §3.1.
const fn is_forbidden(byte: u8) -> bool {
    matches!(byte, b'#' | b'%' | b'/' | b':' | b'<' | b'>' | b'?' | b'@' | b'['..=b'^' | b'|')
}

/// Replaces `%41` by `A`; a `%` that stands before anything else stays, to be refused.
fn percent_decode<'b>(text: &[u8], into: &'b mut [u8; MAX_SPELLING_BYTES]) -> &'b [u8] {
    let mut length = 0;
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match after {
            [high, low, after @ ..] if *first == b'%' => match hex_byte(*high, *low) {
                Some(byte) => (byte, after),
                None => (*first, rest.get(1..).unwrap_or_default()),
            },
            _ => (*first, after),
        };
        if let Some(place) = into.get_mut(length) {
            *place = byte;
            length += 1;
        }
        rest = after;
    }
    into.get(..length).unwrap_or_default()
}

/// The byte that two hexadecimal digits write.
pub(super) fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> String {
        Host::parse(text).map_or_else(|bad| format!("{bad:?}"), |host| host.to_string())
    }

    #[test]
    fn every_spelling_of_a_name_is_one_name() {
        for spelling in [
            "example.org",
            "EXAMPLE.org",
            "example.org.",
            "ex%61mple.org",
            "ex%61mple%2Eorg%2e",
            "ｅｘａｍｐｌｅ.org",
            "example\u{3002}org",
            "exam\u{ad}ple.org",
        ] {
            assert_eq!(host(spelling), "example.org", "{spelling}");
        }
        for spelling in
            ["café.fr", "CAFÉ.FR", "cafe\u{301}.fr", "xn--caf-dma.fr", "XN--CAF-DMA.fr."]
        {
            assert_eq!(host(spelling), "xn--caf-dma.fr", "{spelling}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_one_address() {
        for spelling in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "0x7f.1",
            "0X7F.0.0.0x1",
            "0177.0.0.01",
            "2130706433",
            "0x7f000001",
            "017700000001",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "127\u{3002}0\u{3002}0\u{3002}1",
            "[::ffff:127.0.0.1]",
            "[::FFFF:7f00:1]",
            "::ffff:127.0.0.1",
        ] {
            assert_eq!(host(spelling), "127.0.0.1", "{spelling}");
        }
        assert_eq!(host("[0:0:0:0:0:0:0:1]"), "[::1]");
        assert_eq!(host("[2001:DB8::1]"), "[2001:db8::1]");
        assert_eq!(host("0x"), "0.0.0.0");
    }

    #[test]
    fn what_no_browser_takes_is_refused() {
        for (spelling, why) in [
            ("", "Empty"),
            (".", "Empty"),
            ("a..b", "BadLabel"),
            (".a", "BadLabel"),
            ("a..", "BadLabel"),
            ("a b", "BadCharacter"),
            ("a%00b", "BadCharacter"),
            ("a%2fb", "BadCharacter"),
            ("a%zz", "BadCharacter"),
            ("a%", "BadCharacter"),
            ("a@b", "BadCharacter"),
            ("a:80", "BadCharacter"),
            ("1.2.3.4.5", "BadIpv4"),
            ("256.1.1.1", "BadIpv4"),
            ("1.2.3.09", "BadIpv4"),
            ("4294967296", "BadIpv4"),
            ("example.0x1g", "example.0x1g"),
            ("example.1", "BadIpv4"),
            ("[::1", "BadIpv6"),
            ("[fe80::1%eth0]", "BadIpv6"),
            ("[1.2.3.4]", "BadIpv6"),
        ] {
            assert_eq!(host(spelling), why, "{spelling}");
        }
        assert_eq!(host(&"a".repeat(64)), "BadLabel");
        assert_eq!(host(&"a.".repeat(130)), "TooLong");
        assert_eq!(host(&"a.".repeat(3000)), "TooLong");
        assert_eq!(host(&format!("{}a", "a.".repeat(126))).len(), 253);
    }

    #[test]
    fn what_lists_hold_beyond_the_rules_of_host_names_is_a_name() {
        for name in ["under_score.example", "ends-.example", "-starts.example", "xxx"] {
            assert_eq!(host(name), name);
        }
    }

    #[test]
    fn suffixes_go_from_the_whole_to_the_last_label() {
        let Ok(Host::Name(name)) = Host::parse("a.b.Example.org") else { panic!("a name") };
        let suffixes: Vec<_> = name.suffixes().collect();
        assert_eq!(suffixes, ["a.b.example.org", "b.example.org", "example.org", "org"]);
        assert_eq!(name.labels(), 4);
        assert_eq!(name.suffix(2), Some("example.org"));
        assert_eq!((name.suffix(0), name.suffix(5)), (None, None));
    }

    /// One way of several to write each character of a name.
    fn respelled(name: String, choices: Vec<u8>, dot: bool) -> String {
        let mut out = String::new();
        for (letter, choice) in name.chars().zip(choices.iter().cycle()) {
            match choice % 4 {
                0 => out.push(letter),
                1 => out.push(letter.to_ascii_uppercase()),
                2 if letter == '.' => out.push('\u{3002}'),
                2 if letter.is_ascii_alphabetic() => {
                    // The full-width form.
                    out.extend(char::from_u32(letter as u32 + 0xfee0));
                }
                _ => out.extend(letter.to_string().bytes().map(|b| format!("%{b:02x}"))),
            }
        }
        if dot {
            out.push('.');
        }
        out
    }

    proptest! {
        #[test]
        fn a_name_is_the_same_in_any_spelling(
            name in "[a-z][a-z0-9_]{0,20}(\\.[a-z][a-z0-9]{0,20}){0,5}",
            choices in proptest::collection::vec(any::<u8>(), 1..40),
            dot in any::<bool>(),
        ) {
            let plain = Host::parse(&name);
            prop_assert_eq!(plain.map(|host| host.to_string()), Ok(name.clone()));
            prop_assert_eq!(Host::parse(&respelled(name, choices, dot)), plain);
        }

        #[test]
        fn an_address_is_the_same_in_any_spelling(address in any::<u32>()) {
            let plain = Ok(Host::Address(std::net::Ipv4Addr::from(address).into()));
            let [a, b, c, d] = address.to_be_bytes();
            for spelling in [
                format!("{address}"),
                format!("0x{address:x}"),
                format!("0{address:o}"),
                format!("{a}.{b}.{c}.{d}."),
                format!("0x{a:X}.{b}.{}", u32::from(c) * 256 + u32::from(d)),
                format!("{a}.0{:o}", address & 0xff_ffff),
                format!("[::ffff:{a}.{b}.{c}.{d}]"),
                format!("[0:0:0:0:0:FFFF:{:x}:{:x}]", address >> 16, address & 0xffff),
            ] {
                prop_assert_eq!(Host::parse(&spelling), plain, "{}", spelling);
            }
        }

        #[test]
        fn what_is_read_reads_the_same_again(text in "\\PC{0,40}") {
            if let Ok(host) = Host::parse(&text) {
                prop_assert_eq!(Host::parse(&host.to_string()), Ok(host));
            }
        }
    }
}
