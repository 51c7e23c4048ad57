//! What names a stored response: never another place than the one that is judged and dialled, with
//! or without a rule of the system updates; read back from the disk as it was.

#![no_main]

use std::sync::LazyLock;

use http::Uri;
use libfuzzer_sys::fuzz_target;
use preau::gateway::{
    Asked,
    cache::{
        foreign::{Key, beside},
        updates::Rules,
    },
};

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::shipped().expect("our own"));

fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let Ok(uri) = Uri::try_from(lines.next().unwrap_or_default()) else { return };
    let Ok(asked) = Asked::in_clear(&uri) else { return };
    for rule in [None, RULES.of(&uri)] {
        let Some(key) = Key::of(&uri, rule) else { continue };
        let text = key.to_string();
        assert_eq!(Key::kept(&text).as_ref(), Some(&key));
        let read: Uri = text.parse().expect("a key is an address");
        assert_eq!(Asked::in_clear(&read).as_ref(), Ok(&asked));
        assert_eq!(read.path(), if uri.path().is_empty() { "/" } else { uri.path() });
        assert_eq!(Key::of(&read, rule).as_ref(), Some(&key));
    }
    // The box leads to no port and no user of a device's choice.
    if let Ok(origin) = RULES.behind_cache_host(&uri)
        && let Ok(led) = Asked::in_clear(&origin)
    {
        assert_eq!((led.port, origin.host()), (80, origin.authority().map(|host| host.as_str())));
    }
    if let Some(named) = beside(&uri, lines.next().unwrap_or_default()) {
        assert_eq!(Asked::in_clear(&named), Ok(asked));
    }
});
