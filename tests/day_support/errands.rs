//! What devices do in the clear: each errand knows what must come of it, to the byte.

use std::time::Duration;

use futures_util::{future::try_join_all, stream};
use http::{
    HeaderValue, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, RANGE},
};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use rand::{Rng as _, seq::IndexedRandom as _};
use tokio::sync::SemaphorePermit;

use super::{
    device::{Device, How, expect, get, step},
    hours::{Day, People},
    noise::Seed,
    origins, sockets, troubles, verdicts,
};

type Done = Result<(), String>;

/// Small objects there are at a site, and large ones in the school.
const SMALL: u32 = 40;
const LARGE_BYTES: u64 = 3 << 20;
/// Bytes of an upload, about.
const UPLOAD_BYTES: u64 = 100_000;
/// What may last by itself is not begun later than this, so that the day ends.
const LAST_LONG_HOUR: f64 = 20.0;

/// An errand by chance, as the hour allows.
pub async fn any(device: &mut Device, day: &Day) -> (&'static str, Done) {
    let world = device.world.clone();
    let chance = device.luck.random_range(0..100);
    let lasts = matches!(chance, 0..14) && day.hour() < LAST_LONG_HOUR;
    if lasts && let Ok(_place) = world.lingering.try_acquire() {
        return Box::pin(lasting(device, chance)).await;
    }
    let _turn = turn(&world.turns).await;
    Box::pin(quick(device, day, chance)).await
}

async fn turn(turns: &tokio::sync::Semaphore) -> SemaphorePermit<'_> {
    turns.acquire().await.expect("nobody closes it")
}

/// Those that take as long as they take.
async fn lasting(device: &mut Device, chance: u32) -> (&'static str, Done) {
    match chance {
        0..5 => ("tunnel", sockets::tunnel(device).await),
        5..8 => ("websocket", sockets::websocket(device).await),
        8 => ("slow device", slow(device).await),
        _ => ("site in trouble", troubles::visit(device).await),
    }
}

async fn quick(device: &mut Device, day: &Day, chance: u32) -> (&'static str, Done) {
    match chance {
        0..42 => ("page of small objects", objects(device).await),
        42..52 => ("not to be stored", once(device).await),
        52..60 => ("news, revalidated", news(device).await),
        60..64 => ("nginx, revalidated", nginx(device).await),
        64..69 => ("range", range(device, day).await),
        69..73 => ("HEAD", head(device).await),
        73..79 => ("upload", upload(device).await),
        79..84 => ("refused by the lists", verdicts::always(device).await),
        84..85 => ("refused tunnel", verdicts::tunnel(device).await),
        85..89 => ("as the lists say now", verdicts::listed(device).await),
        89..93 => ("as the settings say now", verdicts::denied(device).await),
        93..95 => ("large object", large(device, day).await),
        95..98 => ("gone in the middle", vanish(device, day).await),
        98 => ("the library, by the proxy", library(device).await),
        _ => ("the proxy's own pages", own_pages(device).await),
    }
}

/// A page, in its turn.
pub async fn page(device: &mut Device) -> Done {
    let world = device.world.clone();
    let _turn = turn(&world.turns).await;
    Box::pin(objects(device)).await
}

fn some_site(device: &mut Device) -> std::net::SocketAddr {
    *device.world.clone().open_sites().choose(&mut device.luck).unwrap()
}

/// As a browser does: several objects of one site, on two connections at once.
async fn objects(device: &mut Device) -> Done {
    let site = some_site(device);
    let numbers: Vec<u32> = (0..4).map(|_| device.luck.random_range(0..SMALL)).collect();
    let halves = numbers.chunks(2).map(|part| {
        let wanted: Vec<_> = part
            .iter()
            .map(|n| {
                let length = u64::from(n * 997 % 24_000 + 200);
                let path = format!("/kept/{n}/{length}");
                (get(site, &path), Seed::of(&format!("{site}{path}")), length)
            })
            .collect();
        (device.another(), wanted)
    });
    let halves: Vec<_> = halves.collect();
    let mut both = Vec::new();
    for (mut hand, wanted) in halves {
        both.push(async move {
            for (request, seed, length) in wanted {
                hand.fetch(request, seed, length).await?;
            }
            Ok::<_, String>(hand)
        });
    }
    for mut hand in try_join_all(both).await? {
        while let Some(link) = hand.take_kept() {
            device.keep(link);
        }
    }
    Ok(())
}

/// What is for one device alone, in every framing.
async fn once(device: &mut Device) -> Done {
    let site = some_site(device);
    let (number, length) = (device.luck.random::<u32>(), device.luck.random_range(0..60_000));
    let path = format!("/once/{number}/{length}");
    device.fetch(get(site, &path), Seed::of(&format!("{site}{path}")), length).await
}

