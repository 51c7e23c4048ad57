//! A sign-in under way: begun in one browser, good once, for ten minutes.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::secret::{Token, TokenHash, random_name};
use crate::config::Uai;

/// How long a person may take to type a password at the ENT.
const ATTEMPT_TIME: SignedDuration = SignedDuration::from_mins(10);
/// Sign-ins under way at once: the whole of a large school, twice.
const MAX_ATTEMPTS: usize = 8_192;
/// Longest path that one may come back to, in bytes.
const MAX_BACK_BYTES: usize = 1_024;

/// What is remembered of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Sent to the ENT and back: `{UAI}.{random}`.
    pub(super) state: String,
    /// The registered address to come back to, without query: the OpenID `redirect_uri`.
    pub(super) registered: Url,
    /// OpenID: what the ID token must repeat.
    pub(super) nonce: String,
    /// OpenID: the PKCE code verifier (RFC 7636).
    pub(super) verifier: String,
    /// Where the person wanted to go, a path of this box.
    pub(super) back: String,
    /// The hash of what the browser's cookie holds.
    pub(super) browser: TokenHash,
    pub(super) begun: Timestamp,
}

impl Attempt {
    /// A new one, and what the browser keeps.
    pub(super) fn new(school: &Uai, registered: Url, back: &str, now: Timestamp) -> (Self, Token) {
        let token = Token::random();
        let attempt = Self {
            state: format!("{school}.{}", random_name()),
            registered,
            nonce: Token::random().text(),
            verifier: Token::random().text(),
            back: local_path(back).to_owned(),
            browser: token.hash(),
            begun: now,
        };
        (attempt, token)
    }

    /// The CAS `service`: the registered address with the state, as the relay page reads it.
    pub(super) fn service(&self) -> Url {
        let mut url = self.registered.clone();
        url.query_pairs_mut().append_pair("state", &self.state);
        url
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        now.duration_since(self.begun) >= ATTEMPT_TIME || now < self.begun
    }
}

/// The attempts under way.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by_state: HashMap<String, Attempt>,
}

/// Why one is not taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    Unknown,
    OtherBrowser,
}

impl Attempts {
    /// `false` when too many are under way.
    pub(super) fn add(&mut self, attempt: Attempt, now: Timestamp) -> bool {
        if self.by_state.len() >= MAX_ATTEMPTS {
            self.sweep(now);
        }
        if self.by_state.len() >= MAX_ATTEMPTS {
            return false;
        }
        self.by_state.insert(attempt.state.clone(), attempt);
        true
    }

    /// Takes the attempt of this state, once, if this browser began it. Another browser's try
    /// leaves it to its owner.
    pub(super) fn take(
        &mut self,
        state: &str,
        browser: Option<TokenHash>,
        now: Timestamp,
    ) -> Result<Attempt, NotTaken> {
        let attempt = self.by_state.get(state).ok_or(NotTaken::Unknown)?;
        if browser != Some(attempt.browser) {
            return Err(NotTaken::OtherBrowser);
        }
        let attempt = self.by_state.remove(state).ok_or(NotTaken::Unknown)?;
        if attempt.has_ended(now) { Err(NotTaken::Unknown) } else { Ok(attempt) }
    }

    pub(super) fn sweep(&mut self, now: Timestamp) {
        self.by_state.retain(|_, attempt| !attempt.has_ended(now));
    }
}

/// `path` when it is one of this box, `/` otherwise. Browsers take `//host`, `/\host` and what
/// hides behind control characters for other sites.
pub fn local_path(path: &str) -> &str {
    let local = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= MAX_BACK_BYTES
        && path.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'\\');
    if local { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn begin(attempts: &mut Attempts, now: i64) -> (Attempt, Token) {
        let school = "0510035L".parse().unwrap();
        let address = "https://ent.example.org/preau".parse().unwrap();
        let (attempt, token) = Attempt::new(&school, address, "/lire/x", at(now));
        assert!(attempts.add(attempt.clone(), at(now)));
        (attempt, token)
    }

    #[test]
    fn an_answer_of_the_ent_is_taken_once() {
        let mut attempts = Attempts::default();
        let (attempt, token) = begin(&mut attempts, 0);
        let browser = Some(token.hash());
        assert_eq!(attempts.take(&attempt.state, browser, at(9)), Ok(attempt.clone()));
        assert_eq!(attempts.take(&attempt.state, browser, at(9)), Err(NotTaken::Unknown));
    }

    #[test]
    fn an_answer_is_no_use_in_a_browser_that_did_not_ask() {
        let mut attempts = Attempts::default();
        let (attempt, token) = begin(&mut attempts, 0);
        let other = Some(Token::random().hash());
        assert_eq!(attempts.take(&attempt.state, other, at(9)), Err(NotTaken::OtherBrowser));
        assert_eq!(attempts.take(&attempt.state, None, at(9)), Err(NotTaken::OtherBrowser));
        assert!(attempts.take(&attempt.state, Some(token.hash()), at(9)).is_ok());
    }

    #[test]
    fn an_attempt_ends_after_ten_minutes_or_when_the_clock_goes_back() {
        for (now, good) in [(599, true), (600, false), (-1, false)] {
            let mut attempts = Attempts::default();
            let (attempt, token) = begin(&mut attempts, 0);
            let taken = attempts.take(&attempt.state, Some(token.hash()), at(now));
            assert_eq!(taken.is_ok(), good, "{now}");
        }
    }

    #[test]
    fn attempts_are_bounded_and_old_ones_make_room() {
        let mut attempts = Attempts::default();
        for _ in 0..MAX_ATTEMPTS {
            begin(&mut attempts, 0);
        }
        let school = "0510035L".parse().unwrap();
        let address: Url = "https://ent.example.org/preau".parse().unwrap();
        let (one, _) = Attempt::new(&school, address, "/", at(1));
        assert!(!attempts.add(one.clone(), at(1)));
        assert!(attempts.add(one, at(601)));
    }

    #[test]
    fn the_state_names_the_school_for_the_relay_page() {
        let (attempt, _) = begin(&mut Attempts::default(), 0);
        assert!(attempt.state.starts_with("0510035L."), "{}", attempt.state);
        assert!(attempt.service().as_str().contains("?state=0510035L."));
    }

    #[test]
    fn one_only_comes_back_to_a_page_of_this_box() {
        for path in ["/", "/lire/abc?page=3#x", "/moi"] {
            assert_eq!(local_path(path), path);
        }
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil",
            "https://evil.example/",
            "evil",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: x=y",
            "/é",
            "/a b",
        ] {
            assert_eq!(local_path(path), "/", "{path}");
        }
        assert_eq!(local_path(&format!("/{}", "a".repeat(MAX_BACK_BYTES))), "/");
    }
}
