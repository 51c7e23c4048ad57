//! Are the signatures of an answer right (DNSSEC, RFC 4035 §5)? `hickory_net` says so; keys and
//! delegations it asks for come like any answer, through the cache.
//!
//! Not here: passing on signatures to who wants them, which is done whether they are checked or not.

mod anchors;
mod parts;
mod wildcard;

use std::{fmt, pin::Pin, sync::Weak, time::Duration};

use futures_util::{Stream, stream};
use hickory_net::{
    DnsError, NetError,
    dnssec::DnssecDnsHandle,
    runtime::TokioRuntimeProvider,
    xfer::{DnsHandle, FirstAnswer as _},
};
use hickory_proto::{
    dnssec::Proof,
    op::{DnsRequest, DnsRequestOptions, DnsResponse, Message, MessageType, Query},
    rr::RecordType,
};

pub use self::anchors::{Anchors, AnchorsError, anchors};
use self::parts::Part;
use super::{
    Resolver, Shared,
    answer::Answer,
    upstream::Wanted,
    wire::{self, MAX_MESSAGE_BYTES},
};

/// Signatures and proofs of one answer that are looked at; of more, the answer is not believed: who
/// makes them wants the box to count (CVE-2023-50387, CVE-2023-50868).
const MAX_PROOFS: usize = 64;
/// All keys and delegations of one answer must be there within this.
const TIMEOUT: Duration = Duration::from_secs(5);
/// RFC 9276 §3.2: hashes of more rounds are not counted; such a zone is as if it were not signed.
const MAX_NSEC3_ROUNDS: u16 = 100;
/// Verdicts on sets of records that are remembered.
const MAX_REMEMBERED: usize = 4096;

/// What signatures say of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is signed, for so many seconds yet.
    Secure(u32),
    /// Part of it comes from a zone that is not signed, which is proven.
    Insecure,
    /// It is not what its zone says, or that cannot be known.
    Bogus,
}

/// Checks answers.
#[derive(Clone)]
pub struct Validator(DnssecDnsHandle<Asking>);

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validator")
    }
}

impl Validator {
    /// That trusts these keys and asks this resolver for all others.
    pub(super) fn new(asking: Weak<Shared>, anchors: Anchors) -> Self {
        let handle = DnssecDnsHandle::with_trust_anchor(Asking(asking), anchors.0)
            .nsec3_iteration_limits(Some(MAX_NSEC3_ROUNDS), Some(MAX_NSEC3_ROUNDS))
            .validation_cache_size(MAX_REMEMBERED);
        Self(handle)
    }

    /// What the signatures say of an answer that has them all.
    pub async fn verdict(&self, answer: &Answer, asked: &Query) -> Verdict {
        let proofs = answer
            .answers
            .iter()
            .chain(&answer.authority)
            .filter(|one| is_proof(one.record_type()));
        if proofs.count() > MAX_PROOFS {
            return Verdict::Bogus;
        }
        let verdict = async {
            let mut all = Verdict::Secure(u32::MAX);
            for part in parts::of(answer, asked) {
                all = match (all, self.part(&part).await) {
                    (Verdict::Secure(one), Verdict::Secure(other)) => {
                        Verdict::Secure(one.min(other))
                    }
                    (_, Verdict::Bogus) => return Verdict::Bogus,
                    _ => Verdict::Insecure,
                };
            }
            all
        };
        tokio::time::timeout(TIMEOUT, verdict).await.unwrap_or(Verdict::Bogus)
    }

    async fn part(&self, part: &Part) -> Verdict {
        // It is read by `hickory_proto` as a whole here: what that does not take apart, nobody can
        // have signed in its canonical form.
        let bytes = wire::write(&part.message(), MAX_MESSAGE_BYTES);
        let Ok(message) = Message::from_vec(&bytes) else { return Verdict::Bogus };
        let request = DnsRequest::new(message, DnsRequestOptions::default());
        match self.0.send(request).first_answer().await {
            Ok(response) => weakest(&response),
            Err(NetError::Dns(DnsError::Nsec { proof: Proof::Insecure, .. })) => Verdict::Insecure,
            Err(NetError::Dns(DnsError::Nsec { response, .. }))
                if wildcard::is_proven(&response, &part.asked.name) =>
            {
                weakest(&response)
            }
            Err(error) => {
                tracing::debug!(name = %part.asked.name, %error, "signatures are not right");
                Verdict::Bogus
            }
        }
    }
}

fn is_proof(kind: RecordType) -> bool {
    matches!(kind, RecordType::RRSIG | RecordType::NSEC | RecordType::NSEC3)
}

/// The weakest of all records' proofs. Signatures have none of their own.
fn weakest(response: &Message) -> Verdict {
    let records = response.answers.iter().chain(&response.authorities);
    let signed = records.filter(|one| one.record_type() != RecordType::RRSIG);
    let of_record = |(proof, ttl)| match proof {
        Proof::Secure => Verdict::Secure(ttl),
        Proof::Insecure => Verdict::Insecure,
        Proof::Bogus | Proof::Indeterminate => Verdict::Bogus,
    };
    let weakest = signed.map(|one| (one.proof, one.ttl)).min();
    // Nothing at all, and no error: the zone is proven not to be signed.
    weakest.map_or(Verdict::Insecure, of_record)
}

/// The box's own questions, as `hickory_net` asks them.
#[derive(Clone)]
struct Asking(Weak<Shared>);

impl Asking {
    async fn answered(self, request: DnsRequest) -> Result<DnsResponse, NetError> {
        // What is to be checked came long ago: it is its own question, and its own answer.
        if request.metadata.message_type == MessageType::Response {
            return Ok(DnsResponse::from_message(request.into_parts().0)?);
        }
        let question = request.queries.first().cloned().unwrap_or_default();
        let shared = self.0.upgrade().ok_or(NetError::NoConnections)?;
        let wanted = Wanted { question, signatures: true, no_checking: true };
        let answer = Resolver { shared }.answer(&wanted).await;
        let (kept, ..) = answer.map_err(|why| NetError::Msg(why.to_string()))?;
        Ok(DnsResponse::from_buffer(kept.message.message().to_vec())?)
    }
}

impl DnsHandle for Asking {
    type Response = Pin<Box<dyn Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        Box::pin(stream::once(self.clone().answered(request)))
    }
}
