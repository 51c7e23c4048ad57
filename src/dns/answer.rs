//! What an upstream's message says of a question, with everything else left out, and for how long
//! it counts. Pure.

use hickory_proto::{
    op::{Message, Query, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType},
};

use super::wire::{self, BadMessage, Encoded, next_name, signed_type, signer};

/// Aliases followed from the name asked for: more are a loop, or a joke.
const MAX_ALIASES: usize = 16;
/// RFC 2308 §5: what is not there is remembered for one to three hours at most.
const MAX_NEGATIVE_SECONDS: u32 = 3 * 3600;
/// Of a "no" without the SOA that says for how long (RFC 2308 §5 would not keep it at all: every
/// device of a school would then ask again for each page).
const UNSIGNED_NEGATIVE_SECONDS: u32 = 5;
/// RFC 2181 §8: a TTL with its highest bit set is 0.
const MAX_TTL: u32 = i32::MAX.unsigned_abs();

/// Between how many seconds TTLs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// At least.
    pub floor: u32,
    /// At most.
    pub ceiling: u32,
}

impl Bounds {
    fn hold(self, ttl: u32) -> u32 {
        let ttl = if ttl > MAX_TTL { 0 } else { ttl };
        ttl.max(self.floor).min(self.ceiling)
    }
}

/// Facts that answer a question, or their absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Is there such a name?
    pub rcode: ResponseCode,
    /// Aliases from the name asked for, in their order, and what is at their end.
    pub answers: Vec<Record>,
    /// The SOA of what is not there; proofs, for who wants signatures.
    pub authority: Vec<Record>,
    /// Did the upstream check signatures (AD)?
    pub authentic: bool,
    /// Seconds that it counts.
    pub ttl: u32,
}

/// Why an upstream's message is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It does not want to, or cannot.
    #[error("the resolver answers: {0}")]
    Code(ResponseCode),
    /// Aliases that lead back, or on and on.
    #[error("the names' aliases lead nowhere")]
    Loop,
}

impl Answer {
    /// There is nothing, for so many seconds.
    pub fn nothing(rcode: ResponseCode, authority: Vec<Record>, ttl: u32) -> Self {
        Self { rcode, answers: Vec::new(), authority, authentic: false, ttl }
    }

    /// These facts, which all hold equally long.
    pub fn of(answers: Vec<Record>, ttl: u32) -> Self {
        Self { rcode: ResponseCode::NoError, answers, authority: Vec::new(), authentic: false, ttl }
    }

    /// What a message says of the question. Records of other names than the one asked for and its
    /// aliases are not believed (RFC 5452 §6), whoever sent them.
    ///
    /// # Errors
    /// It says nothing.
    pub fn read(message: Message, asked: &Query, bounds: Bounds) -> Result<Self, NoAnswer> {
        let rcode = message.metadata.response_code;
        if ![ResponseCode::NoError, ResponseCode::NXDomain].contains(&rcode) {
            return Err(NoAnswer::Code(rcode));
        }
        let (name, kind) = (asked.name.to_lowercase(), asked.query_type);
        let (chain, mut answers) = chained(&name, kind, message.answers)?;
        rename(&mut answers, &name);
        let mut authority = proofs(message.authorities, &chain);
        let found = answers.iter().any(|one| one.record_type() == kind);
        let positive = answers.iter().map(|one| bounds.hold(one.ttl)).min();
        let ttl = if found && rcode == ResponseCode::NoError {
            positive.unwrap_or(bounds.floor)
        } else {
            let negative = negative_seconds(&authority).min(bounds.ceiling);
            positive.map_or(negative, |positive| positive.min(negative))
        };
        for record in answers.iter_mut().chain(&mut authority) {
            record.ttl = ttl;
        }
        let authentic = message.metadata.authentic_data;
        Ok(Self { rcode, answers, authority, authentic, ttl })
    }

    /// As bytes, ready to be kept and renewed; their question is in lower case.
    ///
    /// # Errors
    /// It does not fit in a message.
    pub fn encoded(&self, asked: &Query) -> Result<Encoded, BadMessage> {
        let mut question = asked.clone();
        question.name = question.name.to_lowercase();
        let mut message = self.message(&wire::ask(0, question, false));
        message.metadata.authentic_data = self.authentic;
        Encoded::of(&message)
    }

    /// As the answer to a question.
    pub fn message(&self, asked: &Message) -> Message {
        let mut message = wire::answer_to(asked, self.rcode);
        // RFC 6840 §5.8: only for who understands it.
        let understands = asked.metadata.authentic_data || wire::wants_signatures(asked);
        message.metadata.authentic_data = self.authentic && understands;
        message.answers.clone_from(&self.answers);
        message.authorities.clone_from(&self.authority);
        message
    }

    /// Out of the bytes of a message that the box has made.
    pub fn of_kept(message: Message, ttl: u32) -> Self {
        Self {
            rcode: message.metadata.response_code,
            authentic: message.metadata.authentic_data,
            answers: message.answers,
            authority: message.authorities,
            ttl,
        }
    }

