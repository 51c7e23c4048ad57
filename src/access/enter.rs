//! Coming in by the ENT, and going out.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};

use super::{
    Access, Assigned, Begun, Entered, Person, Session, SignInError, Way,
    attempt::{Attempt, NotTaken},
    attributes, cas, cookies, lock,
    secret::{Token, TokenHash, random_name},
};

impl Access {
    /// Begins a sign-in at the ENT. `back` is the path of this box that the person wanted; what is
    /// none becomes `/`.
    pub async fn begin(
        &self,
        back: &str,
        _headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Begun, SignInError> {
        let registered = self.inner.registered.clone();
        let (attempt, browser) = Attempt::new(&self.inner.school, registered, back, now);
        let to = self.inner.ent.address(&attempt, now).await?;
        if !lock(&self.inner.attempts).add(attempt, now) {
            return Err(SignInError::Busy);
        }
        let cookie = cookies::set(cookies::SIGN_IN, &browser.text(), None);
        Ok(Begun { to, cookies: cookie.into_iter().collect() })
    }

    /// Ends it: `query` is what the browser came back with.
    pub async fn finish(
        &self,
        query: &[(String, String)],
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Entered, SignInError> {
        let state = query.iter().find(|(name, _)| name == "state");
        let state = state.map(|(_, value)| value.as_str()).ok_or(SignInError::Attempt)?;
        let browser = cookies::read(headers, cookies::SIGN_IN).and_then(Token::read);
        let taken = lock(&self.inner.attempts).take(state, browser.map(|b| b.hash()), now);
        let attempt = taken.map_err(|reason| match reason {
            NotTaken::Unknown => SignInError::Attempt,
            NotTaken::OtherBrowser => SignInError::OtherBrowser,
        })?;
        let identity = self.inner.ent.identify(query, &attempt, now).await?;
        let person = attributes::person(&identity.attributes, &self.inner.config.attributes)?;
        if !person.uais.contains(&self.inner.school) {
            return Err(SignInError::OtherSchool);
        }
        let ticket = identity.ticket.as_deref().map(TokenHash::of);
        let (session, cookie) = self.open_session(person, Way::Ent, ticket, headers, now);
        let cookies = cookie.into_iter().chain(cookies::clear(cookies::SIGN_IN)).collect();
        Ok(Entered { session, cookies, back: attempt.back })
    }

    /// The ENT ends what it began: the body of its `samlp:LogoutRequest`. Returns the sessions
    /// ended.
    pub fn single_logout(&self, body: &[u8]) -> usize {
        let tickets: Vec<_> = cas::ended_tickets(body).iter().map(|t| TokenHash::of(t)).collect();
        if tickets.is_empty() {
            return 0;
        }
        let ends = |session: &Session| session.ticket.is_some_and(|t| tickets.contains(&t));
        self.sessions_mut().end_where(ends).len()
    }

    /// Ends a session; returns the `Set-Cookie` values that clear its cookie.
    pub fn sign_out(&self, session: &Session) -> Vec<HeaderValue> {
        self.sessions_mut().end(session.token);
        cookies::clear(cookies::SESSION).into_iter().collect()
    }

    /// A new session with a new token, whatever cookie came: nobody can fix one for another. The
    /// one this browser had ends.
    pub(super) fn open_session(
        &self,
        person: Person,
        way: Way,
        ticket: Option<TokenHash>,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> (Arc<Session>, Option<HeaderValue>) {
        let (token, public_id) = (Token::random(), random_name());
        let lasts = SignedDuration::try_from(self.inner.config.session.0);
        let until = now.checked_add(lasts.unwrap_or_default()).unwrap_or(now);
        let session = Arc::new(Session {
            person,
            school: self.inner.school.clone(),
            assigned: Arc::new(Assigned::ByRole),
            way,
            begun: now,
            until,
            csrf: self.csrf(&public_id),
            public_id,
            pass: None,
            token: token.hash(),
            ticket,
        });
        let mut sessions = self.sessions_mut();
        if let Some(old) = cookies::read(headers, cookies::SESSION).and_then(Token::read) {
            sessions.end(old.hash());
        }
        sessions.add(session.clone());
        drop(sessions);
        (session, cookies::set(cookies::SESSION, &token.text(), None))
    }
}
