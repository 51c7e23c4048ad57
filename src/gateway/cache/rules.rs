//! What may be stored (RFC 9111 §3), and when it may be used (§4). Pure decisions.

use http::{
    HeaderMap, Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_LOCATION},
};
use jiff::Timestamp;

use super::{directives::RequestDirectives, head::Head};

/// Seconds for which something stale is better than nothing while the link or the origin is away
/// (§4.2.4), where nobody forbade it: a day.
const MAX_STALE_UNREACHED: i64 = 24 * 3600;

/// The directive `must-understand` (§5.2.2.3) asks for one of these: what the cache knows to mean
/// for storing (RFC 9110 §15).
fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203
            | 204
            | 300
            | 301
            | 302
            | 303
            | 307
            | 308
            | 400
            | 404
            | 405
            | 410
            | 414
            | 500
            | 501
            | 502
            | 503
            | 504
    )
}

/// Those that are never whole, or answer conditions of one client.
fn is_never_whole(status: StatusCode) -> bool {
    status.is_informational()
        || matches!(
            status,
            StatusCode::PARTIAL_CONTENT
                | StatusCode::NOT_MODIFIED
                | StatusCode::PRECONDITION_FAILED
                | StatusCode::RANGE_NOT_SATISFIABLE
        )
}

/// May this response to a GET be stored? Partial content is given with the status of its whole.
pub fn may_store(request: &HeaderMap, asked: &RequestDirectives, head: &Head) -> bool {
    let said = &head.directives;
    let understood = is_understood(head.status);
    if asked.no_store || said.private || is_never_whole(head.status) {
        return false;
    }
    if said.must_understand && !understood {
        return false;
    }
    // Whoever understands the status may overlook `no-store` beside `must-understand` (§5.2.2.3).
    if said.no_store && !said.must_understand {
        return false;
    }
    let shared = said.public || said.must_revalidate || said.s_maxage.is_some();
    if request.contains_key(AUTHORIZATION) && !shared {
        return false;
    }
    is_worth_storing(head)
}

/// Can it ever be used? Fresh for a time, or asked about by a validator.
fn is_worth_storing(head: &Head) -> bool {
    let fresh = head.lifetime.seconds > 0 && !head.directives.no_cache;
    fresh || (head.status.is_success() && head.validators().any())
}

/// May the answer to a POST be stored for a later GET (RFC 9110 §9.3.3)? It must say how long it
/// is fresh, and that it is what stands at this address.
pub fn answers_a_get(method: &Method, head: &Head, is_target: impl Fn(&[u8]) -> bool) -> bool {
    *method == Method::POST
        && head.status == StatusCode::OK
        && head.lifetime.explicit
        && head.lifetime.seconds > 0
        && head.headers.get(CONTENT_LOCATION).is_some_and(|at| is_target(at.as_bytes()))
}

/// What to do with what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Answer with it.
    Now,
    /// Answer with it, and ask the origin behind the client's back (RFC 5861 §3).
    AndAsk,
    /// Ask the origin first.
    AskFirst(Because),
}

/// Why the origin is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// It went stale.
    Stale,
    /// The client, or the response, wants it so.
    Request,
}

/// Decides (§4.2.4, §5.2.1). `always`: this address is never used unasked.
pub fn use_of(head: &Head, asked: &RequestDirectives, always: bool, now: Timestamp) -> Use {
    let (age, left) = (head.age(now).unwrap_or(i64::MAX), head.left(now));
    // What cannot change while fresh is not asked about for a mere reload (RFC 8246 §2).
    let reload = asked.max_age == Some(0) && head.directives.immutable && left > 0;
    let too_old = asked.max_age.is_some_and(|most| age > most || most == 0) && !reload;
    let not_enough = asked.min_fresh.is_some_and(|least| left < least);
    if asked.no_cache || too_old || not_enough {
        return Use::AskFirst(Because::Request);
    }
    if always || head.directives.no_cache {
        return Use::AskFirst(Because::Stale);
    }
    if left > 0 {
        return Use::Now;
    }
    if head.directives.never_stale() {
        return Use::AskFirst(Because::Stale);
    }
    let late = left.saturating_neg();
    if asked.max_stale.is_some_and(|most| late <= most) {
        return Use::Now;
    }
    if head.directives.stale_while_revalidate.is_some_and(|most| late <= most) {
        return Use::AndAsk;
    }
    Use::AskFirst(Because::Stale)
}

/// What went wrong when the origin was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No answer at all.
    Unreached,
    /// 500, 502, 503 or 504 (RFC 5861 §4).
    Failed,
}

impl Trouble {
    /// Is this status such a failure?
    pub fn of(status: StatusCode) -> Option<Self> {
        matches!(status.as_u16(), 500 | 502 | 503 | 504).then_some(Self::Failed)
    }
}

/// May what is stored stand in for an origin in trouble?
pub fn stands_in(
    head: &Head,
    asked: &RequestDirectives,
    always: bool,
    trouble: Trouble,
    now: Timestamp,
) -> bool {
    if always || asked.no_cache || head.directives.never_stale() {
        return false;
    }
    let late = head.left(now).saturating_neg();
    if asked.max_age.is_some() || asked.min_fresh.is_some() {
        return false;
    }
    let said = head.directives.stale_if_error.is_some_and(|most| late <= most);
    said || (trouble == Trouble::Unreached && late <= MAX_STALE_UNREACHED)
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
