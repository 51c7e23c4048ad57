//! Wires every room, starts them, stops them. The only room that knows them all.
//!
//! In this order: *build* (everything that can be wrong is found), *bind* (a port is open), *run*
//! (tasks, signals, notices to the service manager), *drain*.

mod commands;
mod error;
mod filtering;
mod holdings;
mod house;
mod incidents;
mod journal;
mod judging;
mod measuring;
mod names;
mod notice;
mod presence;
mod refused_names;
mod reload;
mod reporting;
mod resume;
mod run;
mod running;
mod scrub;
mod secure;
mod supervise;
mod sync;

use std::{net::SocketAddr, path::Path, sync::Arc};

use tokio::net::{TcpListener, UdpSocket, UnixListener};

pub use self::{error::DaemonError, running::Running};
use self::{house::House, running::Tasks};
use crate::{
    config::Config,
    control::socket::{self, SocketFile},
    dns,
    net::{
        front::Origin,
        listen::{self, Inherited},
        tls::Certificates,
    },
};

/// Every room, opened and checked; nothing is bound yet.
#[derive(Debug)]
pub struct Daemon {
    house: Arc<House>,
}

/// A daemon whose sockets are open.
#[derive(Debug)]
pub struct Bound {
    house: Arc<House>,
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    https: Option<BoundHttps>,
    /// Empty: no proxy.
    proxy: Vec<TcpListener>,
    /// Where connections that were taken on their way come.
    transparent: [Vec<TcpListener>; 2],
    /// Where devices ask the resolver.
    names: dns::Sockets,
    /// Where controllers of the Wi-Fi send traps.
    traps: Vec<UdpSocket>,
    control: Arc<UnixListener>,
    /// Of a socket that we made ourselves.
    socket_file: Option<SocketFile>,
}

/// What a box with a name listens on, and as what.
#[derive(Debug)]
struct BoundHttps {
    listeners: Vec<TcpListener>,
    tls: Arc<rustls::ServerConfig>,
    origin: Arc<Origin>,
    certificates: Certificates,
}

/// Opens the store and what stands on it. `file` is where the configuration came from and is read
/// again at a reload. Blocking.
pub fn build(config: Config, file: Option<&Path>) -> Result<Daemon, DaemonError> {
    Ok(Daemon { house: Arc::new(House::open(config, file.map(Path::to_owned))?) })
}

impl Daemon {
    /// Takes the sockets passed, binds those that are missing. Must be called inside a runtime.
    pub fn bind(self, mut inherited: Inherited) -> Result<Bound, DaemonError> {
        let config = self.house.config();
        let names = self.bind_names(&config, &mut inherited)?;
        let listeners = match inherited.tcp {
            passed if passed.is_empty() => listen::bind(&config.network.listen)?,
            passed => passed,
        };
        let addresses: Vec<SocketAddr> =
            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let https = self.bind_https(&config, inherited.https)?;
        let proxy = match inherited.proxy {
            passed if passed.is_empty() => listen::bind(&config.gateway.listen)?,
            passed => passed,
        };
        let asked = &config.gateway.transparent;
        let transparent =
            [(inherited.tproxy_http, &asked.http), (inherited.tproxy_tls, &asked.tls)].map(
                |(passed, own)| {
                    if passed.is_empty() { listen::bind_transparent(own) } else { Ok(passed) }
                },
            );
        let [plain, tls] = transparent;
        let transparent = [plain?, tls?];
        let (control, socket_file) = if let Some(passed) = inherited.unix.into_iter().next() {
            (passed, None)
        } else {
            let (socket, group) = (&config.control.socket, config.control.group.as_deref());
            let (listener, file) = socket::bind(socket, group)?;
            let unusable =
                |source| socket::SocketError::Io { action: "use", path: socket.clone(), source };
            (UnixListener::from_std(listener).map_err(unusable)?, Some(file))
        };
        let traps = listen::bind_datagrams(&config.health.traps.listen)?;
        self.house.listens_on(addresses.clone());
        let control = Arc::new(control);
        Ok(Bound {
            house: self.house,
            listeners,
            addresses,
            https,
            proxy,
            transparent,
            names,
            traps,
            control,
            socket_file,
        })
    }

    fn bind_https(
        &self,
        config: &Config,
        passed: Vec<TcpListener>,
    ) -> Result<Option<BoundHttps>, DaemonError> {
        let Some(secure) = &self.house.secure else {
            if !passed.is_empty() {
                tracing::warn!("a socket for HTTPS was passed, and https.name is not set: closed");
            }
            return Ok(None);
        };
        let listeners =
            if passed.is_empty() { listen::bind(&config.https.listen)? } else { passed };
        let address = listeners.iter().find_map(|listener| listener.local_addr().ok());
        let port = address.ok_or(DaemonError::NoHttpsSocket)?.port();
        let certificates = secure.certificates.clone();
        let tls = certificates.server_config()?;
        Ok(Some(BoundHttps { listeners, tls, origin: secure.listens_on(port), certificates }))
    }
}

impl Bound {
    /// Starts every task. It serves from now on.
    pub fn start(self) -> Running {
        Tasks::start(self)
    }

    /// Starts, serves until SIGTERM or SIGINT, and drains. `true` when everything ended within
    /// the limit.
    pub async fn run(self) -> Result<bool, DaemonError> {
        run::run(self).await
    }
}

/// A whole box inside this process, its sockets bound as `config` says: what a test needs. No
/// signal is taken, and the service manager hears nothing.
pub async fn start(config: Config) -> Result<Running, DaemonError> {
    let built = tokio::task::spawn_blocking(move || build(config, None)).await;
    let daemon = built.map_err(|error| DaemonError::Task(error.to_string()))??;
    Ok(daemon.bind(Inherited::default())?.start())
}
