//! What a controller said, in one look. What it did not say is `None`: never zero.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A hardware address: an access point's, by which it is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Of six arcs of an index.
    pub fn of_arcs(arcs: &[u32]) -> Option<Self> {
        let mut bytes = [0; 6];
        if arcs.len() != bytes.len() {
            return None;
        }
        for (byte, arc) in bytes.iter_mut().zip(arcs) {
            *byte = u8::try_from(*arc).ok()?;
        }
        Some(Self(bytes))
    }

    /// As arcs of an index.
    pub fn arcs(self) -> [u32; 6] {
        self.0.map(u32::from)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            let colon = if place == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not twelve hexadecimal digits, alone or in groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hardware address has 12 hexadecimal digits, as in 6c:f3:7f:c7:d0:30")]
pub struct NoMac;

impl FromStr for Mac {
    type Err = NoMac;

    /// With `:`, `-` or `.` between digits, or without.
    fn from_str(text: &str) -> Result<Self, NoMac> {
        let digits: Vec<u8> = text.bytes().filter(|b| !b":-.".contains(b)).collect();
        let mut bytes = [0; 6];
        if digits.len() != 12 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(NoMac);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = str::from_utf8(pair).map_err(|_| NoMac)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NoMac)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Mac {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Whose tables a controller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// WLSX-WLAN-MIB.
    Aruba,
    /// AI-AP-MIB.
    ArubaInstant,
    /// AIRESPACE-WIRELESS-MIB.
    Cisco,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aruba => "Aruba",
            Self::ArubaInstant => "Aruba Instant",
            Self::Cisco => "Cisco",
        })
    }
}

/// One look at a controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Its name in the settings.
    pub controller: String,
    /// Its tables.
    pub kind: Kind,
    /// When the look began.
    pub at: Timestamp,
    /// What it says it is.
    pub description: Option<String>,
    /// How long it has been up, in hundredths of a second; starts anew at 497 days.
    pub up_time_centiseconds: u32,
    /// Its access points, by address. Told by their own table, or, without it, by that of radios.
    pub access_points: Vec<AccessPoint>,
    /// Is that all of them: was their table read to its end?
    pub whole: bool,
    /// Their radios, by address and number.
    pub radios: Vec<Radio>,
    /// Its networks, by name.
    pub ssids: Vec<Ssid>,
    /// What it counts itself: live controllers' totals and tables disagree a little.
    pub totals: Totals,
    /// Tables and columns that were not there, or not to their end, each with the reason.
    pub gaps: Vec<String>,
}

impl Survey {
    /// Access points, as the controller counts them, or else as it lists them.
    pub fn access_points_in_all(&self) -> Option<u64> {
        let listed = self.whole.then_some(self.access_points.len() as u64);
        self.totals.access_points.or(listed)
    }

    /// Clients: as the controller counts them, or else by network, or else by radio.
    pub fn clients_in_all(&self) -> Option<u64> {
        let by_ssid = sum(self.ssids.iter().map(|ssid| ssid.clients));
        self.totals.clients.or(by_ssid).or_else(|| self.clients_of_radios())
    }

    /// Clients of all radios that say how many they have; `None` when none does.
    pub fn clients_of_radios(&self) -> Option<u64> {
        sum(self.radios.iter().map(|radio| radio.clients))
    }

    /// Access points in a state.
    pub fn in_state(&self, state: ApState) -> usize {
        self.access_points.iter().filter(|one| one.state == Some(state)).count()
    }
}

fn sum(values: impl Iterator<Item = Option<u32>>) -> Option<u64> {
    let mut known = values.flatten().map(u64::from).peekable();
    known.peek().is_some().then(|| known.sum())
}

/// What a controller counts itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Access points.
    pub access_points: Option<u64>,
    /// Clients.
    pub clients: Option<u64>,
}

