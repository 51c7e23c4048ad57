//! What a device sends to the proxy, watched byte by byte: never a panic, and the same verdict
//! however the bytes are cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use preau::gateway::guard::Watch;

fuzz_target!(|data: &[u8]| {
    let whole = Watch::default().see(data);
    let cut = data.first().map_or(1, |byte| usize::from(byte % 16) + 1);
    let (mut watch, mut at, mut in_parts) = (Watch::default(), 0, Ok(()));
    for part in data.chunks(cut) {
        if let Err((here, why)) = watch.see(part) {
            in_parts = Err((at + here, why));
            break;
        }
        at += part.len();
    }
    assert_eq!(whole, in_parts);
    assert_eq!(watch.has_refused(), in_parts.is_err());
});
