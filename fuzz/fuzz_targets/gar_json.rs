//! The GAR's answers in JSON, and its CSV: read or refused, never a panic; every book has a name,
//! no subscription is another school's.

#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use preau::catalogue::{
    Entry,
    gar::{Place, counts, fault_of, resources, subscriptions},
    identifiers::canonical,
};

fn check(entries: &[Entry]) {
    for id in entries.iter().flat_map(|entry| &entry.identifiers) {
        assert_eq!(canonical(id, "").as_ref(), Some(id));
    }
    assert!(entries.iter().all(|entry| !entry.identifiers.is_empty()));
}

fuzz_target!(|data: &[u8]| {
    let place = Place { uai: "0510035L".to_owned(), zone: TimeZone::UTC };
    let _ = counts(data, &place.uai);
    if let Ok(page) = resources(data) {
        check(&page.entries);
        assert!(page.entries.len() <= page.records);
        assert!(fault_of(data).is_none());
    }
    if let Ok(page) = subscriptions(data, &place) {
        check(&page.entries);
        assert!(page.entries.iter().all(|entry| entry.licences.len() == 1));
    }
});
