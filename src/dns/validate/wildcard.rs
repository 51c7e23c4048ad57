//! Was nothing nearer than the wildcard of which an answer was made (RFC 4035 §5.3.4)? Pure.
//!
//! Ours, for NSEC alone: `hickory_net` 0.26 looks for the proof at the wildcard itself, and takes
//! what was made of `*.example` for forged (hickory-dns, pull request 3812). All signatures are
//! checked by it before.

use hickory_proto::{
    dnssec::{
        Proof,
        rdata::{DNSSECRData, NSEC},
    },
    op::Message,
    rr::{Name, RData, Record, RecordType},
};

/// Is it proven of an answer whose records' proofs are known?
pub fn is_proven(response: &Message, asked: &Name) -> bool {
    let is_secure = |one: &&Record| one.proof == Proof::Secure;
    let mut records = response.answers.iter().filter(|one| one.record_type() != RecordType::RRSIG);
    let has_records = response.answers.iter().any(|one| one.record_type() != RecordType::RRSIG);
    let labels = response.answers.iter().filter(is_secure).find_map(|one| match &one.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => Some(signature.input().num_labels),
        _ => None,
    });
    let Some(labels) = labels.filter(|labels| *labels < asked.num_labels()) else { return false };
    // The one name that, if it were there, would have kept the wildcard away (RFC 7129 §5.3).
    let nearer = asked.trim_to(usize::from(labels) + 1);
    let mut nsecs = response.authorities.iter().filter(is_secure);
    has_records
        && records.all(|one| is_secure(&one))
        && nsecs.any(|one| match &one.data {
            RData::DNSSEC(DNSSECRData::NSEC(nsec)) => says_not_there(&one.name, nsec, &nearer),
            _ => false,
        })
}

/// Does an NSEC say that there is no such name, and none below it (RFC 4034 §4.1)?
fn says_not_there(owner: &Name, nsec: &NSEC, name: &Name) -> bool {
    let next = nsec.next_domain_name();
    // RFC 6840 §4.1: of a delegation, what is below it is another zone's to say.
    let is_cut = nsec.type_set().contains(RecordType::NS)
        && !nsec.type_set().contains(RecordType::SOA)
        || nsec.type_set().contains(RecordType::DNAME);
    // The last of a zone leads back to its start.
    let is_before_next = name < next || (next <= owner && next.zone_of(name));
    !(is_cut && owner.zone_of(name)) && owner < name && is_before_next && !name.zone_of(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::testing::name;

    #[test]
    fn only_what_lies_between_its_names_is_said_not_to_be_there() {
        let says = |owner: &str, next: &str, kinds: &[RecordType], asked: &str| {
            let nsec = NSEC::new(name(next), kinds.iter().copied());
            says_not_there(&name(owner), &nsec, &name(asked))
        };
        let plain = &[RecordType::A, RecordType::RRSIG, RecordType::NSEC];
        assert!(says("b.example", "d.example", plain, "C.example"));
        assert!(says("b.example", "d.example", plain, "x.b.example"));
        assert!(says("y.example", "example", plain, "z.example"));
        for (owner, next, asked) in [
            ("b.example", "d.example", "b.example"),
            ("b.example", "d.example", "d.example"),
            ("b.example", "d.example", "e.example"),
            // It is there, with nothing of its own but what is below it.
            ("b.example", "x.c.example", "c.example"),
            // Of another zone.
            ("y.aaa", "aaa", "z.example"),
        ] {
            assert!(!says(owner, next, plain, asked), "{owner} {next} {asked}");
        }
        let delegation = &[RecordType::NS, RecordType::NSEC];
        assert!(!says("b.example", "d.example", delegation, "x.b.example"));
        assert!(says("b.example", "d.example", delegation, "c.example"));
    }
}
