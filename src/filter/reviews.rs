//! What pupils asked the CMIL to look at again, and what was answered: kept with the box's other
//! documents, bounded, and without a name.
//!
//! The rule. A request holds the site, what refused it, and the device's address, to which the
//! answer is shown. The address goes a week after the answer, or a month after a request that
//! nobody answered; the rest stays for thirteen months, for who looks back on the filter.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    access::Role,
    store::{Store, StoreError},
};

/// Requests that wait for an answer, over the whole school.
const MAX_OPEN: usize = 300;
/// Requests kept; of those answered the oldest go first.
const MAX_KEPT: usize = 1_000;
/// Requests of one device within an hour.
const MAX_AN_HOUR: usize = 5;
const AN_HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Requests of one device shown to it.
const MAX_SHOWN: usize = 20;
/// Characters of what a pupil wrote, of an answer, and of who answered.
pub const MAX_PHRASE_CHARS: usize = 200;
const MAX_ANSWER_CHARS: usize = 400;
const MAX_BY_CHARS: usize = 100;
/// Characters of a site, a category, a rule, a profile.
const MAX_WORD_CHARS: usize = 260;
/// The address of an answered request, of one that waits, and the request itself.
const ANSWER_SHOWN: SignedDuration = SignedDuration::from_hours(7 * 24);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(30 * 24);
const KEPT: SignedDuration = SignedDuration::from_hours(396 * 24);
/// Where they are kept.
const DOCUMENT: &str = "filter-reviews";

/// A request to look at a refusal again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Its number.
    pub id: u32,
    /// When it was asked.
    pub at: Timestamp,
    /// What was asked for.
    #[serde(flatten)]
    pub wish: Wish,
    /// The device that asked; nothing once it is not needed any more.
    pub device: Option<IpAddr>,
    /// What came of it.
    pub answer: Option<Answer>,
}

/// What a device asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The host that was refused.
    pub site: String,
    /// The category that denied it, if one did.
    pub category: Option<String>,
    /// The rule that denied it.
    pub rule: String,
    /// By whose rules.
    pub profile: Option<String>,
    /// What the person who was signed in on the device is, if somebody was.
    pub role: Option<Role>,
    /// What they wrote; may be empty.
    pub phrase: String,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// The words, for the pupil.
    pub text: String,
    /// Who answered, as they say.
    pub by: String,
}

/// Why a request was not taken, or not answered.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The device asked for too many.
    #[error("this device asked for {MAX_AN_HOUR} within the hour: later")]
    TooOften,
    /// Too many wait.
    #[error("{MAX_OPEN} requests wait for an answer: answer some")]
    Full,
    /// There is none of this number.
    #[error("no request has the number {0}: see `preau filter reviews`")]
    Unknown(u32),
    /// An answer without a word.
    #[error("an answer has at least a word")]
    Empty,
    /// It could not be written down, and was not taken.
    #[error("not written down: {0}")]
    Store(#[from] StoreError),
}

/// All that are kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reviews(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kept: ArcSwap<Kept>,
    /// One change at a time; never held while reading.
    changing: Mutex<()>,
    store: Store,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Kept {
    /// The number of the last one.
    last: u32,
    /// Oldest first.
    all: Vec<Review>,
}

impl Reviews {
    /// Those that are kept. Blocking.
    pub(super) fn open(store: Store) -> Result<Self, StoreError> {
        let kept = store.document(DOCUMENT)?;
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let kept = ArcSwap::from_pointee(kept.unwrap_or_default());
        Ok(Self(Arc::new(Inner { kept, changing: Mutex::default(), store })))
    }

    /// A device asks. What it asked for already, and nobody answered, is not asked twice. Blocking.
    ///
    /// # Errors
    /// Too often, too many, or not written down.
    pub fn ask(&self, device: IpAddr, wish: Wish, now: Timestamp) -> Result<Review, ReviewError> {
        let device = device.to_canonical();
        self.change(|kept| kept.ask(device, wish.clean(), now))
    }

