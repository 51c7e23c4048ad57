//! The server's plumbing, seen from a socket: files arrive whole and in order, pipelined requests
//! too, a panic costs one request, a file cut short cuts the connection.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use preau::net::{
    body::{Body, Segment},
    listen,
    serve::{Handler, Peer, serve},
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const FILE_BYTES: usize = 5 * 1024 * 1024 + 123;

fn content() -> Vec<u8> {
    (0..FILE_BYTES).map(|i| u8::try_from((i * 31 + i / 255) % 256).unwrap()).collect()
}

#[derive(Clone)]
struct Files(Arc<std::fs::File>);

impl Handler for Files {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let file = |offset: usize, len: usize| Segment::File {
            file: self.0.clone(),
            offset: offset as u64,
            len: len as u64,
        };
        let text = |t: &'static str| Segment::Bytes(Bytes::from_static(t.as_bytes()));
        let segments = match request.uri().path() {
            "/whole" => vec![file(0, FILE_BYTES)],
            "/framed" => vec![text("<<"), file(3, 10), text(""), file(1000, 0), text(">>")],
            "/short" => vec![file(FILE_BYTES - 10, 20)],
            "/peer" => {
                let peer = request.extensions().get::<Peer>().unwrap();
                let said = format!("{} {}", peer.address, peer.tls);
                vec![Segment::Bytes(said.into())]
            }
            "/panic" => panic!("on purpose"),
            _ => vec![text("small")],
        };
        Response::new(Body::Segments(segments))
    }
}

struct Server {
    address: SocketAddr,
    token: CancellationToken,
    tracker: TaskTracker,
}

fn start(places: usize) -> Server {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content()).unwrap();
    let listener = listen::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap().remove(0);
    let address = listener.local_addr().unwrap();
    let (token, tracker) = (CancellationToken::new(), TaskTracker::new());
    let places = Arc::new(Semaphore::new(places));
    let handler = Files(Arc::new(file));
    tracker.spawn(serve(listener, handler, places, tracker.clone(), token.clone()));
    tracker.close();
    Server { address, token, tracker }
}

/// Sends raw requests on one connection and reads until the server closes it.
async fn exchange(server: &Server, requests: &str) -> Vec<u8> {
    let (address, requests) = (server.address, requests.to_owned());
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(requests.as_bytes()).unwrap();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        all
    })
    .await
    .unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}

fn last(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

/// Splits an answer after its head; gives the promised length too.
fn head(answer: &[u8]) -> (String, usize, &[u8]) {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let length = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length: "))
        .map_or(0, |l| l.parse().unwrap());
    (head, length, &answer[end..])
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_memory_arrive_in_order_on_one_connection() {
    let server = start(8);
    let requests = [get("/small"), get("/whole"), get("/framed"), get("/whole"), last("/small")];
    let all = exchange(&server, &requests.concat()).await;
    let whole = content();
    let framed = [b"<<", &whole[3..13], b">>"].concat();
    let mut rest = all.as_slice();
    for wanted in [b"small".as_slice(), &whole, &framed, &whole, b"small"] {
        let (_, length, body) = head(rest);
        assert_eq!(length, wanted.len());
        let differs = body[..length].iter().zip(wanted).position(|(a, b)| a != b);
        assert_eq!(differs, None, "of {length} bytes, {:?}", differs.map(|d| body[d..].len()));
        rest = &body[length..];
    }
    assert!(rest.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_one_request() {
    let server = start(8);
    let all = exchange(&server, &[get("/panic"), last("/small")].concat()).await;
    let (first, length, body) = head(&all);
    assert!(first.starts_with("HTTP/1.1 500"), "{first}");
    let (second, _, small) = head(&body[length..]);
    assert!(second.starts_with("HTTP/1.1 200") && small == b"small");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_knows_who_sent_it() {
    let all = exchange(&start(8), &last("/peer")).await;
    assert_eq!(head(&all).2, b"127.0.0.1 false");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_shorter_than_promised_cuts_the_connection_and_sends_no_zeros() {
    let server = start(8);
    let all = exchange(&server, &[get("/short"), last("/small")].concat()).await;
    let body = if all.is_empty() { &[][..] } else { head(&all).2 };
    assert!(body.len() <= 10, "{} bytes came of a file's last 10", body.len());
    assert_eq!(body, &content()[FILE_BYTES - 10..][..body.len()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_past_the_bound_wait_for_a_place() {
    let server = start(1);
    let first = TcpStream::connect(server.address).unwrap();
    let request = last("/small");
    let waiting = exchange(&server, &request);
    let mut waiting = std::pin::pin!(waiting);
    tokio::select! {
        _ = &mut waiting => panic!("two connections had one place"),
        () = tokio::time::sleep(Duration::from_millis(200)) => drop(first),
    }
    assert!(head(&waiting.await).0.starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_with_many_idle_connections_leaves_places_to_the_others() {
    let server = start(8);
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(TcpStream::connect(server.address).unwrap());
    }
    // Another machine of the network, as far as loopback can tell.
    let address = server.address;
    let other = tokio::task::spawn_blocking(move || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into())?;
        socket.connect(&address.into())?;
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(last("/small").as_bytes())?;
        let mut all = Vec::new();
        stream.read_to_end(&mut all).map(|_| all)
    });
    let answer = other.await.unwrap().expect("an answer before the idle ones are let go");
    assert!(head(&answer).0.starts_with("HTTP/1.1 200"));
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_finished_when_the_server_stops() {
    let server = start(8);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(get("/whole").as_bytes()).unwrap();
    let mut first = [0; 1024];
    stream.read_exact(&mut first).unwrap();
    server.token.cancel();
    let rest = tokio::task::spawn_blocking(move || {
        let mut all = first.to_vec();
        stream.read_to_end(&mut all).unwrap();
        all
    })
    .await
    .unwrap();
    assert!(head(&rest).2 == content());
    tokio::time::timeout(Duration::from_secs(10), server.tracker.wait()).await.unwrap();
}
