//! From a table's cells to what they mean. Pure: every byte in here came from a controller.

use std::collections::BTreeMap;

use super::{
    agent::Value,
    survey::{AccessPoint, Band, Mac, Radio, Ssid},
    tables::{About, Meaning, Table, Total},
};

/// Characters of a text that are kept.
const MAX_TEXT_CHARS: usize = 128;
/// Networks of one controller.
const MAX_SSIDS: usize = 512;
/// Levels of a radio's power.
const MAX_LEVELS: usize = 16;
/// What Cisco says where it has not measured.
const NO_NOISE_DBM: i64 = -128;

/// One column's cells by index.
pub type Cells = [(Box<[u32]>, Value)];

/// What the tables told so far.
#[derive(Debug, Default)]
pub struct Decoded {
    /// By address.
    pub access_points: BTreeMap<Mac, AccessPoint>,
    /// By address and number.
    pub radios: BTreeMap<(Mac, u32), Radio>,
    /// Names that radios gave of access points.
    names: BTreeMap<Mac, String>,
    /// Power in dBm of each radio's levels.
    levels: BTreeMap<(Mac, u32), Vec<i16>>,
    /// By what its table has in the index.
    ssids: BTreeMap<Vec<u32>, Ssid>,
}

impl Decoded {
    /// Takes a table: its columns in the order of `table.columns`. A row that the table makes is one by
    /// any of its columns; what cannot be read is left unknown.
    pub fn take(&mut self, table: &Table, columns: &[&Cells]) {
        for ((_, means), cells) in table.columns.iter().zip(columns) {
            for (index, value) in *cells {
                match table.about {
                    About::AccessPoint => self.access_point(table.makes, index, *means, value),
                    About::Radio => self.radio(table.makes, index, *means, value),
                    About::NamedSsid | About::NumberedSsid => {
                        self.ssid(table.about, index, *means, value);
                    }
                }
            }
        }
    }

    fn access_point(&mut self, makes: bool, index: &[u32], means: Meaning, value: &Value) {
        let Some(mac) = Mac::of_arcs(index) else { return };
        if makes {
            let one = self.access_points.entry(mac).or_insert_with(|| AccessPoint::new(mac));
            say_of_access_point(one, means, value);
        } else if let Some(one) = self.access_points.get_mut(&mac) {
            say_of_access_point(one, means, value);
        }
    }

    fn radio(&mut self, makes: bool, index: &[u32], means: Meaning, value: &Value) {
        let Some((number, mac)) = index.split_last() else { return };
        let Some(mac) = Mac::of_arcs(mac) else { return };
        let key = (mac, *number);
        if makes {
            self.radios.entry(key).or_insert_with(|| Radio::new(mac, *number));
        }
        let Some(radio) = self.radios.get_mut(&key) else { return };
        match means {
            Meaning::NameOfAccessPoint => {
                if let Some(name) = text(value) {
                    self.names.insert(mac, name);
                }
            }
            Meaning::PowerList => {
                self.levels.insert(key, powers(value));
            }
            _ => say_of_radio(radio, means, value),
        }
    }

    fn ssid(&mut self, about: About, index: &[u32], means: Meaning, value: &Value) {
        if !self.ssids.contains_key(index) {
            let name = match about {
                About::NamedSsid => name_of_index(index),
                _ => (means == Meaning::Name).then(|| text(value)).flatten(),
            };
            let Some(name) = name else { return };
            if self.ssids.len() >= MAX_SSIDS {
                return;
            }
            self.ssids.insert(index.to_vec(), Ssid::new(name));
        }
        let Some(ssid) = self.ssids.get_mut(index) else { return };
        match means {
            Meaning::Clients => ssid.clients = count(value),
            Meaning::Ups => ssid.access_points_up = count(value),
            Meaning::Downs => ssid.access_points_down = count(value),
            _ => {}
        }
    }

    /// Noise of a radio on the channel that it is on.
    pub fn noise(&mut self, mac: Mac, number: u32, value: &Value) {
        if let Some(radio) = self.radios.get_mut(&(mac, number)) {
            radio.noise_dbm = noise(value);
        }
    }

    /// Radios and the channels that they are on, where they are on one.
    pub fn channels(&self) -> impl Iterator<Item = (Mac, u32, u16)> {
        self.radios.values().filter_map(|radio| Some((radio.mac, radio.number, radio.channel?)))
    }

    /// Everything, in order. Access points that only their radios tell of are there when `by_radios`.
    pub fn finish(mut self, by_radios: bool) -> (Vec<AccessPoint>, Vec<Radio>, Vec<Ssid>) {
        if by_radios {
            for (mac, _) in self.radios.keys() {
                self.access_points.entry(*mac).or_insert_with(|| AccessPoint::new(*mac));
            }
        }
        for (mac, name) in self.names {
            if let Some(one) = self.access_points.get_mut(&mac) {
                one.name.get_or_insert(name);
            }
        }
        for (key, levels) in &self.levels {
            let Some(radio) = self.radios.get_mut(key) else { continue };
            let place = radio.power_level.and_then(|level| usize::from(level).checked_sub(1));
            let power = place.and_then(|place| levels.get(place));
            radio.power_dbm = power.map(|dbm| f32::from(*dbm));
        }
        let mut ssids: BTreeMap<String, Ssid> = BTreeMap::new();
        for ssid in self.ssids.into_values() {
            // Two networks of one name are told apart by nobody who looks for one.
            match ssids.get_mut(&ssid.name) {
                None => drop(ssids.insert(ssid.name.clone(), ssid)),
                Some(known) => {
                    known.clients = both(known.clients, ssid.clients);
                    known.access_points_up = both(known.access_points_up, ssid.access_points_up);
                    known.access_points_down =
                        both(known.access_points_down, ssid.access_points_down);
                }
            }
        }
        (
            self.access_points.into_values().collect(),
            self.radios.into_values().collect(),
            ssids.into_values().collect(),
        )
    }
}

