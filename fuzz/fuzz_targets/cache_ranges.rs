//! Ranges asked for and given: never a byte beyond the whole, never more than it in all, and what we
//! write is read as it was meant.

#![no_main]

#[path = "../fields.rs"]
mod fields;

use std::ops::Range;

use http::{
    HeaderMap,
    header::{CONTENT_RANGE, RANGE},
};
use libfuzzer_sys::fuzz_target;
use preau::gateway::cache::foreign::{
    Given, Held, Parts, Spec, asked, content_range, given, parts, range,
};

fuzz_target!(|data: &[u8]| {
    let Some((total, bytes)) = data.split_first_chunk() else { return };
    let total = u64::from_le_bytes(*total);
    let fields = fields::fields(bytes);
    if let Some(Given { range, total }) = given(&fields) {
        assert!(range.start < range.end && total.is_none_or(|total| range.end <= total));
    }
    let Some(specs) = asked(&fields) else { return };
    assert!((1..=16).contains(&specs.len()));
    let given = match parts(&specs, total) {
        Parts::None => return,
        Parts::One(one) => vec![one],
        Parts::Several(several) => several,
        Parts::Whole => {
            assert!(specs.len() > 1);
            return;
        }
    };
    let sum: u128 = given.iter().map(|part| u128::from(part.end - part.start)).sum();
    assert!(sum <= u128::from(total) && given.len() <= specs.len());
    let mut held = Held::default();
    for part in &given {
        assert!(part.start < part.end && part.end <= total);
        read_back(part, total);
        assert!(held.add(part.clone()) && held.covers(part.clone()));
        assert_eq!(held.first_gap(part.clone()), None);
    }
    assert!(held.is_sound(total) && u128::from(held.bytes()) <= sum);
});

fn read_back(part: &Range<u64>, total: u64) {
    let mut fields = HeaderMap::new();
    fields.insert(CONTENT_RANGE, content_range(Some(part), total));
    let wanted = Given { range: part.clone(), total: Some(total) };
    assert_eq!(given(&fields), Some(wanted));
    fields.insert(RANGE, range(part));
    let specs = asked(&fields).expect("a range of ours");
    assert!(matches!(specs[..], [Spec::Between(..) | Spec::From(_)]));
    assert_eq!(parts(&specs, total), Parts::One(part.clone()));
}
