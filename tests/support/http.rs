//! One GET over a plain socket, and its answer, byte for byte.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use super::PATIENCE;

/// One GET on a connection of its own; header names of `fields` end with `\r\n`.
pub fn get(address: SocketAddr, path: &str, fields: &str) -> Page {
    ask(address, "GET", path, fields)
}

/// One request without a body.
pub fn ask(address: SocketAddr, method: &str, path: &str, fields: &str) -> Page {
    send(address, method, path, fields, b"")
}

/// One request with a body, if there is one.
pub fn send(address: SocketAddr, method: &str, path: &str, fields: &str, body: &[u8]) -> Page {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = match body.len() {
        0 => String::new(),
        length => format!("Content-Length: {length}\r\n"),
    };
    let ask = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{length}{fields}\r\n"
    );
    stream.write_all(ask.as_bytes()).unwrap();
    // The box may answer and close before it has read a body that it does not want.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    assert!(read.is_ok() || !bytes.is_empty(), "{path}: {read:?}");
    Page::parse(path, &bytes)
}

/// An answer, head and body apart.
#[derive(Debug)]
pub struct Page {
    /// Status code.
    pub status: u16,
    /// Status line and header fields.
    pub head: String,
    /// The body, unchunked.
    pub body: Vec<u8>,
}

impl Page {
    pub fn parse(path: &str, bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("{path}: no answer head in {} bytes", bytes.len()));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = &bytes[end + 4..];
        let body = if chunked { unchunk(body) } else { body.to_vec() };
        Self { status: head[9..12].parse().unwrap(), head, body }
    }

    /// A header field, by its name in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}
