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
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let ask =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
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
