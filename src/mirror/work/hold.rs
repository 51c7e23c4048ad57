//! What a full store holds back: pure.

use jiff::{SignedDuration, Timestamp};

/// A full store is tried again after this long, if nothing changed in it before.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// Packages that would not fit. Smaller ones may still start: a large one stands in nobody's way.
#[derive(Debug, Default)]
pub(super) struct Hold(Option<Full>);

#[derive(Debug)]
struct Full {
    reason: String,
    until: Timestamp,
    /// Only what needs fewer bytes may start; none when the room needed was not known.
    below: u64,
}

impl Hold {
    /// The store was too full for something that needed `left` more bytes. What may start next
    /// must need half of that at most, so that few tries tell what fits.
    pub fn set(&mut self, left: Option<u64>, reason: String, now: Timestamp) {
        let below = left.unwrap_or(0) / 2;
        let below = self.0.as_ref().filter(|f| now < f.until).map_or(below, |f| f.below.min(below));
        let until = now.saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX);
        self.0 = Some(Full { reason, until, below });
    }

    fn now(&self, now: Timestamp) -> Option<&Full> {
        self.0.as_ref().filter(|full| now < full.until)
    }

    /// May something start that needs `left` more bytes?
    pub fn lets(&self, left: Option<u64>, now: Timestamp) -> bool {
        self.now(now).is_none_or(|full| left.is_some_and(|left| left < full.below))
    }

    /// Why things wait.
    pub fn reason(&self, now: Timestamp) -> Option<&str> {
        self.now(now).map(|full| full.reason.as_str())
    }

    /// When it ends by itself.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        self.now(now).map(|full| full.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_passes_what_does_not_fit() {
        let now = Timestamp::UNIX_EPOCH;
        let mut hold = Hold::default();
        assert!(hold.lets(None, now));
        hold.set(Some(1000), "full".to_owned(), now);
        assert!(!hold.lets(Some(1000), now) && !hold.lets(None, now) && hold.lets(Some(400), now));
        hold.set(Some(400), "full".to_owned(), now);
        assert!(!hold.lets(Some(400), now));
        assert_eq!(hold.reason(now), Some("full"));
        let later = hold.until(now).unwrap();
        assert!(hold.lets(Some(1000), later));
        assert_eq!(hold.reason(later), None);
    }
}