    /// Answers one, or changes its answer. Blocking.
    ///
    /// # Errors
    /// There is none of this number, no word, or not written down.
    pub fn answer(
        &self,
        id: u32,
        text: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Review, ReviewError> {
        let text = one_line(text, MAX_ANSWER_CHARS);
        if text.is_empty() {
            return Err(ReviewError::Empty);
        }
        let answer = Answer { at: now, text, by: one_line(by, MAX_BY_CHARS) };
        self.change(|kept| {
            let mut all = kept.all.iter_mut();
            let review = all.find(|one| one.id == id).ok_or(ReviewError::Unknown(id))?;
            review.answer = Some(answer);
            Ok(review.clone())
        })
    }

    /// Those that wait, oldest first, then those answered, newest first.
    pub fn all(&self) -> Vec<Review> {
        let kept = self.0.kept.load();
        let waiting = kept.all.iter().filter(|one| one.answer.is_none());
        let answered = kept.all.iter().rev().filter(|one| one.answer.is_some());
        waiting.chain(answered).cloned().collect()
    }

    /// What this device asked, newest first.
    pub fn of(&self, device: IpAddr, now: Timestamp) -> Vec<Review> {
        let device = Some(device.to_canonical());
        let kept = self.0.kept.load();
        let own = kept.all.iter().rev().filter(|one| one.device == device && one.is_shown(now));
        own.take(MAX_SHOWN).cloned().collect()
    }

    /// Forgets what is not needed any more. Blocking.
    pub(super) fn tend(&self, now: Timestamp) -> Result<(), StoreError> {
        let due = |one: &Review| !one.is_kept(now) || one.device.is_some() && !one.is_shown(now);
        if !self.0.kept.load().all.iter().any(due) {
            return Ok(());
        }
        let forgotten = self.change(|kept| {
            kept.all.retain(|one| one.is_kept(now));
            for one in kept.all.iter_mut().filter(|one| !one.is_shown(now)) {
                one.device = None;
            }
            Ok(())
        });
        match forgotten {
            Err(ReviewError::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Written down before it counts.
    fn change<T>(
        &self,
        work: impl FnOnce(&mut Kept) -> Result<T, ReviewError>,
    ) -> Result<T, ReviewError> {
        let _one = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.0.kept.load_full();
        let mut kept = (*before).clone();
        let done = work(&mut kept)?;
        if kept.all != before.all {
            // Texts, numbers and addresses: they can always be written.
            let bytes = serde_json::to_vec(&kept).unwrap_or_default();
            self.0.store.keep_document(DOCUMENT, &bytes)?;
            self.0.kept.store(Arc::new(kept));
        }
        Ok(done)
    }
}

impl Kept {
    fn ask(&mut self, device: IpAddr, wish: Wish, now: Timestamp) -> Result<Review, ReviewError> {
        let open = || self.all.iter().filter(|one| one.answer.is_none());
        let again = open().find(|one| one.device == Some(device) && one.wish.site == wish.site);
        if let Some(again) = again {
            return Ok(again.clone());
        }
        let lately = self.all.iter().filter(|one| {
            let since = now.duration_since(one.at);
            since < AN_HOUR && one.device.is_some_and(|other| is_of(other, device))
        });
        if lately.count() >= MAX_AN_HOUR {
            return Err(ReviewError::TooOften);
        }
        if open().count() >= MAX_OPEN {
            return Err(ReviewError::Full);
        }
        if self.all.len() >= MAX_KEPT
            && let Some(oldest) = self.all.iter().position(|one| one.answer.is_some())
        {
            self.all.remove(oldest);
        }
        self.last = self.last.wrapping_add(1);
        let review = Review { id: self.last, at: now, wish, device: Some(device), answer: None };
        self.all.push(review.clone());
        Ok(review)
    }
}

impl Review {
    /// Is its address still needed?
    fn is_shown(&self, now: Timestamp) -> bool {
        match &self.answer {
            Some(answer) => now.duration_since(answer.at) < ANSWER_SHOWN,
            None => now.duration_since(self.at) < LONGEST_WAIT,
        }
    }

    fn is_kept(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) < KEPT
    }
}

impl Wish {
    /// Each text on one line, of a bounded length.
    fn clean(self) -> Self {
        let short = |text: Option<String>| text.map(|text| one_line(&text, MAX_WORD_CHARS));
        Self {
            site: one_line(&self.site, MAX_WORD_CHARS),
            category: short(self.category),
            rule: one_line(&self.rule, MAX_WORD_CHARS),
            profile: short(self.profile),
            role: self.role,
            phrase: one_line(&self.phrase, MAX_PHRASE_CHARS),
        }
    }
}

/// The devices of one IPv6 network choose the rest of their addresses as they like.
fn is_of(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V6(one), IpAddr::V6(other)) => one.segments()[..4] == other.segments()[..4],
        (one, other) => one == other,
    }
}

/// Plain text on one line: nothing that moves a terminal's cursor or turns the text around.
fn one_line(text: &str, most_chars: usize) -> String {
    let unseen = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().filter(|c| !unseen(*c)).take(most_chars).collect()
}

#[cfg(test)]
#[path = "reviews_tests.rs"]
mod tests;
