//! Signatures of names (DNSSEC): passed on to who wants them, and checked where the settings say so.
//! Against `nsd`, zones signed by `ldns-signzone`, asked with `dig`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::net::SocketAddr;

use support::{
    dig::dig,
    school_box::{SchoolBox, free_address},
    signed::{Signed, Signing, Zone},
};

const ZONES: &[Zone<'_>] = &[
    (
        "ecole",
        Signing::Plain,
        "www A 9.9.9.9\n\
         alias CNAME www\n\
         ailleurs CNAME www.nu.\n\
         perdu CNAME rien.trois.\n\
         *.libre A 9.9.9.10\n\
         vieux DNAME trois.\n\
         www HTTPS 1 . alpn=h2\n",
    ),
    ("trois", Signing::Hashed, "www A 9.9.9.11\n*.libre A 9.9.9.17\n"),
    ("nu", Signing::None, "www A 9.9.9.12\n"),
    ("faux", Signing::Plain, "www A 9.9.9.13\nsans A 9.9.9.14\nbon A 9.9.9.15\n"),
    ("passe", Signing::Expired, "www A 9.9.9.16\n"),
];

/// A forger's hand in `faux`: another address, a signature taken away, no proof of what is not there.
fn tampered(zone: &str, text: String) -> String {
    if zone != "faux." {
        return text;
    }
    let is_left = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_proof = words.contains(&"NSEC");
        let is_signature = words.contains(&"RRSIG") && words.contains(&"A");
        !(is_proof || line.starts_with("sans.faux.") && is_signature)
    };
    let lines: Vec<&str> = text.lines().filter(is_left).collect();
    lines.join("\n").replace("9.9.9.13", "6.6.6.6") + "\n"
}

struct School {
    school: SchoolBox,
    dns: SocketAddr,
    _zones: Signed,
}

impl School {
    fn start(settings: impl Fn(&Signed) -> String) -> Self {
        let zones = Signed::start(ZONES, &tampered);
        let dns = free_address();
        let settings = format!(
            "[dns]\nlisten = [\"{dns}\"]\nresolvers = [\"{}\"]\n{}\n",
            zones.address,
            settings(&zones)
        );
        Self { school: SchoolBox::start("0510035L", &settings), dns, _zones: zones }
    }

    fn validating() -> Self {
        Self::start(|zones| {
            format!("dnssec = \"validate\"\ntrust_anchors = \"{}\"", zones.anchors())
        })
    }

    fn passing() -> Self {
        Self::start(|_| String::new())
    }

    /// What `dig` shows; it fails the test when it gets no answer.
    fn dig(&self, words: &str) -> String {
        dig(&self.school, self.dns, words)
    }

    /// The code, is it said to be checked, and what is found.
    fn said(&self, words: &str) -> (String, bool, bool) {
        let said = self.dig(words);
        let after = |mark: &str| said.split(mark).nth(1).unwrap_or_default().to_owned();
        let code = after("status: ").split(',').next().unwrap().to_owned();
        let flags = after("flags: ").split(';').next().unwrap().to_owned();
        (code, flags.split(' ').any(|flag| flag == "ad"), said.contains("ANSWER SECTION"))
    }
}

fn secure(code: &str, found: bool) -> (String, bool, bool) {
    (code.to_owned(), true, found)
}

#[test]
fn what_its_zone_signed_is_told_as_checked_with_and_without_its_signatures() {
    let school = School::validating();
    let with = school.dig("+dnssec www.ecole A");
    assert!(with.contains(" ad") && with.contains("RRSIG") && with.contains("9.9.9.9"), "{with}");
    let without = school.dig("www.ecole A");
    assert!(without.contains(" ad") && !without.contains("RRSIG"), "{without}");
    // RFC 6840 §5.8: who does not know what AD is, is not told.
    assert_eq!(school.said("+noadflag www.ecole A"), ("NOERROR".to_owned(), false, true));
    // Out of the cache as before.
    assert_eq!(school.said("www.ecole A"), secure("NOERROR", true));
    for words in ["www.ecole HTTPS", "alias.ecole A", "www.trois A"] {
        assert_eq!(school.said(words), secure("NOERROR", true), "{}", school.dig(words));
    }
    // The alias that a DNAME makes is not signed; what makes it is.
    let moved = school.dig("www.vieux.ecole A");
    assert!(moved.contains(" ad") && moved.contains("9.9.9.11"), "{moved}");
}

