//! Messages read and written: what comes goes on byte for byte, and what is hostile is refused.

use std::time::{Duration, Instant};

use hickory_proto::{
    op::Edns,
    rr::{
        RData,
        rdata::{CNAME, MX, SRV},
    },
};

use super::*;
use crate::dns::testing::{bytes, name, question, record, soa, wire_name};

/// An answer with a bit of everything.
fn answer() -> Message {
    let asked = ask(7, question("www.example.org", RecordType::A), false);
    let mut message = answer_to(&asked, ResponseCode::NXDomain);
    let of = |owner: &str, data| Record::from_rdata(name(owner), 300, data);
    message.answers = vec![
        of("www.example.org", RData::CNAME(CNAME(name("a.cdn.example.org")))),
        record("a.cdn.example.org", RecordType::A, &[192, 0, 2, 1], 300),
        of("example.org", RData::MX(MX::new(10, name("mail.example.org")))),
        of("_x.example.org", RData::SRV(SRV::new(1, 2, 3, name("www.example.org")))),
        record("www.example.org", RecordType::Unknown(65_000), &[0xc0, 0x0c, 1, 2, 3], 300),
        record("www.example.org", RecordType::RRSIG, &signature(), 300),
    ];
    message.authorities = vec![soa("example.org", 300, 9)];
    message.additionals = vec![record("ns.example.org", RecordType::AAAA, &[1; 16], 300)];
    message.edns = Some(edns(true, Some(vec![7; 24]), Some(&Ede::new(Ede::BLOCKED, "réseaux"))));
    message
}

/// Of an algorithm that nobody has, by a zone in letters of its own.
fn signature() -> Vec<u8> {
    [&[0, 1, 250, 3][..], &[9; 14], &wire_name("eXample.org"), &[0xc0, 0, 0xff]].concat()
}

#[test]
fn what_is_written_is_read_again_and_names_are_written_once() {
    let message = answer();
    let bytes = bytes(&message);
    assert_eq!(read(&bytes).unwrap(), message);
    // Data of unknown types stays as it is, though it looks like a pointer.
    assert!(bytes.windows(5).any(|w| w == [0xc0, 0x0c, 1, 2, 3]));
    let signed = signature();
    assert!(bytes.windows(signed.len()).any(|w| w == signed));
    // The name of the question stands there, and again in SRV, which is never compressed.
    assert_eq!(bytes.windows(4).filter(|w| w == b"\x03www").count(), 2);
}

#[test]
fn records_of_no_data_or_of_data_that_makes_no_sense_pass_as_they_are() {
    let odd: [(RecordType, &[u8]); 6] = [
        (RecordType::Unknown(65_001), b""),
        (RecordType::TXT, b""),
        (RecordType::DNSKEY, &[1, 0, 7, 200, 1]),
        (RecordType::NSEC3, &[9, 255, 0, 0, 9]),
        (RecordType::CAA, &[128, 200, b'?']),
        (RecordType::HTTPS, &[0, 1, 0, 0, 1, 0, 1, 0xff]),
    ];
    let mut message = answer();
    message.answers =
        odd.iter().map(|(kind, data)| record("www.example.org", *kind, data, 60)).collect();
    let read = read(&bytes(&message)).unwrap();
    assert_eq!(read.answers, message.answers);
    assert_eq!(bytes(&read), bytes(&message));
}

#[test]
fn names_inside_data_are_uncompressed_where_a_sender_may_have_compressed_them() {
    // AFSDB (18) and DNAME (39), each with a pointer to the question's name.
    for (kind, before) in [(18, &[0, 1][..]), (39, &[])] {
        let mut message = bytes(&answer_to(
            &ask(7, question("www.example.org", RecordType::A), false),
            ResponseCode::NoError,
        ));
        message[7] = 1;
        message.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0]);
        message.push(u8::try_from(before.len() + 2).unwrap());
        message.extend([before, &[0xc0, 12]].concat());
        let read = read(&message).unwrap();
        let whole = [before, &wire_name("www.example.org")].concat();
        assert_eq!(read.answers[0].data, data_of(u16::from(kind).into(), whole));
    }
}

