//! An origin that does exactly what its script says, byte by byte, well or badly.

use std::{
    fs::File,
    io::Write,
    net::SocketAddr,
    os::unix::fs::FileExt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use preau::store::BlobId;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A document at rest in a file, so that large ones take no memory.
#[derive(Debug, Clone)]
pub struct Content {
    pub file: Arc<File>,
    pub size: u64,
    pub blob: BlobId,
    pub etag: String,
}

impl Content {
    pub fn of(bytes: &[u8], etag: &str) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Self::in_file(file, etag)
    }

    pub fn in_file(file: File, etag: &str) -> Self {
        let (mut hash, mut offset, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
        loop {
            let count = file.read_at(&mut buffer, offset).unwrap();
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            offset += count as u64;
        }
        let blob = BlobId(hash.finalize().into());
        Self { file: Arc::new(file), size: offset, blob, etag: format!("\"{etag}\"") }
    }
}

/// A request, as far as scripts look at it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// From 0, on this path.
    pub number: usize,
    pub path: String,
    pub range: Option<String>,
    pub if_range: Option<String>,
}

/// One thing that the origin does.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sends these bytes.
    Head(String),
    /// Sends a part of a document; counted.
    Body(Content, u64, u64),
    /// Sends these bytes again and again until nobody listens.
    Forever(&'static [u8], Duration),
    /// Says no more, but keeps the connection.
    Hang,
    /// Closes the connection.
    Close,
}

type Script = dyn Fn(&Asked) -> Vec<Act> + Send + Sync;

/// The origin; it answers until the test's runtime ends.
#[derive(Clone)]
pub struct Origin {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Bytes of bodies sent.
    sent: Arc<AtomicU64>,
}

impl Origin {
    pub async fn start(script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let origin = Self { address, asked: Arc::default(), sent: Arc::default() };
        let script: Arc<Script> = Arc::new(script);
        tokio::spawn({
            let origin = origin.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(origin.clone().converse(stream, script.clone()));
                }
            }
        });
        origin
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    async fn converse(self, mut stream: TcpStream, script: Arc<Script>) {
        while let Some(head) = read_head(&mut stream).await {
            let asked = self.note(&head);
            for act in script(&asked) {
                if !self.play(&mut stream, act).await {
                    return;
                }
            }
        }
    }

    fn note(&self, head: &str) -> Asked {
        let field = |name: &str| {
            head.lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(field, _)| field.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
        };
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let mut all = self.asked.lock().unwrap();
        let number = all.iter().filter(|other| other.path == path).count();
        let asked = Asked { number, path, range: field("range"), if_range: field("if-range") };
        all.push(asked.clone());
        asked
    }

    /// Does one thing; `false` when the connection is over.
    async fn play(&self, stream: &mut TcpStream, act: Act) -> bool {
        match act {
            Act::Head(head) => stream.write_all(head.as_bytes()).await.is_ok(),
            Act::Body(content, mut offset, len) => {
                let end = offset + len;
                let mut buffer = vec![0; 64 * 1024];
                while offset < end {
                    let part = buffer.len().min(usize::try_from(end - offset).unwrap());
                    content.file.read_exact_at(&mut buffer[..part], offset).unwrap();
                    if stream.write_all(&buffer[..part]).await.is_err() {
                        return false;
                    }
                    self.sent.fetch_add(part as u64, Ordering::SeqCst);
                    offset += part as u64;
                }
                true
            }
            Act::Forever(bytes, pause) => {
                while stream.write_all(bytes).await.is_ok() {
                    tokio::time::sleep(pause).await;
                }
                false
            }
            Act::Hang => {
                let _ = stream.read(&mut [0; 1]).await;
                false
            }
            Act::Close => {
                let _ = stream.shutdown().await;
                false
            }
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// What a good origin answers: ranges, `If-Range`, a strong entity tag.
pub fn good(content: &Content, asked: &Asked) -> Vec<Act> {
    let current = asked.if_range.as_ref().is_none_or(|tag| *tag == content.etag);
    match asked.range.as_deref().filter(|_| current) {
        Some(range) => part(content, range),
        None => whole(content, content.size),
    }
}

/// A 200 that announces everything and sends the first `sent` bytes.
pub fn whole(content: &Content, sent: u64) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nETag: {}\r\nContent-Length: {}\r\n\r\n",
        content.etag, content.size
    );
    let mut acts = vec![Act::Head(head), Act::Body(content.clone(), 0, sent)];
    if sent < content.size {
        acts.push(Act::Close);
    }
    acts
}

/// The bounds of a `Range` field.
pub fn bounds(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first, last) {
        ("", count) => (size.saturating_sub(count.parse().ok()?), size - 1),
        (first, "") => (first.parse().ok()?, size - 1),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.min(size - 1)),
    };
    (first <= last).then_some((first, last))
}

pub fn part(content: &Content, range: &str) -> Vec<Act> {
    let Some((first, last)) = bounds(range, content.size) else {
        return not_satisfiable(content.size);
    };
    let len = last + 1 - first;
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nETag: {}\r\nContent-Range: bytes {first}-{last}/{}\r\n\
         Content-Length: {len}\r\n\r\n",
        content.etag, content.size
    );
    vec![Act::Head(head), Act::Body(content.clone(), first, len)]
}

pub fn not_satisfiable(size: u64) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{size}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    vec![Act::Head(head)]
}
