//! Who may read what. Pure: a reader, a holding with its subscriptions, and a moment in; a right
//! out, which says why not.

use jiff::Timestamp;

use super::person::{Assigned, Person, Role};
use crate::{
    catalogue::{Holding, Licence},
    config::Uai,
};

/// Who wants to read.
#[derive(Debug, Clone, Copy)]
pub enum Reader<'a> {
    /// Nobody signed in, where one must.
    Nobody,
    /// Anyone on the network of a box without sign-in: as a pupil of the school.
    Anyone,
    /// A person, at the school of this box, with what the GAR gave them.
    Person(&'a Person, &'a Uai, &'a Assigned),
}

/// May it be read now, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Yes.
    Granted,
    /// Some day: from this moment.
    From(Timestamp),
    /// No longer: since this moment.
    Expired(Timestamp),
    /// Only by others than this reader's role.
    NotForRole,
    /// It is given to persons one by one, and not to this one.
    NoLicence,
    /// It is given to persons one by one, and the list of this one is unknown, or too old since.
    ListTooOld(Option<Timestamp>),
    /// The reader is of another school.
    OtherSchool,
    /// The school no longer holds it at all.
    Withdrawn,
    /// Nobody signed in.
    SignIn,
}

impl Right {
    /// May it be lent?
    pub fn is_lent(self) -> bool {
        self == Self::Granted
    }
}

/// The right of a reader to a holding.
///
/// A holding without subscription (a free resource of a feed) is every reader's until its offers
/// end. Else a subscription must be for the reader's role and valid now; and where it is given to
/// persons one by one (`typeAffectation` INDIV), it must be in the reader's own list.
pub fn right(reader: Reader<'_>, holding: &Holding, now: Timestamp) -> Right {
    let (role, assigned) = match reader {
        Reader::Nobody => return Right::SignIn,
        Reader::Anyone => (Role::Pupil, &Assigned::ByRole),
        Reader::Person(person, school, assigned) => {
            if !person.uais.contains(school) {
                return Right::OtherSchool;
            }
            (person.role, assigned)
        }
    };
    if holding.licences.is_empty() {
        let ends: Option<Vec<_>> = holding.offers.iter().map(|offer| offer.until).collect();
        let last = ends.and_then(|ends| ends.into_iter().max());
        return last.filter(|end| *end <= now).map_or(Right::Granted, Right::Expired);
    }
    let mine: Vec<_> = holding.licences.iter().filter(|l| is_for(l, role)).collect();
    if mine.is_empty() {
        return Right::NotForRole;
    }
    let valid: Vec<_> = mine.iter().filter(|l| has_begun(l, now) && !has_ended(l, now)).collect();
    if !valid.is_empty() {
        return if valid.iter().any(|l| !l.individual) {
            Right::Granted
        } else {
            given(assigned, holding, now)
        };
    }
    let next = mine.iter().filter(|l| !has_ended(l, now)).filter_map(|l| l.from).min();
    let last = mine.iter().filter_map(|l| l.until).max();
    match (next, last) {
        (Some(from), _) => Right::From(from),
        (None, Some(until)) => Right::Expired(until),
        (None, None) => Right::Withdrawn,
    }
}

/// The first moment at which a right that is granted now is sure no longer to be, when one is
/// known: the end of the last subscription that grants it, or of the person's list where it is
/// given to persons one by one.
pub fn ends(reader: Reader<'_>, holding: &Holding, now: Timestamp) -> Option<Timestamp> {
    let (role, assigned) = match reader {
        Reader::Nobody => return Some(now),
        Reader::Anyone => (Role::Pupil, &Assigned::ByRole),
        Reader::Person(person, _, assigned) => (person.role, assigned),
    };
    if holding.licences.is_empty() {
        let ends: Option<Vec<_>> = holding.offers.iter().map(|offer| offer.until).collect();
        return ends.and_then(|ends| ends.into_iter().max());
    }
    let of_list = match assigned {
        Assigned::Known { until, .. } => Some(*until),
        Assigned::ByRole | Assigned::Unknown => None,
    };
    let grants = |l: &&Licence| is_for(l, role) && has_begun(l, now) && !has_ended(l, now);
    let end = |l: &Licence| match (l.until, of_list.filter(|_| l.individual)) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let ends: Option<Vec<_>> = holding.licences.iter().filter(grants).map(end).collect();
    ends.map(|ends| ends.into_iter().max().unwrap_or(now))
}

