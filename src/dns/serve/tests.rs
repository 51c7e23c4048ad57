//! What devices send, and what they get.

use super::*;
use crate::{
    config,
    dns::{
        Judge, Parts,
        testing::{BOX, Peer, bytes, name, question, record, reply, resolver},
        wire::{Kind, address},
    },
    net::link::Link,
};

fn peer(text: &str) -> SocketAddr {
    SocketAddr::new(text.parse().unwrap(), 5353)
}

fn asked(text: &str, kind: Kind, edns: Option<Edns>) -> Message {
    let mut message = Message::ask(7, question(text, kind), false, Edns::default());
    message.edns = edns;
    message
}

/// What comes back at once.
fn said(own: &Resolver, from: &str, sent: &[u8]) -> Option<Message> {
    match first(own, sent, peer(from), BOX, Way::Udp) {
        First::Silence => None,
        First::Answer(answer) => Some(Message::read(&answer).unwrap()),
        First::Ask(_) => panic!("others would be asked"),
    }
}

fn alone() -> Resolver {
    resolver(&[], Judge::lenient())
}

#[test]
fn strangers_are_refused_and_devices_of_the_school_are_not() {
    let own = alone();
    let sent = bytes(&asked("preau", Kind::A, Some(Edns::default())));
    for from in ["10.1.2.3", "192.168.4.5", "fd00::7", "::ffff:10.1.2.3"] {
        let answer = said(&own, from, &sent).unwrap();
        assert_eq!(address(&answer.answers[0]), Some(BOX), "{from}");
    }
    for from in ["9.9.9.9", "2001:4860::1"] {
        let answer = said(&own, from, &sent).unwrap();
        assert_eq!((answer.rcode, answer.answers.len()), (Rcode::REFUSED, 0));
        assert_eq!(answer.edns.unwrap().reason.unwrap().code, Ede::PROHIBITED);
    }
}

#[test]
fn answers_are_in_the_letters_of_the_question_and_edns_only_for_who_knows_it() {
    let own = alone();
    let answer = said(&own, "10.1.2.3", &bytes(&asked("PrEaU", Kind::A, None))).unwrap();
    assert_eq!(answer.question.name.to_string(), "PrEaU.");
    assert_eq!(answer.answers[0].owner.to_string(), "PrEaU.");
    assert_eq!((answer.id, answer.edns), (7, None));
    assert!(answer.flags.is_answer() && answer.flags.wants_recursion());
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
    let mut answer = asked("preau", Kind::A, None);
    answer.flags.0 |= 0x8000;
    assert_eq!(raw(&bytes(&answer)), None);
    assert_eq!(raw(&bytes(&answer)[..14]), None);
    let broken = raw(&bytes(&asked("preau", Kind::A, None))[..14]).unwrap();
    assert_eq!((broken.len(), broken[3] & 0xf), (12, 1));
    let code = |change: &dyn Fn(&mut Message)| {
        let mut message = asked("www.example", Kind::A, Some(Edns::default()));
        change(&mut message);
        said(&own, "10.1.2.3", &bytes(&message)).unwrap().rcode
    };
    assert_eq!(code(&|message| message.flags.0 |= 5 << 11), Rcode::NOT_IMP);
    assert_eq!(code(&|message| message.question.kind = Kind(252)), Rcode::NOT_IMP);
    assert_eq!(code(&|message| message.question.class = 3), Rcode::REFUSED);
    let future =
        |message: &mut Message| message.edns = Some(Edns { version: 1, ..Edns::default() });
    assert_eq!(code(&future), Rcode::BAD_VERS);
    let any = said(&own, "10.1.2.3", &bytes(&asked("www.example", Kind::ANY, None))).unwrap();
    assert_eq!(any.answers[0].kind, Kind::HINFO);
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
    });
    let sent = bytes(&asked("preau", Kind::A, None));
    let answers: Vec<_> = (0..100).filter_map(|_| said(&own, "10.1.2.3", &sent)).collect();
    let full = answers.iter().filter(|answer| !answer.answers.is_empty()).count();
    let cut = answers.iter().filter(|answer| answer.flags.is_truncated()).count();
    // A bucket that fills while the test runs gives one or two more.
    assert!((10..15).contains(&full) && (40..50).contains(&cut), "{full} {cut}");
    assert!(said(&own, "10.1.2.4", &sent).is_some_and(|answer| !answer.flags.is_truncated()));
}

#[tokio::test]
async fn an_answer_by_udp_is_as_large_as_its_asker_takes_and_no_larger_than_passes() {
    let upstream = Peer::start(|asked, _| {
        let owner = asked.question.name.to_string();
        let each = |n: u8| record(&owner, Kind::A, &[9, 9, 9, n], 300);
        vec![bytes(&reply(asked, (0..60).map(each).collect()))]
    })
    .await;
    let own = resolver(&[upstream.address], Judge::lenient());
    for (edns, whole) in [(None, false), (Some(700), false), (Some(1232), true), (Some(4096), true)]
    {
        let edns = edns.map(|size| Edns { size, ..Edns::default() });
        let sent = bytes(&asked("many.example", Kind::A, edns));
        let answer = match first(&own, &sent, peer("10.1.2.3"), BOX, Way::Udp) {
            First::Silence => panic!("no answer"),
            First::Answer(answer) => answer,
            First::Ask(ask) => further(&own, ask.0, ask.1).await,
        };
        assert!(answer.len() <= 1232);
        let answer = Message::read(&answer).unwrap();
        assert_eq!((answer.flags.is_truncated(), answer.answers.len() == 60), (!whole, whole));
    }
}

#[tokio::test]
async fn kept_answers_come_with_the_asker_s_id_letters_and_edns() {
    let upstream = Peer::usual().await;
    let own = resolver(&[upstream.address], Judge::lenient());
    own.addresses("www.example").await.unwrap();
    let mut message = asked("WwW.eXample", Kind::A, Some(Edns::default()));
    message.id = 999;
    let answer = said(&own, "10.1.2.3", &bytes(&message)).unwrap();
    assert_eq!((answer.id, &answer.question.name), (999, &name("WwW.eXample")));
    assert_eq!(answer.answers[0].owner, name("WwW.eXample"));
    assert!((299..=300).contains(&answer.answers[0].ttl));
    assert!(answer.edns.is_some());
}
