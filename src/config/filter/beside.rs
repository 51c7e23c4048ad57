//! The files that `[filter]` names, read with it: a policy is whole before anything starts.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    Filter, Holiday,
    check::{self, Whose},
    holidays::HolidayFile,
};
use crate::config::{ConfigError, check::Fault, parse_typed, read_text};

/// What the files named in `[filter]` hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beside {
    /// The region's rules.
    pub region: Option<Box<Filter>>,
    /// Holidays of all zones.
    pub holidays: Vec<Holiday>,
}

/// The region's policy file: one `[filter]`, so that a rule can be copied from one file to the
/// other.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RegionFile {
    filter: Filter,
}

impl Beside {
    /// The region's rules and the holidays, each as the text of its file.
    pub fn of(region: Option<&str>, holidays: Option<&str>) -> Result<Self, ConfigError> {
        let mut beside = Self::default();
        if let Some(text) = region {
            beside.take_region("policy.toml", text)?;
        }
        if let Some(text) = holidays {
            beside.take_holidays("holidays.toml", text)?;
        }
        Ok(beside)
    }

    fn take_region(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let faults = |file: &RegionFile| check::alone(&file.filter, Whose::Region);
        let file = checked(name, text, faults)?;
        self.region = Some(Box::new(file.filter));
        Ok(())
    }

    fn take_holidays(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let faults = |file: &HolidayFile| check::holidays(&file.holidays);
        self.holidays = checked(name, text, faults)?.holidays;
        Ok(())
    }
}

/// Reads the files that a `[filter]` names. Blocking.
pub(in crate::config) fn read_beside(filter: &mut Filter) -> Result<(), ConfigError> {
    let name = |path: &Path| path.display().to_string();
    if let Some(path) = &filter.region {
        filter.beside.take_region(&name(path), &read_text(path)?)?;
    }
    if let Some(path) = &filter.holidays {
        filter.beside.take_holidays(&name(path), &read_text(path)?)?;
    }
    Ok(())
}

fn checked<T: serde::de::DeserializeOwned>(
    name: &str,
    text: &str,
    check: impl Fn(&T) -> Vec<Fault>,
) -> Result<T, ConfigError> {
    let (file, places, mut report) = parse_typed(name, text)?;
    report.add_faults(check(&file), &places);
    if report.has_errors() { Err(ConfigError::Invalid(report)) } else { Ok(file) }
}
