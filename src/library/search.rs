//! Search that forgives accents, case, the end of a word not yet typed, and one wrong letter in
//! words of five letters or more.

use std::collections::{BTreeMap, HashMap};

use fst::{Automaton as _, IntoStreamer as _, Map, MapBuilder, Streamer as _, automaton};

use super::{fold, shelf::Shelf};

/// Words of a query that are looked at.
const MAX_QUERY_WORDS: usize = 12;
/// Longest word looked at, in bytes: the automaton of a typo grows with it.
const MAX_WORD_BYTES: usize = 40;
/// Known words that one typed word may stand for.
const MAX_NEIGHBOURS: usize = 400;
/// Shorter words are taken as they are typed.
const TYPO_FROM_CHARS: usize = 5;

/// How well a typed word meets a known one.
const EXACT: u32 = 12;
const BEGINNING: u32 = 6;
const TYPO: u32 = 3;
/// Where the known word stands.
const IN_TITLE: u32 = 4;
const ELSEWHERE: u32 = 1;

/// The words of a shelf, and the books each is in.
#[derive(Debug)]
pub struct SearchIndex {
    words: Map<Vec<u8>>,
    /// For each word: places of books on the shelf, and what the word weighs there.
    books: Vec<Vec<(usize, u32)>>,
}

impl SearchIndex {
    /// Reads every book's title, publisher, subjects, levels and identifiers.
    pub fn of(shelf: &Shelf) -> Self {
        let mut found: BTreeMap<String, HashMap<usize, u32>> = BTreeMap::new();
        for (place, book) in shelf.books.iter().enumerate() {
            let holding = &book.holding;
            let mut note = |text: &str, weight: u32| {
                for word in fold::words(text).into_iter().filter(|w| w.len() <= MAX_WORD_BYTES) {
                    let here = found.entry(word).or_default().entry(place).or_insert(0);
                    *here = weight.max(*here);
                }
            };
            note(&holding.title, IN_TITLE);
            let others = holding.subjects.iter().chain(&holding.levels).chain(&holding.publisher);
            others.for_each(|text| note(text, ELSEWHERE));
            holding.identifiers.iter().for_each(|id| note(id, ELSEWHERE));
        }
        let mut builder = MapBuilder::memory();
        let mut books = Vec::with_capacity(found.len());
        for (word, places) in found {
            // A sorted map gives its keys in order, which is all that could be refused.
            if builder.insert(&word, books.len() as u64).is_ok() {
                books.push(places.into_iter().collect());
            }
        }
        let words = builder.into_inner().ok().and_then(|bytes| Map::new(bytes).ok());
        Self { words: words.unwrap_or_default(), books }
    }

    /// Places of the books that have every typed word, best first.
    pub fn find(&self, query: &str) -> Vec<usize> {
        let typed = fold::words(query);
        let mut scores: Option<HashMap<usize, u32>> = None;
        for word in typed.iter().filter(|w| w.len() <= MAX_WORD_BYTES).take(MAX_QUERY_WORDS) {
            let here = self.books_with(word);
            scores = Some(match scores {
                None => here,
                Some(before) => before
                    .into_iter()
                    .filter_map(|(place, score)| Some((place, score + here.get(&place)?)))
                    .collect(),
            });
        }
        let mut found: Vec<_> = scores.unwrap_or_default().into_iter().collect();
        found.sort_by_key(|(place, score)| (u32::MAX - score, *place));
        found.into_iter().map(|(place, _)| place).collect()
    }

    fn books_with(&self, word: &str) -> HashMap<usize, u32> {
        let mut scores = HashMap::new();
        let mut add = |number: u64, quality: u32| {
            let books = usize::try_from(number).ok().and_then(|n| self.books.get(n));
            for (place, weight) in books.into_iter().flatten() {
                let score = scores.entry(*place).or_insert(0);
                *score = (quality * weight).max(*score);
            }
        };
        let beginning = automaton::Str::new(word).starts_with();
        let mut stream = self.words.search(beginning).into_stream();
        let mut left = MAX_NEIGHBOURS;
        while let Some((known, number)) = stream.next().filter(|_| left > 0) {
            add(number, if known == word.as_bytes() { EXACT } else { BEGINNING });
            left -= 1;
        }
        if word.chars().count() >= TYPO_FROM_CHARS
            && let Ok(typo) = automaton::Levenshtein::new(word, 1)
        {
            let mut stream = self.words.search(typo).into_stream();
            let mut left = MAX_NEIGHBOURS;
            while let Some((_, number)) = stream.next().filter(|_| left > 0) {
                add(number, TYPO);
                left -= 1;
            }
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Holding, Holdings};

    fn shelf(titles: &[&str]) -> Shelf {
        let all = titles.iter().map(|title| {
            std::sync::Arc::new(Holding {
                identifiers: vec!["isbn:9782013233958".into()],
                publisher: Some("Éditions du Préau".into()),
                subjects: vec!["mathématiques".into()],
                levels: vec!["seconde".into()],
                ..Holding::titled(&format!("isbn:{title}"), title)
            })
        });
        Shelf::of(&Holdings { all: all.collect(), sources: vec![] }, &[], &[])
    }

    fn titles<'a>(shelf: &'a Shelf, query: &str) -> Vec<&'a str> {
        let index = SearchIndex::of(shelf);
        index.find(query).iter().map(|n| shelf.books[*n].holding.title.as_str()).collect()
    }

    #[test]
    fn accents_case_and_a_wrong_letter_are_forgiven() {
        let shelf = shelf(&["Géographie 2de", "Mathématiques 1re", "Œuvres complètes"]);
        for query in ["geographie", "GÉOGRAPHIE", "geograpie 2de", "geogrphie", "géogr"] {
            assert!(
                titles(&shelf, query).contains(&"Géographie 2de"),
                "{query} finds {:?}",
                titles(&shelf, query)
            );
        }
        assert_eq!(titles(&shelf, "oeuvre"), ["Œuvres complètes"]);
        assert!(titles(&shelf, "xyzzy").is_empty());
        assert!(titles(&shelf, "2dx").is_empty(), "short words are taken as typed");
        assert!(titles(&shelf, "").is_empty());
    }

    #[test]
    fn a_word_of_the_title_counts_more_than_a_subject() {
        let shelf = shelf(&["Algèbre", "Mathématiques 1re"]);
        assert_eq!(titles(&shelf, "mathematiques"), ["Mathématiques 1re", "Algèbre"]);
        assert_eq!(titles(&shelf, "mathematiques algebre"), ["Algèbre"]);
    }

    #[test]
    fn a_book_is_found_by_its_isbn() {
        assert_eq!(titles(&shelf(&["Algèbre"]), "9782013233958"), ["Algèbre"]);
    }

    #[test]
    fn a_query_of_any_length_is_answered() {
        let shelf = shelf(&["Algèbre"]);
        assert!(titles(&shelf, &"é".repeat(100_000)).is_empty());
        assert_eq!(titles(&shelf, &"algebre ".repeat(10_000)), ["Algèbre"]);
    }
}
