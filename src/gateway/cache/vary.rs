//! Which requests a stored response answers (RFC 9111 §4.1): the fields that `Vary` names, as the
//! first request had them, in one spelling.

use http::{
    HeaderMap, HeaderName,
    header::{ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_LANGUAGE, VARY},
};

use super::fields;

/// Fields that one response may vary by.
const MAX_NAMES: usize = 16;
/// Bytes of their values.
const MAX_VALUE_BYTES: usize = 4096;

/// The selecting fields of a stored response, each with its value in one spelling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selecting {
    pairs: Vec<(HeaderName, Vec<u8>)>,
    /// The one language it is in, where it says so.
    language: Option<Vec<u8>>,
}

impl Selecting {
    /// Reads `Vary`. `None` where it answers no other request: `*`, what is no name, or too much.
    pub fn of(response: &HeaderMap, request: &HeaderMap) -> Option<Self> {
        let mut names = Vec::new();
        for member in fields::members(response, &VARY) {
            names.push(HeaderName::from_bytes(member).ok().filter(|name| name != "*")?);
        }
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        let pairs: Vec<_> =
            names.into_iter().map(|name| (name.clone(), spelled(request, &name))).collect();
        let bytes: usize = pairs.iter().map(|(_, value)| value.len()).sum();
        (pairs.len() <= MAX_NAMES && bytes <= MAX_VALUE_BYTES).then(|| Self::kept(pairs, response))
    }

    /// What was kept of it, beside the response's fields.
    pub fn kept(pairs: Vec<(HeaderName, Vec<u8>)>, response: &HeaderMap) -> Self {
        let language = match fields::members(response, &CONTENT_LANGUAGE).as_slice() {
            [one] => Some(one.to_ascii_lowercase()),
            _ => None,
        };
        Self { pairs, language }
    }

    /// To keep it.
    pub fn pairs(&self) -> &[(HeaderName, Vec<u8>)] {
        &self.pairs
    }

    /// Would this request have been answered the same?
    pub fn matches(&self, request: &HeaderMap) -> bool {
        self.pairs.iter().all(|(name, value)| {
            spelled(request, name) == *value
                || (*name == ACCEPT_LANGUAGE
                    && self.language.is_some()
                    && best(request) == self.language)
        })
    }
}

/// The language that a request wants more than any other (RFC 9110 §12.5.4): who has it is answered
/// with it, whatever comes after.
fn best(request: &HeaderMap) -> Option<Vec<u8>> {
    let weighed: Vec<(Vec<u8>, f32)> = fields::members(request, &ACCEPT_LANGUAGE)
        .into_iter()
        .map(|member| {
            let member = without_blanks(member);
            let text = String::from_utf8_lossy(&member).into_owned();
            let (tag, weight) = text.split_once(";q=").unwrap_or((&text, "1"));
            (tag.as_bytes().to_vec(), weight.parse().unwrap_or(0.0))
        })
        .collect();
    let most = weighed.iter().map(|(_, weight)| *weight).fold(0.0, f32::max);
    let mut best = weighed.into_iter().filter(|(_, weight)| *weight >= most && most > 0.0);
    best.next().filter(|_| best.next().is_none()).map(|(tag, _)| tag)
}

/// A field's value over all its lines, without blanks around commas. Absent and empty differ.
/// Where order and case of members mean nothing, they are sorted and in lower case.
fn spelled(request: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    if !request.contains_key(name) {
        return Vec::new();
    }
    let members = fields::members(request, name);
    let mut value = vec![b'='];
    if [ACCEPT_LANGUAGE, ACCEPT_ENCODING, ACCEPT_CHARSET].contains(name) {
        let mut members: Vec<Vec<u8>> = members.into_iter().map(without_blanks).collect();
        members.sort_unstable();
        value.extend(members.join(&b','));
    } else {
        value.extend(members.join(&b','));
    }
    value
}

/// A member with its weight: `fr ; q=0.5` is `fr;q=0.5`.
fn without_blanks(member: &[u8]) -> Vec<u8> {
    member.iter().filter(|byte| !byte.is_ascii_whitespace()).map(u8::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn same(
        vary: &'static str,
        a: &[(&'static str, &'static str)],
        b: &[(&'static str, &'static str)],
    ) -> bool {
        Selecting::of(&headers(&[("vary", vary)]), &headers(a)).unwrap().matches(&headers(b))
    }

    #[test]
    fn spellings_of_one_value_are_one() {
        assert!(same("Foo", &[("foo", "1, 2")], &[("foo", "1"), ("foo", " 2 ")]));
        assert!(same(
            "Accept-Language",
            &[("accept-language", "en, de")],
            &[("accept-language", " De ,eN")]
        ));
        assert!(!same("Foo", &[("foo", "1,2")], &[("foo", "2,1")]));
        assert!(!same("Foo", &[("foo", "a")], &[("foo", "A")]));
        assert!(!same(
            "Accept-Language",
            &[("accept-language", "en;q=0.1, de")],
            &[("accept-language", "en, de;q=0.1")]
        ));
    }

    #[test]
    fn the_language_wanted_most_is_answered_by_what_is_in_it() {
        let german = headers(&[("vary", "accept-language"), ("content-language", "de")]);
        let stored = Selecting::of(&german, &headers(&[("accept-language", "en, de")])).unwrap();
        let answers = |wanted| stored.matches(&headers(&[("accept-language", wanted)]));
        assert!(answers("fr;q=0.5, de;q=1.0") && answers("De, en;q=0.9") && answers("de, en"));
        assert!(
            !answers("fr, de")
                && !answers("de;q=0.5, fr")
                && !answers("de-AT")
                && !answers("de;q=0")
        );
        let both = headers(&[("vary", "accept-language, foo"), ("content-language", "de")]);
        let stored = Selecting::of(&both, &headers(&[("foo", "1")])).unwrap();
        assert!(!stored.matches(&headers(&[("accept-language", "de"), ("foo", "2")])));
    }

    #[test]
    fn absent_is_not_empty() {
        assert!(same("Foo, Bar", &[("foo", "1")], &[("foo", "1")]));
        assert!(!same("Foo", &[("foo", "")], &[]));
        assert!(!same("Foo", &[], &[("foo", "1")]));
    }

    #[test]
    fn what_stands_behind_many_members_still_differs() {
        let many = "a, ".repeat(70);
        let value = |last: &str| {
            let mut fields = HeaderMap::new();
            let text = format!("{many}{last}");
            fields.insert("foo", HeaderValue::from_str(&text).unwrap());
            fields
        };
        let stored = Selecting::of(&headers(&[("vary", "foo")]), &value("mine")).unwrap();
        assert!(stored.matches(&value("mine")) && !stored.matches(&value("yours")));
        let mut hidden = HeaderMap::new();
        hidden.insert(VARY, HeaderValue::from_str(&format!("{many}foo")).unwrap());
        assert_eq!(Selecting::of(&hidden, &value("mine")), None);
    }

    #[test]
    fn a_star_anywhere_answers_nobody_else() {
        for star in ["*", "*, *", ", *", "foo, *", "* , foo"] {
            assert_eq!(Selecting::of(&headers(&[("vary", star)]), &headers(&[])), None, "{star}");
        }
        assert_eq!(Selecting::of(&headers(&[("vary", ""), ("vary", "*")]), &headers(&[])), None);
        assert_eq!(Selecting::of(&headers(&[("vary", "no name")]), &headers(&[])), None);
    }
}
