//! An answer in the parts that its zones sign: each alias on the way, what is at their end, or that
//! nothing is there. Each is checked as the answer to a question of its own. Pure.

use hickory_proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, Record, RecordType},
};

use super::super::{
    answer::Answer,
    wire::{self, next_name, signed_labels, signed_type},
};

/// What one zone says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The question.
    pub asked: Query,
    rcode: ResponseCode,
    answers: Vec<Record>,
    authority: Vec<Record>,
}

impl Part {
    /// As the message of a resolver.
    pub fn message(&self) -> Message {
        let mut message = wire::answer_to(&wire::ask(0, self.asked.clone(), false), self.rcode);
        message.answers.clone_from(&self.answers);
        message.authorities.clone_from(&self.authority);
        message
    }
}

/// The parts of an answer.
pub fn of(answer: &Answer, asked: &Query) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for record in &answer.answers {
        let (name, kind) = (&record.name, record.record_type());
        let is_known = |part: &Part| part.asked.name == *name && part.asked.query_type == kind;
        let is_of_another = kind == RecordType::RRSIG && asked.query_type != RecordType::RRSIG;
        if !is_of_another && !parts.iter().any(is_known) && !is_synthesised(record, answer) {
            parts.push(positive(answer, name, kind));
        }
    }
    let end = end_of(answer, asked);
    let is_found = |one: &Record| one.name == end && one.record_type() == asked.query_type;
    if !answer.answers.iter().any(is_found) {
        let (answers, authority) = (Vec::new(), answer.authority.clone());
        let asked = Query::query(end, asked.query_type);
        parts.push(Part { asked, rcode: answer.rcode, answers, authority });
    }
    parts
}

fn positive(answer: &Answer, name: &Name, kind: RecordType) -> Part {
    let is_own = |one: &&Record| {
        one.name == *name && (one.record_type() == kind || signed_type(one) == Some(kind))
    };
    let answers: Vec<Record> = answer.answers.iter().filter(is_own).cloned().collect();
    // RFC 4035 §5.3.4: what was made of a wildcard needs the proof that nothing was nearer.
    let is_wild =
        |one: &Record| signed_labels(one).is_some_and(|labels| labels < name.num_labels());
    let authority = if answers.iter().any(is_wild) { answer.authority.clone() } else { Vec::new() };
    let authority = without_soa(authority);
    let asked = Query::query(name.clone(), kind);
    Part { asked, rcode: ResponseCode::NoError, answers, authority }
}

/// That belongs to what is not there, not to what is.
fn without_soa(mut authority: Vec<Record>) -> Vec<Record> {
    let is_soa = |one: &Record| {
        one.record_type() == RecordType::SOA || signed_type(one) == Some(RecordType::SOA)
    };
    authority.retain(|one| !is_soa(one));
    authority
}

/// The name at the end of the aliases. There are few: `Answer::read` saw to it.
fn end_of(answer: &Answer, asked: &Query) -> Name {
    let mut name = asked.name.clone();
    for _ in &answer.answers {
        let is_alias = |one: &&Record| one.name == name && one.record_type() == RecordType::CNAME;
        let alias = answer.answers.iter().find(is_alias);
        let alias = alias.filter(|_| asked.query_type != RecordType::CNAME).and_then(next_name);
        let Some(next) = alias else { break };
        name = next;
    }
    name
}

/// An alias that a server made of a DNAME has no signature (RFC 6672 §5.3.1); the DNAME has.
fn is_synthesised(record: &Record, answer: &Answer) -> bool {
    if record.record_type() != RecordType::CNAME {
        return false;
    }
    let target = next_name(record);
    let dnames = answer.answers.iter().filter(|one| one.record_type() == RecordType::DNAME);
    dnames.filter(|one| one.name.zone_of(&record.name) && one.name != record.name).any(|dname| {
        let kept = record.name.iter().len().saturating_sub(dname.name.iter().len());
        let made = next_name(dname)
            .and_then(|to| Name::from_labels(record.name.iter().take(kept).chain(to.iter())).ok());
        made.is_some() && made == target
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::testing::{alias, name, question, record, soa, wire_name};

    fn signature(owner: &str, kind: RecordType, labels: u8) -> Record {
        let kind = u16::from(kind).to_be_bytes();
        let data = [&kind[..], &[13, labels], &[0; 14], &wire_name("example"), b"sig"].concat();
        record(owner, RecordType::RRSIG, &data, 60)
    }

    fn shown(answer: &Answer, asked: &Query) -> Vec<(String, usize, usize)> {
        let parts = of(answer, asked);
        let show = |part: &Part| {
            let asked = format!("{} {}", part.asked.name, part.asked.query_type);
            (asked, part.answers.len(), part.authority.len())
        };
        parts.iter().map(show).collect()
    }

    #[test]
    fn each_alias_is_a_part_and_what_is_at_their_end_or_is_not() {
        let asked = question("a.example", RecordType::A);
        let address = record("b.other", RecordType::A, &[9; 4], 60);
        let mut answer = Answer::of(
            vec![
                alias("a.example", "b.other"),
                signature("a.example", RecordType::CNAME, 2),
                address,
                signature("b.other", RecordType::A, 2),
            ],
            60,
        );
        answer.authority = vec![record("x.other", RecordType::NSEC, b"?", 60)];
        let positive = [("a.example. CNAME".to_owned(), 2, 0), ("b.other. A".to_owned(), 2, 0)];
        assert_eq!(shown(&answer, &asked), positive);
        answer.answers.truncate(2);
        answer.rcode = ResponseCode::NXDomain;
        let parts = shown(&answer, &asked);
        assert_eq!(parts[1..], [("b.other. A".to_owned(), 0, 1)]);
        assert_eq!(of(&answer, &asked)[1].rcode, ResponseCode::NXDomain);
        // Asked for the alias itself, it is what was asked for.
        assert_eq!(shown(&answer, &question("a.example", RecordType::CNAME)).len(), 1);
    }

    #[test]
    fn what_a_wildcard_made_comes_with_the_proof_of_it() {
        let asked = question("a.b.example", RecordType::A);
        let records = |labels| {
            let address = record("a.b.example", RecordType::A, &[9; 4], 60);
            let mut answer =
                Answer::of(vec![address, signature("a.b.example", RecordType::A, labels)], 60);
            let nsec = record("x.example", RecordType::NSEC, b"?", 60);
            answer.authority = vec![soa("example", 60, 60), nsec];
            answer
        };
        assert_eq!(shown(&records(3), &asked), [("a.b.example. A".to_owned(), 2, 0)]);
        assert_eq!(shown(&records(1), &asked), [("a.b.example. A".to_owned(), 2, 1)]);
    }

    #[test]
    fn an_alias_made_of_a_dname_is_none_of_its_own_and_another_is() {
        let asked = question("a.old.example", RecordType::A);
        let dname = record("old.example", RecordType::DNAME, &wire_name("new.example"), 60);
        let made = Answer::of(vec![dname.clone(), alias("a.old.example", "a.new.example")], 60);
        let expected = ["old.example. DNAME", "a.new.example. A"];
        let asked_of = |answer: &Answer| {
            shown(answer, &asked).into_iter().map(|one| one.0).collect::<Vec<_>>()
        };
        assert_eq!(asked_of(&made), expected);
        let forged = Answer::of(vec![dname, alias("a.old.example", "a.evil.example")], 60);
        assert!(asked_of(&forged).contains(&"a.old.example. CNAME".to_owned()));
        assert_eq!(name("a.new.example"), end_of(&made, &asked));
    }
}
