//! A daemon at work: its tasks, and what may be asked of it from inside the process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, UdpSocket},
    sync::{Semaphore, watch},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Bound, BoundHttps, commands::Desk, house::House, presence, resume, scrub, secure,
    supervise::supervise, sync,
};
use crate::{
    catalogue::Holdings,
    control::{protocol::SourceLine, server, socket::SocketFile},
    gateway::{Beside, Door, cache_host::WithCacheHost},
    mirror::Progress,
    net::{
        front::{Named, Upgrade},
        serve::{Handler, serve, serve_tls},
    },
    uplink::page::WithMetrics,
};

/// The journal's last file is written within this.
const LAST: Duration = Duration::from_secs(10);

/// A box that serves. Dropped without `stop`, its tasks end with the runtime.
#[derive(Debug)]
pub struct Running {
    /// Where its pages are.
    pub addresses: Vec<SocketAddr>,
    /// Where they are under TLS, when the box has a name.
    pub https_addresses: Vec<SocketAddr>,
    /// Where devices ask the proxy, if there is one.
    pub proxy_addresses: Vec<SocketAddr>,
    /// Where devices ask the resolver, if there is one.
    pub dns_addresses: Vec<SocketAddr>,
    pub(super) house: Arc<House>,
    pub(super) tasks: Tasks,
    socket_file: Option<SocketFile>,
}

impl Running {
    /// Where the mirror is.
    pub fn mirror_progress(&self) -> watch::Receiver<Arc<Progress>> {
        self.house.mirror.progress()
    }

    /// What the school holds.
    pub fn holdings(&self) -> watch::Receiver<Arc<Holdings>> {
        self.house.catalogue.holdings()
    }

    /// Asks every source now, and has the mirror fetch what is missing, outside the window too.
    pub async fn refresh_now(&self) -> Vec<SourceLine> {
        sync::refresh(&self.house, true).await.1
    }

    /// Takes no new connection and lets open requests finish, for as long as `network.drain`
    /// says. `true` when everything ended within it.
    pub async fn stop(self) -> bool {
        let Self { house, tasks, socket_file, .. } = self;
        // Its place is free for the next daemon before the last request has ended.
        drop(socket_file);
        tasks.drain(&house).await
    }
}

/// The tasks of one daemon.
#[derive(Debug, Clone)]
pub(super) struct Tasks {
    pub(super) tracker: TaskTracker,
    pub(super) token: CancellationToken,
    /// What ends after all others: they still have something to say to it.
    last: (TaskTracker, CancellationToken),
}

impl Tasks {
    pub(super) fn start(bound: Bound) -> Running {
        let Bound {
            house,
            listeners,
            addresses,
            https,
            proxy,
            transparent: [plain, tls],
            names,
            traps,
            control,
            socket_file,
        } = bound;
        let tasks = Self {
            tracker: TaskTracker::new(),
            token: CancellationToken::new(),
            last: (TaskTracker::new(), CancellationToken::new()),
        };
        tasks.keep_journal(&house);
        tasks.keep_rooms(&house);
        tasks.hear_traps(&house, traps);
        let held = house.clone();
        tasks.supervised("resume", move |token| resume::run(held.clone(), token));
        let watched = house.clone();
        tasks.supervised("presence", move |token| presence::run(watched.clone(), token));
        let scrubbed = house.clone();
        tasks.supervised("scrub", move |token| scrub::run(scrubbed.clone(), token));
        let (desk, group) = (tasks.desk(&house), house.group.subscribe());
        let tracker = tasks.tracker.clone();
        tasks.supervised("control", move |token| {
            server::serve(control.clone(), group.clone(), desk.clone(), tracker.clone(), token)
        });
        let certified = house.clone();
        tasks.supervised("certificate", move |token| secure::watch(certified.clone(), token));
        let renewed = house.clone();
        tasks.supervised("renewal", move |token| secure::renew(renewed.clone(), token));
        let proxy_addresses = proxy.iter().filter_map(|one| one.local_addr().ok()).collect();
        let dns_addresses = names.udp.iter().filter_map(|one| one.local_addr().ok()).collect();
        if !names.is_empty() {
            let (resolver, token) = (house.names.clone(), tasks.token.clone());
            tasks.tracker.spawn(async move { resolver.serve(names, token).await });
        }
        let has_proxy = !proxy.is_empty();
        let carries = ![&proxy, &plain, &tls].iter().all(|sockets| sockets.is_empty());
        let carrier = carries.then(|| house.gateway.clone());
        tasks.carry([(Door::Proxy, proxy), (Door::Plain, plain), (Door::Tls, tls)], &house);
        let places = Arc::new(Semaphore::new(house.config().network.max_connections));
        let told = house.uplink.told();
        let mut https_addresses = Vec::new();
        match https {
            None => {
                let pages = Beside::new(house.library.clone(), carrier.clone(), has_proxy);
                let pages = WithMetrics::new(WithCacheHost::new(pages, carrier), told);
                tasks.lend(listeners, &pages, &places);
            }
            Some(BoundHttps { listeners: secured, tls, origin, certificates }) => {
                https_addresses.extend(secured.iter().filter_map(|one| one.local_addr().ok()));
                let upgrade = Upgrade::new(origin.clone(), certificates);
                let pages = Beside::new(upgrade, carrier.clone(), has_proxy);
                let pages = WithCacheHost::new(pages, carrier.clone());
                tasks.lend(listeners, &WithMetrics::new(pages, told.clone()), &places);
                let pages = Beside::new(house.library.clone(), carrier, has_proxy);
                let named = Named::new(WithMetrics::new(pages, told), origin);
                for listener in secured {
                    let (tls, named, places) = (tls.clone(), named.clone(), places.clone());
                    let (tracker, token) = (tasks.tracker.clone(), tasks.token.clone());
                    tasks.tracker.spawn(serve_tls(listener, tls, named, places, tracker, token));
                }
            }
        }
        Running {
            addresses,
            https_addresses,
            proxy_addresses,
            dns_addresses,
            house,
            tasks,
            socket_file,
        }
    }

