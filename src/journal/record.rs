//! What is kept: of a connection, and of a refusal.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use jiff::Timestamp;

use super::block::{self, Malformed};

/// How a connection ended, or why there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// It was carried.
    Carried = 0,
    /// The policy denied it.
    Denied = 1,
    /// It was carried, until the policy changed its mind.
    Cut = 2,
    /// No policy was asked: a port that is not listed, a loop, a target that leads nowhere.
    Refused = 3,
    /// The destination did not answer.
    Failed = 4,
}

impl Verdict {
    /// By its number in a block.
    pub fn of_number(number: u64) -> Option<Self> {
        [Self::Carried, Self::Denied, Self::Cut, Self::Refused, Self::Failed]
            .into_iter()
            .find(|verdict| *verdict as u64 == number)
    }

    /// As the region's table says it.
    pub fn in_french(self) -> &'static str {
        match self {
            Self::Carried => "acheminé",
            Self::Denied => "refusé par la politique",
            Self::Cut => "interrompu par la politique",
            Self::Refused => "non conforme",
            Self::Failed => "sans réponse",
        }
    }
}

/// One connection, or one request that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it ended, or was refused; to the millisecond.
    pub at: Timestamp,
    /// Seconds that it lasted before, rounded down.
    pub lasted: u32,
    /// The device, and the port it spoke from; 0 where that is not known.
    pub device: SocketAddr,
    /// Public name of the session or pass of whoever was signed in there.
    pub session: Option<Arc<str>>,
    /// The profile it was judged by.
    pub profile: Option<Arc<str>>,
    /// Where the connection led; nothing when there was none, or when another proxy led on.
    pub destination: Option<IpAddr>,
    /// The port asked for; 0 when none was.
    pub port: u16,
    /// The name asked for.
    pub name: Option<Arc<str>>,
    /// Bytes from the device.
    pub up: u64,
    /// Bytes to the device.
    pub down: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// The box's clock was not synchronised, or was being set.
    pub doubt: bool,
}

/// One refusal by the policy, of the second log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// When; to the millisecond.
    pub at: Timestamp,
    /// The device, by a name that holds for a month: a keyed hash whose key is then destroyed.
    pub pseudonym: u64,
    /// The profile it was judged by.
    pub profile: Option<Arc<str>>,
    /// The category that denied it, by its name in the lists.
    pub category: Option<Arc<str>>,
    /// The domain, or the address written in its place.
    pub domain: Arc<str>,
    /// See [`Record::doubt`].
    pub doubt: bool,
}

/// What a log is made of.
pub trait Row: Sized + Send + 'static {
    /// Tells one log's files from another's.
    const KIND: u8;
    /// Columns of up to [`block::MAX_ROWS`] of them, compressed.
    fn pack(rows: &[Self]) -> Vec<u8>;
    /// The reverse.
    fn unpack(bytes: &[u8]) -> Result<Vec<Self>, Malformed>;
    /// Its moment, when that is sure.
    fn sure(&self) -> Option<Timestamp>;
}

impl Row for Record {
    const KIND: u8 = 1;

    fn pack(rows: &[Self]) -> Vec<u8> {
        block::pack_records(rows)
    }

    fn unpack(bytes: &[u8]) -> Result<Vec<Self>, Malformed> {
        block::unpack_records(bytes)
    }

    fn sure(&self) -> Option<Timestamp> {
        (!self.doubt).then_some(self.at)
    }
}

impl Row for Refused {
    const KIND: u8 = 2;

    fn pack(rows: &[Self]) -> Vec<u8> {
        block::pack_refused(rows)
    }

    fn unpack(bytes: &[u8]) -> Result<Vec<Self>, Malformed> {
        block::unpack_refused(bytes)
    }

    fn sure(&self) -> Option<Timestamp> {
        (!self.doubt).then_some(self.at)
    }
}
