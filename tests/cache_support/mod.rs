//! A small forward proxy around the cache, and what the cache's tests share.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod nginx;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{HeaderName, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jiff::Timestamp;
use preau::{
    gateway::cache::{Bounds, Cache, Carried, Fetched, Options, updates::Rules},
    net::{body::Body, serve},
};
use tokio::{net::TcpListener, runtime::Runtime, sync::Semaphore, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Options of a test: much memory, and `folder` for what is large.
pub fn options(folder: &Path) -> Options {
    Options {
        folder: Some(folder.to_owned()),
        memory: Bounds { bytes: 64 << 20, count: 10_000 },
        disk: Bounds { bytes: 4 << 30, count: 10_000 },
        reserve: 0,
        rules: Rules::shipped().unwrap(),
    }
}

/// A proxy that listens until it is dropped.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its cache.
    pub cache: Cache,
    handler: Handler,
    token: CancellationToken,
    run: Option<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

#[derive(Clone)]
struct Handler {
    cache: Cache,
    client: Client<HttpConnector, Carried>,
    fetches: Arc<AtomicUsize>,
    origin: Option<SocketAddr>,
}

impl Proxy {
    /// Starts one.
    pub fn start(options: Options) -> Self {
        Self::to(options, None)
    }

    /// One that goes to `origin`, whatever host it is asked for.
    pub fn to(options: Options, origin: Option<SocketAddr>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
        let cache = Cache::new(options);
        let (running, until) = (cache.clone(), token.clone());
        let run = runtime.spawn(async move { running.run(until).await });
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        let handler = Handler { cache: cache.clone(), client, fetches: Arc::default(), origin };
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let places = Arc::new(Semaphore::new(10_000));
        runtime.spawn(serve::serve(listener, handler.clone(), places, tracker, token.clone()));
        Self { address, cache, handler, token, run: Some(run), runtime: Some(runtime) }
    }

    /// How often it asked an origin.
    pub fn fetches(&self) -> usize {
        self.handler.fetches.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.token.cancel();
        if let (Some(runtime), Some(run)) = (self.runtime.take(), self.run.take()) {
            runtime.block_on(run).unwrap();
            runtime.shutdown_timeout(super::support::PATIENCE);
        }
    }
}

/// RFC 9110 §7.6.1.
fn strip(headers: &mut http::HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let always = ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding"];
    named.into_iter().chain(always.map(HeaderName::from_static)).for_each(|name| {
        headers.remove(name);
    });
}

impl Handler {
    async fn fetch(self, mut request: Request<Carried>) -> Fetched {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        strip(request.headers_mut());
        if let Some(origin) = self.origin {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            *request.uri_mut() = format!("http://{origin}{path}").parse().unwrap();
        }
        match self.client.request(request).await {
            Ok(mut response) => {
                strip(response.headers_mut());
                Ok(response.map(Carried::new))
            }
            Err(_) => Err(Box::new(serve::plain(StatusCode::BAD_GATEWAY, "no origin\n"))),
        }
    }
}

impl serve::Handler for Handler {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let mut request = request.map(Carried::new);
        strip(request.headers_mut());
        let handler = self.clone();
        let fetch = move |request| handler.clone().fetch(request);
        self.cache.handle(request, Timestamp::now(), fetch).await
    }
}
