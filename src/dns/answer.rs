//! What an upstream's message says of a question, with everything else left out, and for how long
//! it counts. Pure.

use super::wire::{
    CLASS_IN, Kind, MAX_MESSAGE_BYTES, Message, Name, Question, Rcode, Record, next_name,
};

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
    pub rcode: Rcode,
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
    #[error("the resolver answers with code {}", .0.0)]
    Code(Rcode),
    /// Aliases that lead back, or on and on.
    #[error("the names' aliases lead nowhere")]
    Loop,
}

impl Answer {
    /// There is nothing, for so many seconds.
    pub fn nothing(rcode: Rcode, authority: Vec<Record>, ttl: u32) -> Self {
        Self { rcode, answers: Vec::new(), authority, authentic: false, ttl }
    }

    /// These facts, which all hold equally long.
    pub fn of(answers: Vec<Record>, ttl: u32) -> Self {
        Self { rcode: Rcode::NO_ERROR, answers, authority: Vec::new(), authentic: false, ttl }
    }

    /// What a message says of the question. Records of other names than the one asked for and its
    /// aliases are not believed (RFC 5452 §6), whoever sent them.
    ///
    /// # Errors
    /// It says nothing.
    pub fn read(message: Message, asked: &Question, bounds: Bounds) -> Result<Self, NoAnswer> {
        if ![Rcode::NO_ERROR, Rcode::NX_DOMAIN].contains(&message.rcode) {
            return Err(NoAnswer::Code(message.rcode));
        }
        let name = asked.name.lower();
        let (chain, answers) = chained(&name, asked.kind, message.answers)?;
        let mut answers = renamed(answers, &name);
        let authority = message.authority.into_iter().filter(|one| is_proof(one, &chain));
        let mut authority: Vec<Record> = authority.collect();
        let found = answers.iter().any(|one| one.kind == asked.kind || asked.kind == Kind::ANY);
        let positive = answers.iter().map(|one| bounds.hold(one.ttl)).min();
        let ttl = if found && message.rcode == Rcode::NO_ERROR {
            positive.unwrap_or(bounds.floor)
        } else {
            let negative = negative_seconds(&authority).min(bounds.ceiling);
            positive.map_or(negative, |positive| positive.min(negative))
        };
        for record in answers.iter_mut().chain(&mut authority) {
            record.ttl = ttl;
        }
        let authentic = message.flags.is_authentic();
        Ok(Self { rcode: message.rcode, answers, authority, authentic, ttl })
    }

    /// As a message, ready to be kept and renewed; its question is in lower case.
    pub fn to_bytes(&self, asked: &Question) -> Vec<u8> {
        let question = Question { name: asked.name.lower(), ..asked.clone() };
        let asked = Message::ask(0, question, false, super::wire::Edns::default());
        let mut message = Message::answer_to(&asked, self.rcode);
        message.flags = asked.flags.answered(self.authentic);
        message.answers.clone_from(&self.answers);
        message.authority.clone_from(&self.authority);
        message.write(MAX_MESSAGE_BYTES)
    }

