use std::io::Write;

use proptest::prelude::*;
use rawzip::{CompressionMethod, ZipArchiveWriter, ZipDataWriterConfig};

use super::*;
use crate::mirror::delta::directory;

/// A zip of stored entries, by name and content; `dated` gives them all that second of 2026.
fn zip(entries: &[(String, Vec<u8>)], dated: Option<i64>) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (name, content) in entries {
        let mut file = archive.new_file(name.clone()).compression_method(CompressionMethod::STORE);
        if let Some(second) = dated {
            file = file.last_modified(rawzip::time::UtcDateTime::from_unix(1_790_000_000 + second));
        }
        let (mut entry, config): (_, ZipDataWriterConfig) = file.start().unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(content).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap()
}

fn twins(new: &Directory, older: &Directory, bytes: &[u8]) -> Vec<Option<Twin>> {
    let twin = |index: usize| {
        let entry = older.entries[index].clone();
        directory::twin(&bytes, entry).unwrap()
    };
    matches(new, older).into_iter().map(|found| found.map(twin)).collect()
}

/// Puts the file together; says how many bytes would cross the network beside the tail.
fn patch(older: &[u8], new: &[u8], tail_bytes: usize, exact: bool) -> (Vec<u8>, u64) {
    let start = new.len().saturating_sub(tail_bytes);
    let tail = Tail { start: start as u64, bytes: Bytes::copy_from_slice(&new[start..]) };
    let old_directory = directory::read(older, older.len() as u64).unwrap();
    let new_directory = directory::read(new, new.len() as u64).unwrap();
    let twins = twins(&new_directory, &old_directory, older);
    let mut headers: Vec<Option<Bytes>> = new_directory
        .entries
        .iter()
        .zip(&twins)
        .map(|(entry, twin)| {
            twin.as_ref().filter(|_| !exact).and_then(|twin| foretell(entry, twin))
        })
        .collect();
    let mut moved = 0;
    for (index, offset, len) in headers_to_fetch(&new_directory, &twins, &headers) {
        let at = usize::try_from(offset).unwrap();
        let bytes = Bytes::copy_from_slice(&new[at..at + usize::try_from(len).unwrap()]);
        headers[index] = cut_header(&bytes);
        moved += len;
    }
    let pieces = lay_out(&new_directory, &twins, &headers, &tail);
    let mut made = Vec::new();
    let run = |bytes: &[u8], offset: u64, len: u64| {
        let at = usize::try_from(offset).unwrap();
        bytes[at..at + usize::try_from(len).unwrap()].to_vec()
    };
    for piece in &pieces {
        match piece {
            Piece::Older { offset, len } => made.extend(run(older, *offset, *len)),
            Piece::Held(bytes) => made.extend_from_slice(bytes),
            Piece::Fetch { offset, len } => {
                assert_eq!(*offset, made.len() as u64, "a range of the place where it goes");
                made.extend(run(new, *offset, *len));
            }
        }
    }
    (made, moved + to_fetch(&pieces))
}

fn pages(count: u8) -> Vec<(String, Vec<u8>)> {
    (0..count).map(|i| (format!("page{i}.jpg"), vec![i; 10_000])).collect()
}

#[test]
fn one_changed_page_is_all_that_moves() {
    let older = pages(20);
    let mut newer = older.clone();
    newer[7].1 = vec![200; 11_000];
    let (older, newer) = (zip(&older, None), zip(&newer, Some(5)));
    let (made, moved) = patch(&older, &newer, 4096, false);
    assert!(made == newer);
    assert!((11_000..16_000).contains(&moved), "{moved}");
}

#[test]
fn reordered_renamed_and_redated_pages_do_not_move() {
    let older = pages(20);
    let mut newer: Vec<_> = older.iter().rev().cloned().collect();
    newer[3].0 = "another/name.jpg".to_owned();
    let (older, newer) = (zip(&older, Some(1)), zip(&newer, Some(7)));
    let (made, moved) = patch(&older, &newer, 4096, false);
    assert!(made == newer);
    assert_eq!(moved, 0);
    let (made, moved) = patch(&older, &newer, 4096, true);
    assert!(made == newer, "with exact headers too");
    assert!((20 * 30..20 * 100).contains(&moved), "{moved}");
}

#[test]
fn close_ranges_are_fetched_as_one() {
    let fetch = |offset, len| Piece::Fetch { offset, len };
    let older = |len| Piece::Older { offset: 0, len };
    let merged = merge(vec![fetch(0, 10), older(100), fetch(110, 5), older(5000), fetch(5115, 1)]);
    assert_eq!(merged, [fetch(0, 115), older(5000), fetch(5115, 1)]);
}

#[test]
fn a_piece_is_continued_anywhere() {
    let held = Piece::Held(Bytes::from_static(b"abc"));
    assert_eq!(held.clone().skip(2), Piece::Held(Bytes::from_static(b"c")));
    assert_eq!(held.skip(9).len(), 0);
    assert_eq!(Piece::Fetch { offset: 5, len: 5 }.skip(2), Piece::Fetch { offset: 7, len: 3 });
}

/// A zip of a few entries whose contents come from a small stock, so that versions share some.
fn any_zip() -> impl Strategy<Value = (Vec<(String, Vec<u8>)>, Option<i64>)> {
    let entry = ("[a-c]{1,3}", 0..6_u8, prop::sample::select(vec![0_usize, 3, 5000, 9000]));
    let entries = prop::collection::vec(entry, 0..12).prop_map(|list| {
        let one = |(i, (name, fill, len)): (usize, (String, u8, usize))| {
            (format!("{name}{i}"), vec![fill; len])
        };
        list.into_iter().enumerate().map(one).collect()
    });
    (entries, prop::option::of(0..1000_i64))
}

proptest! {
    #[test]
    fn any_version_is_made_of_any_other(
        (older, old_date) in any_zip(), (newer, new_date) in any_zip(), tail in 22..20_000_usize, exact: bool,
    ) {
        let (older, newer) = (zip(&older, old_date), zip(&newer, new_date));
        let (made, moved) = patch(&older, &newer, tail, exact);
        prop_assert!(made == newer);
        prop_assert!(moved <= 2 * newer.len() as u64);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0..400_usize) {
        let _ = directory::read(&bytes[..], bytes.len() as u64);
        let _ = cut_header(&Bytes::copy_from_slice(&bytes));
        let mut damaged = zip(&pages(3), Some(1));
        let at = damaged.len() - 1 - cut.min(damaged.len() - 1);
        damaged[at] ^= bytes.first().copied().unwrap_or(1) | 1;
        let _ = directory::read(&damaged[..], damaged.len() as u64);
    }
}
