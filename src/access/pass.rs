//! The device pass: a PASETO v4.public token. One version, one algorithm: nothing in the token
//! chooses how it is checked.

use jiff::{SignedDuration, Timestamp};
use pasetors::{
    Public,
    token::UntrustedToken,
    version4::{PublicToken, V4},
};
use serde::{Deserialize, Serialize};

use super::{
    error::PassError, keys::Keys, offered::DeviceKey, person::Person, revocations::Generation,
    term::LONGEST_PASS,
};
use crate::config::Uai;

/// A longer cookie is no pass, in bytes.
const MAX_PASS_BYTES: usize = 4_000;
/// Characters of classes in a pass: a cookie holds 4 KiB in all.
const MAX_CLASSES_BYTES: usize = 900;
/// Schools in a pass.
const MAX_UAIS: usize = 16;
/// A pass made by a clock that was a little ahead counts.
const SLACK: SignedDuration = SignedDuration::from_mins(5);
/// Signed with each pass and written in none: a token made for something else is no pass.
const PURPOSE: &[u8] = b"preau device pass 1";

/// What a pass says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Claims {
    /// Names the pass through its life.
    pub(super) pass: String,
    /// Rises each time a plain pass is used.
    pub(super) serial: u64,
    pub(super) person: Person,
    pub(super) school: Uai,
    /// The device's public key, when the pass is bound to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<DeviceKey>,
    pub(super) issued: Timestamp,
    pub(super) until: Timestamp,
    pub(super) generation: Generation,
}

impl Claims {
    /// Is it good at this moment? One of the future is of a clock that was wrong.
    pub(super) fn counts(&self, now: Timestamp) -> bool {
        self.issued.duration_since(now) <= SLACK
            && now < self.until
            && self.until.duration_since(self.issued) <= LONGEST_PASS
    }
}

/// The person, as far as a cookie has room for them.
pub(super) fn shortened(person: &Person) -> Person {
    let mut short = person.clone();
    short.uais.truncate(MAX_UAIS);
    let mut bytes = 0;
    short.classes.retain(|class| {
        bytes += class.len() + 3;
        bytes <= MAX_CLASSES_BYTES
    });
    short
}

/// The token of these claims, signed with the newest key.
pub(super) fn sign(keys: &Keys, claims: &Claims) -> Result<String, PassError> {
    let unkept = |reason: String| PassError::Unkept(reason);
    let (id, secret) = keys.signing().ok_or_else(|| unkept("no signing key".to_owned()))?;
    let message = serde_json::to_vec(claims).map_err(|e| unkept(e.to_string()))?;
    let footer = Some(id.as_bytes());
    let token = PublicToken::sign(secret, &message, footer, Some(PURPOSE));
    let token = token.map_err(|e| unkept(e.to_string()))?;
    if token.len() > MAX_PASS_BYTES {
        return Err(unkept(format!("{} bytes are too many for a cookie", token.len())));
    }
    Ok(token)
}

