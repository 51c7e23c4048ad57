//! Whoever the resolvers ask: it knows an answer to everything, and counts how often it was asked.
//! As light as it can be, since it shares the machine with those who are measured.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use anyhow::Result;

/// Bytes of the longest question that is looked at.
const MAX_QUESTION_BYTES: usize = 512;
const HEADER_BYTES: usize = 12;
/// QR, RD, RA (RFC 1035 §4.1.1).
const FLAGS: [u8; 2] = [0x81, 0x80];
/// Types A and CNAME, class IN.
const A: [u8; 2] = [0, 1];
const CNAME: [u8; 2] = [0, 5];
const IN: [u8; 2] = [0, 1];
/// A day: nothing grows old while it is measured.
const TTL: [u8; 4] = 86_400_u32.to_be_bytes();
/// One name in so many is an alias, as most of those behind a content network are.
pub const ALIASED: u32 = 4;
/// What aliases lead to, below the domain of the name itself.
const EDGE: &[u8] = b"\x04edge";
/// A pointer to the name asked for (RFC 1035 §4.1.4).
const TO_QUESTION: [u8; 2] = [0xc0, 12];

/// It answers until the process ends.
pub struct Forwarder {
    /// Where it is asked.
    pub address: SocketAddr,
    asked: Arc<AtomicU64>,
}

impl Forwarder {
    /// One with so many threads.
    pub fn start(threads: usize) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
        let (address, asked) = (socket.local_addr()?, Arc::new(AtomicU64::new(0)));
        for _ in 0..threads {
            let (socket, asked) = (socket.try_clone()?, asked.clone());
            thread::spawn(move || {
                let (mut question, mut answer) = ([0; MAX_QUESTION_BYTES], Vec::new());
                while let Ok((length, from)) = socket.recv_from(&mut question) {
                    asked.fetch_add(1, Relaxed);
                    if say(&question[..length], &mut answer).is_some() {
                        let _ = socket.send_to(&answer, from);
                    }
                }
            });
        }
        Ok(Self { address, asked })
    }

    /// How often it was asked so far.
    pub fn asked(&self) -> u64 {
        self.asked.load(Relaxed)
    }
}

/// Writes the answer to a question: an address, or an alias and an address; of other types than A,
/// that there is nothing.
fn say(question: &[u8], answer: &mut Vec<u8>) -> Option<()> {
    let mut end = HEADER_BYTES;
    while *question.get(end)? > 0 {
        end += 1 + usize::from(question[end]);
    }
    let kind = question.get(end + 1..end + 3)?;
    let asked = question.get(HEADER_BYTES..end + 5)?;
    // Whether it is an alias hangs on its letters alone, whatever their case (0x20).
    let hash = asked.iter().fold(7_u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte.to_ascii_lowercase()))
    });
    // What aliases lead to is none.
    let is_edge = asked.get(..EDGE.len())?.eq_ignore_ascii_case(EDGE);
    let (is_a, is_alias) = (kind == A, hash.is_multiple_of(ALIASED) && !is_edge);
    let answers = if is_a { 1 + u8::from(is_alias) } else { 0 };
    answer.clear();
    answer.extend_from_slice(question.get(..2)?);
    answer.extend_from_slice(&FLAGS);
    answer.extend_from_slice(&[0, 1, 0, answers, 0, 0, 0, 0]);
    answer.extend_from_slice(asked);
    if !is_a {
        return Some(());
    }
    let mut owner = TO_QUESTION;
    if is_alias {
        // "edge" before what follows the first label of the name asked for.
        let parent = HEADER_BYTES + 1 + usize::from(*question.get(HEADER_BYTES)?);
        let parent = [0xc0, u8::try_from(parent).ok()?];
        answer.extend_from_slice(&[&owner[..], &CNAME, &IN, &TTL].concat());
        answer.extend_from_slice(&[0, 7]);
        let at = u16::try_from(answer.len()).ok()?;
        answer.extend_from_slice(EDGE);
        answer.extend_from_slice(&parent);
        owner = (0xc000 | at).to_be_bytes();
    }
    answer.extend_from_slice(&[&owner[..], &A, &IN, &TTL, &[0, 4]].concat());
    // One name has one address, whoever is an alias of it.
    let [.., third, fourth] = if is_alias { [9; 4] } else { hash.to_be_bytes() };
    answer.extend_from_slice(&[9, 9, third, fourth]);
    Some(())
}
