//! Keys of reading apps, which know HTTP Basic and no ENT. Kept as a document, by their hashes.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    AccessError, Session,
    person::Person,
    secret::{TokenHash, letters, random_name},
};
use crate::store::Store;

/// The document.
const DOCUMENT: &str = "access-app-keys";
/// Reading apps of one person.
pub(super) const MAX_OF_PERSON: usize = 5;
/// Reading apps of the school.
pub(super) const MAX_KEYS: usize = 5_000;
/// Letters of a key: 125 bits, which nobody guesses, so that no wait is needed.
const KEY_LETTERS: usize = 25;
/// Letters between dashes.
const GROUP: usize = 5;
/// Characters of a name.
const MAX_NAME_CHARS: usize = 40;
/// Longest credentials looked at, in bytes of base64.
const MAX_BASIC_BYTES: usize = 512;
/// Kept this long past its end: the clock may have been wrong.
const MARGIN: SignedDuration = SignedDuration::from_hours(60 * 24);

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct AppKey {
    pub(super) id: String,
    pub(super) hash: TokenHash,
    pub(super) name: String,
    pub(super) person: Person,
    pub(super) made: Timestamp,
    pub(super) until: Timestamp,
}

/// All keys, each with the session it stands for.
#[derive(Debug, Default)]
pub(super) struct AppKeys {
    by_hash: HashMap<TokenHash, (AppKey, Arc<Session>)>,
}

impl AppKeys {
    /// `session` makes the session of a key. Blocking.
    pub(super) fn open(
        store: &Store,
        session: impl Fn(&AppKey) -> Session,
    ) -> Result<Self, AccessError> {
        let bytes = store.document(DOCUMENT)?.unwrap_or_default();
        let keys: Vec<AppKey> = serde_json::from_slice(&bytes).unwrap_or_default();
        let with_session = |key: AppKey| {
            let session = Arc::new(session(&key));
            (key.hash, (key, session))
        };
        Ok(Self { by_hash: keys.into_iter().map(with_session).collect() })
    }

    /// The session of the app that asks.
    pub(super) fn of_headers(&self, headers: &HeaderMap, now: Timestamp) -> Option<&Arc<Session>> {
        if self.by_hash.is_empty() {
            return None;
        }
        let (key, session) = self.by_hash.get(&given(headers)?)?;
        (key.made <= now && now < key.until).then_some(session)
    }

    /// Adds a key, when there is room.
    pub(super) fn add(&mut self, key: AppKey, session: Session) -> Result<(), AccessError> {
        if self.of_person(&key.person.id).count() >= MAX_OF_PERSON {
            return Err(AccessError::Full {
                what: "reading apps of one person",
                most: MAX_OF_PERSON,
            });
        }
        if self.by_hash.len() >= MAX_KEYS {
            return Err(AccessError::Full { what: "reading apps", most: MAX_KEYS });
        }
        self.by_hash.insert(key.hash, (key, Arc::new(session)));
        Ok(())
    }

    pub(super) fn of_person<'a>(&'a self, person: &'a str) -> impl Iterator<Item = &'a AppKey> {
        self.by_hash.values().map(|(key, _)| key).filter(move |key| key.person.id == person)
    }

    pub(super) fn remove_where(&mut self, which: impl Fn(&AppKey) -> bool) -> usize {
        let before = self.by_hash.len();
        self.by_hash.retain(|_, (key, _)| !which(key));
        before - self.by_hash.len()
    }

    /// Drops what ended long ago.
    pub(super) fn sweep(&mut self, settled: Timestamp) -> bool {
        self.remove_where(|key| settled.duration_since(key.until) > MARGIN) > 0
    }

    /// Gives each session of a person what `change` makes of it.
    pub(super) fn change(&mut self, person: &str, change: impl Fn(&Session) -> Session) {
        for (_, session) in self.by_hash.values_mut().filter(|(key, _)| key.person.id == person) {
            *session = Arc::new(change(session));
        }
    }

    /// Everyone who has a key.
    pub(super) fn persons(&self) -> impl Iterator<Item = &Person> {
        self.by_hash.values().map(|(key, _)| &key.person)
    }

    /// What is written.
    pub(super) fn document(&self) -> Vec<AppKey> {
        self.by_hash.values().map(|(key, _)| key.clone()).collect()
    }
}

/// Blocking.
pub(super) fn write(store: &Store, keys: &[AppKey]) -> Result<(), AccessError> {
    let bytes = serde_json::to_vec(keys).map_err(|error| AccessError::Settings {
        what: "the document of reading apps",
        reason: error.to_string(),
    })?;
    Ok(store.keep_document(DOCUMENT, &bytes)?)
}

/// A new key: what is shown, and what is kept.
pub(super) fn make(
    person: &Person,
    name: &str,
    now: Timestamp,
    until: Timestamp,
) -> (String, AppKey) {
    let plain = letters(KEY_LETTERS);
    let shown: Vec<String> =
        plain.as_bytes().chunks(GROUP).map(|g| String::from_utf8_lossy(g).into_owned()).collect();
    let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
    let key = AppKey {
        id: random_name(),
        hash: TokenHash::of(&plain),
        name: name.trim().to_owned(),
        person: person.clone(),
        made: now,
        until,
    };
    (shown.join("-"), key)
}

/// The hash of the password that came (RFC 7617); the user name says nothing.
fn given(headers: &HeaderMap) -> Option<TokenHash> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let encoded = encoded.trim();
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > MAX_BASIC_BYTES {
        return None;
    }
    let decoded = STANDARD.decode(encoded).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let plain: String = decoded[colon + 1..]
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(|byte| char::from(byte.to_ascii_uppercase()))
        .collect();
    (plain.len() == KEY_LETTERS).then(|| TokenHash::of(&plain))
}
