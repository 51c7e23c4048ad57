//! Random tokens, their hashes, and the box's own seal (HMAC-SHA-256).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of a token: 256 bits, beyond any guessing.
pub(super) const TOKEN_BYTES: usize = 32;
/// A token as it is written in a cookie.
const TOKEN_CHARS: usize = 43;

/// What only its bearer knows. The box keeps its hash.
pub(super) struct Token([u8; TOKEN_BYTES]);

/// The SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TokenHash(pub(super) [u8; TOKEN_BYTES]);

impl Token {
    pub(super) fn random() -> Self {
        Self(rand::random())
    }

    /// The token of a cookie, without allocating: this is asked at every request.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() != TOKEN_CHARS {
            return None;
        }
        let mut bytes = [0; TOKEN_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == TOKEN_BYTES).then_some(Self(bytes))
    }

    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(super) fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl TokenHash {
    /// The hash of any text: help codes and app keys.
    pub(super) fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

/// Never shown whole: what is logged may be read by many.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}…", self.0[0], self.0[1])
    }
}

impl Serialize for TokenHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let token = Token::read(&text);
        token.map(|token| Self(token.0)).ok_or_else(|| serde::de::Error::custom("not a hash"))
    }
}

/// Bytes as small hexadecimal letters, for names of files.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A short random name that gives no right: a session's, a pass's.
pub(super) fn random_name() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>())
}

/// Letters and digits that nobody takes for one another: no 0 and O, no 1 and I. 32 of them, so
/// that five random bits choose one evenly.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// So many random letters, for people to type.
pub(super) fn letters(count: usize) -> String {
    let letter = |_| char::from(ALPHABET[usize::from(rand::random::<u8>() & 31)]);
    (0..count).map(letter).collect()
}

/// Seals what the box hands out and wants to know again, each for one purpose.
#[derive(Clone)]
pub(super) struct Seal(hmac::Key);

impl Seal {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Parts are told apart by their lengths, so that no two lists of them seal alike.
    fn context(&self, purpose: &str, parts: &[&[u8]]) -> hmac::Context {
        let mut context = hmac::Context::with_key(&self.0);
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context
    }

    /// The seal over `parts`, url-safe.
    pub(super) fn of(&self, purpose: &str, parts: &[&[u8]]) -> String {
        URL_SAFE_NO_PAD.encode(self.context(purpose, parts).sign())
    }

    /// Is `seal` the one over `parts`? Takes the same time wherever it differs.
    pub(super) fn holds(&self, seal: &str, purpose: &str, parts: &[&[u8]]) -> bool {
        let Some(given) = Token::read(seal) else { return false };
        let due = self.context(purpose, parts).sign();
        let differing = due.as_ref().iter().zip(given.0).fold(0, |acc, (a, b)| acc | (a ^ b));
        std::hint::black_box(differing) == 0
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_nothing_else_is_one() {
        let token = Token::random();
        assert_eq!(Token::read(&token.text()).unwrap().hash(), token.hash());
        for text in ["", "a", &"a".repeat(44), &"é".repeat(22), &"=".repeat(43)] {
            assert!(Token::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_seal_holds_for_its_purpose_and_its_parts_only() {
        let seal = Seal::new(b"one");
        let made = seal.of("csrf", &[b"ab", b"c"]);
        assert!(seal.holds(&made, "csrf", &[b"ab", b"c"]));
        assert!(!seal.holds(&made, "csrf", &[b"a", b"bc"]));
        assert!(!seal.holds(&made, "capability", &[b"ab", b"c"]));
        assert!(!seal.holds(&made[..42], "csrf", &[b"ab", b"c"]));
        assert!(!Seal::new(b"two").holds(&made, "csrf", &[b"ab", b"c"]));
    }
}
