//! A controller that lies: a small agent on loopback, with the tables of a Cisco one in memory, that a
//! test bends as it likes.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use async_snmp::{
    DecodeConfig, Oid, ResponsePdu, Value, VarBind, Version,
    message::{CommunityMessage, CommunityPdu},
};
use bytes::Bytes;
use preau::config::Controller;
use tempfile::TempDir;
use tokio::{net::UdpSocket, task::JoinHandle};

/// What is asked of it.
#[derive(Debug)]
pub struct Question {
    /// From 0: requests that came before.
    pub number: u32,
    /// Objects.
    pub oids: Vec<Oid>,
    /// Non-repeaters and repetitions, of a GETBULK.
    pub bulk: Option<(u32, u32)>,
}

impl Question {
    /// Does it ask for something below this?
    pub fn is_below(&self, prefix: &[u32]) -> bool {
        let prefix = Oid::from_slice(prefix);
        self.oids.iter().any(|oid| oid.starts_with(&prefix))
    }
}

/// What it does with a question.
#[derive(Debug)]
pub enum Reaction {
    /// Tells what is so.
    Honest,
    /// Nothing.
    Silence,
    /// Says this.
    Say(Vec<VarBind>),
    /// Sends these bytes.
    Garbage(Vec<u8>),
    /// Tells what is so to another request.
    Mistaken,
}

pub type Bend = Box<dyn FnMut(&Question) -> Reaction + Send>;

/// The agent; ended when dropped.
#[derive(Debug)]
pub struct Agent {
    pub address: SocketAddr,
    /// Its `sysUpTime`, in hundredths of a second.
    pub up_time: Arc<AtomicU32>,
    folder: TempDir,
    task: JoinHandle<()>,
}

/// The column of a Cisco table.
pub const AP_TABLE: [u32; 11] = [1, 3, 6, 1, 4, 1, 14179, 2, 2, 1, 1];
pub const RADIO_TABLE: [u32; 11] = [1, 3, 6, 1, 4, 1, 14179, 2, 2, 2, 1];

pub fn oid(table: &[u32], column: u32, point: u32, more: &[u32]) -> Oid {
    let index = [column, 2, 0, 0, 0, point >> 8, point & 255];
    Oid::new(table.iter().chain(&index).chain(more).copied())
}

/// A sound controller: names, states, radios and their clients.
fn objects(points: u32) -> BTreeMap<Oid, Value> {
    let mut all = BTreeMap::new();
    let text = |text: String| Value::OctetString(text.into_bytes().into());
    let system = |last: u32| Oid::from_slice(&[1, 3, 6, 1, 2, 1, 1, last, 0]);
    all.insert(system(1), text("Cisco Controller".into()));
    all.insert(
        system(2),
        Value::ObjectIdentifier(Oid::from_slice(&[1, 3, 6, 1, 4, 1, 9, 1, 1069])),
    );
    for point in 0..points {
        all.insert(oid(&AP_TABLE, 3, point, &[]), text(format!("ap{point}")));
        all.insert(oid(&AP_TABLE, 6, point, &[]), Value::Integer(1));
        for slot in 0..2 {
            all.insert(oid(&RADIO_TABLE, 4, point, &[slot]), Value::Integer(36));
            all.insert(oid(&RADIO_TABLE, 15, point, &[slot]), Value::Counter32(2));
        }
    }
    all
}

impl Agent {
    /// With so many access points, bent as this says.
    pub async fn start(points: u32, mut bend: Bend) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let up_time = Arc::new(AtomicU32::new(1_000_000));
        let (ticks, objects) = (up_time.clone(), objects(points));
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            let mut number = 0;
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let bytes = Bytes::copy_from_slice(&buffer[..length]);
                let message = CommunityMessage::decode(bytes, DecodeConfig::default()).unwrap();
                let (_, community, pdu) = message.value.into_parts();
                let CommunityPdu::Standard(pdu) = pdu else { continue };
                let question = Question {
                    number,
                    oids: pdu.varbinds().iter().map(|one| one.oid.clone()).collect(),
                    bulk: pdu.get_bulk_fields(),
                };
                number += 1;
                let up_time = ticks.load(Ordering::Relaxed);
                let reaction = bend(&question);
                let mut id = pdu.into_raw_parts().0;
                let bindings = match reaction {
                    Reaction::Silence => continue,
                    Reaction::Garbage(bytes) => {
                        socket.send_to(&bytes, from).await.unwrap();
                        continue;
                    }
                    Reaction::Say(bindings) => bindings,
                    Reaction::Honest => honest(&objects, &question, up_time),
                    Reaction::Mistaken => {
                        id = id.wrapping_add(77);
                        honest(&objects, &question, up_time)
                    }
                };
                let answer = ResponsePdu::success(Version::V2c, id, bindings).unwrap().into_raw();
                let answer = CommunityMessage::v2c(community, answer).unwrap().encode().unwrap();
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        Self { address, up_time, folder: tempfile::tempdir().unwrap(), task }
    }

    /// One that tells what is so.
    pub async fn honest(points: u32) -> Self {
        Self::start(points, Box::new(|_| Reaction::Honest)).await
    }

    /// Settings of this controller, with little patience.
    pub fn controller(&self) -> Controller {
        let timeout = preau::config::Period(std::time::Duration::from_millis(150));
        Controller { timeout, ..super::controller(self.address, &self.secret()) }
    }

    /// The file of its community.
    pub fn secret(&self) -> PathBuf {
        super::secret(self.folder.path(), "community", "public")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn next(objects: &BTreeMap<Oid, Value>, oid: &Oid, up_time: u32) -> VarBind {
    let ticks = Oid::from_slice(&[1, 3, 6, 1, 2, 1, 1, 3, 0]);
    let after = objects.range((std::ops::Bound::Excluded(oid), std::ops::Bound::Unbounded)).next();
    match after {
        _ if *oid < ticks && after.is_none_or(|(next, _)| *next > ticks) => {
            VarBind::new(ticks, Value::TimeTicks(up_time))
        }
        Some((next, value)) => VarBind::new(next.clone(), value.clone()),
        None => VarBind::new(oid.clone(), Value::EndOfMibView),
    }
}

/// What an honest agent says (RFC 3416 §4.2.1, §4.2.3).
pub fn answer(points: u32, question: &Question, up_time: u32) -> Vec<VarBind> {
    honest(&objects(points), question, up_time)
}

fn honest(objects: &BTreeMap<Oid, Value>, question: &Question, up_time: u32) -> Vec<VarBind> {
    let Some((singles, repetitions)) = question.bulk else {
        let ticks = Oid::from_slice(&[1, 3, 6, 1, 2, 1, 1, 3, 0]);
        let get = |oid: &Oid| {
            let known = objects.get(oid).cloned().unwrap_or(Value::NoSuchObject);
            let value = if *oid == ticks { Value::TimeTicks(up_time) } else { known };
            VarBind::new(oid.clone(), value)
        };
        return question.oids.iter().map(get).collect();
    };
    let (once, repeated) = question.oids.split_at(singles as usize);
    let mut said: Vec<VarBind> = once.iter().map(|oid| next(objects, oid, up_time)).collect();
    let mut last = repeated.to_vec();
    for _ in 0..repetitions {
        for last in &mut last {
            let binding = next(objects, last, up_time);
            last.clone_from(&binding.oid);
            said.push(binding);
        }
    }
    said
}
