//! Why there is no connection.

use std::{io, net::IpAddr, time::Duration};

/// What stands in the way.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The resolver gave no answer.
    #[error("the name does not resolve: {0}")]
    Name(io::Error),
    /// The resolver's answer is empty.
    #[error("the name has no address")]
    NoAddress,
    /// An address devices may not reach through the proxy.
    #[error("{0} is not on the public Internet, or is this box (see gateway.allow_private)")]
    Prohibited(IpAddr),
    /// The site's machine refuses the port.
    #[error("the connection was refused")]
    Refused,
    /// Nobody answers.
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    /// The network says that there is no way.
    #[error("no way there: {0}")]
    Unreachable(io::Error),
    /// Something of this machine, such as descriptors, is short.
    #[error("the connection failed: {0}")]
    Io(io::Error),
    /// Nothing beyond the link answers: not tried, or no longer.
    #[error("the link to the Internet is down")]
    LinkDown,
    /// The other proxy cannot be reached.
    #[error("the upstream proxy: {0}")]
    Upstream(Box<Self>),
    /// The other proxy does not open the tunnel.
    #[error("the upstream proxy answered CONNECT with {0}")]
    UpstreamSays(u16),
    /// The other proxy's answer is no HTTP.
    #[error("the upstream proxy's answer to CONNECT: {0}")]
    UpstreamAnswer(&'static str),
}

impl DialError {
    /// Sorts what the sockets said.
    pub fn of_connect(error: io::Error) -> Self {
        use io::ErrorKind::{
            ConnectionRefused, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable,
            TimedOut,
        };
        match error.kind() {
            ConnectionRefused | ConnectionReset => Self::Refused,
            HostUnreachable | NetworkDown | NetworkUnreachable | TimedOut => {
                Self::Unreachable(error)
            }
            _ => Self::Io(error),
        }
    }

    /// Would it be so for every site, were the link down?
    pub(super) fn is_the_link_s(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Timeout(_) | Self::Unreachable(_))
    }
}
