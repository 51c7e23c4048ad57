//! What the box holds of a person: shown to them, erased, taken back.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    About, AboutAppKey, AboutPass, AboutSession, Access, AccessError, Revoke, Session, Way,
    app_keys::{self, AppKey},
    audit,
    enter::Entry,
    journal, lists, lock,
    term::{LONGEST_PASS, pass_until},
};

impl Access {
    /// Everything the box holds of the person of this session. Blocking.
    pub fn about(&self, session: &Session) -> About {
        let person = &session.person.id;
        let line = |other: &Arc<Session>| AboutSession {
            way: other.way,
            begun: other.begun,
            until: other.until,
            this: other.token == session.token,
        };
        let pass = |state: &super::passes::State| AboutPass {
            id: state.pass.clone(),
            issued: state.issued,
            until: state.until,
            used: state.used,
            bound: state.bound,
        };
        let key = |key: &AppKey| AboutAppKey {
            id: key.id.clone(),
            name: key.name.clone(),
            made: key.made,
            until: key.until,
        };
        let (month, current) = {
            let audit = lock(&self.inner.audit);
            (audit.current().to_owned(), audit.of_person(person))
        };
        let mut lines = audit::past_of(&self.inner.store, &month, person);
        lines.extend(current);
        About {
            person: session.person.clone(),
            sessions: self.sessions().of_person(person).map(line).collect(),
            passes: lock(&self.inner.passes).of_person(person).map(pass).collect(),
            app_keys: self.app_keys().of_person(person).map(key).collect(),
            list: lock(&self.inner.lists).about(person),
            audit: lines,
        }
    }

    /// Erases it, this session included. What was done stays in the audit, for others must answer
    /// for it too, but no longer by whom; of revoked passes only their names and a hash of the
    /// person's stay, without which they would open again. Blocking.
    pub fn erase(&self, session: &Session, now: Timestamp) -> Result<(), AccessError> {
        let person = &session.person.id;
        self.revoke(Revoke::Person(person.clone()), now)?;
        lock(&self.inner.lists).remove(person);
        lists::forget(&self.inner.store, person)?;
        let month = {
            let mut audit = lock(&self.inner.audit);
            audit.unname(person);
            audit.current().to_owned()
        };
        audit::unname_past(&self.inner.store, &month, person)?;
        self.note("", "person erased", "", now);
        self.write_down()
    }

    /// First moment at which a pass made now no longer counts: what is taken home today closes
    /// then too, since the box may not be asked before.
    pub fn taken_until(&self, now: Timestamp) -> Timestamp {
        pass_until(self.inner.config.pass_until, now, &self.inner.zone)
    }

    /// Makes a key for a reading app (HTTP Basic: any user name, the key as password), shown
    /// once; good as long as a pass made now. Blocking.
    pub fn make_app_key(
        &self,
        session: &Session,
        name: &str,
        now: Timestamp,
    ) -> Result<String, AccessError> {
        let now = self.inner.clock.judged(now);
        if !matches!(session.way, Way::Ent | Way::Pass) {
            return Err(AccessError::Full { what: "reading apps of this session", most: 0 });
        }
        let until = pass_until(self.inner.config.pass_until, now, &self.inner.zone);
        let (shown, key) = app_keys::make(&session.person, name, now, until);
        let id = key.id.clone();
        let keys = {
            let own = self.session_of_key(&key);
            let mut keys = self.app_keys_mut();
            keys.add(key, own)?;
            keys.document()
        };
        if let Err(error) = app_keys::write(&self.inner.store, &keys) {
            self.app_keys_mut().remove_where(|key| key.id == id);
            return Err(error);
        }
        self.note(&session.person.id, "app key made", "", now);
        Ok(shown)
    }

    /// What a reading app is to the rest of the house.
    pub(super) fn session_of_key(&self, key: &AppKey) -> Session {
        let (person, until) = (key.person.clone(), key.until);
        let entry = Entry { person, way: Way::AppKey, ticket: None, pass: None, until: None };
        Session { until, ..self.session_of(entry, key.hash, key.made) }
    }

