//! Why someone does not come in, in words that the pages turn into advice.

use std::time::Duration;

use super::attributes::Unmapped;
use crate::{net::client::ClientError, store::StoreError};

/// Characters repeated of a reason that came from outside.
const MAX_REASON_CHARS: usize = 300;

/// The room cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The school's time zone is not known.
    #[error("time zone {name}: {reason}; a name such as Europe/Paris was expected")]
    TimeZone {
        /// The name in the configuration.
        name: String,
        /// Why.
        reason: String,
    },
    /// Something cannot be read or kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client for the ENT or the list of a person.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Where people come back to is no address.
    #[error("{what}: {reason}")]
    Settings {
        /// Which key.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A key of the box cannot be used.
    #[error("the key {name} of the box: {reason}")]
    Key {
        /// Its file.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no more room for what was asked.
    #[error("{what}: {most} at most")]
    Full {
        /// Of what.
        what: &'static str,
        /// The bound.
        most: usize,
    },
}

/// Why a sign-in at the ENT did not end well. Says nothing of the person, the ticket or the code.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignInError {
    /// The box has no ENT.
    #[error("no ENT is configured")]
    NotConfigured,
    /// The ENT does not answer: a pass or a help code may still do.
    #[error("the ENT does not answer: {reason}")]
    Unreachable {
        /// The client's words.
        reason: String,
    },
    /// The attempt is unknown, too old or already used: begin again.
    #[error("this sign-in is too old, or was used already")]
    Attempt,
    /// The attempt was begun in another browser.
    #[error("this sign-in was begun in another browser")]
    OtherBrowser,
    /// The ENT says no.
    #[error("the ENT refuses: {reason}")]
    Refused {
        /// Its code, such as `INVALID_TICKET` or `access_denied`.
        reason: String,
    },
    /// What the ENT said cannot be trusted or understood.
    #[error("the answer of the ENT cannot be taken: {reason}")]
    Answer {
        /// What is wrong with it.
        reason: String,
    },
    /// The ENT does not say who it is, of which school or in which role.
    #[error(transparent)]
    Unmapped(#[from] Unmapped),
    /// A person of another school.
    #[error("a person of another school")]
    OtherSchool,
    /// Too many people sign in at this very moment.
    #[error("too many sign-ins are under way")]
    Busy,
}

impl SignInError {
    /// A refusal, in the ENT's own word.
    pub(super) fn refused(code: &str) -> Self {
        Self::Refused { reason: bounded(code) }
    }

    /// An answer that is of no use.
    pub(super) fn answer(reason: impl std::fmt::Display) -> Self {
        Self::Answer { reason: bounded(&reason.to_string()) }
    }
}

/// One bounded line of foreign words.
fn bounded(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REASON_CHARS).collect()
}

/// Why a device pass does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// The device shows none.
    #[error("no pass")]
    None,
    /// It is no pass of this box.
    #[error("not a pass of this box")]
    Bad,
    /// Its time is over, or not come yet.
    #[error("the pass has ended")]
    Expired,
    /// It was taken back.
    #[error("the pass was revoked")]
    Revoked,
    /// It was copied: an older state of it came again, so it is revoked.
    #[error("the pass was used from two places, and is revoked")]
    Copied,
    /// The device's key must sign a challenge.
    #[error("the device must prove its key")]
    ProofNeeded,
    /// The proof is not of this device, or of a challenge too old or used.
    #[error("the proof does not hold")]
    BadProof,
    /// Too many failures: wait.
    #[error("wait {0:?}")]
    Wait(Duration),
    /// The session cannot have a pass: it came by a help code or a reading app.
    #[error("this session gets no pass")]
    NotHere,
    /// It cannot be kept or signed.
    #[error("the pass cannot be made: {0}")]
    Unkept(String),
}

/// Why there are no help codes, or one does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Only teachers and documentalistes make codes.
    #[error("not for this role")]
    NotForRole,
    /// None, or too many at once.
    #[error("1 to {most} at once")]
    Count {
        /// The bound.
        most: usize,
    },
    /// The class is no name of a class.
    #[error("not the name of a class")]
    Class,
    /// Too many were made lately: wait.
    #[error("too many codes were made: wait {0:?}")]
    TooOften(Duration),
    /// Unknown, used or too old.
    #[error("an unknown, used or old code")]
    Unknown,
    /// Too many failures from this device: wait.
    #[error("wait {0:?}")]
    Wait(Duration),
    /// It cannot be kept.
    #[error("the codes cannot be kept: {0}")]
    Unkept(String),
}
