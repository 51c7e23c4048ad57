//! A request's target: read or refused, never a panic; what is read is one spelling, which is read
//! as itself again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use preau::gateway::Asked;

fuzz_target!(|data: &[u8]| {
    let Ok(uri) = http::Uri::try_from(data) else { return };
    for asked in [Asked::in_clear(&uri), Asked::tunnel(&uri)].into_iter().flatten() {
        assert!(asked.port != 0);
        let spelled = asked.to_string();
        assert_eq!(spelled, spelled.to_ascii_lowercase());
        let again = Asked::tunnel(&spelled.parse().expect("a target of ours is one"));
        assert_eq!(again.as_ref(), Ok(&asked));
        assert!(http::HeaderValue::from_str(&asked.as_host_field()).is_ok());
    }
});
