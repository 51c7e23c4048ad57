//! Another proxy on the way, such as the académie's.

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{DialError, Dialled};
use crate::{
    config::{self, Site},
    filter::host::Host,
    gateway::asked::Asked,
};

/// Head of its answer to CONNECT.
const MAX_ANSWER_BYTES: usize = 16 * 1024;
const MAX_ANSWER_FIELDS: usize = 64;

/// Where it is, and what goes without it.
#[derive(Debug)]
pub struct Upstream {
    host: Host,
    port: u16,
    bypass: Vec<Site>,
}

impl Upstream {
    /// Nothing when the host is no host, which the settings' own reading has refused before.
    pub fn new(config: &config::Upstream) -> Option<Self> {
        let host = Host::parse(&config.proxy.host).ok()?;
        Some(Self { host, port: config.proxy.port, bypass: config.bypass.clone() })
    }

    pub fn place(&self) -> (&Host, u16) {
        (&self.host, self.port)
    }

    pub fn bypasses(&self, host: &Host) -> bool {
        self.bypass.iter().any(|site| match host {
            Host::Name(name) => site.has_name(name.as_str()),
            Host::Address(address) => site.has_address(*address),
        })
    }
}

/// Asks it for a tunnel.
pub async fn ask(
    mut stream: TcpStream,
    asked: &Asked,
    via: &str,
    account: Option<&HeaderValue>,
) -> Result<Dialled, DialError> {
    let lost = |_| DialError::UpstreamAnswer("the connection broke");
    let head = format!("CONNECT {asked} HTTP/1.1\r\nHost: {asked}\r\nVia: {via}\r\n");
    let mut head = head.into_bytes();
    if let Some(account) = account {
        head.extend_from_slice(b"Proxy-Authorization: ");
        head.extend_from_slice(account.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    stream.write_all(&head).await.map_err(lost)?;
    let mut bytes = BytesMut::with_capacity(1024);
    loop {
        if let Some((status, length)) = answered(&bytes)? {
            if !(200..300).contains(&status) {
                return Err(DialError::UpstreamSays(status));
            }
            let early: Bytes = bytes.split_off(length).freeze();
            return Ok(Dialled { stream, early });
        }
        if bytes.len() >= MAX_ANSWER_BYTES {
            return Err(DialError::UpstreamAnswer("its head is too long"));
        }
        if stream.read_buf(&mut bytes).await.map_err(lost)? == 0 {
            return Err(DialError::UpstreamAnswer("the connection ended"));
        }
    }
}

/// Status and length of a final answer's head, once it is whole; 1xx are passed over.
fn answered(bytes: &[u8]) -> Result<Option<(u16, usize)>, DialError> {
    let mut begins = 0;
    loop {
        let mut fields = [httparse::EMPTY_HEADER; MAX_ANSWER_FIELDS];
        let mut answer = httparse::Response::new(&mut fields);
        match answer.parse(&bytes[begins..]) {
            Err(_) => return Err(DialError::UpstreamAnswer("it is no HTTP")),
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete(length)) => {
                begins += length;
                match answer.code {
                    Some(100..=199) => {}
                    Some(status) => return Ok(Some((status, begins))),
                    None => return Err(DialError::UpstreamAnswer("it has no status")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_connect_is_read_once_it_is_whole_and_no_byte_further() {
        let text = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n\x16\x03";
        for cut in 0..text.len() - 2 {
            assert!(answered(&text[..cut]).unwrap().is_none());
        }
        assert_eq!(answered(text).unwrap(), Some((200, text.len() - 2)));
        assert_eq!(
            answered(b"HTTP/1.1 100 \r\n\r\nHTTP/1.0 407 No\r\n\r\n").unwrap().unwrap().0,
            407
        );
        assert!(answered(b"SSH-2.0\r\n").is_err());
    }

    #[test]
    fn what_is_listed_goes_without_it() {
        let upstream = Upstream::new(&config::Upstream {
            bypass: vec!["ac-x.example".parse().unwrap(), "172.16.0.0/12".parse().unwrap()],
            ..config::Upstream::at("10.0.0.1:3128".parse().unwrap())
        })
        .unwrap();
        let bypassed = |text| upstream.bypasses(&Host::parse(text).unwrap());
        assert!(bypassed("www.ac-x.example") && bypassed("172.16.0.9"));
        assert!(!bypassed("example.org") && !bypassed("192.0.2.1"));
    }
}
