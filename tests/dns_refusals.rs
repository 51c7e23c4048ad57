//! A name that the resolver refuses has its line in both logs: no connection follows that would.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod journal_support;
mod support;

use std::time::Duration;

use jiff::Timestamp;
use journal_support::all;
use preau::journal::{Identity, Record, Refused, Verdict, new_identity};
use support::{
    dig::dig,
    names::Names,
    school_box::{SchoolBox, free_address},
    until,
};

const POLICY: &str = r#"
[[filter.profiles]]
name = "eleves"
networks = ["127.0.0.0/8"]
[[filter.rules]]
name = "jeux en ligne"
sites = ["jeux.example"]
"#;

#[test]
fn a_refused_name_is_one_line_however_often_and_in_how_many_kinds_it_is_asked_for() {
    let names = Names::start(&[("innocent.example", &["cache.jeux.example"])]);
    let (public, private) = new_identity();
    let identity: Identity = private.parse().unwrap();
    let dns = free_address();
    let settings = format!(
        "[dns]\nlisten = [\"{dns}\"]\nresolvers = [\"{}\"]\n[journal]\nregion_key = \"{public}\"\n{POLICY}",
        names.address
    );
    let school = SchoolBox::start_with("0510035L", "", &settings);
    for words in ["jeux.example A", "jeux.example AAAA", "jeux.example HTTPS", "innocent.example A"]
    {
        let said = dig(&school, dns, words);
        assert!(said.contains("NXDOMAIN"), "{words}: {said}\n{}", school.log());
    }
    let journal = school.folder.path().join("data/journal");
    let refused: Vec<Refused> = until("the log of refusals", || {
        let rows = all(&journal.join("refusals"), &identity, Timestamp::now()).0;
        (rows.len() >= 2).then_some(rows)
    });
    let domains: Vec<_> = refused.iter().map(|row| &*row.domain).collect();
    assert_eq!(domains, ["jeux.example", "cache.jeux.example"], "what an alias led to, too");
    assert!(refused.iter().all(|row| row.profile.as_deref() == Some("eleves")));
    let rows: Vec<Record> = all(&journal.join("connections"), &identity, Timestamp::now()).0;
    assert_eq!(rows.len(), 2);
    let told = (rows[0].device.ip(), rows[0].verdict, rows[0].name.as_deref());
    assert_eq!(told, (dns.ip(), Verdict::Denied, Some("jeux.example")));
    let since = Timestamp::now().duration_since(rows[0].at);
    assert!(since.unsigned_abs() < Duration::from_secs(120));
}
