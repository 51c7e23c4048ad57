//! Every real GAR answer and OPDS feed is read to the titles it holds, with nothing refused
//! silently.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::fs;

use jiff::tz::TimeZone;
use preau::catalogue::{
    Entry,
    gar::{self, Place},
    opds::{self, Origin, Page},
};

fn read(name: &str) -> Option<Vec<u8>> {
    Some(fs::read(support::sample_folder()?.join(name)).unwrap())
}

fn place(uai: &str) -> Place {
    Place { uai: uai.into(), zone: TimeZone::get("Europe/Paris").unwrap() }
}

fn feed(name: &str) -> Option<Page> {
    let bytes = read(&format!("opds/{name}"))?;
    let origin = Origin {
        source: "sample".into(),
        url: format!("https://feedbooks.github.io/opds-test-catalog/opds-2/{name}")
            .parse()
            .unwrap(),
        zone: TimeZone::UTC,
    };
    Some(opds::page(&bytes, &origin).unwrap())
}

fn titles(entries: &[Entry]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry.title.as_deref()).collect()
}

#[test]
fn the_resource_list_gives_its_two_resources() {
    let Some(bytes) = read("gar/liste-ressources-0377777U.json") else { return };
    let page = gar::resources(&bytes).unwrap();
    assert_eq!(page.refused, Vec::<String>::new());
    let [first, second] = &page.entries[..] else { panic!("{page:?}") };
    assert_eq!(first.identifiers, ["ressourceId2"]);
    assert!(first.title.as_deref().unwrap().starts_with("Nom de la ressource 2"));
    assert_eq!(first.subjects.len(), 3);
    assert_eq!(first.levels.len(), 4);
    assert_eq!(second.title.as_deref(), Some("Nom de la ressource 3"));
    assert_eq!(second.manual, Some(false));
    assert!(second.cover.is_some() && second.online.is_some());
}

#[test]
fn the_error_answer_is_an_error_in_its_own_words() {
    let Some(bytes) = read("gar/erreur.json") else { return };
    let error = gar::resources(&bytes).unwrap_err().to_string();
    assert!(error.contains("Établissement non trouvé"), "{error}");
    assert!(gar::subscriptions(&bytes, &place("0350042F")).is_err());
}

#[test]
fn each_school_gets_its_own_subscription() {
    let Some(bytes) = read("gar/gar-abonnements-sample.json") else { return };
    for (uai, title, until, pupils) in [
        ("0350042F", "Vittascience", "2023-08-14T22:00:00Z", None),
        ("0561622J", "Fleury et Bott", "2023-08-15T21:59:59Z", Some(320)),
    ] {
        let page = gar::subscriptions(&bytes, &place(uai)).unwrap();
        assert_eq!((page.records, page.refused), (2, vec![]));
        let [entry] = &page.entries[..] else { panic!("{uai}") };
        assert_eq!(entry.identifiers, ["ark:/49591/Vittascience.p"]);
        assert!(entry.title.as_deref().unwrap().starts_with(title));
        assert_eq!(entry.licences[0].until.unwrap().to_string(), until);
        assert_eq!(entry.licences[0].pupil_licences, pupils);
        assert_eq!(entry.licences[0].publics.len(), 4);
    }
}

#[test]
fn the_subscription_that_is_put_reads_as_one_that_is_listed() {
    let Some(bytes) = read("gar/gar-abonnement-put-body.xml") else { return };
    let text = String::from_utf8(bytes).unwrap();
    let (head, one) = text.split_at(text.find("<abonnement ").unwrap());
    let list = format!("{head}<abonnements>{one}</abonnements>");
    let page = gar::subscriptions(list.as_bytes(), &place("0670007U")).unwrap();
    let [entry] = &page.entries[..] else { panic!("{page:?}") };
    assert_eq!(entry.title.as_deref(), Some("Manuel de demonstration"));
    let licence = &entry.licences[0];
    assert_eq!(licence.from.unwrap().to_string(), "2026-08-31T22:00:00Z");
    assert_eq!(licence.until.unwrap().to_string(), "2027-08-31T22:00:00Z");
    assert_eq!(licence.pupil_licences, Some(320));
}

#[test]
fn the_textbook_feed_gives_a_package_with_its_size_hash_and_end() {
    let Some(page) = feed("sample-textbook-feed.json") else { return };
    assert_eq!(page.refused, Vec::<String>::new());
    let [entry] = &page.entries[..] else { panic!("{page:?}") };
    assert_eq!(entry.title.as_deref(), Some("Manuel de démonstration – Mathématiques 2de"));
    // The sample's ISBN has no right check digit, so it is no name that others may share.
    assert_eq!(entry.identifiers, ["ark:/99999/r1xxxxxxxx", "urn:isbn:9782000000000"]);
    assert_eq!(entry.subjects, ["mathématiques"]);
    assert!(entry.cover.is_some() && entry.online.is_some());
    let [offer] = &entry.offers[..] else { panic!("{entry:?}") };
    assert_eq!(offer.url.as_str(), "https://preau.example/pkg/r1/17.epub");
    assert_eq!(offer.size, Some(104_857_600));
    assert!(offer.sha256.unwrap().to_string().starts_with("e27b6a58"));
    assert_eq!(offer.version, "2026-08-28T10:00:00Z");
    assert_eq!(offer.until.unwrap().to_string(), "2027-08-31T23:59:59Z");
}

#[test]
fn the_publications_feed_gives_its_entries_with_their_packages() {
    let Some(page) = feed("feedbooks-publications.json") else { return };
    assert_eq!(page.refused, Vec::<String>::new());
    let titles = titles(&page.entries);
    assert_eq!(
        titles,
        ["Voyage au centre de la Terre", "Titre en plusieurs langues", "Multiple Authors"]
    );
    for entry in &page.entries {
        assert_eq!(entry.publisher.as_deref(), Some("Feedbooks"));
        assert_eq!(entry.subjects, ["Science Fiction", "Action & Aventure"]);
        let [offer] = &entry.offers[..] else { panic!("{entry:?}") };
        assert_eq!(offer.media_type, "application/epub+zip");
    }
}

#[test]
fn the_home_feed_gives_the_books_of_its_groups_and_the_feeds_below() {
    let Some(page) = feed("feedbooks-home.json") else { return };
    let found = titles(&page.entries);
    for title in ["Voyage au centre de la Terre", "Madame Bovary", "Du côté de chez Swann"] {
        assert!(found.contains(&title), "{found:?}");
    }
    // Four entries are web publications that live on their site: shown, not fetched.
    assert_eq!(found.len(), 10);
    assert_eq!(page.entries.iter().filter(|entry| entry.offers.len() == 1).count(), 6);
    assert_eq!(page.refused.len(), 4);
    assert!(page.refused.iter().all(|line| line.contains("application/webpub+json")));
    assert!(page.below.iter().any(|url| url.path().ends_with("/publications.json")));
    let Some(navigation) = feed("feedbooks-navigation.json") else { return };
    assert_eq!((navigation.entries.len(), navigation.below.len()), (0, 5));
    assert_eq!(navigation.below[0], navigation.below[1], "relative and absolute are one address");
}

#[test]
fn a_manifest_in_the_place_of_a_feed_is_a_book() {
    let Some(page) = feed("MobyDick-manifest.json") else { return };
    assert_eq!(titles(&page.entries), ["Moby-Dick"]);
    assert_eq!(page.entries[0].language.as_deref(), Some("en"));
}