fn given(assigned: &Assigned, holding: &Holding, now: Timestamp) -> Right {
    match assigned {
        Assigned::ByRole => Right::Granted,
        Assigned::Unknown => Right::ListTooOld(None),
        Assigned::Known { until, .. } if *until <= now => Right::ListTooOld(Some(*until)),
        Assigned::Known { names, .. } if holding.names().any(|name| names.contains(name)) => {
            Right::Granted
        }
        Assigned::Known { .. } => Right::NoLicence,
    }
}

fn is_for(licence: &Licence, role: Role) -> bool {
    licence.publics.is_empty() || licence.publics.iter().any(|p| p == role.public())
}

fn has_begun(licence: &Licence, now: Timestamp) -> bool {
    licence.from.is_none_or(|from| from <= now)
}

fn has_ended(licence: &Licence, now: Timestamp) -> bool {
    licence.until.is_some_and(|until| until <= now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Offer;

    fn right(holding: &Holding, now: Timestamp) -> Right {
        super::right(Reader::Anyone, holding, now)
    }

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
            individual: false,
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
        assert_eq!(right(&held, at(10)), Right::Granted);
        assert_eq!(right(&held, at(19)), Right::Granted);
        assert_eq!(right(&held, at(20)), Right::Expired(at(20)));
    }

    #[test]
    fn last_years_licence_and_next_years_leave_a_gap() {
        let held = holding(vec![licence(0, 10, &[]), licence(20, 30, &[])]);
        assert_eq!(right(&held, at(15)), Right::From(at(20)));
        assert_eq!(right(&held, at(25)), Right::Granted);
        assert_eq!(right(&held, at(31)), Right::Expired(at(30)));
    }

    #[test]
    fn a_granted_right_ends_with_the_last_licence_or_the_persons_own_list() {
        let held = holding(vec![licence(0, 20, &[]), licence(5, 30, &[]), licence(40, 50, &[])]);
        let end = |reader, held: &Holding, now| ends(reader, held, at(now));
        assert_eq!(end(Reader::Anyone, &held, 10), Some(at(30)));
        assert_eq!(end(Reader::Anyone, &held, 35), Some(at(35)), "nothing is granted");
        assert_eq!(end(Reader::Nobody, &held, 10), Some(at(10)));
        let one_by_one = |licence| Licence { individual: true, ..licence };
        let held = holding(vec![one_by_one(licence(0, 30, &[]))]);
        let uai: Uai = "0510035L".parse().unwrap();
        let person =
            Person { id: "x".into(), role: Role::Pupil, uais: vec![uai.clone()], classes: vec![] };
        let names = std::collections::BTreeSet::new();
        let list = Assigned::Known { names, until: at(20) };
        assert_eq!(end(Reader::Person(&person, &uai, &list), &held, 10), Some(at(20)));
        let endless = Licence { until: None, ..licence(0, 1, &[]) };
        assert_eq!(end(Reader::Person(&person, &uai, &list), &holding(vec![endless]), 10), None);
    }

    #[test]
    fn what_is_for_teachers_is_not_lent_to_everyone() {
        assert_eq!(right(&holding(vec![licence(0, 9, &["ENSEIGNANT"])]), at(5)), Right::NotForRole);
    }

    #[test]
    fn what_needs_no_subscription_is_everyones() {
        assert_eq!(right(&holding(vec![]), at(5)), Right::Granted);
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
        assert_eq!(right(&ending, at(19)), Right::Granted);
        assert_eq!(right(&ending, at(20)), Right::Expired(at(20)));
        let endless = free(vec![offer(Some(10)), offer(None)]);
        assert_eq!(right(&endless, at(20)), Right::Granted);
    }

    fn person(role: Role, uai: &str) -> Person {
        let uais = vec![uai.parse().unwrap()];
        Person { id: "x".to_owned(), role, uais, classes: vec![] }
    }

    fn right_of(person: &Person, assigned: &Assigned, holding: &Holding, now: i64) -> Right {
        let school = "0510035L".parse().unwrap();
        super::right(Reader::Person(person, &school, assigned), holding, at(now))
    }

    #[test]
    fn each_role_opens_what_is_for_its_public() {
        let publics = ["ELEVE", "ENSEIGNANT", "DOCUMENTALISTE", "AUTRE PERSONNEL"];
        let roles = [
            (Role::Pupil, 0),
            (Role::Teacher, 1),
            (Role::Documentaliste, 2),
            (Role::Head, 3),
            (Role::Staff, 3),
        ];
        for (role, own) in roles {
            for (number, public) in publics.iter().enumerate() {
                let held = holding(vec![licence(0, 9, &[public])]);
                let got = right_of(&person(role, "0510035L"), &Assigned::ByRole, &held, 5);
                let due = if number == own { Right::Granted } else { Right::NotForRole };
                assert_eq!(got, due, "{role:?}, {public}");
            }
        }
    }

    #[test]
    fn what_is_given_one_by_one_is_lent_to_those_on_whose_list_it_is() {
        let individual = |until| Licence { individual: true, ..licence(0, until, &[]) };
        let held = holding(vec![individual(100)]);
        let pupil = person(Role::Pupil, "0510035L");
        let list = |name: &str, until| Assigned::Known {
            names: [name.to_owned()].into(),
            until: at(until),
        };
        let mine = list("ark:/49591/x", 50);
        assert_eq!(right_of(&pupil, &mine, &held, 5), Right::Granted);
        assert_eq!(right_of(&pupil, &list("ark:/49591/y", 50), &held, 5), Right::NoLicence);
        assert_eq!(right_of(&pupil, &mine, &held, 50), Right::ListTooOld(Some(at(50))));
        assert_eq!(right_of(&pupil, &Assigned::Unknown, &held, 5), Right::ListTooOld(None));
        assert_eq!(right_of(&pupil, &Assigned::ByRole, &held, 5), Right::Granted);
        assert_eq!(right_of(&pupil, &mine, &held, 100), Right::Expired(at(100)));
        // A licence for the whole school beside it asks for no list.
        let both = holding(vec![individual(100), licence(0, 100, &[])]);
        assert_eq!(right_of(&pupil, &Assigned::Unknown, &both, 5), Right::Granted);
    }

    #[test]
    fn a_person_of_another_school_opens_nothing_not_even_what_is_free() {
        let other = person(Role::Pupil, "0510036M");
        for held in [holding(vec![]), holding(vec![licence(0, 9, &[])])] {
            let got = right_of(&other, &Assigned::ByRole, &held, 5);
            assert_eq!(got, Right::OtherSchool);
        }
    }

    #[test]
    fn a_clock_that_jumps_opens_nothing_before_or_after_its_time() {
        let held = holding(vec![licence(1_000, 2_000, &[])]);
        let pupil = person(Role::Pupil, "0510035L");
        let got = |now| right_of(&pupil, &Assigned::ByRole, &held, now);
        assert_eq!(got(0), Right::From(at(1_000)));
        assert_eq!(got(1_500), Right::Granted);
        assert_eq!(got(4_000_000_000), Right::Expired(at(2_000)));
        assert_eq!(got(1_500), Right::Granted, "and again when it is put right");
    }

    #[test]
    fn nobody_is_asked_to_sign_in() {
        let held = holding(vec![]);
        assert_eq!(super::right(Reader::Nobody, &held, at(0)), Right::SignIn);
    }
}
