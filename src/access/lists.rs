//! *Listes ressources*: what the GAR gave each person, kept to its stated date. Pure but for
//! reading and writing the documents, one a person.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use http::{
    HeaderMap,
    header::{CACHE_CONTROL, EXPIRES},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    AccessError,
    offered::AboutList,
    person::Assigned,
    secret::{TokenHash, hex},
};
use crate::{config::Uai, store::Store};

/// Documents begin with it; the hash of the identifier follows.
const PREFIX: &str = "access-list-";
/// Persons whose lists are kept.
const MAX_LISTS: usize = 20_000;
/// Resources of one person at one school.
const MAX_NAMES: usize = 5_000;
/// A list older than this is asked again when the link is up.
pub(super) const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// After a try, wait this long before the next.
const RETRY_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// No answer counts for longer, whatever it says.
const LONGEST: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Kept this long past its end: the clock may have been wrong.
const MARGIN: SignedDuration = SignedDuration::from_hours(60 * 24);

/// What one school's answer said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Part {
    pub(super) at: Timestamp,
    pub(super) until: Timestamp,
    pub(super) names: BTreeSet<String>,
}

impl Part {
    pub(super) fn new(names: Vec<String>, at: Timestamp, until: Timestamp) -> Self {
        Self { at, until, names: names.into_iter().take(MAX_NAMES).collect() }
    }
}

/// The list of one person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct List {
    pub(super) person: String,
    /// By school: one that fails keeps what it last had.
    pub(super) parts: BTreeMap<Uai, Part>,
}

impl List {
    /// What it gives now. A part that has ended gives nothing more; when all have, the last end is
    /// told.
    fn assigned(&self, now: Timestamp) -> Assigned {
        let valid: Vec<&Part> = self.parts.values().filter(|part| now < part.until).collect();
        let until = valid.iter().map(|part| part.until).min();
        match until.or(self.until()) {
            Some(until) => {
                let names = valid.iter().flat_map(|part| part.names.iter().cloned()).collect();
                Assigned::Known { names, until }
            }
            None => Assigned::Unknown,
        }
    }

    fn until(&self) -> Option<Timestamp> {
        self.parts.values().map(|part| part.until).max()
    }

    /// The oldest part's date, so that nothing is older than it says.
    fn at(&self) -> Option<Timestamp> {
        self.parts.values().map(|part| part.at).min()
    }
}

/// All lists, and when each was last asked.
#[derive(Debug, Default)]
pub(super) struct Lists {
    by_person: HashMap<String, List>,
    tried: HashMap<String, Timestamp>,
}

impl Lists {
    /// Blocking.
    pub(super) fn open(store: &Store) -> Result<Self, AccessError> {
        let mut lists = Self::default();
        for name in store.documents(PREFIX)?.into_iter().take(MAX_LISTS) {
            let list = store.document(&name)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let Some(list): Option<List> = list else { continue };
            lists.by_person.insert(list.person.clone(), list);
        }
        Ok(lists)
    }

    /// What a person was given, when lists are asked at all.
    pub(super) fn assigned(&self, person: &str, now: Timestamp) -> Assigned {
        self.by_person.get(person).map_or(Assigned::Unknown, |list| list.assigned(now))
    }

    /// Is it time to ask? Notes that it is asked.
    pub(super) fn begin(&mut self, person: &str, now: Timestamp) -> bool {
        let age = |at: &Timestamp| now.duration_since(*at).abs();
        let fresh =
            self.by_person.get(person).and_then(List::at).is_some_and(|at| age(&at) < FRESH);
        let tried = self.tried.get(person).is_some_and(|at| age(at) < RETRY_AFTER);
        let due = !fresh && !tried && self.tried.len() < MAX_LISTS;
        if due {
            self.tried.insert(person.to_owned(), now);
        }
        due
    }

    /// Takes what came, unless the person was erased meanwhile.
    pub(super) fn take_if_wanted(
        &mut self,
        person: &str,
        came: BTreeMap<Uai, Part>,
    ) -> Option<List> {
        if self.tried.contains_key(person) { self.take(person, came) } else { None }
    }

    /// Takes what came. Returns the whole list to write.
    fn take(&mut self, person: &str, came: BTreeMap<Uai, Part>) -> Option<List> {
        if came.is_empty()
            || (self.by_person.len() >= MAX_LISTS && !self.by_person.contains_key(person))
        {
            return None;
        }
        let empty = || List { person: person.to_owned(), parts: BTreeMap::new() };
        let list = self.by_person.entry(person.to_owned()).or_insert_with(empty);
        list.parts.extend(came);
        Some(list.clone())
    }

    pub(super) fn about(&self, person: &str) -> Option<AboutList> {
        let list = self.by_person.get(person)?;
        let names: BTreeSet<&String> = list.parts.values().flat_map(|part| &part.names).collect();
        Some(AboutList {
            at: list.at()?,
            until: list.until()?,
            names: names.into_iter().cloned().collect(),
        })
    }

    pub(super) fn remove(&mut self, person: &str) {
        self.by_person.remove(person);
        self.tried.remove(person);
    }

    /// Drops lists that ended long ago; returns whose.
    pub(super) fn sweep(&mut self, now: Timestamp, settled: Timestamp) -> Vec<String> {
        self.tried.retain(|_, at| now.duration_since(*at).abs() < RETRY_AFTER);
        let ended =
            |list: &List| list.until().is_none_or(|until| settled.duration_since(until) > MARGIN);
        let gone: Vec<String> =
            self.by_person.values().filter(|l| ended(l)).map(|l| l.person.clone()).collect();
        for person in &gone {
            self.by_person.remove(person);
        }
        gone
    }
}

