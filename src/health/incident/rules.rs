//! What each kind of incident waits for, and which explains which: data and one question, no state.

use jiff::SignedDuration;

use super::record::Thing;
use crate::health::finding::Kind;

/// How much an incident weighs on the school.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nobody is hindered yet.
    Notice,
    /// Something works badly, or in a few places not.
    Degraded,
    /// Something that many need is gone.
    Outage,
}

/// What a kind waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Seen wrong for so long, it opens.
    pub opens_after: SignedDuration,
    /// Seen good for so long, it closes.
    pub closes_after: SignedDuration,
    /// What is still wrong so long after its cause has gone stands for itself.
    pub after_cause: SignedDuration,
    /// Evidence is kept from so long before the beginning, and so long after it.
    pub evidence: SignedDuration,
    /// How much it weighs.
    pub severity: Severity,
}

/// The longest `after_cause` of all rules.
pub const LONGEST_AFTER_CAUSE: SignedDuration = SignedDuration::from_mins(10);

/// All of them.
pub const KINDS: [Kind; 20] = [
    Kind::LinkDown,
    Kind::LinkDegraded,
    Kind::LinkSlow,
    Kind::PathMtu,
    Kind::TargetSilent,
    Kind::NamesFail,
    Kind::ControllerSilent,
    Kind::AccessPointDown,
    Kind::WingDown,
    Kind::DiskFull,
    Kind::DiskFailing,
    Kind::Hot,
    Kind::ClockWrong,
    Kind::CertificateEnding,
    Kind::MirrorStuck,
    Kind::StoreDamaged,
    Kind::ListsOld,
    Kind::ProxyFails,
    Kind::UpdateFailed,
    Kind::UplinkStuck,
];

/// Its name in documents, settings and metrics.
pub fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::LinkDown => "link_down",
        Kind::LinkDegraded => "link_degraded",
        Kind::LinkSlow => "link_slow",
        Kind::PathMtu => "path_mtu",
        Kind::TargetSilent => "target_silent",
        Kind::NamesFail => "names_fail",
        Kind::ControllerSilent => "controller_silent",
        Kind::AccessPointDown => "access_point_down",
        Kind::WingDown => "wing_down",
        Kind::DiskFull => "disk_full",
        Kind::DiskFailing => "disk_failing",
        Kind::Hot => "hot",
        Kind::ClockWrong => "clock_wrong",
        Kind::CertificateEnding => "certificate_ending",
        Kind::MirrorStuck => "mirror_stuck",
        Kind::StoreDamaged => "store_damaged",
        Kind::ListsOld => "lists_old",
        Kind::ProxyFails => "proxy_fails",
        Kind::UpdateFailed => "update_failed",
        Kind::UplinkStuck => "uplink_stuck",
    }
}

/// The rule of a kind.
pub fn rule(kind: Kind) -> Rule {
    use Severity::{Degraded, Notice, Outage};
    // Seconds: wrong until it opens, good until it closes, left after its cause, evidence either side.
    let (opens, closes, left, evidence, severity) = match kind {
        // Those who measure have a hysteresis of their own: two would only be late.
        Kind::LinkDown => (0, 0, 60, 20, Outage),
        Kind::ControllerSilent => (0, 0, 60, 300, Outage),
        Kind::LinkDegraded => (60, 120, 120, 20, Degraded),
        Kind::LinkSlow => (0, 0, 120, 20, Degraded),
        Kind::PathMtu | Kind::TargetSilent => (60, 60, 120, 20, Degraded),
        Kind::NamesFail => (30, 60, 120, 20, Outage),
        // A controller that starts anew takes minutes to gather its access points.
        Kind::AccessPointDown => (120, 60, 600, 300, Degraded),
        Kind::WingDown => (60, 60, 600, 300, Outage),
        Kind::DiskFull => (300, 300, 600, 20, Degraded),
        Kind::DiskFailing => (60, 3600, 600, 20, Outage),
        Kind::Hot => (300, 600, 600, 20, Degraded),
        Kind::ClockWrong => (300, 60, 600, 20, Degraded),
        Kind::CertificateEnding | Kind::UpdateFailed => (60, 60, 600, 20, Notice),
        Kind::MirrorStuck => (900, 60, 600, 20, Degraded),
        Kind::StoreDamaged => (60, 60, 600, 20, Degraded),
        Kind::ListsOld => (300, 60, 600, 20, Notice),
        Kind::ProxyFails => (120, 120, 120, 20, Degraded),
        Kind::UplinkStuck => (600, 60, 600, 20, Notice),
    };
    let seconds = SignedDuration::from_secs;
    Rule {
        opens_after: seconds(opens),
        closes_after: seconds(closes),
        after_cause: seconds(left),
        evidence: seconds(evidence),
        severity,
    }
}

