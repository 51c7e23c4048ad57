//! Load on a server: one big body after another, pages by `wrk`, or many slow readers.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nix::sys::socket::{MsgFlags, recv};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// Longest answer head that the little clients here accept.
const HEAD_BYTES: usize = 16 * 1024;

fn request(address: SocketAddr, path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n")
}

/// `Content-Length` of an answer head, after checking its status.
fn content_length(head: &str, status: &str) -> Result<u64> {
    ensure!(head.starts_with(&format!("HTTP/1.1 {status}")), "unexpected answer: {head}");
    let line = head.lines().find(|l| l.to_ascii_lowercase().starts_with("content-length:"));
    Ok(line.context("no Content-Length")?[15..].trim().parse()?)
}

/// Fetches `path` `times` times over one connection; bytes a second of body.
pub fn big_bodies(address: SocketAddr, path: &str, times: u32) -> Result<f64> {
    let mut stream = TcpStream::connect(address)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    let begun = Instant::now();
    for _ in 0..times {
        stream.write_all(request(address, path, "").as_bytes())?;
        bytes += one_body(&mut stream, &mut buffer)?;
    }
    Ok(bytes as f64 / begun.elapsed().as_secs_f64())
}

/// Takes bytes from a connection without copying them, so that the one who reads is not what is
/// measured: how many (tcp(7), `MSG_TRUNC`).
pub fn discard(stream: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(recv(stream.as_raw_fd(), buffer, MsgFlags::MSG_TRUNC)?)
}

/// The body of the next answer on a connection, not a byte more: its length.
pub fn one_body(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<u64> {
    let mut head = Vec::new();
    let body_start = loop {
        let n = stream.read(buffer)?;
        ensure!(n > 0 && head.len() < HEAD_BYTES, "no answer head");
        head.extend_from_slice(&buffer[..n]);
        if let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let total = content_length(&String::from_utf8_lossy(&head[..body_start]), "200")?;
    let mut got = (head.len() - body_start) as u64;
    while got < total {
        let n = discard(stream.as_fd(), buffer)?;
        ensure!(n > 0, "the body ended {} bytes early", total - got);
        got += n as u64;
    }
    ensure!(got == total, "{} bytes too many", got - total);
    Ok(total)
}

/// Requests a second that `wrk` gets of `path` with gzip accepted; fails on any error answer.
pub fn pages(address: SocketAddr, path: &str, seconds: u32) -> Result<f64> {
    pages_with(address, path, seconds, "Accept-Encoding: gzip")
}

/// The same, with this header field instead.
pub fn pages_with(address: SocketAddr, path: &str, seconds: u32, field: &str) -> Result<f64> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c32", &format!("-d{seconds}s"), "-H", field]);
    rate(wrk.arg(format!("http://{address}{path}")))
}

/// Requests a second that `wrk` gets of `url` through a proxy; fails on any error answer.
pub fn through(proxy: SocketAddr, url: &str, seconds: u32, folder: &Path) -> Result<f64> {
    // wrk knows no proxies, but lets a script write the request's target.
    let script = folder.join("through.lua");
    std::fs::write(&script, format!("wrk.path = \"{url}\"\n"))?;
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "-c32", &format!("-d{seconds}s"), "-s"]).arg(script);
    rate(wrk.arg(format!("http://{proxy}/")))
}

fn rate(wrk: &mut Command) -> Result<f64> {
    let output = wrk.output().context("starting wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk failed: {text}");
    ensure!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "wrk saw errors: {text}");
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    Ok(line.context("wrk printed no Requests/sec")?.trim().parse()?)
}

/// How a crowd of slow readers fared.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// Readers that got every byte.
    pub complete: usize,
    /// From the first request to the last byte of all.
    pub took: Duration,
}

/// `readers` connections, each reading the first `bytes` of `path` at `rate` bytes a second.
/// `half_way` is called once, in the middle of it.
pub async fn slow_readers(
    address: SocketAddr,
    path: &str,
    readers: usize,
    bytes: u64,
    rate: u64,
    half_way: impl FnOnce() -> Result<()>,
) -> Result<Crowd> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..readers {
        let ask = request(address, path, &format!("Range: bytes=0-{}\r\n", bytes - 1));
        tasks.spawn(slow_reader(address, ask, bytes, rate));
    }
    tokio::time::sleep(Duration::from_secs_f64(bytes as f64 / rate as f64 / 2.0)).await;
    half_way()?;
    let mut complete = 0;
    while let Some(reader) = tasks.join_next().await {
        match reader? {
            Ok(()) => complete += 1,
            Err(error) => eprintln!("a reader failed: {error:#}"),
        }
    }
    Ok(Crowd { complete, took: begun.elapsed() })
}

async fn slow_reader(address: SocketAddr, ask: String, bytes: u64, rate: u64) -> Result<()> {
    const TICKS_A_SECOND: u64 = 4;
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(64 * 1024)?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(ask.as_bytes()).await?;
    let mut tick = interval(Duration::from_millis(1000 / TICKS_A_SECOND));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut buffer = vec![0; 32 * 1024];
    let mut got = 0;
    let mut allowed = 0;
    let mut head_seen = false;
    while got < bytes {
        tick.tick().await;
        allowed += rate / TICKS_A_SECOND;
        while got < allowed.min(bytes) {
            let n = stream.read(&mut buffer).await?;
            ensure!(n > 0, "the connection ended {} bytes early", bytes - got);
            let mut body = &buffer[..n];
            if !head_seen {
                let end = body.windows(4).position(|w| w == b"\r\n\r\n").context("no head")? + 4;
                content_length(&String::from_utf8_lossy(&body[..end]), "206")?;
                body = &body[end..];
                head_seen = true;
            }
            got += body.len() as u64;
        }
    }
    Ok(())
}
