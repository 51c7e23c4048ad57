//! Asks a resolver for a name, and times the answer.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use hickory_proto::{
    op::{Query, ResponseCode},
    rr::{Name, RecordType},
};
use rand::Rng as _;
use tokio::time::timeout;

use super::way::Way;
use crate::dns::{
    upstream::check::{self, Came, Sent},
    wire::{self, MAX_MESSAGE_BYTES},
};

/// A resolver answers within this, or is asked once more.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Times that it is asked: a datagram may be lost.
const TRIES: usize = 2;
/// Datagrams of others that are read past.
const MAX_FOREIGN: usize = 8;
/// Bytes of an answer that are read.
const MAX_DATAGRAM_BYTES: usize = 4096;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// None came.
    #[error("no answer within {ANSWER_WITHIN:?}, twice")]
    Silent,
    /// The answer is that there is none.
    #[error("the answer is {0}")]
    Code(ResponseCode),
    /// The system could not ask.
    #[error("{0}")]
    Io(String),
}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

/// How long an answer took.
///
/// # Errors
/// There is none.
pub async fn ask(way: &Way, resolver: SocketAddr, name: &Name) -> Result<Duration, NoAnswer> {
    let mut last = NoAnswer::Silent;
    for _ in 0..TRIES {
        let begun = Instant::now();
        match timeout(ANSWER_WITHIN, once(way, resolver, name)).await {
            Ok(Ok(ResponseCode::NoError)) => return Ok(begun.elapsed()),
            Ok(Ok(code)) => return Err(NoAnswer::Code(code)),
            Ok(Err(error)) => last = error.into(),
            Err(_) => last = NoAnswer::Silent,
        }
    }
    Err(last)
}

async fn once(way: &Way, resolver: SocketAddr, name: &Name) -> io::Result<ResponseCode> {
    let mut question = Query::query(name.clone(), RecordType::A);
    question.name.randomize_label_case();
    let (id, cookie) = (rand::rng().random(), rand::rng().random());
    let sent = Sent { id, question, cookie, knows_cookies: false, edns: false };
    let socket = way.udp(resolver).await?;
    let message = check::to_send(&sent, &[], (false, false));
    socket.send(&wire::write(&message, MAX_MESSAGE_BYTES)).await?;
    let mut buffer = [0; MAX_DATAGRAM_BYTES];
    for _ in 0..MAX_FOREIGN {
        let length = socket.recv(&mut buffer).await?;
        match check::came(buffer.get(..length).unwrap_or_default(), &sent) {
            Came::Answer(message) => return Ok(message.metadata.response_code),
            // A resolver that answers at length answers.
            Came::Cut => return Ok(ResponseCode::NoError),
            Came::OtherCookie(_) | Came::NoEdns | Came::Foreign => {}
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "only answers to other questions came"))
}
