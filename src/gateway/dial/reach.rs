//! Which addresses devices may reach through the proxy: the public Internet, and what is listed.

use std::net::IpAddr;

use ipnet::IpNet;

use super::DialError;
use crate::net::{
    around::is_own,
    client::{is_public, may_reach},
};

#[derive(Debug)]
pub struct Reach {
    allow_private: Vec<IpNet>,
}

impl Reach {
    pub fn new(allow_private: &[IpNet]) -> Self {
        Self { allow_private: allow_private.to_vec() }
    }

    /// May it be dialled? A box with a public address must not be reached from behind, as if by
    /// itself: its services trust that.
    pub fn check(&self, address: IpAddr) -> Result<(), DialError> {
        if !may_reach(address, &self.allow_private) {
            return Err(DialError::Prohibited(address));
        }
        if is_public(address) && !self.is_listed(address) && is_own(address) {
            return Err(DialError::Prohibited(address));
        }
        Ok(())
    }

    /// Is any network listed that is not public?
    pub fn lists_any(&self) -> bool {
        !self.allow_private.is_empty()
    }

    fn is_listed(&self, address: IpAddr) -> bool {
        self.allow_private.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_refused_in_every_spelling_unless_listed() {
        let closed = Reach::new(&[]);
        for text in [
            "127.0.0.1",
            "::1",
            "10.0.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "::",
            "100.64.1.1",
            "224.0.0.1",
            "192.0.2.1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
        ] {
            assert!(closed.check(text.parse().unwrap()).is_err(), "{text}");
        }
        let open = Reach::new(&["127.0.0.0/8".parse().unwrap()]);
        assert!(open.check("127.0.0.1".parse().unwrap()).is_ok());
        assert!(open.check("10.0.0.1".parse().unwrap()).is_err());
    }
}
