//! What the proxy's port says to whoever opens it as if it were a site.

use askama::Template;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use hyper::body::Incoming;

use super::{Shared, pac, serve::Seat};
use crate::{
    library::Speech,
    net::{body::Body, serve::plain},
};

#[derive(Template)]
#[template(path = "proxy_own.html")]
struct OwnPage<'a> {
    say: Speech<'a>,
    library: String,
}

pub fn answer(shared: &Shared, request: &Request<Incoming>, seat: &Seat) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let path = request.uri().path();
    if pac::is_asked(path) {
        return shared.pac.answer(request.headers()).map(Body::Bytes);
    }
    let say = shared.pages.speak(request.headers());
    let page = OwnPage { say, library: shared.home.page(seat.local) };
    match page.render() {
        Ok(html) if path == "/" => {
            let mut answer = Response::new(Body::Bytes(html.into()));
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            answer.headers_mut().insert(CONTENT_TYPE, html);
            answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            answer
        }
        _ => plain(StatusCode::NOT_FOUND, "Adresse inconnue. Unknown address.\n"),
    }
}
