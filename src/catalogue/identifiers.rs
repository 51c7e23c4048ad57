//! The three names a book goes by (ARK, ARK behind a resolver, EAN13 or ISBN), each brought to
//! one canonical form.

use percent_encoding::percent_decode_str;

/// Longest identifier taken, in bytes (the GAR allows 1,024 for `idRessource`).
const MAX_IDENTIFIER_BYTES: usize = 1024;
/// Longest name assigning authority number taken.
const MAX_NAAN_CHARS: usize = 16;

/// The canonical form of an identifier, wherever it came from:
///
/// - an ARK, bare or behind any resolver, is `ark:/NAAN/name`;
/// - an ISBN-10, ISBN-13 or EAN13 of a book with the right check digit is `isbn:` and 13 digits,
///   any other good EAN13 is `ean:` and 13 digits;
/// - anything else stays what it is, when it is an address or a URN. A bare word means something
///   to whoever gave it only, so it becomes `source:SCOPE:word` (unless `scope` is empty).
///
/// `None` when nothing is left, or it is longer than the GAR's own bound.
pub fn canonical(text: &str, scope: &str) -> Option<String> {
    if text.len() > MAX_IDENTIFIER_BYTES {
        return None;
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() || text.chars().any(char::is_control) {
        return None;
    }
    if let Some(known) = ark(&text).or_else(|| isbn(&text)) {
        return Some(known);
    }
    let own = format!("source:{scope}:");
    let named = if scope.is_empty() || is_uri(&text) || text.starts_with(&own) {
        text
    } else {
        own + &text
    };
    (named.len() <= MAX_IDENTIFIER_BYTES).then_some(named)
}

/// `ark:/NAAN/name`, out of `ark:NAAN/name`, `ark:/NAAN/name` or either behind a resolver.
fn ark(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let is_address = lower.starts_with("http://") || lower.starts_with("https://");
    let start = if is_address {
        // After the host: a host's name is no ARK.
        let host = lower.find("://")? + 3;
        let path = host + lower.get(host..)?.find('/')?;
        let query = lower.find(['?', '#']).unwrap_or(lower.len());
        path + lower.get(path..query)?.find("/ark:")? + 1
    } else if lower.starts_with("ark:") || lower.starts_with("ark%3a") {
        0
    } else {
        return None;
    };
    let decoded = decoded(text.get(start..)?);
    let rest = decoded.get(4..)?.trim_start_matches('/');
    // Inflections (`?info`), fragments and trailing slashes name nothing else.
    let rest = rest.split(['?', '#']).next()?.trim_end_matches('/');
    let (naan, name) = rest.split_once('/')?;
    let naan_is_good = !naan.is_empty()
        && naan.len() <= MAX_NAAN_CHARS
        && naan.bytes().all(|b| b.is_ascii_alphanumeric());
    let name = name.trim_start_matches('/');
    let name_is_good =
        !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control());
    (naan_is_good && name_is_good).then(|| format!("ark:/{}/{name}", naan.to_ascii_lowercase()))
}

/// Percent-decoded until nothing changes, so that what was encoded twice is the same thing too.
fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    // Each turn shortens the text, so that this ends.
    while let Ok(next) = percent_decode_str(&text).decode_utf8()
        && next != text
    {
        text = next.into_owned();
    }
    text
}

/// `isbn:` or `ean:` and 13 digits.
fn isbn(text: &str) -> Option<String> {
    let mut digits = text.to_ascii_lowercase();
    for prefix in ["urn:", "isbn", "ean", "-13", "-10", "13:", "10:", "13 ", "10 ", ":"] {
        if let Some(rest) = digits.trim_start().strip_prefix(prefix) {
            digits = rest.to_owned();
        }
    }
    let bare: String = digits
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}'))
        .collect();
    match bare.len() {
        13 if bare.bytes().all(|b| b.is_ascii_digit()) => {
            let (body, check) = bare.split_at(12);
            (ean_check(body) == check.chars().next()?).then(|| {
                // 979-0 is printed music (ISMN).
                let book = bare.starts_with("978")
                    || (bare.starts_with("979") && !bare.starts_with("9790"));
                format!("{}:{bare}", if book { "isbn" } else { "ean" })
            })
        }
        10 if bare.is_ascii() => {
            let (body, check) = bare.split_at(9);
            if !body.bytes().all(|b| b.is_ascii_digit())
                || isbn10_check(body) != check.chars().next()?
            {
                return None;
            }
            let body = format!("978{body}");
            Some(format!("isbn:{body}{}", ean_check(&body)))
        }
        _ => None,
    }
}

/// Check digit of the first 12 digits of an EAN13 (ISO/IEC 15420).
fn ean_check(body: &str) -> char {
    let sum: u32 = digits_of(body).zip([1, 3].iter().cycle()).map(|(d, weight)| d * weight).sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0')
}

