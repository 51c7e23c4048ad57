//! A TLS client's first bytes: named or refused, never a panic, and alike however they are cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use preau::{filter::host::Host, gateway::transparent::Reader};

fuzz_target!(|data: &[u8]| {
    let Some((step, bytes)) = data.split_first() else { return };
    let whole = Reader::default().take(bytes);
    let mut reader = Reader::default();
    let mut parts = bytes.chunks(usize::from(*step).max(1)).map(|part| reader.take(part));
    let pieces = parts.find(|read| *read != Ok(None)).unwrap_or(Ok(None));
    assert_eq!(whole, pieces);
    if let Ok(Some(hello)) = whole
        && let Some(name) = hello.name
    {
        // What is judged is what is dialled: one spelling.
        assert_eq!(Host::parse(&name).map(|host| host.to_string()), Ok(name));
    }
});
