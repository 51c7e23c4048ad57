//! Help codes: a teacher lets in a pupil whose device has no pass.

use std::{net::IpAddr, time::Duration};

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

use super::{
    Access, CodeError, Entered, HelpCode, Person, Role, Session, Way,
    codes::{self, NotMade},
    enter::Entry,
    journal, lock,
    secret::random_name,
    throttle::Key,
};

/// Codes made at once: a class, and some.
pub const MAX_CODES: usize = 40;
/// Characters of a class's name.
const MAX_CLASS_CHARS: usize = 40;
/// A pupil let in by a code reads for the longest lesson there is, and leaves no pass behind.
const HELP_SESSION: SignedDuration = SignedDuration::from_hours(2);

impl Access {
    /// Makes codes for pupils of a class, each good once within the hour.
    pub fn make_codes(
        &self,
        by: &Session,
        count: usize,
        class: &str,
        now: Timestamp,
    ) -> Result<Vec<HelpCode>, CodeError> {
        let now = self.inner.clock.judged(now);
        if !by.person.role.teaches() || !matches!(by.way, Way::Ent | Way::Pass) {
            return Err(CodeError::NotForRole);
        }
        if !(1..=MAX_CODES).contains(&count) {
            return Err(CodeError::Count { most: MAX_CODES });
        }
        let class = class.trim();
        let length = class.chars().count();
        if !(1..=MAX_CLASS_CHARS).contains(&length) || class.chars().any(char::is_control) {
            return Err(CodeError::Class);
        }
        let (seal, person) = (&self.inner.seal, &by.person.id);
        let made = lock(&self.inner.codes).make(seal, person, count, class, now);
        let made = made.map_err(|reason| match reason {
            NotMade::TooOften(wait) => {
                CodeError::TooOften(Duration::try_from(wait).unwrap_or_default())
            }
            NotMade::Full => CodeError::Unkept("too many codes are open".to_owned()),
        })?;
        for (_, code) in &made {
            self.inner.journal.put(journal::CODE, &code.hash.0, code);
        }
        self.note(person, "codes made", &format!("{count}, {class}"), now);
        Ok(made
            .into_iter()
            .map(|(text, code)| HelpCode { code: text, until: code.until() })
            .collect())
    }

    /// Comes in by a code: as a pupil of its class, at this school. *In memory; written a moment
    /// later.*
    pub fn enter_by_code(
        &self,
        code: &str,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Entered, CodeError> {
        let now = self.inner.clock.judged(now);
        let hash = codes::typed(&self.inner.seal, code);
        let keys = [Some(Key::device(peer)), hash.map(Key::Secret)];
        let keys: Vec<Key> = keys.into_iter().flatten().collect();
        if let Some(wait) = lock(&self.inner.throttle).wait(&keys, now) {
            return Err(CodeError::Wait(wait));
        }
        let taken = hash.and_then(|hash| lock(&self.inner.codes).take(hash, now));
        let Some(code) = taken else {
            if lock(&self.inner.throttle).fail(&keys, now) {
                self.note("", "slowed down", "codes", now);
            }
            return Err(CodeError::Unknown);
        };
        self.inner.journal.remove(journal::CODE, &code.hash.0);
        self.note(&code.by, "code used", &code.class, now);
        let person = Person {
            id: format!("aide.{}", random_name()),
            role: Role::Pupil,
            uais: vec![self.inner.school.clone()],
            classes: vec![code.class],
        };
        let until = now.checked_add(HELP_SESSION).ok();
        let entry = Entry { person, way: Way::Code, ticket: None, pass: None, until };
        let (session, cookie) = self.open_session(entry, headers, now);
        Ok(Entered { session, cookies: cookie.into_iter().collect(), back: "/".to_owned() })
    }
}
