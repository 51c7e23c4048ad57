//! Help codes: what is remembered of those that may still open.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::secret::{Seal, TokenHash, letters};

/// How long a code opens.
const CODE_TIME: SignedDuration = SignedDuration::from_hours(1);
/// Codes that may open at once, over the whole school. Of 2^40 possible ones, a guess is right
/// once in 500 million.
const MAX_CODES: usize = 2_000;
/// Codes that one person may make within an hour.
const MAX_AN_HOUR: usize = 120;
/// Letters of a code.
const CODE_LETTERS: usize = 8;
/// Where the dash is.
const GROUP: usize = 4;
/// What a code's seal is for: guesses cannot be tried on a stolen disk without the box's secret.
const PURPOSE: &str = "help code";

/// A code that was not used yet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Code {
    pub(super) hash: TokenHash,
    /// Who made it.
    pub(super) by: String,
    pub(super) class: String,
    pub(super) made: Timestamp,
}

impl Code {
    fn counts(&self, now: Timestamp) -> bool {
        self.made <= now && now.duration_since(self.made) < CODE_TIME
    }

    pub(super) fn until(&self) -> Timestamp {
        self.made.checked_add(CODE_TIME).unwrap_or(self.made)
    }
}

/// Why none is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotMade {
    TooOften(SignedDuration),
    Full,
}

/// The codes.
#[derive(Debug, Default)]
pub(super) struct Codes {
    by_hash: HashMap<TokenHash, Code>,
    /// How many each person made, and when.
    made: HashMap<String, Vec<(Timestamp, usize)>>,
}

impl Codes {
    pub(super) fn of(codes: impl IntoIterator<Item = Code>) -> Self {
        let mut all = Self::default();
        for code in codes {
            all.made.entry(code.by.clone()).or_default().push((code.made, 1));
            all.by_hash.insert(code.hash, code);
        }
        all
    }

    /// Makes `count` codes. Returns what is shown, and what is kept.
    pub(super) fn make(
        &mut self,
        seal: &Seal,
        by: &str,
        count: usize,
        class: &str,
        now: Timestamp,
    ) -> Result<Vec<(String, Code)>, NotMade> {
        self.sweep(now);
        let made = self.made.get(by).map(Vec::as_slice).unwrap_or_default();
        if made.iter().map(|(_, count)| count).sum::<usize>() + count > MAX_AN_HOUR {
            let first = made.iter().map(|(at, _)| *at).min().unwrap_or(now);
            return Err(NotMade::TooOften(CODE_TIME - now.duration_since(first)));
        }
        if self.by_hash.len() + count > MAX_CODES {
            return Err(NotMade::Full);
        }
        self.made.entry(by.to_owned()).or_default().push((now, count));
        let one = |_| {
            let text = letters(CODE_LETTERS);
            let code = Code {
                hash: hashed(seal, &text),
                by: by.to_owned(),
                class: class.to_owned(),
                made: now,
            };
            (format!("{}-{}", &text[..GROUP], &text[GROUP..]), code)
        };
        let codes: Vec<(String, Code)> = (0..count).map(one).collect();
        self.by_hash.extend(codes.iter().map(|(_, code)| (code.hash, code.clone())));
        Ok(codes)
    }

    /// Takes a code, once.
    pub(super) fn take(&mut self, hash: TokenHash, now: Timestamp) -> Option<Code> {
        self.by_hash.remove(&hash).filter(|code| code.counts(now))
    }

    /// Drops what opens no more, and returns it.
    pub(super) fn sweep(&mut self, now: Timestamp) -> Vec<Code> {
        let lately =
            |at: Timestamp| (SignedDuration::ZERO..CODE_TIME).contains(&now.duration_since(at));
        for made in self.made.values_mut() {
            made.retain(|(at, _)| lately(*at));
        }
        self.made.retain(|_, made| !made.is_empty());
        let (kept, gone) = std::mem::take(&mut self.by_hash)
            .into_iter()
            .partition(|(_, code): &(_, Code)| code.counts(now));
        self.by_hash = kept;
        let gone: HashMap<TokenHash, Code> = gone;
        gone.into_values().collect()
    }

