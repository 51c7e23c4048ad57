//! Sockets over one link: bound to its interface where there are several (`SO_BINDTODEVICE`, socket(7)).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::net::{TcpSocket, TcpStream, UdpSocket, lookup_host};

/// A name is looked up within this.
const LOOKUP_WITHIN: Duration = Duration::from_secs(10);

/// How packets leave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Way {
    /// Over this interface; nothing = as the routes say.
    pub interface: Option<String>,
}

impl Way {
    /// A connection.
    ///
    /// # Errors
    /// As connect(2) has them. Whoever calls has the time limit.
    pub async fn tcp(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(interface) = &self.interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A socket that sends to one place and hears it alone, from a port that the kernel draws.
    ///
    /// # Errors
    /// As bind(2) and connect(2) have them.
    pub async fn udp(&self, to: SocketAddr) -> io::Result<UdpSocket> {
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        if let Some(interface) = &self.interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        socket.connect(to).await?;
        Ok(socket)
    }
}

/// The address of a host, as the system finds it: IPv4 first, since every regional network carries it.
///
/// # Errors
/// There is none, or nobody says in time.
pub async fn find(host: &str) -> io::Result<IpAddr> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let looked = tokio::time::timeout(LOOKUP_WITHIN, lookup_host((host, 0))).await;
    let found: Vec<IpAddr> = looked.map_err(io::Error::from)??.map(|one| one.ip()).collect();
    let v4 = found.iter().find(|address| address.is_ipv4());
    let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    v4.or(found.first()).copied().ok_or_else(none)
}
