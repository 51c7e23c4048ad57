//! The mirror keeps to the hours, the rate and the room it is given, and says what holds it back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod mirror_support;

use std::time::Duration;

use mirror_support::{
    Site, holding, noise, offer,
    origin::{Act, Asked, Content, Origin, good},
    patient,
};
use preau::{
    catalogue::{Holding, Licence, Offer},
    config::{self, ByteRate, TimeWindow},
};

const SIZE: usize = 150_000;

/// An hour that is not now, nor soon; and how it starts.
fn another_hour() -> (TimeWindow, String) {
    let paris = jiff::Timestamp::now().in_tz("Europe/Paris").unwrap();
    let hour = (paris.time().hour() + 12) % 24;
    (format!("{hour:02}:00-{hour:02}:30").parse().unwrap(), format!("{hour:02}:00"))
}

/// A holding assigned to so many pupils; its licence may be over.
fn licensed(id: &str, pupils: u64, over: bool, offers: Vec<Offer>) -> Holding {
    let until = over.then_some(jiff::Timestamp::UNIX_EPOCH);
    let licence = Licence {
        id: id.to_owned(),
        from: None,
        until,
        pupil_licences: None,
        assigned_pupils: pupils,
        individual: false,
        publics: Vec::new(),
    };
    Holding { licences: vec![licence], ..holding(id, offers) }
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_the_window_nothing_moves_and_it_says_so() {
    let content = Content::of(&noise(1, SIZE), "v");
    let origin = origin_of(&content).await;
    let folder = tempfile::tempdir().unwrap();
    let (window, start) = another_hour();
    let config = config::Mirror { window: vec![window], ..patient() };
    let site = Site::start(folder.path(), &config);
    site.hold(vec![holding("a", vec![offer(&origin.url("/a"), &content)])]);
    let says = site.until("a reason", |progress| progress.held_back.clone()).await;
    assert!(says.starts_with("outside the window until ") && says.ends_with(&start), "{says}");
    assert!(origin.asked().is_empty());
    site.mirror.wake(true);
    site.arrival(content.blob).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_holds_back_what_does_not_fit_and_nothing_else() {
    let large = Content::of(&noise(1, 900_000), "large");
    let small = Content::of(&noise(2, 50_000), "small");
    let origin = Origin::start({
        let (large, small) = (large.clone(), small.clone());
        move |asked| good(if asked.path == "/large" { &large } else { &small }, asked)
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let config = config::Mirror { parallel: 1, ..patient() };
    let site = Site::start_with_quota(folder.path(), &config, Some(400_000));
    let crowd = licensed("large", 35, false, vec![offer(&origin.url("/large"), &large)]);
    site.hold(vec![crowd, holding("small", vec![offer(&origin.url("/small"), &small)])]);
    site.arrival(small.blob).await;
    let says = site.until("a reason", |progress| progress.held_back.clone()).await;
    assert!(says.contains("quota"), "{says}");
    site.until("no failure", |progress| progress.failed.is_empty().then_some(())).await;
    assert!(origin.asked().iter().all(|asked| asked.path == "/small"));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_cap_holds_for_all_transfers_together() {
    let contents = [1, 2].map(|seed| Content::of(&noise(seed, SIZE), "v"));
    let origin = Origin::start({
        let contents = contents.clone();
        move |asked| good(&contents[usize::from(asked.path == "/1")], asked)
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let config = config::Mirror { rate: Some(ByteRate(200_000)), ..patient() };
    let site = Site::start(folder.path(), &config);
    let begun = std::time::Instant::now();
    site.hold(vec![
        holding("0", vec![offer(&origin.url("/0"), &contents[0])]),
        holding("1", vec![offer(&origin.url("/1"), &contents[1])]),
    ]);
    for content in &contents {
        site.arrival(content.blob).await;
    }
    // 300,000 bytes at 200,000 a second, 65,536 of them at once.
    assert!(begun.elapsed() >= Duration::from_millis(1150), "{:?}", begun.elapsed());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn room_is_made_of_what_is_no_longer_licensed_and_of_nothing_else() {
    let contents = [1, 2, 3].map(|seed| Content::of(&noise(seed, SIZE), "v"));
    let origin = Origin::start({
        let contents = contents.clone();
        move |asked| {
            let which: usize = asked.path.trim_start_matches('/').parse().unwrap();
            good(&contents[which], asked)
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start_with_quota(folder.path(), &patient(), Some(400_000));
    let book = |which: usize, over| {
        let offers = vec![offer(&origin.url(&format!("/{which}")), &contents[which])];
        licensed(&format!("book {which}"), 1, over, offers)
    };
    site.hold(vec![book(0, false), book(1, false)]);
    site.stored(contents[0].blob).await;
    site.stored(contents[1].blob).await;
    // Both are assigned: the third has to wait.
    site.hold(vec![book(0, false), book(1, false), book(2, false)]);
    let says = site.until("a reason", |progress| progress.held_back.clone()).await;
    assert!(says.contains("quota"), "{says}");
    assert!(site.store.package(&contents[0].blob).is_some());
    // The second one's licence ends.
    site.hold(vec![book(0, false), book(1, true), book(2, false)]);
    site.mirror.wake(false);
    site.stored(contents[2].blob).await;
    assert!(site.store.package(&contents[0].blob).is_some(), "still assigned");
    assert!(site.store.package(&contents[1].blob).is_none(), "made room");
    site.stop().await;
}

/// An origin that gives this content, whole or in part.
async fn origin_of(content: &Content) -> Origin {
    let content = content.clone();
    Origin::start(move |asked| good(&content, asked)).await
}

/// An origin that sends some bytes and goes silent, until asked for the rest.
async fn slow_origin(content: &Content) -> Origin {
    let content = content.clone();
    Origin::start(move |asked: &Asked| {
        let mut acts = good(&content, asked);
        if asked.range.is_none() {
            acts[1] = Act::Body(content.clone(), 0, 50_000);
            acts.push(Act::Hang);
        }
        acts
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_closes_stops_transfers_which_go_on_when_it_opens() {
    let content = Content::of(&noise(1, SIZE), "v");
    let origin = slow_origin(&content).await;
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &patient());
    site.hold(vec![holding("a", vec![offer(&origin.url("/a"), &content)])]);
    site.until("bytes", |progress| progress.active.first().filter(|t| t.done == 50_000).cloned())
        .await;
    site.mirror.reconfigure(&config::Mirror { window: vec![another_hour().0], ..patient() });
    site.until("a reason", |progress| progress.held_back.clone()).await;
    let waiting = site.until("its place", |progress| progress.queued.first().cloned()).await;
    assert_eq!(waiting.done, 50_000);
    site.mirror.reconfigure(&patient());
    site.arrival(content.blob).await;
    assert_eq!(origin.asked()[1].range.as_deref(), Some("bytes=50000-"));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_wanted_stops() {
    let content = Content::of(&noise(1, SIZE), "v");
    let origin = slow_origin(&content).await;
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &patient());
    site.hold(vec![holding("a", vec![offer(&origin.url("/a"), &content)])]);
    site.until("bytes", |progress| progress.active.first().filter(|t| t.done > 0).cloned()).await;
    site.hold(Vec::new());
    site.until("rest", |p| (p.active.is_empty() && p.queued.is_empty()).then_some(())).await;
    assert!(site.store.packages().is_empty());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_holdings_of_the_same_bytes_are_fetched_once_each_at_most() {
    let content = Content::of(&noise(1, SIZE), "v");
    let origin = origin_of(&content).await;
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &patient());
    let bare = |path| Offer { sha256: None, ..offer(&origin.url(path), &content) };
    site.hold(vec![holding("a", vec![bare("/a")]), holding("b", vec![bare("/b")])]);
    site.until("both", |progress| (progress.finished.len() == 2).then_some(())).await;
    site.until("rest", |p| (p.active.is_empty() && p.queued.is_empty()).then_some(())).await;
    assert_eq!(origin.asked().len(), 2);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_link_is_one_fault_and_not_as_many_as_there_are_packages() {
    // Nobody listens there any more.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let content = Content::of(&noise(1, SIZE), "v");
    let origin = origin_of(&content).await;
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &patient());
    let book = |i: u8| {
        let away = Offer { sha256: None, ..offer(&format!("http://{gone}/{i}"), &content) };
        holding(&format!("book {i}"), vec![away])
    };
    let mut all: Vec<Holding> = (0..50).map(book).collect();
    all.push(holding("elsewhere", vec![offer(&origin.url("/a"), &content)]));
    site.hold(all);
    site.stored(content.blob).await;
    let says = site.until("a reason", |progress| progress.held_back.clone()).await;
    assert!(
        says.starts_with(&format!("http://{gone} cannot be reached, tried again at ")),
        "{says}"
    );
    let failed = site.until("failures", |p| (!p.failed.is_empty()).then_some(p.failed.len())).await;
    assert!(failed <= 2, "as many as may be asked at once: {failed}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_asks_for_patience_gets_it() {
    let busy = "HTTP/1.1 429 Busy\r\nRetry-After: 7200\r\nContent-Length: 0\r\n\r\n";
    let origin = Origin::start(|_| vec![Act::Head(busy.to_owned())]).await;
    let content = Content::of(&noise(1, SIZE), "v");
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(folder.path(), &patient());
    site.hold(vec![holding("a", vec![offer(&origin.url("/a"), &content)])]);
    let failure = site.failure().await;
    assert_eq!(failure.again_at.duration_since(failure.at).as_secs(), 7200);
    site.stop().await;
}
