//! A page of a feed, or what a distributor sends in its place: read or refused, never a panic; no
//! offer leads anywhere but the web, no name is without its canonical form.

#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use preau::catalogue::{
    identifiers::canonical,
    opds::{Origin, page, sign_in},
};
use url::Url;

fuzz_target!(|data: &[u8]| {
    let _ = sign_in(data);
    let Ok(url) = Url::parse("https://feed.example/opds/1.json") else { return };
    let origin = Origin { source: "fuzz".to_owned(), url, zone: TimeZone::UTC };
    let Ok(page) = page(data, &origin) else { return };
    let on_the_web = |url: &Url| matches!(url.scheme(), "http" | "https");
    assert!(page.below.iter().chain(&page.next).all(on_the_web));
    for entry in &page.entries {
        assert!(!entry.identifiers.is_empty());
        for id in &entry.identifiers {
            assert_eq!(canonical(id, "fuzz").as_ref(), Some(id));
        }
        let addresses = entry.cover.iter().chain(&entry.online);
        assert!(addresses.chain(entry.offers.iter().map(|offer| &offer.url)).all(on_the_web));
    }
});