    /// Lets it count for so many seconds.
    pub fn hold_for(&mut self, seconds: u32) {
        self.ttl = seconds;
        for record in self.answers.iter_mut().chain(&mut self.authority) {
            record.ttl = seconds;
        }
    }

    /// Leaves out what only those want who check signatures, but for what was asked for.
    pub fn strip_proofs(&mut self, asked: RecordType) {
        use RecordType::{NSEC, NSEC3, RRSIG};
        let is_wanted = |one: &Record| {
            let kind = one.record_type();
            kind == asked || !matches!(kind, RRSIG | NSEC | NSEC3)
        };
        self.answers.retain(is_wanted);
        self.authority.retain(is_wanted);
    }

    /// Are there names in it that have to be judged too, or services to be looked through?
    pub fn leads_on(&self) -> bool {
        use RecordType::{CNAME, DNAME, HTTPS, SVCB};
        self.answers.iter().any(|one| matches!(one.record_type(), CNAME | DNAME | SVCB | HTTPS))
    }

    /// The names that it leads to.
    pub fn names(&self) -> impl Iterator<Item = Name> {
        let leads = self.answers.iter().filter(|one| one.record_type() != RecordType::DNAME);
        leads.filter_map(next_name)
    }
}

/// The name and its aliases, and the records that are theirs.
fn chained(
    name: &Name,
    kind: RecordType,
    records: Vec<Record>,
) -> Result<(Vec<Name>, Vec<Record>), NoAnswer> {
    let mut chain = vec![name.clone()];
    while let Some(last) = chain.last() {
        // One of another class is left out below, and so must be what it leads to.
        let is_alias = |one: &&Record| {
            one.record_type() == RecordType::CNAME
                && one.dns_class == DNSClass::IN
                && one.name == *last
        };
        let alias = records.iter().find(is_alias).filter(|_| kind != RecordType::CNAME);
        let Some(next) = alias.and_then(next_name) else { break };
        if chain.len() > MAX_ALIASES || chain.contains(&next) {
            return Err(NoAnswer::Loop);
        }
        chain.push(next);
    }
    let wanted = |one: &Record| {
        let of_chain = || chain.contains(&one.name);
        match one.record_type() {
            _ if one.dns_class != DNSClass::IN => false,
            RecordType::DNAME => chain.iter().any(|name| one.name.zone_of(name)),
            RecordType::CNAME | RecordType::RRSIG => of_chain() || is_signed_dname(one, &chain),
            other => other == kind && of_chain(),
        }
    };
    let records = records.into_iter().filter(wanted).collect();
    Ok((chain, records))
}

fn is_signed_dname(record: &Record, chain: &[Name]) -> bool {
    signed_type(record) == Some(RecordType::DNAME)
        && chain.iter().any(|name| record.name.zone_of(name))
}

/// In the letters of the question that is kept: upstreams answer in those of the one they got.
pub fn rename(records: &mut [Record], name: &Name) {
    for record in records.iter_mut().filter(|record| record.name == *name) {
        record.name.clone_from(name);
    }
}

/// Of what is not there: the SOA, and the proofs of it, which may stand anywhere in the zone that
/// signs them.
fn proofs(mut records: Vec<Record>, chain: &[Name]) -> Vec<Record> {
    let is_about = |zone: &Name| chain.iter().any(|name| zone.zone_of(name));
    let zones: Vec<Name> = records.iter().filter_map(signer).filter(is_about).collect();
    records.retain(|record| match record.record_type() {
        RecordType::SOA => is_about(&record.name),
        RecordType::NSEC | RecordType::NSEC3 | RecordType::RRSIG => {
            zones.iter().any(|zone| zone.zone_of(&record.name))
        }
        _ => false,
    });
    records
}

