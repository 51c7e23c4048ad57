//! Coming in by the ENT, and going out.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};

use super::{
    Access, Begun, Entered, Person, Session, SignInError, Visitor, Way,
    attempt::{Attempt, NotTaken},
    attributes, cas, cookies, journal, lock,
    secret::{Token, TokenHash, random_name},
};

/// What makes a session.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) person: Person,
    pub(super) way: Way,
    pub(super) ticket: Option<TokenHash>,
    pub(super) pass: Option<String>,
    /// It ends then at the latest.
    pub(super) until: Option<Timestamp>,
}

impl Access {
    /// Begins a sign-in at the ENT. `back` is the path of this box that the person wanted; what is
    /// none becomes `/`.
    pub async fn begin(
        &self,
        back: &str,
        _headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Begun, SignInError> {
        let now = self.inner.clock.judged(now);
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
        let now = self.inner.clock.judged(now);
        let attempt = self.attempt(query, headers, now)?;
        let identity = self.inner.ent.identify(query, &attempt, now).await?;
        let person = attributes::person(&identity.attributes, &self.inner.config.attributes)?;
        let ticket = identity.ticket.as_deref().map(TokenHash::of);
        self.welcome(person, ticket, attempt.back, headers, now).await
    }

    fn attempt(
        &self,
        query: &[(String, String)],
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Attempt, SignInError> {
        let state = query.iter().find(|(name, _)| name == "state");
        let state = state.map(|(_, value)| value.as_str()).ok_or(SignInError::Attempt)?;
        let browser = cookies::read(headers, cookies::SIGN_IN).and_then(Token::read);
        let taken = lock(&self.inner.attempts).take(state, browser.map(|b| b.hash()), now);
        taken.map_err(|reason| match reason {
            NotTaken::Unknown => SignInError::Attempt,
            NotTaken::OtherBrowser => SignInError::OtherBrowser,
        })
    }

    /// A person whom the ENT vouches for: a session, a pass for the device, and their list.
    pub(super) async fn welcome(
        &self,
        person: Person,
        ticket: Option<TokenHash>,
        back: String,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Entered, SignInError> {
        if !person.uais.contains(&self.inner.school) {
            return Err(SignInError::OtherSchool);
        }
        self.await_list(&person, now).await;
        let given = self.give_pass(&person, headers, now).unwrap_or_else(|error| {
            tracing::warn!(%error, "a sign-in without a device pass");
            None
        });
        let (pass, pass_cookie) = given.unzip();
        let entry = Entry { person, way: Way::Ent, ticket, pass, until: None };
        let (session, cookie) = self.open_session(entry, headers, now);
        let cleared = cookies::clear(cookies::SIGN_IN);
        let cookies = cookie.into_iter().chain(pass_cookie).chain(cleared).collect();
        Ok(Entered { session, cookies, back })
    }

    /// The ENT ends what it began: the body of its `samlp:LogoutRequest`. Returns the sessions
    /// ended.
    pub fn single_logout(&self, body: &[u8]) -> usize {
        let tickets: Vec<_> = cas::ended_tickets(body).iter().map(|t| TokenHash::of(t)).collect();
        if tickets.is_empty() {
            return 0;
        }
        self.end_sessions(|session| session.ticket.is_some_and(|t| tickets.contains(&t)))
    }

    /// Ends a session, and takes its device pass back: on a computer that others use, signing out
    /// must leave nothing that lets them in. Returns the `Set-Cookie` values that clear both.
    pub fn sign_out(&self, session: &Session) -> Vec<HeaderValue> {
        if let Some(pass) = &session.pass {
            self.drop_pass(pass);
            self.end_sessions(|other| other.pass.as_ref() == Some(pass));
        }
        self.end_sessions(|other| other.token == session.token);
        [cookies::SESSION, cookies::PASS].into_iter().filter_map(cookies::clear).collect()
    }

    /// Ends every session that `which` says. Returns how many.
    pub(super) fn end_sessions(&self, which: impl Fn(&Session) -> bool) -> usize {
        let ended = self.sessions_mut().end_where(which);
        self.have_ended(&ended);
        ended.len()
    }

    /// These are over, on disk and at the devices.
    fn have_ended(&self, sessions: &[Arc<Session>]) {
        self.inner.present.end(sessions);
        for session in sessions {
            self.inner.journal.remove(journal::SESSION, &session.token.0);
        }
    }

    /// A new session with a new token, whatever cookie came: nobody can fix one for another. The
    /// one this browser had ends.
    pub(super) fn open_session(
        &self,
        entry: Entry,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> (Arc<Session>, Option<HeaderValue>) {
        let token = Token::random();
        let session = Arc::new(self.session_of(entry, token.hash(), now));
        let old = cookies::read(headers, cookies::SESSION).and_then(Token::read);
        let mut sessions = self.sessions_mut();
        let mut gone: Vec<_> = old.and_then(|old| sessions.end(old.hash())).into_iter().collect();
        gone.extend(sessions.add(session.clone()));
        drop(sessions);
        self.have_ended(&gone);
        self.inner.journal.put(journal::SESSION, &session.token.0, &*session);
        (session, cookies::set(cookies::SESSION, &token.text(), None))
    }

    pub(super) fn session_of(&self, entry: Entry, token: TokenHash, now: Timestamp) -> Session {
        let public_id = random_name();
        let lasts = SignedDuration::try_from(self.inner.config.session.0).unwrap_or_default();
        let until = now.checked_add(lasts).unwrap_or(now);
        let until = entry.until.map_or(until, |latest| latest.min(until));
        Session {
            assigned: self.assigned(&entry.person.id, entry.way, now),
            generation: lock(&self.inner.revocations).generation_of(&entry.person.id),
            person: entry.person,
            school: self.inner.school.clone(),
            way: entry.way,
            begun: now,
            until,
            csrf: self.csrf(&public_id),
            public_id,
            pass: entry.pass,
            token,
            ticket: entry.ticket,
        }
    }

    /// Who asks, by cookie or by the key of a reading app.
    pub(super) fn recognised(&self, headers: &HeaderMap, now: Timestamp) -> Option<Arc<Session>> {
        let now = self.inner.clock.judged(now);
        if let Some(cookie) = cookies::read(headers, cookies::SESSION)
            && let Some(session) = self.sessions().of_cookie(cookie, now)
        {
            return Some(session.clone());
        }
        self.app_keys().of_headers(headers, now).cloned()
    }

    pub(super) fn visitor_with(&self, session: Option<Arc<Session>>) -> Visitor {
        match session {
            Some(session) => Visitor::Session(session),
            None if self.required() => Visitor::Nobody,
            None => Visitor::Anyone,
        }
    }
}
