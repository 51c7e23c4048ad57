//! The quick way and the long way say the same, and the quick way says nothing of what is not its own.

use std::sync::Arc;

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::RecordType,
};

use super::*;
use crate::{
    config,
    dns::{
        Judge, Parts, Ruling,
        cache::Found,
        serve::{First, Way, first},
        testing::{
            BOX, DEVICE, Peer, alias, asked_name, bytes, question, record, reply, told, wire_name,
        },
        wire::Ede,
    },
    net::link::Link,
};

/// Refuses `game.example` and all below it; a search engine has a safe host.
fn judge() -> Judge {
    Judge::new(|_, host, _| {
        let text = host.to_string();
        let is_denied = text == "game.example" || text.ends_with(".game.example");
        let denial = Denial { rule: Some("jeux".into()), category: Some("games".into()) };
        let safe = Host::parse("safe.example").unwrap();
        Ruling {
            denied: is_denied.then_some(denial),
            instead: (text == "search.example").then(|| Arc::new(safe)),
            filtered: true,
            ..Ruling::default()
        }
    })
}

/// By their first label: an alias, a hidden game, a service, many addresses, or one.
async fn upstream() -> Peer {
    Peer::start(|asked, _| {
        let owner = asked_name(asked);
        let one = |n: u8| record(&owner, RecordType::A, &[9, 9, 9, n], 300);
        let records = match owner.to_ascii_lowercase().split('.').next() {
            Some("alias") => vec![
                alias(&owner, "a.edge.example"),
                alias("a.edge.example", "b.edge.example"),
                record("b.edge.example", RecordType::A, &[9, 9, 9, 9], 300),
            ],
            Some("hidden") => vec![alias(&owner, "cache.game.example")],
            Some("service") => {
                let data = [&[0, 1][..], &wire_name("other.example")].concat();
                vec![record(&owner, RecordType::HTTPS, &data, 300)]
            }
            Some("many") => (0..60).map(one).collect(),
            Some("none") => vec![],
            _ => vec![one(1)],
        };
        vec![bytes(&reply(asked, records))]
    })
    .await
}

fn resolver(peer: &Peer, refusal: Refusal) -> Resolver {
    let resolvers = vec![config::Nameserver { address: peer.address, name: None }];
    let config = config::Dns { resolvers, refusal, per_device: 0, ..config::Dns::default() };
    Resolver::new(Parts {
        config,
        name: None,
        judge: judge(),
        tls: None,
        link: Link::default(),
        anchors: None,
    })
}

fn sent(text: &str, kind: RecordType, change: impl Fn(&mut Message)) -> Vec<u8> {
    let mut message = wire::ask(0xabcd, question(text, kind), false);
    change(&mut message);
    bytes(&message)
}

fn quickly(own: &Resolver, sent: &[u8]) -> Option<Vec<u8>> {
    // What was in it before is not in the answer.
    let mut room = Room { answer: b"before".to_vec(), ..Room::default() };
    (answer(own, sent, DEVICE, &mut room) == Quick::Answered).then_some(room.answer)
}

fn at_length(own: &Resolver, sent: &[u8]) -> Vec<u8> {
    match first(own, sent, (DEVICE, 5353).into(), BOX, Way::Udp) {
        First::Answer(answer) => answer,
        First::Silence | First::Ask(_) => panic!("it is known"),
    }
}

/// A message but for its TTLs, of which a second may have passed.
fn but_for_ttls(bytes: &[u8]) -> (Message, Vec<u32>) {
    let mut message = wire::read(bytes).unwrap();
    let sections = message.answers.iter_mut().chain(&mut message.authorities);
    let ttls = sections.map(|record| std::mem::take(&mut record.ttl)).collect();
    (message, ttls)
}

type Change = fn(&mut Message);

/// What differs between two that ask the same.
const CHANGES: [Change; 6] = [
    |_| (),
    |asked| asked.metadata.recursion_desired = false,
    |asked| asked.metadata.authentic_data = true,
    |asked| asked.edns = Some(wire::edns(false, None, None)),
    |asked| asked.edns = Some(wire::edns(false, Some(vec![7; 8]), None)),
    |asked| {
        let mut edns = wire::edns(false, None, None);
        edns.set_max_payload(4096);
        asked.edns = Some(edns);
    },
];

