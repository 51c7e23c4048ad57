//! People at the door: a stand-in ENT that knows any ticket, browsers with their cookies, and the
//! crowd that comes in when the lesson starts.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{
    Request, Response, StatusCode,
    header::{COOKIE, HOST, LOCATION, SET_COOKIE},
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use preau::net::{
    body::Body,
    listen,
    serve::{Handler, plain, serve},
};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const PASS_COOKIE: &str = "__Host-preau-pass";
/// Sign-ins at the ENT under way at once while people are enrolled.
const ENROLLED_AT_ONCE: usize = 8;
/// Pause of a reader between two pages.
const READERS_PAUSE: Duration = Duration::from_secs(1);

/// CAS for people of any number: ticket `ST-7` is pupil 7.
#[derive(Debug, Clone)]
pub struct AnyTicket {
    uai: &'static str,
}

impl AnyTicket {
    /// Serves on loopback until the runtime ends. Gives its address.
    pub fn start(uai: &'static str) -> Result<SocketAddr> {
        let listener = listen::bind(&[SocketAddr::from(([127, 0, 0, 1], 0))])?.remove(0);
        let address = listener.local_addr()?;
        let (places, tracker) = (Arc::new(Semaphore::new(64)), TaskTracker::new());
        tokio::spawn(serve(listener, Self { uai }, places, tracker, CancellationToken::new()));
        Ok(address)
    }
}

impl Handler for AnyTicket {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let query = request.uri().query().unwrap_or_default();
        let pairs: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).collect();
        let Some(number) = pairs.get("ticket").and_then(|ticket| ticket.strip_prefix("ST-")) else {
            return plain(StatusCode::BAD_REQUEST, "no ticket\n");
        };
        let uai = self.uai;
        let xml = format!(
            "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'><cas:authenticationSuccess>\
             <cas:user>pupil-{number}</cas:user><cas:attributes><cas:uid>pupil-{number}</cas:uid>\
             <cas:ENTPersonProfils>National_ELV</cas:ENTPersonProfils>\
             <cas:ENTPersonStructRattachUAI>{uai}</cas:ENTPersonStructRattachUAI>\
             <cas:ENTEleveClasses>2de 3</cas:ENTEleveClasses></cas:attributes>\
             </cas:authenticationSuccess></cas:serviceResponse>"
        );
        Response::new(Body::Bytes(xml.into()))
    }
}

/// A browser: a connection pool and cookies.
#[derive(Debug, Clone)]
pub struct Browser {
    client: Client<HttpConnector, Full<Bytes>>,
    home: SocketAddr,
    /// By name.
    pub cookies: BTreeMap<String, String>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Page {
    status: StatusCode,
    location: Option<String>,
    /// The whole body.
    pub body: Bytes,
    /// From the question to the last byte.
    pub took: Duration,
}

impl Browser {
    /// Someone at the box on `home`.
    pub fn new(home: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, home, cookies: BTreeMap::new() }
    }

    /// The `Cookie` field it sends.
    pub fn cookie(&self) -> String {
        let pairs: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// One question, its answer whole; cookies are kept as a browser keeps them.
    pub async fn ask(&mut self, method: &str, path: &str, form: &str) -> Result<Page> {
        let begun = Instant::now();
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.home))
            .header(HOST, self.home.to_string())
            .header(COOKIE, self.cookie())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(Full::from(form.to_owned()))?;
        let answer =
            self.client.request(request).await.with_context(|| format!("{method} {path}"))?;
        let (head, body) = answer.into_parts();
        for field in head.headers.get_all(SET_COOKIE) {
            let pair = field.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("a cookie without a value")?;
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = head.headers.get(LOCATION).and_then(|l| l.to_str().ok()).map(str::to_owned);
        let body = body.collect().await?.to_bytes();
        Ok(Page { status: head.status, location, body, took: begun.elapsed() })
    }

    /// A page that must be there.
    pub async fn read(&mut self, path: &str) -> Result<Page> {
        let page = self.ask("GET", path, "").await?;
        ensure!(page.status == StatusCode::OK, "{path} answers {}", page.status);
        Ok(page)
    }

