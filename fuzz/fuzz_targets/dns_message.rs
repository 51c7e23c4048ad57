//! A foreign DNS message, as a question of a device and as the answer of a resolver: read or refused,
//! never a panic. What is believed of it is about the question, within bounds, and what is kept is
//! told again as it was.

#![no_main]

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, Record, RecordType, rdata::svcb::SvcParamKey},
};
use libfuzzer_sys::fuzz_target;
use preau::dns::{
    answer::{Answer, Bounds},
    svcb,
    upstream::check::{Came, Sent, came, came_connected},
    wire,
};

const BOUNDS: Bounds = Bounds { floor: 5, ceiling: 86_400 };

fuzz_target!(|data: &[u8]| {
    as_question(data);
    let Ok(message) = wire::read(data) else { return };
    written_again(&message);
    let sent = sent_for(&message);
    match came(data, &sent) {
        Came::Answer(message) => as_answer(*message, &sent),
        Came::Cut => assert!(message.metadata.truncation),
        Came::OtherCookie(cookie) => assert_eq!(cookie.first_chunk(), Some(&sent.cookie)),
        Came::NoEdns => assert!(message.edns.is_none()),
        Came::Foreign => assert!(
            message.metadata.message_type == MessageType::Query
                || message.metadata.op_code != OpCode::Query
        ),
    }
    forgeries_are_foreign(data, &sent);
});

/// A question that the message answers, as it was sent.
fn sent_for(message: &Message) -> Sent {
    let cookie = wire::cookie(message).and_then(|cookie| cookie.first_chunk());
    Sent {
        id: message.metadata.id,
        question: wire::question(message),
        cookie: cookie.copied().unwrap_or_default(),
        knows_cookies: cookie.is_some(),
        edns: true,
    }
}

/// What is read is what is written, and fits where it must.
fn written_again(message: &Message) {
    let whole = wire::write(message, wire::MAX_MESSAGE_BYTES);
    let again = wire::read(&whole).expect("what was written");
    if again.metadata.truncation == message.metadata.truncation {
        assert_eq!(again.answers, message.answers);
        assert_eq!(again.authorities, message.authorities);
        assert_eq!(again.additionals, message.additionals);
    }
    let question = wire::question(message);
    let bare = wire::answer_to(&wire::ask(0, question, false), ResponseCode::NoError);
    let mut short = bare.clone();
    short.answers.clone_from(&message.answers);
    let short = wire::write(&short, wire::MIN_UDP_BYTES);
    assert!(short.len() <= wire::MIN_UDP_BYTES);
    let short = wire::read(&short).expect("what was written");
    assert!(short.metadata.truncation || short.answers == message.answers);
}

fn forgeries_are_foreign(data: &[u8], sent: &Sent) {
    let other_id = Sent { id: sent.id ^ 1, ..sent.clone() };
    assert_eq!(came(data, &other_id), Came::Foreign);
    let mut other_name = sent.clone();
    other_name.question.name = sent.question.name.to_lowercase();
    if !other_name.question.name.eq_case(&sent.question.name) {
        assert_eq!(came(data, &other_name), Came::Foreign);
    }
    let mut other_kind = sent.clone();
    other_kind.question.query_type = match sent.question.query_type {
        RecordType::A => RecordType::AAAA,
        _ => RecordType::A,
    };
    assert_eq!(came(data, &other_kind), Came::Foreign);
    assert!(!matches!(came_connected(data, &other_kind), Ok(Some(_))));
}

/// What is believed of an answer, kept, and told.
fn as_answer(message: Message, sent: &Sent) {
    let asked = &sent.question;
    let came = message.answers.len() + message.authorities.len();
    let Ok(answer) = Answer::read(message, asked, BOUNDS) else { return };
    assert!(answer.answers.len() + answer.authority.len() <= came);
    assert!((BOUNDS.floor.min(answer.ttl)..=BOUNDS.ceiling).contains(&answer.ttl));
    let chain: Vec<_> = std::iter::once(asked.name.clone()).chain(answer.names()).collect();
    for record in &answer.answers {
        assert_eq!((record.dns_class, record.ttl), (DNSClass::IN, answer.ttl));
        let is_in_chain = chain.contains(&record.name);
        let is_above = chain.iter().any(|name| record.name.zone_of(name));
        assert!(is_in_chain || is_above, "{record}");
        services(record);
    }
    let Ok(kept) = answer.encoded(asked) else { return };
    let again = Answer::of_kept(kept.read().expect("what was kept"), answer.ttl);
    assert_eq!(again, answer);
    told(&answer, &kept, asked);
}

/// The answer as another device is told it, that asks in other letters.
fn told(answer: &Answer, kept: &wire::Encoded, asked: &Query) {
    let mut question = asked.clone();
    question.name.randomize_label_case();
    let other = wire::ask(0x1234, question.clone(), true);
    let edns = wire::edns(true, None, None);
    let bytes = kept.renewed(&other, 77, Some(&edns)).expect("the same question");
    if bytes.len() > wire::MAX_MESSAGE_BYTES {
        return;
    }
    let read = wire::read(&bytes).expect("what was renewed");
    assert_eq!((read.metadata.id, read.metadata.response_code), (0x1234, answer.rcode));
    assert!(read.queries[0].name.eq_case(&question.name));
    assert!(read.metadata.checking_disabled && !read.metadata.authentic_data);
    assert_eq!((read.answers.len(), read.authorities.len()), (answer.answers.len(), answer.authority.len()));
    let old = answer.answers.iter().chain(&answer.authority);
    for (new, old) in read.all_sections().zip(old) {
        assert_eq!((new.ttl, &new.data, &new.name), (77, &old.data, &old.name));
    }
    let another = wire::ask(1, Query::query(preau::dns::wire::name("x.y.z.invalid").expect("a name"), asked.query_type), false);
    if another.queries[0].name != asked.name {
        assert_eq!(kept.renewed(&another, 77, None), None);
    }
}

/// Surgery takes out `ech` and nothing else, and once.
fn services(record: &Record) {
    let Some(without) = svcb::without_ech(record) else { return };
    let service = wire::service(&without).expect("a service");
    assert!(service.svc_params.iter().all(|(key, _)| *key != SvcParamKey::EchConfigList));
    assert_eq!(svcb::hints(&without), svcb::hints(record));
    assert_eq!(svcb::without_ech(&without).as_ref(), Some(&without));
    assert_eq!(wire::next_name(&without), wire::next_name(record));
}

/// A device's question: what it is judged by, and an answer that fits it.
fn as_question(data: &[u8]) {
    let Ok(asked) = wire::read_question(data) else { return };
    let question = wire::question(&asked);
    if let Some(host) = wire::host(&question.name) {
        let text = host.to_string();
        assert_eq!(text, text.to_lowercase());
        let judged = wire::name(&text).expect("a host is a name");
        assert!(judged.zone_of(&question.name), "{text} is not above {}", question.name);
    }
    let key = wire::key(&question.name, question.query_type);
    assert_eq!(key, wire::key(&question.name.to_lowercase(), question.query_type));
    let kept = Answer::nothing(ResponseCode::NXDomain, vec![], 9).encoded(&question);
    let kept = kept.expect("a question alone fits");
    let told = kept.renewed(&asked, 9, None).expect("its own question");
    let told = wire::read(&told).expect("what was renewed");
    assert!(told.queries[0].name.eq_case(&question.name));
    assert_eq!(told.metadata.id, asked.metadata.id);
    assert_eq!(told.metadata.recursion_desired, asked.metadata.recursion_desired);
}
