//! A device's question on its way to its answer: what the box says itself, what the policy says,
//! what others say.

use std::net::IpAddr;

use hickory_proto::{
    op::{Query, ResponseCode},
    rr::{DNSClass, RecordType},
};
use jiff::Timestamp;

use super::{
    Resolver, Ruling, Shared,
    answer::Answer,
    cache::{Found, Kept, Key},
    judge::Denial,
    made, svcb,
    upstream::{Unanswered, Wanted, is_forwarded},
    wire::{self, Ede, Encoded, signed_type},
};
use crate::{filter::host::Host, net::tally::Came};

/// RFC 8767 §4: the TTL of old answers.
pub const STALE_SECONDS: u32 = 30;

/// A question, and who asks it.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// What.
    pub question: &'a Query,
    /// With signatures (DO)?
    pub signatures: bool,
    /// Unchecked (CD)?
    pub no_checking: bool,
    /// The device; IPv4 through an IPv6 socket is given as IPv4.
    pub who: IpAddr,
    /// The box's address nearest to it.
    pub near: IpAddr,
}

/// What a device is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An answer, and why it is so.
    Made(Box<Answer>, Option<Ede>),
    /// An answer as it was kept, which counts for so many seconds.
    Kept(Encoded, u32),
}

impl Reply {
    fn made(answer: Answer) -> Self {
        Self::Made(Box::new(answer), None)
    }

    /// As it is counted. A name that is broken by its own fault has its answer.
    pub fn came(&self) -> Came {
        match self {
            Self::Made(_, Some(reason)) if [Ede::BLOCKED, Ede::FILTERED].contains(&reason.code) => {
                Came::Refused
            }
            Self::Made(_, Some(reason)) if reason.code == Ede::NETWORK => Came::Failed,
            Self::Made(..) | Self::Kept(..) => Came::Served,
        }
    }

    fn code(rcode: ResponseCode, reason: Option<Ede>) -> Self {
        Self::Made(Box::new(Answer::nothing(rcode, Vec::new(), 0)), reason)
    }
}

/// What can be said without asking anybody else.
pub enum AtOnce {
    /// All.
    Reply(Reply),
    /// Nothing: this ruling lets it through, and others are to be asked.
    Ask(Ruling),
}

/// The answer, if nobody else has to be asked for it. Never waits.
pub fn at_once(own: &Resolver, asked: &Asked<'_>) -> AtOnce {
    let (shared, question) = (&own.shared, asked.question);
    if question.query_class != DNSClass::IN {
        return AtOnce::Reply(Reply::code(ResponseCode::Refused, None));
    }
    if question.query_type == RecordType::ANY {
        return AtOnce::Reply(Reply::made(made::minimal_any(question)));
    }
    if !is_forwarded(question.query_type) {
        return AtOnce::Reply(Reply::code(ResponseCode::NotImp, None));
    }
    let local = shared.own.answer(question, asked.near);
    if let Some(answer) = local.or_else(|| shared.special.answer(question)) {
        return AtOnce::Reply(Reply::made(answer));
    }
    let ruling = shared.ruling(asked.who, &question.name);
    if let Some(denial) = &ruling.denied {
        return AtOnce::Reply(shared.refused(asked, denial));
    }
    if ruling.instead.is_some() {
        return AtOnce::Ask(ruling);
    }
    let wanted = asked.wanted();
    let key = Key::new(question, asked.signatures, asked.no_checking);
    match own.kept_answer(&key, &wanted) {
        Found::Fresh { kept, left, .. } => {
            AtOnce::Reply(shared.judged(asked, &ruling, (kept, left, false)))
        }
        _ => AtOnce::Ask(ruling),
    }
}

/// The answer, whoever has to be asked for it.
pub async fn reply(own: &Resolver, asked: &Asked<'_>) -> Reply {
    match at_once(own, asked) {
        AtOnce::Reply(reply) => reply,
        AtOnce::Ask(ruling) => further(own, asked, ruling).await,
    }
}

/// The answer to what [`at_once`] could not say.
pub async fn further(own: &Resolver, asked: &Asked<'_>, ruling: Ruling) -> Reply {
    if let Some(safe) = &ruling.instead {
        return safely(own, asked, safe).await;
    }
    match own.answer(&asked.wanted()).await {
        Ok(found) => own.shared.judged(asked, &ruling, found),
        Err(why) => unanswered(why),
    }
}

