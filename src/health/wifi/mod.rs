//! The school's Wi-Fi, as its controllers tell it by SNMP: Aruba (WLSX), Aruba Instant (AI-AP) and Cisco
//! (AIRESPACE, AireOS and 9800).
//!
//! `tables` is what is asked for, as data; `walk` reads columns; `decode`, pure, makes a `Survey` of
//! them; `poll` is one look; `roster`, pure, remembers from one to the next; `watch` is the task;
//! `values` tells what is known; `traps` hears controllers that speak by themselves, and `suspect`, pure,
//! makes earlier looks of that. Only `client`, `credentials` and `traps` know the library that speaks
//! the protocol.

pub mod agent;
pub mod client;
mod credentials;
pub mod decode;
pub mod findings;
pub mod lines;
pub mod places;
mod poll;
pub mod roster;
mod survey;
mod suspect;
pub mod tables;
mod traps;
mod values;
pub mod walk;
mod watch;

pub use self::{
    credentials::{Credentials, NoCredentials},
    poll::{Asked, PollError, poll},
    roster::Standing,
    survey::{AccessPoint, ApState, Band, Kind, Mac, NoMac, Radio, Ssid, Survey, Totals},
    watch::{Target, Wifi, WifiError},
};
