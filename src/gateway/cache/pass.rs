//! Requests that what is stored does not answer: they go on as they are, and the answers to unsafe
//! ones end what is stored (RFC 9111 §4.4).

use std::sync::Arc;

use http::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    header::{CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, LOCATION},
};

use super::{
    Carried, Clock, Fetch, Shared, answer,
    asked::{self, Asked, Reading},
    handle::{Visit, passed},
    head::{Head, Times},
    keep::{self, Kept},
    key::{self, Key},
    rules,
    said::{Said, Way},
};
use crate::net::{body::Body, serve::plain};

/// Passes a request on.
pub(super) async fn pass(
    shared: &Arc<Shared>,
    request: Request<Carried>,
    clock: Clock,
    fetch: Fetch,
) -> Response<Body> {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let for_get = as_get(&request, shared);
    let way = if method == Method::GET { Way::Bypass } else { Way::Method };
    let asked = clock.now();
    let response = match fetch(request).await {
        Ok(response) => response,
        Err(page) => return *page,
    };
    let times = Times { asked, answered: clock.now() };
    if is_unsafe(&method) && !is_error(response.status()) {
        invalidate(shared, &uri, response.headers());
    }
    if let Some(asked) = for_get {
        let visit = Visit { shared: shared.clone(), asked, fetch, clock };
        return for_later_gets(&visit, response, times, way).await;
    }
    passed(response, way)
}

/// RFC 9110 §9.2.1; what is not known is unsafe.
fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

fn is_error(status: StatusCode) -> bool {
    !(status.is_success() || status.is_redirection())
}

/// Forgets what is stored for the target, and for what the answer names of the same origin.
fn invalidate(shared: &Shared, uri: &Uri, headers: &HeaderMap) {
    let named = [LOCATION, CONTENT_LOCATION];
    let named = named.iter().filter_map(|name| key::beside(uri, headers.get(name)?.as_bytes()));
    for target in std::iter::once(uri.clone()).chain(named) {
        if let Some(key) = Key::of(&target, shared.rules.of(&target)) {
            shared.bury(shared.index.remove_key(&key));
        }
    }
}

/// The GET that the answer to a POST may answer later (RFC 9110 §9.3.3).
fn as_get(request: &Request<Carried>, shared: &Shared) -> Option<Arc<Asked>> {
    if *request.method() != Method::POST {
        return None;
    }
    let mut get = Request::new(Carried::empty());
    *get.uri_mut() = request.uri().clone();
    let mut headers = request.headers().clone();
    for name in [CONTENT_LENGTH, CONTENT_TYPE, http::header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    *get.headers_mut() = headers;
    match asked::read(get, &shared.rules) {
        Reading::Look(asked) => Some(Arc::from(asked)),
        Reading::Pass(_) => None,
    }
}

async fn for_later_gets(
    visit: &Visit,
    response: Response<Carried>,
    times: Times,
    way: Way,
) -> Response<Body> {
    let head = Head::new(response.status(), response.headers().clone(), times);
    let target = Key::of(&visit.asked.uri, None);
    let is_target = |named: &[u8]| {
        key::beside(&visit.asked.uri, named).is_some_and(|uri| Key::of(&uri, None) == target)
    };
    if !rules::answers_a_get(&Method::POST, &head, is_target) {
        return passed(response, way);
    }
    match keep::keep(visit, response, times).await {
        Ok(Kept { entry, original, waiting }) => {
            let said = Said { stored: true, ..Said::of(way) };
            let (now, head) = (visit.clock.now(), entry.head());
            let answer = answer::answer(
                &visit.shared,
                &visit.asked,
                &entry,
                &head,
                answer::Shape::Whole,
                said,
                now,
                None,
            );
            let answer = answer.await;
            drop(waiting);
            match answer {
                Some(answer) => answer::with_original(answer, original),
                // A POST is not done twice.
                None => plain(StatusCode::BAD_GATEWAY, "Cache illisible. Unreadable cache.\n"),
            }
        }
        Err(response) => passed(response, way),
    }
}
