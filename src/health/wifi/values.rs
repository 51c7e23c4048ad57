//! What is known of the Wi-Fi, as values: each with the time of the look that told it.
//!
//! Only what is known is told. Of a controller that is silent that alone, and of an access point that
//! its look did not name, or that is down, nothing of its radios: what it said before is no news.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{
    lines::About,
    places::Places,
    roster::{Entry, Roster, Standing},
    survey::{AccessPoint, Mac, Radio, Survey},
    watch::Wifi,
};
use crate::health::{
    metrics::{
        AP_INFO, AP_REBOOTS, AP_UP, AP_UPTIME, CONTROLLER_ACCESS_POINTS, CONTROLLER_CLIENTS,
        CONTROLLER_POLL, CONTROLLER_UP, RADIO_CHANNEL, RADIO_CLIENTS, RADIO_NOISE, RADIO_POWER,
        RADIO_UTILISATION, SSID_CLIENTS,
    },
    sample::{Source, Telling},
};

/// Characters of a label that others wrote.
const MAX_LABEL_CHARS: usize = 64;

impl Source for Wifi {
    fn tell(&self, _now: Timestamp, telling: &mut Telling) {
        self.show(|about, asked_at, roster, places| {
            controller(about, asked_at, (roster, places), telling);
        });
    }
}

/// Values of one controller, last asked at `asked_at`.
pub fn controller(
    about: &About<'_>,
    asked_at: Timestamp,
    (roster, places): (&Roster, &Places),
    telling: &mut Telling,
) {
    let name = about.name;
    let answers = about.trouble.is_none();
    let survey = about.survey.filter(|_| answers);
    let at = survey.map_or(asked_at, |survey| survey.at);
    telling.say(&CONTROLLER_UP, &[name], at, f64::from(u8::from(answers)));
    standings(name, at, roster, telling);
    let Some(survey) = survey else { return };
    let took = about.took_ms.map(|took| number(took) / 1000.0);
    telling.say_known(&CONTROLLER_POLL, &[name], at, took);
    telling.say_known(&CONTROLLER_CLIENTS, &[name], at, survey.clients_in_all().map(number));
    for ssid in &survey.ssids {
        let clients = ssid.clients.map(f64::from);
        telling.say_known(&SSID_CLIENTS, &[name, &cut(&ssid.name)], at, clients);
    }
    let own = |entry: &&Entry| entry.controller == name;
    for one in &survey.access_points {
        if let Some(entry) = roster.get(one.mac).filter(own) {
            access_point(one, entry, at, places, telling);
        }
    }
    missing(survey, roster, places, telling);
    radios(survey, roster, telling);
}

fn standings(name: &str, at: Timestamp, roster: &Roster, telling: &mut Telling) {
    let mut counts = [0_u32; 4];
    for (_, entry) in roster.entries().filter(|(_, entry)| entry.controller == name) {
        let [up, down, missing, unknown] = &mut counts;
        *match entry.standing {
            Standing::Up => up,
            Standing::Down => down,
            Standing::Missing => missing,
            Standing::Unknown => unknown,
        } += 1;
    }
    for (state, count) in ["up", "down", "missing", "unknown"].into_iter().zip(counts) {
        telling.say(&CONTROLLER_ACCESS_POINTS, &[name, state], at, count.into());
    }
}

fn access_point(
    one: &AccessPoint,
    entry: &Entry,
    at: Timestamp,
    places: &Places,
    telling: &mut Telling,
) {
    let mac = one.mac.to_string();
    let up = match entry.standing {
        Standing::Up => Some(1.0),
        Standing::Down | Standing::Missing => Some(0.0),
        Standing::Unknown => None,
    };
    telling.say_known(&AP_UP, &[&mac], at, up);
    if entry.standing != Standing::Down {
        telling.say_known(&AP_UPTIME, &[&mac], at, one.up_time_seconds.map(f64::from));
    }
    telling.say_known(&AP_REBOOTS, &[&mac], at, one.reboots.map(f64::from));
    info(one.mac, entry, at, places, telling);
}

/// What it is and where: known of one that is gone, too, so that whoever counts by building counts it.
fn info(mac: Mac, entry: &Entry, at: Timestamp, places: &Places, telling: &mut Telling) {
    let known = AccessPoint { name: entry.name.clone(), ..AccessPoint::new(mac) };
    let (mac, place) = (mac.to_string(), places.of(&known));
    let text = |text: Option<&String>| text.map_or_else(String::new, |text| cut(text));
    let labels = [
        text(entry.name.as_ref()),
        text(entry.model.as_ref()),
        text(entry.serial.as_ref()),
        text(place.and_then(|place| place.building.as_ref())),
        text(place.and_then(|place| place.floor.as_ref())),
        text(place.and_then(|place| place.room.as_ref())),
    ];
    let [name, model, serial, building, floor, room] = &labels;
    let labels = [&mac, &entry.controller, name, model, serial, building, floor, room];
    telling.say(&AP_INFO, &labels.map(String::as_str), at, 1.0);
}

/// Those that the controller does not name any more, where it named all that it has.
fn missing(survey: &Survey, roster: &Roster, places: &Places, telling: &mut Telling) {
    if !survey.whole {
        return;
    }
    let gone = |entry: &Entry| {
        entry.controller == survey.controller && entry.standing == Standing::Missing
    };
    for (mac, entry) in roster.entries().filter(|(_, entry)| gone(entry)) {
        telling.say(&AP_UP, &[&mac.to_string()], survey.at, 0.0);
        info(mac, entry, survey.at, places, telling);
    }
}

fn radios(survey: &Survey, roster: &Roster, telling: &mut Telling) {
    let at = survey.at;
    let tells = |entry: &Entry| {
        entry.controller == survey.controller
            && matches!(entry.standing, Standing::Up | Standing::Unknown)
    };
    let (mut mac, mut number) = (String::new(), String::new());
    for radio in &survey.radios {
        if !roster.get(radio.mac).is_some_and(tells) {
            continue;
        }
        mac.clear();
        // To a string: it cannot fail.
        let _ = write!(mac, "{}", radio.mac);
        name_radio(radio, &mut number);
        let labels = [mac.as_str(), number.as_str()];
        telling.say_known(&RADIO_CLIENTS, &labels, at, radio.clients.map(f64::from));
        telling.say_known(&RADIO_CHANNEL, &labels, at, radio.channel.map(f64::from));
        let used = radio.utilisation_percent.map(|percent| f64::from(percent) / 100.0);
        telling.say_known(&RADIO_UTILISATION, &labels, at, used);
        telling.say_known(&RADIO_NOISE, &labels, at, radio.noise_dbm.map(f64::from));
        telling.say_known(&RADIO_POWER, &labels, at, radio.power_dbm.map(f64::from));
    }
}

/// `1:5GHz`, or its number alone: an access point may have two radios of one band.
fn name_radio(radio: &Radio, into: &mut String) {
    into.clear();
    let _ = match radio.band {
        Some(band) => write!(into, "{}:{band}GHz", radio.number),
        None => write!(into, "{}", radio.number),
    };
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_LABEL_CHARS).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
