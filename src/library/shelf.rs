//! The shelf: what the school holds, joined to the packages that are here. Pure.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::fold;
use crate::{
    access::{Right, Visitor},
    catalogue::{Holding, Holdings, SourceState},
    store::{BlobId, Sidecar},
};

const MAX_SLUG_WORDS_BYTES: usize = 60;
/// Digits of the identifier's hash that keep two books of one title apart.
const SLUG_HASH_DIGITS: usize = 10;

/// A book of the shelf: a holding, and the packages of it that are here.
#[derive(Debug, Clone)]
pub struct Book {
    /// Last part of its address.
    pub slug: String,
    /// What the catalogue says of it.
    pub holding: Arc<Holding>,
    /// Packages that can be read, one a media type, the best to read first.
    pub packages: Vec<Arc<Sidecar>>,
    /// No source names it: what is known of it is what its package says.
    unnamed: bool,
    /// The catalogue knows every source's answer and it is in none.
    withdrawn: bool,
}

impl Book {
    /// May this visitor read it now?
    pub fn right(&self, visitor: &Visitor, now: Timestamp) -> Right {
        match visitor {
            Visitor::Nobody => Right::SignIn,
            _ if self.withdrawn => Right::Withdrawn,
            // Its subscriptions are unknown: anyone's on a box without sign-in, nobody's else.
            Visitor::Session(_) if self.unnamed => Right::ListTooOld(None),
            visitor => visitor.right(&self.holding, now),
        }
    }

    /// Is a package here, and may it be lent to this visitor?
    pub fn is_lent(&self, visitor: &Visitor, now: Timestamp) -> bool {
        !self.packages.is_empty() && self.right(visitor, now).is_lent()
    }

    /// The package that the reader opens.
    pub fn main(&self) -> Option<&Arc<Sidecar>> {
        self.packages.first()
    }
}

/// One consistent view of everything; replaced whole when something changed.
#[derive(Debug, Default)]
pub struct Shelf {
    /// By title.
    pub books: Vec<Arc<Book>>,
    /// How the sources stand.
    pub sources: Vec<SourceState>,
    by_slug: HashMap<String, usize>,
    by_blob: HashMap<BlobId, Vec<usize>>,
    /// Moments at which a subscription or an offer begins or ends, sorted.
    changes: Vec<Timestamp>,
}

impl Shelf {
    /// Joins holdings and packages. A package of a replaced version is still found by its name, so
    /// that whoever reads it reads on.
    pub fn of(holdings: &Holdings, current: &[Arc<Sidecar>], all: &[Arc<Sidecar>]) -> Self {
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        for (place, holding) in holdings.all.iter().enumerate() {
            for name in holding.names() {
                by_name.entry(name).or_insert(place);
            }
        }
        let owner = |package: &Sidecar| {
            package.description.names().find_map(|name| by_name.get(name).copied())
        };
        let mut of_holding: BTreeMap<usize, Vec<Arc<Sidecar>>> = BTreeMap::new();
        let mut orphans: BTreeMap<&str, Vec<Arc<Sidecar>>> = BTreeMap::new();
        for package in current {
            let group = if let Some(place) = owner(package) {
                of_holding.entry(place).or_default()
            } else {
                orphans.entry(package.description.holding.as_str()).or_default()
            };
            group.push(package.clone());
        }
        // Two books of the very same bytes share one package, which names one of them.
        let by_blob: HashMap<&BlobId, &Arc<Sidecar>> =
            current.iter().map(|package| (&package.blob, package)).collect();
        for (place, holding) in holdings.all.iter().enumerate() {
            let hashes = holding.offers.iter().filter_map(|offer| offer.sha256.as_ref());
            for package in hashes.filter_map(|hash| by_blob.get(hash)) {
                let group = of_holding.entry(place).or_default();
                if !group.iter().any(|p| p.blob == package.blob) {
                    group.push((*package).clone());
                }
            }
        }
        let withdrawn = speaks_for_all(&holdings.sources);
        let held = holdings.all.iter().enumerate().map(|(place, holding)| {
            Arc::new(book(holding.clone(), of_holding.remove(&place).unwrap_or_default()))
        });
        let mut books: Vec<Arc<Book>> = held.collect();
        books.extend(orphans.into_values().filter_map(|packages| {
            let holding = Arc::new(described(packages.first()?));
            let book = book(holding, packages);
            Some(Arc::new(Book { unnamed: true, withdrawn, ..book }))
        }));
        books.sort_by_cached_key(|b| (fold::fold(&b.holding.title), b.slug.clone()));
        Self::indexed(books, holdings.sources.clone(), all)
    }

