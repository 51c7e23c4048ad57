//! What the types of `[journal]` cannot say.

use super::Found;
use crate::config::{
    ByteSize, Config, Period,
    report::Severity::{Error, Warning},
};

/// Less would be no account.
const SHORTEST_TERM: Period = Period::hours(24);
/// The law knows no longer one (L34-1 CPCE: five years at most, of identities).
const LONGEST_TERM: Period = Period::hours(5 * 366 * 24);
const LEAST: ByteSize = ByteSize::mib(64);

pub(super) fn check_journal(config: &Config, found: &mut Found<'_>) {
    let journal = &config.journal;
    for (key, term) in
        [("journal.term", journal.term), ("journal.refusals_term", journal.refusals_term)]
    {
        if term < SHORTEST_TERM || term > LONGEST_TERM {
            found(key, Error, format!("records kept for {term}"), "1d to 1830d");
        }
    }
    if journal.most < LEAST {
        let says = format!("{} fill in no time", journal.most);
        found("journal.most", Error, says, "64 MiB or more");
    }
    let gateway = &config.gateway;
    let taken = &gateway.transparent;
    let carries = [&gateway.listen, &taken.http, &taken.tls].iter().any(|on| !on.is_empty());
    if carries && journal.region_key.is_none() {
        let says = "connections are carried, and no account of them is kept".to_owned();
        let expected = "the region's public key, from `preau-region journal keygen`";
        found("journal.region_key", Warning, says, expected);
    }
}
