//! Origins that lie, stall or never end: each gives its error, bounded, and spoils nothing for the
//! good answer that follows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod mirror_support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mirror_support::{
    Site, holding, noise, offer,
    origin::{Act, Asked, Content, Origin, good, not_satisfiable, part, whole},
    patient,
};
use preau::{
    catalogue::Offer,
    config::{self, ByteRate, ByteSize, Period},
};

const SIZE: usize = 200_000;

fn head(lines: &str) -> Act {
    Act::Head(format!("HTTP/1.1 {lines}\r\n\r\n"))
}

fn quick() -> config::Mirror {
    config::Mirror {
        largest_package: ByteSize(1_000_000),
        slowest: ByteRate(10_000),
        stall_after: Period(Duration::from_millis(400)),
        ..patient()
    }
}

/// Plays `bad` until the failure shows, checks what it says, then lets the origin be good and
/// expects the package. Returns the requests made.
async fn fails_then_completes(
    says: &str,
    tweak: impl Fn(Offer) -> Offer,
    bad: impl Fn(&Asked, &Content) -> Vec<Act> + Send + Sync + 'static,
) -> Vec<Asked> {
    let content = Content::of(&noise(1, SIZE), "one");
    let mended = Arc::new(AtomicBool::new(false));
    let origin = Origin::start({
        let (content, mended) = (content.clone(), mended.clone());
        move |asked| {
            if mended.load(Ordering::SeqCst) { good(&content, asked) } else { bad(asked, &content) }
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &quick());
    site.hold(vec![holding("a", vec![tweak(offer(&origin.url("/a"), &content))])]);
    let failure = site.failure().await;
    assert!(failure.reason.contains(says), "{:?} should say {says:?}", failure.reason);
    assert!(failure.again_at > failure.at);
    assert!(site.store.packages().is_empty(), "nothing half or wrong is published");
    mended.store(true, Ordering::SeqCst);
    site.mirror.wake(false);
    site.arrival(content.blob).await;
    site.until("an empty list", |progress| progress.failed.is_empty().then_some(())).await;
    site.stop().await;
    origin.asked()
}

/// As fed by a feed that knows neither size nor hash.
fn bare(offer: Offer) -> Offer {
    Offer { size: None, sha256: None, ..offer }
}

fn same(offer: Offer) -> Offer {
    offer
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_body_is_cut_at_the_largest_package() {
    let endless =
        |_: &Asked, _: &Content| vec![head("200 OK"), Act::Forever(&[b'x'; 4096], Duration::ZERO)];
    fails_then_completes("larger than 1000000 bytes", bare, endless).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_feed_s_size_is_cut_there() {
    let endless =
        |_: &Asked, _: &Content| vec![head("200 OK"), Act::Forever(&[b'x'; 4096], Duration::ZERO)];
    fails_then_completes("more than the 200000 bytes announced came", same, endless).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_drip_is_cut_and_its_bytes_are_kept() {
    let drip = |asked: &Asked, content: &Content| {
        let mut acts = whole(content, 50_000);
        acts.pop();
        acts.push(Act::Forever(b"", Duration::from_millis(10)));
        if asked.range.is_some() { good(content, asked) } else { acts }
    };
    let asked = fails_then_completes("too slow", same, drip).await;
    assert_eq!(asked.last().unwrap().range.as_deref(), Some("bytes=50000-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_other_than_the_feed_s_is_refused() {
    let other = |_: &Asked, content: &Content| {
        vec![head("200 OK\r\nContent-Length: 5000"), Act::Body(content.clone(), 0, 5000)]
    };
    let says = "5000 bytes are announced, the feed says 200000";
    fails_then_completes(says, same, other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_too_large_is_not_even_begun() {
    let large = |_: &Asked, _: &Content| vec![head("200 OK\r\nContent-Length: 2000000"), Act::Hang];
    fails_then_completes("mirror.largest_package (1000000)", bare, large).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_cut_short_is_resumed() {
    let cut = |_: &Asked, content: &Content| whole(content, 70_000);
    let asked = fails_then_completes("70000 bytes are kept to resume", same, cut).await;
    let last = asked.last().unwrap();
    assert_eq!(last.range.as_deref(), Some("bytes=70000-"));
    assert_eq!(last.if_range.as_deref(), Some("\"one\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coded_body_is_refused() {
    let gzip = |_: &Asked, content: &Content| {
        let coded = "200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 200000";
        vec![head(coded), Act::Body(content.clone(), 0, content.size)]
    };
    fails_then_completes("coded (gzip)", same, gzip).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_private_address_is_refused() {
    let away = |_: &Asked, _: &Content| {
        let to = "302 Found\r\nLocation: http://10.0.0.1/secret\r\nContent-Length: 0";
        vec![head(to)]
    };
    fails_then_completes("not on the public Internet", same, away).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused() {
    let garbage = |_: &Asked, _: &Content| {
        vec![Act::Head("\u{1}\u{2} nothing like HTTP\r\n\r\n".to_owned()), Act::Close]
    };
    fails_then_completes("/a: ", same, garbage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_found_waits_the_longest() {
    let nothing = |_: &Asked, _: &Content| vec![head("404 Not Found\r\nContent-Length: 0")];
    fails_then_completes("answered 404", same, nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_of_the_right_length_are_removed() {
    let other = Content::of(&noise(2, SIZE), "one");
    let swap = move |asked: &Asked, _: &Content| good(&other, asked);
    let asked = fails_then_completes("SHA-256", same, swap).await;
    assert_eq!(asked.last().unwrap().range, None, "nothing of them is continued");
}

/// First half of one version, then another answer to the request for the rest: `then` gives it.
async fn changes_in_the_middle(
    then: impl Fn(&Asked, &Content, &Content) -> Vec<Act> + Send + Sync + 'static,
) {
    let first = Content::of(&noise(1, SIZE), "one");
    let second = Content::of(&noise(2, SIZE), "two");
    let origin = Origin::start({
        let second = second.clone();
        move |asked| match asked.number {
            0 => whole(&first, 100_000),
            _ => then(asked, &first, &second),
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &quick());
    // The feed knows the size only: nothing but the entity tag tells the two apart.
    let sized = Offer { sha256: None, ..offer(&origin.url("/a"), &second) };
    site.hold(vec![holding("a", vec![sized])]);
    site.failure().await;
    site.mirror.wake(false);
    site.arrival(second.blob).await;
    let asked = origin.asked();
    assert_eq!(asked[1].range.as_deref(), Some("bytes=100000-"));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_to_a_range_starts_anew() {
    changes_in_the_middle(|_, _, second| whole(second, second.size)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_other_bytes_starts_anew() {
    changes_in_the_middle(|asked, _, second| match &asked.range {
        Some(range) => part(second, range),
        None => whole(second, second.size),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_is_not_there_starts_anew() {
    changes_in_the_middle(|asked, _, second| match &asked.range {
        Some(_) => not_satisfiable(10),
        None => whole(second, second.size),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_from_another_place_starts_anew() {
    changes_in_the_middle(|asked, first, second| match &asked.range {
        Some(_) => part(first, "bytes=99999-"),
        None => whole(second, second.size),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_package_stands_in_nobody_s_way() {
    let content = Content::of(&noise(3, SIZE), "three");
    let origin = Origin::start({
        let content = content.clone();
        move |asked| match asked.path.as_str() {
            "/bad" => vec![head("200 OK\r\nContent-Length: 200000"), Act::Hang],
            _ => good(&content, asked),
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    // One place only, and the bad one is first in the queue.
    let site = Site::start(folder.path(), &config::Mirror { parallel: 1, ..quick() });
    let bad = Offer { sha256: None, ..offer(&origin.url("/bad"), &content) };
    let bad = holding("a", vec![bad]);
    site.hold(vec![bad, holding("b", vec![offer(&origin.url("/good"), &content)])]);
    site.arrival(content.blob).await;
    assert_eq!(site.failure().await.holding, "a");
    assert_eq!(origin.asked()[0].path, "/bad");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_shorter_than_asked_is_followed_by_the_rest() {
    // No length anywhere at first: only the parts tell it.
    let chunked = |_: &Asked, content: &Content| {
        let lines = format!("200 OK\r\nETag: {}\r\nTransfer-Encoding: chunked", content.etag);
        let start = Act::Head("2710\r\n".to_owned());
        vec![head(&lines), start, Act::Body(content.clone(), 0, 10_000), Act::Close]
    };
    let content = Content::of(&noise(1, SIZE), "one");
    let origin = Origin::start({
        let content = content.clone();
        move |asked| match (&asked.range, asked.number) {
            (Some(range), 1) => part(&content, &format!("{range}59999")),
            (Some(range), _) => part(&content, range),
            (None, _) => chunked(asked, &content),
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &quick());
    site.hold(vec![holding("a", vec![bare(offer(&origin.url("/a"), &content))])]);
    site.failure().await;
    site.mirror.wake(false);
    site.arrival(content.blob).await;
    let ranges: Vec<_> = origin.asked().into_iter().filter_map(|asked| asked.range).collect();
    assert_eq!(ranges, ["bytes=10000-", "bytes=60000-"]);
    site.stop().await;
}
