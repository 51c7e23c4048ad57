//! Listening sockets: those systemd passed, or our own.

use std::{io, net::SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections the kernel keeps for us while we are busy or starting again.
const BACKLOG: i32 = 4096;

/// What can be wrong with a socket.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// An address that could not be bound.
    #[error("could not listen on {address}: {source}{}", hint(source))]
    Bind {
        /// The address of `network.listen`.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// A passed socket that cannot be used.
    #[error("socket {number} passed by the service manager cannot be used: {source}")]
    Inherited {
        /// Its place among those passed, from 0.
        number: usize,
        /// Why.
        source: io::Error,
    },
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => " (another program listens there)",
        io::ErrorKind::PermissionDenied => {
            " (ports below 1024 need systemd's socket, or CAP_NET_BIND_SERVICE)"
        }
        io::ErrorKind::AddrNotAvailable => " (this machine does not have that address)",
        _ => "",
    }
}

/// The TCP sockets that the service manager passed (`LISTEN_FDS`), if any. Must be called inside
/// a runtime, once.
pub fn inherited() -> Result<Vec<TcpListener>, ListenError> {
    let mut passed = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for number in 0..passed.len() {
        let failed = |source| ListenError::Inherited { number, source };
        let Some(listener) = passed.take_tcp_listener(number).map_err(failed)? else { continue };
        listener.set_nonblocking(true).map_err(failed)?;
        listeners.push(TcpListener::from_std(listener).map_err(failed)?);
    }
    Ok(listeners)
}

/// Binds every address. Must be called inside a runtime.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ListenError> {
    let one = |address: &SocketAddr| {
        bound(*address).map_err(|source| ListenError::Bind { address: *address, source })
    };
    addresses.iter().map(one).collect()
}

fn bound(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `0.0.0.0` and `[::]` may both be listed: neither takes the other's place.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
