//! `Cache-Control`, of responses (RFC 9111 §5.2.2, RFC 5861, RFC 8246) and of requests (§5.2.1).
//!
//! What is repeated counts at its strictest, and what cannot be read counts as the strictest value
//! it could have had. `CDN-Cache-Control` is for those an origin pays: not for a school's proxy.

use http::{
    HeaderMap, HeaderName,
    header::{AGE, CACHE_CONTROL, DATE, EXPIRES, PRAGMA, VARY},
};

use super::fields;

/// What reuse goes by. A response that is not to be kept with one of these is not to be kept.
const GOVERNING: [HeaderName; 5] = [AGE, CACHE_CONTROL, DATE, EXPIRES, VARY];

/// Seconds that stand for "for ever" (RFC 9111 §1.2.2).
const MAX_SECONDS: i64 = 1 << 31;

/// What a response says of its own reuse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a directive by itself")]
pub struct ResponseDirectives {
    /// Not to be stored.
    pub no_store: bool,
    /// Not to be used without asking.
    pub no_cache: bool,
    /// For one person.
    pub private: bool,
    /// For all, even if asked for with `Authorization`.
    pub public: bool,
    /// Never to be used stale.
    pub must_revalidate: bool,
    /// The same, for shared caches.
    pub proxy_revalidate: bool,
    /// To be stored only by who knows the status code.
    pub must_understand: bool,
    /// Does not change while it is fresh.
    pub immutable: bool,
    /// Seconds.
    pub max_age: Option<i64>,
    /// Seconds, for shared caches.
    pub s_maxage: Option<i64>,
    /// Seconds after it went stale during which it may replace an error.
    pub stale_if_error: Option<i64>,
    /// Seconds after it went stale during which it may be used while one asks.
    pub stale_while_revalidate: Option<i64>,
    /// Fields that may not be kept: named by `no-cache="…"` or `private="…"`.
    pub unkept: Vec<HeaderName>,
}

/// What a request asks of caches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// Ask the origin.
    pub no_cache: bool,
    /// Keep nothing of this.
    pub no_store: bool,
    /// Do not ask the origin.
    pub only_if_cached: bool,
    /// Not older, in seconds.
    pub max_age: Option<i64>,
    /// Stale by at most so many seconds will do.
    pub max_stale: Option<i64>,
    /// Fresh for so many seconds still.
    pub min_fresh: Option<i64>,
}

/// A directive and its value.
struct Directive<'a> {
    name: String,
    value: Option<&'a [u8]>,
    /// Blanks around `=`: not what the grammar knows.
    bent: bool,
}

/// More directives than anybody sends: among those that are not read one may forbid to store.
fn are_too_many(headers: &HeaderMap) -> bool {
    fields::members(headers, &CACHE_CONTROL).len() > fields::MAX_MEMBERS
}

fn directives(headers: &HeaderMap) -> impl Iterator<Item = Directive<'_>> {
    fields::members(headers, &CACHE_CONTROL).into_iter().map(|member| {
        let equals = member.iter().position(|byte| *byte == b'=');
        let (name, value) = match equals {
            Some(at) => (&member[..at], Some(&member[at + 1..])),
            None => (member, None),
        };
        let bent = name.trim_ascii() != name || value.is_some_and(|v| v.trim_ascii() != v);
        let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
        Directive { name, value, bent }
    })
}

impl Directive<'_> {
    /// Its seconds; `None` when they cannot be read.
    fn seconds(&self) -> Option<i64> {
        let value = self.value.filter(|_| !self.bent)?;
        let digits = unquoted(value).unwrap_or(value);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let text = std::str::from_utf8(digits).ok()?;
        Some(text.parse().unwrap_or(MAX_SECONDS).min(MAX_SECONDS))
    }

    /// The fields it names, when it names any; more than can be read, and those that govern reuse,
    /// are as good as all.
    fn fields(&self) -> Option<Vec<HeaderName>> {
        let mut named = Vec::new();
        fields::split(self.value.and_then(unquoted)?, &mut named);
        let many = named.len() > fields::MAX_MEMBERS;
        let named = named.into_iter().filter_map(|name| HeaderName::from_bytes(name).ok());
        let named: Vec<_> = named.collect();
        let governs = named.iter().any(|name| GOVERNING.contains(name));
        (!many && !governs).then_some(named)
    }
}

