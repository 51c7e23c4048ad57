//! Any text as a host, an authority, or something typed: read or refused; what is read is in the one
//! form that lists and requests are compared in, and reads the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use preau::filter::{
    host::{Host, MAX_LABEL_BYTES, MAX_NAME_BYTES},
    target::{Typed, split_authority},
};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = split_authority(text);
    if let Ok(typed) = Typed::parse(text) {
        assert_eq!(typed.target().port, typed.port);
    }
    let Ok(host) = Host::parse(text) else { return };
    assert_eq!(Host::parse(&host.to_string()), Ok(host));
    let Some(name) = host.name() else { return };
    let whole = name.as_str();
    assert!(whole.len() <= MAX_NAME_BYTES && whole.is_ascii() && !whole.ends_with('.'));
    assert!(!whole.bytes().any(|byte| byte.is_ascii_uppercase() || byte <= b' '));
    assert!(whole.split('.').all(|label| (1..=MAX_LABEL_BYTES).contains(&label.len())));
    assert_eq!(name.suffixes().count(), name.labels());
});
