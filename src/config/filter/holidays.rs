//! School holidays, from a file that somebody publishes once a year.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The three zones of metropolitan France.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum Zone {
    /// Zone A.
    A,
    /// Zone B.
    B,
    /// Zone C.
    C,
}

/// `[[holidays]]`, in the file that `filter.holidays` names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// Its name.
    pub name: String,
    /// Whose; empty = everybody's.
    #[serde(default)]
    pub zones: Vec<Zone>,
    /// First day without classes.
    pub from: Date,
    /// Last day without classes.
    pub to: Date,
}

impl Holiday {
    /// Is it of this zone? Without a zone, only what is everybody's.
    pub fn is_of(&self, zone: Option<Zone>) -> bool {
        self.zones.is_empty() || zone.is_some_and(|zone| self.zones.contains(&zone))
    }
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HolidayFile {
    pub(super) holidays: Vec<Holiday>,
}
