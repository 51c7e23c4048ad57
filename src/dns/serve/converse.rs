//! One connection: questions as they come, each answered as soon as it can be (RFC 7766 §6.2.1.1,
//! §7). A question whose answer takes long holds up none of those behind it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, sleep_until, timeout},
};

use super::{First, Way, first, further};
use crate::dns::Resolver;

/// Questions of one connection that wait for others' answers; further ones wait in the kernel.
const MAX_WAITING: usize = 64;
/// Bytes of a question, as by UDP with room for padding.
const MAX_QUESTION_BYTES: usize = 4096;
/// Bytes of a message's length (RFC 1035 §4.2.2).
const LENGTH_BYTES: usize = 2;
/// Bytes first kept for what comes: most questions fit.
const USUAL_BYTES: usize = 512;

/// Answers a device at `peer`, to which the box's address `near` is nearest, until it has no more
/// questions, or asks nothing for `idle`.
///
/// # Errors
/// It is gone, asks nothing, takes no answer, or sends what is no question.
pub async fn converse(
    own: &Resolver,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    (peer, near): (SocketAddr, IpAddr),
    idle: Duration,
) -> io::Result<()> {
    let (from, mut to) = tokio::io::split(stream);
    let mut questions = Questions { from, read: BytesMut::with_capacity(USUAL_BYTES) };
    let (mut waiting, mut more) = (FuturesUnordered::new(), true);
    // Counted from the last whole question or answer: a byte now and then holds no place.
    let mut until = Instant::now() + idle;
    while more || !waiting.is_empty() {
        tokio::select! {
            Some(answer) = waiting.next() => {
                timeout(idle, send(&mut to, Vec::as_slice(&answer))).await??;
            }
            question = questions.next(), if more && waiting.len() < MAX_WAITING => {
                let Some(question) = question? else {
                    more = false;
                    continue;
                };
                match first(own, &question, peer, near, Way::Tcp) {
                    First::Silence => return Ok(()),
                    First::Answer(answer) => timeout(idle, send(&mut to, &answer)).await??,
                    First::Ask(ask) => waiting.push(async move {
                        let (heard, ruling) = *ask;
                        further(own, heard, ruling).await
                    }),
                }
            }
            () = sleep_until(until), if waiting.is_empty() => {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        until = Instant::now() + idle;
    }
    to.shutdown().await
}

/// In one piece (RFC 7766 §8).
async fn send(to: &mut (impl AsyncWrite + Unpin), answer: &[u8]) -> io::Result<()> {
    let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
    to.write_all(&[&length.to_be_bytes()[..], answer].concat()).await?;
    to.flush().await
}

/// The questions of a connection.
struct Questions<R> {
    from: R,
    read: BytesMut,
}

impl<R: AsyncRead + Unpin> Questions<R> {
    /// The next one; nothing: there are no more. Dropped before its end, it has lost nothing.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(question) = self.taken()? {
                return Ok(Some(question));
            }
            match self.from.read_buf(&mut self.read).await {
                Ok(0) if self.read.is_empty() => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                // Under TLS, some leave without a word.
                Err(error)
                    if error.kind() == io::ErrorKind::UnexpectedEof && self.read.is_empty() =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A question, if all of it has come.
    fn taken(&mut self) -> io::Result<Option<Bytes>> {
        let Some(length) = self.read.first_chunk() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > MAX_QUESTION_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no question is that long"));
        }
        if self.read.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.read.advance(LENGTH_BYTES);
        Ok(Some(self.read.split_to(length).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::{op::Message, rr::RecordType};
    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::dns::{
        Judge,
        testing::{BOX, DEVICE, Peer, asked_name, bytes, question, resolver, usual},
        wire,
    };

    const PATIENCE: Duration = Duration::from_secs(60);

    fn asked(id: u16, text: &str) -> Vec<u8> {
        let message = bytes(&wire::ask(id, question(text, RecordType::A), false));
        [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat()
    }

    async fn answer(device: &mut DuplexStream) -> Message {
        let length = device.read_u16().await.unwrap();
        let mut bytes = vec![0; length.into()];
        device.read_exact(&mut bytes).await.unwrap();
        wire::read(&bytes).unwrap()
    }

    fn talking(
        own: Resolver,
        idle: Duration,
    ) -> (DuplexStream, tokio::task::JoinHandle<io::Result<()>>) {
        let (device, near) = duplex(1 << 16);
        let ends = (SocketAddr::new(DEVICE, 5353), BOX);
        (device, tokio::spawn(async move { converse(&own, near, ends, idle).await }))
    }

    #[tokio::test]
    async fn a_question_without_an_answer_yet_holds_up_none_behind_it() {
        let peer = Peer::start(|asked, _| {
            let is_silent = asked_name(asked).to_ascii_lowercase().starts_with("silent");
            if is_silent { vec![] } else { vec![bytes(&usual(asked))] }
        })
        .await;
        let own = resolver(&[peer.address], Judge::lenient());
        let (mut device, talk) = talking(own, PATIENCE);
        let all = [asked(1, "silent.example"), asked(2, "quick.example"), asked(3, "preau")];
        // However the bytes are cut.
        for byte in all.concat() {
            device.write_u8(byte).await.unwrap();
        }
        let mut ids =
            vec![answer(&mut device).await.metadata.id, answer(&mut device).await.metadata.id];
        ids.sort_unstable();
        assert_eq!(ids, [2, 3]);
        drop((device, talk));
    }

    #[tokio::test]
    async fn who_has_no_more_questions_hears_what_he_waits_for() {
        let peer = Peer::usual().await;
        let (mut device, talk) = talking(resolver(&[peer.address], Judge::lenient()), PATIENCE);
        device.write_all(&asked(7, "www.example")).await.unwrap();
        device.shutdown().await.unwrap();
        assert_eq!(answer(&mut device).await.metadata.id, 7);
        timeout(PATIENCE, talk).await.unwrap().unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_asks_nothing_or_half_a_question_is_let_go() {
        for begun in [&[][..], &asked(7, "www.example")[..9]] {
            let own = resolver(&[], Judge::lenient());
            let (mut device, talk) = talking(own, Duration::from_millis(50));
            device.write_all(begun).await.unwrap();
            let ended = timeout(PATIENCE, talk).await.unwrap().unwrap();
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
    }

    #[tokio::test]
    async fn what_is_longer_than_any_question_ends_the_connection() {
        let (mut device, talk) = talking(resolver(&[], Judge::lenient()), PATIENCE);
        device.write_u16(5000).await.unwrap();
        let ended = timeout(PATIENCE, talk).await.unwrap().unwrap();
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