/// What the origin must be asked about each time; never older than when it was asked for.
async fn news(device: &mut Device) -> Done {
    let site = some_site(device);
    let path = format!("/news/{}/9000", device.luck.random_range(0..8));
    let oldest = device.world.news.load(std::sync::atomic::Ordering::SeqCst);
    let (mut answer, link) = device.ask(get(site, &path)).await?;
    expect(&answer, StatusCode::OK, &path)?;
    let tag = answer.headers().get(ETAG).cloned();
    let version = tag.as_ref().and_then(|tag| tag.to_str().ok()).and_then(origins::version);
    let version = version.ok_or_else(|| format!("{path}: no version in {tag:?}"))?;
    let newest = device.world.news.load(std::sync::atomic::Ordering::SeqCst);
    if !(oldest..=newest).contains(&version) {
        return Err(format!("{path}: version {version} where {oldest} to {newest} are in force"));
    }
    let seed = origins::news_seed(&site.to_string(), &path, version);
    let read = device.read(answer.body_mut(), seed, 0, None).await;
    let read = read.map_err(|broken| format!("{path}: {}", broken.story()))?;
    device.keep(link);
    if read == 9000 { Ok(()) } else { Err(format!("{path}: {read} bytes of 9000")) }
}

/// A file of nginx, which says nothing of how long it is fresh.
async fn nginx(device: &mut Device) -> Done {
    let Some(site) = device.world.nginx else { return Ok(()) };
    let (path, length) = origins::nginx_file(device.luck.random_range(0..origins::NGINX_FILES));
    device.fetch(get(site, &path), Seed::of(&path), length).await
}

/// Large objects there are: two an hour, more than the cache has room for.
const LESSONS: usize = 48;

/// The large object of the hour, which many open together; or one of another hour.
fn large_of(device: &mut Device, day: &Day) -> (std::net::SocketAddr, String) {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 48")]
    let mut lesson = (day.hour() * 2.0) as usize;
    if device.luck.random_bool(0.5) {
        lesson = device.luck.random_range(0..LESSONS);
    }
    let sites = device.world.open_sites();
    (sites[lesson % sites.len()], format!("/large/{lesson}/{LARGE_BYTES}"))
}

async fn large(device: &mut Device, day: &Day) -> Done {
    let (site, path) = large_of(device, day);
    device.fetch(get(site, &path), Seed::of(&format!("{site}{path}")), LARGE_BYTES).await
}

/// Part of a large object, from the front or from the end.
async fn range(device: &mut Device, day: &Day) -> Done {
    let (site, path) = large_of(device, day);
    let length = device.luck.random_range(1..200_000);
    let from_end = device.luck.random_bool(0.3);
    let (start, asked) = if from_end {
        (LARGE_BYTES - length, format!("bytes=-{length}"))
    } else {
        let start = device.luck.random_range(0..LARGE_BYTES - length);
        (start, format!("bytes={start}-{}", start + length - 1))
    };
    let mut request = get(site, &path);
    request.headers_mut().insert(RANGE, asked.parse().unwrap());
    let (mut answer, link) = device.ask(request).await?;
    let what = format!("{path} {asked}");
    let seed = Seed::of(&format!("{site}{path}"));
    if answer.status() == StatusCode::OK && origins::is_untold(path.split('/').nth(2).unwrap()) {
        // While one comes whose length nobody told, there are no parts of it: it is given whole, as
        // RFC 9110 §14.2 lets a server do.
        let read = device.read(answer.body_mut(), seed, 0, None).await;
        let read = read.map_err(|broken| format!("{what}: {}", broken.story()))?;
        device.keep(link);
        return if read == LARGE_BYTES { Ok(()) } else { Err(format!("{what}: {read} bytes")) };
    }
    expect(&answer, StatusCode::PARTIAL_CONTENT, &what)?;
    let expected = format!("bytes {start}-{}/{LARGE_BYTES}", start + length - 1);
    if answer.headers().get(CONTENT_RANGE) != Some(&expected.parse().unwrap()) {
        return Err(format!("{what}: {:?}", answer.headers().get(CONTENT_RANGE)));
    }
    let read = device.read(answer.body_mut(), seed, start, None).await;
    let read = read.map_err(|broken| format!("{what}: {}", broken.story()))?;
    device.keep(link);
    if read == length { Ok(()) } else { Err(format!("{what}: {read} bytes")) }
}

async fn head(device: &mut Device) -> Done {
    let (site, number) = (some_site(device), device.luck.random_range(0..SMALL));
    let path = format!("/kept/{number}/{}", number * 997 % 24_000 + 200);
    let mut request = get(site, &path);
    *request.method_mut() = Method::HEAD;
    let (answer, link) = device.ask(request).await?;
    expect(&answer, StatusCode::OK, &path)?;
    let length = HeaderValue::from(number * 997 % 24_000 + 200);
    if answer.headers().get(CONTENT_LENGTH) != Some(&length) {
        return Err(format!("HEAD {path}: length {:?}", answer.headers().get(CONTENT_LENGTH)));
    }
    let body = step("no body", answer.into_body().collect()).await?.to_bytes();
    device.keep(link);
    if body.is_empty() { Ok(()) } else { Err(format!("HEAD {path}: {} bytes", body.len())) }
}

