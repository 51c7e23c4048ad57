//! Whoever was promised bytes gets every one of them, as long as the origin gives them, whatever
//! makes way in the cache meanwhile: driven step by step, without a socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may; these have functions beside their tests"
)]

use std::{
    ops::Range,
    path::Path,
    pin::pin,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use jiff::Timestamp;
use preau::{
    gateway::cache::{Bounds, Cache, Carried, Fetched, Options, updates::Rules},
    net::frames::{Frames, Way},
};
use tokio::sync::mpsc;

/// Of every object of the site, and of the pieces in which it comes.
const WHOLE: u64 = 600_000;
const PIECE: u64 = 50_000;

/// What a site says of its objects; a test changes it while they are read.
#[derive(Debug, Clone)]
struct Mind {
    /// `ETag`, and the version of the bytes.
    tag: Option<&'static str>,
    tells_length: bool,
    gives_parts: bool,
    /// Of `/gated`: asked for, it gives what comes here.
    gate: bool,
}

const PLAIN: Mind = Mind { tag: Some("\"1\""), tells_length: true, gives_parts: true, gate: false };

/// An origin, and the cache before it.
#[derive(Clone)]
struct Site {
    mind: Arc<Mutex<Mind>>,
    /// `PATH RANGE IF-RANGE` of each request.
    asked: Arc<Mutex<Vec<String>>>,
    /// What goes out at the gates, the oldest first.
    gates: Arc<Mutex<Vec<mpsc::UnboundedSender<Bytes>>>>,
    cache: Cache,
}

fn bytes(tag: Option<&str>, range: Range<u64>) -> Vec<u8> {
    let salt = tag.map_or(0, |tag| u64::from(tag.as_bytes()[1]));
    range.map(|at| u8::try_from((at / 7 + salt * 31) % 251).unwrap()).collect()
}

fn pieces(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let Range { mut start, end } = range;
    std::iter::from_fn(move || {
        let piece = start..end.min(start + PIECE);
        start = piece.end;
        (!piece.is_empty()).then_some(piece)
    })
}

fn part(range: &str) -> Range<u64> {
    let (start, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let last = last.parse::<u64>().map_or(WHOLE, |last| last + 1);
    start.parse().unwrap()..last.min(WHOLE)
}

impl Site {
    fn new(folder: &Path, mind: Mind, disk: Bounds) -> Self {
        let options = Options {
            folder: Some(folder.to_owned()),
            memory: Bounds { bytes: 1 << 20, count: 10 },
            disk,
            reserve: 0,
            rules: Rules::shipped().unwrap(),
        };
        Self {
            mind: Arc::new(Mutex::new(mind)),
            asked: Arc::default(),
            gates: Arc::default(),
            cache: Cache::new(options),
        }
    }

    /// With room for one large object, whatever its size.
    fn with_one(folder: &Path, mind: Mind) -> Self {
        Self::new(folder, mind, Bounds { bytes: 64 << 20, count: 1 })
    }

    fn is_of(&self, mind: Mind) {
        *self.mind.lock().unwrap() = mind;
    }

    fn answer(&self, request: &Request<Carried>) -> Response<Carried> {
        let mind = self.mind.lock().unwrap().clone();
        let field = |name| request.headers().get(name).map(|value| value.to_str().unwrap());
        let (range, if_range) = (field(header::RANGE), field(header::IF_RANGE));
        let path = request.uri().path();
        let asked = format!("{path} {} {}", range.unwrap_or("-"), if_range.unwrap_or("-"));
        self.asked.lock().unwrap().push(asked);
        let same = if_range.is_none() || if_range == mind.tag;
        let range = range.filter(|_| mind.gives_parts && same).map(part);
        let mut answer = Response::builder().header(header::CACHE_CONTROL, "max-age=600");
        if let Some(tag) = mind.tag {
            answer = answer.header(header::ETAG, tag);
        }
        if let Some(range) = &range {
            let told = format!("bytes {}-{}/{WHOLE}", range.start, range.end - 1);
            answer = answer.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, told);
        }
        let range = range.unwrap_or(0..WHOLE);
        if mind.tells_length {
            answer = answer.header(header::CONTENT_LENGTH, range.end - range.start);
        }
        let (gate, comes) = mpsc::unbounded_channel();
        if mind.gate && path == "/gated" {
            self.gates.lock().unwrap().push(gate);
        } else {
            pieces(range).for_each(|piece| gate.send(bytes(mind.tag, piece).into()).unwrap());
        }
        let body = stream::unfold(comes, |mut comes| async {
            let piece = comes.recv().await?;
            Some((Ok::<_, std::io::Error>(Frame::data(piece)), comes))
        });
        answer.body(Carried::new(StreamBody::new(body))).unwrap()
    }

    /// Lets bytes out at a gate.
    fn let_out(&self, gate: usize, range: Range<u64>) {
        let tag = self.mind.lock().unwrap().tag;
        let gates = self.gates.lock().unwrap();
        pieces(range).for_each(|piece| gates[gate].send(bytes(tag, piece).into()).unwrap());
    }

    /// What was let out is all there is.
    fn shut(&self) {
        self.gates.lock().unwrap().clear();
    }

    async fn ask(&self, method: Method, path: &str, range: Option<&str>) -> Reading {
        let mut request = Request::new(Carried::empty());
        *request.method_mut() = method;
        *request.uri_mut() = format!("http://site.example{path}").parse().unwrap();
        if let Some(range) = range {
            request.headers_mut().insert(header::RANGE, range.parse().unwrap());
        }
        let site = self.clone();
        let fetch = move |request| std::future::ready::<Fetched>(Ok(site.answer(&request)));
        let answer = self.cache.handle(request, Timestamp::now(), fetch).await;
        let (parts, body) = answer.into_parts();
        let said = parts.headers.get("cache-status").map(|said| said.to_str().unwrap().to_owned());
        let length = parts.headers.get(header::CONTENT_LENGTH).cloned();
        Reading {
            status: parts.status,
            said: said.unwrap_or_default(),
            length: length.map(|length| length.to_str().unwrap().parse().unwrap()),
            frames: Frames::new(body, Way::Copied),
            bytes: Vec::new(),
        }
    }

    async fn get(&self, path: &str) -> Reading {
        self.ask(Method::GET, path, None).await
    }

    /// Another object takes the only place there is, once nothing comes any more.
    async fn crowd_out(&self) {
        for _ in 0..10_000 {
            let mut other = self.get("/other").await;
            other.all().await.unwrap();
            if other.said.contains("stored") {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("nothing made way");
    }

    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| !asked.starts_with("/other")).cloned().collect()
    }
}

/// An answer that is read as far as the test says.
struct Reading {
    status: StatusCode,
    said: String,
    length: Option<u64>,
    frames: Frames,
    bytes: Vec<u8>,
}

impl Reading {
    async fn frame(&mut self) -> Option<std::io::Result<()>> {
        Some(pin!(&mut self.frames).frame().await?.map(|frame| {
            self.bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
        }))
    }

    /// Reads until so many bytes came, about.
    async fn up_to(&mut self, count: usize) {
        while self.bytes.len() < count {
            self.frame().await.expect("there is more").unwrap();
        }
    }

    /// Reads to the end, whatever it is.
    async fn all(&mut self) -> std::io::Result<()> {
        while let Some(read) = self.frame().await {
            read?;
        }
        Ok(())
    }

    /// Reads to the end, which must be a good one.
    async fn comes_whole(mut self, tag: Option<&str>) {
        let end = self.all().await;
        let came = self.bytes.len();
        assert!(end.is_ok(), "cut at byte {came}: {end:?}");
        assert!(self.length.is_none_or(|length| length == WHOLE));
        assert!(self.bytes == bytes(tag, 0..WHOLE), "{came} bytes came, or others");
    }
}

/// A whole object of which a part in the middle was kept, read into that part: what follows must be
/// asked for, and by then another has its place.
async fn in_the_middle(site: &Site) -> Reading {
    let mut part = site.ask(Method::GET, "/x", Some("bytes=200000-299999")).await;
    part.all().await.unwrap();
    assert_eq!((part.status, part.bytes.len()), (StatusCode::PARTIAL_CONTENT, 100_000));
    let mut reading = site.get("/x").await;
    reading.up_to(250_000).await;
    site.crowd_out().await;
    reading
}

const BEFORE: [&str; 2] = ["/x bytes=200000-299999 -", "/x bytes=0-199999 \"1\""];

#[tokio::test]
async fn what_made_way_while_it_was_read_still_comes_whole() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::with_one(folder.path(), PLAIN);
    in_the_middle(&site).await.comes_whole(PLAIN.tag).await;
    assert_eq!(site.asked(), [BEFORE[0], BEFORE[1], "/x bytes=300000-599999 \"1\""]);
}