#[test]
fn what_a_wildcard_makes_is_told_as_checked_however_far_below_it() {
    let school = School::validating();
    for zone in ["ecole", "trois"] {
        for below in ["x", "y.x", "*"] {
            let words = format!("{below}.libre.{zone} A");
            assert_eq!(school.said(&words), secure("NOERROR", true), "{}", school.dig(&words));
            let words = format!("{below}.libre.{zone} AAAA");
            assert_eq!(school.said(&words), secure("NOERROR", false), "{}", school.dig(&words));
        }
    }
}

#[test]
fn what_is_not_there_is_proven_by_either_kind_of_proof_and_at_the_end_of_an_alias() {
    let school = School::validating();
    for words in ["rien.ecole A", "rien.trois A", "a.b.c.trois AAAA"] {
        assert_eq!(school.said(words), secure("NXDOMAIN", false), "{}", school.dig(words));
    }
    for words in ["www.ecole AAAA", "www.trois AAAA"] {
        assert_eq!(school.said(words), secure("NOERROR", false), "{}", school.dig(words));
    }
    assert_eq!(school.said("perdu.ecole A"), secure("NXDOMAIN", true));
    let proof = school.dig("+dnssec rien.ecole A");
    assert!(proof.contains("NSEC") && proof.contains("RRSIG"), "{proof}");
}

#[test]
fn what_was_tampered_with_is_not_told_but_to_who_checks_itself() {
    let school = School::validating();
    for words in ["www.faux A", "sans.faux A", "rien.faux A", "www.passe A"] {
        let refused = school.dig(words);
        assert!(refused.contains("status: SERVFAIL"), "{refused}");
        // RFC 8914 §4.7.
        assert!(refused.contains("EDE: 6 (DNSSEC Bogus)"), "{refused}");
        assert!(!refused.contains("6.6.6.6"), "{refused}");
    }
    let unchecked = school.dig("+cd +dnssec www.faux A");
    assert!(unchecked.contains("6.6.6.6") && unchecked.contains("RRSIG"), "{unchecked}");
    assert!(!unchecked.contains(" ad"), "{unchecked}");
    // What of that zone is as it was signed, is told; and asked again, the rest still is not.
    assert_eq!(school.said("bon.faux A"), secure("NOERROR", true));
    assert!(school.dig("www.faux A").contains("SERVFAIL"));
}

#[test]
fn a_zone_that_is_proven_not_to_be_signed_is_told_without_a_claim() {
    let school = School::validating();
    for (words, found) in [("www.nu A", true), ("ailleurs.ecole A", true)] {
        assert_eq!(school.said(words), ("NOERROR".to_owned(), false, found), "{words}");
    }
    assert_eq!(school.said("rien.nu A"), ("NXDOMAIN".to_owned(), false, false));
}

#[test]
fn where_signatures_are_only_passed_on_they_come_as_they_are() {
    let school = School::passing();
    let signed = school.dig("+dnssec www.ecole A");
    assert!(signed.contains("RRSIG") && signed.contains("9.9.9.9"), "{signed}");
    let proof = school.dig("+dnssec rien.trois A");
    assert!(proof.contains("NSEC3") && proof.contains("RRSIG"), "{proof}");
    assert!(!school.dig("www.ecole A").contains("RRSIG"));
    let tampered = school.dig("www.faux A");
    assert!(tampered.contains("6.6.6.6") && !tampered.contains(" ad"), "{tampered}");
}

#[test]
fn with_keys_that_are_not_the_root_s_nothing_signed_is_told() {
    let other = Signed::start(&[], &|_, text| text);
    let school = School::start(|_| {
        format!("dnssec = \"validate\"\ntrust_anchors = \"{}\"", other.anchors())
    });
    let refused = school.dig("www.ecole A");
    assert!(refused.contains("status: SERVFAIL") && refused.contains("EDE: 6"), "{refused}");
}

#[test]
fn a_name_of_the_school_s_own_is_not_asked_for_signatures() {
    let school = School::start(|zones| {
        format!(
            "dnssec = \"validate\"\ntrust_anchors = \"{}\"\nprivate = [\"faux\"]",
            zones.anchors()
        )
    });
    assert_eq!(school.said("www.faux A"), ("NOERROR".to_owned(), false, true));
}
