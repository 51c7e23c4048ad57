//! What `&name;` and `&#233;` stand for: the names of XML, and those that publishers take from HTML.

use std::borrow::Cow;

/// Characters between `&` and `;`.
const MAX_REFERENCE_CHARS: usize = 32;

/// Attribute values: references resolved where known, left as they are where not.
pub(super) fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('&') {
        return Cow::Borrowed(value);
    }
    let mut plain = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        match after.split_once(';') {
            Some((name, more)) if name.len() <= MAX_REFERENCE_CHARS && !name.contains('&') => {
                plain.push_str(&resolve_reference(name));
                rest = more;
            }
            _ => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// What `&name;` stands for; itself when unknown.
pub(super) fn resolve_reference(name: &str) -> Cow<'static, str> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        let allowed = |c: &char| *c >= ' ' || matches!(c, '\t' | '\n' | '\r');
        return match code.ok().and_then(char::from_u32).filter(allowed) {
            Some(character) => character.to_string().into(),
            None => "\u{fffd}".into(),
        };
    }
    if let Some(place) = LATIN_1.iter().position(|known| *known == name) {
        let code = u32::try_from(place).unwrap_or_default() + 0xa0;
        return char::from_u32(code).map(String::from).unwrap_or_default().into();
    }
    match OTHERS.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => (*text).into(),
        None => format!("&{name};").into(),
    }
}

/// Names that HTML gives to U+00A0 to U+00FF, in order (HTML 4.01 §24.2).
#[rustfmt::skip]
const LATIN_1: [&str; 96] = [
    "nbsp", "iexcl", "cent", "pound", "curren", "yen", "brvbar", "sect", "uml", "copy", "ordf",
    "laquo", "not", "shy", "reg", "macr", "deg", "plusmn", "sup2", "sup3", "acute", "micro",
    "para", "middot", "cedil", "sup1", "ordm", "raquo", "frac14", "frac12", "frac34", "iquest",
    "Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring", "AElig", "Ccedil", "Egrave", "Eacute",
    "Ecirc", "Euml", "Igrave", "Iacute", "Icirc", "Iuml", "ETH", "Ntilde", "Ograve", "Oacute",
    "Ocirc", "Otilde", "Ouml", "times", "Oslash", "Ugrave", "Uacute", "Ucirc", "Uuml", "Yacute",
    "THORN", "szlig", "agrave", "aacute", "acirc", "atilde", "auml", "aring", "aelig", "ccedil",
    "egrave", "eacute", "ecirc", "euml", "igrave", "iacute", "icirc", "iuml", "eth", "ntilde",
    "ograve", "oacute", "ocirc", "otilde", "ouml", "divide", "oslash", "ugrave", "uacute", "ucirc",
    "uuml", "yacute", "thorn", "yuml",
];

/// The five of XML, and those that French typesetting uses.
#[rustfmt::skip]
const OTHERS: [(&str, &str); 28] = [
    ("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'"),
    ("OElig", "Œ"), ("oelig", "œ"), ("Yuml", "Ÿ"), ("hellip", "…"), ("ndash", "–"),
    ("mdash", "—"), ("lsquo", "‘"), ("rsquo", "’"), ("ldquo", "“"), ("rdquo", "”"),
    ("lsaquo", "‹"), ("rsaquo", "›"), ("bull", "•"), ("euro", "€"), ("trade", "™"),
    ("thinsp", "\u{2009}"), ("ensp", "\u{2002}"), ("emsp", "\u{2003}"), ("minus", "−"),
    ("rarr", "→"), ("larr", "←"), ("pi", "π"), ("infin", "∞"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_known_reference_stays_as_it_is() {
        for text in ["a & b", "&unknown; c", "&", "&;", "&a&b;"] {
            assert_eq!(unescape(text), text);
        }
        assert_eq!(unescape("&a&amp; &&eacute;"), "&a& &é");
    }
}
