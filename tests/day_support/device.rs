//! A device: an address of its own, a few connections to the proxy that it keeps, and what it reads
//! checked byte by byte.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Empty, combinators::UnsyncBoxBody};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use socket2::SockRef;
use tokio::{
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
};

use super::{
    PATIENCE, World, errands,
    hours::{Day, People},
    noise::Seed,
};

/// What a device sends.
pub type Sent = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// The box closes connections that were quiet for a minute: browsers let go before.
const KEPT_FOR: Duration = Duration::from_secs(40);
/// Connections that a device keeps.
const MAX_KEPT: usize = 2;
/// What a slow device's system takes in before it reads.
const SLOW_BUFFER_BYTES: u32 = 16 * 1024;

/// A device.
#[derive(Debug)]
pub struct Device {
    pub world: Arc<World>,
    pub address: Ipv4Addr,
    pub people: People,
    pub luck: StdRng,
    kept: Vec<Link>,
}

/// A connection to the proxy.
#[derive(Debug)]
pub struct Link {
    sender: SendRequest<Sent>,
    task: JoinHandle<()>,
    since: Instant,
}

/// How a connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// As usual.
    Plain,
    /// Its system takes in little.
    Slow,
    /// Dropped, it ends with a reset.
    Abrupt,
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub enum Broken {
    /// It broke off.
    Cut(String),
    /// Its bytes are not those of the address, or nothing came for too long.
    Wrong(String),
}

impl Broken {
    pub fn story(self) -> String {
        match self {
            Self::Cut(story) | Self::Wrong(story) => story,
        }
    }
}

/// One step, which may not take for ever.
pub async fn step<T, E: std::fmt::Display>(
    what: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done.map_err(|error| format!("{what}: {error}")),
        Err(_) => Err(format!("{what}: nothing within {PATIENCE:?}")),
    }
}

/// A request in absolute-form, without a body.
pub fn get(site: SocketAddr, path: &str) -> Request<Sent> {
    let mut request = Request::new(Empty::new().boxed_unsync());
    *request.uri_mut() = format!("http://{site}{path}").parse().unwrap();
    request.headers_mut().insert(HOST, site.to_string().parse().unwrap());
    request
}

impl Link {
    /// Ends at once, in the middle of whatever it is.
    pub fn vanish(self) {
        self.task.abort();
    }

    pub async fn send(&mut self, request: Request<Sent>) -> Result<Response<Incoming>, String> {
        step("ready", self.sender.ready()).await?;
        step("an answer", self.sender.send_request(request)).await
    }
}

impl Device {
    pub fn new(world: &Arc<World>, people: People, address: Ipv4Addr) -> Self {
        let luck = StdRng::seed_from_u64(u64::from(address.to_bits()));
        Self { world: world.clone(), address, people, luck, kept: Vec::new() }
    }

    /// Lives through a day.
    pub async fn live(mut self, day: Arc<Day>) {
        while !day.is_over() {
            let rest = day.rest(self.people, self.luck.random());
            // Nothing for now: after half an hour things may be otherwise.
            if rest > day.half_hour() {
                if self.people.pace(day.hour()) < 0.05 {
                    self.kept.clear();
                }
                day.sleep(day.half_hour()).await;
                continue;
            }
            day.sleep(rest).await;
            if !day.is_over() {
                self.run(&day).await;
            }
        }
    }

    /// Switches on: opens its connections with a page. Everybody does so in the first minutes.
    pub async fn switch_on(&mut self, day: &Day) {
        let done = errands::page(self).await;
        self.tell("a page", done, day);
    }

    async fn run(&mut self, day: &Day) {
        let (name, done) = errands::any(self, day).await;
        self.tell(name, done, day);
    }

    fn tell(&self, name: &str, done: Result<(), String>, day: &Day) {
        let tally = &self.world.tally;
        match done {
            Ok(()) => tally.add("errands done", name),
            Err(story) => {
                let enough = tally.failed(&format!("{} ({name}): {story}", self.address));
                if enough {
                    day.end();
                }
            }
        }
    }

