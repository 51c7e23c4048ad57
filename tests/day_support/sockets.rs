//! Errands that speak no HTTP after their first words: tunnels and `WebSocket`, whose other end says
//! back what it hears.

use std::time::Duration;

use rand::Rng as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{
    device::{Device, How, step},
    noise::Seed,
};

/// What an echo says at its end, once the other has said its last.
const LAST_WORD: &[u8] = b"that was all";
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// RFC 6455 §1.3: the example's key and its answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Serves echoes; `speaks`: after an upgrade to `WebSocket`.
pub async fn echoes(listener: TcpListener, speaks: bool) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move { drop(echo(stream, speaks).await) });
    }
}

async fn echo(mut stream: TcpStream, speaks: bool) -> Result<(), String> {
    if speaks {
        let asked = head(&mut stream).await?;
        let lower = asked.to_ascii_lowercase();
        let good = lower.contains("upgrade: websocket") && asked.contains(KEY);
        let answer = if good {
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
            )
        } else {
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_owned()
        };
        stream.write_all(answer.as_bytes()).await.map_err(|error| error.to_string())?;
    }
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let read = stream.read(&mut buffer).await.map_err(|error| error.to_string())?;
        let said = if read == 0 { LAST_WORD } else { &buffer[..read] };
        stream.write_all(said).await.map_err(|error| error.to_string())?;
        if read == 0 {
            return Ok(());
        }
    }
}

/// The head of a message, and not a byte more.
pub async fn head(stream: &mut TcpStream) -> Result<String, String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if bytes.len() > MAX_HEAD_BYTES {
            return Err("a head without an end".to_owned());
        }
        bytes.push(step("the next byte of a head", stream.read_u8()).await?);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A tunnel, to its end or until the device goes.
pub async fn tunnel(device: &mut Device) -> Result<(), String> {
    let to = device.world.echo;
    let how = how(device);
    let mut stream = device.socket(how).await?;
    let ask = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
    step("asking for a tunnel", stream.write_all(ask.as_bytes())).await?;
    let head = head(&mut stream).await?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("a tunnel to {to}: {head}"));
    }
    talk(device, stream).await.map_err(|story| format!("in a tunnel to {to}: {story}"))
}

/// A connection that becomes a `WebSocket`.
pub async fn websocket(device: &mut Device) -> Result<(), String> {
    let to = device.world.speaking;
    let how = how(device);
    let mut stream = device.socket(how).await?;
    let ask = format!(
        "GET http://{to}/ws HTTP/1.1\r\nHost: {to}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    step("asking for a WebSocket", stream.write_all(ask.as_bytes())).await?;
    let head = head(&mut stream).await?;
    if !(head.starts_with("HTTP/1.1 101") && head.contains(ACCEPT)) {
        return Err(format!("a WebSocket to {to}: {head}"));
    }
    talk(device, stream).await.map_err(|story| format!("in a WebSocket to {to}: {story}"))
}

fn how(device: &mut Device) -> How {
    match device.luck.random_range(0..8) {
        0 => How::Slow,
        1 => How::Abrupt,
        _ => How::Plain,
    }
}

/// Says things, and hears them back.
async fn talk(device: &mut Device, mut stream: TcpStream) -> Result<(), String> {
    let seed = Seed::of(&device.luck.random::<u64>().to_string());
    let rounds = device.luck.random_range(1..8);
    let leaves = device.luck.random_bool(0.2);
    let mut at = 0;
    for _ in 0..rounds {
        let length = device.luck.random_range(1..48_000);
        let said = device.world.noise.whole(seed, at..at + length);
        let mut heard = vec![0; said.len()];
        let (mut reads, mut writes) = stream.split();
        let both = async {
            tokio::try_join!(writes.write_all(&said), reads.read_exact(&mut heard)).map(drop)
        };
        step("an echo", both).await?;
        if heard != said {
            return Err(format!("other bytes came back from {at} on"));
        }
        at += length;
        tokio::time::sleep(Duration::from_millis(device.luck.random_range(0..200))).await;
    }
    if leaves {
        // With bytes on their way, both ways.
        let said = device.world.noise.whole(seed, at..at + 20_000);
        let _ = tokio::time::timeout(Duration::from_millis(20), stream.write_all(&said)).await;
        return Ok(());
    }
    step("the last word", stream.shutdown()).await?;
    let mut rest = Vec::new();
    step("the end", stream.read_to_end(&mut rest)).await?;
    if rest == LAST_WORD { Ok(()) } else { Err(format!("{} bytes at the end", rest.len())) }
}