fn unquoted(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// The lesser of what was said before and of this; what cannot be read is `worst`.
fn least(before: &mut Option<i64>, said: Option<i64>, worst: i64) {
    let said = said.unwrap_or(worst);
    *before = Some(before.map_or(said, |before| before.min(said)));
}

impl ResponseDirectives {
    /// Reads a response's header.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut read = Self::default();
        for directive in directives(headers) {
            read.take(&directive);
        }
        if are_too_many(headers) {
            (read.no_store, read.must_understand) = (true, false);
        }
        read
    }

    fn take(&mut self, directive: &Directive<'_>) {
        match directive.name.as_str() {
            "no-store" => self.no_store = true,
            "public" => self.public = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "must-understand" => self.must_understand = true,
            "immutable" => self.immutable = true,
            "no-cache" => match directive.fields() {
                Some(named) => self.unkept.extend(named),
                None => self.no_cache = true,
            },
            "private" => match directive.fields() {
                Some(named) => self.unkept.extend(named),
                None => self.private = true,
            },
            "max-age" => least(&mut self.max_age, directive.seconds(), 0),
            "s-maxage" => least(&mut self.s_maxage, directive.seconds(), 0),
            "stale-if-error" => least(&mut self.stale_if_error, directive.seconds(), 0),
            "stale-while-revalidate" => {
                least(&mut self.stale_while_revalidate, directive.seconds(), 0);
            }
            _ => {}
        }
    }

    /// May it never be used stale by a shared cache (RFC 9111 §4.2.4)?
    pub fn never_stale(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.no_cache || self.s_maxage.is_some()
    }
}

impl RequestDirectives {
    /// Reads a request's header. `Pragma` counts where there is no `Cache-Control` (§5.4).
    pub fn of(headers: &HeaderMap) -> Self {
        let mut read = Self::default();
        for directive in directives(headers) {
            let seconds = directive.seconds();
            match directive.name.as_str() {
                "no-cache" => read.no_cache = true,
                "no-store" => read.no_store = true,
                "only-if-cached" => read.only_if_cached = true,
                "max-age" => least(&mut read.max_age, seconds, 0),
                "max-stale" if directive.value.is_none() => {
                    least(&mut read.max_stale, Some(MAX_SECONDS), 0);
                }
                "max-stale" => least(&mut read.max_stale, seconds, 0),
                "min-fresh" => {
                    let asked = seconds.unwrap_or(MAX_SECONDS);
                    read.min_fresh = Some(read.min_fresh.map_or(asked, |before| before.max(asked)));
                }
                _ => {}
            }
        }
        read.no_store |= are_too_many(headers);
        let pragma = fields::members(headers, &PRAGMA);
        if !headers.contains_key(CACHE_CONTROL)
            && pragma.iter().any(|member| member.eq_ignore_ascii_case(b"no-cache"))
        {
            read.no_cache = true;
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn response(lines: &[&'static str]) -> ResponseDirectives {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
        }
        ResponseDirectives::of(&headers)
    }

    #[test]
    fn the_strictest_of_repeated_or_unreadable_values_counts() {
        assert_eq!(response(&["max-age=3600, max-age=1"]).max_age, Some(1));
        assert_eq!(response(&["max-age=1", "max-age=3600"]).max_age, Some(1));
        for bad in ["max-age=3600.0", "max-age=a1", "max-age=-1", "max-age='3600'", "max-age"] {
            assert_eq!(response(&[bad]).max_age, Some(0), "{bad}");
        }
        assert_eq!(response(&["max-age =3600"]).max_age, Some(0));
        assert_eq!(response(&["max-age=99999999999999999999"]).max_age, Some(MAX_SECONDS));
        assert_eq!(response(&["MaX-aGe=\"003600\""]).max_age, Some(3600));
    }

    #[test]
    fn what_is_hidden_behind_many_directives_is_not_stored() {
        let flood = "must-understand, max-age=9, ".to_owned() + &"x, ".repeat(70) + "no-store";
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_str(&flood).unwrap());
        let read = ResponseDirectives::of(&headers);
        assert!(read.no_store && !read.must_understand);
        assert!(RequestDirectives::of(&headers).no_store);
    }

    #[test]
    fn what_stands_in_a_quoted_string_is_no_directive() {
        let read = response(&[r#"extension="max-age=3600, no-store", max-age=1"#]);
        assert_eq!((read.max_age, read.no_store), (Some(1), false));
    }

    #[test]
    fn named_fields_are_unkept_and_bind_nothing_else() {
        let read = response(&[r#"no-cache="a, B", private="c""#]);
        assert_eq!(read.unkept, ["a", "b", "c"]);
        assert!(!read.no_cache && !read.private);
        assert!(response(&["no-cache=a"]).no_cache, "a token names no field");
        assert!(response(&[r#"private="x, Cache-Control""#]).private);
        let many = format!("private=\"{}c\"", "a, ".repeat(70));
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_str(&many).unwrap());
        assert!(ResponseDirectives::of(&headers).private);
    }

    #[test]
    fn pragma_counts_only_alone() {
        let mut headers = HeaderMap::new();
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        assert!(RequestDirectives::of(&headers).no_cache);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-stale"));
        let read = RequestDirectives::of(&headers);
        assert_eq!((read.no_cache, read.max_stale), (false, Some(MAX_SECONDS)));
    }
}
