//! The GAR's answers in XML: read or refused, never a panic, whatever the encoding declared.

#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use preau::catalogue::{
    gar::{Place, fault_of, resources, subscriptions},
    identifiers::canonical,
};

fuzz_target!(|data: &[u8]| {
    // What does not begin like XML is another target's.
    if data.first() != Some(&b'<') {
        return;
    }
    let place = Place { uai: "0510035L".to_owned(), zone: TimeZone::UTC };
    let _ = fault_of(data);
    let pages = [resources(data), subscriptions(data, &place)];
    for entry in pages.iter().flatten().flat_map(|page| &page.entries) {
        for id in &entry.identifiers {
            assert_eq!(canonical(id, "").as_ref(), Some(id));
        }
    }
});