    /// Takes back one of one's own reading apps, by its name; `false` when there is none. Blocking.
    pub fn revoke_app_key(
        &self,
        session: &Session,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, AccessError> {
        let person = &session.person.id;
        let (gone, keys) = {
            let mut keys = self.app_keys_mut();
            let gone = keys.remove_where(|key| key.id == id && key.person.id == *person);
            (gone, keys.document())
        };
        app_keys::write(&self.inner.store, &keys)?;
        if gone > 0 {
            self.note(person, "app key revoked", "", self.inner.clock.judged(now));
        }
        Ok(gone > 0)
    }

    /// Takes back the pass of one of one's own devices; `false` when it is nobody's or another's.
    /// Blocking.
    pub fn revoke_own_pass(
        &self,
        session: &Session,
        pass: &str,
        now: Timestamp,
    ) -> Result<bool, AccessError> {
        let own = lock(&self.inner.passes).get(pass).is_some_and(|s| s.person == session.person.id);
        if own {
            self.revoke(Revoke::Pass(pass.to_owned()), now)?;
        }
        Ok(own)
    }

    /// Takes back, for passes that are shown later and for sessions that are open now; returns how
    /// many passes, sessions and app keys ended. Durable when this returns. Blocking.
    pub fn revoke(&self, what: Revoke, now: Timestamp) -> Result<usize, AccessError> {
        let now = self.inner.clock.judged(now);
        let passes = self.revoke_passes(&what, now)?;
        let ended = self.end_sessions(|session| match &what {
            Revoke::Pass(id) => session.pass.as_ref() == Some(id),
            Revoke::Person(id) => session.person.id == *id,
            Revoke::All => true,
        });
        let (apps, keys) = {
            let mut keys = self.app_keys_mut();
            let gone = keys.remove_where(|key| match &what {
                Revoke::Pass(_) => false,
                Revoke::Person(id) => key.person.id == *id,
                Revoke::All => true,
            });
            (gone, keys.document())
        };
        let codes = match &what {
            Revoke::Pass(_) => Vec::new(),
            Revoke::Person(id) => lock(&self.inner.codes).remove(Some(id)),
            Revoke::All => lock(&self.inner.codes).remove(None),
        };
        for code in codes {
            self.inner.journal.remove(journal::CODE, &code.hash.0);
        }
        if apps > 0 {
            app_keys::write(&self.inner.store, &keys)?;
        }
        let (who, said, detail) = match &what {
            Revoke::Pass(id) => ("", "pass revoked", id.as_str()),
            Revoke::Person(id) => (id.as_str(), "person revoked", ""),
            Revoke::All => ("", "everything revoked", ""),
        };
        self.note(who, said, detail, now);
        self.write_down()?;
        Ok(passes + ended + apps)
    }

    fn revoke_passes(&self, what: &Revoke, now: Timestamp) -> Result<usize, AccessError> {
        let gone = lock(&self.inner.passes).remove_where(|state| match what {
            Revoke::Pass(id) => state.pass == *id,
            Revoke::Person(id) => state.person == *id,
            Revoke::All => true,
        });
        for state in &gone {
            self.inner.journal.remove(journal::PASS, state.pass.as_bytes());
        }
        let mut revocations = lock(&self.inner.revocations);
        let noted = match what {
            Revoke::Pass(id) => {
                let longest = now.checked_add(LONGEST_PASS).unwrap_or(now);
                revocations.pass(id, gone.first().map_or(longest, |state| state.until))
            }
            Revoke::Person(id) => revocations.person(id, now),
            Revoke::All => {
                revocations.everything();
                true
            }
        };
        if noted {
            return Ok(gone.len());
        }
        Err(AccessError::Full { what: "revocations; revoke all instead", most: gone.len() })
    }
}
