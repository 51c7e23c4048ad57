//! Listening sockets: those systemd passed, or our own.

use std::{io, net::SocketAddr, os::fd::AsFd};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, UdpSocket, UnixListener};

/// `FileDescriptorName=` of the sockets for HTTPS.
pub const HTTPS_NAME: &str = "https";
/// `FileDescriptorName=` of the sockets for the proxy.
pub const PROXY_NAME: &str = "proxy";
/// `FileDescriptorName=` of the transparent sockets for requests in the clear.
pub const TPROXY_HTTP_NAME: &str = "tproxy-http";
/// `FileDescriptorName=` of the transparent sockets for TLS.
pub const TPROXY_TLS_NAME: &str = "tproxy-tls";
/// `FileDescriptorName=` of the sockets for the resolver, of both kinds.
pub const DNS_NAME: &str = "dns";
/// `FileDescriptorName=` of the sockets for the resolver under TLS.
pub const DNS_TLS_NAME: &str = "dns-tls";
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

/// Sockets that the service manager passed.
#[derive(Debug, Default)]
pub struct Inherited {
    /// For pages in the clear.
    pub tcp: Vec<TcpListener>,
    /// For pages under TLS: those that their unit calls [`HTTPS_NAME`].
    pub https: Vec<TcpListener>,
    /// For devices that ask the proxy: those that their unit calls [`PROXY_NAME`].
    pub proxy: Vec<TcpListener>,
    /// For requests taken on their way: [`TPROXY_HTTP_NAME`].
    pub tproxy_http: Vec<TcpListener>,
    /// For TLS taken on its way: [`TPROXY_TLS_NAME`].
    pub tproxy_tls: Vec<TcpListener>,
    /// For devices' questions on connections: those that their unit calls [`DNS_NAME`].
    pub dns_tcp: Vec<TcpListener>,
    /// The same under TLS: [`DNS_TLS_NAME`].
    pub dns_tls: Vec<TcpListener>,
    /// For their questions in datagrams: the datagram sockets.
    pub dns_udp: Vec<UdpSocket>,
    /// For the local command line.
    pub unix: Vec<UnixListener>,
}

/// The listening sockets that the service manager passed (`LISTEN_FDS`, `sd_listen_fds(3)`), if
/// any. Must be called inside a runtime, once.
pub fn inherited() -> Result<Inherited, ListenError> {
    // `LISTEN_FDNAMES`, sd_listen_fds_with_names(3): one a socket, in their order.
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names: Vec<&str> = names.split(':').collect();
    let mut passed = listenfd::ListenFd::from_env();
    let mut inherited = Inherited::default();
    for number in 0..passed.len() {
        let failed = |source| ListenError::Inherited { number, source };
        if let Ok(Some(listener)) = passed.take_unix_listener(number) {
            expect_listening(&listener).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            inherited.unix.push(UnixListener::from_std(listener).map_err(failed)?);
        } else if let Ok(Some(socket)) = passed.take_udp_socket(number) {
            socket.set_nonblocking(true).map_err(failed)?;
            inherited.dns_udp.push(UdpSocket::from_std(socket).map_err(failed)?);
        } else if let Some(listener) = passed.take_tcp_listener(number).map_err(failed)? {
            expect_listening(&listener).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            let listener = TcpListener::from_std(listener).map_err(failed)?;
            match names.get(number) {
                Some(&HTTPS_NAME) => inherited.https.push(listener),
                Some(&PROXY_NAME) => inherited.proxy.push(listener),
                Some(&TPROXY_HTTP_NAME) => inherited.tproxy_http.push(listener),
                Some(&TPROXY_TLS_NAME) => inherited.tproxy_tls.push(listener),
                Some(&DNS_NAME) => inherited.dns_tcp.push(listener),
                Some(&DNS_TLS_NAME) => inherited.dns_tls.push(listener),
                _ => inherited.tcp.push(listener),
            }
        }
    }
    Ok(inherited)
}

/// A connected socket (`Accept=yes` in a unit) would fail at every accept.
fn expect_listening(socket: &impl AsFd) -> io::Result<()> {
    if SockRef::from(socket).is_listener()? {
        return Ok(());
    }
    Err(io::Error::other("it does not listen (is Accept=yes in its unit?)"))
}

/// Binds every address. Must be called inside a runtime.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ListenError> {
    each(addresses, false)
}

/// The same, for connections to any address that the firewall hands over: `IP_TRANSPARENT`, ip(7).
/// IPv4 only; systemd's `Transparent=yes` knows both.
pub fn bind_transparent(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, ListenError> {
    each(addresses, true)
}

/// Binds every address for datagrams. Must be called inside a runtime.
pub fn bind_datagrams(addresses: &[SocketAddr]) -> Result<Vec<UdpSocket>, ListenError> {
    let one = |address: &SocketAddr| {
        bound_datagrams(*address).map_err(|source| ListenError::Bind { address: *address, source })
    };
    addresses.iter().map(one).collect()
}

fn bound_datagrams(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

fn each(addresses: &[SocketAddr], transparent: bool) -> Result<Vec<TcpListener>, ListenError> {
    let one = |address: &SocketAddr| {
        bound(*address, transparent)
            .map_err(|source| ListenError::Bind { address: *address, source })
    };
    addresses.iter().map(one).collect()
}

fn bound(address: SocketAddr, transparent: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `0.0.0.0` and `[::]` may both be listed: neither takes the other's place.
        socket.set_only_v6(true)?;
    }
    if transparent {
        setsockopt(&socket, sockopt::IpTransparent, &true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
