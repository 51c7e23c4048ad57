//! `[health]`: what the box measures, and where.

mod link;

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use self::link::{HealthLink, HealthTarget, TargetRole, Throughput};
use super::{Endpoint, Period, Tickets};

/// `[health]`. Nothing is asked unless a controller or a link is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// The school's Wi-Fi controllers.
    pub controllers: Vec<Controller>,
    /// The school's uplinks.
    pub links: Vec<HealthLink>,
    /// What is asked over them.
    pub targets: Vec<HealthTarget>,
    /// The throughput test.
    pub throughput: Throughput,
    /// What controllers send by themselves.
    pub traps: Traps,
    /// What is said of incidents, to whom.
    pub tickets: Tickets,
}

/// `[health.traps]`: controllers that say by themselves that an access point is down or back make the
/// box look at once. They are believed in nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Traps {
    /// Where they are heard, by UDP; from the controllers' own addresses, with their community or
    /// user. Empty = nowhere.
    pub listen: Vec<SocketAddr>,
}

/// `[[health.controllers]]`: one Wi-Fi controller, asked by SNMP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Controller {
    /// A name of your choice, unique among controllers; reports call it so.
    pub name: String,
    /// Where it answers, by UDP; SNMP's port is 161.
    pub address: Endpoint,
    /// Whose tables it has.
    #[serde(default)]
    pub kind: ControllerKind,
    /// A file with the community of SNMP v2c, in one line.
    pub community_file: Option<PathBuf>,
    /// The user of SNMP v3, instead.
    pub v3: Option<SnmpUser>,
    /// Time between two looks.
    #[serde(default = "Controller::default_interval")]
    pub interval: Period,
    /// A request without an answer is asked again after this, twice.
    #[serde(default = "Controller::default_timeout")]
    pub timeout: Period,
    /// Which access point is in which room (CSV).
    pub places: Option<PathBuf>,
}

impl Controller {
    fn default_interval() -> Period {
        Period::seconds(60)
    }

    fn default_timeout() -> Period {
        Period::seconds(2)
    }
}

/// Makers' tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ControllerKind {
    /// As its sysObjectID says.
    #[default]
    Auto,
    /// An Aruba controller (WLSX-WLAN-MIB).
    Aruba,
    /// An Aruba Instant cluster, asked at its virtual controller (AI-AP-MIB).
    ArubaInstant,
    /// A Cisco controller, AireOS or Catalyst 9800 (AIRESPACE-WIRELESS-MIB).
    Cisco,
}

/// `[health.controllers.v3]`: a user of the User-based Security Model (RFC 3414).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SnmpUser {
    /// Its name.
    pub user: String,
    /// How its messages are authenticated.
    #[serde(default)]
    pub auth: AuthProtocol,
    /// A file with its authentication password, in one line of 8 characters or more.
    pub auth_key_file: PathBuf,
    /// How its messages are encrypted.
    #[serde(default)]
    pub privacy: PrivacyProtocol,
    /// A file with its privacy password, in one line; nothing = messages are not encrypted.
    pub privacy_key_file: Option<PathBuf>,
    /// The context that it reads, when the controller has several.
    #[serde(default)]
    pub context: String,
}

/// HMAC of SNMP v3 messages. MD5 is left out: it is broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthProtocol {
    /// HMAC-SHA-96 (RFC 3414), which most controllers know.
    #[default]
    Sha,
    /// HMAC-SHA-224 (RFC 7860).
    Sha224,
    /// HMAC-SHA-256 (RFC 7860).
    Sha256,
    /// HMAC-SHA-384 (RFC 7860).
    Sha384,
    /// HMAC-SHA-512 (RFC 7860).
    Sha512,
}

/// Cipher of SNMP v3 messages. DES is left out: it is broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivacyProtocol {
    /// AES-128 (RFC 3826).
    #[default]
    Aes,
    /// AES-192, the key made longer as net-snmp does (draft-blumenthal-aes-usm-04).
    Aes192,
    /// AES-192, the key made longer as Cisco does (draft-reeder-snmpv3-usm-3desede-00).
    Aes192Cisco,
    /// AES-256, as net-snmp.
    Aes256,
    /// AES-256, as Cisco.
    Aes256Cisco,
}
