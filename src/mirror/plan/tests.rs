use proptest::prelude::*;

use super::*;
use crate::store::Description;

const EPUB: &str = "application/epub+zip";
const PDF: &str = "application/pdf";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn offer(media_type: &str, version: &str) -> Offer {
    Offer {
        source: "books".to_owned(),
        url: "https://books.example/a".parse().unwrap(),
        media_type: media_type.to_owned(),
        size: Some(1000),
        sha256: None,
        version: version.to_owned(),
        until: None,
    }
}

fn licence(from: Option<i64>, until: Option<i64>, assigned_pupils: u64) -> Licence {
    Licence {
        id: "1".to_owned(),
        from: from.map(at),
        until: until.map(at),
        pupil_licences: None,
        assigned_pupils,
        individual: false,
        publics: Vec::new(),
    }
}

fn holding(id: &str, licences: Vec<Licence>, offers: Vec<Offer>) -> Holding {
    Holding { licences, offers, ..Holding::titled(id, id) }
}

fn sidecar(holding: &str, media_type: &str, version: &str, blob: u8) -> Arc<Sidecar> {
    Arc::new(Sidecar {
        schema: 1,
        blob: BlobId([blob; 32]),
        size: 1000,
        stored_at: at(0),
        description: Description {
            holding: holding.to_owned(),
            identifiers: Vec::new(),
            title: String::new(),
            publisher: None,
            media_type: media_type.to_owned(),
            version: version.to_owned(),
            origin: String::new(),
        },
    })
}

fn plan(holdings: Vec<Holding>, packages: &[Arc<Sidecar>], now: i64) -> Vec<String> {
    let holdings =
        Holdings { all: holdings.into_iter().map(Arc::new).collect(), sources: Vec::new() };
    wanted(&holdings, packages, &HashMap::new(), at(now))
        .into_iter()
        .map(|w| format!("{} {} {}", w.key.holding, w.key.media_type, w.offer.version))
        .collect()
}

#[test]
fn only_what_is_licensed_now_or_within_a_week_is_wanted() {
    let day = 86_400;
    let book =
        |from, until| vec![holding("a", vec![licence(from, until, 1)], vec![offer(EPUB, "")])];
    assert_eq!(plan(book(None, None), &[], 0).len(), 1);
    assert_eq!(plan(book(None, Some(10)), &[], 10).len(), 0, "ended");
    assert_eq!(plan(book(Some(6 * day), None), &[], 0).len(), 1, "begins within a week");
    assert_eq!(plan(book(Some(8 * day), None), &[], 0).len(), 0, "begins later");
    let mut lapsed = offer(EPUB, "");
    lapsed.until = Some(at(5));
    assert_eq!(plan(vec![holding("a", Vec::new(), vec![lapsed.clone()])], &[], 4).len(), 1);
    assert_eq!(plan(vec![holding("a", Vec::new(), vec![lapsed])], &[], 5).len(), 0);
}

#[test]
fn an_offer_already_here_is_not_wanted() {
    let book = |offer| vec![holding("a", Vec::new(), vec![offer])];
    let here = [sidecar("a", EPUB, "2", 7)];
    assert!(plan(book(offer(EPUB, "2")), &here, 0).is_empty());
    assert_eq!(plan(book(offer(EPUB, "3")), &here, 0).len(), 1, "another version");
    assert_eq!(plan(book(offer(PDF, "2")), &here, 0).len(), 1, "another media type");
    let hashed = |hash| Offer { sha256: Some(BlobId([hash; 32])), ..offer(EPUB, "2") };
    assert!(plan(book(hashed(7)), &here, 0).is_empty());
    assert_eq!(plan(book(hashed(8)), &here, 0).len(), 1, "other bytes under the same version");
}

#[test]
fn a_package_under_a_former_name_is_here_too() {
    let mut book = holding("ark:/1/a", Vec::new(), vec![offer(EPUB, "2")]);
    book.identifiers.push("isbn:1".to_owned());
    assert!(plan(vec![book.clone()], &[sidecar("isbn:1", EPUB, "2", 7)], 0).is_empty());
    assert_eq!(plan(vec![book], &[sidecar("isbn:2", EPUB, "2", 7)], 0).len(), 1);
}

#[test]
fn one_offer_a_media_type_and_the_hashed_one_first() {
    let hashed = Offer { sha256: Some(BlobId([1; 32])), ..offer(EPUB, "1") };
    let offers = vec![offer(EPUB, "9"), hashed, offer(PDF, "1"), offer(PDF, "2")];
    let both = plan(vec![holding("a", Vec::new(), offers)], &[], 0);
    assert_eq!(both, ["a application/epub+zip 1", "a application/pdf 2"]);
}

#[test]
fn most_pupils_first_then_small_then_the_newer_year_then_by_name() {
    let sized = |size| Offer { size, ..offer(EPUB, "") };
    let book = |id, pupils, size, until| {
        holding(id, vec![licence(None, Some(until), pupils)], vec![sized(size)])
    };
    let order = plan(
        vec![
            book("unknown", 5, None, 100),
            book("old", 5, Some(10), 100),
            book("new", 5, Some(10), 200),
            book("big", 9, Some(99), 100),
            book("twin b", 1, Some(10), 100),
            book("twin a", 1, Some(10), 100),
        ],
        &[],
        0,
    );
    let names: Vec<_> =
        order.iter().map(|line| line.split(" application").next().unwrap()).collect();
    assert_eq!(names, ["big", "new", "old", "unknown", "twin a", "twin b"]);
}

