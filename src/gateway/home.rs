//! Where the box's own pages are: devices reach them through the proxy too, though nothing else of
//! the box.

use std::net::{IpAddr, SocketAddr};

use super::asked::{Asked, HTTP_PORT};
use crate::{config, filter::host::Host};

/// Port of the library when systemd passes its socket.
const HTTPS_PORT: u16 = 443;

/// The library's addresses.
#[derive(Debug, Clone, Default)]
pub struct Home {
    /// `https.name`.
    name: Option<String>,
    /// In the clear.
    ports: Vec<u16>,
    /// Under TLS.
    secure_ports: Vec<u16>,
}

impl Home {
    /// As the settings say.
    pub fn new(network: &config::Network, https: &config::Https) -> Self {
        let mut secure_ports: Vec<u16> = https.listen.iter().map(SocketAddr::port).collect();
        if secure_ports.is_empty() && https.name.is_some() {
            secure_ports.push(HTTPS_PORT);
        }
        Self {
            name: https.name.as_ref().map(|name| name.to_ascii_lowercase()),
            ports: network.listen.iter().map(SocketAddr::port).collect(),
            secure_ports,
        }
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Is the library asked for, by a device that reached the box at this address?
    pub fn is(&self, asked: &Asked, local: IpAddr) -> bool {
        let here = match &asked.host {
            Host::Name(name) => self.name.as_deref() == Some(name.as_str()),
            Host::Address(address) => *address == local,
        };
        here && (self.ports.contains(&asked.port) || self.secure_ports.contains(&asked.port))
    }

    /// Its first page, for a device that reached the box at this address.
    pub fn page(&self, local: IpAddr) -> String {
        let named = self.name.clone().zip(self.secure_ports.first());
        let (scheme, host, port, usual) = if let Some((name, port)) = named {
            ("https", name, *port, HTTPS_PORT)
        } else {
            let port = self.ports.first().copied().unwrap_or(HTTP_PORT);
            ("http", Host::Address(local).to_string(), port, HTTP_PORT)
        };
        if port == usual {
            format!("{scheme}://{host}/")
        } else {
            format!("{scheme}://{host}:{port}/")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(name: Option<&str>) -> Home {
        let name = name.map(str::to_owned);
        Home::new(&config::Network::default(), &config::Https { name, ..Default::default() })
    }

    #[test]
    fn the_library_is_the_box_s_own_name_or_address_at_its_ports_and_nothing_else() {
        let local: IpAddr = "10.0.0.1".parse().unwrap();
        let is = |home: &Home, text: &str| {
            home.is(&Asked::tunnel(&text.parse().unwrap()).unwrap(), local)
        };
        let named = home(Some("Preau.example.org"));
        assert!(is(&named, "preau.example.org:443") && is(&named, "10.0.0.1:80"));
        assert!(!is(&named, "preau.example.org:22") && !is(&named, "10.0.0.2:80"));
        assert!(!is(&home(None), "10.0.0.1:443"));
        assert_eq!(named.page(local), "https://preau.example.org/");
        assert_eq!(home(None).page(local), "http://10.0.0.1/");
    }
}