/// Causes before what they explain: who is looked at first in a second.
pub fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::LinkDown | Kind::ControllerSilent | Kind::DiskFailing => 0,
        Kind::WingDown | Kind::DiskFull | Kind::ClockWrong => 1,
        _ => 2,
    }
}

/// May something of this kind explain others?
pub fn is_cause(kind: Kind) -> bool {
    rank(kind) < 2
}

/// Does the one explain the other: is the other wrong because the one is?
pub fn explains(cause: &Thing, effect: &Thing) -> bool {
    if (cause.kind, &cause.subject) == (effect.kind, &effect.subject) {
        return false;
    }
    let inside = || effect.within.contains(&cause.subject);
    match (cause.kind, effect.kind) {
        (Kind::LinkDown, Kind::LinkDegraded | Kind::LinkSlow | Kind::PathMtu) => {
            effect.subject == cause.subject || inside()
        }
        // What belongs to another link has another cause; what belongs to none needs any.
        (
            Kind::LinkDown,
            Kind::TargetSilent
            | Kind::NamesFail
            | Kind::ClockWrong
            | Kind::MirrorStuck
            | Kind::ListsOld
            | Kind::ProxyFails
            | Kind::UpdateFailed
            | Kind::UplinkStuck,
        ) => effect.within.is_empty() || inside(),
        (Kind::ControllerSilent | Kind::WingDown, Kind::AccessPointDown | Kind::WingDown) => {
            inside()
        }
        (Kind::DiskFailing, Kind::StoreDamaged)
        | (Kind::DiskFull, Kind::MirrorStuck | Kind::UpdateFailed)
        // Who does not know the time believes no certificate, and is believed no sample.
        | (Kind::ClockWrong, Kind::UplinkStuck | Kind::NamesFail) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thing(kind: Kind, subject: &str, within: &[&str]) -> Thing {
        let within = within.iter().map(|&one| one.to_owned()).collect();
        Thing { kind, subject: subject.to_owned(), within }
    }

    #[test]
    fn names_are_those_of_documents_and_every_kind_has_its_rule() {
        for kind in KINDS {
            assert_eq!(serde_json::json!(kind), name(kind));
            assert!(rule(kind).after_cause <= LONGEST_AFTER_CAUSE, "{kind:?}");
        }
        let distinct: std::collections::BTreeSet<_> = KINDS.into_iter().collect();
        assert_eq!(distinct.len(), KINDS.len());
        assert_eq!(rule(Kind::LinkDown).opens_after, SignedDuration::ZERO);
        assert_eq!(rule(Kind::LinkDown).closes_after, SignedDuration::ZERO);
    }

    #[test]
    fn the_settings_know_every_kind_by_its_name() {
        assert_eq!(crate::config::INCIDENT_KINDS, KINDS.map(name));
    }

    #[test]
    fn a_link_explains_what_hangs_on_it_and_nothing_of_another() {
        let link = thing(Kind::LinkDown, "fibre", &[]);
        assert!(explains(&link, &thing(Kind::TargetSilent, "gar", &["fibre"])));
        assert!(explains(&link, &thing(Kind::MirrorStuck, "", &[])));
        assert!(explains(&link, &thing(Kind::LinkSlow, "fibre", &[])));
        assert!(!explains(&link, &thing(Kind::TargetSilent, "gar", &["4g"])));
        assert!(!explains(&link, &thing(Kind::LinkSlow, "4g", &[])));
        assert!(!explains(&link, &thing(Kind::AccessPointDown, "a", &["lycee"])));
        assert!(!explains(&link, &thing(Kind::DiskFull, "/", &[])));
    }

    #[test]
    fn nothing_explains_itself_and_causes_come_before_their_effects() {
        for cause in KINDS {
            for effect in KINDS {
                let (cause, effect) = (thing(cause, "a", &[]), thing(effect, "b", &["a"]));
                if explains(&cause, &effect) {
                    assert!(is_cause(cause.kind), "{cause:?}");
                    assert!(rank(cause.kind) <= rank(effect.kind), "{cause:?} {effect:?}");
                    assert!(!explains(&effect, &cause), "{cause:?} {effect:?} explain one another");
                }
            }
            let own = thing(cause, "a", &["a"]);
            assert!(!explains(&own, &own), "{cause:?}");
        }
    }
}
