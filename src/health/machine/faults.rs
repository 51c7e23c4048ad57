//! What of a reading is wrong, and how it is said. Pure.

use jiff::{SignedDuration, Timestamp};

use super::{Disk, Reading, Wear};
use crate::health::{
    finding::{Evidence, Kind},
    verdicts::{Says, Verdicts},
};

/// Good again with half as much more than what is to stay free.
const FREE_AGAIN: f64 = 1.5;
/// Of the files that a file system may hold, this part must be left; and this, to be good again.
const FILES_LEFT: f64 = 0.02;
const FILES_LEFT_AGAIN: f64 = 0.03;
/// °C below the limit at which it is not too hot any more.
const COOLER: f64 = 8.0;
/// A clock that was just started, or whose service was, needs this to be synchronised.
const SETTLING: SignedDuration = SignedDuration::from_mins(10);
/// Seconds by which the clock may be off: the region refuses what comes from later than two minutes.
const OFF: f64 = 1.0;
const OFF_AGAIN: f64 = 0.5;

/// Takes a reading. `unsynchronised` is since when the clock was not.
pub fn judge(reading: &Reading, unsynchronised: Option<Timestamp>, verdicts: &mut Verdicts) {
    let now = reading.at;
    verdicts.begin();
    for disk in &reading.disks {
        let at = disk.mountpoint.as_str();
        verdicts.say((Kind::DiskFull, at), full(disk), now, || room(disk));
        let says = if disk.read_only { Says::Wrong } else { Says::Good };
        verdicts.say((Kind::DiskFailing, at), says, now, || {
            format!("{at} n’est plus accessible qu’en lecture : erreur du disque ou du système de fichiers")
        });
    }
    for disk in &reading.wear {
        let says = match disk.healthy {
            Some(true) => Says::Good,
            Some(false) => Says::Wrong,
            None => Says::Unknown,
        };
        verdicts.say((Kind::DiskFailing, &disk.device), says, now, || worn(disk));
    }
    for heat in &reading.heat {
        let says = Says::of_rising(heat.celsius, heat.limit, heat.limit - COOLER);
        verdicts.say((Kind::Hot, &heat.sensor), says, now, || {
            let (celsius, limit) = (comma(heat.celsius, 0), comma(heat.limit, 0));
            format!("{} : {celsius} °C, pour une limite de {limit} °C", heat.sensor)
        });
    }
    clock(reading, unsynchronised, verdicts);
    verdicts.end(now);
}

fn full(disk: &Disk) -> Says {
    let bytes = Says::of_rising(
        -number(disk.free),
        -number(disk.wanted),
        -number(disk.wanted) * FREE_AGAIN,
    );
    let (files, left) = disk.files;
    if files == 0 {
        return bytes;
    }
    let left = -number(left) / number(files);
    match (bytes, Says::of_rising(left, -FILES_LEFT, -FILES_LEFT_AGAIN)) {
        (Says::Wrong, _) | (_, Says::Wrong) => Says::Wrong,
        (Says::Good, Says::Good) => Says::Good,
        _ => Says::Between,
    }
}

fn clock(reading: &Reading, unsynchronised: Option<Timestamp>, verdicts: &mut Verdicts) {
    let now = reading.at;
    let off = reading.clock.offset.map(f64::abs);
    let says = match unsynchronised {
        Some(since) if now.duration_since(since).abs() >= SETTLING => Says::Wrong,
        Some(_) => Says::Between,
        None => off.map_or(Says::Good, |off| Says::of_rising(off, OFF, OFF_AGAIN)),
    };
    verdicts.say((Kind::ClockWrong, ""), says, now, || match off.filter(|off| *off >= OFF_AGAIN) {
        Some(off) => format!("l’horloge est décalée de {} s", comma(off, 1)),
        None => "l’horloge n’est plus synchronisée : aucun serveur de temps ne répond, \
                 ou elle a été réglée à la main"
            .to_owned(),
    });
    if let Some(since) = unsynchronised {
        verdicts.wrong_since(Kind::ClockWrong, "", since);
    }
}

fn room(disk: &Disk) -> String {
    let at = &disk.mountpoint;
    let (files, left) = disk.files;
    if disk.free >= disk.wanted && files > 0 {
        return format!("{at} : il ne reste de place que pour {left} fichiers sur {files}");
    }
    let (free, size, wanted) = (bytes(disk.free), bytes(disk.size), bytes(disk.wanted));
    format!("{at} : {free} libres sur {size}, il en faut {wanted}")
}

fn worn(disk: &Wear) -> String {
    let says = disk.says.unwrap_or("le disque se dit défaillant");
    match disk.used {
        Some(used) => format!("{} : {says} (usure {} %)", disk.device, comma(used * 100.0, 0)),
        None => format!("{} : {says}", disk.device),
    }
}

/// What a reading says of one thing that is watched, in a line.
pub fn evidence(reading: &Reading, kind: Kind, subject: &str) -> Option<Evidence> {
    let disk = || reading.disks.iter().find(|disk| disk.mountpoint == subject);
    let says = match kind {
        Kind::DiskFull => room_in_short(disk()?),
        Kind::DiskFailing => {
            let worn = reading.wear.iter().find(|disk| disk.device == subject);
            match (worn, disk()) {
                (Some(one), _) => worn_in_short(one),
                (None, Some(disk)) if disk.read_only => format!("{subject} : lecture seule"),
                (None, Some(_)) => format!("{subject} : lecture et écriture"),
                (None, None) => return None,
            }
        }
        Kind::Hot => {
            let heat = reading.heat.iter().find(|heat| heat.sensor == subject)?;
            format!("{subject} : {} °C", comma(heat.celsius, 0))
        }
        Kind::ClockWrong => {
            let state =
                if reading.clock.synchronised { "synchronisée" } else { "non synchronisée" };
            match reading.clock.offset {
                Some(off) => format!("horloge {state}, écart {} s", comma(off, 3)),
                None => format!("horloge {state}"),
            }
        }
        _ => return None,
    };
    Some(Evidence { at: reading.at, says })
}

fn room_in_short(disk: &Disk) -> String {
    format!("{} : {} libres sur {}", disk.mountpoint, bytes(disk.free), bytes(disk.size))
}

fn worn_in_short(disk: &Wear) -> String {
    if disk.healthy == Some(false) {
        worn(disk)
    } else {
        format!("{} : rien à signaler", disk.device)
    }
}

/// As French has it: `1,5 Gio`.
fn bytes(count: u64) -> String {
    let units = [(30, "Gio"), (20, "Mio"), (10, "Kio")];
    for (power, unit) in units {
        if count >= 1 << power {
            return format!("{} {unit}", comma(number(count) / number(1 << power), 1));
        }
    }
    format!("{count} octets")
}

fn comma(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}").replace('.', ",")
}

#[expect(clippy::cast_precision_loss, reason = "bytes and files of a disk, roughly")]
fn number(count: u64) -> f64 {
    count as f64
}
