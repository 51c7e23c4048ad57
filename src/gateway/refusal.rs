//! Why not, on a page of its own: in French or English, with whom to ask, and the library within
//! reach. Programs read `Proxy-Status` (RFC 9209).

use askama::Template;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        ACCEPT, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use jiff::tz::TimeZone;

use super::{
    asked::{Asked, BadTarget},
    blocked::LATELY,
    dial::DialError,
    home::Home,
    judged::Denial,
    origins::FetchError,
    outage,
    probes::Probes,
    serve::Seat,
};
use crate::{
    library::{Language, Speech, Words},
    net::body::Body,
};

const FRENCH: &str = include_str!("words/fr.ftl");
const ENGLISH: &str = include_str!("words/en.ftl");
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
/// Nothing is loaded, nothing runs, nothing is sent from these pages.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
);

/// Why a request gets no answer of its origin's.
#[derive(Debug)]
pub enum Why {
    /// By the policy.
    Denied(Denial),
    /// To a port that is not listed.
    Port(u16),
    /// It passed here before.
    Loop,
    /// TRACE.
    Method,
    /// It leads nowhere.
    Target(BadTarget),
    /// What came from the origin is no HTTP, or broke off.
    Broken,
    /// The exchange with the origin failed.
    Fetch(FetchError),
}

impl From<FetchError> for Why {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl From<DialError> for Why {
    fn from(error: DialError) -> Self {
        Self::Fetch(FetchError::Dial(error))
    }
}

/// What an answer says: its status, the error's name in RFC 9209 §2.3, and the name of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said(StatusCode, &'static str, &'static str);

impl Why {
    fn said(&self) -> Said {
        match self {
            Self::Denied(_) => Said(StatusCode::FORBIDDEN, "http_request_denied", "denied"),
            Self::Port(_) => Said(StatusCode::FORBIDDEN, "http_request_denied", "port"),
            Self::Loop => Said(StatusCode::LOOP_DETECTED, "proxy_loop_detected", "loop"),
            Self::Method => Said(StatusCode::METHOD_NOT_ALLOWED, "http_request_denied", "target"),
            Self::Target(_) => Said(StatusCode::BAD_REQUEST, "http_request_error", "target"),
            Self::Broken => Said(StatusCode::BAD_GATEWAY, "http_protocol_error", "broken"),
            Self::Fetch(error) => of_fetch(error),
        }
    }
}

fn of_fetch(error: &FetchError) -> Said {
    let (gateway, late) = (StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT);
    match error {
        FetchError::Dial(error) => of_dial(error),
        FetchError::Silent(_) => Said(late, "http_response_timeout", "silent"),
        FetchError::Broken(_) => Said(gateway, "http_response_incomplete", "broken"),
        FetchError::Early => Said(gateway, "http_protocol_error", "broken"),
        FetchError::Coded => Said(gateway, "http_response_transfer_coding", "broken"),
        FetchError::Target => Said(StatusCode::BAD_REQUEST, "http_request_error", "target"),
    }
}

fn of_dial(error: &DialError) -> Said {
    let (gateway, late) = (StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT);
    let (away, busy) = (StatusCode::SERVICE_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE);
    match error {
        DialError::Prohibited(_) => {
            Said(StatusCode::FORBIDDEN, "destination_ip_prohibited", "prohibited")
        }
        DialError::Name(_) => Said(late, "dns_error", "name"),
        DialError::NoAddress => Said(gateway, "dns_error", "name"),
        DialError::Refused => Said(gateway, "connection_refused", "refused"),
        DialError::Timeout(_) => Said(late, "connection_timeout", "away"),
        DialError::Unreachable(_) => Said(gateway, "destination_ip_unroutable", "away"),
        DialError::Io(_) => Said(busy, "proxy_internal_error", "busy"),
        DialError::LinkDown => Said(away, "destination_unavailable", "link"),
        DialError::UpstreamSays(403) => {
            Said(StatusCode::FORBIDDEN, "http_request_denied", "upstream-denied")
        }
        DialError::UpstreamSays(407) => {
            Said(gateway, "proxy_configuration_error", "upstream-account")
        }
        DialError::Upstream(inner) => {
            let Said(status, error, _) = of_dial(inner);
            Said(status, error, "upstream")
        }
        DialError::UpstreamSays(_) => Said(gateway, "http_response_status", "upstream"),
        DialError::UpstreamAnswer(_) => Said(gateway, "http_protocol_error", "upstream"),
    }
}

/// The pages, and the words on them.
#[derive(Debug)]
pub struct Pages {
    words: Words,
    contact: Option<String>,
    /// What is known of devices' questions, and of hosts where no page is put.
    pub probes: Probes,
}

#[derive(Template)]
#[template(path = "proxy_refusal.html")]
struct RefusalPage<'a> {
    say: Speech<'a>,
    title: String,
    text: String,
    facts: Vec<(String, String)>,
    contact: Option<String>,
    library: String,
    lately: Option<String>,
    error: &'static str,
}

impl Pages {
    pub fn new(zone: TimeZone, contact: Option<String>) -> Self {
        // A test reads the data whole.
        let probes = Probes::shipped().unwrap_or_else(|error| {
            tracing::error!(%error, "devices' questions are not answered in an outage");
            Probes::default()
        });
        Self { words: Words::of(FRENCH, ENGLISH, zone), contact, probes }
    }