#[tokio::test]
async fn an_origin_that_gives_no_parts_gives_the_whole_and_what_was_read_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::with_one(folder.path(), PLAIN);
    let reading = in_the_middle(&site).await;
    site.is_of(Mind { gives_parts: false, ..PLAIN });
    reading.comes_whole(PLAIN.tag).await;
    assert_eq!(site.asked().last().unwrap(), "/x - -");
}

#[tokio::test]
async fn two_versions_are_never_mixed_and_the_end_is_no_good_one() {
    for gives_parts in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let site = Site::with_one(folder.path(), PLAIN);
        let mut reading = in_the_middle(&site).await;
        site.is_of(Mind { tag: Some("\"2\""), gives_parts, ..PLAIN });
        assert!(reading.all().await.is_err());
        assert_eq!(reading.bytes, bytes(PLAIN.tag, 0..300_000));
    }
}

#[tokio::test]
async fn all_who_wait_get_what_outgrows_the_cache() {
    for disk in [Bounds { bytes: 0, count: 10 }, Bounds { bytes: 64 << 20, count: 0 }] {
        for gives_parts in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let mind = Mind { tells_length: false, gives_parts, gate: true, ..PLAIN };
            let site = Site::new(folder.path(), mind, disk);
            let (one, two) = (site.get("/gated").await, site.get("/gated").await);
            assert!(one.said.contains("stored") && two.said.contains("hit"), "{}", two.said);
            site.let_out(0, 0..WHOLE);
            site.shut();
            site.is_of(Mind { gate: false, ..mind_of(&site) });
            tokio::join!(one.comes_whole(PLAIN.tag), two.comes_whole(PLAIN.tag));
            assert_eq!(site.asked()[0], "/gated - -");
        }
    }
}

