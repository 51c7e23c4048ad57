//! A resolver on loopback that knows a few names, for a box to ask: by UDP, TCP, and under TLS.

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    sync::{Arc, Mutex},
    thread,
};

use hickory_proto::{
    op::{Message, Metadata, ResponseCode},
    rr::{Name, RData, Record, rdata::CNAME},
};
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
        Self::on(tcp, udp, zone)
    }

    /// The same at this address, of the host of the calling thread.
    pub fn at(address: SocketAddr, zone: Zone) -> Self {
        Self::on(TcpListener::bind(address).unwrap(), UdpSocket::bind(address).unwrap(), zone)
    }

    fn on(tcp: TcpListener, udp: UdpSocket, zone: Zone) -> Self {
        let own = Self { address: tcp.local_addr().unwrap(), zone, heard: Arc::default() };
        let by_udp = own.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                let asked = Message::from_vec(&buffer[..length]).unwrap();
                let answer = by_udp.answer(&asked, "udp");
                let mut bytes = answer.to_vec().unwrap();
                if bytes.len() > asked.max_payload().into() {
                    bytes = answer.truncate().to_vec().unwrap();
                }
                let _ = udp.send_to(&bytes, from);
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
            let asked = Message::from_vec(&asked).unwrap();
            let answer = self.answer(&asked, way).to_vec().unwrap();
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length, &answer[..]].concat()).unwrap();
            stream.flush().unwrap();
        }
    }

    fn answer(&self, asked: &Message, way: &str) -> Message {
        let question = &asked.queries[0];
        let (name, kind) = (question.name.to_lowercase(), question.query_type);
        self.heard.lock().unwrap().push(format!("{way} {name} {kind}"));
        let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
        answer.metadata = Metadata::response_from_request(&asked.metadata);
        answer.metadata.recursion_available = true;
        answer.add_query(question.clone());
        let mut owner = question.name.clone();
        while let Some(known) = self.known(&owner) {
            let alias = known.iter().find(|text| text.parse::<IpAddr>().is_err());
            let Some(alias) = alias else {
                let all = known.iter().map(|text| text.parse::<IpAddr>().unwrap());
                let records = all.map(|address| record(&owner, address));
                answer.answers.extend(records.filter(|record| record.record_type() == kind));
                return answer;
            };
            let to = name_of(alias);
            answer.add_answer(Record::from_rdata(owner, 300, RData::CNAME(CNAME(to.clone()))));
            owner = to;
        }
        answer.metadata.response_code = ResponseCode::NXDomain;
        answer
    }

    fn known(&self, name: &Name) -> Option<&'static [&'static str]> {
        self.zone.iter().find(|(own, _)| name_of(own) == *name).map(|(_, known)| *known)
    }
}

fn record(owner: &Name, address: IpAddr) -> Record {
    let data = match address {
        IpAddr::V4(v4) => RData::A(v4.into()),
        IpAddr::V6(v6) => RData::AAAA(v6.into()),
    };
    Record::from_rdata(owner.clone(), 300, data)
}

fn name_of(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}
