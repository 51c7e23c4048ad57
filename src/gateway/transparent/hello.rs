//! The name that a TLS client asks for, read from its first bytes. Nothing is decrypted, nothing is
//! changed: the bytes go on as they came.
//!
//! RFC 8446 §5.1 (records), §4.1.2 (`ClientHello`), RFC 6066 §3 (`server_name`), RFC 9849 (ECH).

use std::net::Ipv6Addr;

use crate::{filter::host::Host, gateway::asked::host_of};

/// Largest `ClientHello` there can be: every vector of it full (RFC 8446 §4.1.2).
const MAX_HELLO_BYTES: usize = 2 + 32 + 1 + 32 + 2 + 0xfffe + 1 + 255 + 2 + 0xffff;
/// RFC 8446 §5.1: plaintext of a record.
const MAX_RECORD_BYTES: usize = 1 << 14;
/// Bytes before a record's plaintext.
const RECORD_HEAD_BYTES: usize = 5;
/// Bytes before a handshake message.
const MESSAGE_HEAD_BYTES: usize = 4;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
const HOST_NAME: u8 = 0;

/// What a client says before anything is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHello {
    /// The server's name: lower case, without a final dot. None where there is none, or where an
    /// address stands in its place (RFC 6066 §3 forbids that).
    pub name: Option<String>,
    /// Does it carry an encrypted hello? Most browsers send one that means nothing (GREASE).
    pub ech: bool,
}

/// Why these are not the first bytes of a TLS client. The alert is what a server would answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHello {
    /// Another protocol.
    #[error("not TLS: the first byte is {0}, a handshake begins with 22")]
    NotTls(u8),
    /// A record or message where none may be.
    #[error("not a ClientHello in handshake records")]
    Unexpected,
    /// A record larger than records may be.
    #[error("a record larger than it may be")]
    TooLarge,
    /// A message longer than any `ClientHello`.
    #[error("a message longer than any ClientHello")]
    TooLong,
    /// Lengths or names that are not what the protocol says.
    #[error("a ClientHello that is not well formed")]
    Malformed,
}

impl BadHello {
    /// The alert's description, RFC 8446 §6.2; none for who does not speak TLS.
    pub fn alert(self) -> Option<Alert> {
        match self {
            Self::NotTls(_) => None,
            Self::Unexpected => Some(Alert::UnexpectedMessage),
            Self::TooLarge => Some(Alert::RecordOverflow),
            // As OpenSSL, whose answer a client gets without us.
            Self::TooLong => Some(Alert::IllegalParameter),
            Self::Malformed => Some(Alert::DecodeError),
        }
    }
}

/// Descriptions of alerts, RFC 8446 §6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    /// A message out of its place.
    UnexpectedMessage = 10,
    /// A record that is too large.
    RecordOverflow = 22,
    /// A value that is not allowed.
    IllegalParameter = 47,
    /// Refused by a rule: what browsers show as such at once.
    AccessDenied = 49,
    /// A message that cannot be read.
    DecodeError = 50,
    /// Something of ours, or of the way to the origin.
    InternalError = 80,
}

impl Alert {
    /// The whole record, fatal, in the clear.
    pub fn record(self) -> [u8; 7] {
        [21, 3, 3, 0, 2, 2, self as u8]
    }
}

/// Reads a `ClientHello` as its bytes come, however they are cut into records and segments. Each
/// byte is looked at once.
#[derive(Debug, Default)]
pub struct Reader {
    head: [u8; RECORD_HEAD_BYTES],
    head_bytes: usize,
    /// Bytes of the record under way that have not come.
    left: usize,
    message: Vec<u8>,
}