    /// Takes back the codes that a person made, or all.
    pub(super) fn remove(&mut self, by: Option<&str>) -> Vec<Code> {
        let gone: Vec<Code> =
            self.by_hash.values().filter(|c| by.is_none_or(|by| c.by == by)).cloned().collect();
        for code in &gone {
            self.by_hash.remove(&code.hash);
        }
        gone
    }
}

/// The hash of a code as it was typed: with or without dash, in small letters or not.
pub(super) fn typed(seal: &Seal, text: &str) -> Option<TokenHash> {
    let plain: String = text
        .chars()
        .take(CODE_LETTERS * 3)
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    (plain.len() == CODE_LETTERS).then(|| hashed(seal, &plain))
}

fn hashed(seal: &Seal, plain: &str) -> TokenHash {
    TokenHash::of(&seal.of(PURPOSE, &[plain.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing::at;

    fn make(codes: &mut Codes, count: usize, now: i64) -> Result<Vec<(String, Code)>, NotMade> {
        codes.make(&Seal::new(b"s"), "t", count, "2DE 3", at(now))
    }

    #[test]
    fn a_code_opens_once_within_the_hour_however_it_is_typed() {
        let seal = Seal::new(b"s");
        for (now, opens) in [(3599, true), (3600, false), (-1, false)] {
            let mut codes = Codes::default();
            let (text, _) = make(&mut codes, 1, 0).unwrap().remove(0);
            assert_eq!((text.len(), text.find('-')), (9, Some(4)), "{text}");
            let lazy = text.to_lowercase().replace('-', " ");
            let hash = typed(&seal, &lazy).unwrap();
            assert_eq!(codes.take(hash, at(now)).is_some(), opens, "{now}");
            assert!(codes.take(hash, at(0)).is_none(), "once");
        }
        assert!(typed(&seal, "ABCD-EFG").is_none());
        assert!(typed(&Seal::new(b"t"), "ABCDEFGH") != typed(&seal, "ABCDEFGH"));
    }

    #[test]
    fn a_teacher_makes_three_classes_worth_of_codes_an_hour_and_no_more() {
        let mut codes = Codes::default();
        for now in [0, 10, 20] {
            assert_eq!(make(&mut codes, 40, now).unwrap().len(), 40);
        }
        let wait = SignedDuration::from_secs(3600 - 30);
        assert_eq!(make(&mut codes, 1, 30).unwrap_err(), NotMade::TooOften(wait));
        assert_eq!(make(&mut codes, 40, 3600).unwrap().len(), 40);
        assert!(make(&mut codes, 40, 3600).is_err());
    }

    #[test]
    fn codes_outlive_a_restart_and_their_bound_too() {
        let mut codes = Codes::default();
        let made = make(&mut codes, 40, 0).unwrap();
        let mut again = Codes::of(made.iter().map(|(_, code)| code.clone()));
        assert!(make(&mut again, 40, 1).is_ok() && make(&mut again, 40, 2).is_ok());
        assert!(make(&mut again, 1, 3).is_err());
        let hash = typed(&Seal::new(b"s"), &made[0].0).unwrap();
        assert_eq!(again.take(hash, at(4)).unwrap().class, "2DE 3");
        assert_eq!(again.remove(Some("t")).len(), 119);
    }

    #[test]
    fn codes_are_bounded_over_the_whole_school() {
        let mut codes = Codes::default();
        let seal = Seal::new(b"s");
        for n in 0..MAX_CODES / 40 {
            codes.make(&seal, &n.to_string(), 40, "", at(0)).unwrap();
        }
        assert_eq!(codes.make(&seal, "y", 1, "", at(0)).unwrap_err(), NotMade::Full);
        assert!(codes.make(&seal, "y", 1, "", at(3600)).is_ok());
    }
}