    /// A socket to the proxy, from the device's own address.
    pub async fn socket(&self, how: How) -> Result<TcpStream, String> {
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((self.address, 0)))?;
            if how == How::Slow {
                socket.set_recv_buffer_size(SLOW_BUFFER_BYTES)?;
            }
            let stream = socket.connect(self.world.proxy).await?;
            stream.set_nodelay(true)?;
            if how == How::Abrupt {
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            }
            Ok::<_, std::io::Error>(stream)
        };
        step("connecting to the proxy", connect).await
    }

    /// A connection of its own.
    pub async fn link(&self, how: How) -> Result<Link, String> {
        let stream = self.socket(how).await?;
        let made = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(|error| error.to_string())?;
        // How it ends is seen by whoever reads.
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Link { sender, task, since: Instant::now() })
    }

    /// A second hand of the same device, with one of its connections, as old as it is.
    pub fn another(&mut self) -> Self {
        let (world, luck) = (self.world.clone(), self.luck.clone());
        let kept = self.kept.pop().into_iter().collect();
        Self { world, address: self.address, people: self.people, luck, kept }
    }

    /// A connection that is kept, if there is one.
    pub fn take_kept(&mut self) -> Option<Link> {
        self.kept.pop()
    }

    /// A connection that was kept, or a new one.
    pub async fn any_link(&mut self) -> Result<Link, String> {
        while let Some(link) = self.kept.pop() {
            if !link.sender.is_closed() && link.since.elapsed() < KEPT_FOR {
                return Ok(link);
            }
        }
        self.link(How::Plain).await
    }

    /// Its answer was read: it may be used again.
    pub fn keep(&mut self, mut link: Link) {
        if self.kept.len() < MAX_KEPT && !link.sender.is_closed() {
            link.since = Instant::now();
            self.kept.push(link);
        }
    }

    /// One request, one answer.
    pub async fn ask(
        &mut self,
        request: Request<Sent>,
    ) -> Result<(Response<Incoming>, Link), String> {
        let what = format!("{} {}", request.method(), request.uri());
        let mut link = self.any_link().await?;
        match link.send(request).await {
            Ok(answer) => {
                self.world.tally.add("requests", answer.status().as_str());
                let stored = answer.headers().get("cache-status");
                if stored.is_some_and(|said| said.as_bytes().starts_with(b"preau; hit")) {
                    self.world.tally.add("answered by the cache", "hit");
                }
                Ok((answer, link))
            }
            Err(story) => Err(format!("{what}: {story}")),
        }
    }

    /// Reads a body that is an address's bytes, from `at` on. How many there were.
    pub async fn read(
        &self,
        body: &mut Incoming,
        seed: Seed,
        mut at: u64,
        pause: Option<Duration>,
    ) -> Result<u64, Broken> {
        let from = at;
        loop {
            let next = tokio::time::timeout(PATIENCE, body.frame()).await;
            let Ok(next) = next else {
                return Err(Broken::Wrong(format!("nothing within {PATIENCE:?} at byte {at}")));
            };
            let Some(frame) = next else { return Ok(at - from) };
            let frame = frame.map_err(|error| Broken::Cut(format!("cut at byte {at}: {error}")))?;
            let Ok(data) = frame.into_data() else { continue };
            if !self.world.noise.is(seed, at, &data) {
                return Err(Broken::Wrong(format!("wrong bytes from {at} on")));
            }
            at += data.len() as u64;
            self.world.tally.bytes.fetch_add(data.len() as u64, Relaxed);
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Asks, expects 200 and exactly so many right bytes.
    pub async fn fetch(
        &mut self,
        request: Request<Sent>,
        seed: Seed,
        length: u64,
    ) -> Result<(), String> {
        let uri = request.uri().clone();
        let (mut answer, link) = self.ask(request).await?;
        expect(&answer, StatusCode::OK, &uri)?;
        let read = self.read(answer.body_mut(), seed, 0, None).await;
        let read = read.map_err(|broken| format!("{uri}: {}", broken.story()))?;
        if read != length {
            return Err(format!("{uri}: {read} bytes of {length}, and a good end"));
        }
        self.keep(link);
        Ok(())
    }

    /// A body as text, without what only makes a page look well.
    pub async fn text(&self, answer: Response<Incoming>) -> Result<String, String> {
        let body = step("a page", answer.into_body().collect()).await?;
        let page = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok(page.split_once("<main>").map_or(page.clone(), |(_, main)| main.to_owned()))
    }
}

/// The status, or a story.
pub fn expect(
    answer: &Response<Incoming>,
    status: StatusCode,
    what: &impl std::fmt::Display,
) -> Result<(), String> {
    if answer.status() == status {
        return Ok(());
    }
    let why = answer.headers().get("proxy-status");
    Err(format!("{what}: {} where {status} was expected ({why:?})", answer.status()))
}
