//! The national identifier of a school.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// 23 letters: the alphabet less I, O and Q.
const KEY_LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPRSTUVWXYZ";

/// *Unité administrative immatriculée*: 7 digits and a key letter, such as `0510035L`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uai(String);

/// Why a text is no UAI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a UAI: 7 digits and a letter were expected, such as 0510035L")]
pub struct BadUai(String);

impl Uai {
    /// The letter that the seven digits call for, when it is not the one given. Test platforms
    /// invent letters, so this is worth a warning and no more.
    pub fn expected_key(&self) -> Option<char> {
        let number: usize = self.0[..7].parse().ok()?;
        let expected = char::from(KEY_LETTERS[number % KEY_LETTERS.len()]);
        (!self.0.ends_with(expected)).then_some(expected)
    }

    /// The identifier as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Uai {
    type Err = BadUai;

    fn from_str(text: &str) -> Result<Self, BadUai> {
        let upper = text.trim().to_ascii_uppercase();
        let bytes = upper.as_bytes();
        let good = bytes.len() == 8
            && bytes[..7].iter().all(u8::is_ascii_digit)
            && bytes[7].is_ascii_uppercase();
        if good { Ok(Self(upper)) } else { Err(BadUai(text.chars().take(40).collect())) }
    }
}

impl TryFrom<String> for Uai {
    type Error = BadUai;

    fn try_from(text: String) -> Result<Self, BadUai> {
        text.parse()
    }
}

impl From<Uai> for String {
    fn from(uai: Uai) -> Self {
        uai.0
    }
}

impl fmt::Display for Uai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_letter_is_checked_but_not_required() {
        let real: Uai = "0510035L".parse().unwrap();
        assert_eq!(real.expected_key(), None);
        let invented: Uai = "0510035a".parse().unwrap();
        assert_eq!(invented.expected_key(), Some('L'));
        assert!("051003L".parse::<Uai>().is_err());
        assert!("é510035L".parse::<Uai>().is_err());
    }
}
