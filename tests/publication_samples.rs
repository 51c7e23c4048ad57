//! The real EPUBs open, their manifests keep Readium's schema, and every resource arrives whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod publication_support;
mod support;

use std::fs::File;

use preau::publication::{Kind, Publication};
use publication_support::{check_manifest, manifest_schema, read_all};

fn open(name: &str) -> Option<Publication> {
    let samples = support::sample_folder()?;
    let file = File::open(samples.join("epub").join(name)).unwrap();
    let publication = Publication::open(file, "application/epub+zip").unwrap();
    check_manifest(&manifest_schema(&samples), &publication);
    Some(publication)
}

#[test]
fn a_fixed_layout_comic_has_its_pages_sides_and_sizes() {
    let Some(comic) = open("page-blanche.epub") else { return };
    assert_eq!(comic.kind, Kind::EpubFixed);
    assert_eq!(comic.metadata.title, "Page Blanche");
    assert_eq!(comic.metadata.authors, ["Boulet", "Bagieu Pénélope"]);
    assert_eq!(comic.metadata.publisher.as_deref(), Some("éditions Delcourt"));
    assert_eq!(comic.metadata.languages, ["fr"]);
    assert_eq!(comic.metadata.pages, Some(8));
    assert_eq!(comic.cover.as_deref(), Some("EPUB/Image/cover.jpg"));
    assert_eq!(comic.reading_order.len(), 10);
    let sides: Vec<_> = comic.reading_order.iter().take(3).map(|item| item.page).collect();
    assert_eq!(sides, [Some("right"), Some("left"), Some("right")]);
    let sized = comic.reading_order.iter().filter(|item| item.viewport == Some((1200, 1577)));
    assert_eq!(sized.count(), 10);
    let titles: Vec<&str> = comic.contents.iter().map(|entry| &*entry.title).collect();
    assert_eq!(titles, ["Dédicace", "Commencer la lecture"]);
    assert_eq!(comic.reading_order[3].title.as_deref(), Some("Dédicace"));
    assert_eq!(read_all(&comic), 22);
}

#[test]
fn a_guide_of_flowing_text_has_its_contents_and_cover() {
    let Some(guide) = open("GhV-oeb-page.epub") else { return };
    assert_eq!(guide.kind, Kind::EpubReflowable);
    assert_eq!(guide.metadata.title, "Guide Hachette des Vins 2011");
    assert_eq!(guide.metadata.modified.as_deref(), Some("2012-10-02T18:00:00Z"));
    assert_eq!(guide.cover.as_deref(), Some("EPUB/Image/cover.jpg"));
    assert_eq!(guide.reading_order[0].title.as_deref(), Some("Couverture"));
    assert_eq!(guide.contents.len(), 3);
    assert!(guide.reading_order.iter().all(|item| item.viewport.is_none()));
    assert_eq!(read_all(&guide), 52);
}

#[test]
fn a_book_of_one_page_has_its_nested_contents() {
    let Some(water) = open("hefty-water.epub") else { return };
    assert_eq!(water.kind, Kind::EpubReflowable);
    let [top] = water.contents.as_slice() else { panic!("{:?}", water.contents) };
    assert_eq!(top.href.as_deref(), Some("EPUB/heftywater.xhtml#title"));
    let below: Vec<&str> = top.children.iter().map(|entry| &*entry.title).collect();
    assert_eq!(below, ["The Switch", "The Source", "Hefty Ruby Water"]);
    assert_eq!(read_all(&water), 2);
    assert!(water.resource("EPUB/absent.xhtml").is_none());
    assert!(water.resource("../Cargo.toml").is_none());
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let Some(samples) = support::sample_folder() else { return };
    let schema = manifest_schema(&samples);
    let link = serde_json::json!({"href": "a", "type": "text/html"});
    let right = serde_json::json!({"metadata": {"title": "t"}, "readingOrder": [link]});
    assert!(schema.is_valid(&right));
    for (place, wrong) in [
        ("/metadata/title", serde_json::json!(1)),
        ("/readingOrder/0/href", serde_json::json!("a b")),
        ("/readingOrder/0", serde_json::json!({"href": "a"})),
    ] {
        let mut manifest = right.clone();
        *manifest.pointer_mut(place).unwrap() = wrong;
        assert!(!schema.is_valid(&manifest), "{place}");
    }
}
