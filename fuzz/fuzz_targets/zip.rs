//! Any bytes as a package: refused or opened, never a panic; what opens can be read or is named
//! damaged, within the limits asked for.

#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use preau::publication::Publication;

/// Bytes read of each resource.
const MOST: u64 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Ok(mut file) = tempfile::tempfile() else { return };
    if file.write_all(data).is_err() {
        return;
    }
    let Ok(publication) = Publication::open(file, "application/zip") else { return };
    for item in publication.reading_order.iter().chain(&publication.resources) {
        assert!(!item.path.split('/').any(|part| matches!(part, "" | "." | "..")), "{}", item.path);
        let Some(resource) = publication.resource(&item.path) else {
            panic!("{} is listed and not there", item.path)
        };
        assert!(resource.offset + resource.stored_len <= data.len() as u64);
        if let Ok(bytes) = resource.read(MOST) {
            assert_eq!(bytes.len() as u64, item.size);
        }
    }
    let _ = publication.manifest("http://box/p/0/");
});
