//! The resolver against a server that lies, breaks off, floods or dawdles. Each time a device gets the
//! true answer or none, within bounds, and nothing false stays in the cache.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{Record, RecordType},
};
use tokio::net::UdpSocket;

use super::{
    Judge, Resolver,
    testing::{Peer, alias, asked_name, bytes, name, record, reply, resolver, told, usual},
    wire::{self, Ede, address, cookie},
};

/// What all lies lead to.
const EVIL: [u8; 4] = [6, 6, 6, 6];
/// No device waits longer, whatever a server does.
const AT_MOST: Duration = Duration::from_secs(6);

fn shown(answers: &[Record]) -> Vec<String> {
    answers.iter().filter_map(address).map(|address| address.to_string()).collect()
}

/// A lie in the form of an answer.
fn lie(asked: &Message) -> Message {
    reply(asked, vec![record(&asked_name(asked), RecordType::A, &EVIL, 86_400)])
}

fn alone(peer: &Peer) -> Resolver {
    resolver(&[peer.address], Judge::lenient())
}

/// Asks a server that sends lies of this kind before the truth, which alone is told and kept.
async fn the_truth_is_told_in_spite_of(change: fn(&mut Message)) {
    let peer = Peer::start(move |asked, _| {
        let mut lie = lie(asked);
        change(&mut lie);
        vec![bytes(&lie), bytes(&lie), bytes(&usual(asked))]
    })
    .await;
    let own = alone(&peer);
    for _ in 0..2 {
        let (answer, _) = told(&own, "www.bank.example", RecordType::A).await;
        assert_eq!(shown(&answer.answers), ["9.9.9.9"]);
    }
    assert_eq!((peer.count(), own.kept().0), (1, 1));
}

/// Asks a server of which nothing can be had: SERVFAIL in time, nothing kept, and the next who asks
/// asks anew.
async fn nothing_is_told_or_kept(peer: Peer) {
    let own = alone(&peer);
    let begun = Instant::now();
    let (answer, _) = told(&own, "www.bank.example", RecordType::A).await;
    assert_eq!((answer.rcode, shown(&answer.answers)), (ResponseCode::ServFail, vec![]));
    assert!(begun.elapsed() < AT_MOST, "{:?}", begun.elapsed());
    assert_eq!(own.kept().0, 0);
}

#[tokio::test]
async fn another_id() {
    the_truth_is_told_in_spite_of(|lie| lie.metadata.id ^= 0x0101).await;
}

#[tokio::test]
async fn another_question() {
    the_truth_is_told_in_spite_of(|lie| lie.queries[0].name = name("www.bunk.example")).await;
    the_truth_is_told_in_spite_of(|lie| lie.queries[0].query_type = RecordType::AAAA).await;
}

#[tokio::test]
async fn other_letters() {
    the_truth_is_told_in_spite_of(|lie| {
        let text = lie.queries[0].name.to_ascii();
        let swapped = |letter: char| {
            if letter.is_uppercase() {
                letter.to_ascii_lowercase()
            } else {
                letter.to_ascii_uppercase()
            }
        };
        lie.queries[0].name = name(&text.chars().map(swapped).collect::<String>());
    })
    .await;
}

#[tokio::test]
async fn another_cookie() {
    the_truth_is_told_in_spite_of(|lie| {
        lie.edns = Some(wire::edns(false, Some(b"not ours12345678".to_vec()), None));
    })
    .await;
}

#[tokio::test]
async fn a_question_in_the_place_of_an_answer() {
    the_truth_is_told_in_spite_of(|lie| {
        lie.metadata.message_type = hickory_proto::op::MessageType::Query;
    })
    .await;
}

/// A server whose first words come from another port, with all else right.
#[tokio::test]
async fn another_port() {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let own = resolver(&[server.local_addr().unwrap()], Judge::lenient());
    tokio::spawn(async move {
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut buffer = [0; 1500];
        loop {
            let (length, from): (usize, SocketAddr) = server.recv_from(&mut buffer).await.unwrap();
            let asked = wire::read(&buffer[..length]).unwrap();
            other.send_to(&bytes(&lie(&asked)), from).await.unwrap();
            server.send_to(&bytes(&usual(&asked)), from).await.unwrap();
        }
    });
    let (answer, _) = told(&own, "www.bank.example", RecordType::A).await;
    assert_eq!(shown(&answer.answers), ["9.9.9.9"]);
}

