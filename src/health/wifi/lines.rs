//! What is known of the Wi-Fi, in lines: for the command line, and for whoever else asks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    places::{Place, Places},
    roster::{Entry, Roster, Standing},
    survey::{AccessPoint, Kind, Mac, Radio, Ssid, Survey},
};

/// Radios of one access point in a line; none has more than four.
const MAX_RADIOS: usize = 8;
/// Networks in a line.
const MAX_SSIDS: usize = 64;

/// A controller, in a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControllerLine {
    /// Its name in the settings.
    pub name: String,
    /// Where it is asked.
    pub address: String,
    /// Why it tells nothing now; nothing = it answers, or was not asked yet.
    pub trouble: Option<String>,
    /// Since when it answers, or does not.
    pub since: Option<Timestamp>,
    /// When it last answered.
    pub answered_at: Option<Timestamp>,
    /// Whose tables it has.
    pub kind: Option<Kind>,
    /// What it says it is.
    pub description: Option<String>,
    /// How long the last look took, in milliseconds.
    pub took_ms: Option<u64>,
    /// Access points as it counts them, or as it lists them.
    pub access_points: Option<u64>,
    /// Clients as it counts them, or by network, or by radio.
    pub clients: Option<u64>,
    /// Clients of all radios: where the totals differ, both are told.
    pub clients_of_radios: Option<u64>,
    /// Access points by how they stand.
    pub standing: Standings,
    /// Its networks.
    pub ssids: Vec<Ssid>,
    /// What it did not tell, each with the reason.
    pub gaps: Vec<String>,
}

/// Access points by how they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standings {
    /// At work.
    pub up: usize,
    /// Not.
    pub down: usize,
    /// Not named any more.
    pub missing: usize,
    /// Nobody says.
    pub unknown: usize,
}

/// An access point, in a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApLine {
    /// Its controller.
    pub controller: String,
    /// Its address.
    pub mac: Mac,
    /// Its name.
    pub name: Option<String>,
    /// How it stands.
    pub standing: Standing,
    /// Since when, as far as the box saw.
    pub since: Timestamp,
    /// Where it is.
    pub place: Option<Place>,
    /// Its model.
    pub model: Option<String>,
    /// Seconds since it started.
    pub up_time_seconds: Option<u32>,
    /// How often it was started anew.
    pub reboots: Option<u32>,
    /// Its radios, at the last look; none while its controller does not answer.
    pub radios: Vec<Radio>,
}

/// What is said of a controller beside what it says itself.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it is asked.
    pub address: &'a str,
    /// Why it tells nothing now.
    pub trouble: Option<&'a str>,
    /// Since when it answers, or does not.
    pub since: Option<Timestamp>,
    /// How long the last look took, in milliseconds.
    pub took_ms: Option<u64>,
    /// Its last answer, however old.
    pub survey: Option<&'a Survey>,
}

/// A controller's line.
pub fn controller(about: &About<'_>, roster: &Roster) -> ControllerLine {
    let mut standing = Standings::default();
    for (_, entry) in roster.entries().filter(|(_, entry)| entry.controller == about.name) {
        *match entry.standing {
            Standing::Up => &mut standing.up,
            Standing::Down => &mut standing.down,
            Standing::Missing => &mut standing.missing,
            Standing::Unknown => &mut standing.unknown,
        } += 1;
    }
    // What it said before it fell silent is no news.
    let now = about.survey.filter(|_| about.trouble.is_none());
    ControllerLine {
        name: about.name.to_owned(),
        address: about.address.to_owned(),
        trouble: about.trouble.map(str::to_owned),
        since: about.since,
        answered_at: about.survey.map(|survey| survey.at),
        kind: about.survey.map(|survey| survey.kind),
        description: about.survey.and_then(|survey| survey.description.clone()),
        took_ms: about.took_ms,
        access_points: now.and_then(Survey::access_points_in_all),
        clients: now.and_then(Survey::clients_in_all),
        clients_of_radios: now.and_then(Survey::clients_of_radios),
        standing,
        ssids: now.iter().flat_map(|one| &one.ssids).take(MAX_SSIDS).cloned().collect(),
        gaps: now.map(|survey| survey.gaps.clone()).unwrap_or_default(),
    }
}

/// Lines of a controller's access points, by address.
pub fn access_points(about: &About<'_>, roster: &Roster, places: &Places) -> Vec<ApLine> {
    let mut told: BTreeMap<Mac, &AccessPoint> = BTreeMap::new();
    let mut radios: BTreeMap<Mac, Vec<&Radio>> = BTreeMap::new();
    if let Some(survey) = about.survey {
        told.extend(survey.access_points.iter().map(|one| (one.mac, one)));
        if about.trouble.is_none() {
            for radio in &survey.radios {
                radios.entry(radio.mac).or_default().push(radio);
            }
        }
    }
    let own = roster.entries().filter(|(_, entry)| entry.controller == about.name);
    own.map(|(mac, entry)| {
        let radios = radios.get(&mac).into_iter().flatten().take(MAX_RADIOS);
        line(mac, entry, told.get(&mac).copied(), places, radios.copied().cloned().collect())
    })
    .collect()
}

fn line(
    mac: Mac,
    entry: &Entry,
    told: Option<&AccessPoint>,
    places: &Places,
    radios: Vec<Radio>,
) -> ApLine {
    let known = AccessPoint { name: entry.name.clone(), ..AccessPoint::new(mac) };
    ApLine {
        controller: entry.controller.clone(),
        mac,
        name: entry.name.clone(),
        standing: entry.standing,
        since: entry.since,
        place: places.of(&known).cloned(),
        model: told.and_then(|one| one.model.clone()),
        up_time_seconds: told.and_then(|one| one.up_time_seconds),
        reboots: told.and_then(|one| one.reboots),
        radios,
    }
}
