//! Wires every room, starts them, stops them. The only room that knows them all.
//!
//! In this order: *build* (everything that can be wrong is found), *bind* (a port is open), *run*
//! (tasks, signals, notices to the service manager), *drain*.

mod commands;
mod error;
mod holdings;
mod house;
mod notice;
mod reload;
mod run;
mod running;
mod scrub;
mod supervise;
mod sync;

use std::{net::SocketAddr, path::Path, sync::Arc};

use tokio::net::{TcpListener, UnixListener};

pub use self::{error::DaemonError, running::Running};
use self::{house::House, running::Tasks};
use crate::{
    config::Config,
    control::socket::{self, SocketFile},
    net::listen::{self, Inherited},
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
    control: Arc<UnixListener>,
    /// Of a socket that we made ourselves.
    socket_file: Option<SocketFile>,
}

/// Opens the store and what stands on it. `file` is where the configuration came from and is read
/// again at a reload. Blocking.
pub fn build(config: Config, file: Option<&Path>) -> Result<Daemon, DaemonError> {
    Ok(Daemon { house: Arc::new(House::open(config, file.map(Path::to_owned))?) })
}

impl Daemon {
    /// Takes the sockets passed, binds those that are missing. Must be called inside a runtime.
    pub fn bind(self, inherited: Inherited) -> Result<Bound, DaemonError> {
        let config = self.house.config();
        let listeners = match inherited.tcp {
            passed if passed.is_empty() => listen::bind(&config.network.listen)?,
            passed => passed,
        };
        let addresses: Vec<SocketAddr> =
            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let (control, socket_file) = if let Some(passed) = inherited.unix.into_iter().next() {
            (passed, None)
        } else {
            let (socket, group) = (&config.control.socket, config.control.group.as_deref());
            let (listener, file) = socket::bind(socket, group)?;
            let unusable =
                |source| socket::SocketError::Io { action: "use", path: socket.clone(), source };
            (UnixListener::from_std(listener).map_err(unusable)?, Some(file))
        };
        self.house.listens_on(addresses.clone());
        let control = Arc::new(control);
        Ok(Bound { house: self.house, listeners, addresses, control, socket_file })
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