/// A search engine's safe host, under the name of the engine: an alias, and the host's addresses.
/// Of all other types nothing, or browsers would go round it.
async fn safely(own: &Resolver, asked: &Asked<'_>, safe: &Host) -> Reply {
    let question = asked.question;
    let nothing = || Reply::made(made::no_data(&question.name, made::REFUSED_SECONDS));
    if ![RecordType::A, RecordType::AAAA].contains(&question.query_type) {
        return nothing();
    }
    let target = match safe {
        Host::Address(address) => {
            return Reply::made(made::addresses(question, &[*address], made::OWN_SECONDS));
        }
        Host::Name(name) => wire::name(name.as_str()),
    };
    let Some(target) = target else { return nothing() };
    let wanted = Wanted {
        question: Query::query(target.clone(), question.query_type),
        signatures: false,
        no_checking: false,
    };
    let (kept, left) = match own.answer(&wanted).await {
        Ok((kept, left, _)) => (kept, left),
        Err(why) => return unanswered(why),
    };
    let Ok(message) = kept.message.read() else { return nothing() };
    let mut answer = Answer::of_kept(message, left);
    answer.answers.insert(0, made::alias_record(&question.name, &target, left));
    answer.authentic = false;
    answer.hold_for(left);
    Reply::made(answer)
}

fn unanswered(why: Unanswered) -> Reply {
    let reason = match why {
        Unanswered::Code(_) => None,
        Unanswered::Bogus => Some(Ede::new(Ede::BOGUS, "")),
        other => Some(Ede::new(Ede::NETWORK, &other.to_string())),
    };
    Reply::code(ResponseCode::ServFail, reason)
}

impl Asked<'_> {
    fn wanted(&self) -> Wanted {
        Wanted {
            question: self.question.clone(),
            signatures: self.signatures,
            no_checking: self.no_checking,
        }
    }
}

impl Shared {
    fn refused(&self, asked: &Asked<'_>, denial: &Denial) -> Reply {
        let answer =
            made::refused(asked.question, self.config.refusal, self.own.addresses(&asked.near));
        Reply::Made(Box::new(answer), Some(denial.reason()))
    }

    /// An answer of others as this device may have it: what it leads to is judged like what was
    /// asked for (`CNAME` cloaking), and no name in it is hidden from the gateway.
    fn judged(&self, asked: &Asked<'_>, ruling: &Ruling, found: (Kept, u32, bool)) -> Reply {
        let (kept, left, is_old) = found;
        let left = left.min(seconds_until(ruling.until));
        if kept.is_plain && !is_old {
            return Reply::Kept(kept.message, left);
        }
        let Ok(message) = kept.message.read() else {
            return Reply::code(ResponseCode::ServFail, None);
        };
        let mut answer = Answer::of_kept(message, left);
        for name in answer.names() {
            if let Some(denial) = &self.ruling(asked.who, &name).denied {
                return self.refused(asked, denial);
            }
        }
        if ruling.filtered {
            strip_ech(&mut answer);
        }
        answer.hold_for(left);
        let reason = is_old.then(|| Ede::new(Ede::STALE, ""));
        Reply::Made(Box::new(answer), reason)
    }
}

/// Takes out what would hide names from the gateway. What was changed is no longer signed.
fn strip_ech(answer: &mut Answer) {
    let is_service = |kind: RecordType| [RecordType::SVCB, RecordType::HTTPS].contains(&kind);
    if !answer.answers.iter().any(|record| is_service(record.record_type())) {
        return;
    }
    let mut changed = false;
    let records = std::mem::take(&mut answer.answers);
    for record in records {
        if !is_service(record.record_type()) {
            answer.answers.push(record);
            continue;
        }
        let without = svcb::without_ech(&record);
        changed |= without.as_ref() != Some(&record);
        answer.answers.extend(without);
    }
    if changed {
        answer.authentic = false;
        answer.answers.retain(|one| !signed_type(one).is_some_and(is_service));
    }
}

/// What may be otherwise then counts no longer than until then, and a second at least.
pub fn seconds_until(until: Option<Timestamp>) -> u32 {
    let Some(until) = until else { return u32::MAX };
    let left = until.duration_since(Timestamp::now()).as_secs();
    u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}