/// Blocking.
pub(super) fn write(store: &Store, list: &List) -> Result<(), AccessError> {
    let bytes = serde_json::to_vec(list).map_err(|error| AccessError::Settings {
        what: "a person's list",
        reason: error.to_string(),
    })?;
    Ok(store.keep_document(&document(&list.person), &bytes)?)
}

/// Blocking.
pub(super) fn forget(store: &Store, person: &str) -> Result<(), AccessError> {
    Ok(store.forget_document(&document(person))?)
}

fn document(person: &str) -> String {
    format!("{PREFIX}{}", hex(&TokenHash::of(person).0[..20]))
}

/// Until when an answer counts: as long as it says (`max-age`, else `Expires`; RFC 9111 §4.2.1),
/// when that is more than a day; else for `kept`. Pure.
pub(super) fn counts_until(
    headers: &HeaderMap,
    kept: std::time::Duration,
    now: Timestamp,
) -> Timestamp {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let max_age = text(CACHE_CONTROL).and_then(|value| {
        let mut directives = value.split(',').map(str::trim);
        let age = directives.find_map(|d| d.strip_prefix("max-age="))?;
        age.trim_matches('"').parse::<u32>().ok().map(|age| SignedDuration::from_secs(age.into()))
    });
    let expires = || {
        let at = httpdate::parse_http_date(text(EXPIRES)?).ok()?;
        Some(Timestamp::try_from(at).ok()?.duration_since(now))
    };
    let said = max_age.or_else(expires).filter(|lasts| *lasts > FRESH);
    let lasts = said.or_else(|| SignedDuration::try_from(kept).ok()).unwrap_or(FRESH);
    now.checked_add(lasts.min(LONGEST)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing::at;

    const DAY: i64 = 86_400;

    fn part(name: &str, from: i64, until: i64) -> Part {
        Part::new(vec![name.to_owned()], at(from), at(until))
    }

    fn uai(text: &str) -> Uai {
        text.parse().unwrap()
    }

    fn names(assigned: &Assigned) -> Vec<&str> {
        match assigned {
            Assigned::Known { names, .. } => names.iter().map(String::as_str).collect(),
            _ => panic!("{assigned:?}"),
        }
    }

    #[test]
    fn a_school_that_fails_keeps_what_it_last_had_until_that_ends() {
        let mut lists = Lists::default();
        let both = [(uai("0510035L"), part("a", 0, 10)), (uai("0510036M"), part("b", 0, 20))];
        lists.take("x", both.into());
        assert_eq!(names(&lists.assigned("x", at(5))), ["a", "b"]);
        lists.take("x", [(uai("0510035L"), part("c", 5, 30))].into());
        assert_eq!(names(&lists.assigned("x", at(19))), ["b", "c"]);
        assert_eq!(names(&lists.assigned("x", at(20))), ["c"]);
        let Assigned::Known { names, until } = lists.assigned("x", at(30)) else { panic!() };
        assert!(names.is_empty() && until == at(30), "too old, and says since when");
        assert_eq!(lists.assigned("y", at(0)), Assigned::Unknown);
    }

    #[test]
    fn a_list_is_asked_again_after_a_day_and_a_failed_try_after_ten_minutes() {
        let mut lists = Lists::default();
        assert!(lists.begin("x", at(0)) && !lists.begin("x", at(599)) && lists.begin("x", at(600)));
        lists.take("x", [(uai("0510035L"), part("a", 600, 30 * DAY))].into());
        assert!(!lists.begin("x", at(DAY)) && lists.begin("x", at(600 + DAY)));
        assert!(lists.begin("x", at(-30 * DAY)), "a list of the future is asked again");
    }

    #[test]
    fn the_answers_own_date_counts_when_it_is_more_than_a_day() {
        let until = |pairs: &[(http::HeaderName, &str)]| {
            let pairs = pairs.iter().map(|(n, v)| (n.clone(), v.parse().unwrap()));
            let kept = std::time::Duration::from_secs(30 * 86_400);
            let until = counts_until(&pairs.collect(), kept, Timestamp::UNIX_EPOCH);
            until.as_second() / DAY
        };
        assert_eq!(until(&[]), 30);
        assert_eq!(until(&[(CACHE_CONTROL, "private, max-age=864000")]), 10);
        assert_eq!(until(&[(CACHE_CONTROL, "max-age=0")]), 30);
        assert_eq!(until(&[(CACHE_CONTROL, "max-age=4000000000")]), 400);
        assert_eq!(until(&[(EXPIRES, "Mon, 12 Jan 1970 00:00:00 GMT")]), 11);
        assert_eq!(until(&[(EXPIRES, "0")]), 30);
    }

    #[test]
    fn lists_are_there_after_a_restart_and_go_two_months_after_their_end() {
        let (store, _folder) = crate::access::testing::store();
        let mut lists = Lists::default();
        let list = lists.take("é/x", [(uai("0510035L"), part("a", 0, 10))].into()).unwrap();
        write(&store, &list).unwrap();
        let mut again = Lists::open(&store).unwrap();
        assert_eq!(again.about("é/x"), lists.about("é/x"));
        assert!(again.sweep(at(99 * DAY), at(60 * DAY)).is_empty(), "a clock far ahead drops none");
        assert_eq!(again.sweep(at(99 * DAY), at(60 * DAY + 11)), ["é/x"]);
        forget(&store, "é/x").unwrap();
        assert!(Lists::open(&store).unwrap().about("é/x").is_none());
    }
}