/// An access point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPoint {
    /// Its address: the base of its radios' (Cisco), its own (Aruba).
    pub mac: Mac,
    /// Its name.
    pub name: Option<String>,
    /// Its address in the school's network.
    pub address: Option<Ipv4Addr>,
    /// The group it is configured with.
    pub group: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Location, as written in the controller.
    pub location: Option<String>,
    /// Software version.
    pub software: Option<String>,
    /// Seconds since it started.
    pub up_time_seconds: Option<u32>,
    /// How often it was started anew, as the controller counts.
    pub reboots: Option<u32>,
    /// How it is.
    pub state: Option<ApState>,
}

impl AccessPoint {
    /// One of which nothing but its address is known.
    pub fn new(mac: Mac) -> Self {
        Self {
            mac,
            name: None,
            address: None,
            group: None,
            serial: None,
            model: None,
            location: None,
            software: None,
            up_time_seconds: None,
            reboots: None,
            state: None,
        }
    }
}

/// How a controller says an access point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApState {
    /// At work.
    Up,
    /// Not.
    Down,
    /// It is letting go of the controller (Cisco: disassociating).
    Leaving,
    /// It takes new software (Cisco: downloading).
    Loading,
}

/// A radio of an access point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Radio {
    /// Whose it is.
    pub mac: Mac,
    /// Its number there (a slot, on Cisco).
    pub number: u32,
    /// Is it on?
    pub on: Option<bool>,
    /// Its band. Channel numbers of 6 GHz are those of others too: they do not tell.
    pub band: Option<Band>,
    /// The channel, the first of those it takes together.
    pub channel: Option<u16>,
    /// Clients.
    pub clients: Option<u32>,
    /// Clients that hear it badly.
    pub poor_clients: Option<u32>,
    /// Hundredths of the time in which the channel is used.
    pub utilisation_percent: Option<u8>,
    /// Noise on its channel, in dBm.
    pub noise_dbm: Option<i16>,
    /// Others' transmissions on its channel, in hundredths of the time or as the maker's index.
    pub interference: Option<u32>,
    /// Transmit power, in dBm.
    pub power_dbm: Option<f32>,
    /// Cisco's level of it: 1 is the most.
    pub power_level: Option<u8>,
}

impl Radio {
    /// One of which nothing but whose it is is known.
    pub fn new(mac: Mac, number: u32) -> Self {
        Self {
            mac,
            number,
            on: None,
            band: None,
            channel: None,
            clients: None,
            poor_clients: None,
            utilisation_percent: None,
            noise_dbm: None,
            interference: None,
            power_dbm: None,
            power_level: None,
        }
    }
}

/// A radio's band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Band {
    /// 2.4 GHz.
    #[serde(rename = "2.4")]
    Two,
    /// 5 GHz.
    #[serde(rename = "5")]
    Five,
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Two => "2.4",
            Self::Five => "5",
        })
    }
}

/// A network by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ssid {
    /// Its name.
    pub name: String,
    /// Clients.
    pub clients: Option<u32>,
    /// Access points that carry it and are up.
    pub access_points_up: Option<u32>,
    /// Access points that should carry it and are down.
    pub access_points_down: Option<u32>,
}

impl Ssid {
    /// One of which only the name is known.
    pub fn new(name: String) -> Self {
        Self { name, clients: None, access_points_up: None, access_points_down: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardware_address_is_read_in_every_spelling_and_shown_in_one() {
        let mac = Mac([0x6c, 0xf3, 0x7f, 0xc7, 0xd0, 0x30]);
        for text in ["6c:f3:7f:c7:d0:30", "6CF3.7FC7.D030", "6c-f3-7f-c7-d0-30", "6cf37fc7d030"] {
            assert_eq!(text.parse(), Ok(mac), "{text}");
        }
        assert_eq!(mac.to_string(), "6c:f3:7f:c7:d0:30");
        assert_eq!(Mac::of_arcs(&mac.arcs()), Some(mac));
        for text in
            ["", "6c:f3:7f:c7:d0", "6c:f3:7f:c7:d0:3g", "6c:f3:7f:c7:d0:30:1", "é:f3:7f:c7:d0:3"]
        {
            assert_eq!(text.parse::<Mac>(), Err(NoMac), "{text}");
        }
        assert_eq!(Mac::of_arcs(&[1, 2, 3, 4, 5, 256]), None);
    }
}
