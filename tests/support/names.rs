//! A resolver on loopback that knows a few names, for a box to ask: by UDP, TCP, and under TLS.

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    sync::{Arc, Mutex},
    thread,
};

use preau::dns::wire::{CLASS_IN, Kind, MAX_MESSAGE_BYTES, Message, Name, Rcode, Record};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What it knows.
pub type Zone = &'static [(&'static str, &'static [&'static str])];

/// The resolver; its threads end with the test.
#[derive(Debug, Clone)]
pub struct Names {
    /// Where it is asked by UDP and TCP.
    pub address: SocketAddr,
    zone: Zone,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Names {
    /// That knows these names and addresses; of all others, that there are none. A name's "address"
    /// that is none is what it is an alias of.
    pub fn start(zone: Zone) -> Self {
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()) {
                break (tcp, udp);
            }
        };
        let own = Self { address: tcp.local_addr().unwrap(), zone, heard: Arc::default() };
        let by_udp = own.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                let asked = Message::read(&buffer[..length]).unwrap();
                let most = asked.edns.as_ref().map_or(512, |edns| edns.size.into());
                let _ = udp.send_to(&by_udp.answer(&asked, "udp").write(most), from);
            }
        });
        let by_tcp = own.clone();
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                by_tcp.converse(stream, "tcp");
            }
        });
        own
    }

    /// The same under TLS, at an address of its own.
    pub fn under_tls(&self, config: Arc<ServerConfig>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, own) = (listener.local_addr().unwrap(), self.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(config.clone()).unwrap();
                own.converse(StreamOwned::new(connection, stream), "tls");
            }
        });
        address
    }

    /// What it was asked, and how: `udp www.example. A`.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn converse(&self, mut stream: impl Read + Write, way: &str) {
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut asked = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut asked).unwrap();
            let answer = self.answer(&Message::read(&asked).unwrap(), way).write(MAX_MESSAGE_BYTES);
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length, &answer[..]].concat()).unwrap();
            stream.flush().unwrap();
        }
    }

    fn answer(&self, asked: &Message, way: &str) -> Message {
        let kind = asked.question.kind;
        let name = asked.question.name.lower();
        self.heard.lock().unwrap().push(format!("{way} {name} {kind}"));
        let mut answer = Message::answer_to(asked, Rcode::NO_ERROR);
        let mut owner = asked.question.name.clone();
        while let Some(known) = self.known(&owner) {
            let alias = known.iter().find(|text| text.parse::<IpAddr>().is_err());
            let Some(alias) = alias else {
                let all = known.iter().map(|text| text.parse::<IpAddr>().unwrap());
                let records = all.map(|address| record(&owner, address));
                answer.answers.extend(records.filter(|record| record.kind == kind));
                return answer;
            };
            let to = Name::parse(alias).unwrap();
            answer.answers.push(Record {
                owner: owner.clone(),
                kind: Kind::CNAME,
                class: CLASS_IN,
                ttl: 300,
                data: to.as_wire().into(),
            });
            owner = to;
        }
        answer.rcode = Rcode::NX_DOMAIN;
        answer
    }

    fn known(&self, name: &Name) -> Option<&'static [&'static str]> {
        let is = |text: &str| Name::parse(text).is_some_and(|own| own.is(name));
        self.zone.iter().find(|(own, _)| is(own)).map(|(_, known)| *known)
    }
}

fn record(owner: &Name, address: IpAddr) -> Record {
    let (kind, data): (_, Box<[u8]>) = match address {
        IpAddr::V4(v4) => (Kind::A, v4.octets().into()),
        IpAddr::V6(v6) => (Kind::AAAA, v6.octets().into()),
    };
    Record { owner: owner.clone(), kind, class: CLASS_IN, ttl: 300, data }
}
