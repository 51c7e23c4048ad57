//! Devices' questions taken from sockets, and answers put into them: UDP and TCP (RFC 7766).

mod rates;
mod tcp;
mod udp;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

use self::rates::Pass;
pub use self::rates::Rates;
use super::{
    Resolver,
    answer::Answer,
    resolve::{self, Asked, AtOnce, Reply},
    wire::{
        self, Ede, Edns, Flags, HEADER_BYTES, MAX_MESSAGE_BYTES, MAX_UDP_BYTES, MIN_UDP_BYTES,
        Message, Question, Rcode,
    },
};

/// The sockets that a resolver serves.
#[derive(Debug, Default)]
pub struct Sockets {
    /// For datagrams.
    pub udp: Vec<UdpSocket>,
    /// For connections.
    pub tcp: Vec<TcpListener>,
}

impl Sockets {
    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.udp.is_empty() && self.tcp.is_empty()
    }
}

impl Resolver {
    /// Serves these sockets until cancelled; ends when the last question has its answer.
    pub async fn serve(&self, sockets: Sockets, token: CancellationToken) {
        let tracker = &self.shared.tracker;
        for socket in sockets.udp {
            tracker.spawn(udp::serve(self.clone(), Arc::new(socket), token.clone()));
        }
        let connections = tcp::Connections::new();
        for listener in sockets.tcp {
            let (own, connections) = (self.clone(), connections.clone());
            tracker.spawn(tcp::serve(own, listener, connections, token.clone()));
        }
        token.cancelled().await;
        tracker.close();
        tracker.wait().await;
    }
}

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Udp,
    Tcp,
}

/// A question that can be answered, and how.
#[derive(Debug)]
struct Heard {
    message: Message,
    who: IpAddr,
    near: IpAddr,
    /// Bytes of the largest answer.
    most: usize,
}

/// What becomes of bytes that came.
enum First {
    /// Nothing.
    Silence,
    /// This answer.
    Answer(Vec<u8>),
    /// Others are to be asked.
    Ask(Box<(Heard, super::Ruling)>),
}

/// Looks at bytes that came, and answers if nobody else has to be asked. Never waits.
fn first(own: &Resolver, bytes: &[u8], peer: SocketAddr, near: IpAddr, way: Way) -> First {
    let who = peer.ip().to_canonical();
    let message = match Message::read(bytes) {
        Ok(message) if message.flags.is_answer() => return First::Silence,
        Ok(message) => message,
        Err(_) => return unreadable(bytes),
    };
    let most = match (way, &message.edns) {
        (Way::Tcp, _) => MAX_MESSAGE_BYTES,
        (Way::Udp, None) => MIN_UDP_BYTES,
        (Way::Udp, Some(edns)) => usize::from(edns.size.min(MAX_UDP_BYTES)).max(MIN_UDP_BYTES),
    };
    let heard = Heard { message, who, near: near.to_canonical(), most };
    let said =
        |rcode, reason| First::Answer(heard.said(&Answer::nothing(rcode, vec![], 0), reason));
    match own.shared.rates.pass(who, Instant::now()) {
        Pass::Yes => {}
        Pass::ByTcp if way == Way::Udp => return First::Answer(heard.cut()),
        _ => return First::Silence,
    }
    if !own.shared.config.allow.iter().any(|network| network.contains(&who)) {
        return said(Rcode::REFUSED, Some(Ede::new(Ede::PROHIBITED, "")));
    }
    if heard.message.flags.opcode() != 0 {
        return said(Rcode::NOT_IMP, None);
    }
    if heard.message.edns.as_ref().is_some_and(|edns| edns.version > 0) {
        return said(Rcode::BAD_VERS, None);
    }
    match resolve::at_once(own, &heard.asked()) {
        AtOnce::Reply(reply) => First::Answer(heard.replied(&reply)),
        AtOnce::Ask(ruling) => First::Ask(Box::new((heard, ruling))),
    }
}

/// The answer of others.
async fn further(own: &Resolver, heard: Heard, ruling: super::Ruling) -> Vec<u8> {
    let reply = resolve::further(own, &heard.asked(), ruling).await;
    heard.replied(&reply)
}

/// Of bytes that are no message only the header is answered, and nobody who answers himself.
fn unreadable(bytes: &[u8]) -> First {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return First::Silence };
    let [a, b, c, d, ..] = *header;
    let flags = Flags(u16::from_be_bytes([c, d]));
    if flags.is_answer() {
        return First::Silence;
    }
    let answered = flags.answered(false).0 | Rcode::FORM_ERR.0;
    let [c, d] = answered.to_be_bytes();
    First::Answer(vec![a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0])
}

impl Heard {
    fn question(&self) -> &Question {
        &self.message.question
    }

    fn asked(&self) -> Asked<'_> {
        let edns = self.message.edns.as_ref();
        Asked {
            question: self.question(),
            signatures: edns.is_some_and(|edns| edns.signatures),
            no_checking: self.message.flags.no_checking(),
            who: self.who,
            near: self.near,
        }
    }

    fn replied(&self, reply: &Reply) -> Vec<u8> {
        match reply {
            Reply::Made(answer, reason) => self.said(answer, reason.clone()),
            Reply::Kept(kept, left) => self.kept(kept, *left),
        }
    }

    /// Kept bytes, renewed; EDNS behind them, where it was asked for.
    fn kept(&self, kept: &[u8], left: u32) -> Vec<u8> {
        let authentic = Message::read_flags(kept).is_authentic();
        let flags = self.message.flags.answered(authentic).0;
        let renewed = wire::renew(kept, (self.message.id, flags), self.question(), |_| left);
        let Ok(mut bytes) = renewed else {
            return self.said(&Answer::nothing(Rcode::SERV_FAIL, vec![], 0), None);
        };
        if let Some(edns) = self.edns(None) {
            wire::append(&mut bytes, &edns);
        }
        if bytes.len() > self.most { self.cut() } else { bytes }
    }

    fn said(&self, answer: &Answer, reason: Option<Ede>) -> Vec<u8> {
        let mut message = Message::answer_to(&self.message, answer.rcode);
        message.flags = self.message.flags.answered(answer.authentic);
        message.answers.clone_from(&answer.answers);
        message.authority.clone_from(&answer.authority);
        message.edns = self.edns(reason);
        // In the letters of who asks, as from anybody else (0x20).
        for record in &mut message.answers {
            if record.owner.is(&message.question.name) {
                record.owner.clone_from(&message.question.name);
            }
        }
        message.write(self.most)
    }

    /// No answer but that it is to be asked for by TCP.
    fn cut(&self) -> Vec<u8> {
        let mut message = Message::answer_to(&self.message, Rcode::NO_ERROR);
        message.flags = message.flags.truncated();
        message.edns = self.edns(None);
        message.write(self.most)
    }

    /// RFC 6891 §6.1.1: only for who sends one.
    fn edns(&self, reason: Option<Ede>) -> Option<Edns> {
        let asked = self.message.edns.as_ref()?;
        Some(Edns { signatures: asked.signatures, reason, ..Edns::default() })
    }
}

#[cfg(test)]
mod tests;
