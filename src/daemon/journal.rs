//! The account of connections, as the settings ask for it.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::DaemonError;
use crate::{
    config::Config,
    journal::{Clock, Journal, Options, Recipient},
};

/// Beside the packages, in the data folder that the store has locked for this process.
fn folder(config: &Config) -> PathBuf {
    config.store.path.join("journal")
}

/// Goes on with the journal, or begins it; nothing without the region's key. Blocking.
pub(super) fn open(config: &Config) -> Result<Option<Journal>, DaemonError> {
    let settings = &config.journal;
    let Some(key) = &settings.region_key else { return Ok(None) };
    let options = Options {
        folder: folder(config),
        recipient: key.to_string().parse::<Recipient>()?,
        term: settings.term.0,
        refusals_term: settings.refusals_term.0,
        most: settings.most.0,
        clock: Clock::of_system(settings.synchronised.clone()),
        // The settings were checked: an unknown zone was refused there.
        zone: TimeZone::get(&config.school.timezone).unwrap_or(TimeZone::UTC),
    };
    Ok(Some(Journal::open(options)?))
}
