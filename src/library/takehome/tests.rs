//! What the web app hears of rights, and what it says.

use jiff::tz::TimeZone;

use super::*;
use crate::{
    access::{Assigned, Person, Role},
    catalogue::{Holding, Holdings, Licence, SourceState},
    library::words::{Language, Words},
    store::Description,
};

fn package(byte: u8, media_type: &str) -> Arc<Sidecar> {
    Arc::new(Sidecar {
        schema: 1,
        blob: BlobId([byte; 32]),
        size: 10,
        stored_at: Timestamp::UNIX_EPOCH,
        description: Description {
            holding: "ark:/1/a".into(),
            identifiers: vec!["ark:/1/a".into()],
            title: "A".into(),
            publisher: None,
            media_type: media_type.into(),
            version: String::new(),
            origin: String::new(),
        },
    })
}

fn shelf(until: Option<i64>, current: &[Arc<Sidecar>], all: &[Arc<Sidecar>]) -> Shelf {
    let mut holding = Holding::titled("ark:/1/a", "A");
    holding.licences = vec![Licence {
        id: "1".into(),
        from: None,
        until: until.map(|second| Timestamp::from_second(second).unwrap()),
        pupil_licences: None,
        assigned_pupils: 0,
        individual: false,
        publics: vec![],
    }];
    let source = SourceState {
        name: "gar".into(),
        good_at: Some(Timestamp::UNIX_EPOCH),
        failure: None,
        entries: 1,
        refused: vec![],
    };
    let holdings = Holdings { all: vec![Arc::new(holding)], sources: vec![source] };
    Shelf::of(&holdings, current, all)
}

fn said(shelf: &Shelf, blob: &BlobId, slug: &str, second: i64) -> Value {
    let now = Timestamp::from_second(second).unwrap();
    right_of(shelf, blob, slug, End { visitor: &Visitor::Anyone, now, of_pass: None })
}

#[test]
fn what_is_kept_hears_its_end_its_loss_and_its_newer_version() {
    let (old, new) = (package(1, "application/epub+zip"), package(2, "application/epub+zip"));
    let known = shelf(Some(100), std::slice::from_ref(&old), std::slice::from_ref(&old));
    let slug = known.books[0].slug.clone();
    let granted = said(&known, &old.blob, &slug, 50);
    assert_eq!(granted, json!({"right": "granted", "until": 100_000, "newer": null}));
    assert_eq!(said(&known, &old.blob, &slug, 100)["right"], "lost");
    assert_eq!(said(&known, &BlobId([9; 32]), "other", 50)["right"], "lost");
    let replaced = shelf(None, std::slice::from_ref(&new), &[old.clone(), new.clone()]);
    let newer = said(&replaced, &old.blob, &slug, 50);
    assert_eq!((&newer["right"], &newer["until"]), (&"granted".into(), &Value::Null));
    assert_eq!(newer["newer"]["blob"], new.blob.to_string());
    let web = package(3, "application/zip");
    let other_format = shelf(None, std::slice::from_ref(&web), &[old.clone(), web.clone()]);
    assert_eq!(said(&other_format, &old.blob, &slug, 50)["newer"], Value::Null);
}

#[test]
fn a_persons_tag_is_always_the_same_and_says_nothing_of_them() {
    let uai = "0510035L".parse().unwrap();
    let person = |id: &str| Person {
        id: id.into(),
        role: Role::Pupil,
        uais: vec![],
        classes: vec!["2B".into()],
    };
    let list = Assigned::ByRole;
    let of = |person: &Person| tag(Reader::Person(person, &uai, &list));
    assert_eq!(of(&person("dupont")), of(&person("dupont")));
    assert_ne!(of(&person("dupont")), of(&person("durand")));
    assert!(of(&person("dupont")).bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(tag(Reader::Nobody), "");
}

#[test]
fn every_word_of_the_scripts_is_there_and_cannot_end_its_element() {
    let words = Words::new(TimeZone::UTC);
    for language in [Language::French, Language::English] {
        let text = super::words(&words.speak(language));
        assert!(!text.contains('<'));
        let all: Map<String, Value> = serde_json::from_str(&text).unwrap();
        for (id, said) in all {
            let said = said.as_str().unwrap();
            assert!(!said.contains("takehome-") && !said.contains('$'), "{id}: {said}");
        }
    }
}