/// Cut by UDP, whole by TCP; what stands in the part that was cut is not looked at.
#[tokio::test]
async fn cut_with_lies_in_what_is_left() {
    let peer = Peer::start(|asked, udp| {
        if !udp {
            return vec![bytes(&usual(asked))];
        }
        let mut lie = lie(asked);
        lie.metadata.truncation = true;
        vec![bytes(&lie)]
    })
    .await;
    let (answer, _) = told(&alone(&peer), "www.bank.example", RecordType::A).await;
    assert_eq!(shown(&answer.answers), ["9.9.9.9"]);
    assert_eq!(peer.heard().iter().map(|(udp, _)| *udp).collect::<Vec<_>>(), [true, false]);
}

/// Cut by UDP and by TCP.
#[tokio::test]
async fn cut_for_ever() {
    let peer = Peer::start(|asked, _| {
        let mut lie = lie(asked);
        lie.metadata.truncation = true;
        vec![bytes(&lie)]
    })
    .await;
    nothing_is_told_or_kept(peer).await;
}

/// Datagrams longer than any that was asked for.
#[tokio::test]
async fn huge_datagrams() {
    let peer = Peer::start(|asked, udp| {
        let owner = asked_name(asked);
        let each = |n: u32| record(&owner, RecordType::A, &n.to_be_bytes(), 60);
        let huge = || bytes(&reply(asked, (0..900).map(each).collect()));
        vec![if udp { huge() } else { bytes(&usual(asked)) }]
    })
    .await;
    let (answer, _) = told(&alone(&peer), "www.bank.example", RecordType::A).await;
    assert_eq!(shown(&answer.answers), ["9.9.9.9"]);
}

/// As long as a message can be, in one record that nobody asked for.
#[tokio::test]
async fn the_longest_message() {
    let peer = Peer::start(|asked, udp| {
        let owner = asked_name(asked);
        let text = record(&owner, RecordType::TXT, &vec![b'x'; 65_300], 60);
        let mut whole = usual(asked);
        whole.answers.push(text);
        vec![if udp { wire::write(&whole, 512) } else { bytes(&whole) }]
    })
    .await;
    let own = alone(&peer);
    let (answer, _) = told(&own, "www.bank.example", RecordType::A).await;
    assert_eq!(shown(&answer.answers), ["9.9.9.9"]);
    assert_eq!(own.kept().0, 1);
    // What is kept has no trace of the rest.
    let (again, _) = told(&own, "www.bank.example", RecordType::A).await;
    assert_eq!((again.answers.len(), again.authority.len()), (1, 0));
}

/// More records than any answer has.
#[tokio::test]
async fn thousands_of_records() {
    let peer = Peer::start(|asked, _| {
        let owner = asked_name(asked);
        let each = |n: u32| record(&owner, RecordType::A, &n.to_be_bytes(), 60);
        vec![bytes(&reply(asked, (0..4000).map(each).collect()))]
    })
    .await;
    nothing_is_told_or_kept(peer).await;
}

/// A header that promises 65,535 records of each kind.
#[tokio::test]
async fn counts_without_records() {
    let peer = Peer::start(|asked, _| {
        let mut bytes = bytes(&lie(asked));
        bytes[6..12].fill(0xff);
        vec![bytes]
    })
    .await;
    nothing_is_told_or_kept(peer).await;
}

/// Aliases in a circle, and aliases without end.
#[tokio::test]
async fn aliases_that_never_end() {
    let circle = Peer::start(|asked, _| {
        let records = vec![
            alias("www.bank.example", "a.bank.example"),
            alias("a.bank.example", "www.bank.example"),
        ];
        vec![bytes(&reply(asked, records))]
    })
    .await;
    nothing_is_told_or_kept(circle).await;
    let endless = Peer::start(|asked, _| {
        let link = |n: usize| alias(&format!("n{n}.example"), &format!("n{}.example", n + 1));
        let first = alias("www.bank.example", "n0.example");
        vec![bytes(&reply(asked, [first].into_iter().chain((0..200).map(link)).collect()))]
    })
    .await;
    nothing_is_told_or_kept(endless).await;
}

/// Facts of another's name beside the true answer: of a bank's, for who asks for a game.
#[tokio::test]
async fn facts_of_names_that_nobody_asked_for() {
    let peer = Peer::start(|asked, _| {
        let mut answer = usual(asked);
        let evil = |owner: &str| record(owner, RecordType::A, &EVIL, 86_400);
        answer.answers.push(evil("www.bank.example"));
        answer.authorities = vec![evil("www.bank.example"), alias("bank.example", "evil.example")];
        answer.additionals = vec![evil("www.bank.example")];
        let truth = asked_name(asked).eq_ignore_ascii_case("www.bank.example.");
        vec![bytes(&if truth { usual(asked) } else { answer })]
    })
    .await;
    let own = alone(&peer);
    let (answer, _) = told(&own, "game.example", RecordType::A).await;
    assert_eq!((shown(&answer.answers), answer.authority.len()), (vec!["9.9.9.9".to_owned()], 0));
    assert_eq!(own.kept().0, 1);
    let (answer, _) = told(&own, "www.bank.example", RecordType::A).await;
    assert_eq!(shown(&answer.answers), ["9.9.9.9"]);
    assert_eq!(peer.count(), 2);
}