    /// The rooms that have something to do by themselves.
    fn keep_rooms(&self, house: &House) {
        let catalogue = house.catalogue.clone();
        self.supervised("catalogue", move |token| {
            let catalogue = catalogue.clone();
            async move { catalogue.run(token).await }
        });
        let mirror = house.mirror.clone();
        self.supervised("mirror", move |token| {
            let mirror = mirror.clone();
            async move { mirror.run(token).await }
        });
        let access = house.access.clone();
        self.supervised("access", move |token| {
            let access = access.clone();
            async move { access.run(token).await }
        });
        let library = house.library.clone();
        self.supervised("library", move |token| {
            let library = library.clone();
            async move { library.run(token).await }
        });
        let filter = house.filter.clone();
        self.supervised("filter", move |token| {
            let filter = filter.clone();
            async move { filter.run(token).await }
        });
        let incidents = house.incidents.clone();
        self.supervised("incidents", move |token| {
            let incidents = incidents.clone();
            async move { incidents.run(token).await }
        });
        let (sources, watchers) = (house.measuring.sources.len(), house.measuring.watchers.len());
        tracing::debug!(sources, watchers, "who measures");
        let machine = house.measuring.machine.clone();
        self.supervised("machine", move |token| {
            let machine = machine.clone();
            async move { machine.run(token).await }
        });
        let services = house.measuring.services.clone();
        self.supervised("services", move |token| {
            let services = services.clone();
            async move { services.run(token).await }
        });
        let radios = house.measuring.radios.clone();
        self.supervised("radio", move |token| {
            let radios = radios.clone();
            async move { radios.run(token).await }
        });
        if let Some(wifi) = house.wifi.clone() {
            self.supervised("wifi", move |token| {
                let wifi = wifi.clone();
                async move { wifi.run(token).await }
            });
        }
        let uplink = house.uplink.clone();
        self.supervised("uplink", move |token| {
            let uplink = uplink.clone();
            async move { uplink.run(token).await }
        });
        if let Some(links) = house.links.clone() {
            self.supervised("links", move |token| {
                let links = links.clone();
                async move { links.run(token).await }
            });
        }
        let link = house.link.clone();
        self.supervised("link", move |token| {
            let link = link.clone();
            async move { link.run(token).await }
        });
    }

    fn hear_traps(&self, house: &House, sockets: Vec<UdpSocket>) {
        let Some(wifi) = house.wifi.clone().filter(|_| !sockets.is_empty()) else { return };
        let sockets = Arc::new(sockets);
        self.supervised("traps", move |token| {
            let (wifi, sockets) = (wifi.clone(), sockets.clone());
            async move { wifi.hear_traps(sockets, token).await }
        });
    }

    fn keep_journal(&self, house: &House) {
        let Some(journal) = house.journal.clone() else { return };
        let (tracker, token) = &self.last;
        let kept = supervise("journal", token.clone(), move |token| {
            let journal = journal.clone();
            async move { journal.run(token).await }
        });
        tracker.spawn(kept);
    }

    /// Answers in the clear on each of these.
    fn lend(&self, on: Vec<TcpListener>, handler: &impl Handler, places: &Arc<Semaphore>) {
        for listener in on {
            let (handler, places) = (handler.clone(), places.clone());
            let (tracker, token) = (self.tracker.clone(), self.token.clone());
            self.tracker.spawn(serve(listener, handler, places, tracker, token));
        }
    }

    /// Carries for devices that ask on these.
    fn carry(&self, on: [(Door, Vec<TcpListener>); 3], house: &Arc<House>) {
        if on.iter().all(|(_, listeners)| listeners.is_empty()) {
            return;
        }
        let gateway = house.gateway.clone();
        self.supervised("gateway", move |token| {
            let gateway = gateway.clone();
            async move { gateway.run(token).await }
        });
        for (door, listener) in
            on.into_iter().flat_map(|(door, on)| on.into_iter().map(move |one| (door, one)))
        {
            let (gateway, token) = (house.gateway.clone(), self.token.clone());
            self.tracker.spawn(async move { gateway.serve(listener, door, token).await });
        }
    }

    /// Starts a task that is started again when it fails.
    pub(super) fn supervised<F, Fut>(&self, name: &'static str, make: F)
    where
        F: FnMut(CancellationToken) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.tracker.spawn(supervise(name, self.token.clone(), make));
    }

    fn desk(&self, house: &Arc<House>) -> Desk {
        let (tracker, token) = (self.tracker.clone(), self.token.clone());
        Desk { house: house.clone(), tracker, token }
    }

    async fn drain(self, house: &House) -> bool {
        self.token.cancel();
        self.tracker.close();
        let limit = house.config().network.drain.0;
        let ended = tokio::time::timeout(limit, self.tracker.wait()).await.is_ok();
        if !ended {
            let left = self.tracker.len();
            tracing::warn!(?limit, left, "not everything ended within network.drain: cut");
        }
        let (last, token) = self.last;
        token.cancel();
        last.close();
        // What was carried is accounted for, however long the rest took.
        let noted = tokio::time::timeout(LAST, last.wait()).await.is_ok();
        ended && noted
    }
}
