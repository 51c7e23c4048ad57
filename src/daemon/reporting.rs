//! What is reported: the uplink, set up by the settings.

use std::sync::Arc;

use super::DaemonError;
use crate::{
    config::Config,
    health::sample::Source,
    journal::Clock,
    net::client::ClientOptions,
    uplink::{
        Options, Uplink,
        collect::Whose,
        send::{Pace, Target},
    },
};

/// Opens the uplink for what these measure. Blocking.
pub(super) fn open(config: &Config, sources: &[Arc<dyn Source>]) -> Result<Uplink, DaemonError> {
    let (settings, network) = (&config.uplink, &config.network);
    let target = settings.address(&config.school.uai).map(|url| Target {
        client: ClientOptions {
            allow_private: network.allow_private.clone(),
            extra_authorities: network.extra_authorities.clone(),
            identity: settings.certificate.clone().zip(settings.key.clone()),
            ..ClientOptions::default()
        },
        url,
        protocol: settings.protocol,
        // As collections are: a school that comes back asks at the moment that is its own.
        pace: Pace { start: settings.interval.0.min(Pace::default().start), ..Pace::default() },
    });
    let options = Options {
        folder: config.store.path.join("spool"),
        whose: Whose {
            uai: config.school.uai.to_string(),
            plaque: settings.plaque.clone(),
            site: settings.site.clone(),
        },
        interval: settings.interval.0,
        quota: settings.quota.0,
        clock: Clock::of_system(config.journal.synchronised.clone()),
        target,
        readers: settings.metrics_for.clone(),
    };
    Ok(Uplink::open(options, sources)?)
}
