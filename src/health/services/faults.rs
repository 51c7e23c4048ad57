//! What of the services is wrong, and how it is said. Pure.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{Mirror, Reading, tell::HTTPS};
use crate::{
    health::{
        finding::{Evidence, Kind},
        verdicts::{Says, Verdicts},
    },
    net::tally::Counts,
};

/// Before the end of a certificate, somebody must hear of it: so long, or a sixth of its life, which is
/// what a short-lived one has left when its renewal has failed for a day.
const CERTIFICATE_LEFT: SignedDuration = SignedDuration::from_hours(14 * 24);
const CERTIFICATE_PART: i32 = 6;
/// Without a byte for so long, the mirror is stuck: two nights have passed.
const STUCK: SignedDuration = SignedDuration::from_hours(48);
/// Tries in a row of one package after which a person should look.
const MANY_TRIES: u32 = 10;
/// A damaged package is news for a day; its replacement came meanwhile, or the mirror is stuck.
const DAMAGE_SHOWN: SignedDuration = SignedDuration::from_hours(24);
/// Makers publish lists every day.
const LISTS_GOOD: SignedDuration = SignedDuration::from_hours(30 * 24);
/// What the proxy is asked within so long is looked at together; with fewer requests, nothing is said.
pub const PROXY_WINDOW: SignedDuration = SignedDuration::from_mins(10);
const FEW_REQUESTS: u64 = 50;
/// Shares of it that fail.
const MUCH: f64 = 0.3;
const LITTLE: f64 = 0.15;

/// What came before a reading.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    /// When the mirror last moved, as far as was seen.
    pub moved_at: Timestamp,
    /// The proxy's counts at the beginning of its window.
    pub proxy: Counts,
}

/// Takes a reading.
pub fn judge(reading: &Reading, before: Before, verdicts: &mut Verdicts) {
    let now = reading.at;
    verdicts.begin();
    certificate(reading, verdicts);
    mirror(reading, before.moved_at, verdicts);
    store(reading, verdicts);
    if let Some(date) = reading.lists {
        let says = if now.duration_since(date) > LISTS_GOOD { Says::Wrong } else { Says::Good };
        verdicts.say((Kind::ListsOld, ""), says, now, || {
            format!("les listes du filtre datent du {}", day(date))
        });
    }
    proxy(reading, before.proxy, verdicts);
    verdicts.end(now);
}

fn certificate(reading: &Reading, verdicts: &mut Verdicts) {
    let Some((begins, ends)) = reading.certificate else { return };
    let now = reading.at;
    let enough = CERTIFICATE_LEFT.min(ends.duration_since(begins) / CERTIFICATE_PART);
    let says = if ends.duration_since(now) < enough { Says::Wrong } else { Says::Good };
    verdicts.say((Kind::CertificateEnding, HTTPS), says, now, || {
        if ends <= now {
            format!("le certificat du portail a expiré le {}", day(ends))
        } else {
            format!("le certificat du portail expire le {}", day(ends))
        }
    });
}

fn mirror(reading: &Reading, moved_at: Timestamp, verdicts: &mut Verdicts) {
    let (now, mirror) = (reading.at, &reading.mirror);
    let waits = mirror.wanted + mirror.failed > 0;
    let still = now.duration_since(moved_at) >= STUCK;
    let hard = mirror.hardest.as_ref().is_some_and(|(tries, ..)| *tries >= MANY_TRIES);
    let says = if waits && (still || hard) { Says::Wrong } else { Says::Good };
    verdicts.say((Kind::MirrorStuck, ""), says, now, || stuck(mirror, still, moved_at));
    if waits && still {
        verdicts.wrong_since(Kind::MirrorStuck, "", moved_at);
    }
}

fn stuck(mirror: &Mirror, still: bool, moved_at: Timestamp) -> String {
    let count = mirror.wanted + mirror.failed;
    let mut says = format!("{count} manuels attendus");
    if still {
        says.push_str(&format!(", rien n’est arrivé depuis le {}", day(moved_at)));
    }
    if let Some((tries, title, why)) = &mirror.hardest {
        says.push_str(&format!(" ; « {title} » : {tries} essais, {why}"));
    } else if let Some(why) = &mirror.held_back {
        says.push_str(&format!(" ; {why}"));
    }
    says
}

fn store(reading: &Reading, verdicts: &mut Verdicts) {
    let Some(damaged) = &reading.damaged else { return };
    let now = reading.at;
    let lately = |at: &&Timestamp| now.duration_since(**at) < DAMAGE_SHOWN;
    let lately: Vec<&Timestamp> = damaged.iter().filter(lately).collect();
    let says = if lately.is_empty() { Says::Good } else { Says::Wrong };
    verdicts.say((Kind::StoreDamaged, ""), says, now, || {
        format!(
            "{} manuels abîmés sur le disque ont été mis de côté depuis un jour, et sont téléchargés \
             de nouveau",
            lately.len()
        )
    });
    if let Some(first) = lately.first() {
        verdicts.wrong_since(Kind::StoreDamaged, "", **first);
    }
}

fn proxy(reading: &Reading, before: Counts, verdicts: &mut Verdicts) {
    let (served, failed) = since(reading.proxy, before);
    let says = match share(served, failed) {
        Some(share) => Says::of_rising(share, MUCH, LITTLE),
        None => Says::Unknown,
    };
    verdicts.say((Kind::ProxyFails, ""), says, reading.at, || {
        format!("{failed} demandes sur {} ont échoué en dix minutes", served + failed)
    });
}

/// Of what the proxy was asked since then, and was not refused: served, failed.
fn since(now: Counts, before: Counts) -> (u64, u64) {
    (now.served.saturating_sub(before.served), now.failed.saturating_sub(before.failed))
}

#[expect(clippy::cast_precision_loss, reason = "requests of ten minutes")]
fn share(served: u64, failed: u64) -> Option<f64> {
    let all = served + failed;
    (all >= FEW_REQUESTS).then(|| failed as f64 / all as f64)
}

/// What a reading says of one thing that is watched, in a line.
pub fn evidence(reading: &Reading, before: Option<&Reading>, kind: Kind) -> Option<Evidence> {
    let says = match kind {
        Kind::MirrorStuck => {
            let Mirror { wanted, failed, .. } = reading.mirror;
            format!("manuels attendus : {wanted}, en échec : {failed}")
        }
        Kind::StoreDamaged => {
            format!("paquets mis de côté : {}", reading.damaged.as_ref()?.len())
        }
        Kind::ProxyFails => {
            let (served, failed) = since(reading.proxy, before?.proxy);
            format!("mandataire, en une minute : {served} servies, {failed} en échec")
        }
        Kind::CertificateEnding => format!("fin du certificat : {}", day(reading.certificate?.1)),
        Kind::ListsOld => format!("date des listes : {}", day(reading.lists?)),
        _ => return None,
    };
    Some(Evidence { at: reading.at, says })
}

fn day(moment: Timestamp) -> String {
    moment.to_zoned_datetime(TimeZone::UTC).strftime("%d/%m/%Y").to_string()
}
