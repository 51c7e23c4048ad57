//! All sources' answers to one `Holding` a book. Pure; the order in which sources come changes
//! nothing.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    Holding, Licence, Offer,
    entry::{Entry, Kept, Kind},
    text::fold,
};

/// Subjects or levels kept of one holding.
const MAX_TERMS: usize = 50;

/// What one source says of a book, with what its word is worth.
struct Said<'a> {
    kind: Kind,
    source: &'a str,
    /// Place in the source's answer: of two entries for one book the first is believed.
    place: usize,
    entry: &'a Entry,
}

/// The school's holdings, sorted by title.
pub(super) fn merge<'a>(
    sources: impl IntoIterator<Item = (&'a str, &'a Kept)>,
) -> Vec<Arc<Holding>> {
    let mut said: Vec<Said<'a>> = Vec::new();
    for (source, kept) in sources {
        let entries = kept.entries().filter(|entry| !entry.identifiers.is_empty()).enumerate();
        said.extend(entries.map(|(place, entry)| Said { kind: kept.kind, source, place, entry }));
    }
    said.sort_by(|a, b| (a.kind, a.source, a.place).cmp(&(b.kind, b.source, b.place)));
    let mut holdings: Vec<Holding> = books(&said).iter().map(|book| holding(book)).collect();
    holdings.sort_by_cached_key(|holding| (fold(&holding.title), holding.id.clone()));
    holdings.into_iter().map(Arc::new).collect()
}

/// What is said of the same book, together: entries that share an identifier, however many
/// others stand between them.
fn books<'s, 'a>(said: &'s [Said<'a>]) -> Vec<Vec<&'s Said<'a>>> {
    let mut parents: Vec<usize> = (0..said.len()).collect();
    let mut first_with: HashMap<&str, usize> = HashMap::new();
    for (at, one) in said.iter().enumerate() {
        for identifier in &one.entry.identifiers {
            let other = *first_with.entry(identifier).or_insert(at);
            let (a, b) = (root(&mut parents, at), root(&mut parents, other));
            // The smaller becomes the root, so that roots do not depend on the order of unions.
            if let Some(parent) = parents.get_mut(a.max(b)) {
                *parent = a.min(b);
            }
        }
    }
    let mut books: BTreeMap<usize, Vec<&Said<'a>>> = BTreeMap::new();
    for (at, one) in said.iter().enumerate() {
        books.entry(root(&mut parents, at)).or_default().push(one);
    }
    books.into_values().collect()
}

/// The root of `at`, halving the way there.
fn root(parents: &mut [usize], mut at: usize) -> usize {
    loop {
        let parent = parents.get(at).copied().unwrap_or(at);
        if parent == at {
            return at;
        }
        let grandparent = parents.get(parent).copied().unwrap_or(parent);
        if let Some(slot) = parents.get_mut(at) {
            *slot = grandparent;
        }
        at = grandparent;
    }
}

