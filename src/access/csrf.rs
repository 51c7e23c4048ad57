//! No other site may act in a person's name: a token in each form, and what the browser itself
//! says of where a request comes from.

use http::{
    HeaderMap,
    header::{HOST, ORIGIN},
};

use super::{Access, Session};

impl Access {
    /// May this form act for the session? It must carry the session's token, and come from a page
    /// of this box.
    pub fn check_csrf(&self, session: &Session, token: &str, headers: &HeaderMap) -> bool {
        let id = session.public_id.as_bytes();
        same_origin(headers) && self.inner.seal.holds(token, CSRF, &[id])
    }

    /// The token that this session's forms carry.
    pub(super) fn csrf(&self, public_id: &str) -> String {
        self.inner.seal.of(CSRF, &[public_id.as_bytes()])
    }
}

/// What a form's seal is for.
const CSRF: &str = "csrf";

/// Does the browser say that a page of this box sends it? Browsers that say nothing are old ones:
/// there the token and `SameSite` must do.
pub fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(http::HeaderValue::to_str);
    match text(http::HeaderName::from_static("sec-fetch-site")) {
        None | Some(Ok("same-origin" | "none")) => {}
        Some(_) => return false,
    }
    match (text(ORIGIN), text(HOST)) {
        (None, _) => true,
        (Some(Ok(origin)), Some(Ok(host))) => {
            origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_form_of_another_site_is_told_by_what_the_browser_says() {
        let host = ("host", "box.example:8443");
        for good in [
            &[host][..],
            &[host, ("origin", "https://box.example:8443"), ("sec-fetch-site", "same-origin")],
            &[host, ("sec-fetch-site", "none")],
        ] {
            assert!(same_origin(&headers(good)), "{good:?}");
        }
        for bad in [
            &[host, ("origin", "https://evil.example")][..],
            &[host, ("origin", "https://box.example")],
            &[host, ("origin", "null")],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
            &[("origin", "https://box.example:8443")],
        ] {
            assert!(!same_origin(&headers(bad)), "{bad:?}");
        }
    }
}
