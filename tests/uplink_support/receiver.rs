//! A receiver of remote write that does what it is told, and remembers what it took.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use preau::uplink::message::{Series, unpack, v2};
use prost::Message as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use url::Url;

use super::{Truth, labels};

/// What it does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Takes it.
    Take,
    /// This status, and nothing is taken.
    Status(u16),
    /// 429, to come back after so many seconds.
    Later(u64),
    /// Reads half of it and closes.
    Close,
    /// Reads it and says nothing, for so long.
    Silent(Duration),
    /// Redirects to another address.
    Elsewhere,
}

/// A request, as it came.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Its head, in lower case.
    pub head: String,
    /// Its samples, of whatever version.
    pub series: Vec<Series>,
}

type Decide = dyn Fn(&Asked) -> Reaction + Send + Sync;

/// It listens on loopback until its runtime ends.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    taken: Truth,
    /// In the order in which they came, 1,000 of them.
    asked: VecDeque<Asked>,
    /// Requests at the same time, at most.
    at_once: (usize, usize),
    twice: usize,
    in_order: bool,
}

impl Receiver {
    /// One that speaks 1.0 alone.
    pub async fn start(decide: impl Fn(&Asked) -> Reaction + Send + Sync + 'static) -> Self {
        Self::speaking(false, decide).await
    }

    /// One that speaks 2.0 too, if so.
    pub async fn speaking(
        two: bool,
        decide: impl Fn(&Asked) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Arc::new(Mutex::new(Inside { in_order: true, ..Inside::default() }));
        let (kept, decide): (_, Arc<Decide>) = (inside.clone(), Arc::new(decide));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (inside, decide) = (kept.clone(), decide.clone());
                tokio::spawn(async move { converse(stream, two, &inside, &decide).await });
            }
        });
        Self { address, inside }
    }

    pub fn url(&self) -> Url {
        format!("http://{}/api/v1/write", self.address).parse().unwrap()
    }

    /// What it took.
    pub fn taken(&self) -> Truth {
        self.inside.lock().unwrap().taken.clone()
    }

    /// What it was asked.
    pub fn asked(&self) -> Vec<Asked> {
        self.inside.lock().unwrap().asked.iter().cloned().collect()
    }

    /// The most requests that were under way together.
    pub fn at_once(&self) -> usize {
        self.inside.lock().unwrap().at_once.1
    }

    /// Samples that were taken once already.
    pub fn twice(&self) -> usize {
        self.inside.lock().unwrap().twice
    }

    /// Of each series, the oldest came first.
    pub fn in_order(&self) -> bool {
        self.inside.lock().unwrap().in_order
    }
}

async fn converse(
    mut stream: TcpStream,
    two: bool,
    inside: &Mutex<Inside>,
    decide: &Arc<Decide>,
) -> Option<()> {
    loop {
        let (head, mut body) = read_head(&mut stream).await?;
        let length = field(&head, "content-length")?.parse::<usize>().ok()?;
        {
            let mut inside = inside.lock().unwrap();
            inside.at_once.0 += 1;
            inside.at_once.1 = inside.at_once.1.max(inside.at_once.0);
        }
        while body.len() < length {
            let mut more = vec![0; 16384];
            let read = stream.read(&mut more).await.ok().filter(|&read| read > 0)?;
            body.extend_from_slice(&more[..read]);
        }
        let is_two = field(&head, "content-type")?.contains("v2.request");
        let series = if is_two && two { of_two(&body) } else { unpack(&body).unwrap() };
        let asked = Asked { head, series };
        let reaction = decide(&asked);
        // Whoever waits for one that is silent gives up, and asks anew.
        let is_silent = matches!(reaction, Reaction::Silent(_));
        inside.lock().unwrap().at_once.0 -= usize::from(is_silent);
        let answer = react(reaction, &asked, is_two && two, inside).await;
        inside.lock().unwrap().at_once.0 -= usize::from(!is_silent);
        stream.write_all(answer?.as_bytes()).await.ok()?;
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).ok()?.to_ascii_lowercase();
            return Some((head, bytes.split_off(end + 4)));
        }
        let mut more = vec![0; 4096];
        let read = stream.read(&mut more).await.ok().filter(|&read| read > 0)?;
        bytes.extend_from_slice(&more[..read]);
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}

/// 2.0, back in the shape of 1.0.
fn of_two(body: &[u8]) -> Vec<Series> {
    let bytes = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let request = v2::Request::decode(&bytes[..]).unwrap();
    let symbol = |place: u32| &request.symbols[usize::try_from(place).unwrap()];
    let series = |one: &v2::TimeSeries| Series {
        labels: one
            .labels
            .chunks(2)
            .map(|pair| preau::uplink::message::label(symbol(pair[0]), symbol(pair[1])))
            .collect(),
        samples: one
            .samples
            .iter()
            .map(|one| preau::uplink::message::Sample {
                value: one.value,
                timestamp: one.timestamp,
            })
            .collect(),
    };
    request.series.iter().map(series).collect()
}

async fn react(
    reaction: Reaction,
    asked: &Asked,
    two: bool,
    inside: &Mutex<Inside>,
) -> Option<String> {
    {
        let mut inside = inside.lock().unwrap();
        if inside.asked.len() < 1000 {
            inside.asked.push_back(asked.clone());
        }
    }
    let status = |status: u16, more: &str| {
        format!("HTTP/1.1 {status} So\r\n{more}Content-Length: 7\r\n\r\nbecause")
    };
    match reaction {
        Reaction::Take => {
            let count = take(&asked.series, &mut inside.lock().unwrap());
            let written = format!("X-Prometheus-Remote-Write-Samples-Written: {count}\r\n");
            let more = if two { written.as_str() } else { "" };
            Some(format!("HTTP/1.1 204 No Content\r\n{more}\r\n"))
        }
        Reaction::Status(code) => Some(status(code, "")),
        Reaction::Later(seconds) => Some(status(429, &format!("Retry-After: {seconds}\r\n"))),
        Reaction::Elsewhere => Some(status(302, "Location: http://127.0.0.1:1/\r\n")),
        Reaction::Close => None,
        Reaction::Silent(time) => {
            tokio::time::sleep(time).await;
            None
        }
    }
}

fn take(series: &[Series], inside: &mut Inside) -> usize {
    let mut count = 0;
    for one in series {
        let into = inside.taken.entry(labels(one)).or_default();
        for sample in &one.samples {
            let newest = into.last_key_value().map(|(at, _)| *at);
            inside.in_order &= newest.is_none_or(|newest| newest <= sample.timestamp);
            inside.twice += usize::from(into.insert(sample.timestamp, sample.value).is_some());
            count += 1;
        }
    }
    count
}