/// RFC 2308 §5: the smaller of the SOA's own TTL and its last field.
fn negative_seconds(authority: &[Record]) -> u32 {
    let soa = authority.iter().find_map(|one| match &one.data {
        RData::SOA(soa) => Some(one.ttl.min(soa.minimum)),
        _ => None,
    });
    soa.map_or(UNSIGNED_NEGATIVE_SECONDS, |seconds| seconds.min(MAX_NEGATIVE_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{
        testing::{alias, question, record, soa},
        wire::{answer_to, ask},
    };

    const BOUNDS: Bounds = Bounds { floor: 10, ceiling: 86_400 };

    fn message(asked: &Query, answers: Vec<Record>) -> Message {
        let mut message = answer_to(&ask(1, asked.clone(), false), ResponseCode::NoError);
        message.answers = answers;
        message
    }

    #[test]
    fn facts_of_names_that_were_not_asked_for_are_not_believed() {
        let asked = question("WWW.school.example", RecordType::A);
        let read = message(
            &asked,
            vec![
                alias("www.School.example", "cdn.example"),
                record("cdn.example", RecordType::A, &[192, 0, 2, 1], 60),
                record("bank.example", RecordType::A, &[192, 0, 2, 66], 86_400),
                record("www.school.example", RecordType::TXT, b"\x01x", 60),
            ],
        );
        let read = Answer::read(read, &asked, BOUNDS).unwrap();
        let owners: Vec<_> = read.answers.iter().map(|one| one.name.to_string()).collect();
        assert_eq!(owners, ["www.school.example.", "cdn.example."]);
        assert_eq!((read.ttl, read.names().count(), read.leads_on()), (60, 1, true));
    }

    #[test]
    fn an_alias_of_another_class_leads_nowhere() {
        let asked = question("a.example", RecordType::A);
        let mut other = alias("a.example", "game.example");
        other.dns_class = DNSClass::CH;
        let address = record("game.example", RecordType::A, &[9; 4], 60);
        let read = Answer::read(message(&asked, vec![other, address]), &asked, BOUNDS).unwrap();
        assert_eq!(read.answers, []);
    }

    #[test]
    fn aliases_that_loop_or_go_on_and_on_are_no_answer() {
        let asked = question("a.example", RecordType::A);
        let looped = vec![alias("a.example", "b.example"), alias("b.example", "a.example")];
        let read = Answer::read(message(&asked, looped), &asked, BOUNDS);
        assert_eq!(read.unwrap_err(), NoAnswer::Loop);
        let own =
            Answer::read(message(&asked, vec![alias("a.example", "A.example")]), &asked, BOUNDS);
        assert_eq!(own.unwrap_err(), NoAnswer::Loop);
        let asked = question("n0.example", RecordType::A);
        let link = |n: usize| alias(&format!("n{n}.example"), &format!("n{}.example", n + 1));
        let long = |length| message(&asked, (0..length).map(link).collect());
        assert!(Answer::read(long(MAX_ALIASES), &asked, BOUNDS).is_ok());
        assert_eq!(Answer::read(long(40), &asked, BOUNDS).unwrap_err(), NoAnswer::Loop);
    }

    #[test]
    fn what_is_not_there_counts_as_long_as_its_zone_says_within_bounds() {
        let asked = question("no.school.example", RecordType::A);
        let ttl = |authority: Vec<Record>| {
            let mut message = message(&asked, vec![]);
            message.metadata.response_code = ResponseCode::NXDomain;
            message.authorities = authority;
            Answer::read(message, &asked, BOUNDS).unwrap()
        };
        assert_eq!(ttl(vec![soa("school.example", 600, 90)]).ttl, 90);
        assert_eq!(ttl(vec![soa("school.example", 30, 90)]).ttl, 30);
        assert_eq!(ttl(vec![soa("school.example", 1 << 30, 1 << 30)]).ttl, 3 * 3600);
        // The SOA of another zone says nothing.
        let foreign = ttl(vec![soa("bank.example", 600, 90)]);
        assert_eq!((foreign.ttl, foreign.authority.len()), (UNSIGNED_NEGATIVE_SECONDS, 0));
    }

    #[test]
    fn proofs_are_passed_on_wherever_in_their_zone_they_stand_and_no_other_zone_s() {
        let asked = question("c.school.example", RecordType::A);
        let signature = |owner: &str, zone: &str| {
            let zone = crate::dns::testing::wire_name(zone);
            record(
                owner,
                RecordType::RRSIG,
                &[&[0, 47, 8, 3][..], &[0; 14], &zone, b"sig"].concat(),
                60,
            )
        };
        let nsec = |owner: &str| record(owner, RecordType::NSEC, b"\x01x\x00\x00\x01\x40", 60);
        let mut message = message(&asked, vec![]);
        message.metadata.response_code = ResponseCode::NXDomain;
        message.authorities = vec![
            nsec("a.b.school.example"),
            signature("a.b.school.example", "School.example"),
            nsec("a.bank.example"),
            signature("a.bank.example", "bank.example"),
        ];
        let kept = message.authorities[..2].to_vec();
        let read = Answer::read(message, &asked, BOUNDS).unwrap();
        let names = |all: &[Record]| all.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&read.authority), names(&kept));
        assert_eq!(read.authority[1].data, kept[1].data);
    }

    #[test]
    fn ttls_are_held_between_floor_and_ceiling() {
        let asked = question("a.example", RecordType::A);
        for (sent, kept) in [(0, 10), (60, 60), (1 << 30, 86_400), (u32::MAX, 10)] {
            let one = record("a.example", RecordType::A, &[192, 0, 2, 1], sent);
            let read = Answer::read(message(&asked, vec![one]), &asked, BOUNDS).unwrap();
            assert_eq!((read.ttl, read.answers[0].ttl), (kept, kept), "{sent}");
        }
    }

    #[test]
    fn a_server_that_refuses_has_not_answered() {
        let asked = question("a.example", RecordType::A);
        for code in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::FormErr] {
            let mut message = message(&asked, vec![]);
            message.metadata.response_code = code;
            assert_eq!(Answer::read(message, &asked, BOUNDS).unwrap_err(), NoAnswer::Code(code));
        }
    }
}
