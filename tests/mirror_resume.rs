//! A download goes on where it was cut, whatever cut it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod mirror_support;

use std::time::Duration;

use mirror_support::{
    Site, holding, noise, offer,
    origin::{Act, Content, Origin, good, whole},
    patient,
};
use preau::config::{self, Period};

const SIZE: usize = 150_000;

/// Every edge, and places in between.
fn cuts() -> Vec<u64> {
    let size = SIZE as u64;
    let mut cuts = vec![0, 1, 2, 4095, 4096, 65_535, 65_536, 65_537, size - 1];
    let chosen = noise(9, 8 * 30);
    cuts.extend(chosen.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap()) % size));
    cuts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_cut_at_any_byte_resumes_and_arrives_whole() {
    let contents: Vec<Content> =
        cuts().iter().zip(0..).map(|(_, seed)| Content::of(&noise(seed, SIZE), "v")).collect();
    let origin = Origin::start({
        let contents = contents.clone();
        move |asked| {
            let which: usize = asked.path.trim_start_matches('/').parse().unwrap();
            match asked.number {
                0 => whole(&contents[which], cuts()[which]),
                _ => good(&contents[which], asked),
            }
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let soon = Period(Duration::from_millis(20));
    let config = config::Mirror { retry_first: soon, retry_longest: soon, ..patient() };
    let site = Site::start(folder.path(), &config);
    let each = contents.iter().enumerate();
    let all = each.map(|(i, content)| {
        holding(&format!("book {i}"), vec![offer(&origin.url(&format!("/{i}")), content)])
    });
    site.hold(all.collect());
    for content in &contents {
        site.stored(content.blob).await;
    }
    for (index, cut) in cuts().into_iter().enumerate() {
        let path = format!("/{index}");
        let asked: Vec<_> = origin.asked().into_iter().filter(|a| a.path == path).collect();
        let expected = (cut > 0).then(|| format!("bytes={cut}-"));
        assert_eq!(asked[1].range, expected, "cut at {cut}");
        assert_eq!(asked.len(), 2, "cut at {cut}");
    }
    assert_eq!(origin.sent(), (cuts().len() * SIZE) as u64, "no byte came twice");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_box_goes_on_where_it_was() {
    let content = Content::of(&noise(1, SIZE), "v");
    let origin = Origin::start({
        let content = content.clone();
        move |asked| match asked.number {
            0..3 => {
                // A little more each time, then silence.
                let mut acts = good(&content, asked);
                let sent = Act::Body(content.clone(), asked.number as u64 * 30_000, 30_000);
                acts[1] = sent;
                acts.push(Act::Hang);
                acts
            }
            _ => good(&content, asked),
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    for restart in 1..=3_u64 {
        let site = Site::start(folder.path(), &patient());
        site.hold(vec![holding("a", vec![offer(&origin.url("/a"), &content)])]);
        site.until("some bytes", |progress| {
            progress.active.first().filter(|t| t.done == restart * 30_000).cloned()
        })
        .await;
        site.stop().await;
    }
    let site = Site::start(folder.path(), &patient());
    site.hold(vec![holding("a", vec![offer(&origin.url("/a"), &content)])]);
    let finished = site.arrival(content.blob).await;
    assert_eq!(finished.moved, SIZE as u64 - 90_000);
    let ranges: Vec<_> = origin.asked().into_iter().map(|asked| asked.range).collect();
    let from = |count: u64| Some(format!("bytes={count}-"));
    assert_eq!(ranges, [None, from(30_000), from(60_000), from(90_000)]);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_retry_list_survives_a_restart() {
    let content = Content::of(&noise(1, SIZE), "v");
    let origin = Origin::start(|_| {
        vec![Act::Head("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n".to_owned())]
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let hold =
        |site: &Site| site.hold(vec![holding("a", vec![offer(&origin.url("/a"), &content)])]);
    let site = Site::start(folder.path(), &patient());
    hold(&site);
    let failure = site.failure().await;
    assert_eq!(failure.tries, 1);
    site.stop().await;
    let site = Site::start(folder.path(), &patient());
    hold(&site);
    assert_eq!(site.failure().await, failure);
    assert_eq!(origin.asked().len(), 1, "not asked again before its time");
    site.mirror.wake(false);
    site.until("a second try", |p| p.failed.first().filter(|f| f.tries == 2).cloned()).await;
    site.stop().await;
}
