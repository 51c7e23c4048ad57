//! Byte ranges asked for and given (RFC 9110 §14). Pure.

use std::ops::Range;

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_RANGE, CONTENT_TYPE, RANGE},
};

/// Ranges that one request may ask for; more are answered with the whole (§14.2).
const MAX_RANGES: usize = 16;

/// One range, as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spec {
    /// `first-last`, both included.
    Between(u64, u64),
    /// `first-`.
    From(u64),
    /// `-length`.
    Last(u64),
}

/// What a request's ranges are of a body of known length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// Not one byte that is there: 416.
    None,
    /// Half open.
    One(Range<u64>),
    /// In the order asked.
    Several(Vec<Range<u64>>),
    /// More bytes than the whole has: it is cheaper to send that.
    Whole,
}

/// Reads `Range`. `None` when there is none, or one that is to be ignored: another unit, wrong
/// grammar, too many.
pub fn asked(headers: &HeaderMap) -> Option<Vec<Spec>> {
    let mut fields = headers.get_all(RANGE).iter();
    let field = fields.next().filter(|_| fields.next().is_none())?.to_str().ok()?;
    let (unit, set) = field.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let specs: Option<Vec<Spec>> = set
        .split(',')
        .map(str::trim)
        .filter(|spec| !spec.is_empty())
        .take(MAX_RANGES + 1)
        .map(spec)
        .collect();
    specs.filter(|specs| (1..=MAX_RANGES).contains(&specs.len()))
}

fn spec(text: &str) -> Option<Spec> {
    match text.split_once('-')? {
        ("", length) => Some(Spec::Last(number(length)?)),
        (first, "") => Some(Spec::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::Between(first, last))
        }
    }
}

/// Digits; a number past 2^64 is as far as any end.
fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Which bytes of `total` are asked for.
pub fn parts(specs: &[Spec], total: u64) -> Parts {
    let ranges: Vec<_> = specs
        .iter()
        .map(|spec| match *spec {
            Spec::Between(first, last) => first..last.saturating_add(1).min(total),
            Spec::From(first) => first..total,
            Spec::Last(length) => total.saturating_sub(length)..total,
        })
        .filter(|range| range.start < range.end)
        .collect();
    // Overlapping ranges that add up to more than there is are how a server is made to work (§17.15).
    let sum: u128 = ranges.iter().map(|range| u128::from(range.end - range.start)).sum();
    match ranges.as_slice() {
        [] => Parts::None,
        [one] => Parts::One(one.clone()),
        _ if sum > u128::from(total) => Parts::Whole,
        _ => Parts::Several(ranges),
    }
}

/// `Content-Range: bytes a-b/total` (§14.4), the last byte included there and not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Half open.
    pub range: Range<u64>,
    /// Length of the whole, where it is known.
    pub total: Option<u64>,
}

/// What part a 206 brings; `None` for several parts, or a field that makes no sense.
pub fn given(headers: &HeaderMap) -> Option<Given> {
    let several = |value: &HeaderValue| {
        value.as_bytes().to_ascii_lowercase().starts_with(b"multipart/byteranges")
    };
    if headers.get(CONTENT_TYPE).is_some_and(several) {
        return None;
    }
    let mut fields = headers.get_all(CONTENT_RANGE).iter();
    let field = fields.next().filter(|_| fields.next().is_none())?.to_str().ok()?;
    let (unit, rest) = field.trim().split_once(' ')?;
    let (range, total) = rest.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let total = if total == "*" { None } else { Some(number(total)?) };
    let end = last.checked_add(1)?;
    let good =
        unit.eq_ignore_ascii_case("bytes") && first < end && total.is_none_or(|total| end <= total);
    good.then_some(Given { range: first..end, total })
}

/// The value of `Content-Range` for a part, or of a 416 for none.
pub fn content_range(range: Option<&Range<u64>>, total: u64) -> HeaderValue {
    let text = match range {
        Some(range) => format!("bytes {}-{}/{total}", range.start, range.end.saturating_sub(1)),
        None => format!("bytes */{total}"),
    };
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("bytes */*"))
}

/// The value of `Range` for these bytes.
pub fn range(range: &Range<u64>) -> HeaderValue {
    let text = match range.end {
        u64::MAX => format!("bytes={}-", range.start),
        end => format!("bytes={}-{}", range.start, end.saturating_sub(1)),
    };
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("bytes=0-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str, total: u64) -> Option<Parts> {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_str(range).unwrap());
        asked(&headers).map(|specs| parts(&specs, total))
    }

    #[test]
    fn what_is_asked_is_cut_to_what_there_is() {
        assert_eq!(of("bytes=0-1", 10), Some(Parts::One(0..2)));
        assert_eq!(of("Bytes= 8-99 ", 10), Some(Parts::One(8..10)));
        assert_eq!(of("bytes=3-", 10), Some(Parts::One(3..10)));
        assert_eq!(of("bytes=-3", 10), Some(Parts::One(7..10)));
        assert_eq!(of("bytes=-99999999999999999999999", 10), Some(Parts::One(0..10)));
        assert_eq!(of("bytes=10-", 10), Some(Parts::None));
        assert_eq!(of("bytes=-0", 10), Some(Parts::None));
        assert_eq!(of("bytes=0-0, 20-, -1", 10), Some(Parts::Several(vec![0..1, 9..10])));
        assert_eq!(of("bytes=0-8,1-9", 10), Some(Parts::Whole));
        // A sum past the largest length there is.
        assert_eq!(of("bytes=-84,5-,-3", u64::MAX), Some(Parts::Whole));
    }

    #[test]
    fn what_is_no_range_is_ignored() {
        for bad in
            ["bytes", "bytes=", "lines=1-2", "bytes=2-1", "bytes=-", "bytes=a-b", "bytes=1-2,x"]
        {
            assert_eq!(of(bad, 10), None, "{bad}");
        }
        let many = format!("bytes={}", "0-0,".repeat(17));
        assert_eq!(of(&many, 10), None);
    }

    #[test]
    fn a_content_range_that_makes_no_sense_gives_nothing() {
        let given = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, HeaderValue::from_str(value).unwrap());
            super::given(&headers)
        };
        assert_eq!(given("bytes 4-9/10"), Some(Given { range: 4..10, total: Some(10) }));
        assert_eq!(given("bytes 0-0/*"), Some(Given { range: 0..1, total: None }));
        for bad in [
            "bytes 4-10/10",
            "bytes 5-4/10",
            "bytes */10",
            "items 0-1/2",
            "bytes 0-1",
            "bytes 0-18446744073709551615/*",
        ] {
            assert_eq!(given(bad), None, "{bad}");
        }
    }
}
