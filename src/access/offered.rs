//! What this room gives and takes: the words of its facade.

use std::sync::Arc;

use http::HeaderValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    error::PassError,
    person::Person,
    session::{Session, Way},
};

/// A sign-in that begins.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub to: Url,
    /// `Set-Cookie` values of the answer.
    pub cookies: Vec<HeaderValue>,
}

/// Someone who came in.
#[derive(Debug)]
pub struct Entered {
    /// Their session.
    pub session: Arc<Session>,
    /// `Set-Cookie` values of the answer.
    pub cookies: Vec<HeaderValue>,
    /// The page of this box they wanted.
    pub back: String,
}

/// What pass the device shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassState {
    /// None.
    None,
    /// One that opens by itself.
    Plain,
    /// One that needs the device's key to sign this challenge.
    Bound {
        /// The text to sign, as its UTF-8 bytes.
        challenge: String,
    },
    /// One that does not open.
    Bad(PassError),
}

/// The public key of a device: WebCrypto ECDSA P-256, `exportKey("raw")` in base64url.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct DeviceKey(pub String);

/// A challenge signed with a device's key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Proof {
    /// The challenge, as it was given.
    pub challenge: String,
    /// WebCrypto's `sign({name: "ECDSA", hash: "SHA-256"}, …)` over its UTF-8 bytes, in base64url.
    pub signature: String,
}

/// A help code, shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpCode {
    /// Two groups of four, such as `K7QM-R3TX`.
    pub code: String,
    /// First moment at which it no longer opens.
    pub until: Timestamp,
}

/// What is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoke {
    /// One device pass, by its name.
    Pass(String),
    /// Everything of one person: passes, sessions, app keys.
    Person(String),
    /// Every pass, session and app key of the box.
    All,
}

/// Everything the box holds of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// Who, as the box knows them.
    pub person: Person,
    /// Where they are signed in now.
    pub sessions: Vec<AboutSession>,
    /// Their devices' passes.
    pub passes: Vec<AboutPass>,
    /// Their reading apps.
    pub app_keys: Vec<AboutAppKey>,
    /// Their *liste ressources*, when there is one.
    pub list: Option<AboutList>,
    /// What they did that is written down.
    pub audit: Vec<AuditLine>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AboutSession {
    /// How they came in.
    pub way: Way,
    /// Since when.
    pub begun: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Is it the one that asks?
    pub this: bool,
}

/// One pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AboutPass {
    /// Its name, by which it is revoked.
    pub id: String,
    /// When it was first made.
    pub issued: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// When it last opened.
    pub used: Timestamp,
    /// Is it bound to a key of the device?
    pub bound: bool,
}

/// One reading app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AboutAppKey {
    /// Names the key without giving any right.
    pub id: String,
    /// What the person called it.
    pub name: String,
    /// When it was made.
    pub made: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// The list of what the GAR gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AboutList {
    /// When it came.
    pub at: Timestamp,
    /// Until when it counts.
    pub until: Timestamp,
    /// Canonical identifiers.
    pub names: Vec<String>,
}

/// One thing done, for who must answer for it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct AuditLine {
    /// When.
    pub at: Timestamp,
    /// Who, by opaque identifier; empty = the box, or a person who was erased.
    pub who: String,
    /// What, such as `codes made`.
    pub what: String,
    /// How many, for which class, which pass: no person.
    pub detail: String,
}
