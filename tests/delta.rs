//! A new version of a manual moves what changed, and nothing else; an origin that will not have it
//! so is asked for the whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod mirror_support;

use std::{
    fs::File,
    io::{BufWriter, Write},
    os::unix::fs::FileExt,
    time::Duration,
};

use mirror_support::{
    Site, holding, noise, offer,
    origin::{Act, Asked, Content, Origin, good, part, whole},
    patient,
};
use preau::{
    catalogue::Offer,
    config::{self, ByteSize, Period},
};
use rawzip::{CompressionMethod, ZipArchiveWriter, time::UtcDateTime};

/// One page of a generated manual: its file name, the seed of its bytes, and their number.
type Page = (String, u64, usize);

fn pages(count: u64, size: usize) -> Vec<Page> {
    (0..count).map(|i| (format!("OEBPS/pages/page{i:03}.jpg"), i + 1, size)).collect()
}

/// A fixed-layout EPUB of these pages, as it lies in a file.
fn epub(pages: &[Page], dated: i64, etag: &str) -> Content {
    let file = tempfile::tempfile().unwrap();
    let mut archive = ZipArchiveWriter::new(BufWriter::new(&file));
    let mut add = |name: &str, bytes: &[u8]| {
        let (mut entry, config) = archive
            .new_file(name)
            .compression_method(CompressionMethod::STORE)
            .last_modified(UtcDateTime::from_unix(dated))
            .start()
            .unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(bytes).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    };
    add("mimetype", b"application/epub+zip");
    for (name, seed, size) in pages {
        add(name, &noise(*seed, *size));
    }
    add("OEBPS/content.opf", format!("<package>{etag}</package>").as_bytes());
    archive.finish().unwrap().into_inner().unwrap();
    Content::in_file(copy(&file), etag)
}

fn copy(file: &File) -> File {
    file.try_clone().unwrap()
}

/// What moved for the new version, by the origin's count and by the mirror's.
struct Moved {
    sent: u64,
    moved: u64,
    note: String,
    asked: Vec<Asked>,
}

