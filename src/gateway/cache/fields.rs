//! Header fields as a cache reads them: lists, dates, and those that end with the connection.

use http::{
    HeaderMap, HeaderName,
    header::{CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, UPGRADE},
};
use jiff::Timestamp;

/// Members that are read of one list field; what comes after them is hostile, and stands as one
/// more member a line, unread: nothing is overlooked.
pub const MAX_MEMBERS: usize = 64;

/// Fields of one connection (RFC 9110 §7.6.1), or of the way to a proxy (RFC 9111 §3.1).
static OF_THE_CONNECTION: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-authentication-info"),
    TE,
    TRAILER,
    http::header::TRANSFER_ENCODING,
    UPGRADE,
];

/// A date field that should stand once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dated {
    /// Not there.
    Absent,
    /// There, and no date.
    Bad,
    /// The earliest, when it was repeated.
    At(Timestamp),
}

impl Dated {
    /// The date, when there is one.
    pub fn at(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Absent | Self::Bad => None,
        }
    }
}

/// Reads a date field; of several, the earliest counts, and one bad spoils all.
pub fn date(headers: &HeaderMap, name: &HeaderName) -> Dated {
    let mut found = Dated::Absent;
    for value in headers.get_all(name) {
        let read = value.to_str().ok().and_then(http_date);
        found = match (found, read) {
            (_, None) => return Dated::Bad,
            (Dated::At(before), Some(at)) => Dated::At(before.min(at)),
            (_, Some(at)) => Dated::At(at),
        };
    }
    found
}

/// One of the three forms of RFC 9110 §5.6.7.
pub fn http_date(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
}

/// The members of a list field over all its lines (RFC 9110 §5.6.1), trimmed, not empty; a comma
/// in a quoted string ends nothing.
pub fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    for value in headers.get_all(name) {
        split(value.as_bytes(), &mut found);
    }
    found
}

/// Splits one line at its commas, up to [`MAX_MEMBERS`].
pub fn split<'a>(line: &'a [u8], found: &mut Vec<&'a [u8]>) {
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in line.iter().enumerate() {
        match byte {
            _ if found.len() >= MAX_MEMBERS => break,
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                keep(&line[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
    keep(&line[start..], found);
}

fn keep<'a>(member: &'a [u8], found: &mut Vec<&'a [u8]>) {
    let member = member.trim_ascii();
    if !member.is_empty() {
        found.push(member);
    }
}

/// Removes what concerns one connection alone, and what `Connection` names beside it.
pub fn strip_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = members(headers, &CONNECTION)
        .into_iter()
        .filter_map(|member| HeaderName::from_bytes(member).ok())
        .collect();
    for name in named.iter().chain(&OF_THE_CONNECTION) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CACHE_CONTROL, DATE};

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, http::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_quoted_comma_ends_no_member() {
        let fields = headers(&[("cache-control", r#"a="x, \", y" , b,,"#), ("cache-control", "c")]);
        assert_eq!(members(&fields, &CACHE_CONTROL), [br#"a="x, \", y""#.as_slice(), b"b", b"c"]);
    }

    #[test]
    fn beyond_the_bound_no_member_is_overlooked() {
        let (few, rest) = ("a,".repeat(MAX_MEMBERS), "b, no-store");
        let line = format!("{few}{rest}");
        let mut headers = HeaderMap::new();
        for line in [&line, "c, d"] {
            headers.append(CACHE_CONTROL, http::HeaderValue::from_str(line).unwrap());
        }
        let found = members(&headers, &CACHE_CONTROL);
        assert_eq!(found.len(), MAX_MEMBERS + 2);
        assert_eq!(found[MAX_MEMBERS..], [rest.as_bytes(), b"c, d"]);
    }

    #[test]
    fn one_bad_date_spoils_the_field_and_the_earliest_counts() {
        let (a, b) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:38 GMT");
        assert_eq!(date(&headers(&[("date", b), ("date", a)]), &DATE).at(), http_date(a));
        assert_eq!(date(&headers(&[("date", a), ("date", "0")]), &DATE), Dated::Bad);
        assert_eq!(date(&headers(&[]), &DATE), Dated::Absent);
    }

    #[test]
    fn what_connection_names_goes_with_it() {
        let mut fields =
            headers(&[("connection", "a, close"), ("a", "1"), ("b", "2"), ("te", "x")]);
        strip_connection(&mut fields);
        assert_eq!(fields, headers(&[("b", "2")]));
    }
}