    /// Out of the bytes of a message that the box has made.
    pub fn of_kept(message: Message, ttl: u32) -> Self {
        Self {
            rcode: message.rcode,
            answers: message.answers,
            authority: message.authority,
            authentic: message.flags.is_authentic(),
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

    /// Are there names in it that have to be judged too, or services to be looked through?
    pub fn leads_on(&self) -> bool {
        let leads = [Kind::CNAME, Kind::DNAME, Kind::SVCB, Kind::HTTPS];
        self.answers.iter().any(|one| leads.contains(&one.kind))
    }

    /// The names that it leads to.
    pub fn names(&self) -> impl Iterator<Item = Name> {
        self.answers.iter().filter(|one| one.kind != Kind::DNAME).filter_map(next_name)
    }
}

/// The name and its aliases, and the records that are theirs.
fn chained(
    name: &Name,
    kind: Kind,
    records: Vec<Record>,
) -> Result<(Vec<Name>, Vec<Record>), NoAnswer> {
    let mut chain = vec![name.clone()];
    while let Some(last) = chain.last() {
        let alias = records.iter().find(|one| one.kind == Kind::CNAME && one.owner.is(last));
        let Some(next) = alias.filter(|_| kind != Kind::CNAME).and_then(next_name) else { break };
        if chain.len() > MAX_ALIASES || chain.iter().any(|seen| seen.is(&next)) {
            return Err(NoAnswer::Loop);
        }
        chain.push(next);
    }
    let wanted = |one: &Record| {
        let of_chain = || chain.iter().any(|name| one.owner.is(name));
        match one.kind {
            _ if one.class != CLASS_IN => false,
            Kind::DNAME => chain.iter().any(|name| name.is_within(&one.owner)),
            Kind::CNAME | Kind::RRSIG => of_chain() || is_signed_dname(one, &chain),
            other => (other == kind || kind == Kind::ANY) && of_chain(),
        }
    };
    let records = records.into_iter().filter(wanted).collect();
    Ok((chain, records))
}

fn is_signed_dname(record: &Record, chain: &[Name]) -> bool {
    // RFC 4034 §3.1: the type that it signs stands first.
    let signs = record.data.first_chunk().map(|kind| Kind(u16::from_be_bytes(*kind)));
    record.kind == Kind::RRSIG
        && signs == Some(Kind::DNAME)
        && chain.iter().any(|name| name.is_within(&record.owner))
}

/// In the letters of the question that is kept: upstreams answer in those of the one they got.
fn renamed(records: Vec<Record>, name: &Name) -> Vec<Record> {
    let owner = |one: Record| {
        if one.owner.is(name) { Record { owner: name.clone(), ..one } } else { one }
    };
    records.into_iter().map(owner).collect()
}

/// Of what is not there: the SOA, and the proofs of it.
fn is_proof(record: &Record, chain: &[Name]) -> bool {
    let about = |zone: &Name| chain.iter().any(|name| name.is_within(zone));
    match record.kind {
        Kind::SOA => about(&record.owner),
        // Owners of NSEC3 are hashes below the zone: its parent is looked at.
        Kind::NSEC | Kind::NSEC3 | Kind::RRSIG => {
            let mut suffixes = record.owner.suffixes().filter_map(|wire| Name::read(wire, 0).ok());
            suffixes.next().is_some_and(|(own, _)| about(&own))
                || suffixes.next().is_some_and(|(zone, _)| about(&zone))
        }
        _ => false,
    }
}

/// RFC 2308 §5: the smaller of the SOA's own TTL and its last field.
fn negative_seconds(authority: &[Record]) -> u32 {
    let soa = authority.iter().find(|one| one.kind == Kind::SOA);
    let minimum = soa.and_then(|soa| Some((soa.ttl, *soa.data.last_chunk::<4>()?)));
    minimum.map_or(UNSIGNED_NEGATIVE_SECONDS, |(ttl, minimum)| {
        ttl.min(u32::from_be_bytes(minimum)).min(MAX_NEGATIVE_SECONDS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::testing::{alias, question, record, soa};

    const BOUNDS: Bounds = Bounds { floor: 10, ceiling: 86_400 };

    fn message(asked: &Question, answers: Vec<Record>) -> Message {
        let edns = crate::dns::wire::Edns::default();
        let mut message =
            Message::answer_to(&Message::ask(1, asked.clone(), false, edns), Rcode::NO_ERROR);
        message.answers = answers;
        message
    }

    #[test]
    fn facts_of_names_that_were_not_asked_for_are_not_believed() {
        let asked = question("WWW.school.example", Kind::A);
        let read = message(
            &asked,
            vec![
                alias("www.School.example", "cdn.example"),
                record("cdn.example", Kind::A, &[192, 0, 2, 1], 60),
                record("bank.example", Kind::A, &[192, 0, 2, 66], 86_400),
                record("www.school.example", Kind::TXT, b"\x01x", 60),
            ],
        );
        let read = Answer::read(read, &asked, BOUNDS).unwrap();
        let owners: Vec<_> = read.answers.iter().map(|one| one.owner.to_string()).collect();
        assert_eq!(owners, ["www.school.example.", "cdn.example."]);
        assert_eq!((read.ttl, read.names().count(), read.leads_on()), (60, 1, true));
    }

    #[test]
    fn aliases_that_loop_or_go_on_and_on_are_no_answer() {
        let asked = question("a.example", Kind::A);
        let looped = vec![alias("a.example", "b.example"), alias("b.example", "a.example")];
        let read = Answer::read(message(&asked, looped), &asked, BOUNDS);
        assert_eq!(read.unwrap_err(), NoAnswer::Loop);
        let own =
            Answer::read(message(&asked, vec![alias("a.example", "A.example")]), &asked, BOUNDS);
        assert_eq!(own.unwrap_err(), NoAnswer::Loop);
        let asked = question("n0.example", Kind::A);
        let link = |n: usize| alias(&format!("n{n}.example"), &format!("n{}.example", n + 1));
        let long = |length| message(&asked, (0..length).map(link).collect());
        assert!(Answer::read(long(MAX_ALIASES), &asked, BOUNDS).is_ok());
        assert_eq!(Answer::read(long(40), &asked, BOUNDS).unwrap_err(), NoAnswer::Loop);
    }

    #[test]
    fn what_is_not_there_counts_as_long_as_its_zone_says_within_bounds() {
        let asked = question("no.school.example", Kind::A);
        let ttl = |authority: Vec<Record>| {
            let mut message = message(&asked, vec![]);
            message.rcode = Rcode::NX_DOMAIN;
            message.authority = authority;
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
    fn ttls_are_held_between_floor_and_ceiling() {
        let asked = question("a.example", Kind::A);
        for (sent, kept) in [(0, 10), (60, 60), (1 << 30, 86_400), (u32::MAX, 10)] {
            let one = record("a.example", Kind::A, &[192, 0, 2, 1], sent);
            let read = Answer::read(message(&asked, vec![one]), &asked, BOUNDS).unwrap();
            assert_eq!((read.ttl, read.answers[0].ttl), (kept, kept), "{sent}");
        }
    }

    #[test]
    fn a_server_that_refuses_has_not_answered() {
        let asked = question("a.example", Kind::A);
        for code in [Rcode::SERV_FAIL, Rcode::REFUSED, Rcode::FORM_ERR] {
            let mut message = message(&asked, vec![]);
            message.rcode = code;
            assert_eq!(Answer::read(message, &asked, BOUNDS).unwrap_err(), NoAnswer::Code(code));
        }
    }
}
