//! Who is signed in now: in memory, for every request asks.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{
    secret::{Token, TokenHash},
    session::Session,
};

/// Sessions of one person at once; the oldest gives way.
const MAX_OF_PERSON: usize = 8;
/// Sessions in all; the one that ends first gives way.
const MAX_SESSIONS: usize = 20_000;

/// The sessions by the hash of their cookie, and by their public name.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_token: HashMap<TokenHash, Arc<Session>>,
    by_public_id: HashMap<String, TokenHash>,
    by_person: HashMap<String, Vec<TokenHash>>,
}

impl Sessions {
    /// The session that a cookie opens. Allocates nothing.
    pub(super) fn of_cookie(&self, cookie: &str, now: Timestamp) -> Option<&Arc<Session>> {
        let hash = Token::read(cookie)?.hash();
        self.by_token.get(&hash).filter(|session| counts(session, now))
    }

    /// Those that are kept.
    pub(super) fn of(sessions: impl IntoIterator<Item = Session>) -> Self {
        let mut all = Self::default();
        for session in sessions {
            all.add(Arc::new(session));
        }
        all
    }

    /// The session of a public name.
    pub(super) fn of_public_id(&self, id: &str, now: Timestamp) -> Option<&Arc<Session>> {
        let hash = self.by_public_id.get(id)?;
        self.by_token.get(hash).filter(|session| counts(session, now))
    }

    /// Adds one, and returns those that gave way to it.
    pub(super) fn add(&mut self, session: Arc<Session>) -> Vec<Arc<Session>> {
        let mut gone = Vec::new();
        let person = session.person.id.clone();
        while self.by_person.get(&person).is_some_and(|all| all.len() >= MAX_OF_PERSON) {
            let oldest = self.of_person(&person).min_by_key(|s| s.begun).map(|s| s.token);
            gone.extend(oldest.and_then(|oldest| self.end(oldest)));
        }
        if self.by_token.len() >= MAX_SESSIONS {
            let first = self.by_token.values().min_by_key(|s| s.until).map(|s| s.token);
            gone.extend(first.and_then(|first| self.end(first)));
        }
        self.by_public_id.insert(session.public_id.clone(), session.token);
        self.by_person.entry(person).or_default().push(session.token);
        self.by_token.insert(session.token, session);
        gone
    }

    /// Puts a changed session in the place of the one it was.
    pub(super) fn replace(&mut self, session: Arc<Session>) {
        if let Some(place) = self.by_token.get_mut(&session.token) {
            *place = session;
        }
    }

    pub(super) fn end(&mut self, token: TokenHash) -> Option<Arc<Session>> {
        let session = self.by_token.remove(&token)?;
        self.by_public_id.remove(&session.public_id);
        if let Some(tokens) = self.by_person.get_mut(&session.person.id) {
            tokens.retain(|other| *other != token);
            if tokens.is_empty() {
                self.by_person.remove(&session.person.id);
            }
        }
        Some(session)
    }

    /// Ends every session that `which` says, and returns them.
    pub(super) fn end_where(&mut self, which: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        let ending: Vec<_> = self.by_token.values().filter(|s| which(s)).map(|s| s.token).collect();
        ending.into_iter().filter_map(|token| self.end(token)).collect()
    }

    pub(super) fn of_person<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Arc<Session>> {
        let tokens = self.by_person.get(id).map(Vec::as_slice).unwrap_or_default();
        tokens.iter().filter_map(|token| self.by_token.get(token))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.by_token.values()
    }
}

/// A session begun later than now is of a clock that went back: it would last too long.
fn counts(session: &Session, now: Timestamp) -> bool {
    session.begun <= now && now < session.until
}