/// A file that is handed in, its length told or not.
async fn upload(device: &mut Device) -> Done {
    let site = some_site(device);
    let length = UPLOAD_BYTES + device.luck.random_range(0..10_000);
    let path = format!("/post/{}/{length}", device.luck.random::<u32>());
    let (noise, seed) = (device.world.noise.clone(), Seed::of(&format!("{site}{path}")));
    let mut request = get(site, &path);
    *request.method_mut() = Method::POST;
    *request.body_mut() = if device.luck.random_bool(0.5) {
        Full::from(noise.whole(seed, 0..length)).boxed_unsync()
    } else {
        let pieces = noise.pieces(seed, 0..length).map(|piece| Ok(Frame::data(piece)));
        StreamBody::new(stream::iter(pieces)).boxed_unsync()
    };
    let (answer, link) = device.ask(request).await?;
    expect(&answer, StatusCode::OK, &path)?;
    let said = device.text(answer).await?;
    device.keep(link);
    if said == format!("{length} good") { Ok(()) } else { Err(format!("POST {path}: {said}")) }
}

/// A device that takes its bytes slowly, behind a small buffer.
async fn slow(device: &mut Device) -> Done {
    let site = some_site(device);
    let length = 1 << 20;
    let path = format!("/large/slow{}/{length}", device.luck.random_range(0..3));
    let mut link = device.link(How::Slow).await?;
    let mut answer = link.send(get(site, &path)).await?;
    expect(&answer, StatusCode::OK, &path)?;
    let seed = Seed::of(&format!("{site}{path}"));
    let pause = Some(Duration::from_millis(40));
    let read = device.read(answer.body_mut(), seed, 0, pause).await;
    let read = read.map_err(|broken| format!("{path}, slowly: {}", broken.story()))?;
    if read == length { Ok(()) } else { Err(format!("{path}, slowly: {read} bytes")) }
}

/// A device that is switched off while it reads, or while it sends: with a reset, or with a word.
async fn vanish(device: &mut Device, day: &Day) -> Done {
    let how = if device.luck.random_bool(0.5) { How::Abrupt } else { How::Plain };
    let mut link = device.link(how).await?;
    if device.luck.random_bool(0.7) {
        let (site, path) = large_of(device, day);
        let mut answer = link.send(get(site, &path)).await?;
        expect(&answer, StatusCode::OK, &path)?;
        let first = step("a first byte", async {
            answer.body_mut().frame().await.ok_or("no byte at all")?.map_err(|_| "cut at once")
        });
        let data = first.await?.into_data().unwrap_or_default();
        if !device.world.noise.is(Seed::of(&format!("{site}{path}")), 0, &data) {
            return Err(format!("{path}: wrong first bytes"));
        }
    } else {
        let site = some_site(device);
        let path = format!("/post/gone/{UPLOAD_BYTES}");
        let mut request = get(site, &path);
        *request.method_mut() = Method::POST;
        let seed = Seed::of(&format!("{site}{path}"));
        let half = device.world.noise.pieces(seed, 0..UPLOAD_BYTES / 2);
        let half = stream::iter(half.map(|piece| Ok(Frame::data(piece))));
        let never = stream::pending();
        let body = futures_util::StreamExt::chain(half, never);
        *request.body_mut() = StreamBody::new(body).boxed_unsync();
        // It leaves before there can be an answer.
        let sent = tokio::time::timeout(Duration::from_millis(30), link.send(request)).await;
        if let Ok(Ok(answer)) = sent {
            return Err(format!("{path}: {} for half a body", answer.status()));
        }
    }
    link.vanish();
    Ok(())
}

/// The box's library, through the proxy.
async fn library(device: &mut Device) -> Done {
    let library = device.world.library;
    let (answer, link) = device.ask(get(library, "/")).await?;
    expect(&answer, StatusCode::OK, &"the library")?;
    let page = device.text(answer).await?;
    device.keep(link);
    if page.contains("Lycée d'essai") || page.contains("Lycée d&#39;essai") {
        return Ok(());
    }
    Err(format!("the library says: {page:.300}"))
}

/// Settings for browsers; and what the device was refused lately, which it alone sees.
async fn own_pages(device: &mut Device) -> Done {
    let library = device.world.library;
    let mut request = get(library, "/proxy.pac");
    *request.uri_mut() = "/proxy.pac".parse().unwrap();
    let (answer, link) = device.ask(request).await?;
    expect(&answer, StatusCode::OK, &"/proxy.pac")?;
    let pac = device.text(answer).await?;
    device.keep(link);
    if !pac.contains("FindProxyForURL") {
        return Err(format!("/proxy.pac says: {pac:.300}"));
    }
    if device.people == People::Teachers {
        return Ok(());
    }
    verdicts::always(device).await?;
    let (answer, link) = device.ask(get(library, "/bloque")).await?;
    expect(&answer, StatusCode::OK, &"/bloque")?;
    let page = device.text(answer).await?;
    device.keep(link);
    if page.contains(verdicts::REFUSED) {
        return Ok(());
    }
    Err(format!("/bloque does not tell of {}: {page:.300}", verdicts::REFUSED))
}