/// Never a word, by UDP or TCP.
#[tokio::test]
async fn silence() {
    let peer = Peer::start(|_, _| vec![]).await;
    let own = alone(&peer);
    let begun = Instant::now();
    let (answer, reason) = told(&own, "www.bank.example", RecordType::A).await;
    assert_eq!((answer.rcode, reason), (ResponseCode::ServFail, Some(Ede::NETWORK)));
    assert!(begun.elapsed() < AT_MOST, "{:?}", begun.elapsed());
    assert_eq!(own.kept().0, 0);
}

/// A connection on which a message is announced and never comes whole.
#[tokio::test]
async fn a_message_that_never_comes_whole() {
    use tokio::{io::AsyncWriteExt as _, net::TcpListener};

    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(at).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        loop {
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            let mut cut =
                wire::answer_to(&wire::read(&buffer[..length]).unwrap(), ResponseCode::NoError);
            cut.metadata.truncation = true;
            udp.send_to(&bytes(&cut), from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            stream.write_all(&[0xff, 0xff, 0, 7, 0x81]).await.unwrap();
            open.push(stream);
        }
    });
    let own = resolver(&[at], Judge::lenient());
    let begun = Instant::now();
    let (answer, _) = told(&own, "www.bank.example", RecordType::A).await;
    assert_eq!(answer.rcode, ResponseCode::ServFail);
    assert!(begun.elapsed() < AT_MOST, "{:?}", begun.elapsed());
}

/// Bytes that mean nothing, with the right id and without.
#[tokio::test]
async fn garbage() {
    let peer = Peer::start(|asked, _| {
        let id = asked.metadata.id.to_be_bytes();
        let noise = |seed: u8| (0..300_u16).map(|n| (n % 251) as u8 ^ seed).collect::<Vec<u8>>();
        vec![noise(0x5a), [&id[..], &noise(0xa5)].concat(), vec![], id.to_vec()]
    })
    .await;
    nothing_is_told_or_kept(peer).await;
}

/// An old server that takes EDNS for a fault (RFC 6891 §7): with its question or a header alone.
#[tokio::test]
async fn a_server_that_knows_no_edns_is_asked_without() {
    for header_alone in [false, true] {
        let peer = Peer::start(move |asked, _| {
            if asked.edns.is_none() {
                return vec![bytes(&usual(asked))];
            }
            let mut fault = wire::answer_to(asked, ResponseCode::FormErr);
            if header_alone {
                fault.queries.clear();
            }
            vec![bytes(&fault)]
        })
        .await;
        let (answer, _) = told(&alone(&peer), "www.bank.example", RecordType::A).await;
        assert_eq!(shown(&answer.answers), ["9.9.9.9"], "{header_alone}");
        assert_eq!(peer.count(), 2, "{header_alone}");
    }
}

/// Who sent cookies knows EDNS: that somebody says otherwise is a forgery, which would do away with
/// them.
#[tokio::test]
async fn a_server_with_cookies_that_is_said_to_know_no_edns_is_asked_on() {
    let peer = Peer::start(|asked, _| {
        let own = cookie(asked).map(|cookie| cookie[..8].to_vec());
        let Some(own) = own else { return vec![bytes(&lie(asked))] };
        let mut truth = usual(asked);
        truth.edns = Some(wire::edns(false, Some([&own[..], b"the server's"].concat()), None));
        let first = asked_name(asked).to_lowercase() == "first.example.";
        let fault = wire::answer_to(asked, ResponseCode::FormErr);
        if first { vec![bytes(&truth)] } else { vec![bytes(&fault), bytes(&truth)] }
    })
    .await;
    let own = alone(&peer);
    for text in ["first.example", "www.bank.example"] {
        let (answer, _) = told(&own, text, RecordType::A).await;
        assert_eq!(shown(&answer.answers), ["9.9.9.9"], "{text}");
    }
    assert_eq!(peer.count(), 2);
}

/// FORMERR to everything.
#[tokio::test]
async fn a_server_that_finds_fault_with_everything() {
    let peer =
        Peer::start(|asked, _| vec![bytes(&wire::answer_to(asked, ResponseCode::FormErr))]).await;
    nothing_is_told_or_kept(peer).await;
}