#[test]
fn a_message_cut_at_any_byte_is_an_error_and_never_a_panic() {
    let bytes = bytes(&answer());
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err(), "{end}");
        assert!(read_question(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn any_byte_may_be_any_other_without_a_panic() {
    let good = bytes(&answer());
    for at in 0..good.len() {
        for value in [0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            if let Ok(message) = read(&bad) {
                let again = read(&bytes(&message)).unwrap();
                assert_eq!(again.answers, message.answers, "{at} {value}");
            }
        }
    }
}

#[test]
fn an_answer_that_does_not_fit_is_cut_to_its_question_and_says_so() {
    let mut message = answer();
    let each = |n| record("www.example.org", RecordType::A, &[n; 4], 60);
    message.answers.extend((0..60).map(each));
    let written = write(&message, MIN_UDP_BYTES);
    assert!(written.len() <= MIN_UDP_BYTES);
    let cut = read(&written).unwrap();
    assert!(cut.metadata.truncation && cut.answers.is_empty() && cut.authorities.is_empty());
    assert_eq!((cut.metadata.id, &cut.queries), (7, &message.queries));
    assert_eq!(cut.metadata.response_code, ResponseCode::NXDomain);
    assert!(cut.edns.is_some());
}

#[test]
fn messages_of_no_or_two_questions_or_two_edns_or_a_broken_cookie_are_refused() {
    let whole = bytes(&answer());
    for count in [0, 2] {
        let mut bad = whole.clone();
        bad[5] = count;
        assert!(matches!(read(&bad), Err(BadMessage::Parts)));
    }
    let mut message = ask(7, question("www.example.org", RecordType::A), false);
    message.edns = Some(Edns::new());
    let one = bytes(&message);
    let mut twice = [&one[..], &one[one.len() - 11..]].concat();
    twice[11] += 1;
    assert!(matches!(read(&twice), Err(BadMessage::Parts)));
    for length in [0, 7, 9, 15, 41] {
        message.edns = Some(edns(false, Some(vec![1; length]), None));
        assert!(matches!(read(&bytes(&message)), Err(BadMessage::Cookie)), "{length}");
    }
}

#[test]
fn what_a_header_promises_is_not_made_room_for() {
    let header = [0, 7, 1, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert!(matches!(read(&header), Err(BadMessage::Many)));
    let questions = [0, 7, 1, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0];
    assert!(matches!(read(&questions), Err(BadMessage::Parts)));
    let mut asked = ask(7, question("www.example.org", RecordType::A), false);
    let each = |n| record("www.example.org", RecordType::A, &[n; 4], 60);
    asked.additionals = (0..9).map(each).collect();
    assert!(matches!(read_question(&bytes(&asked)), Err(BadMessage::Many)));
    asked.additionals.truncate(2);
    assert!(read_question(&bytes(&asked)).is_ok());
}

#[test]
fn pointers_that_lead_on_or_in_circles_end() {
    let start = |records: u8| [0, 7, 0x80, 0, 0, 1, 0, records, 0, 0, 0, 0].to_vec();
    let root_question = [0, 0, 1, 0, 1];
    // To itself, forth, and to each other.
    for name in [&[0xc0, 12][..], &[0xc0, 14, 0xc0, 12], &[1, b'a', 0xc0, 12], &[0xc0, 200]] {
        let message = [&start(0)[..], name, &[0, 1, 0, 1, 0, 0]].concat();
        assert!(read(&message).is_err(), "{name:?}");
    }
    // The longest chain that fits, followed for each of as many records as are read.
    let mut message = [&start(0)[..], &root_question].concat();
    message[6..8].copy_from_slice(&1000_u16.to_be_bytes());
    let (mut last, mut at) = (12_u16, message.len());
    message.extend([0, 0, 16, 0, 1, 0, 0, 0, 60]);
    let places = message.len();
    message.extend([0, 0]);
    at = at.max(message.len());
    while at < 0x3ff0 {
        message.extend((0xc000 | last).to_be_bytes());
        last = u16::try_from(at).unwrap();
        at += 2;
    }
    let length = u16::try_from(message.len() - places - 2).unwrap();
    message[places..places + 2].copy_from_slice(&length.to_be_bytes());
    for _ in 1..1000 {
        message.extend((0xc000 | last).to_be_bytes());
        message.extend([0, 16, 0, 1, 0, 0, 0, 60, 0, 0]);
    }
    let begun = Instant::now();
    let read = read(&message).unwrap();
    assert_eq!(read.answers.len(), 1000);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn the_extended_code_of_edns_counts() {
    let mut message = answer();
    message.metadata.response_code = ResponseCode::BADCOOKIE;
    let read = read(&bytes(&message)).unwrap();
    assert_eq!(read.metadata.response_code, ResponseCode::BADCOOKIE);
    assert_eq!(reason(&read), Some(Ede::new(Ede::BLOCKED, "réseaux")));
    assert_eq!((cookie(&read), wants_signatures(&read)), (Some(&[7; 24][..]), true));
}

#[test]
fn kept_bytes_answer_in_the_letters_of_who_asks_and_count_their_age() {
    let mut message = answer();
    message.edns = None;
    message.metadata.authentic_data = true;
    let kept = Encoded::of(&message).unwrap();
    assert_eq!(kept.read().unwrap(), message);
    let mut asked = ask(99, question("wWw.Example.ORG", RecordType::A), true);
    asked.metadata.recursion_desired = false;
    let renewed = kept.renewed(&asked, 200, Some(&edns(true, None, None))).unwrap();
    let read = read(&renewed).unwrap();
    assert_eq!(read.metadata.id, 99);
    assert!(read.queries[0].name.eq_case(&name("wWw.Example.ORG")));
    assert!(read.answers[0].name.eq_case(&name("wWw.Example.ORG")));
    assert!(read.metadata.checking_disabled && !read.metadata.recursion_desired);
    assert_eq!(read.metadata.response_code, ResponseCode::NXDomain);
    let data = |message: &Message| message.all_sections().map(|one| one.data.clone()).collect();
    let (new, old): (Vec<RData>, Vec<RData>) = (data(&read), data(&message));
    assert_eq!(new, old);
    assert!(read.all_sections().all(|one| one.ttl == 200));
    assert!(wants_signatures(&read));
    // Checked (AD) is told only to who understands it.
    assert!(!read.metadata.authentic_data);
    asked.metadata.authentic_data = true;
    let renewed = kept.renewed(&asked, 200, None).unwrap();
    assert!(super::read(&renewed).unwrap().metadata.authentic_data);
}

#[test]
fn kept_bytes_answer_no_other_question() {
    let mut message = answer();
    message.edns = None;
    let kept = Encoded::of(&message).unwrap();
    for other in ["www.example.com", "ww.example.org", "www.example.org.x", "www.example", ""] {
        let asked = ask(1, question(other, RecordType::A), false);
        assert_eq!(kept.renewed(&asked, 1, None), None, "{other}");
    }
    assert!(Encoded::of(&answer()).is_err(), "with EDNS");
    let each = |n: u32| record("www.example.org", RecordType::A, &n.to_be_bytes(), 60);
    message.answers = (0..5000).map(each).collect();
    assert!(Encoded::of(&message).is_err(), "longer than a message");
}

#[test]
fn where_it_goes_on_is_read_of_aliases_and_services() {
    let target =
        |kind, data: &[u8]| next_name(&record("a.example", kind, data, 60)).map(|n| n.to_string());
    let alias = Record::from_rdata(name("a.example"), 60, RData::CNAME(CNAME(name("b.example"))));
    assert_eq!(next_name(&alias), Some(name("b.example")));
    assert_eq!(target(RecordType::DNAME, &wire_name("d.example")).unwrap(), "d.example.");
    let alias = [&[0, 0][..], &wire_name("c.example")].concat();
    assert_eq!(target(RecordType::HTTPS, &alias).unwrap(), "c.example.");
    assert_eq!(target(RecordType::HTTPS, &[0, 1, 0]), None);
    assert_eq!(target(RecordType::HTTPS, &[0, 1, 0xc0, 0]), None);
    assert_eq!(target(RecordType::A, &[1, 2, 3, 4]), None);
}
