//! Who may read what: everyone on the school's network may read what the school holds for
//! everyone. Pure: a holding and a moment in, a right out.
//!
//! Not here: personal rights (a manual for teachers only, a licence for one class), which need to
//! know who asks. What is not for all pupils is shown, and not lent.

use jiff::Timestamp;

use crate::catalogue::{Holding, Licence};

/// The GAR's word for pupils among the publics of a subscription.
const PUPILS: &str = "ELEVE";

/// May it be read now, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// By everyone on the network.
    Everyone,
    /// Some day: from this moment.
    From(Timestamp),
    /// No longer: since this moment.
    Expired(Timestamp),
    /// Only by publics other than pupils.
    Others,
    /// The school no longer holds it at all.
    Withdrawn,
}

impl Right {
    /// May it be lent?
    pub fn is_lent(self) -> bool {
        self == Self::Everyone
    }
}

/// The right to read a holding. A subscription that is valid for pupils opens it; a holding that
/// nobody subscribed to through the GAR (a free resource of a feed) is everyone's, until its
/// offers end.
pub fn right(holding: &Holding, now: Timestamp) -> Right {
    if holding.licences.is_empty() {
        let ends: Option<Vec<_>> = holding.offers.iter().map(|offer| offer.until).collect();
        let last = ends.and_then(|ends| ends.into_iter().max());
        return last.filter(|end| *end <= now).map_or(Right::Everyone, Right::Expired);
    }
    let pupils: Vec<_> = holding.licences.iter().filter(|l| for_pupils(l)).collect();
    if pupils.is_empty() {
        return Right::Others;
    }
    let begun = |l: &&&Licence| l.from.is_none_or(|from| from <= now);
    let ended = |l: &&&Licence| l.until.is_some_and(|until| until <= now);
    if pupils.iter().any(|l| begun(&l) && !ended(&l)) {
        return Right::Everyone;
    }
    let next = pupils.iter().filter(|l| !ended(l)).filter_map(|l| l.from).min();
    let last = pupils.iter().filter_map(|l| l.until).max();
    match (next, last) {
        (Some(from), _) => Right::From(from),
        (None, Some(until)) => Right::Expired(until),
        (None, None) => Right::Withdrawn,
    }
}

fn for_pupils(licence: &Licence) -> bool {
    licence.publics.is_empty() || licence.publics.iter().any(|p| p == PUPILS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Offer;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn licence(from: i64, until: i64, publics: &[&str]) -> Licence {
        Licence {
            id: "1".into(),
            from: Some(at(from)),
            until: Some(at(until)),
            pupil_licences: None,
            assigned_pupils: 0,
            publics: publics.iter().map(ToString::to_string).collect(),
        }
    }

    fn holding(licences: Vec<Licence>) -> Holding {
        Holding { licences, ..Holding::titled("ark:/49591/x", "x") }
    }

    #[test]
    fn a_licence_opens_its_holding_from_its_first_moment_to_its_last() {
        let held = holding(vec![licence(10, 20, &["ELEVE", "ENSEIGNANT"])]);
        assert_eq!(right(&held, at(9)), Right::From(at(10)));
        assert_eq!(right(&held, at(10)), Right::Everyone);
        assert_eq!(right(&held, at(19)), Right::Everyone);
        assert_eq!(right(&held, at(20)), Right::Expired(at(20)));
    }

    #[test]
    fn last_years_licence_and_next_years_leave_a_gap() {
        let held = holding(vec![licence(0, 10, &[]), licence(20, 30, &[])]);
        assert_eq!(right(&held, at(15)), Right::From(at(20)));
        assert_eq!(right(&held, at(25)), Right::Everyone);
        assert_eq!(right(&held, at(31)), Right::Expired(at(30)));
    }

    #[test]
    fn what_is_for_teachers_is_not_lent_to_everyone() {
        assert_eq!(right(&holding(vec![licence(0, 9, &["ENSEIGNANT"])]), at(5)), Right::Others);
    }

    #[test]
    fn what_needs_no_subscription_is_everyones() {
        assert_eq!(right(&holding(vec![]), at(5)), Right::Everyone);
    }

    #[test]
    fn a_free_resource_is_lent_until_the_last_of_its_offers_ends() {
        let offer = |until: Option<i64>| Offer {
            source: "feed".into(),
            url: "https://books.example.org/a.epub".parse().unwrap(),
            media_type: "application/epub+zip".into(),
            size: None,
            sha256: None,
            version: String::new(),
            until: until.map(at),
        };
        let free = |offers| Holding { offers, ..holding(vec![]) };
        let ending = free(vec![offer(Some(10)), offer(Some(20))]);
        assert_eq!(right(&ending, at(19)), Right::Everyone);
        assert_eq!(right(&ending, at(20)), Right::Expired(at(20)));
        let endless = free(vec![offer(Some(10)), offer(None)]);
        assert_eq!(right(&endless, at(20)), Right::Everyone);
    }
}
