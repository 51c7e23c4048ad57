//! What was taken back before its time. Kept as a document: it must outlive a lost index.
//!
//! Taking back everything of a person, or of all, raises a generation, and passes of an older one
//! open no more. No clock is asked, so that a wrong one frees no pass and damns no later one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AccessError, Session,
    pass::Claims,
    secret::{TokenHash, hex},
    term::LONGEST_PASS,
};
use crate::store::Store;

/// The document.
const DOCUMENT: &str = "access-revoked";
/// Passes taken back one by one and remembered.
const MAX_PASSES: usize = 50_000;
/// Persons remembered.
const MAX_PERSONS: usize = 20_000;

/// Which passes count: those that are of no older generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Generation {
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) all: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) person: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The generation of a person, and when it last rose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
struct Risen {
    generation: u32,
    at: Timestamp,
}

/// What was taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Revocations {
    all: u32,
    /// By the hash of the identifier: an erased person leaves no name here.
    persons: BTreeMap<String, Risen>,
    /// Until when the pass would have been good.
    passes: BTreeMap<String, Timestamp>,
    #[serde(skip)]
    unwritten: bool,
}

impl Revocations {
    /// Blocking.
    pub(super) fn open(store: &Store) -> Result<Self, AccessError> {
        let Some(bytes) = store.document(DOCUMENT)? else { return Ok(Self::default()) };
        serde_json::from_slice(&bytes).map_err(|error| AccessError::Settings {
            what: "the document of revocations",
            reason: error.to_string(),
        })
    }

    pub(super) fn generation_of(&self, person: &str) -> Generation {
        let person = self.persons.get(&hashed(person)).map_or(0, |risen| risen.generation);
        Generation { all: self.all, person }
    }

    pub(super) fn covers(&self, claims: &Claims) -> bool {
        self.covers_parts(&claims.person.id, claims.generation, Some(&claims.pass))
    }

    /// A session of before, which a crash left on the disk.
    pub(super) fn covers_session(&self, session: &Session) -> bool {
        self.covers_parts(&session.person.id, session.generation, session.pass.as_deref())
    }

    fn covers_parts(&self, person: &str, of: Generation, pass: Option<&str>) -> bool {
        let due = self.generation_of(person);
        of.all < due.all
            || of.person < due.person
            || pass.is_some_and(|pass| self.passes.contains_key(pass))
    }

    /// `false` when there is no room for it.
    pub(super) fn pass(&mut self, pass: &str, until: Timestamp) -> bool {
        if self.passes.len() >= MAX_PASSES {
            return false;
        }
        self.unwritten = true;
        self.passes.insert(pass.to_owned(), until);
        true
    }

    /// `false` when there is no room for it.
    pub(super) fn person(&mut self, person: &str, now: Timestamp) -> bool {
        if self.persons.len() >= MAX_PERSONS {
            return false;
        }
        self.unwritten = true;
        let risen = self.persons.entry(hashed(person)).or_insert(Risen { generation: 0, at: now });
        *risen = Risen { generation: risen.generation.saturating_add(1), at: now.max(risen.at) };
        true
    }

    pub(super) fn everything(&mut self) {
        self.unwritten = true;
        self.all = self.all.saturating_add(1);
    }

    /// Forgets what no pass can need any more.
    pub(super) fn sweep(&mut self, settled: Timestamp) {
        let before = self.persons.len() + self.passes.len();
        let long_ago = |at: Timestamp| settled.duration_since(at) > LONGEST_PASS;
        self.persons.retain(|_, risen| !long_ago(risen.at));
        self.passes.retain(|_, until| !long_ago(*until));
        self.unwritten |= before != self.persons.len() + self.passes.len();
    }

    /// Writes what is not written yet. Blocking.
    pub(super) fn write(&self, store: &Store) -> Result<(), AccessError> {
        let bytes = serde_json::to_vec(self).map_err(|error| AccessError::Settings {
            what: "the document of revocations",
            reason: error.to_string(),
        })?;
        Ok(store.keep_document(DOCUMENT, &bytes)?)
    }

    /// A copy to write, when there is something to write.
    pub(super) fn take_unwritten(&mut self) -> Option<Self> {
        std::mem::take(&mut self.unwritten).then(|| self.clone())
    }

    pub(super) fn write_again(&mut self) {
        self.unwritten = true;
    }
}

fn hashed(person: &str) -> String {
    hex(&TokenHash::of(person).0[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Role, testing};

    fn claims(pass: &str, person: &str, generation: Generation) -> Claims {
        Claims {
            pass: pass.to_owned(),
            serial: 1,
            person: testing::person(person, Role::Pupil),
            school: testing::SCHOOL.parse().unwrap(),
            device: None,
            issued: testing::at(0),
            until: testing::at(9),
            generation,
        }
    }

    #[test]
    fn passes_are_taken_back_one_by_one_by_person_or_all_and_later_ones_count() {
        let mut revoked = Revocations::default();
        let old = Generation::default();
        revoked.pass("a", testing::at(9));
        assert!(revoked.covers(&claims("a", "x", old)) && !revoked.covers(&claims("b", "x", old)));
        revoked.person("x", testing::at(1));
        assert!(revoked.covers(&claims("b", "x", old)) && !revoked.covers(&claims("c", "y", old)));
        assert!(!revoked.covers(&claims("d", "x", revoked.generation_of("x"))));
        revoked.everything();
        assert!(revoked.covers(&claims("c", "y", old)));
        assert!(!revoked.covers(&claims("e", "y", revoked.generation_of("y"))));
    }

    #[test]
    fn what_was_taken_back_stays_so_after_a_restart_and_a_lost_index() {
        let (store, _folder) = testing::store();
        let mut revoked = Revocations::default();
        revoked.pass("a", testing::at(9));
        revoked.person("x", testing::at(1));
        revoked.write(&store).unwrap();
        store.rebuild().unwrap();
        let read = Revocations::open(&store).unwrap();
        assert!(read.covers(&claims("a", "y", Generation::default())));
        assert!(read.covers(&claims("b", "x", Generation::default())));
        let text = String::from_utf8(store.document(DOCUMENT).unwrap().unwrap()).unwrap();
        assert!(!text.contains("\"x\""), "no identifier: {text}");
    }

    #[test]
    fn a_revocation_is_forgotten_when_no_pass_can_be_left_and_never_before() {
        let mut revoked = Revocations::default();
        revoked.pass("a", testing::at(0));
        revoked.person("x", testing::at(0));
        revoked.sweep(testing::at(400 * 86_400));
        assert!(revoked.covers(&claims("a", "x", Generation::default())));
        revoked.sweep(testing::at(400 * 86_400 + 1));
        assert!(!revoked.covers(&claims("a", "x", Generation::default())));
    }
}
