//! One question to one resolver: by UDP from a port of its own, by TCP when the answer was cut or
//! cannot be believed, under TLS where the settings say so.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use hickory_proto::op::Message;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
};
use tokio_rustls::TlsConnector;

use super::check::{self, Came, Sent};
use crate::dns::wire::{BadMessage, MAX_MESSAGE_BYTES};

/// Messages that are no answer to the question after which UDP is left: somebody is guessing.
const MAX_FOREIGN: usize = 8;
/// Bytes of a datagram that are read; longer ones are broken, and asked for by TCP.
const MAX_DATAGRAM_BYTES: usize = 4096;

/// Why a resolver gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The system, or the network.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came on a connection is no message.
    #[error("{0}")]
    Bad(#[from] BadMessage),
    /// What came on a connection answers another question, or is cut.
    #[error("the resolver answered another question, or in part")]
    Other,
}

/// What came by UDP.
#[derive(Debug)]
pub enum Datagram {
    /// The answer.
    Answer(Box<Message>),
    /// TCP is to be asked.
    Tcp,
    /// To be asked again, with this cookie.
    Again(Vec<u8>),
    /// To be asked again, without EDNS.
    Plainly,
}

/// Asks by UDP. Waits until the answer comes: whoever calls has the time limit.
pub async fn by_udp(to: SocketAddr, sent: &Sent, message: &[u8]) -> Result<Datagram, Failed> {
    let any = match to {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    // A port that the kernel draws for each question (RFC 5452 §9.2); connected, so that nobody
    // else's datagrams are taken, and a closed port is heard of.
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    socket.send(message).await?;
    let mut buffer = [0; MAX_DATAGRAM_BYTES];
    for _ in 0..MAX_FOREIGN {
        let length = socket.recv(&mut buffer).await?;
        match check::came(buffer.get(..length).unwrap_or_default(), sent) {
            Came::Answer(message) => return Ok(Datagram::Answer(message)),
            Came::Cut => return Ok(Datagram::Tcp),
            Came::OtherCookie(cookie) => return Ok(Datagram::Again(cookie)),
            Came::NoEdns => return Ok(Datagram::Plainly),
            Came::Foreign => {}
        }
    }
    tracing::warn!(resolver = %to, "answers that belong to no question came: asked by TCP");
    Ok(Datagram::Tcp)
}

/// Asks by TCP.
pub async fn by_tcp(to: SocketAddr, sent: &Sent, message: &[u8]) -> Result<Message, Failed> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    on_connection(stream, sent, message).await
}

/// Asks under TLS (RFC 7858): the resolver must prove that it has this name.
pub async fn by_tls(
    to: SocketAddr,
    name: &str,
    tls: &Arc<ClientConfig>,
    sent: &Sent,
    message: &[u8],
) -> Result<Message, Failed> {
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let stream = TlsConnector::from(tls.clone()).connect(name, stream).await?;
    on_connection(stream, sent, message).await
}

async fn on_connection(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    sent: &Sent,
    message: &[u8],
) -> Result<Message, Failed> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    // In one piece: some resolvers take a length alone for a whole message (RFC 7766 §8).
    stream.write_all(&[&length.to_be_bytes()[..], message].concat()).await?;
    stream.flush().await?;
    let length = usize::from(stream.read_u16().await?);
    let mut bytes = vec![0; length.min(MAX_MESSAGE_BYTES)];
    stream.read_exact(&mut bytes).await?;
    check::came_connected(&bytes, sent)?.ok_or(Failed::Other)
}