impl Reader {
    /// Takes the next bytes. The hello once it is whole; what follows it is not looked at.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<Option<ClientHello>, BadHello> {
        while !bytes.is_empty() {
            if self.left == 0 {
                bytes = self.take_head(bytes)?;
                continue;
            }
            let (now, rest) = bytes.split_at(self.left.min(bytes.len()));
            self.message.extend_from_slice(now);
            self.left -= now.len();
            bytes = rest;
            if let Some(length) = self.length()?
                && self.message.len() >= MESSAGE_HEAD_BYTES + length
            {
                let body = &self.message[MESSAGE_HEAD_BYTES..MESSAGE_HEAD_BYTES + length];
                return parse(body).map(Some);
            }
        }
        Ok(None)
    }

    /// Has nothing come yet?
    pub fn is_empty(&self) -> bool {
        self.head_bytes == 0 && self.message.is_empty()
    }

    fn take_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], BadHello> {
        let (now, rest) = bytes.split_at((RECORD_HEAD_BYTES - self.head_bytes).min(bytes.len()));
        self.head[self.head_bytes..self.head_bytes + now.len()].copy_from_slice(now);
        self.head_bytes += now.len();
        match self.head[0] {
            HANDSHAKE => {}
            other if self.message.is_empty() => return Err(BadHello::NotTls(other)),
            _ => return Err(BadHello::Unexpected),
        }
        // 0x0300 to 0x0304 are all seen; the real version is elsewhere.
        if self.head_bytes > 1 && self.head[1] != 3 {
            return Err(BadHello::Malformed);
        }
        if self.head_bytes < RECORD_HEAD_BYTES {
            return Ok(rest);
        }
        let length = usize::from(u16::from_be_bytes([self.head[3], self.head[4]]));
        match length {
            // RFC 8446 §5.1: a handshake record is never empty.
            0 => return Err(BadHello::Unexpected),
            length if length > MAX_RECORD_BYTES => return Err(BadHello::TooLarge),
            length => self.left = length,
        }
        self.head_bytes = 0;
        Ok(rest)
    }

    /// Bytes of the message, once its head has come.
    fn length(&self) -> Result<Option<usize>, BadHello> {
        let [kind, a, b, c, ..] = self.message[..] else {
            return match self.message.first() {
                Some(&kind) if kind != CLIENT_HELLO => Err(BadHello::Unexpected),
                _ => Ok(None),
            };
        };
        if kind != CLIENT_HELLO {
            return Err(BadHello::Unexpected);
        }
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        if length > MAX_HELLO_BYTES { Err(BadHello::TooLong) } else { Ok(Some(length)) }
    }
}

/// Vectors of a message, one after the other.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], BadHello> {
        let (now, rest) = self.0.split_at_checked(count).ok_or(BadHello::Malformed)?;
        self.0 = rest;
        Ok(now)
    }

    fn u8(&mut self) -> Result<u8, BadHello> {
        Ok(self.bytes(1)?[0])
    }

    fn u16(&mut self) -> Result<u16, BadHello> {
        let bytes = self.bytes(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A vector whose length is told in one byte.
    fn short(&mut self) -> Result<&'a [u8], BadHello> {
        let length = self.u8()?;
        self.bytes(length.into())
    }

    /// A vector whose length is told in two bytes.
    fn long(&mut self) -> Result<&'a [u8], BadHello> {
        let length = self.u16()?;
        self.bytes(length.into())
    }
}

fn parse(body: &[u8]) -> Result<ClientHello, BadHello> {
    let mut body = Cursor(body);
    let (_version, _random) = (body.u16()?, body.bytes(32)?);
    let (session, suites) = (body.short()?, body.long()?);
    let compression = body.short()?;
    let odd = suites.is_empty() || suites.len() % 2 != 0;
    if session.len() > 32 || odd || compression.is_empty() {
        return Err(BadHello::Malformed);
    }
    let mut hello = ClientHello { name: None, ech: false };
    // TLS 1.0 to 1.2 may leave all extensions out (RFC 5246 §7.4.1.2).
    if body.0.is_empty() {
        return Ok(hello);
    }
    let mut extensions = Cursor(body.long()?);
    if !body.0.is_empty() {
        return Err(BadHello::Malformed);
    }
    let mut named = false;
    while !extensions.0.is_empty() {
        let (kind, said) = (extensions.u16()?, extensions.long()?);
        match kind {
            // Two names could be read as one by us and as the other by the server.
            SERVER_NAME if named => return Err(BadHello::Malformed),
            SERVER_NAME => {
                named = true;
                hello.name = server_name(said)?;
            }
            ENCRYPTED_CLIENT_HELLO => hello.ech = true,
            _ => {}
        }
    }
    Ok(hello)
}

/// RFC 6066 §3: a list with at most one name of a kind.
fn server_name(said: &[u8]) -> Result<Option<String>, BadHello> {
    let mut said = Cursor(said);
    let mut list = Cursor(said.long()?);
    if !said.0.is_empty() || list.0.is_empty() {
        return Err(BadHello::Malformed);
    }
    let mut found = None;
    while !list.0.is_empty() {
        let (kind, name) = (list.u8()?, list.long()?);
        if kind == HOST_NAME && found.replace(name).is_some() {
            return Err(BadHello::Malformed);
        }
    }
    found.map_or(Ok(None), host_name)
}

/// RFC 6066 §3: letters, digits and hyphens of a name in ASCII; a literal address has no place there.
fn host_name(bytes: &[u8]) -> Result<Option<String>, BadHello> {
    let plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if !bytes.iter().all(plain) {
        return Err(BadHello::Malformed);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| BadHello::Malformed)?;
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok(None);
    }
    match host_of(text) {
        Ok(Host::Name(name)) => Ok(Some(name.as_str().to_owned())),
        Ok(Host::Address(_)) => Ok(None),
        Err(_) => Err(BadHello::Malformed),
    }
}

#[cfg(test)]
#[path = "hello/tests.rs"]
mod tests;
