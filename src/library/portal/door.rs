//! Who may see a page at all.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{Response, StatusCode, request::Parts},
};

use super::{
    super::{Shared, pages, request::Asked},
    sign_in_first,
};
use crate::access::{Role, Session, Visitor};

/// Someone who may read: a person, or anyone on a box without sign-in.
pub struct Reader(pub Asked);

impl FromRequestParts<Arc<Shared>> for Reader {
    type Rejection = Response<Body>;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        let Ok(asked) = Asked::from_request_parts(parts, shared).await;
        match asked.visitor {
            Visitor::Nobody => Err(sign_in_first(shared, &asked)),
            Visitor::Anyone | Visitor::Session(_) => Ok(Self(asked)),
        }
    }
}

/// A person who signed in.
pub struct Signed {
    pub asked: Asked,
    pub session: Arc<Session>,
}

impl Signed {
    /// A page that says for whom it is, unless this person's role may do it.
    pub fn refused(&self, shared: &Shared, may: fn(Role) -> bool) -> Option<Response<Body>> {
        (!may(self.session.person.role)).then(|| not_yours(shared, &self.asked))
    }
}

/// A page for other roles.
pub fn not_yours(shared: &Shared, asked: &Asked) -> Response<Body> {
    let say = shared.words.speak(asked.language);
    let (heading, text) = (say.say("not-yours-title"), say.say("not-yours"));
    let (heading, text) = (heading.into_owned(), text.into_owned());
    pages::error(shared, asked, StatusCode::FORBIDDEN, heading, text)
}

impl FromRequestParts<Arc<Shared>> for Signed {
    type Rejection = Response<Body>;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        let Ok(asked) = Asked::from_request_parts(parts, shared).await;
        match asked.session().cloned() {
            Some(session) => Ok(Self { asked, session }),
            None if shared.access.required() => Err(sign_in_first(shared, &asked)),
            // Nobody ever signs in here.
            None => Err(pages::not_found(shared, &asked)),
        }
    }
}
