//! What a page's request asks beside its path, and the answer it gets.

use std::{convert::Infallible, sync::Arc};

use askama::Template;
use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{
        HeaderMap, HeaderValue, Response, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
            SET_COOKIE, VARY, X_CONTENT_TYPE_OPTIONS,
        },
        request::Parts,
    },
};
use jiff::Timestamp;
use url::form_urlencoded;

use super::{
    Shared,
    words::{LANGUAGE_KEY, Language},
};
use crate::{
    access::{Session, Visitor},
    net::serve::Peer,
};

/// Longest query looked at; what is past it is as if it were not there.
const MAX_QUERY_BYTES: usize = 2048;
const A_YEAR_SECONDS: u32 = 365 * 24 * 3600;
/// Pages load their own scripts, style and images, frame packages, and run nothing written in them.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'; \
     manifest-src 'self'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// A page's request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The language to answer in.
    pub language: Language,
    /// Who asks.
    pub visitor: Visitor,
    /// When.
    pub now: Timestamp,
    /// All that the browser said.
    pub headers: HeaderMap,
    /// Was the language chosen just now, with `?lang=`?
    pub chosen: bool,
    path: String,
    query: Vec<(String, String)>,
    tls: bool,
}

impl Asked {
    /// Reads a request's head, in the name of `visitor`.
    pub fn of(parts: &Parts, visitor: Visitor, now: Timestamp) -> Self {
        let raw = parts.uri.query().unwrap_or_default();
        let raw = raw.get(..raw.len().min(MAX_QUERY_BYTES)).unwrap_or_default();
        let query: Vec<_> = form_urlencoded::parse(raw.as_bytes()).into_owned().collect();
        let chosen = query
            .iter()
            .find(|(key, _)| key == LANGUAGE_KEY)
            .and_then(|(_, code)| Language::of_code(code));
        Self {
            language: chosen.unwrap_or_else(|| Language::wanted(&parts.headers)),
            visitor,
            now,
            headers: parts.headers.clone(),
            chosen: chosen.is_some() && is_opened(&parts.headers),
            // Two slashes would make a link of the name of another machine (RFC 3986 §4.2).
            path: format!("/{}", parts.uri.path().trim_start_matches(['/', '\\'])),
            query,
            tls: parts.extensions.get::<Peer>().is_some_and(|peer| peer.tls),
        }
    }

    /// The session of who asks, when they signed in.
    pub fn session(&self) -> Option<&Arc<Session>> {
        self.visitor.session()
    }

    /// Every value of the query, as it came.
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// A value of the query; empty when it is not there.
    pub fn value(&self, key: &str) -> &str {
        self.query.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v.trim())
    }

    /// A number of the query, from 1; 1 when there is none that makes sense.
    pub fn number(&self, key: &str) -> usize {
        self.value(key).parse().unwrap_or(1).max(1)
    }

    /// This very address, with one value changed (or taken out, when empty).
    pub fn with(&self, key: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (k, v) in self.query.iter().filter(|(k, _)| k != key && k != LANGUAGE_KEY) {
            query.append_pair(k, v);
        }
        if !value.is_empty() {
            query.append_pair(key, value);
        }
        let query = query.finish();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }

    /// This page in the other language.
    pub fn switch(&self) -> String {
        self.with(LANGUAGE_KEY, self.language.other().code())
    }

    /// Keeps a language that was just chosen.
    pub fn language_cookie(&self) -> Option<HeaderValue> {
        let code = self.chosen.then(|| self.language.code())?;
        let cookie =
            format!("{LANGUAGE_KEY}={code}; Path=/; Max-Age={A_YEAR_SECONDS}; SameSite=Lax");
        HeaderValue::from_str(&cookie).ok()
    }

    /// The address of the box as its reader typed it.
    pub fn origin(&self) -> String {
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("preau");
        format!("{}://{host}", if self.tls { "https" } else { "http" })
    }
}

impl FromRequestParts<Arc<Shared>> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Infallible> {
        let now = Timestamp::now();
        Ok(Self::of(parts, visitor(shared, parts, now), now))
    }
}

/// Who asks for a page; whoever is signed in is, from now on, at the device it is asked from.
pub fn visitor(shared: &Shared, parts: &Parts, now: Timestamp) -> Visitor {
    let visitor = shared.access.visitor(&parts.headers, now);
    if let (Some(session), Some(peer)) = (visitor.session(), parts.extensions.get::<Peer>()) {
        shared.access.is_at(session, peer.address, now);
    }
    visitor
}

/// Is a page being opened? What a script fetches (Fetch Metadata) chooses for nobody.
fn is_opened(headers: &http::HeaderMap) -> bool {
    headers.get("sec-fetch-mode").is_none_or(|mode| mode == "navigate")
}

/// Renders a page. A page that cannot be rendered is an error of ours, said plainly.
pub fn page(asked: &Asked, status: StatusCode, template: &impl Template) -> Response<Body> {
    let (status, html) = match template.render() {
        Ok(html) => (status, html),
        Err(error) => {
            tracing::error!(%error, path = asked.path, "page not rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "Erreur interne. Internal error.".to_owned())
        }
    };
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    of_pages(response.headers_mut());
    if let Some(cookie) = asked.language_cookie() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What every page says beside its text.
pub fn of_pages(fields: &mut HeaderMap) {
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    fields.insert(CONTENT_SECURITY_POLICY, POLICY);
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    fields.insert(VARY, HeaderValue::from_static("accept-language, cookie"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str) -> Asked {
        let (parts, ()) = axum::http::Request::builder().uri(uri).body(()).unwrap().into_parts();
        Asked::of(&parts, Visitor::Anyone, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn an_address_changes_one_value_and_keeps_the_others() {
        let asked = asked("/recherche?q=a%26b+c&page=2&lang=en");
        assert_eq!((asked.value("q"), asked.number("page")), ("a&b c", 2));
        assert_eq!(asked.with("page", "3"), "/recherche?q=a%26b+c&page=3");
        assert_eq!(asked.with("page", ""), "/recherche?q=a%26b+c");
        assert_eq!(asked.switch(), "/recherche?q=a%26b+c&page=2&lang=fr");
    }

    #[test]
    fn no_address_makes_a_link_that_leaves_the_box() {
        for uri in ["//evil.example/x", "///evil.example/x", "/\\evil.example/x"] {
            let Ok(uri) = uri.parse::<axum::http::Uri>() else { continue };
            assert_eq!(asked(&uri.to_string()).switch(), "/evil.example/x?lang=en");
        }
    }

    #[test]
    fn a_query_that_makes_no_sense_is_as_none() {
        let asked = asked(&format!("/?page=-4&x={}", "y".repeat(10_000)));
        assert_eq!(asked.number("page"), 1);
        assert_eq!(asked.language, Language::French);
    }
}