fn both(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (known, None) | (None, known) => known,
    }
}

fn say_of_access_point(one: &mut AccessPoint, means: Meaning, value: &Value) {
    match means {
        Meaning::Name => one.name = text(value),
        Meaning::Group => one.group = text(value),
        Meaning::Serial => one.serial = text(value),
        Meaning::Model => one.model = text(value),
        Meaning::Location => one.location = text(value),
        Meaning::Software => one.software = text(value),
        Meaning::Address => {
            one.address = match value {
                Value::Address(address) if !address.is_unspecified() => Some(*address),
                _ => None,
            }
        }
        // One that is down has been up for no time.
        Meaning::UpTime => {
            one.up_time_seconds = count(value).map(|ticks| ticks / 100).filter(|time| *time > 0);
        }
        Meaning::Reboots => one.reboots = count(value),
        Meaning::State(states) => {
            let place = number(value).and_then(|number| usize::try_from(number - 1).ok());
            one.state = place.and_then(|place| states.get(place)).copied();
        }
        _ => {}
    }
}

fn say_of_radio(radio: &mut Radio, means: Meaning, value: &Value) {
    match means {
        Meaning::On(on) => radio.on = number(value).filter(|n| *n > 0).map(|number| number == on),
        Meaning::Band(bands) => {
            let place = number(value).and_then(|number| usize::try_from(number - 1).ok());
            radio.band = place.and_then(|place| bands.get(place)).copied().flatten();
        }
        Meaning::Channel => radio.channel = channel(value),
        Meaning::ChannelAndBand => {
            radio.channel = channel(value);
            radio.band = match (radio.number, radio.channel) {
                (0, Some(36..=177)) => Some(Band::Five),
                (1, Some(1..=14)) => Some(Band::Two),
                _ => None,
            };
        }
        Meaning::Clients => radio.clients = count(value),
        Meaning::PoorClients => radio.poor_clients = count(value),
        Meaning::Utilisation => {
            let percent = number(value).and_then(|number| u8::try_from(number).ok());
            radio.utilisation_percent = percent.filter(|percent| *percent <= 100);
        }
        Meaning::Noise => radio.noise_dbm = noise(value),
        Meaning::Interference => radio.interference = count(value),
        Meaning::Power(parts) => {
            // None of them sends with more than a few watts, nor with less than a microwatt.
            let said = number(value).and_then(|number| i16::try_from(number).ok());
            let dbm = said.map(|said| f32::from(said) / f32::from(parts));
            radio.power_dbm = dbm.filter(|dbm| (-30.0..=40.0).contains(dbm)).or(radio.power_dbm);
        }
        Meaning::PowerLevel => {
            radio.power_level = number(value).and_then(|number| u8::try_from(number).ok());
        }
        _ => {}
    }
}

/// A total, as far as it is one.
pub fn total(value: &Value) -> Option<u64> {
    number(value).and_then(|number| u64::try_from(number).ok())
}

/// Puts a total where it belongs. An earlier one stays.
pub fn say_total(totals: &mut super::survey::Totals, means: Total, value: &Value) {
    let place = match means {
        Total::AccessPoints => &mut totals.access_points,
        Total::Clients => &mut totals.clients,
    };
    *place = place.or_else(|| total(value));
}

/// A text without what is no letter, at most so long; nothing when nothing is left.
pub fn text(value: &Value) -> Option<String> {
    let Value::Bytes(bytes) = value else { return None };
    let whole = String::from_utf8_lossy(bytes);
    let clean: String = whole.chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// The letters of an index that begins with their number (RFC 2578 §7.7).
fn name_of_index(index: &[u32]) -> Option<String> {
    let (length, letters) = index.split_first()?;
    let bytes: Option<Vec<u8>> = letters.iter().map(|arc| u8::try_from(*arc).ok()).collect();
    let bytes = bytes.filter(|bytes| u32::try_from(bytes.len()) == Ok(*length))?;
    text(&Value::Bytes(bytes))
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

fn count(value: &Value) -> Option<u32> {
    number(value).and_then(|number| u32::try_from(number).ok())
}

/// `36`, or the number that `36E`, `44+` or `100-` begin with.
fn channel(value: &Value) -> Option<u16> {
    let channel = match value {
        Value::Number(number) => u16::try_from(*number).ok(),
        Value::Bytes(bytes) => {
            let digits: &[u8] =
                bytes.split(|byte| !byte.is_ascii_digit()).next().unwrap_or_default();
            str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok())
        }
        _ => None,
    };
    channel.filter(|channel| (1..=233).contains(channel))
}

/// Makers disagree on the sign.
fn noise(value: &Value) -> Option<i16> {
    let dbm = number(value).map(|number| number.saturating_abs().saturating_neg())?;
    i16::try_from(dbm).ok().filter(|dbm| (NO_NOISE_DBM + 1..0).contains(&i64::from(*dbm)))
}

fn powers(value: &Value) -> Vec<i16> {
    let Some(list) = text(value) else { return Vec::new() };
    list.split(',').map_while(|one| one.trim().parse().ok()).take(MAX_LEVELS).collect()
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
