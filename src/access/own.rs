//! What the box holds of a person: shown to them, erased, taken back.

use jiff::Timestamp;

use super::{About, AboutSession, Access, AccessError, Revoke, Session};

impl Access {
    /// Everything the box holds of the person of this session.
    pub fn about(&self, session: &Session, _now: Timestamp) -> About {
        let sessions = self.sessions();
        let line = |other: &std::sync::Arc<Session>| AboutSession {
            way: other.way,
            begun: other.begun,
            until: other.until,
            this: other.token == session.token,
        };
        About {
            person: session.person.clone(),
            sessions: sessions.of_person(&session.person.id).map(line).collect(),
            passes: Vec::new(),
            app_keys: Vec::new(),
            list: None,
            audit: Vec::new(),
        }
    }

    /// Erases it, this session included. Blocking.
    pub fn erase(&self, session: &Session, now: Timestamp) -> Result<(), AccessError> {
        self.revoke(Revoke::Person(session.person.id.clone()), now).map(drop)
    }

    /// Makes a key for a reading app (HTTP Basic: any user name, the key as password), shown
    /// once. Blocking.
    pub fn make_app_key(
        &self,
        _session: &Session,
        _name: &str,
        _now: Timestamp,
    ) -> Result<String, AccessError> {
        Err(AccessError::Full { what: "reading apps", most: 0 })
    }

    /// Takes back; returns how many passes, sessions and app keys ended. Blocking.
    pub fn revoke(&self, what: Revoke, _now: Timestamp) -> Result<usize, AccessError> {
        let ended = self.sessions_mut().end_where(|session| match &what {
            Revoke::Pass(id) => session.pass.as_ref() == Some(id),
            Revoke::Person(id) => session.person.id == *id,
            Revoke::All => true,
        });
        Ok(ended.len())
    }
}
