//! What comes with a POST: small, in time, of the right kind, sent by a page of this box, and with
//! the session's token where there is a session.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE},
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::super::{
    Shared, pages,
    request::{Asked, visitor},
};
use crate::access::{Session, same_origin};

/// Bytes of a form; the largest is a place in a book.
const MAX_FORM_BYTES: usize = 16 * 1024;
/// Fields looked at.
const MAX_FIELDS: usize = 32;
/// How long a form may take to come.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
/// The field, or the header of a script, that holds the session's token.
const TOKEN: &str = "csrf";
const TOKEN_HEADER: &str = "x-csrf";

/// A form of ours, with who sent it.
pub struct Form {
    pub asked: Asked,
    fields: Vec<(String, String)>,
}

impl Form {
    /// A field; empty when it is not there.
    pub fn value(&self, name: &str) -> &str {
        self.fields.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v.trim())
    }

    /// The session of who sent it.
    pub fn session(&self) -> Option<Arc<Session>> {
        self.asked.session().cloned()
    }
}

impl FromRequest<Arc<Shared>> for Form {
    type Rejection = Response<Body>;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Self::Rejection> {
        let (asked, body) = checked(request, shared, "application/x-www-form-urlencoded").await?;
        let fields: Vec<_> = form_urlencoded::parse(&body).into_owned().take(MAX_FIELDS).collect();
        let form = Self { asked, fields };
        let token = form.value(TOKEN);
        let held = form
            .asked
            .session()
            .is_none_or(|session| shared.access.check_csrf(session, token, &form.asked.headers));
        if held {
            Ok(form)
        } else {
            Err(refuse(shared, &form.asked, StatusCode::FORBIDDEN, "form-old"))
        }
    }
}

/// What a script of ours sends.
pub struct Message<T> {
    pub asked: Asked,
    pub session: Arc<Session>,
    pub content: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Message<T> {
    type Rejection = Response<Body>;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Self::Rejection> {
        let (asked, body) = checked(request, shared, "application/json").await?;
        let Some(session) = asked.session().cloned() else {
            return Err(refuse(shared, &asked, StatusCode::UNAUTHORIZED, "explain-sign-in"));
        };
        let token = asked.headers.get(TOKEN_HEADER).and_then(|v| v.to_str().ok()).unwrap_or("");
        if !shared.access.check_csrf(&session, token, &asked.headers) {
            return Err(refuse(shared, &asked, StatusCode::FORBIDDEN, "form-old"));
        }
        match serde_json::from_slice(&body) {
            Ok(content) => Ok(Self { asked, session, content }),
            Err(_) => Err(refuse(shared, &asked, StatusCode::BAD_REQUEST, "form-broken")),
        }
    }
}

async fn checked(
    request: Request,
    shared: &Arc<Shared>,
    kind: &str,
) -> Result<(Asked, Bytes), Response<Body>> {
    let (parts, body) = request.into_parts();
    let now = Timestamp::now();
    let asked = Asked::of(&parts, visitor(shared, &parts, now), now);
    if !same_origin(&parts.headers) {
        return Err(refuse(shared, &asked, StatusCode::FORBIDDEN, "form-foreign"));
    }
    if !is(&parts.headers, kind) {
        return Err(refuse(shared, &asked, StatusCode::UNSUPPORTED_MEDIA_TYPE, "form-broken"));
    }
    match read(body, MAX_FORM_BYTES).await {
        Ok(body) => Ok((asked, body)),
        Err(status) => Err(refuse(shared, &asked, status, "form-broken")),
    }
}

/// A body of at most `most` bytes, that comes in time.
pub async fn read(body: Body, most: usize) -> Result<Bytes, StatusCode> {
    match tokio::time::timeout(FORM_TIMEOUT, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

fn is(headers: &HeaderMap, kind: &str) -> bool {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    said.split(';').next().is_some_and(|said| said.trim().eq_ignore_ascii_case(kind))
}

fn refuse(shared: &Shared, asked: &Asked, status: StatusCode, why: &str) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    let (heading, text) = (say.say("form-title").into_owned(), say.say(why).into_owned());
    pages::error(shared, asked, status, heading, text)
}