#[test]
fn the_plan_knows_when_it_changes() {
    let week = LEAD.as_secs();
    let book = holding("a", vec![licence(Some(week + 50), Some(week + 90), 1)], vec![]);
    let holdings = Holdings { all: vec![Arc::new(book)], sources: Vec::new() };
    assert_eq!(next_change(&holdings, at(0)), Some(at(50)));
    assert_eq!(next_change(&holdings, at(50)), Some(at(week + 90)));
    assert_eq!(next_change(&holdings, at(week + 90)), None);
}

/// Any small world: books with licences, offers on three hosts, some already here.
fn world() -> impl Strategy<Value = (Vec<Holding>, Vec<Arc<Sidecar>>)> {
    let one_licence = (prop::option::of(0..100_i64), prop::option::of(0..100_i64), 0..4_u64)
        .prop_map(|(from, until, pupils)| licence(from, until, pupils));
    let one_offer =
        (0..3_u8, any::<bool>(), 0..3_u8, prop::option::of(0..3_u8), prop::option::of(0..3_u64))
            .prop_map(|(host, epub, version, hash, size)| Offer {
                url: format!("https://host{host}.example/x").parse().unwrap(),
                sha256: hash.map(|hash| BlobId([hash; 32])),
                size,
                ..offer(if epub { EPUB } else { PDF }, &version.to_string())
            });
    let book = (prop::collection::vec(one_licence, 0..3), prop::collection::vec(one_offer, 0..4));
    let here =
        (0..12_usize, any::<bool>(), 0..3_u8, 0..3_u8).prop_map(|(id, epub, version, blob)| {
            sidecar(&format!("h{id}"), if epub { EPUB } else { PDF }, &version.to_string(), blob)
        });
    (prop::collection::vec(book, 0..12), prop::collection::vec(here, 0..6)).prop_map(
        |(books, here)| {
            let books = books.into_iter().enumerate();
            (books.map(|(i, (l, o))| holding(&format!("h{i}"), l, o)).collect(), here)
        },
    )
}

fn whole(books: &[Holding]) -> Holdings {
    Holdings { all: books.iter().cloned().map(Arc::new).collect(), sources: Vec::new() }
}

proptest! {
    #[test]
    fn the_queue_is_the_same_whatever_the_order_of_the_holdings(
        (books, here) in world(), turn in 0..12_usize, now in 0..100_i64,
    ) {
        let mut turned = books.clone();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
            for book in &mut turned {
                book.offers.reverse();
            }
        }
        let first = wanted(&whole(&books), &here, &HashMap::new(), at(now));
        let second = wanted(&whole(&turned), &here, &HashMap::new(), at(now));
        let chosen = |queue: &[Wanted]| -> Vec<_> {
            queue.iter().map(|one| (one.key.clone(), one.offer.clone())).collect()
        };
        prop_assert_eq!(chosen(&first), chosen(&second));
        prop_assert!(first.is_sorted_by(|a, b| rank(a) < rank(b)), "a total order");
    }

    #[test]
    fn nothing_present_lapsed_or_unlicensed_is_wanted((books, here) in world(), now in 0..100_i64) {
        for one in wanted(&whole(&books), &here, &HashMap::new(), at(now)) {
            prop_assert!(is_licensed(&one.holding, at(now)));
            let same = here.iter().any(|s| match one.offer.sha256 {
                Some(hash) => s.blob == hash,
                None => false,
            });
            prop_assert!(!same);
        }
    }

    #[test]
    fn limits_hold_and_what_cannot_start_stands_in_nobody_s_way(
        (books, here) in world(),
        parallel in 1..5_usize,
        per_origin in 1..3_usize,
        waiting in prop::collection::hash_set(0..12_usize, 0..6),
    ) {
        let now = at(50);
        let queue = wanted(&whole(&books), &here, &HashMap::new(), now);
        let may = |one: &Wanted| !waiting.iter().any(|i| one.key.holding == format!("h{i}"));
        let places = Places { parallel, per_origin };
        let mut active = BTreeMap::new();
        while let Some(start) = next_start(&queue, &active, places, &may) {
            prop_assert!(may(start));
            prop_assert!(active.insert(start.key.clone(), start.origin()).is_none());
        }
        prop_assert!(active.len() <= parallel);
        let mut origins: HashMap<&String, usize> = HashMap::new();
        for origin in active.values() {
            *origins.entry(origin).or_default() += 1;
        }
        prop_assert!(origins.values().all(|count| *count <= per_origin));
        // Every place that could be used is used.
        let startable = queue.iter().any(|w| {
            !active.contains_key(&w.key)
                && may(w)
                && origins.get(&w.origin()).copied().unwrap_or(0) < per_origin
        });
        prop_assert!(active.len() == parallel || !startable);
    }
}
