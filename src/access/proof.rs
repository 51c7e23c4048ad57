//! A device proves that it holds its key: it signs a fresh challenge (WebCrypto, ECDSA on P-256
//! with SHA-256). The key cannot be copied out of the browser, so a copied pass is of no use.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::{
    error::PassError,
    offered::{DeviceKey, Proof},
    secret::{Seal, TokenHash, random_name},
};

/// How long a challenge may be answered.
const CHALLENGE_TIME: SignedDuration = SignedDuration::from_mins(2);
/// Answered challenges remembered at once, so that none is answered twice.
const MAX_USED: usize = 20_000;
/// Characters of a challenge.
const MAX_CHALLENGE_BYTES: usize = 256;
/// Bytes of a point of P-256, uncompressed (SEC 1 §2.3.3).
const POINT_BYTES: usize = 65;
/// Bytes of a signature, `r` and `s` one after the other (IEEE P1363).
const SIGNATURE_BYTES: usize = 64;

/// What is being proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For<'a> {
    /// Entering by the pass of this name.
    Pass(&'a str),
    /// Binding a key to the pass of the session of this name.
    Binding(&'a str),
}

impl For<'_> {
    fn purpose(self) -> &'static str {
        match self {
            Self::Pass(_) => "challenge of a pass",
            Self::Binding(_) => "challenge of a binding",
        }
    }

    fn name(self) -> String {
        let (Self::Pass(name) | Self::Binding(name)) = self;
        name.to_owned()
    }
}

/// A text to sign: `{random}.{second}.{seal}`. The box keeps nothing of it.
pub(super) fn challenge(seal: &Seal, what: For<'_>, now: Timestamp) -> String {
    let (random, second) = (random_name(), now.as_second().to_string());
    let sealed = sealed(seal, what, &random, &second);
    format!("{random}.{second}.{sealed}")
}

fn sealed(seal: &Seal, what: For<'_>, random: &str, second: &str) -> String {
    seal.of(what.purpose(), &[what.name().as_bytes(), random.as_bytes(), second.as_bytes()])
}

/// The challenges answered lately.
#[derive(Debug, Default)]
pub(super) struct Used {
    until: HashMap<TokenHash, Timestamp>,
}

impl Used {
    /// Does the device that holds `key` answer a challenge of ours, fresh and for the first time?
    pub(super) fn check(
        &mut self,
        seal: &Seal,
        what: For<'_>,
        key: &DeviceKey,
        proof: &Proof,
        now: Timestamp,
    ) -> Result<(), PassError> {
        let text = proof.challenge.as_str();
        if text.len() > MAX_CHALLENGE_BYTES {
            return Err(PassError::BadProof);
        }
        let mut parts = text.splitn(3, '.');
        let (Some(random), Some(second), Some(given)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(PassError::BadProof);
        };
        let name = what.name();
        let parts = [name.as_bytes(), random.as_bytes(), second.as_bytes()];
        if !seal.holds(given, what.purpose(), &parts) || !is_fresh(second, now) {
            return Err(PassError::BadProof);
        }
        verify(key, text, &proof.signature).ok_or(PassError::BadProof)?;
        self.once(TokenHash::of(text), now)
    }

    fn once(&mut self, challenge: TokenHash, now: Timestamp) -> Result<(), PassError> {
        if self.until.len() >= MAX_USED {
            self.sweep(now);
        }
        if self.until.len() >= MAX_USED || self.until.contains_key(&challenge) {
            return Err(PassError::BadProof);
        }
        // Twice its time, so that a clock put back a little makes none fresh again.
        let until = now.checked_add(CHALLENGE_TIME * 2).unwrap_or(now);
        self.until.insert(challenge, until);
        Ok(())
    }

    pub(super) fn sweep(&mut self, now: Timestamp) {
        self.until.retain(|_, until| *until > now);
    }
}

fn is_fresh(second: &str, now: Timestamp) -> bool {
    let made = second.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
    made.is_some_and(|made| {
        (SignedDuration::from_secs(-1)..CHALLENGE_TIME).contains(&now.duration_since(made))
    })
}

