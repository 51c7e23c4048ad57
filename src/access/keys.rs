//! The keys that sign device passes (Ed25519), and the secret of the box's seals.
//!
//! A new signing key is made every 90 days; an old one verifies until the last pass it can have
//! signed has ended.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use pasetors::{
    keys::{AsymmetricKeyPair, AsymmetricPublicKey, AsymmetricSecretKey, Generate},
    version4::V4,
};
use serde::{Deserialize, Serialize};

use super::{
    AccessError,
    secret::{Seal, hex},
    term::LONGEST_PASS,
};
use crate::store::Store;

/// How long a key signs.
const SIGNS_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Files of signing keys.
const PREFIX: &str = "pass-";
/// File of the secret.
const SEAL: &str = "seal";
/// Bytes of the secret.
const SEAL_BYTES: usize = 32;

/// A signing key as it is kept.
#[derive(Deserialize, Serialize)]
struct Kept {
    made: Timestamp,
    secret: String,
}

struct Key {
    made: Timestamp,
    secret: AsymmetricSecretKey<V4>,
    public: AsymmetricPublicKey<V4>,
}

/// The signing keys by identifier.
pub(super) struct Keys {
    all: BTreeMap<String, Key>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.all.keys()).finish()
    }
}

impl Keys {
    /// Reads them; a box without one makes its first. Blocking.
    pub(super) fn open(store: &Store, now: Timestamp) -> Result<Self, AccessError> {
        let mut all = BTreeMap::new();
        for name in store.secrets()? {
            let Some(id) = name.strip_prefix(PREFIX) else { continue };
            if let Some(key) = store.secret(&name)?.as_deref().and_then(read) {
                all.insert(id.to_owned(), key);
            } else {
                tracing::error!(name, "a damaged key: passes it signed open no more");
            }
        }
        let mut keys = Self { all };
        if keys.all.is_empty() {
            keys.make(store, now)?;
        }
        Ok(keys)
    }

    /// A new key when the newest has signed for long enough; old ones go when no pass of theirs
    /// can be left. Blocking.
    pub(super) fn rotated(store: &Store, settled: Timestamp) -> Result<Option<Self>, AccessError> {
        let mut keys = Self::open(store, settled)?;
        let Some((_, newest)) = keys.newest() else { return Ok(None) };
        let mut changed = false;
        if settled.duration_since(newest.made) >= SIGNS_FOR {
            keys.make(store, settled)?;
            changed = true;
        }
        for id in keys.useless(settled) {
            store.forget_secret(&format!("{PREFIX}{id}"))?;
            keys.all.remove(&id);
            changed = true;
        }
        Ok(changed.then_some(keys))
    }

    fn useless(&self, settled: Timestamp) -> Vec<String> {
        let mut by_age: Vec<_> = self.all.iter().map(|(id, key)| (key.made, id)).collect();
        by_age.sort();
        let replaced = by_age.windows(2).map(|pair| (pair[0].1, pair[1].0));
        replaced
            .filter(|(_, at)| settled.duration_since(*at) > LONGEST_PASS)
            .map(|(id, _)| id.clone())
            .collect()
    }

    fn make(&mut self, store: &Store, now: Timestamp) -> Result<(), AccessError> {
        let fault = |name: &str, error: pasetors::errors::Error| AccessError::Key {
            name: name.to_owned(),
            reason: format!("it cannot be made: {error}"),
        };
        let id = hex(&rand::random::<[u8; 6]>());
        let name = format!("{PREFIX}{id}");
        let pair = AsymmetricKeyPair::<V4>::generate().map_err(|e| fault(&name, e))?;
        let kept = Kept { made: now, secret: URL_SAFE_NO_PAD.encode(pair.secret.as_bytes()) };
        let bytes = serde_json::to_vec(&kept)
            .map_err(|error| AccessError::Key { name: name.clone(), reason: error.to_string() })?;
        store.keep_secret(&name, &bytes)?;
        tracing::info!(key = id, "a new key signs device passes");
        self.all.insert(id, Key { made: now, secret: pair.secret, public: pair.public });
        Ok(())
    }

    fn newest(&self) -> Option<(&str, &Key)> {
        let newest = self.all.iter().max_by_key(|(id, key)| (key.made, *id));
        newest.map(|(id, key)| (id.as_str(), key))
    }

    /// The key that signs now, and its identifier.
    pub(super) fn signing(&self) -> Option<(&str, &AsymmetricSecretKey<V4>)> {
        self.newest().map(|(id, key)| (id, &key.secret))
    }

    /// The key of an identifier, to verify with.
    pub(super) fn verifying(&self, id: &str) -> Option<&AsymmetricPublicKey<V4>> {
        self.all.get(id).map(|key| &key.public)
    }
}

fn read(bytes: &[u8]) -> Option<Key> {
    let kept: Kept = serde_json::from_slice(bytes).ok()?;
    let secret = URL_SAFE_NO_PAD.decode(&kept.secret).ok()?;
    let secret = AsymmetricSecretKey::<V4>::from(&secret).ok()?;
    let public = AsymmetricPublicKey::<V4>::try_from(&secret).ok()?;
    Some(Key { made: kept.made, secret, public })
}

/// The secret of the box's seals, made at the first start. Blocking.
pub(super) fn seal(store: &Store) -> Result<Seal, AccessError> {
    if let Some(secret) = store.secret(SEAL)?.filter(|secret| secret.len() == SEAL_BYTES) {
        return Ok(Seal::new(&secret));
    }
    let secret: [u8; SEAL_BYTES] = rand::random();
    store.keep_secret(SEAL, &secret)?;
    Ok(Seal::new(&secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing;

    fn after(days: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + days * 86_400).unwrap()
    }

    #[test]
    fn a_key_signs_for_90_days_and_verifies_as_long_as_its_passes_may_last() {
        let (store, _folder) = testing::store();
        let first = Keys::open(&store, after(0)).unwrap().signing().unwrap().0.to_owned();
        assert!(Keys::rotated(&store, after(89)).unwrap().is_none());
        let keys = Keys::rotated(&store, after(90)).unwrap().unwrap();
        assert_ne!(keys.signing().unwrap().0, first);
        assert!(keys.verifying(&first).is_some());
        let later = Keys::rotated(&store, after(490)).unwrap().unwrap();
        assert!(later.verifying(&first).is_some(), "400 days after its last pass");
        let gone = Keys::rotated(&store, after(491)).unwrap().unwrap();
        assert!(gone.verifying(&first).is_none());
    }

    #[test]
    fn keys_are_there_again_after_a_restart_and_a_damaged_one_is_replaced() {
        let (store, _folder) = testing::store();
        let made = Keys::open(&store, after(0)).unwrap().signing().unwrap().0.to_owned();
        assert_eq!(Keys::open(&store, after(1)).unwrap().signing().unwrap().0, made);
        store.keep_secret(&format!("{PREFIX}{made}"), b"{}").unwrap();
        assert_ne!(Keys::open(&store, after(1)).unwrap().signing().unwrap().0, made);
        let sealed = seal(&store).unwrap().of("x", &[]);
        assert!(seal(&store).unwrap().holds(&sealed, "x", &[]));
    }

    #[test]
    fn a_clock_set_back_makes_no_new_key() {
        let (store, _folder) = testing::store();
        Keys::open(&store, after(0)).unwrap();
        assert!(Keys::rotated(&store, after(-900)).unwrap().is_none());
    }
}