    fn indexed(books: Vec<Arc<Book>>, sources: Vec<SourceState>, all: &[Arc<Sidecar>]) -> Self {
        let mut by_blob: HashMap<BlobId, Vec<usize>> = HashMap::new();
        let mut by_line = HashMap::new();
        for (place, book) in books.iter().enumerate() {
            for package in &book.packages {
                by_blob.entry(package.blob).or_default().push(place);
                by_line.insert(package.description.holding.as_str(), place);
            }
        }
        for package in all {
            if let Some(place) = by_line.get(package.description.holding.as_str()) {
                by_blob.entry(package.blob).or_insert_with(|| vec![*place]);
            }
        }
        let by_slug = books.iter().enumerate().map(|(n, b)| (b.slug.clone(), n)).collect();
        let moments = books.iter().flat_map(|book| {
            let licences = book.holding.licences.iter().flat_map(|l| [l.from, l.until]);
            licences.chain(book.holding.offers.iter().map(|offer| offer.until)).flatten()
        });
        let mut changes: Vec<_> = moments.collect();
        changes.sort_unstable();
        changes.dedup();
        Self { books, sources, by_slug, by_blob, changes }
    }

    /// Has every source answered once? Then what none of them names is no longer the school's.
    pub fn speaks_for_all(&self) -> bool {
        speaks_for_all(&self.sources)
    }

    /// A book by the last part of its address.
    pub fn book(&self, slug: &str) -> Option<&Arc<Book>> {
        self.by_slug.get(slug).and_then(|place| self.books.get(*place))
    }

    /// The book that a package belongs to, and the visitor's right to it; of several, one that
    /// may be read now.
    pub fn book_of(
        &self,
        blob: &BlobId,
        visitor: &Visitor,
        now: Timestamp,
    ) -> Option<(&Arc<Book>, Right)> {
        let books = self.by_blob.get(blob)?.iter().filter_map(|place| self.books.get(*place));
        let mut first = None;
        for book in books {
            let right = book.right(visitor, now);
            if right.is_lent() {
                return Some((book, right));
            }
            first = first.or(Some((book, right)));
        }
        first
    }

    /// The next moment at which some right begins or ends by itself.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let place = self.changes.partition_point(|change| *change <= now);
        self.changes.get(place).copied()
    }

    /// Subjects, with how many books each has, by name.
    pub fn subjects(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for book in &self.books {
            let names: HashSet<&str> = book.holding.subjects.iter().map(String::as_str).collect();
            for name in names {
                *counts.entry(name).or_insert(0) += 1;
            }
        }
        counts
    }
}

/// Has every source answered once? Then what none of them names is no longer the school's.
fn speaks_for_all(sources: &[SourceState]) -> bool {
    !sources.is_empty() && sources.iter().all(|s| s.good_at.is_some())
}

fn book(holding: Arc<Holding>, mut packages: Vec<Arc<Sidecar>>) -> Book {
    packages.sort_by_key(|p| (reading_rank(&p.description.media_type), p.blob));
    let hash = BlobId(Sha256::digest(&holding.id).into()).to_string();
    let words = fold::slug(&holding.title, MAX_SLUG_WORDS_BYTES);
    let slug = format!("{words}-{}", &hash[..SLUG_HASH_DIGITS]);
    Book { slug, holding, packages, unnamed: false, withdrawn: false }
}

/// What reads best on a small screen comes first.
fn reading_rank(media_type: &str) -> u8 {
    match media_type {
        "application/epub+zip" => 0,
        "application/pdf" => 2,
        _ => 1,
    }
}

