//! Which profile somebody has. Who signed in is looked at before where from.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{CompiledExam, CompiledProfile, Policy};
use crate::{access::Role, config::filter::SignedIn, filter::verdict::Who};

/// Networks and interfaces.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    networks: Vec<IpNet>,
    interfaces: Vec<String>,
}

impl Rooms {
    pub(super) fn of(networks: &[IpNet], interfaces: &[String]) -> Self {
        Self { networks: networks.to_vec(), interfaces: interfaces.to_vec() }
    }

    pub(super) fn hold(&self, who: &Who<'_>, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
            || who.interface.is_some_and(|name| self.interfaces.iter().any(|own| own == name))
    }
}

fn as_written(role: Role) -> SignedIn {
    match role {
        Role::Pupil => SignedIn::Pupil,
        Role::Teacher => SignedIn::Teacher,
        Role::Documentaliste => SignedIn::Documentaliste,
        Role::Head => SignedIn::Head,
        Role::Staff => SignedIn::Staff,
    }
}

impl Policy {
    /// The first profile that fits: one that names roles fits who signed in with one of them and
    /// nobody else who signed in; all others fit by network and interface.
    pub(super) fn profile_of(&self, who: &Who<'_>) -> usize {
        let address = who.address.to_canonical();
        let role = who.role.map(as_written);
        let fits = |profile: &CompiledProfile| match role {
            Some(role) if !profile.profile.roles.is_empty() => {
                profile.profile.roles.contains(&role)
            }
            _ => profile.rooms.hold(who, address),
        };
        self.profiles.iter().position(fits).unwrap_or(self.default_profile)
    }

    /// The exams of this room that are not over, now or later.
    pub(super) fn exams_of<'a>(
        &'a self,
        who: &'a Who<'_>,
    ) -> impl Iterator<Item = &'a CompiledExam> {
        let address = who.address.to_canonical();
        self.exams.iter().filter(move |exam| exam.rooms.hold(who, address))
    }
}
