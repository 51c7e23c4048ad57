//! While nothing beyond the link answers: what a device is told, at once. The systems' own questions
//! get the answer that keeps devices on the Wi-Fi; people get a page that leads to the manuals;
//! programs get a bare refusal, which no application takes for its own.

use askama::Template;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, CONNECTION, RETRY_AFTER},
};

use super::{
    Shared,
    asked::Asked,
    home::Home,
    refusal::{self, PROXY_STATUS, Pages},
    serve::Seat,
};
use crate::{
    config::CaptiveProbes,
    library::{Language, Speech},
    net::{body::Body, link::State},
};

/// When a program may well ask again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("10");
/// RFC 9209 §2.3.2.
const WHY: HeaderValue = HeaderValue::from_static("preau; error=destination_unavailable");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

#[derive(Template)]
#[template(path = "proxy_outage.html")]
struct OutagePage<'a> {
    /// The language of the page, and the other one's after it.
    say: Speech<'a>,
    also: Speech<'a>,
    host: String,
    library: String,
}

/// The answer to a system's question whether the Internet is there, while it is not.
pub fn probe<B>(shared: &Shared, request: &Request<B>, asked: &Asked) -> Option<Response<Body>> {
    let answers = shared.config.captive_probes == CaptiveProbes::Outage;
    if !answers || shared.link.state() != State::Down {
        return None;
    }
    shared.pages.probes.answer(request.method(), asked, request.uri().path())
}

/// What a request is told that had to go beyond the link.
pub fn answer(
    pages: &Pages,
    home: &Home,
    fields: &HeaderMap,
    asked: Option<&Asked>,
    seat: &Seat,
) -> Response<Body> {
    let shown = asked.filter(|asked| navigates(fields) && !pages.probes.is_of_an_app(asked));
    let page = shown.and_then(|asked| {
        let (say, also) = pages.both();
        let (host, library) = (asked.host.to_string(), home.page(seat.local));
        OutagePage { say, also, host, library }.render().ok()
    });
    let mut answer = match page {
        Some(html) => refusal::answer("text/html", html),
        None => Response::new(Body::Empty),
    };
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let head = answer.headers_mut();
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    head.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    head.insert(PROXY_STATUS, WHY);
    head.insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Does a person open a page? Browsers say so (Fetch Metadata) to hosts they trust; to others only
/// pages are asked for as HTML.
fn navigates(fields: &HeaderMap) -> bool {
    let text = |name: &HeaderName| fields.get(name).and_then(|value| value.to_str().ok());
    match (text(&FETCH_MODE), text(&FETCH_DEST)) {
        (None, None) => text(&ACCEPT).is_some_and(|accept| accept.contains("text/html")),
        (mode, dest) => {
            mode.is_none_or(|mode| mode == "navigate") && dest.is_none_or(|dest| dest == "document")
        }
    }
}

impl Pages {
    /// French, and English after it: who opens a page in an outage may be anybody.
    fn both(&self) -> (Speech<'_>, Speech<'_>) {
        (self.speak_in(Language::French), self.speak_in(Language::English))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_that_a_person_opens_is_a_navigation() {
        let is = |fields: &[(&'static str, &'static str)]| {
            let head = fields.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            navigates(&head.collect())
        };
        let html = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        assert!(is(&[html]));
        assert!(is(&[html, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]));
        assert!(!is(&[html, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]));
        assert!(!is(&[("accept", "*/*"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")]));
        assert!(!is(&[html, ("sec-fetch-mode", "no-cors")]), "a fetch that asks for HTML");
        assert!(!is(&[("accept", "image/avif,image/webp,*/*;q=0.8")]));
        assert!(!is(&[("accept", "*/*")]) && !is(&[]));
    }
}