/// A holding made of a sidecar, for a shelf without its catalogue.
fn described(package: &Sidecar) -> Holding {
    let about = &package.description;
    Holding {
        identifiers: about.identifiers.clone(),
        publisher: about.publisher.clone(),
        ..Holding::titled(&about.holding, &about.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::{Licence, Offer},
        store::Description,
    };

    fn holding(id: &str, others: &[&str], title: &str) -> Arc<Holding> {
        let mut holding = Holding::titled(id, title);
        holding.identifiers.extend(others.iter().map(ToString::to_string));
        Arc::new(holding)
    }

    fn package(byte: u8, holding: &str, media_type: &str) -> Arc<Sidecar> {
        Arc::new(Sidecar {
            schema: 1,
            blob: BlobId([byte; 32]),
            size: 1,
            stored_at: Timestamp::UNIX_EPOCH,
            description: Description {
                holding: holding.into(),
                identifiers: vec![holding.into()],
                title: format!("Paquet {holding}"),
                publisher: None,
                media_type: media_type.into(),
                version: String::new(),
                origin: String::new(),
            },
        })
    }

    fn source(good: bool) -> SourceState {
        SourceState {
            name: "gar".into(),
            good_at: good.then_some(Timestamp::UNIX_EPOCH),
            failure: None,
            entries: 1,
            refused: vec![],
        }
    }

    #[test]
    fn a_package_finds_its_book_by_any_identifier() {
        let all = vec![
            holding("ark:/49591/a", &["isbn:9782013233958"], "Étude"),
            holding("ark:/49591/b", &[], "Algèbre"),
        ];
        let holdings = Holdings { all, sources: vec![] };
        let packages = [
            package(1, "isbn:9782013233958", "application/pdf"),
            package(2, "isbn:9782013233958", "application/epub+zip"),
        ];
        let shelf = Shelf::of(&holdings, &packages, &packages);
        let titles: Vec<_> = shelf.books.iter().map(|b| b.holding.title.as_str()).collect();
        assert_eq!(titles, ["Algèbre", "Étude"]);
        let book =
            shelf.book_of(&BlobId([1; 32]), &Visitor::Anyone, Timestamp::UNIX_EPOCH).unwrap().0;
        assert_eq!(book.main().unwrap().blob, BlobId([2; 32]), "EPUB reads better than PDF");
        assert!(shelf.book(&book.slug).is_some());
        assert!(book.is_lent(&Visitor::Anyone, Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn a_package_nobody_names_is_lent_until_every_source_has_spoken() {
        let packages = [package(1, "ark:/49591/z", "application/epub+zip")];
        let shelf = |sources| Shelf::of(&Holdings { all: vec![], sources }, &packages, &packages);
        let lent = |shelf: Shelf| shelf.books[0].is_lent(&Visitor::Anyone, Timestamp::UNIX_EPOCH);
        assert!(lent(shelf(vec![])));
        assert!(lent(shelf(vec![source(true), source(false)])));
        assert!(!lent(shelf(vec![source(true)])));
    }

    #[test]
    fn a_replaced_version_still_belongs_to_its_book() {
        let new = [package(2, "a", "application/epub+zip")];
        let all = [package(1, "a", "application/epub+zip"), new[0].clone()];
        let shelf = Shelf::of(&Holdings::default(), &new, &all);
        assert_eq!(shelf.books.len(), 1);
        assert!(shelf.book_of(&BlobId([1; 32]), &Visitor::Anyone, Timestamp::UNIX_EPOCH).is_some());
    }

    #[test]
    fn two_books_of_the_same_bytes_are_both_here_and_either_licence_opens_them() {
        let blob = BlobId([1; 32]);
        let offered = |id: &str, licensed_until: i64| {
            let offer = Offer {
                source: "feed".into(),
                url: "http://origin/x".parse().unwrap(),
                media_type: "application/epub+zip".into(),
                size: None,
                sha256: Some(blob),
                version: String::new(),
                until: None,
            };
            let licence = Licence {
                id: id.into(),
                from: None,
                until: Timestamp::from_second(licensed_until).ok(),
                pupil_licences: None,
                assigned_pupils: 0,
                individual: false,
                publics: vec![],
            };
            let (offers, licences) = (vec![offer], vec![licence]);
            Arc::new(Holding { licences, offers, ..Holding::titled(id, id) })
        };
        let all = vec![offered("a", 10), offered("b", 20)];
        let packages = [package(1, "b", "application/epub+zip")];
        let shelf = Shelf::of(&Holdings { all, sources: vec![] }, &packages, &packages);
        assert!(shelf.books.iter().all(|book| book.packages.len() == 1));
        let open = |second| {
            let now = Timestamp::from_second(second).unwrap();
            shelf.book_of(&blob, &Visitor::Anyone, now).unwrap().1.is_lent()
        };
        assert!(open(5) && open(15) && !open(25));
    }
}
