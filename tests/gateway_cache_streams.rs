//! Bodies of every kind on their way through the cache: of unknown length, slow, left by their
//! reader, asked for while they come.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

mod cache_support;
mod support;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
};

use cache_support::{Proxy, options};
use preau::gateway::cache::{Bounds, Options};
use support::{PATIENCE, http, until};

const FRESH: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nETag: \"1\"\r\n";

/// An origin whose every connection is served by the test's own words.
struct Origin {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Origin {
    /// `answer` gets the head of each request.
    fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(answer));
        let counted = asked.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (answer, counted) = (answer.clone(), counted.clone());
                std::thread::spawn(move || {
                    let (mut head, mut byte) = (Vec::new(), [0]);
                    while !head.ends_with(b"\r\n\r\n") {
                        if !matches!(stream.read(&mut byte), Ok(1)) {
                            return;
                        }
                        head.extend_from_slice(&byte);
                    }
                    counted.fetch_add(1, SeqCst);
                    answer(&String::from_utf8(head).unwrap(), &mut stream);
                });
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Begins to read an answer, and leaves the rest to the caller.
fn begin(proxy: &Proxy, url: &str) -> TcpStream {
    let mut stream = TcpStream::connect(proxy.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

fn chunks(stream: &mut TcpStream, count: usize, chunk: &[u8]) -> std::io::Result<()> {
    for _ in 0..count {
        write!(stream, "{:x}\r\n", chunk.len())?;
        stream.write_all(chunk)?;
        stream.write_all(b"\r\n")?;
    }
    stream.write_all(b"0\r\n\r\n")
}

#[test]
fn a_body_of_unknown_length_is_kept_however_large() {
    let origin = Origin::start(|_, stream| {
        let _ = write!(stream, "{FRESH}Transfer-Encoding: chunked\r\n\r\n");
        let _ = chunks(stream, 300, &vec![7; 10_000]);
    });
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(options(folder.path()));
    for _ in 0..3 {
        let page = http::get(proxy.address, &origin.url("/x"), "");
        assert!(page.status == 200 && page.body == vec![7; 3_000_000]);
    }
    assert_eq!(origin.asked(), 1);
    let part = http::get(proxy.address, &origin.url("/x"), "Range: bytes=-10\r\n");
    assert_eq!((part.status, part.body.len()), (206, 10));
}

#[test]
fn a_body_that_outgrows_the_cache_reaches_its_reader_all_the_same() {
    let origin = Origin::start(|_, stream| {
        let _ = write!(stream, "{FRESH}Transfer-Encoding: chunked\r\n\r\n");
        let _ = chunks(stream, 400, &vec![8; 50_000]);
    });
    for megabytes in [0, 1, 8] {
        let folder = tempfile::tempdir().unwrap();
        let disk = Bounds { bytes: megabytes << 20, count: 10 };
        let proxy = Proxy::start(Options { disk, ..options(folder.path()) });
        let page = http::get(proxy.address, &origin.url("/x"), "");
        assert!(page.body == vec![8; 20_000_000], "{} bytes came", page.body.len());
        assert!(proxy.cache.usage().disk_bytes <= megabytes << 20);
    }
}

#[test]
fn whoever_joins_late_gets_the_beginning_and_all_that_follows() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let origin = Origin::start(move |_, stream| {
        let _ = write!(stream, "{FRESH}Content-Length: 2000000\r\n\r\n");
        let _ = stream.write_all(&vec![1; 1_000_000]);
        let _ = gone.lock().unwrap().recv();
        let _ = stream.write_all(&vec![2; 1_000_000]);
    });
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(options(folder.path()));
    let mut readers: Vec<_> = Vec::new();
    for _ in 0..5 {
        let mut reader = begin(&proxy, &origin.url("/x"));
        // The first half comes although the second is not there yet.
        let mut half = vec![0; 1_000_000];
        reader.read_exact(&mut half).unwrap();
        readers.push((reader, half));
    }
    // One leaves; the others do not notice.
    readers.remove(0);
    go.send(()).unwrap();
    for (mut reader, mut bytes) in readers {
        reader.read_to_end(&mut bytes).unwrap();
        let page = http::Page::parse("/x", &bytes);
        assert!(page.body.len() == 2_000_000 && page.body[1_999_999] == 2);
    }
    assert_eq!(origin.asked(), 1);
}

#[test]
fn what_is_nearly_here_is_fetched_though_its_reader_left() {
    let origin = Origin::start(|_, stream| {
        let _ = write!(stream, "{FRESH}Content-Length: 3000000\r\n\r\n");
        let _ = stream.write_all(&vec![3; 3_000_000]);
    });
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(options(folder.path()));
    let mut reader = begin(&proxy, &origin.url("/x"));
    reader.read_exact(&mut [0; 1000]).unwrap();
    drop(reader);
    let only = "Cache-Control: only-if-cached\r\n";
    until("the rest to be fetched", || {
        let page = http::get(proxy.address, &origin.url("/x"), only);
        (page.body.len() == 3_000_000).then_some(())
    });
    assert_eq!(origin.asked(), 1);
}

#[test]
fn what_is_not_for_sharing_is_not_shared_with_those_who_wait() {
    let number = AtomicUsize::new(0);
    let origin = Origin::start(move |_, stream| {
        let number = number.fetch_add(1, SeqCst).to_string();
        let head = "HTTP/1.1 200 OK\r\nCache-Control: private\r\nConnection: close\r\n";
        let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{number}", number.len());
    });
    let folder = tempfile::tempdir().unwrap();
    let proxy = Arc::new(Proxy::start(options(folder.path())));
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let (proxy, url) = (proxy.clone(), origin.url("/x"));
            std::thread::spawn(move || http::get(proxy.address, &url, "").text())
        })
        .collect();
    let mut seen: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 20, "{seen:?}");
}

#[test]
fn a_stale_page_is_served_while_it_is_asked_about() {
    let number = AtomicUsize::new(0);
    let origin = Origin::start(move |_, stream| {
        let number = number.fetch_add(1, SeqCst);
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: max-age=0, stale-while-revalidate=60\r\n";
        let _ = write!(stream, "{head}ETag: \"{number}\"\r\nContent-Length: 1\r\n\r\n{number}");
    });
    let folder = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(options(folder.path()));
    assert_eq!(http::get(proxy.address, &origin.url("/x"), "").text(), "0");
    assert_eq!(http::get(proxy.address, &origin.url("/x"), "").text(), "0");
    until("the new page", || {
        (http::get(proxy.address, &origin.url("/x"), "").text() != "0").then_some(())
    });
}
