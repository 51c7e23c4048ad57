//! What devices send, and what they get.

use hickory_proto::rr::{DNSClass, RecordType};

use super::*;
use crate::{
    config,
    dns::{
        Judge, Parts,
        testing::{BOX, Peer, asked_name, bytes, name, question, record, reply, resolver},
        wire::{address, ask, edns, reason},
    },
    net::link::Link,
};

fn peer(text: &str) -> SocketAddr {
    SocketAddr::new(text.parse().unwrap(), 5353)
}

fn asked(text: &str, kind: RecordType, edns: Option<Edns>) -> Message {
    let mut message = ask(7, question(text, kind), false);
    message.edns = edns;
    message
}

/// What comes back at once.
fn said(own: &Resolver, from: &str, sent: &[u8]) -> Option<Message> {
    match first(own, sent, peer(from), BOX, Way::Udp) {
        First::Silence => None,
        First::Answer(answer) => Some(wire::read(&answer).unwrap()),
        First::Ask(_) => panic!("others would be asked"),
    }
}

fn alone() -> Resolver {
    resolver(&[], Judge::lenient())
}

#[test]
fn strangers_are_refused_and_devices_of_the_school_are_not() {
    let own = alone();
    let sent = bytes(&asked("preau", RecordType::A, Some(edns(false, None, None))));
    for from in ["10.1.2.3", "192.168.4.5", "fd00::7", "::ffff:10.1.2.3"] {
        let answer = said(&own, from, &sent).unwrap();
        assert_eq!(address(&answer.answers[0]), Some(BOX), "{from}");
    }
    for from in ["9.9.9.9", "2001:4860::1"] {
        let answer = said(&own, from, &sent).unwrap();
        assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
        assert_eq!(answer.answers, []);
        assert_eq!(reason(&answer).unwrap().code, Ede::PROHIBITED);
    }
}

#[test]
fn answers_are_in_the_letters_of_the_question_and_edns_only_for_who_knows_it() {
    let own = alone();
    let answer = said(&own, "10.1.2.3", &bytes(&asked("PrEaU", RecordType::A, None))).unwrap();
    assert_eq!(asked_name(&answer), "PrEaU.");
    assert_eq!(answer.answers[0].name.to_string(), "PrEaU.");
    let (metadata, edns) = (answer.metadata, answer.edns);
    assert_eq!((metadata.id, edns), (7, None));
    assert!(metadata.message_type == MessageType::Response && metadata.recursion_desired);
}

#[test]
fn what_is_no_question_is_answered_shortly_or_not_at_all() {
    let own = alone();
    let raw = |bytes: &[u8]| match first(&own, bytes, peer("10.1.2.3"), BOX, Way::Udp) {
        First::Silence => None,
        First::Answer(answer) => Some(answer),
        First::Ask(_) => panic!("others would be asked"),
    };
    assert_eq!(raw(b""), None);
    assert_eq!(raw(&[0; 11]), None);
    // Never an answer to an answer: two resolvers would go on for ever.
    let mut answer = asked("preau", RecordType::A, None);
    answer.metadata.message_type = MessageType::Response;
    assert_eq!(raw(&bytes(&answer)), None);
    assert_eq!(raw(&bytes(&answer)[..14]), None);
    let broken = raw(&bytes(&asked("preau", RecordType::A, None))[..14]).unwrap();
    assert_eq!((broken.len(), broken[3] & 0xf), (12, 1));
    let code = |change: &dyn Fn(&mut Message)| {
        let mut message = asked("www.example", RecordType::A, Some(edns(false, None, None)));
        change(&mut message);
        u16::from(said(&own, "10.1.2.3", &bytes(&message)).unwrap().metadata.response_code)
    };
    assert_eq!(code(&|message| message.metadata.op_code = OpCode::Notify), 4);
    assert_eq!(code(&|message| message.queries[0].query_type = RecordType::AXFR), 4);
    assert_eq!(code(&|message| message.queries[0].query_class = DNSClass::CH), 5);
    let future = |message: &mut Message| {
        message.edns.as_mut().unwrap().set_version(1);
    };
    assert_eq!(code(&future), 16);
    let any = said(&own, "10.1.2.3", &bytes(&asked("www.example", RecordType::ANY, None))).unwrap();
    assert_eq!(any.answers[0].record_type(), RecordType::HINFO);
}

#[test]
fn a_device_that_asks_too_much_is_sent_to_tcp_or_not_answered() {
    let config = config::Dns { per_device: 10, ..config::Dns::default() };
    let own = Resolver::new(Parts {
        config,
        name: None,
        judge: Judge::lenient(),
        tls: None,
        link: Link::default(),
        anchors: None,
    });
    let sent = bytes(&asked("preau", RecordType::A, None));
    let answers: Vec<_> = (0..100).filter_map(|_| said(&own, "10.1.2.3", &sent)).collect();
    let full = answers.iter().filter(|answer| !answer.answers.is_empty()).count();
    let cut = answers.iter().filter(|answer| answer.metadata.truncation).count();
    // A bucket that fills while the test runs gives one or two more.
    assert!((10..15).contains(&full) && (40..50).contains(&cut), "{full} {cut}");
    assert!(said(&own, "10.1.2.4", &sent).is_some_and(|answer| !answer.metadata.truncation));
}

#[tokio::test]
async fn an_answer_by_udp_is_as_large_as_its_asker_takes_and_no_larger_than_passes() {
    let upstream = Peer::start(|asked, _| {
        let owner = asked_name(asked);
        let each = |n: u8| record(&owner, RecordType::A, &[9, 9, 9, n], 300);
        vec![bytes(&reply(asked, (0..60).map(each).collect()))]
    })
    .await;
    let own = resolver(&[upstream.address], Judge::lenient());
    for (edns, whole) in [(None, false), (Some(700), false), (Some(1232), true), (Some(4096), true)]
    {
        let edns = edns.map(|size| {
            let mut edns = wire::edns(false, None, None);
            edns.set_max_payload(size);
            edns
        });
        let sent = bytes(&asked("many.example", RecordType::A, edns));
        let answer = match first(&own, &sent, peer("10.1.2.3"), BOX, Way::Udp) {
            First::Silence => panic!("no answer"),
            First::Answer(answer) => answer,
            First::Ask(ask) => further(&own, ask.0, ask.1).await,
        };
        assert!(answer.len() <= 1232);
        let answer = wire::read(&answer).unwrap();
        assert_eq!((answer.metadata.truncation, answer.answers.len() == 60), (!whole, whole));
    }
}

#[tokio::test]
async fn kept_answers_come_with_the_asker_s_id_letters_and_edns() {
    let upstream = Peer::usual().await;
    let own = resolver(&[upstream.address], Judge::lenient());
    own.addresses("www.example").await.unwrap();
    let mut message = asked("WwW.eXample", RecordType::A, Some(edns(false, None, None)));
    message.metadata.id = 999;
    let answer = said(&own, "10.1.2.3", &bytes(&message)).unwrap();
    assert_eq!(answer.metadata.id, 999);
    assert!(answer.queries[0].name.eq_case(&name("WwW.eXample")));
    assert!(answer.answers[0].name.eq_case(&name("WwW.eXample")));
    assert!((299..=300).contains(&answer.answers[0].ttl));
    assert!(answer.edns.is_some());
}
