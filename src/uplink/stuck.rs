//! Does the region take values? Found wrong when it has not for a while.

use jiff::{SignedDuration, Timestamp};

use super::status::{Figures, Trouble};
use crate::health::finding::{Evidence, Finding, Kind, Verdict, Watcher};

/// Requests in vain for so long are no passing thing.
const STUCK_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// Watches what the region answers.
#[derive(Debug)]
pub struct Stuck {
    figures: Figures,
}

impl Stuck {
    /// Of an uplink with these figures.
    pub fn new(figures: Figures) -> Self {
        Self { figures }
    }
}

impl Watcher for Stuck {
    fn findings(&self, now: Timestamp) -> Vec<Finding> {
        let Some(Trouble { since, words, waiting, taken_at }) = self.figures.trouble() else {
            return Vec::new();
        };
        let stuck = since.filter(|since| now.duration_since(*since) >= STUCK_AFTER);
        let (verdict, since) = match stuck {
            Some(since) => (Verdict::Wrong, since),
            None => (Verdict::Good, taken_at.unwrap_or(now)),
        };
        let mut finding = Finding::new(Kind::UplinkStuck, "", verdict, since);
        finding.last_good = taken_at;
        if stuck.is_some() {
            let waiting = format!("{waiting} valeurs attendent");
            finding.detail = format!("La région ne prend plus les mesures ({words}) ; {waiting}.");
        }
        vec![finding]
    }

    fn evidence(&self, kind: Kind, _: &str, from: Timestamp, to: Timestamp) -> Vec<Evidence> {
        if kind != Kind::UplinkStuck {
            return Vec::new();
        }
        let answers = self.figures.answers().into_iter();
        let within = answers.filter(|(at, _)| (from..=to).contains(at));
        within.map(|(at, words)| Evidence { at, says: format!("Réponse : {words}") }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::send::decide::Said;

    fn after(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn a_region_that_takes_nothing_for_a_quarter_of_an_hour_is_found_wrong_since_the_first_refusal()
    {
        let figures = Figures::default();
        let stuck = Stuck::new(figures.clone());
        assert!(stuck.findings(after(0)).is_empty(), "nothing is sent");
        figures.note_answer(Said::Taken, "204".into(), after(1));
        figures.note_answer(Said::Barred, "403".into(), after(2));
        let verdict = |minute| {
            let [finding] = stuck.findings(after(minute)).try_into().unwrap();
            (finding.verdict, finding.since, finding.detail)
        };
        assert_eq!(verdict(3).0, Verdict::Good);
        figures.note_answer(Said::Barred, "403 Forbidden".into(), after(16));
        let (wrong, since, detail) = verdict(17);
        assert_eq!((wrong, since), (Verdict::Wrong, after(2)));
        assert!(detail.contains("403 Forbidden"), "{detail}");
        figures.note_answer(Said::Taken, "204".into(), after(20));
        assert_eq!(verdict(20).0, Verdict::Good);
        let seen = stuck.evidence(Kind::UplinkStuck, "", after(10), after(30));
        let seen: Vec<_> = seen.iter().map(|one| &*one.says).collect();
        assert_eq!(seen, ["Réponse : 403 Forbidden", "Réponse : 204"]);
    }
}