/// Has `old` fetched, then offers `new`, which `answer` gives out; expects it to come whole.
async fn update(
    old: Content,
    new: Content,
    tweak: impl Fn(Offer) -> Offer,
    answer: impl Fn(&Asked, &Content) -> Vec<Act> + Send + Sync + 'static,
) -> Moved {
    let origin = Origin::start({
        let (old, new) = (old.clone(), new.clone());
        move |asked| if asked.path == "/old" { good(&old, asked) } else { answer(asked, &new) }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let config = config::Mirror { largest_package: ByteSize::gib(1), ..patient() };
    let site = Site::start(folder.path(), &config);
    site.hold(vec![holding("a", vec![offer(&origin.url("/old"), &old)])]);
    let first = site.arrival(old.blob).await;
    assert_eq!((first.moved, first.note), (old.size, None));
    let before = origin.sent();
    let newer = Offer { version: "2".to_owned(), ..offer(&origin.url("/new"), &new) };
    site.hold(vec![holding("a", vec![tweak(newer)])]);
    let second = site.arrival(new.blob).await;
    assert!(site.store.package(&old.blob).is_some(), "the old version stays readable");
    assert_eq!(site.store.current()[0].blob, new.blob);
    let sent = origin.sent() - before;
    site.stop().await;
    let asked = origin.asked().into_iter().filter(|asked| asked.path == "/new").collect();
    Moved { sent, moved: second.moved, note: second.note.unwrap_or_default(), asked }
}

fn same(offer: Offer) -> Offer {
    offer
}

/// Prints the figure and gives the hundredths of the package that moved.
#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
fn percent(what: &str, moved: &Moved, size: u64) -> f64 {
    assert_eq!(moved.sent, moved.moved, "the mirror counts what crosses the network");
    let percent = moved.moved as f64 * 100.0 / size as f64;
    println!("delta: moved {} bytes of {size} ({percent:.2} %) {what}", moved.moved);
    percent
}

const PAGES: u64 = 400;
const PAGE: usize = 60_000;

fn revised(mut pages: Vec<Page>) -> Vec<Page> {
    for which in [7, 150, 399] {
        pages[which].1 += 10_000;
    }
    pages
}

#[tokio::test(flavor = "multi_thread")]
async fn three_changed_pages_of_400_are_what_moves() {
    let (old, new) = (pages(PAGES, PAGE), revised(pages(PAGES, PAGE)));
    let (old, new) = (epub(&old, 1_790_000_000, "one"), epub(&new, 1_790_000_000, "two"));
    let size = new.size;
    let moved = update(old, new, same, |asked, new| good(new, asked)).await;
    assert_eq!(moved.note, "as a delta");
    assert!(percent("(24 MB)", &moved, size) < 3.0);
    assert!(moved.asked.len() <= 6, "one request a range: {:?}", moved.asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_in_another_order_with_other_dates_and_names_do_not_move() {
    let mut new = revised(pages(PAGES, PAGE));
    new.reverse();
    new.swap(3, 77);
    new[20].0 = "OEBPS/images/cover.jpg".to_owned();
    let old = epub(&pages(PAGES, PAGE), 1_790_000_000, "one");
    let new = epub(&new, 1_795_555_555, "two");
    let size = new.size;
    let moved = update(old, new, same, |asked, new| good(new, asked)).await;
    assert_eq!(moved.note, "as a delta");
    assert!(percent("(reordered, renamed, re-dated)", &moved, size) < 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn inserted_pages_are_what_moves() {
    let mut new = pages(PAGES, PAGE);
    new.insert(200, ("OEBPS/pages/extra.jpg".to_owned(), 777_777, PAGE));
    new.remove(10);
    let old = epub(&pages(PAGES, PAGE), 1_790_000_000, "one");
    let new = epub(&new, 1_790_000_000, "two");
    let size = new.size;
    let moved = update(old, new, same, |asked, new| good(new, asked)).await;
    assert_eq!(moved.note, "as a delta");
    assert!(percent("(one page inserted, one removed)", &moved, size) < 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn local_headers_unlike_their_records_cost_the_headers_and_no_more() {
    let (old, new) = two_versions();
    // Another time of day in the local header of page 20: no central record tells of it.
    let mut bytes = vec![0; usize::try_from(new.size).unwrap()];
    new.file.read_exact_at(&mut bytes, 0).unwrap();
    let name = bytes.windows(11).position(|run| run == b"page020.jpg").unwrap();
    let local = bytes[..name].windows(4).rposition(|run| run == b"PK\x03\x04").unwrap();
    bytes[local + 10] ^= 0x20;
    let new = Content::of(&bytes, "two");
    let size = new.size;
    let moved = update(old, new, same, |asked, new| good(new, asked)).await;
    assert_eq!(moved.note, "as a delta");
    assert!(percent("(an odd local header, of 2.4 MB)", &moved, size) < 10.0);
}

/// A smaller manual, for the origins that make a delta impossible.
fn two_versions() -> (Content, Content) {
    let mut new = pages(40, PAGE);
    new[5].1 = 777;
    (epub(&pages(40, PAGE), 1_790_000_000, "one"), epub(&new, 1_790_000_000, "two"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_refuses_ranges_is_asked_for_the_whole_and_it_is_said() {
    let (old, new) = two_versions();
    let size = new.size;
    let moved = update(old, new, same, |_, new| whole(new, new.size)).await;
    assert_eq!(moved.note, "whole, not as a delta: the origin does not answer ranges");
    assert!(moved.moved >= size);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_gives_other_ranges_than_asked_is_asked_for_the_whole() {
    let (old, new) = two_versions();
    let lie = |asked: &Asked, new: &Content| match &asked.range {
        Some(_) if asked.number > 0 => part(new, "bytes=0-99"),
        _ => good(new, asked),
    };
    let moved = update(old, new, same, lie).await;
    assert!(moved.note.starts_with("whole, not as a delta: "), "{}", moved.note);
    assert!(moved.note.contains("the answer holds"), "{}", moved.note);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_whose_ranges_are_of_other_bytes_is_asked_for_the_whole() {
    let (old, new) = two_versions();
    // Same length and same entity tag, other bytes: only the hash can tell.
    let other = Content::of(&noise(9, usize::try_from(new.size).unwrap()), "two");
    let lie = move |asked: &Asked, new: &Content| match &asked.range {
        Some(range) if asked.number > 0 => part(&other, range),
        _ => good(new, asked),
    };
    let moved = update(old, new, same, lie).await;
    let says = "whole, not as a delta: what was put together has not the announced hash";
    assert_eq!(moved.note, says);
    assert_eq!(moved.asked.last().unwrap().range, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_changes_between_two_ranges_is_asked_for_whole() {
    let (old, new) = two_versions();
    let changed = |asked: &Asked, new: &Content| match asked.number {
        1 => good(&Content { etag: "\"three\"".to_owned(), ..new.clone() }, asked),
        _ => good(new, asked),
    };
    let moved = update(old, new, same, changed).await;
    assert!(moved.note.contains("changed while they were fetched"), "{}", moved.note);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_zip_or_shares_nothing_is_fetched_whole() {
    let (old, _) = two_versions();
    let new = Content::of(&noise(4, 300_000), "two");
    let moved = update(old.clone(), new, same, |asked, new| good(new, asked)).await;
    assert!(moved.note.contains("not a sound zip"), "{}", moved.note);
    let others: Vec<Page> = (0..40).map(|i| (format!("p{i}"), 5000 + i, PAGE)).collect();
    let new = epub(&others, 1_790_000_000, "two");
    let moved = update(old, new, same, |asked, new| good(new, asked)).await;
    assert!(moved.note.contains("too little of it is here already"), "{}", moved.note);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_hash_there_is_no_delta() {
    let (old, new) = two_versions();
    let bare = |offer: Offer| Offer { sha256: None, ..offer };
    let moved = update(old, new, bare, |asked, new| good(new, asked)).await;
    assert_eq!(moved.note, "whole, not as a delta: no hash is announced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_that_is_cut_goes_on_where_it_was() {
    let (old, new) = two_versions();
    let origin = Origin::start({
        let (old, new) = (old.clone(), new.clone());
        move |asked| {
            let mut acts = good(if asked.path == "/old" { &old } else { &new }, asked);
            if asked.path == "/new" && asked.number == 1 {
                // The first changed page: a third of it, and the end of the connection.
                let Act::Body(_, _, len) = &mut acts[1] else { panic!("a body") };
                *len /= 3;
                acts.push(Act::Close);
            }
            acts
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &patient());
    site.hold(vec![holding("a", vec![offer(&origin.url("/old"), &old)])]);
    site.arrival(old.blob).await;
    let newer = Offer { version: "2".to_owned(), ..offer(&origin.url("/new"), &new) };
    let newer = holding("a", vec![newer]);
    site.hold(vec![newer.clone()]);
    let failure = site.failure().await;
    assert!(failure.reason.contains("bytes are kept to resume"), "{}", failure.reason);
    // A power cut in between changes nothing.
    site.stop().await;
    let site = Site::start(folder.path(), &patient());
    site.hold(vec![newer]);
    site.failure().await;
    site.mirror.wake(false);
    let finished = site.arrival(new.blob).await;
    assert_eq!(finished.note.as_deref(), Some("as a delta"));
    assert!(finished.moved < 64 * 1024 + 2 * PAGE as u64 / 3 + 1000, "{finished:?}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_whose_every_answer_is_cut_still_arrives() {
    let mut changed = pages(40, PAGE);
    for which in [2, 11, 30] {
        changed[which].1 += 777;
    }
    let old = epub(&pages(40, PAGE), 1_790_000_000, "one");
    let new = epub(&changed, 1_790_000_000, "two");
    let origin = Origin::start({
        let (old, new) = (old.clone(), new.clone());
        move |asked| {
            let mut acts = good(if asked.path == "/old" { &old } else { &new }, asked);
            // Each page comes in pieces of 25,000 bytes; the directory comes in one.
            if let (Act::Body(_, offset, len), "/new") = (&mut acts[1], asked.path.as_str())
                && *offset + *len < new.size
                && *len > 25_000
            {
                *len = 25_000;
                acts.push(Act::Close);
            }
            acts
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let soon = Period(Duration::from_millis(20));
    let config = config::Mirror { retry_first: soon, retry_longest: soon, ..patient() };
    let site = Site::start(folder.path(), &config);
    site.hold(vec![holding("a", vec![offer(&origin.url("/old"), &old)])]);
    site.arrival(old.blob).await;
    let newer = Offer { version: "2".to_owned(), ..offer(&origin.url("/new"), &new) };
    site.hold(vec![holding("a", vec![newer])]);
    let finished = site.arrival(new.blob).await;
    assert_eq!(finished.note.as_deref(), Some("as a delta"));
    let asked = origin.asked().into_iter().filter(|asked| asked.path == "/new").count();
    // Three pages in three pieces each, and the directory before each try.
    assert_eq!(asked, 9 + 7);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_from_the_origin_is_hash_enough() {
    let (old, new) = two_versions();
    let digest = base64(&new.blob.0);
    let told = move |asked: &Asked, new: &Content| {
        let mut acts = good(new, asked);
        let Act::Head(head) = &mut acts[0] else { panic!("a head") };
        *head = head.replacen("\r\n", &format!("\r\nRepr-Digest: sha-256=:{digest}:\r\n"), 1);
        acts
    };
    let bare = |offer: Offer| Offer { sha256: None, ..offer };
    let moved = update(old, new, bare, told).await;
    assert_eq!(moved.note, "as a delta");
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let held = (0..3).fold(0, |held, i| held << 8 | usize::from(*three.get(i).unwrap_or(&0)));
        for place in 0..4 {
            let digit = DIGITS[held >> (18 - 6 * place) & 63];
            text.push(if place > three.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manual_of_300_mb_with_3_of_400_pages_changed_moves_under_3_percent() {
    const LARGE_PAGE: usize = 750_000;
    let (old, new) = (pages(PAGES, LARGE_PAGE), revised(pages(PAGES, LARGE_PAGE)));
    let (old, new) = (epub(&old, 1_790_000_000, "one"), epub(&new, 1_796_000_000, "two"));
    let size = new.size;
    assert!(size > 300_000_000);
    let moved = update(old, new, same, |asked, new| good(new, asked)).await;
    assert_eq!(moved.note, "as a delta");
    assert!(percent("(300 MB)", &moved, size) < 3.0);
}
