//! Coming in by what the device keeps, with the Internet, the ENT and the GAR all down.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use super::{
    Access, DeviceKey, Entered, PassError, PassState, Person, Proof, Session, Way, cookies,
    enter::Entry,
    journal, lock,
    pass::{self, Claims, shortened},
    passes::{State, Turn, turn},
    proof::{self, For},
    secret::{TokenHash, random_name},
    term::{LONGEST_PASS, pass_until},
    throttle::Key,
};

impl Access {
    /// What pass this device shows. *In memory.*
    pub fn pass_state(&self, headers: &HeaderMap, now: Timestamp) -> PassState {
        let now = self.inner.clock.judged(now);
        match self.shown_pass(headers, now) {
            Err(PassError::None) => PassState::None,
            Err(error) => PassState::Bad(error),
            Ok(Claims { device: None, .. }) => PassState::Plain,
            Ok(claims) => PassState::Bound {
                challenge: proof::challenge(&self.inner.seal, For::Pass(&claims.pass), now),
            },
        }
    }

    /// Comes in by the device's pass; `proof` for one that is bound. *In memory; written a moment
    /// later.*
    pub fn enter_by_pass(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        proof: Option<&Proof>,
        now: Timestamp,
    ) -> Result<Entered, PassError> {
        let now = self.inner.clock.judged(now);
        let shown = cookies::read(headers, cookies::PASS).ok_or(PassError::None)?;
        let keys = [Key::device(peer), Key::Secret(TokenHash::of(shown))];
        if let Some(wait) = lock(&self.inner.throttle).wait(&keys, now) {
            return Err(PassError::Wait(wait));
        }
        let entered = self.enter_by_shown(headers, proof, now);
        if matches!(entered, Err(PassError::Bad | PassError::BadProof))
            && lock(&self.inner.throttle).fail(&keys, now)
        {
            self.note("", "slowed down", "passes", now);
        }
        entered
    }

    fn enter_by_shown(
        &self,
        headers: &HeaderMap,
        proof: Option<&Proof>,
        now: Timestamp,
    ) -> Result<Entered, PassError> {
        let claims = self.shown_pass(headers, now)?;
        let next = match &claims.device {
            Some(key) => {
                let proof = proof.ok_or(PassError::ProofNeeded)?;
                let (seal, what) = (&self.inner.seal, For::Pass(&claims.pass));
                lock(&self.inner.challenges).check(seal, what, key, proof, now)?;
                None
            }
            None => Some(self.turned(&claims, now)?),
        };
        let cookie = if let Some(serial) = next {
            Some(self.sign_pass(&Claims { serial, ..claims.clone() }, now)?)
        } else {
            self.used(&claims, now);
            None
        };
        let entry = Entry {
            person: claims.person,
            way: Way::Pass,
            ticket: None,
            pass: Some(claims.pass),
            until: Some(claims.until),
        };
        let (session, own) = self.open_session(entry, headers, now);
        let cookies = own.into_iter().chain(cookie).collect();
        Ok(Entered { session, cookies, back: "/".to_owned() })
    }

    /// The serial of the token that follows a plain one; a copy takes the pass back.
    fn turned(&self, claims: &Claims, now: Timestamp) -> Result<u64, PassError> {
        let mut passes = lock(&self.inner.passes);
        match turn(passes.get(&claims.pass), claims.serial, now) {
            Turn::Again(serial) => Ok(serial),
            Turn::Next(serial) => {
                // Taken at once: of two that come together, one is the older.
                let state = State::of(&Claims { serial, ..claims.clone() }, now);
                self.inner.journal.put(journal::PASS, claims.pass.as_bytes(), &state);
                drop(passes.put(state));
                Ok(serial)
            }
            Turn::Bound => Err(PassError::ProofNeeded),
            Turn::Copied => {
                drop(passes);
                self.drop_pass(&claims.pass);
                self.end_sessions(|session| session.pass.as_ref() == Some(&claims.pass));
                self.note(&claims.person.id, "pass copied, revoked", &claims.pass, now);
                tracing::warn!(pass = claims.pass, "a pass was used from two places: revoked");
                Err(PassError::Copied)
            }
        }
    }

    fn used(&self, claims: &Claims, now: Timestamp) {
        let state = State::of(claims, now);
        self.inner.journal.put(journal::PASS, claims.pass.as_bytes(), &state);
        drop(lock(&self.inner.passes).put(state));
    }

