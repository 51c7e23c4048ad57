//! Sites that answer as they should: hyper's server at many loopback addresses, whose bytes come from
//! the addresses asked for.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use futures_util::stream;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HOST, IF_NONE_MATCH,
        RANGE,
    },
};
use http_body_util::{BodyExt as _, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::noise::{Noise, Seed};

type Given = UnsyncBoxBody<Bytes, Infallible>;

/// Files that nginx serves.
pub const NGINX_FILES: u32 = 30;

/// A site's mind, the same for all.
#[derive(Debug, Clone)]
pub struct Origin {
    noise: Noise,
    news: Arc<AtomicU64>,
    /// How often each large object was asked for from its first byte on.
    fetched: Arc<Mutex<HashMap<String, u64>>>,
    tracker: TaskTracker,
    token: CancellationToken,
}

/// A file of nginx: its path, and how long it is.
pub fn nginx_file(number: u32) -> (String, u64) {
    (format!("/file-{number}"), u64::from(number * 1_117 + 100))
}

/// The version that a tag of the news tells.
pub fn version(tag: &str) -> Option<u64> {
    tag.strip_prefix("\"v")?.strip_suffix('"')?.parse().ok()
}

/// The bytes of the news in a version.
pub fn news_seed(site: &str, path: &str, version: u64) -> Seed {
    Seed::of(&format!("{site}{path} in version {version}"))
}

/// Listeners at these hosts, all on one port.
pub async fn bind(hosts: impl Iterator<Item = [u8; 4]> + Clone) -> Vec<TcpListener> {
    'ports: loop {
        let (mut listeners, mut port) = (Vec::new(), 0);
        for host in hosts.clone() {
            let Ok(listener) = TcpListener::bind(SocketAddr::from((host, port))).await else {
                // Taken at one of the hosts.
                continue 'ports;
            };
            port = listener.local_addr().unwrap().port();
            listeners.push(listener);
        }
        return listeners;
    }
}

impl Origin {
    pub fn new(noise: Noise, news: Arc<AtomicU64>) -> Self {
        let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
        Self { noise, news, fetched: Arc::default(), tracker, token }
    }

    /// Serves these until [`Origin::close`].
    pub fn serve(&self, listeners: Vec<TcpListener>) {
        for listener in listeners {
            let origin = self.clone();
            self.tracker.spawn(async move {
                while let Some(accepted) = origin.token.run_until_cancelled(listener.accept()).await
                {
                    let Ok((stream, _)) = accepted else { continue };
                    let one = origin.clone();
                    origin.tracker.spawn(async move { one.connection(stream).await });
                }
            });
        }
    }

    /// Ends every connection once its answer is over.
    pub fn close(&self) {
        self.token.cancel();
    }

    /// How often a large object was asked for.
    pub fn fetched(&self, url: &str) -> u64 {
        self.fetched.lock().unwrap().get(url).copied().unwrap_or(0)
    }

    async fn connection(self, stream: tokio::net::TcpStream) {
        let (token, _) = (self.token.clone(), stream.set_nodelay(true));
        let service = service_fn(move |request| {
            let origin = self.clone();
            async move { Ok::<_, Infallible>(origin.answer(request).await) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            // Whoever asked may leave at any moment.
            _ = connection.as_mut() => {}
            () = token.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Given> {
        let site = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
        let path = request.uri().path().to_owned();
        let url = format!("{site}{path}");
        let mut parts = path.split('/').skip(1);
        let (kind, number) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let length: u64 = parts.next().and_then(|length| length.parse().ok()).unwrap_or(0);
        match kind {
            "kept" => self.stored(&url, length, request.headers()),
            "large" => {
                if !request.headers().contains_key(RANGE) {
                    *self.fetched.lock().unwrap().entry(url.clone()).or_default() += 1;
                }
                let mut answer = self.stored(&url, length, request.headers());
                if is_untold(number) && answer.status() == StatusCode::OK {
                    answer.headers_mut().remove(CONTENT_LENGTH);
                }
                answer
            }
            "once" => self.once(&url, number, length),
            "news" => self.news(site, &path, length, request.headers()),
            "post" => self.received(&url, request.into_body()).await,
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    /// Something to be kept, and given in parts.
    fn stored(&self, url: &str, length: u64, asked: &HeaderMap) -> Response<Given> {
        let wanted = asked.get(RANGE).and_then(|range| part(range.to_str().ok()?, length));
        let range = wanted.clone().unwrap_or(0..length);
        let mut answer = Response::new(self.body(Seed::of(url), range.clone()));
        let fields = answer.headers_mut();
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=86400"));
        fields.insert(ETAG, HeaderValue::from_static("\"kept\""));
        fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        fields.insert(CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
        if wanted.is_some() {
            let told = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            fields.insert(CONTENT_RANGE, told.parse().unwrap());
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        answer
    }

    /// Something for one device: of told length, or in chunks.
    fn once(&self, url: &str, number: &str, length: u64) -> Response<Given> {
        let mut answer = Response::new(self.body(Seed::of(url), 0..length));
        let fields = answer.headers_mut();
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if number.ends_with(['0', '2', '4', '6', '8']) {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        answer
    }

    /// What changes, and must be asked about each time.
    fn news(&self, site: &str, path: &str, length: u64, asked: &HeaderMap) -> Response<Given> {
        let version = self.news.load(SeqCst);
        let tag: HeaderValue = format!("\"v{version}\"").parse().unwrap();
        let known = asked.get(IF_NONE_MATCH) == Some(&tag);
        let mut answer = if known {
            status(StatusCode::NOT_MODIFIED)
        } else {
            let body = self.body(news_seed(site, path, version), 0..length);
            let mut answer = Response::new(body);
            answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            answer
        };
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer.headers_mut().insert(ETAG, tag);
        answer
    }

    /// Looks at every byte of an upload.
    async fn received(&self, url: &str, mut body: Incoming) -> Response<Given> {
        let (seed, mut at) = (Seed::of(url), 0);
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return status(StatusCode::BAD_REQUEST) };
            let Ok(data) = frame.into_data() else { continue };
            if !self.noise.is(seed, at, &data) {
                return text(format!("wrong bytes from {at} on"));
            }
            at += data.len() as u64;
        }
        text(format!("{at} good"))
    }

    fn body(&self, seed: Seed, range: Range<u64>) -> Given {
        let pieces = self.noise.pieces(seed, range).map(|piece| Ok(Frame::data(piece)));
        StreamBody::new(stream::iter(pieces)).boxed_unsync()
    }
}

/// Does a large object of this number come in chunks, its length told by its end alone?
pub fn is_untold(number: &str) -> bool {
    number.parse::<u32>().is_ok_and(|number| number % 4 == 3)
}

fn status(status: StatusCode) -> Response<Given> {
    let mut answer = Response::new(Empty::new().boxed_unsync());
    *answer.status_mut() = status;
    answer
}

fn text(text: String) -> Response<Given> {
    let mut answer = Response::new(Full::from(text).boxed_unsync());
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// RFC 9110 §14.1.2, one range, of those that devices and the box ask for.
fn part(range: &str, length: u64) -> Option<Range<u64>> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (start.parse().ok(), end.parse::<u64>().ok()) {
        (Some(start), Some(end)) => start..(end + 1).min(length),
        (Some(start), None) => start..length,
        (None, Some(last)) => length.saturating_sub(last)..length,
        (None, None) => return None,
    };
    (range.start < range.end).then_some(range)
}