/// The raw point of a key, when it can be one.
fn point(key: &DeviceKey) -> Option<[u8; POINT_BYTES]> {
    let bytes = exactly(&key.0)?;
    (bytes[0] == 4).then_some(bytes)
}

fn verify(key: &DeviceKey, text: &str, signature: &str) -> Option<()> {
    let signature: [u8; SIGNATURE_BYTES] = exactly(signature)?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(key)?);
    key.verify(text.as_bytes(), &signature).ok()
}

fn exactly<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() > N * 2 {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
pub(super) mod tests {
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
    };

    use super::*;
    use crate::access::testing::at;

    /// A browser's key.
    pub(in crate::access) struct Device(EcdsaKeyPair);

    impl Device {
        pub(in crate::access) fn new() -> Self {
            let (with, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
            let document = EcdsaKeyPair::generate_pkcs8(with, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(with, document.as_ref(), &random).unwrap())
        }

        pub(in crate::access) fn key(&self) -> DeviceKey {
            DeviceKey(URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref()))
        }

        pub(in crate::access) fn answer(&self, challenge: &str) -> Proof {
            let signature = self.0.sign(&SystemRandom::new(), challenge.as_bytes()).unwrap();
            let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
            Proof { challenge: challenge.to_owned(), signature }
        }
    }

    #[test]
    fn a_challenge_is_answered_once_by_the_device_that_holds_the_key() {
        let (seal, device, mut used) = (Seal::new(b"s"), Device::new(), Used::default());
        let what = For::Pass("p");
        let proof = device.answer(&challenge(&seal, what, at(0)));
        let other = Device::new();
        let mut check = |key: &DeviceKey, proof: &Proof| used.check(&seal, what, key, proof, at(9));
        assert_eq!(check(&other.key(), &proof), Err(PassError::BadProof));
        assert_eq!(check(&device.key(), &proof), Ok(()));
        assert_eq!(check(&device.key(), &proof), Err(PassError::BadProof), "replayed");
    }

    #[test]
    fn a_challenge_is_of_this_box_for_this_pass_and_two_minutes() {
        let (seal, device) = (Seal::new(b"s"), Device::new());
        let check = |challenge: &str, what: For<'_>, now: i64| {
            let proof = device.answer(challenge);
            Used::default().check(&seal, what, &device.key(), &proof, at(now)).is_ok()
        };
        let good = challenge(&seal, For::Pass("p"), at(0));
        assert!(check(&good, For::Pass("p"), 119));
        assert!(!check(&good, For::Pass("p"), 120));
        assert!(!check(&good, For::Pass("p"), -10), "made in the future");
        assert!(!check(&good, For::Pass("q"), 1));
        assert!(!check(&good, For::Binding("p"), 1));
        assert!(!check(&challenge(&Seal::new(b"t"), For::Pass("p"), at(0)), For::Pass("p"), 1));
        for text in ["", "a.b", "a.b.c", "...", &"x".repeat(9999)] {
            assert!(!check(text, For::Pass("p"), 1), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_or_no_signature_proves_nothing() {
        let (seal, device) = (Seal::new(b"s"), Device::new());
        let text = challenge(&seal, For::Pass("p"), at(0));
        let good = device.answer(&text);
        let zeros = URL_SAFE_NO_PAD.encode([0; SIGNATURE_BYTES]);
        for signature in ["", "é", "AA", &zeros, &"A".repeat(9999)] {
            let proof = Proof { signature: signature.to_owned(), ..good.clone() };
            let result = Used::default().check(&seal, For::Pass("p"), &device.key(), &proof, at(1));
            assert_eq!(result, Err(PassError::BadProof), "{signature}");
        }
        for key in [String::new(), "AA".to_owned(), URL_SAFE_NO_PAD.encode([4; POINT_BYTES])] {
            let result =
                Used::default().check(&seal, For::Pass("p"), &DeviceKey(key), &good, at(1));
            assert_eq!(result, Err(PassError::BadProof));
        }
    }
}
