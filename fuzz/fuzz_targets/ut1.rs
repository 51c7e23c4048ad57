//! A list as somebody sends it: every line gives rules, is counted as wrong, or is left out; what is
//! compiled reads back as it was written, and answers.

#![no_main]

#[path = "../lists.rs"]
mod lists;

use libfuzzer_sys::fuzz_target;
use preau::filter::lists::formats::Reader;

fuzz_target!(|data: &[u8]| {
    for reader in [Reader::Ut1Domains, Reader::Ut1Urls, Reader::Ut1Expressions] {
        lists::compile_and_ask(reader, data);
    }
});