    /// The claims of the pass that this browser shows, when it is ours, good now and not revoked.
    fn shown_pass(&self, headers: &HeaderMap, now: Timestamp) -> Result<Claims, PassError> {
        let shown = cookies::read(headers, cookies::PASS).ok_or(PassError::None)?;
        let claims = pass::read(&self.keys(), shown)?;
        if claims.school != self.inner.school {
            return Err(PassError::Bad);
        }
        if !claims.counts(now) {
            return Err(PassError::Expired);
        }
        if lock(&self.inner.revocations).covers(&claims) {
            return Err(PassError::Revoked);
        }
        Ok(claims)
    }

    /// The pass that a sign-in at the ENT leaves on the device, and its cookie. A pass of the same
    /// person that is there already is renewed, its key included. `None` when the region's last
    /// day is over.
    pub(super) fn give_pass(
        &self,
        person: &Person,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Option<(String, HeaderValue)>, PassError> {
        let until = pass_until(self.inner.config.pass_until, now, &self.inner.zone);
        if until <= now {
            return Ok(None);
        }
        let kept = self.shown_pass(headers, now).ok().filter(|old| old.person.id == person.id);
        let serial_of = |pass: &str| lock(&self.inner.passes).get(pass).map(|state| state.serial);
        let (pass, serial, device) = match kept {
            Some(old) => {
                let serial = serial_of(&old.pass).map_or(old.serial, |known| known.max(old.serial));
                (old.pass, serial.saturating_add(1), old.device)
            }
            None => (random_name(), 1, None),
        };
        let claims = Claims {
            pass,
            serial,
            person: shortened(person),
            school: self.inner.school.clone(),
            device,
            issued: now,
            until,
            generation: lock(&self.inner.revocations).generation_of(&person.id),
        };
        if !lock(&self.inner.passes).has_room(&claims.pass) {
            return Err(PassError::Unkept("too many passes".to_owned()));
        }
        let cookie = self.sign_pass(&claims, now)?;
        self.remember(&claims, now);
        Ok(Some((claims.pass, cookie)))
    }

    fn remember(&self, claims: &Claims, now: Timestamp) {
        let state = State::of(claims, now);
        self.inner.journal.put(journal::PASS, claims.pass.as_bytes(), &state);
        let gone = lock(&self.inner.passes).put(state);
        for old in gone {
            self.drop_pass(&old.pass);
        }
    }

    fn sign_pass(&self, claims: &Claims, now: Timestamp) -> Result<HeaderValue, PassError> {
        let token = pass::sign(&self.keys(), claims)?;
        let lasts = claims.until.duration_since(now);
        cookies::set(cookies::PASS, &token, Some(lasts))
            .ok_or_else(|| PassError::Unkept("it makes no cookie".to_owned()))
    }

    /// Takes a pass back in memory; written a moment later.
    pub(super) fn drop_pass(&self, pass: &str) {
        let state = lock(&self.inner.passes).remove(pass);
        self.inner.journal.remove(journal::PASS, pass.as_bytes());
        let settled = self.inner.clock.settled();
        let longest = || settled.checked_add(LONGEST_PASS).unwrap_or(settled);
        let until = state.map_or_else(longest, |state| state.until);
        if !lock(&self.inner.revocations).pass(pass, until) {
            tracing::error!("no room to remember that a pass was revoked");
        }
        self.inner.journal.wake.notify_one();
    }

    /// The text that a device signs to bind its key to the pass of this session.
    pub fn challenge(&self, session: &Session, now: Timestamp) -> String {
        let now = self.inner.clock.judged(now);
        proof::challenge(&self.inner.seal, For::Binding(&session.public_id), now)
    }

    /// Binds the session's pass to a key of the device; returns the `Set-Cookie` values.
    pub fn bind_device(
        &self,
        session: &Session,
        headers: &HeaderMap,
        key: &DeviceKey,
        proof: &Proof,
        now: Timestamp,
    ) -> Result<Vec<HeaderValue>, PassError> {
        let now = self.inner.clock.judged(now);
        let claims = self.shown_pass(headers, now)?;
        if session.pass.as_ref() != Some(&claims.pass) {
            return Err(PassError::NotHere);
        }
        let bound = lock(&self.inner.passes).get(&claims.pass).is_some_and(|state| state.bound);
        if claims.device.is_some() || bound {
            // Whoever holds the cookie alone must not put another key in the place of the first.
            return Err(PassError::ProofNeeded);
        }
        let what = For::Binding(&session.public_id);
        lock(&self.inner.challenges).check(&self.inner.seal, what, key, proof, now)?;
        let serial = claims.serial.saturating_add(1);
        let claims = Claims { serial, device: Some(key.clone()), ..claims };
        let cookie = self.sign_pass(&claims, now)?;
        self.used(&claims, now);
        Ok(vec![cookie])
    }
}
