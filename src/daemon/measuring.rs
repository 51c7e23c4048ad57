//! Whoever measures, in one list: the reporters and the incidents read it.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;

use crate::health::{
    finding::Watcher, link::Links, machine::Machine, radio::Radios, sample::Source,
    services::Services, told::BoxLines, wifi::Wifi,
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
}
