//! A session: who reads, since when, until when, and what they may open.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    person::{Assigned, Person},
    revocations::Generation,
    rights::{Reader, Right, right},
    secret::TokenHash,
};
use crate::{catalogue::Holding, config::Uai};

/// How a person came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// By the ENT.
    Ent,
    /// By this device's pass.
    Pass,
    /// By a help code.
    Code,
    /// As a reading app, by its key.
    AppKey,
}

/// One person reading on one device. Never changed: a new one takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Session {
    /// Who.
    pub person: Person,
    /// The school of this box.
    pub school: Uai,
    /// What the GAR gave them: kept beside, once a person.
    #[serde(skip)]
    pub assigned: Arc<Assigned>,
    /// How they came in.
    pub way: Way,
    /// Since when.
    pub begun: Timestamp,
    /// First moment at which it no longer counts.
    pub until: Timestamp,
    /// Names the session without giving any right.
    pub public_id: String,
    /// What every form of this session carries.
    pub csrf: String,
    /// The name of the device pass it came in by, or got.
    pub pass: Option<String>,
    /// The hash of what its cookie holds.
    pub(super) token: TokenHash,
    /// The hash of the CAS ticket, by which the ENT ends it (single logout).
    pub(super) ticket: Option<TokenHash>,
    /// Revoking the person, or all, raises it.
    #[serde(default)]
    pub(super) generation: Generation,
}

impl Session {
    /// May this holding be lent to them now?
    pub fn right(&self, holding: &Holding, now: Timestamp) -> Right {
        right(Reader::Person(&self.person, &self.school, &self.assigned), holding, now)
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum Visitor {
    /// Nobody signed in, where one must.
    Nobody,
    /// Anyone on the network of a box without sign-in.
    Anyone,
    /// A person.
    Session(Arc<Session>),
}

impl Visitor {
    /// May this holding be lent to them now?
    pub fn right(&self, holding: &Holding, now: Timestamp) -> Right {
        right(self.reader(), holding, now)
    }

    /// As rights know them.
    pub fn reader(&self) -> Reader<'_> {
        match self {
            Self::Nobody => Reader::Nobody,
            Self::Anyone => Reader::Anyone,
            Self::Session(s) => Reader::Person(&s.person, &s.school, &s.assigned),
        }
    }

    /// The session, when there is one.
    pub fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Session(session) => Some(session),
            Self::Nobody | Self::Anyone => None,
        }
    }
}
