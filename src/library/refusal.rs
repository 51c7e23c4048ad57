//! Why not, in plain words: as a small page to a person who followed a link, in a line to a
//! program. Nothing else is shown, since whoever asks may have no right to it.

use askama::Template;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};

use super::{
    request::of_pages,
    words::{Language, Speech, Words},
};
use crate::{access::Right, net::body::Body};

const FRAMED: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'self'",
);

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    say: Speech<'a>,
    why: &'a str,
    sign_in: bool,
}

/// The reason, for a right that is none.
pub fn reason(say: &Speech<'_>, right: Right) -> String {
    let dated = |id: &str, date| say.say_with(id, "date", say.day(date)).into_owned();
    match right {
        Right::Granted => String::new(),
        Right::From(date) => dated("explain-soon", date),
        Right::Expired(date) => dated("explain-expired", date),
        Right::NotForRole => say.say("explain-others").into_owned(),
        Right::NoLicence => say.say("explain-unassigned").into_owned(),
        Right::ListTooOld(Some(date)) => dated("explain-list-old", date),
        Right::ListTooOld(None) => say.say("explain-list-unknown").into_owned(),
        Right::OtherSchool => say.say("explain-other-school").into_owned(),
        Right::Withdrawn => say.say("explain-withdrawn").into_owned(),
        Right::SignIn => say.say("explain-sign-in").into_owned(),
    }
}

/// The answer to a request that has no right.
pub fn answer(
    words: &Words,
    headers: &HeaderMap,
    status: StatusCode,
    right: Right,
) -> Response<Body> {
    let say = words.speak(Language::wanted(headers));
    let why = reason(&say, right);
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    let content = RefusalPage { say, why: &why, sign_in: right == Right::SignIn };
    if is_navigation(headers)
        && let Ok(html) = content.render()
    {
        of_pages(response.headers_mut());
        // It may have to be read where the page of the manual would have been.
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, FRAMED);
        *response.body_mut() = Body::Bytes(html.into());
        return response;
    }
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    *response.body_mut() = Body::Bytes(format!("{why}\n").into());
    response
}

/// Will a person look at the answer, in a window or a frame?
fn is_navigation(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => text("accept").is_some_and(|accept| accept.contains("text/html")),
    }
}