#[tokio::test]
async fn what_went_to_a_file_comes_though_the_file_lost_its_name() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing says which version it is: it cannot be asked for again.
    let mind = Mind { tag: None, tells_length: false, gate: true, ..PLAIN };
    let site = Site::with_one(folder.path(), mind);
    let mut reading = site.get("/gated").await;
    site.let_out(0, 0..100_000);
    reading.up_to(50_000).await;
    site.let_out(0, 100_000..WHOLE);
    site.shut();
    while site.cache.usage().disk_count == 0 {
        tokio::task::yield_now().await;
    }
    site.is_of(Mind { tells_length: true, ..mind_of(&site) });
    site.crowd_out().await;
    // The other's is there alone.
    while bodies(folder.path()) > 1 {
        tokio::task::yield_now().await;
    }
    reading.comes_whole(None).await;
    assert_eq!(site.asked(), ["/gated - -"]);
}

fn mind_of(site: &Site) -> Mind {
    site.mind.lock().unwrap().clone()
}

/// How many files of bytes the cache has in its folder.
fn bodies(folder: &Path) -> usize {
    let shards = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = shards.flat_map(|shard| std::fs::read_dir(shard.path()).unwrap().flatten());
    files.filter(|file| file.path().extension().is_some_and(|is| is == "body")).count()
}

#[tokio::test]
async fn what_is_forgotten_while_it_comes_reaches_all_who_wait() {
    let folder = tempfile::tempdir().unwrap();
    let mind = Mind { tag: None, gate: true, ..PLAIN };
    let site = Site::with_one(folder.path(), mind);
    let (one, two) = (site.get("/gated").await, site.get("/gated").await);
    assert!(two.said.contains("hit"), "{}", two.said);
    site.is_of(Mind { gate: false, ..mind_of(&site) });
    // RFC 9111 §4.4: what a POST may have changed is stored no longer.
    site.ask(Method::POST, "/gated", None).await.all().await.unwrap();
    while bodies(folder.path()) > 0 {
        tokio::task::yield_now().await;
    }
    site.let_out(0, 0..WHOLE);
    site.shut();
    tokio::join!(one.comes_whole(None), two.comes_whole(None));
    assert_eq!(site.asked(), ["/gated - -", "/gated - -"]);
}

#[tokio::test]
async fn a_disk_that_fills_up_cuts_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (root, disk) = (folder.path().join("cache"), folder.path().join("disk"));
    std::fs::create_dir(&disk).unwrap();
    std::os::unix::fs::symlink(&disk, &root).unwrap();
    let site = Site::with_one(&root, PLAIN);
    let mut part = site.ask(Method::GET, "/gated", Some("bytes=200000-299999")).await;
    part.all().await.unwrap();
    site.is_of(Mind { gate: true, ..PLAIN });
    let (one, two) = (site.get("/gated").await, site.get("/gated").await);
    site.is_of(PLAIN);
    // A file system without a free byte.
    std::fs::remove_file(&root).unwrap();
    std::os::unix::fs::symlink("/proc", &root).unwrap();
    // The second asked for what comes after, while the first waited for what comes before.
    site.let_out(0, 0..200_000);
    site.let_out(1, 300_000..WHOLE);
    site.shut();
    // One gets what could not be stored, which ends where the part that is here begins; both must
    // ask for what nobody fetches.
    tokio::join!(one.comes_whole(PLAIN.tag), two.comes_whole(PLAIN.tag));
    assert!(site.asked().len() > 3, "{:?}", site.asked());
}

#[tokio::test]
async fn whoever_leaves_while_asking_leaves_no_room_taken() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::with_one(folder.path(), PLAIN);
    let mut part = site.ask(Method::GET, "/x", Some("bytes=200000-299999")).await;
    part.all().await.unwrap();
    while site.cache.usage().disk_bytes != 100_000 + 1024 {
        tokio::task::yield_now().await;
    }
    let mut request = Request::new(Carried::empty());
    *request.uri_mut() = "http://site.example/x".parse().unwrap();
    let never = |_| std::future::pending::<Fetched>();
    let mut asking = Box::pin(site.cache.handle(request, Timestamp::now(), never));
    while site.cache.usage().disk_bytes == 100_000 + 1024 {
        tokio::select! {
            biased;
            _ = &mut asking => panic!("answered without its origin"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(asking);
    assert_eq!(site.cache.usage().disk_bytes, 100_000 + 1024);
}
