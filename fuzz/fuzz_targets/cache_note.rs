//! A note in the cache's own folder, as a crash or a failing disk may have left it: trusted only for
//! bytes that the file beside it has, and written again as it was read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use preau::gateway::cache::foreign::Entry;

fuzz_target!(|data: &[u8]| {
    let Some((length, note)) = data.split_first_chunk() else { return };
    let length = u64::from(u32::from_le_bytes(*length));
    let Some(entry) = Entry::found(7, note, length) else { return };
    let held = entry.content.held();
    let total = entry.content.total().expect("a note says how long the whole is");
    assert!(held.is_sound(total.min(length)) && held.bytes() <= length);
    let (head, written) = (entry.head(), entry.note().expect("what was found can be kept"));
    let written = serde_json::to_vec(&written).expect("a note");
    let again = Entry::found(7, &written, length).expect("what we wrote");
    assert_eq!((&again.key, &again.selecting), (&entry.key, &entry.selecting));
    assert_eq!((again.content.held(), again.content.total()), (held, Some(total)));
    let read = again.head();
    assert_eq!((read.status, &read.headers), (head.status, &head.headers));
    assert_eq!(read.times, head.times);
    assert_eq!(read.lifetime, head.lifetime);
    assert!(read.age(read.times.answered).is_none_or(|age| age >= 0));
});