/// The claims of a token that one of the box's keys signed. Whether they are still good is asked
/// apart.
pub(super) fn read(keys: &Keys, token: &str) -> Result<Claims, PassError> {
    if token.len() > MAX_PASS_BYTES {
        return Err(PassError::Bad);
    }
    let token = UntrustedToken::<Public, V4>::try_from(token).map_err(|_| PassError::Bad)?;
    let id = std::str::from_utf8(token.untrusted_footer()).map_err(|_| PassError::Bad)?;
    let key = keys.verifying(id).ok_or(PassError::Bad)?;
    let footer = Some(id.as_bytes());
    let trusted = PublicToken::verify(key, &token, footer, Some(PURPOSE));
    let trusted = trusted.map_err(|_| PassError::Bad)?;
    serde_json::from_str(trusted.payload()).map_err(|_| PassError::Bad)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;
    use crate::access::{Role, testing};

    fn claims() -> Claims {
        Claims {
            pass: "p".to_owned(),
            serial: 1,
            person: testing::person("x", Role::Pupil),
            school: testing::SCHOOL.parse().unwrap(),
            device: None,
            issued: testing::at(0),
            until: testing::at(86_400),
            generation: Generation::default(),
        }
    }

    fn keys() -> Keys {
        Keys::open(&testing::store().0, testing::at(0)).unwrap()
    }

    #[test]
    fn a_pass_says_what_was_signed() {
        let keys = keys();
        let token = sign(&keys, &claims()).unwrap();
        assert!(token.starts_with("v4.public."), "{token}");
        assert_eq!(read(&keys, &token).unwrap(), claims());
    }

    #[test]
    fn a_pass_signed_with_another_key_opens_nothing() {
        let (ours, theirs) = (keys(), keys());
        let token = sign(&theirs, &claims()).unwrap();
        assert_eq!(read(&ours, &token), Err(PassError::Bad));
        // Nor when it names our key in its footer.
        let id = URL_SAFE_NO_PAD.encode(ours.signing().unwrap().0);
        let renamed = format!("{}.{id}", token.rsplit_once('.').unwrap().0);
        assert_eq!(read(&ours, &renamed), Err(PassError::Bad));
    }

    #[test]
    fn a_pass_changed_in_any_byte_opens_nothing() {
        let keys = keys();
        let token = sign(&keys, &claims()).unwrap();
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(read(&keys, &changed), Err(PassError::Bad), "byte {place}");
        }
        assert_eq!(read(&keys, &token[..token.len() - 4]), Err(PassError::Bad));
    }

    #[test]
    fn no_header_chooses_another_algorithm() {
        let keys = keys();
        let token = sign(&keys, &claims()).unwrap();
        let body = token.strip_prefix("v4.public.").unwrap();
        for header in ["v4.local.", "v3.public.", "v2.public.", "v1.public.", "none."] {
            assert_eq!(read(&keys, &format!("{header}{body}")), Err(PassError::Bad), "{header}");
        }
        let json = serde_json::to_vec(&claims()).unwrap();
        let unsigned = URL_SAFE_NO_PAD.encode(json);
        for token in [
            format!("v4.public.{unsigned}"),
            format!("eyJhbGciOiJub25lIn0.{unsigned}."),
            format!("eyJhbGciOiJIUzI1NiJ9.{unsigned}.{unsigned}"),
            String::new(),
            "v".repeat(MAX_PASS_BYTES + 1),
        ] {
            assert_eq!(read(&keys, &token), Err(PassError::Bad), "{token}");
        }
    }

    #[test]
    fn a_pass_signed_for_another_purpose_opens_nothing() {
        let keys = keys();
        let (id, secret) = keys.signing().unwrap();
        let message = serde_json::to_vec(&claims()).unwrap();
        let token = PublicToken::sign(secret, &message, Some(id.as_bytes()), None).unwrap();
        assert_eq!(read(&keys, &token), Err(PassError::Bad));
    }

    #[test]
    fn a_pass_counts_from_its_making_to_its_end_whatever_the_clock_says() {
        let claims = claims();
        for (second, counts) in
            [(0, true), (-299, true), (-301, false), (86_399, true), (86_400, false)]
        {
            assert_eq!(claims.counts(testing::at(second)), counts, "{second}");
        }
        let endless = Claims { until: Timestamp::MAX, ..claims };
        assert!(!endless.counts(testing::at(1)), "longer than any pass");
    }

    #[test]
    fn a_person_of_many_classes_still_has_a_pass() {
        let keys = keys();
        let mut person = testing::person(&"x".repeat(128), Role::Teacher);
        person.classes = (0..200).map(|n| format!("Première générale {n}")).collect();
        person.uais = vec![testing::SCHOOL.parse().unwrap(); 100];
        let device = Some(DeviceKey("k".repeat(87)));
        let claims = Claims { person: shortened(&person), device, ..claims() };
        assert!(claims.person.classes.len() > 20);
        assert_eq!(read(&keys, &sign(&keys, &claims).unwrap()).unwrap(), claims);
    }
}
