//! Records for tests, and a resolver that answers as it is told.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use hickory_proto::{
    op::{Message, Query, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{CNAME, SOA},
    },
    serialize::binary::{BinDecoder, BinEncodable as _, Restrict},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UdpSocket},
};

use super::{
    Asked, Judge, Parts, Reply, Resolver,
    answer::Answer,
    wire::{self, MAX_MESSAGE_BYTES},
};
use crate::{config, net::link::Link};

/// Where the devices of tests are.
pub const DEVICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));
/// Where the box is.
pub const BOX: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 1));

pub fn name(text: &str) -> Name {
    wire::name(text).unwrap()
}

/// A name as it travels.
pub fn wire_name(text: &str) -> Vec<u8> {
    name(text).to_bytes().unwrap()
}

pub fn question(text: &str, kind: RecordType) -> Query {
    Query::query(name(text), kind)
}

/// A record of these bytes; addresses are taken apart, as they are where messages are read.
pub fn record(owner: &str, kind: RecordType, data: &[u8], ttl: u32) -> Record {
    let length = Restrict::new(data.len().try_into().unwrap());
    let data = match kind {
        RecordType::A | RecordType::AAAA => {
            RData::read(&mut BinDecoder::new(data), kind, length).unwrap()
        }
        _ => wire::data_of(kind, data.to_vec()),
    };
    Record::from_rdata(name(owner), ttl, data)
}

pub fn alias(owner: &str, to: &str) -> Record {
    Record::from_rdata(name(owner), 300, RData::CNAME(CNAME(name(to))))
}

pub fn soa(zone: &str, ttl: u32, minimum: u32) -> Record {
    let data = SOA::new(name("ns.example"), name("root.example"), 0, 0, 0, 0, minimum);
    Record::from_rdata(name(zone), ttl, RData::SOA(data))
}

/// An answer of these records.
pub fn reply(asked: &Message, answers: Vec<Record>) -> Message {
    let mut reply = wire::answer_to(asked, ResponseCode::NoError);
    reply.answers = answers;
    reply
}

/// The name that is asked for, in its letters.
pub fn asked_name(asked: &Message) -> String {
    asked.queries[0].name.to_ascii()
}

/// The usual answer: one public address.
pub fn usual(asked: &Message) -> Message {
    let owner = asked_name(asked);
    reply(asked, vec![record(&owner, RecordType::A, &[9, 9, 9, 9], 300)])
}

pub fn bytes(message: &Message) -> Vec<u8> {
    wire::write(message, MAX_MESSAGE_BYTES)
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
                let asked = wire::read(&buffer[..length]).unwrap();
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
                let asked = wire::read(&asked).unwrap();
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
    Resolver::new(Parts { config, name: None, judge, tls: None, link, anchors: None })
}

/// What a device is told.
pub async fn told(resolver: &Resolver, text: &str, kind: RecordType) -> (Answer, Option<u16>) {
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
        Reply::Kept(kept, left) => (Answer::of_kept(kept.read().unwrap(), left), None),
    }
}
