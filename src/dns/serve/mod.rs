//! Devices' questions taken from sockets, and answers put into them: UDP, TCP (RFC 7766) and TLS
//! (RFC 7858).

mod batch;
mod converse;
mod glance;
mod quick;
mod rates;
mod tcp;
mod udp;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use hickory_proto::{
    op::{Edns, Header, Message, MessageType, Metadata, OpCode, Query, ResponseCode},
    serialize::binary::BinDecodable as _,
};
use rustls::ServerConfig;
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

use self::rates::Pass;
pub use self::rates::Rates;
use super::{
    Resolver,
    answer::{Answer, rename},
    resolve::{self, Asked, AtOnce, Reply},
    wire::{self, Ede, Encoded, MAX_MESSAGE_BYTES, MAX_UDP_BYTES, MIN_UDP_BYTES},
};

/// The sockets that a resolver serves.
#[derive(Debug, Default)]
pub struct Sockets {
    /// For datagrams.
    pub udp: Vec<UdpSocket>,
    /// For connections.
    pub tcp: Vec<TcpListener>,
    /// For connections under TLS (RFC 7858), and how it is spoken there.
    pub tls: Option<(Arc<ServerConfig>, Vec<TcpListener>)>,
}

impl Sockets {
    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.udp.is_empty() && self.tcp.is_empty() && self.tls.is_none()
    }
}

impl Resolver {
    /// Serves these sockets until cancelled; ends when the last question has its answer.
    pub async fn serve(&self, sockets: Sockets, token: CancellationToken) {
        let tracker = &self.shared.tracker;
        // Threads end with this, too, when the runtime ends before anybody cancels.
        let own_token = token.child_token();
        let _ended = own_token.clone().drop_guard();
        for socket in sockets.udp {
            if let Err(error) = udp::serve(self, socket, &own_token) {
                tracing::error!(%error, "devices' questions by UDP cannot be taken");
            }
        }
        let plain = tcp::Connections::plain();
        let plain = sockets.tcp.into_iter().map(|listener| (listener, plain.clone()));
        let sealed = sockets.tls.map(|(tls, on)| (tcp::Connections::sealed(tls), on));
        let sealed = sealed.into_iter().flat_map(|(connections, on)| {
            on.into_iter().map(move |listener| (listener, connections.clone()))
        });
        for (listener, connections) in plain.chain(sealed) {
            tracker.spawn(tcp::serve(self.clone(), listener, connections, token.clone()));
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
    question: Query,
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
    passed(own, bytes, (peer, near), way, pass(own, peer))
}

/// May a device ask once more?
fn pass(own: &Resolver, peer: SocketAddr) -> Pass {
    own.shared.rates.pass(peer.ip().to_canonical(), Instant::now())
}

/// The same of what its device's rate says this.
fn passed(
    own: &Resolver,
    bytes: &[u8],
    (peer, near): (SocketAddr, IpAddr),
    way: Way,
    pass: Pass,
) -> First {
    let who = peer.ip().to_canonical();
    let message = match wire::read_question(bytes) {
        Ok(message) if is_answer(&message.metadata) => return First::Silence,
        Ok(message) => message,
        Err(_) => return unreadable(bytes),
    };
    let most = match (way, &message.edns) {
        (Way::Tcp, _) => MAX_MESSAGE_BYTES,
        (Way::Udp, None) => MIN_UDP_BYTES,
        (Way::Udp, Some(edns)) => edns.max_payload().min(MAX_UDP_BYTES).into(),
    };
    let question = wire::question(&message);
    let heard = Heard { message, question, who, near: near.to_canonical(), most };
    let said =
        |rcode, reason| First::Answer(heard.said(&Answer::nothing(rcode, vec![], 0), reason));
    match pass {
        Pass::Yes => {}
        Pass::ByTcp if way == Way::Udp => return First::Answer(heard.cut()),
        _ => return First::Silence,
    }
    if !is_served(own, who) {
        return said(ResponseCode::Refused, Some(Ede::new(Ede::PROHIBITED, "")));
    }
    if heard.message.metadata.op_code != OpCode::Query {
        return said(ResponseCode::NotImp, None);
    }
    if heard.message.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
        return said(ResponseCode::BADVERS, None);
    }
    match resolve::at_once(own, &heard.asked()) {
        AtOnce::Reply(reply) => {
            own.shared.tally.came(reply.came());
            First::Answer(heard.replied(&reply))
        }
        AtOnce::Ask(ruling) => First::Ask(Box::new((heard, ruling))),
    }
}

/// Is it one of the school's, or a stranger?
fn is_served(own: &Resolver, who: IpAddr) -> bool {
    let who = who.to_canonical();
    own.shared.config.allow.iter().any(|network| network.contains(&who))
}

/// The answer of others.
async fn further(own: &Resolver, heard: Heard, ruling: super::Ruling) -> Vec<u8> {
    let reply = resolve::further(own, &heard.asked(), ruling).await;
    own.shared.tally.came(reply.came());
    heard.replied(&reply)
}

/// Of bytes that are no message only the header is answered, and nobody who answers himself.
fn unreadable(bytes: &[u8]) -> First {
    let Ok(header) = Header::from_bytes(bytes) else { return First::Silence };
    if is_answer(&header.metadata) {
        return First::Silence;
    }
    let mut asked = Message::query();
    asked.metadata = header.metadata;
    let answer = wire::answer_to(&asked, ResponseCode::FormErr);
    First::Answer(wire::write(&answer, MIN_UDP_BYTES))
}

fn is_answer(metadata: &Metadata) -> bool {
    metadata.message_type == MessageType::Response
}

impl Heard {
    fn asked(&self) -> Asked<'_> {
        Asked {
            question: &self.question,
            signatures: wire::wants_signatures(&self.message),
            no_checking: self.message.metadata.checking_disabled,
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
    fn kept(&self, kept: &Encoded, left: u32) -> Vec<u8> {
        let Some(bytes) = kept.renewed(&self.message, left, self.edns(None).as_ref()) else {
            return self.said(&Answer::nothing(ResponseCode::ServFail, vec![], 0), None);
        };
        if bytes.len() > self.most { self.cut() } else { bytes }
    }

    fn said(&self, answer: &Answer, reason: Option<Ede>) -> Vec<u8> {
        let mut message = answer.message(&self.message);
        message.edns = self.edns(reason.as_ref());
        // In the letters of who asks, as from anybody else (0x20).
        rename(&mut message.answers, &self.question.name);
        wire::write(&message, self.most)
    }

    /// No answer but that it is to be asked for by TCP.
    fn cut(&self) -> Vec<u8> {
        let mut message = wire::answer_to(&self.message, ResponseCode::NoError);
        message.metadata.truncation = true;
        message.edns = self.edns(None);
        wire::write(&message, self.most)
    }

    /// RFC 6891 §6.1.1: only for who sends one.
    fn edns(&self, reason: Option<&Ede>) -> Option<Edns> {
        let asked = self.message.edns.as_ref()?;
        Some(wire::edns(asked.flags().dnssec_ok, None, reason))
    }
}

#[cfg(test)]
mod tests;
