//! Sites that rules name, found without a walk through the rules.

use std::{collections::HashMap, net::IpAddr};

use ipnet::IpNet;

use crate::{
    config::filter::{Site, SiteHost, path_begins},
    filter::{
        host::Host,
        lists::{Depth, path_text},
        target::Target,
    },
};

/// A site found, and the rule that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::filter) struct Listed {
    pub(in crate::filter) rule: usize,
    pub(in crate::filter) depth: Depth,
    /// Of two at the same depth: bits of a prefix, bytes of a path.
    pub(in crate::filter) narrow: usize,
}

/// Sites, each with the place of its rule.
#[derive(Debug, Default)]
pub(in crate::filter) struct Sites {
    /// Those who may choose names choose them by hand: no key is needed against collisions.
    domains: HashMap<Box<str>, Vec<Named>, foldhash::fast::RandomState>,
    /// Bit n: a name of n labels is there.
    labels: u128,
    /// The narrowest first.
    networks: Vec<(IpNet, Named)>,
    /// Rules that name every site.
    any: Vec<usize>,
    has_paths: bool,
}

#[derive(Debug)]
struct Named {
    rule: usize,
    /// As [`path_text`] writes it.
    path: Option<Box<[u8]>>,
}

impl<'a> FromIterator<(&'a Site, usize)> for Sites {
    fn from_iter<I: IntoIterator<Item = (&'a Site, usize)>>(sites: I) -> Self {
        let mut all = Self::default();
        for (site, rule) in sites {
            let path = site.path.as_deref().map(|path| path_text(path.as_bytes()).bytes().into());
            all.has_paths |= path.is_some();
            let named = Named { rule, path };
            match &site.host {
                SiteHost::Domain(name) => {
                    let name = canonical(name);
                    all.labels |= bit(1 + dots(&name));
                    all.domains.entry(name).or_default().push(named);
                }
                SiteHost::Network(network) => all.networks.push((*network, named)),
                SiteHost::Any => all.any.push(rule),
            }
        }
        all.networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
        all
    }
}

fn dots(name: &str) -> usize {
    name.bytes().filter(|byte| *byte == b'.').count()
}

/// None for more labels than a name can have.
fn bit(labels: usize) -> u128 {
    u32::try_from(labels).ok().and_then(|labels| 1u128.checked_shl(labels)).unwrap_or(0)
}

/// As a request's host is spelled.
fn canonical(name: &str) -> Box<str> {
    match Host::parse(name) {
        Ok(Host::Name(name)) => name.as_str().into(),
        _ => name.into(),
    }
}

impl Sites {
    /// Visits every rule that names this target: sites with a path first, then the narrowest.
    pub(in crate::filter) fn visit(&self, target: &Target<'_>, visit: &mut dyn FnMut(Listed)) {
        if let Some(path) = target.path.filter(|_| self.has_paths) {
            self.by_host(target.host, Some(path_text(path.as_bytes()).bytes()), visit);
        }
        self.by_host(target.host, None, visit);
        for rule in &self.any {
            visit(Listed { rule: *rule, depth: Depth::Labels(0), narrow: 0 });
        }
    }

    /// Those with a path when one is given, else those without.
    fn by_host(&self, host: &Host, path: Option<&[u8]>, visit: &mut dyn FnMut(Listed)) {
        match host {
            Host::Name(name) => self.by_name(name.as_str(), path, visit),
            Host::Address(address) => self.by_address(*address, path, visit),
        }
    }

    fn by_name(&self, name: &str, path: Option<&[u8]>, visit: &mut dyn FnMut(Listed)) {
        let (mut rest, mut labels) = (Some(name), 1 + dots(name));
        while let Some(suffix) = rest {
            if self.labels & bit(labels) != 0
                && let Some(named) = self.domains.get(suffix)
            {
                // A name has at most 127 labels.
                let depth = Depth::Labels(u8::try_from(labels).unwrap_or(u8::MAX));
                let depth = if path.is_some() { Depth::Url } else { depth };
                for one in named.iter().filter(|one| one.fits(path)) {
                    visit(Listed { rule: one.rule, depth, narrow: one.path_bytes() });
                }
            }
            rest = suffix.split_once('.').map(|(_, up)| up);
            labels -= 1;
        }
    }

    fn by_address(&self, address: IpAddr, path: Option<&[u8]>, visit: &mut dyn FnMut(Listed)) {
        for (network, one) in &self.networks {
            if network.contains(&address) && one.fits(path) {
                let (depth, narrow) = match path {
                    Some(_) => (Depth::Url, one.path_bytes()),
                    None => (Depth::Address, usize::from(network.prefix_len())),
                };
                visit(Listed { rule: one.rule, depth, narrow });
            }
        }
    }
}

impl Named {
    fn path_bytes(&self) -> usize {
        self.path.as_ref().map_or(0, |path| path.len())
    }

    fn fits(&self, path: Option<&[u8]>) -> bool {
        match (&self.path, path) {
            (None, None) => true,
            (Some(own), Some(path)) => path_begins(path, own),
            _ => false,
        }
    }
}
