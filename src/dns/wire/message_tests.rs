//! Messages read and written.

use super::*;
use crate::dns::wire::{CLASS_IN, MAX_MESSAGE_BYTES, MIN_UDP_BYTES, next_name, renew};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn record(owner: &str, kind: Kind, data: &[u8]) -> Record {
    Record { owner: name(owner), kind, class: CLASS_IN, ttl: 300, data: data.into() }
}

fn named(text: &str) -> Box<[u8]> {
    name(text).as_wire().into()
}

/// An answer with a bit of everything.
fn answer() -> Message {
    let question = Question { name: name("www.example.org"), kind: Kind::A, class: CLASS_IN };
    let asked = Message::ask(7, question, false, Edns::default());
    let mut message = Message::answer_to(&asked, Rcode::NX_DOMAIN);
    let mx = [&[0, 10][..], &named("mail.example.org")].concat();
    let srv = [&[0, 1, 0, 2, 0, 3][..], &named("www.example.org")].concat();
    let soa = [&named("ns.example.org")[..], &named("root.example.org"), &[9; 20]].concat();
    message.answers = vec![
        record("www.example.org", Kind::CNAME, &named("a.cdn.example.org")),
        record("a.cdn.example.org", Kind::A, &[192, 0, 2, 1]),
        record("example.org", Kind(15), &mx),
        record("_x.example.org", Kind::SRV, &srv),
        record("www.example.org", Kind(65_000), &[0xc0, 0x0c, 1, 2, 3]),
    ];
    message.authority = vec![record("example.org", Kind::SOA, &soa)];
    message.additional = vec![record("ns.example.org", Kind::AAAA, &[1; 16])];
    message.edns = Some(Edns::default());
    message
}

#[test]
fn what_is_written_is_read_again_and_names_are_written_once() {
    let message = answer();
    let bytes = message.write(MAX_MESSAGE_BYTES);
    assert_eq!(Message::read(&bytes).unwrap(), message);
    // Data of unknown types stays as it is, though it looks like a pointer.
    assert!(bytes.windows(5).any(|w| w == [0xc0, 0x0c, 1, 2, 3]));
    // The name of the question stands there, and again in SRV, which is never compressed.
    assert_eq!(bytes.windows(4).filter(|w| w == b"\x03www").count(), 2);
    assert!(bytes.len() < 300, "{}", bytes.len());
}

#[test]
fn a_message_cut_at_any_byte_is_an_error_and_never_a_panic() {
    let bytes = answer().write(MAX_MESSAGE_BYTES);
    for end in 0..bytes.len() {
        assert!(Message::read(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn any_byte_may_be_any_other_without_a_panic() {
    let bytes = answer().write(MAX_MESSAGE_BYTES);
    for at in 0..bytes.len() {
        for value in [0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff] {
            let mut bad = bytes.clone();
            bad[at] = value;
            if let Ok(read) = Message::read(&bad) {
                let again = read.write(MAX_MESSAGE_BYTES);
                assert_eq!(Message::read(&again).unwrap(), read, "{at} {value}");
            }
        }
    }
}

#[test]
fn an_answer_that_does_not_fit_is_cut_to_its_question_and_says_so() {
    let mut message = answer();
    message.answers.extend((0..60).map(|n| record("www.example.org", Kind::A, &[n; 4])));
    let cut = Message::read(&message.write(MIN_UDP_BYTES)).unwrap();
    assert!(cut.flags.is_truncated() && cut.answers.is_empty() && cut.authority.is_empty());
    assert_eq!((cut.id, &cut.question, cut.rcode), (7, &message.question, Rcode::NX_DOMAIN));
    assert!(cut.edns.is_some());
}

#[test]
fn messages_of_no_or_two_questions_or_two_edns_are_refused() {
    let bytes = answer().write(MAX_MESSAGE_BYTES);
    for count in [0, 2] {
        let mut bad = bytes.clone();
        bad[5] = count;
        assert_eq!(Message::read(&bad).unwrap_err(), BadMessage::Parts);
    }
    let opt = &bytes[bytes.len() - 11..];
    let mut twice = [&bytes[..], opt].concat();
    twice[11] += 1;
    assert_eq!(Message::read(&twice).unwrap_err(), BadMessage::Parts);
    let mut many = bytes.clone();
    many[6] = 0xff;
    assert_eq!(Message::read(&many).unwrap_err(), BadMessage::Many);
}

#[test]
fn the_extended_code_of_edns_counts() {
    let mut message = answer();
    message.rcode = Rcode::BAD_COOKIE;
    let read = Message::read(&message.write(MAX_MESSAGE_BYTES)).unwrap();
    assert_eq!(read.rcode, Rcode::BAD_COOKIE);
}

#[test]
fn kept_bytes_answer_in_the_letters_of_who_asks_and_count_their_age() {
    let mut message = answer();
    message.edns = None;
    let kept = message.write(MAX_MESSAGE_BYTES);
    let asked = Question { name: name("wWw.Example.ORG"), kind: Kind::A, class: CLASS_IN };
    let renewed = renew(&kept, (99, 0x8180), &asked, |ttl| ttl - 100).unwrap();
    let read = Message::read(&renewed).unwrap();
    assert_eq!((read.id, read.question.clone(), read.rcode), (99, asked, Rcode::NX_DOMAIN));
    assert_eq!(read.answers[0].owner.to_string(), "wWw.Example.ORG.");
    assert!(read.answers.iter().chain(&read.authority).all(|one| one.ttl == 200));
    assert_eq!(read.answers[1].data, message.answers[1].data);
    let other = Question { name: name("www.example.com"), kind: Kind::A, class: CLASS_IN };
    assert_eq!(renew(&kept, (1, 0), &other, |ttl| ttl).unwrap_err(), BadMessage::Name);
    for end in 0..kept.len() {
        let asked = Question { name: name("www.example.org"), kind: Kind::A, class: CLASS_IN };
        // The data of the last record is not looked at.
        let cut = renew(&kept[..end], (1, 0), &asked, |ttl| ttl);
        assert!(cut.is_err() || end >= kept.len() - 16, "{end}");
    }
}

#[test]
fn where_it_goes_on_is_read_of_aliases_and_services() {
    let target =
        |kind, data: &[u8]| next_name(&record("a.example", kind, data)).map(|n| n.to_string());
    assert_eq!(target(Kind::CNAME, &named("b.example")).unwrap(), "b.example.");
    let alias = [&[0, 0][..], &named("c.example")].concat();
    assert_eq!(target(Kind::HTTPS, &alias).unwrap(), "c.example.");
    assert_eq!(target(Kind::HTTPS, &[0, 1, 0]), None);
    assert_eq!(target(Kind::HTTPS, &[0, 1, 0xc0, 0]), None);
    assert_eq!(target(Kind::A, &[1, 2, 3, 4]), None);
}