/// One holding of all that is said of it, in the order in which names are believed.
fn holding(said: &[&Said<'_>]) -> Holding {
    let mut identifiers: Vec<String> =
        said.iter().flat_map(|one| &one.entry.identifiers).cloned().collect();
    identifiers.sort();
    identifiers.dedup();
    let id = chosen(&identifiers, said);
    let first =
        |get: fn(&Entry) -> &Option<String>| said.iter().find_map(|one| get(one.entry).clone());
    // What readers see of a book is best known to whoever sells it.
    let feeds_first = || {
        let is_feed = |one: &&&Said<'_>| one.kind == Kind::Feed;
        said.iter().filter(is_feed).chain(said.iter().filter(move |one| !is_feed(one)))
    };
    Holding {
        title: first(|entry| &entry.title).unwrap_or_else(|| id.clone()),
        publisher: first(|entry| &entry.publisher),
        language: feeds_first().find_map(|one| one.entry.language.clone()),
        subjects: terms(said, |entry| &entry.subjects),
        levels: terms(said, |entry| &entry.levels),
        description: feeds_first().find_map(|one| one.entry.description.clone()),
        manual: said.iter().find_map(|one| one.entry.manual).unwrap_or(true),
        cover: feeds_first().find_map(|one| one.entry.cover.clone()),
        online: said.iter().find_map(|one| one.entry.online.clone()),
        licences: licences(said),
        offers: offers(said),
        id,
        identifiers,
    }
}

/// An ARK, else an ISBN or EAN, else what the most believed source says first.
fn chosen(sorted: &[String], said: &[&Said<'_>]) -> String {
    ["ark:", "isbn:", "ean:"]
        .iter()
        .find_map(|form| sorted.iter().find(|id| id.starts_with(form)))
        .or_else(|| said.first().and_then(|one| one.entry.identifiers.first()))
        .cloned()
        .unwrap_or_default()
}

/// Everybody's words, each once.
fn terms(said: &[&Said<'_>], get: fn(&Entry) -> &Vec<String>) -> Vec<String> {
    let mut folded: Vec<String> = Vec::new();
    let mut terms = Vec::new();
    for term in said.iter().flat_map(|one| get(one.entry)) {
        let bare = fold(term);
        if terms.len() < MAX_TERMS && !folded.contains(&bare) {
            folded.push(bare);
            terms.push(term.clone());
        }
    }
    terms
}

/// One a subscription, sorted: the same `idAbonnement` may come from two relays.
fn licences(said: &[&Said<'_>]) -> Vec<Licence> {
    let mut licences: BTreeMap<&str, Licence> = BTreeMap::new();
    for licence in said.iter().flat_map(|one| &one.entry.licences) {
        licences
            .entry(&licence.id)
            .and_modify(|known| {
                known.assigned_pupils = known.assigned_pupils.max(licence.assigned_pupils);
            })
            .or_insert_with(|| licence.clone());
    }
    licences.into_values().collect()
}

/// One an address and source, the first source's first.
fn offers(said: &[&Said<'_>]) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for offer in said.iter().flat_map(|one| &one.entry.offers) {
        if !offers.iter().any(|known| known.url == offer.url && known.source == offer.source) {
            offers.push(offer.clone());
        }
    }
    offers
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::entry::{Part, SCHEMA};

    fn entry(identifiers: &[&str], title: &str) -> Entry {
        Entry {
            identifiers: identifiers.iter().map(|id| (*id).to_owned()).collect(),
            title: Some(title.to_owned()),
            ..Entry::default()
        }
    }

    fn kept(kind: Kind, entries: Vec<Entry>) -> Kept {
        let part = Part { key: "k".into(), at: Timestamp::UNIX_EPOCH, entries };
        Kept { schema: SCHEMA, kind, parts: vec![part], refused: vec![] }
    }

    #[test]
    fn a_book_named_by_ark_here_and_isbn_there_is_one() {
        let list = kept(
            Kind::ResourceList,
            vec![Entry {
                manual: Some(true),
                description: Some("de la liste".into()),
                ..entry(&["ark:/1/a"], "Manuel de maths")
            }],
        );
        let feed = kept(
            Kind::Feed,
            vec![
                entry(&["isbn:9782070368228", "ark:/1/a"], "MATHS 2DE"),
                Entry { description: Some("du fil".into()), ..entry(&["isbn:9782070368228"], "x") },
                entry(&["urn:other"], "Autre"),
            ],
        );
        let holdings = merge([("feed", &feed), ("list", &list)]);
        assert_eq!(holdings.len(), 2);
        assert_eq!(holdings[0].title, "Autre");
        assert_eq!(holdings[1].id, "ark:/1/a");
        assert_eq!(holdings[1].title, "Manuel de maths");
        assert_eq!(holdings[1].identifiers, ["ark:/1/a", "isbn:9782070368228"]);
        assert_eq!(holdings[1].description.as_deref(), Some("du fil"));
        assert!(holdings[1].manual);
    }

    #[test]
    fn a_subscription_told_twice_counts_once() {
        let licence = |id: &str, assigned_pupils| Licence {
            individual: false,
            id: id.into(),
            from: None,
            until: None,
            pupil_licences: None,
            assigned_pupils,
            publics: vec![],
        };
        let with = |licences| Entry { licences, ..entry(&["ark:/1/a"], "T") };
        let one = kept(
            Kind::Subscriptions,
            vec![with(vec![licence("s1", 3)]), with(vec![licence("s2", 4)])],
        );
        let two = kept(Kind::Subscriptions, vec![with(vec![licence("s1", 5)])]);
        let holdings = merge([("one", &one), ("two", &two)]);
        assert_eq!(holdings[0].licences.len(), 2);
        assert_eq!(holdings[0].assigned_pupils(), 9);
    }

    #[test]
    fn titles_are_sorted_as_people_do() {
        let feed = kept(
            Kind::Feed,
            vec![entry(&["a"], "Zoologie"), entry(&["b"], "Éléments"), entry(&["c"], "algèbre")],
        );
        let titles: Vec<_> = merge([("f", &feed)]).iter().map(|h| h.title.clone()).collect();
        assert_eq!(titles, ["algèbre", "Éléments", "Zoologie"]);
    }

    fn any_kept() -> impl Strategy<Value = Kept> {
        let ids = proptest::collection::vec("[a-f]", 1..3);
        let one =
            (ids, "[A-C]", proptest::option::of(any::<bool>())).prop_map(|(ids, title, manual)| {
                Entry { identifiers: ids, title: Some(title), manual, ..Entry::default() }
            });
        let kind =
            prop_oneof![Just(Kind::ResourceList), Just(Kind::Subscriptions), Just(Kind::Feed)];
        (kind, proptest::collection::vec(one, 0..6)).prop_map(|(kind, entries)| kept(kind, entries))
    }

    proptest! {
        #[test]
        fn the_order_of_sources_changes_nothing(
            answers in proptest::collection::vec(any_kept(), 1..5), turn in 0..5_usize,
        ) {
            let names = ["a", "b", "c", "d", "e"];
            let mut sources: Vec<_> = names.into_iter().zip(&answers).collect();
            let straight = merge(sources.clone());
            let by = turn % sources.len();
            sources.rotate_left(by);
            prop_assert_eq!(&straight, &merge(sources.clone()));
            sources.reverse();
            prop_assert_eq!(&straight, &merge(sources));
        }

        #[test]
        fn no_identifier_is_in_two_holdings_and_none_is_lost(answers in proptest::collection::vec(any_kept(), 1..4)) {
            let names = ["a", "b", "c", "d"];
            let holdings = merge(names.into_iter().zip(&answers));
            let mut found: Vec<_> = holdings.iter().flat_map(|h| h.identifiers.clone()).collect();
            found.sort();
            let mut given: Vec<_> =
                answers.iter().flat_map(Kept::entries).flat_map(|e| e.identifiers.clone()).collect();
            given.sort();
            given.dedup();
            prop_assert_eq!(found, given);
        }
    }
}
