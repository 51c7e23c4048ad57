//! Whoever measures, in one list: the reporters and the incidents read it.

use std::{path::Path, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};

use super::DaemonError;
use crate::{
    config::{ByteRate, Config, HealthLink},
    health::{
        finding::Watcher,
        incident::{
            Hours, Incidents, Setup,
            ticket::{About, LinkTerms},
        },
        link::Links,
        machine::Machine,
        radio::Radios,
        sample::Source,
        services::Services,
        told::BoxLines,
        wifi::Wifi,
    },
    store::Store,
};

/// Who has values to tell, and who finds things wrong.
#[derive(Debug)]
pub(super) struct Measuring {
    /// Their values go to the region, and to `/metrics`.
    pub(super) sources: Vec<Arc<dyn Source>>,
    /// Their findings become incidents.
    pub(super) watchers: Vec<Arc<dyn Watcher>>,
    /// The box itself.
    pub(super) machine: Machine,
    /// Its services.
    pub(super) services: Services,
    /// Its own radio, if it has one.
    pub(super) radios: Radios,
}

impl Measuring {
    /// All that this box has.
    pub(super) fn of(
        machine: Machine,
        services: Services,
        wifi: Option<&Wifi>,
        links: Option<&Links>,
    ) -> Self {
        let radios = Radios::new(Path::new("/"));
        let mut sources: Vec<Arc<dyn Source>> =
            vec![Arc::new(machine.clone()), Arc::new(services.clone()), Arc::new(radios.clone())];
        let mut watchers: Vec<Arc<dyn Watcher>> =
            vec![Arc::new(machine.clone()), Arc::new(services.clone())];
        if let Some(wifi) = wifi {
            sources.push(Arc::new(wifi.clone()));
            watchers.push(Arc::new(wifi.clone()));
        }
        if let Some(links) = links {
            sources.push(Arc::new(links.clone()));
            watchers.push(Arc::new(links.clone()));
        }
        Self { sources, watchers, machine, services, radios }
    }

    /// How the box itself is, looked at now. Blocking.
    pub(super) fn itself(&self, now: Timestamp) -> BoxLines {
        let Self { machine, services, radios, .. } = self;
        machine.look_again(now);
        services.look_again(now);
        BoxLines::of(&[machine, services, radios], &[machine, services], now)
    }

    /// The incidents made of what all watchers find; they are a source themselves. Reads files. Blocking.
    pub(super) fn incidents(
        &mut self,
        config: &Config,
        store: Store,
    ) -> Result<Incidents, DaemonError> {
        let tickets = config.health.tickets.clone();
        let about = About {
            uai: config.school.uai.to_string(),
            school: config.school.name.clone(),
            // The library would not have opened without it.
            zone: TimeZone::get(&config.school.timezone).unwrap_or(TimeZone::UTC),
            plaque: Some(config.uplink.plaque.clone()).filter(|plaque| !plaque.is_empty()),
            links: config.health.links.iter().map(terms).collect(),
            contact: tickets.contact.clone(),
            contract: tickets.contract.clone(),
            promised: tickets.availability,
        };
        let hours = Hours {
            classes: config.mirror.class_hours.clone(),
            boarding: tickets.boarding_hours.clone(),
        };
        let (network, watchers) = (config.network.clone(), self.watchers.clone());
        let setup = Setup { tickets, network, about, hours, watchers };
        let incidents = Incidents::open(setup, store)?;
        self.sources.push(Arc::new(incidents.clone()));
        Ok(incidents)
    }
}

/// A link as its contract calls it; contracts count in bits.
fn terms(link: &HealthLink) -> LinkTerms {
    let megabits = |rate: ByteRate| format!("{} Mbit/s", rate.0.saturating_mul(8) / 1_000_000);
    LinkTerms {
        name: link.name.clone(),
        network: link.network.clone(),
        reference: link.reference.clone(),
        down: link.down.map(megabits),
        up: link.up.map(megabits),
    }
}
