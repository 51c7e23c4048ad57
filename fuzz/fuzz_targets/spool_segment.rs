//! A segment of the spool, as a broken disk might give it: whatever the bytes, what is read as a body is
//! within its bounds, and reading ends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use preau::uplink::{
    message::{MAX_PACKED_BYTES, unpack},
    spool::entry::{Entries, Found},
};

fuzz_target!(|data: &[u8]| {
    let Some((&is_end, data)) = data.split_first() else { return };
    let is_end = is_end % 2 == 0;
    let mut entries = Entries::new(data, is_end);
    let mut found = 0;
    for one in entries.by_ref() {
        found += 1;
        assert!(found <= data.len());
        if let Found::Entry(entry) = one {
            assert!(entry.body.len() <= MAX_PACKED_BYTES);
            // A body is hostile as well.
            let _ = unpack(entry.body);
        }
    }
    assert!(entries.at() <= data.len());
    assert!(!is_end || entries.at() == data.len());
    // And whatever is taken for a body.
    let _ = unpack(data);
});
