//! The rooms, wired to one another.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::{Semaphore, watch};

use super::{
    DaemonError, filtering, journal, judging::Judging, measuring::Measuring, names, presence,
    reporting, secure::Secure,
};
use crate::{
    access::Access,
    catalogue::Catalogue,
    config::Config,
    dns,
    filter::Filter,
    gateway::{
        self, Gateway, Home,
        cache::{self, Bounds, Cache, updates::Rules},
    },
    health::{
        incident::Incidents,
        link::Links,
        machine::{self, Machine},
        services::{self, Services},
        wifi::Wifi,
    },
    journal::Journal,
    library::Library,
    mirror::{Clients, Mirror},
    net::{around::Around, link::Link},
    store::{Store, StoreOptions},
    uplink::Uplink,
};

/// Responses that the proxy's cache holds, whatever their size.
const MAX_CACHED_IN_MEMORY: usize = 20_000;
const MAX_CACHED_ON_DISK: usize = 100_000;
/// Bytes that the proxy's cache leaves free beside the store's reserve, so that packages never wait
/// for it: it gives them back as they are taken.
const CACHE_RESERVE_BYTES: u64 = 2 << 30;

/// Every room. What reads and commands them gets this.
#[derive(Debug)]
pub(super) struct House {
    pub(super) store: Store,
    pub(super) catalogue: Catalogue,
    pub(super) mirror: Arc<Mirror>,
    pub(super) access: Access,
    pub(super) library: Library,
    pub(super) filter: Filter,
    /// What the kernel knows of the devices.
    pub(super) around: Around,
    /// The account of connections, if one is kept.
    pub(super) journal: Option<Journal>,
    /// The school's resolver.
    pub(super) names: dns::Resolver,
    pub(super) gateway: Gateway,
    pub(super) link: Link,
    /// The school's Wi-Fi, if it has a controller.
    pub(super) wifi: Option<Wifi>,
    /// The school's links, if they are measured.
    pub(super) links: Option<Links>,
    /// Whoever has values to tell, or finds something wrong.
    pub(super) measuring: Measuring,
    /// What is reported of it.
    pub(super) uplink: Uplink,
    /// What is wrong, and was.
    pub(super) incidents: Incidents,
    /// Its name and certificate, if it has a name.
    pub(super) secure: Option<Secure>,
    pub(super) started_at: Timestamp,
    /// Where the configuration is read again from.
    pub(super) file: Option<PathBuf>,
    /// One reload at a time.
    pub(super) reloading: Semaphore,
    /// Keys that wait for a restart since the last reload.
    pub(super) waiting: watch::Sender<Vec<String>>,
    /// `control.group` in force.
    pub(super) group: watch::Sender<Option<String>>,
    config: Mutex<Arc<Config>>,
    addresses: Mutex<Vec<SocketAddr>>,
}

impl House {
    /// Opens and checks everything. Blocking.
    pub(super) fn open(config: Config, file: Option<PathBuf>) -> Result<Self, DaemonError> {
        let store = Store::open(StoreOptions::of(&config.store))?;
        let secure = Secure::open(&config)?;
        let catalogue =
            Catalogue::open(&config.school, &config.catalogue, &config.network, store.clone())?;
        let asked = catalogue.clone();
        let clients: Clients = Arc::new(move |source| asked.client_of(source));
        let holdings = catalogue.holdings();
        let link = Link::new(&config.link);
        let mirror = Mirror::new(&config.school, &config.mirror, store.clone(), holdings, clients)?
            .behind(link.clone());
        let (school, https, network) = (&config.school, &config.https, &config.network);
        let access = Access::open(school, &config.access, https, network, store.clone())?;
        let library = Library::new(
            &config.school,
            &config.library,
            access.clone(),
            store.clone(),
            catalogue.holdings(),
            mirror.progress(),
        )?;
        let filter = filtering::open(&config, store.clone())?;
        let journal = journal::open(&config)?;
        let around = Around::default();
        presence::look(&around);
        let engines = Arc::new(filtering::engines(&config)?);
        let judging = Judging {
            filter: filter.clone(),
            access: access.clone(),
            around: around.clone(),
            engines,
        };
        let names =
            names::open(&config, names::judge(judging.clone(), journal.clone()), link.clone())?;
        let wifi = Wifi::open(&config.health, store.clone())?;
        let links = Links::open(&config, store.clone())?;
        let parts = gateway::Parts {
            config: config.gateway.clone(),
            home: Home::new(network, https),
            // The library, above, would not have opened without it.
            zone: TimeZone::get(&school.timezone).unwrap_or(TimeZone::UTC),
            judge: filtering::judge(judging),
            link: link.clone(),
            resolver: names::for_gateway(&config, &names),
            account: gateway::Account::read(&config.gateway)?,
            cache: http_cache(&config)?,
            reviews: Some(filter.reviews().clone()),
        };
        let gateway = Gateway::keeping(parts, journal.clone());
        let started_at = Timestamp::now();
        let machine = Machine::new(machine::Places::of(&config), started_at);
        let services = Services::new(services::Rooms {
            store: store.clone(),
            mirror: mirror.progress(),
            filter: filter.clone(),
            gateway: gateway.clone(),
            names: (!config.dns.resolvers.is_empty()).then(|| names.clone()),
            certificates: secure.as_ref().map(|secure| secure.certificates.clone()),
        });
        let mut measuring = Measuring::of(machine, services, wifi.as_ref(), links.as_ref());
        // It asks all watchers, the reports' own too, and is a source of the reports.
        let incidents = measuring.incidents(&config, store.clone())?;
        let uplink = reporting::open(&config, &measuring.sources)?;
        measuring.watchers.push(uplink.watcher());
        incidents.watch_too(uplink.watcher());
        Ok(Self {
            store,
            catalogue,
            mirror: Arc::new(mirror),
            access,
            library,
            filter,
            around,
            journal,
            names,
            gateway,
            link,
            wifi,
            links,
            measuring,
            uplink,
            incidents,
            secure,
            started_at,
            file,
            reloading: Semaphore::new(1),
            waiting: watch::Sender::default(),
            group: watch::Sender::new(config.control.group.clone()),
            config: Mutex::new(Arc::new(config)),
            addresses: Mutex::default(),
        })
    }

    /// The configuration in force.
    pub(super) fn config(&self) -> Arc<Config> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_config(&self, config: Config) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// Where its pages are.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn listens_on(&self, addresses: Vec<SocketAddr>) {
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }
}

/// The proxy's cache, in the data folder that the store has locked for this process.
fn http_cache(config: &Config) -> Result<Option<Cache>, DaemonError> {
    let settings = &config.gateway.cache;
    if !settings.on {
        return Ok(None);
    }
    let rules = match &settings.rules {
        None => Rules::shipped(),
        Some(path) => Rules::open(path),
    };
    Ok(Some(Cache::new(cache::Options {
        folder: Some(config.store.path.join("cache")),
        memory: Bounds { bytes: settings.memory.0, count: MAX_CACHED_IN_MEMORY },
        disk: Bounds { bytes: settings.quota.0, count: MAX_CACHED_ON_DISK },
        reserve: config.store.reserve.0.saturating_add(CACHE_RESERVE_BYTES),
        rules: rules?,
    })))
}