    /// Speaks the language that a request asks for.
    pub fn speak(&self, fields: &HeaderMap) -> Speech<'_> {
        self.words.speak(Language::wanted(fields))
    }

    /// Speaks this language.
    pub fn speak_in(&self, language: Language) -> Speech<'_> {
        self.words.speak(language)
    }

    /// The answer to a request that got none. The connection ends with it: what a device sent on
    /// in the hope of a tunnel is not read as a request.
    pub fn refusal(
        &self,
        home: &Home,
        fields: &HeaderMap,
        asked: Option<&Asked>,
        seat: &Seat,
        why: &Why,
    ) -> Response<Body> {
        if matches!(why, Why::Fetch(FetchError::Dial(DialError::LinkDown))) {
            return outage::answer(self, home, fields, asked, seat);
        }
        let Said(status, error, id) = why.said();
        if let Why::Fetch(error) = why {
            tracing::debug!(host = ?asked.map(|asked| &asked.host), %error, "no answer");
        }
        let say = self.speak(fields);
        let host = asked.map(|asked| asked.host.to_string()).unwrap_or_default();
        let library = home.page(seat.local);
        let denied = matches!(why, Why::Denied(_));
        let page = RefusalPage {
            title: say.say(&format!("{id}-title")).into_owned(),
            text: say.say_with(&format!("{id}-text"), "host", host.clone()).into_owned(),
            facts: facts(&say, host, why),
            contact: denied.then(|| self.whom(&say)),
            lately: denied.then(|| format!("{}{LATELY}", library.trim_end_matches('/'))),
            library,
            error,
            say,
        };
        let mut answer = rendered(fields, &page);
        *answer.status_mut() = status;
        let head = answer.headers_mut();
        head.insert(CONNECTION, HeaderValue::from_static("close"));
        let details = match why {
            // No word of the request's own is in it.
            Why::Target(bad) => format!("; details=\"{bad}\""),
            _ => String::new(),
        };
        if let Ok(value) = HeaderValue::from_str(&format!("preau; error={error}{details}")) {
            head.insert(PROXY_STATUS, value);
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            head.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS"));
        }
        answer
    }

    /// Whom a refused reader may ask.
    pub fn whom(&self, say: &Speech<'_>) -> String {
        let named = self
            .contact
            .as_ref()
            .map(|contact| say.say_with("refusal-ask", "contact", contact.clone()).into_owned());
        named.unwrap_or_else(|| say.say("refusal-ask-cmil").into_owned())
    }
}

fn rendered(fields: &HeaderMap, page: &RefusalPage<'_>) -> Response<Body> {
    let html = is_looked_at(fields).then(|| page.render().ok()).flatten();
    let media = if html.is_some() { "text/html" } else { "text/plain" };
    answer(media, html.unwrap_or_else(|| format!("{}\n{}\n", page.title, page.text)))
}

/// A page, or a line for a program; it is kept nowhere.
pub fn answer(media: &str, text: String) -> Response<Body> {
    let mut answer = Response::new(Body::Bytes(text.into()));
    let head = answer.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&format!("{media}; charset=utf-8")) {
        head.insert(CONTENT_TYPE, value);
    }
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    head.insert(CONTENT_SECURITY_POLICY, POLICY);
    head.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// Will a person look at the answer? A request for a tunnel does not say.
fn is_looked_at(fields: &HeaderMap) -> bool {
    let text = |name: &str| fields.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-mode"), text(ACCEPT.as_str())) {
        (Some(mode), _) => mode == "navigate",
        (None, Some(accept)) => accept.contains("text/html"),
        (None, None) => true,
    }
}

fn facts(say: &Speech<'_>, host: String, why: &Why) -> Vec<(String, String)> {
    let (denial, port) = match why {
        Why::Denied(denial) => (Some(denial), None),
        Why::Port(port) => (None, Some(port.to_string())),
        _ => (None, None),
    };
    let category = denial.and_then(|denial| denial.category.clone());
    let rule = denial.map(|denial| denial.rule.clone());
    let profile = denial.and_then(|denial| denial.profile.clone());
    let facts = [
        ("refusal-site", Some(host)),
        ("refusal-port", port),
        ("refusal-category", category),
        ("refusal-rule", rule),
        ("refusal-profile", profile),
    ];
    let known = facts.into_iter().filter_map(|(id, value)| Some((id, value?)));
    let known = known.filter(|(_, value)| !value.is_empty());
    known.map(|(id, value)| (say.say(id).into_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ids(text: &str) -> BTreeSet<&str> {
        text.lines().filter_map(|line| line.split_once(" =")).map(|(id, _)| id.trim()).collect()
    }

    #[test]
    fn both_languages_say_the_same_things_and_every_reason_has_its_words() {
        assert_eq!(ids(FRENCH), ids(ENGLISH));
        let dial = [
            DialError::Prohibited([127, 0, 0, 1].into()),
            DialError::Name(std::io::Error::other("x")),
            DialError::NoAddress,
            DialError::Refused,
            DialError::Timeout(std::time::Duration::ZERO),
            DialError::Unreachable(std::io::Error::other("x")),
            DialError::Io(std::io::Error::other("x")),
            DialError::LinkDown,
            DialError::UpstreamSays(403),
            DialError::UpstreamSays(407),
            DialError::UpstreamSays(502),
            DialError::UpstreamAnswer("x"),
            DialError::Upstream(Box::new(DialError::Refused)),
        ];
        let dial = dial.into_iter().map(Why::from);
        let others = [
            Why::Denied(Denial::default()),
            Why::Port(25),
            Why::Loop,
            Why::Method,
            Why::Target(BadTarget::Host),
            Why::Broken,
            FetchError::Silent(std::time::Duration::ZERO).into(),
            FetchError::Coded.into(),
            FetchError::Early.into(),
        ];
        for why in dial.chain(others) {
            let Said(_, _, id) = why.said();
            assert!(ids(FRENCH).contains(format!("{id}-title").as_str()), "{id}");
            assert!(ids(FRENCH).contains(format!("{id}-text").as_str()), "{id}");
        }
    }
}