#[tokio::test]
async fn what_is_said_quickly_is_what_is_said_at_length() {
    let peer = upstream().await;
    for refusal in [Refusal::Nxdomain, Refusal::Nodata] {
        let own = resolver(&peer, refusal);
        for (text, code) in [
            ("www.example", ResponseCode::NoError),
            ("WwW.eXample", ResponseCode::NoError),
            ("Alias.example", ResponseCode::NoError),
            ("none.example", ResponseCode::NoError),
            ("Game.example", ResponseCode::NXDomain),
            ("www.gAme.example", ResponseCode::NXDomain),
            ("hidden.example", ResponseCode::NXDomain),
        ] {
            told(&own, text, RecordType::A).await;
            for (number, change) in CHANGES.into_iter().enumerate() {
                let sent = sent(text, RecordType::A, change);
                let quick = quickly(&own, &sent).unwrap_or_else(|| panic!("{text} {number}"));
                let (quick, quick_ttls) = but_for_ttls(&quick);
                let (long, long_ttls) = but_for_ttls(&at_length(&own, &sent));
                assert_eq!(quick, long, "{text} {number}");
                let close = quick_ttls.iter().zip(&long_ttls).all(|(a, b)| a.abs_diff(*b) <= 1);
                assert!(close, "{quick_ttls:?} {long_ttls:?}");
                let code = if refusal == Refusal::Nodata { ResponseCode::NoError } else { code };
                assert_eq!(quick.metadata.response_code, code);
                let says_why = wire::reason(&quick).map(|reason| reason.code);
                let is_refused = quick.answers.is_empty() && !text.starts_with("none");
                let has_edns = quick.edns.is_some();
                assert_eq!(says_why, (is_refused && has_edns).then_some(Ede::BLOCKED));
            }
        }
    }
}

#[tokio::test]
async fn what_takes_more_than_a_look_is_left_to_the_long_way() {
    let peer = upstream().await;
    let own = resolver(&peer, Refusal::Nxdomain);
    for text in ["many.example", "search.example", "www.example"] {
        told(&own, text, RecordType::A).await;
    }
    told(&own, "service.example", RecordType::HTTPS).await;
    let asked = |text: &str, kind| quickly(&own, &sent(text, kind, |_| ()));
    assert!(asked("www.example", RecordType::A).is_some());
    for text in [
        // Too long for a datagram; a safe host; nobody knows it yet.
        "many.example",
        "search.example",
        "new.example",
        // The box's own, and those that systems ask for.
        "preau",
        "mask.icloud.com",
        "wpad.example",
        "3.2.1.10.in-addr.arpa",
    ] {
        assert!(asked(text, RecordType::A).is_none(), "{text}");
    }
    assert!(asked("service.example", RecordType::HTTPS).is_none());
    let page = resolver(&peer, Refusal::Page);
    assert!(quickly(&page, &sent("game.example", RecordType::A, |_| ())).is_none());
    let stranger = [9, 9, 9, 9].into();
    let known = sent("www.example", RecordType::A, |_| ());
    assert_eq!(answer(&own, &known, stranger, &mut Room::default()), Quick::Not);
}

#[tokio::test]
async fn what_is_asked_for_often_is_asked_for_anew_before_its_end() {
    let peer = upstream().await;
    let own = resolver(&peer, Refusal::Nxdomain);
    told(&own, "www.example", RecordType::A).await;
    let kept = own.shared.cache().find(
        Key::new(&question("www.example", RecordType::A), false, false).as_ref(),
        Instant::now(),
    );
    let Found::Fresh { kept, .. } = kept else { panic!("it is known") };
    // The same, with a tenth of its time left.
    let since = Instant::now().checked_sub(std::time::Duration::from_secs(295)).unwrap();
    let key = Key::new(&question("www.example", RecordType::A), false, false);
    own.shared.cache().keep(&key, &kept, 300, since);
    let known = sent("www.example", RecordType::A, |_| ());
    for _ in 0..5 {
        assert!(quickly(&own, &known).is_some());
    }
    while peer.count() < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_question_is_counted_by_what_came_of_it_whichever_way_it_went() {
    let peer = upstream().await;
    let own = resolver(&peer, Refusal::Nxdomain);
    for text in ["www.example", "hidden.example"] {
        told(&own, text, RecordType::A).await;
    }
    let before = own.counts();
    let mut ways = Vec::new();
    for at_length_too in [false, true] {
        let start = own.counts();
        for text in ["www.example", "game.example", "hidden.example"] {
            let sent = sent(text, RecordType::A, |_| ());
            let said =
                if at_length_too { Some(at_length(&own, &sent)) } else { quickly(&own, &sent) };
            assert!(said.is_some(), "{text}");
        }
        let now = own.counts();
        ways.push((
            now.served - start.served,
            now.refused - start.refused,
            now.failed - start.failed,
        ));
    }
    assert_eq!(ways, [(1, 2, 0); 2]);
    assert_eq!(before.failed, 0, "and the resolver answers");
}
