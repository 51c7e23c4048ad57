//! A proxy on loopback, origins that say what they heard, and clients that send any byte.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod nginx;

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process::{Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use jiff::tz::TimeZone;
use preau::{
    config,
    filter::{Filter, reviews::Reviews},
    gateway::{Account, Door, Gateway, Home, Judge, Parts, Resolver, cache::Cache},
    journal::Journal,
    net::{link::Link, listen},
    store::{Store, StoreOptions},
};
use tokio_util::sync::CancellationToken;

/// How long a peer may take to say a word.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A proxy in this process, which ends when it is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    pub gateway: Gateway,
    pub token: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
}

/// `[gateway]` with loopback allowed, and these ports.
pub fn settings(ports: &[u16]) -> config::Gateway {
    config::Gateway {
        allow_private: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        plain_ports: ports.to_vec(),
        connect_ports: ports.to_vec(),
        ..config::Gateway::default()
    }
}

/// What pupils asked, kept in this folder.
pub fn reviews(folder: &std::path::Path) -> Reviews {
    let text = "[school]\nuai = \"0510035L\"\nname = \"x\"\n[access]\nsign_in = \"off\"\n";
    let (mut config, _) = config::Config::parse("t", text).unwrap();
    folder.clone_into(&mut config.store.path);
    let store = Store::open(StoreOptions::of(&config.store)).unwrap();
    let now = jiff::Timestamp::now();
    let filter = Filter::open(config.filter.merged(), Vec::new(), TimeZone::UTC, store, now);
    filter.unwrap().reviews().clone()
}

impl Proxy {
    /// With these settings; everything is allowed.
    pub fn start(config: config::Gateway) -> Self {
        Self::start_with(config, Home::default(), Judge::lenient(), None)
    }

    pub fn start_with(
        config: config::Gateway,
        home: Home,
        judge: Judge,
        resolver: Option<Resolver>,
    ) -> Self {
        let zone = TimeZone::UTC;
        let account = Account::read(&config).unwrap();
        let (cache, reviews) = (None, None);
        let link = Link::default();
        Self::of(Parts { config, home, zone, judge, link, resolver, account, cache, reviews })
    }

    /// With a cache; everything is allowed.
    pub fn caching(config: config::Gateway, cache: Cache) -> Self {
        let (home, judge) = (Home::default(), Judge::lenient());
        let (zone, cache) = (TimeZone::UTC, Some(cache));
        let (resolver, account, reviews) = (None, None, None);
        let link = Link::default();
        Self::of(Parts { config, home, zone, judge, link, resolver, account, cache, reviews })
    }

    /// By this judge, with an account.
    pub fn accounting(config: config::Gateway, judge: Judge, journal: Journal) -> Self {
        Self::accounting_with(config, judge, journal, (None, None))
    }

    /// The same, with somebody who knows names, or with a cache.
    pub fn accounting_with(
        config: config::Gateway,
        judge: Judge,
        journal: Journal,
        (resolver, cache): (Option<Resolver>, Option<Cache>),
    ) -> Self {
        let (home, zone, link) = (Home::default(), TimeZone::UTC, Link::default());
        let (account, reviews) = (None, None);
        let parts = Parts { config, home, zone, judge, link, resolver, account, cache, reviews };
        Self::keeping(parts, Some(journal))
    }

    pub fn of(parts: Parts) -> Self {
        Self::keeping(parts, None)
    }

    fn keeping(parts: Parts, journal: Option<Journal>) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        let link = parts.link.clone();
        let gateway = Gateway::keeping(parts, journal);
        let token = CancellationToken::new();
        let listener = {
            let _entered = runtime.enter();
            listen::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap().remove(0)
        };
        let address = listener.local_addr().unwrap();
        let (serving, running) = (gateway.clone(), gateway.clone());
        let (first, second) = (token.clone(), token.clone());
        runtime.spawn(async move { serving.serve(listener, Door::Proxy, first).await });
        runtime.spawn(async move { running.run(second).await });
        let third = token.clone();
        runtime.spawn(async move { link.run(third).await });
        Self { address, gateway, token, runtime: Some(runtime) }
    }

    /// A connection of a device.
    pub fn connect(&self) -> Device {
        Device::to(self.address)
    }

    /// Sends these bytes on a connection of their own, and gives all that comes until it ends.
    pub fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut device = self.connect();
        device.send(bytes);
        device.rest()
    }

    /// curl with `--proxy`, and these words.
    pub fn curl(&self, words: &[&str]) -> Output {
        Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "120", "--noproxy", "", "--proxy"])
            .arg(format!("http://{}", self.address))
            .args(words)
            .stdin(Stdio::null())
            .env_remove("no_proxy")
            .env_remove("NO_PROXY")
            .output()
            .unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.token.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A device's connection.
pub struct Device {
    pub stream: TcpStream,
}

impl Device {
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A proxy that refuses may have closed already.
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// The head of the next answer.
    pub fn head(&mut self) -> String {
        head(&mut self.stream).expect("an answer's head")
    }

    /// So many bytes.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// All there is until the connection ends, or breaks.
    pub fn rest(&mut self) -> String {
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => bytes.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error} after {}", String::from_utf8_lossy(&bytes)),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Asks for a tunnel and expects it.
    pub fn tunnel(&mut self, to: SocketAddr) {
        self.send(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n"));
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }

    pub fn end_writing(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// A message's head, byte by byte so that nothing behind it is taken; nothing at the end.
pub fn head(stream: &mut TcpStream) -> Option<String> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// A field of a head, by its name.
pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// An origin that a test writes itself.
pub struct Origin {
    pub address: SocketAddr,
    /// Connections accepted so far.
    pub connections: Arc<AtomicUsize>,
    /// Heads of the requests that came.
    pub heads: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    /// Each request's head is given to `answer` with its connection; `false` ends that.
    pub fn start(answer: impl Fn(&str, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let heads = Arc::new(Mutex::new(Vec::new()));
        let noted = heads.clone();
        let mut origin = Self::raw(move |stream| {
            while let Some(head) = head(stream) {
                noted.lock().unwrap().push(head.clone());
                if !answer(&head, stream) {
                    return;
                }
            }
        });
        origin.heads = heads;
        origin
    }

    /// Each connection is given to `serve`.
    pub fn raw(serve: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, serve) = (Arc::new(AtomicUsize::new(0)), Arc::new(serve));
        let counted = connections.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                counted.fetch_add(1, SeqCst);
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let serve = serve.clone();
                std::thread::spawn(move || serve(&mut stream));
            }
        });
        Self { address, connections, heads: Arc::default() }
    }

    /// Answers each request with its own head.
    pub fn echo() -> Self {
        Self::start(|head, stream| {
            let length = head.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}");
            stream.write_all(answer.as_bytes()).is_ok()
        })
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    pub fn last_head(&self) -> String {
        self.heads.lock().unwrap().last().cloned().expect("a request came")
    }
}
