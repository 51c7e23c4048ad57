//! Records for tests, and a resolver that answers as it is told.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UdpSocket},
};

use super::{
    Asked, Judge, Parts, Reply, Resolver,
    answer::Answer,
    wire::{CLASS_IN, Kind, MAX_MESSAGE_BYTES, Message, Name, Question, Rcode, Record},
};
use crate::{config, net::link::Link};

/// Where the devices of tests are.
pub const DEVICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));
/// Where the box is.
pub const BOX: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 1));

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn question(text: &str, kind: Kind) -> Question {
    Question { name: name(text), kind, class: CLASS_IN }
}

pub fn record(owner: &str, kind: Kind, data: &[u8], ttl: u32) -> Record {
    Record { owner: name(owner), kind, class: CLASS_IN, ttl, data: data.into() }
}

pub fn alias(owner: &str, to: &str) -> Record {
    record(owner, Kind::CNAME, name(to).as_wire(), 300)
}

pub fn soa(zone: &str, ttl: u32, minimum: u32) -> Record {
    let names = [name("ns.example").as_wire(), name("root.example").as_wire()].concat();
    let data = [&names[..], &[0; 16], &minimum.to_be_bytes()].concat();
    record(zone, Kind::SOA, &data, ttl)
}

/// An answer of these records.
pub fn reply(asked: &Message, answers: Vec<Record>) -> Message {
    let mut reply = Message::answer_to(asked, Rcode::NO_ERROR);
    reply.answers = answers;
    reply
}

/// The usual answer: one public address.
pub fn usual(asked: &Message) -> Message {
    let owner = asked.question.name.to_string();
    reply(asked, vec![record(&owner, Kind::A, &[9, 9, 9, 9], 300)])
}

pub fn bytes(message: &Message) -> Vec<u8> {
    message.write(MAX_MESSAGE_BYTES)
}

/// A resolver on loopback.
pub struct Peer {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<(bool, Message)>>>,
}

impl Peer {
    /// That answers a question, come by UDP or not, with these messages.
    pub async fn start(
        answer: impl Fn(&Message, bool) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            // Another's, now and then.
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (tcp, udp);
            }
        };
        let address = tcp.local_addr().unwrap();
        let (answer, heard) = (Arc::new(answer), Arc::new(Mutex::new(Vec::new())));
        let (own, noted) = (answer.clone(), heard.clone());
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
                let asked = Message::read(&buffer[..length]).unwrap();
                noted.lock().unwrap().push((true, asked.clone()));
                for reply in own(&asked, true) {
                    udp.send_to(&reply, from).await.unwrap();
                }
            }
        });
        let noted = heard.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = tcp.accept().await.unwrap();
                let length = stream.read_u16().await.unwrap();
                let mut asked = vec![0; length.into()];
                stream.read_exact(&mut asked).await.unwrap();
                let asked = Message::read(&asked).unwrap();
                noted.lock().unwrap().push((false, asked.clone()));
                for reply in answer(&asked, false) {
                    stream.write_u16(reply.len().try_into().unwrap()).await.unwrap();
                    stream.write_all(&reply).await.unwrap();
                }
            }
        });
        Self { address, heard }
    }

    /// One that answers as usual.
    pub async fn usual() -> Self {
        Self::start(|asked, _| vec![bytes(&usual(asked))]).await
    }

    /// What it was asked, and whether by UDP.
    pub fn heard(&self) -> Vec<(bool, Message)> {
        self.heard.lock().unwrap().clone()
    }

    /// How often it was asked.
    pub fn count(&self) -> usize {
        self.heard().len()
    }
}

/// A resolver of the box that asks these.
pub fn resolver(peers: &[SocketAddr], judge: Judge) -> Resolver {
    behind(Link::default(), peers, judge)
}

/// The same behind this link.
pub fn behind(link: Link, peers: &[SocketAddr], judge: Judge) -> Resolver {
    let place = |address: &SocketAddr| config::Nameserver { address: *address, name: None };
    let resolvers = peers.iter().map(place).collect();
    let config = config::Dns { resolvers, ..config::Dns::default() };
    Resolver::new(Parts { config, name: None, judge, tls: None, link })
}

/// What a device is told.
pub async fn told(resolver: &Resolver, text: &str, kind: Kind) -> (Answer, Option<u16>) {
    let question = question(text, kind);
    let asked = Asked {
        question: &question,
        signatures: false,
        no_checking: false,
        who: DEVICE,
        near: BOX,
    };
    match resolver.lookup(&asked).await {
        Reply::Made(answer, reason) => (*answer, reason.map(|reason| reason.code)),
        Reply::Kept(kept, left) => (Answer::of_kept(Message::read(&kept).unwrap(), left), None),
    }
}