/// Check character of the first 9 digits of an ISBN-10 (ISO 2108:1992), in lower case.
fn isbn10_check(body: &str) -> char {
    let sum: u32 = digits_of(body).zip((2..=10).rev()).map(|(d, weight)| d * weight).sum();
    match (11 - sum % 11) % 11 {
        10 => 'x',
        digit => char::from_digit(digit, 10).unwrap_or('0'),
    }
}

fn digits_of(text: &str) -> impl Iterator<Item = u32> + '_ {
    text.chars().filter_map(|c| c.to_digit(10))
}

/// Does it begin with a scheme (RFC 3986 §3.1)?
fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
            && !rest.is_empty()
            && !rest.contains(' ')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> String {
        canonical(text, "").unwrap()
    }

    #[test]
    fn every_spelling_of_an_ark_is_one() {
        for text in [
            "ark:/49591/Vittascience.p",
            "ark:49591/Vittascience.p",
            "ARK:/49591/Vittascience.p",
            "http://n2t.net/ark:/49591/Vittascience.p",
            "https://n2t.net/ark:49591/Vittascience.p/",
            "https://arks.example.fr/x/ark:/49591/Vittascience.p?info",
            "ark%3A%2F49591%2FVittascience.p",
        ] {
            assert_eq!(one(text), "ark:/49591/Vittascience.p", "{text}");
        }
        assert_eq!(one("ark:/49591/MOA/1/CAS/Allemand_5"), "ark:/49591/MOA/1/CAS/Allemand_5");
        assert_eq!(one("ark:/49591"), "ark:/49591", "not an ARK: nothing is named");
    }

    #[test]
    fn every_spelling_of_an_isbn_is_one() {
        for text in [
            "9782070368228",
            "978-2-07-036822-8",
            "urn:isbn:978-2-07-036822-8",
            "URN:ISBN:9782070368228",
            "ISBN 978 2 07 036822 8",
            "ISBN-13: 9782070368228",
            "ean:9782070368228",
            "207036822X",
            "2-07-036822-x",
            "isbn:207036822X",
        ] {
            assert_eq!(one(text), "isbn:9782070368228", "{text}");
        }
        assert_eq!(one("urn:isbn:0-8044-2957-X"), "isbn:9780804429573");
        assert_eq!(one("3017620422003"), "ean:3017620422003");
    }

    #[test]
    fn a_wrong_check_digit_makes_no_isbn() {
        assert_eq!(one("urn:isbn:9782000000000"), "urn:isbn:9782000000000");
        assert_eq!(canonical("2070368229", "feed").unwrap(), "source:feed:2070368229");
    }

    #[test]
    fn a_bare_word_belongs_to_whoever_said_it() {
        assert_eq!(canonical("17", "a").unwrap(), "source:a:17");
        assert_eq!(canonical("17", "").unwrap(), "17");
        assert_eq!(canonical("http://h/book/17", "a").unwrap(), "http://h/book/17");
        assert_eq!(canonical("  ", "a"), None);
        assert_eq!(canonical(&"x".repeat(2000), ""), None);
    }

    proptest! {
        #[test]
        fn canonical_is_canonical_again(text in "\\PC{0,60}", scope in "|feed") {
            if let Some(once) = canonical(&text, &scope) {
                prop_assert_eq!(canonical(&once, &scope), Some(once));
            }
        }

        #[test]
        fn what_looks_like_an_ark_is_canonical_again(text in "(http://h/)?ark:/?[0-9a-z%/?# ]{0,30}") {
            if let Some(once) = canonical(&text, "") {
                prop_assert_eq!(canonical(&once, ""), Some(once));
            }
        }

        #[test]
        fn an_ark_is_one_however_it_came(naan in "[0-9]{5}", name in "[A-Za-z0-9][A-Za-z0-9._/=-]{0,20}[a-z0-9]") {
            let plain = format!("ark:/{naan}/{name}");
            let encoded = plain.replace(':', "%3A").replace('/', "%2F");
            let spellings = [
                format!("ark:{naan}/{name}"),
                format!("http://n2t.net/{plain}"),
                format!("https://resolver.example/a/b/ark:{naan}/{name}"),
                encoded,
            ];
            for text in spellings {
                prop_assert_eq!(canonical(&text, "x"), Some(plain.clone()), "{}", text);
            }
        }

        #[test]
        fn an_isbn_is_one_however_it_came(number in 0..1_000_000_000_u32, cut in 1..8_usize) {
            let body = format!("{number:09}");
            let ten = format!("{body}{}", isbn10_check(&body));
            let thirteen = format!("978{body}{}", ean_check(&format!("978{body}")));
            let (start, end) = ten.split_at(cut);
            let expected = Some(format!("isbn:{thirteen}"));
            prop_assert_eq!(canonical(&format!("{start}-{}", end.to_uppercase()), "x"), expected.clone());
            prop_assert_eq!(canonical(&format!("urn:isbn:978-{}", &thirteen[3..]), "x"), expected);
        }
    }
}