    /// Signs in at the stand-in ENT as pupil `number`.
    pub async fn sign_in(&mut self, number: usize) -> Result<()> {
        let begun = self.ask("GET", "/connexion/ent", "").await?;
        let to: url::Url = begun.location.context("the box leads to no ENT")?.parse()?;
        let service = to.query_pairs().find(|(name, _)| name == "service").context("no service")?.1;
        let service: url::Url = service.parse()?;
        let path = format!(
            "{}?{}&ticket=ST-{number}",
            service.path(),
            service.query().unwrap_or_default()
        );
        let back = self.ask("GET", &path, "").await?;
        ensure!(back.status.is_redirection(), "signing in answers {}", back.status);
        ensure!(self.cookies.contains_key(PASS_COOKIE), "no pass came");
        Ok(())
    }

    /// Comes in again with the device's pass alone.
    pub async fn come_in(&mut self) -> Result<Duration> {
        self.cookies.retain(|name, _| name == PASS_COOKIE);
        let page = self.ask("POST", "/connexion/passe", "").await?;
        ensure!(page.status.is_redirection(), "the pass answers {}", page.status);
        Ok(page.took)
    }
}

/// A browser for each of so many pupils, each with a pass.
pub async fn enrol(home: SocketAddr, people: usize) -> Result<Vec<Browser>> {
    let turns = Arc::new(Semaphore::new(ENROLLED_AT_ONCE));
    let mut tasks = JoinSet::new();
    for number in 0..people {
        let turns = turns.clone();
        tasks.spawn(async move {
            let _turn = turns.acquire().await?;
            let mut browser = Browser::new(home);
            browser.sign_in(number).await.with_context(|| format!("pupil {number}"))?;
            anyhow::Ok(browser)
        });
    }
    let mut browsers = Vec::with_capacity(people);
    while let Some(done) = tasks.join_next().await {
        browsers.push(done??);
    }
    Ok(browsers)
}

/// Times of all pages, seconds, shortest first.
#[derive(Debug)]
pub struct Times(pub Vec<f64>);

impl Times {
    /// The time that this share of the pages kept.
    pub fn percentile(&self, hundredths: usize) -> f64 {
        let place = (self.0.len() * hundredths / 100).min(self.0.len().saturating_sub(1));
        self.0.get(place).copied().unwrap_or(f64::NAN)
    }
}

/// `comers` come in by pass within `within`, one after the other at even steps, each then opening
/// the shelf, while `readers` turn a page a second.
pub async fn start_of_class(
    comers: Vec<Browser>,
    readers: Vec<Browser>,
    page: &str,
    within: Duration,
) -> Result<Times> {
    let stop = CancellationToken::new();
    let mut reading = JoinSet::new();
    for (number, mut reader) in readers.into_iter().enumerate() {
        let (stop, page) = (stop.clone(), page.to_owned());
        // Not all in the same moment.
        let first = tokio::time::Instant::now() + READERS_PAUSE.mul_f64(number as f64 / 200.0);
        reading.spawn(async move {
            sleep_until(first).await;
            let mut times = Vec::new();
            let mut tick = interval(READERS_PAUSE);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !stop.is_cancelled() {
                tick.tick().await;
                times.push(reader.read(&page).await?.took.as_secs_f64());
            }
            anyhow::Ok(times)
        });
    }
    let step = within.div_f64(comers.len() as f64);
    let (begun, mut coming) = (tokio::time::Instant::now(), JoinSet::new());
    for (number, mut comer) in comers.into_iter().enumerate() {
        let at = begun + step.mul_f64(number as f64);
        coming.spawn(async move {
            sleep_until(at).await;
            let entered = comer.come_in().await?.as_secs_f64();
            anyhow::Ok([entered, comer.read("/").await?.took.as_secs_f64()])
        });
    }
    let mut times = Vec::new();
    while let Some(done) = coming.join_next().await {
        times.extend(done??);
    }
    let took = begun.elapsed();
    ensure!(took < within.mul_f64(1.05), "coming in took {:.1} s", took.as_secs_f64());
    stop.cancel();
    while let Some(done) = reading.join_next().await {
        times.extend(done??);
    }
    times.sort_by(f64::total_cmp);
    Ok(Times(times))
}
