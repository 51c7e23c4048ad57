//! The resolver of a running daemon: wired, bound, asked by the gateway.

use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpListener;

use super::{
    Daemon, DaemonError,
    judging::{Judging, Opinion},
    refused_names::{Refusal, RefusedNames},
};
use crate::{
    config::{Config, Dns, Dnssec, Site},
    dns::{self, Denial, Judge, Ruling},
    filter::target::{HTTPS_PORT, Target},
    gateway,
    journal::Journal,
    net::{
        client,
        link::Link,
        listen::{self, Inherited},
    },
};

/// Sockets under TLS, and how it is spoken there.
type Sealed = (Arc<ServerConfig>, Vec<TcpListener>);

/// The resolver; nothing listens yet. Blocking.
pub(super) fn open(
    config: &Config,
    judge: Judge,
    link: Link,
) -> Result<dns::Resolver, DaemonError> {
    let own = &config.dns;
    let under_tls = own.resolvers.iter().any(|resolver| resolver.name.is_some());
    let tls = under_tls.then(|| client::tls(&config.network.extra_authorities)).transpose()?;
    // What devices may reach through the gateway, it must be able to find.
    let reached = config.gateway.allow_private.iter().map(|network| Site::Network(*network));
    let private = own.private.iter().cloned().chain(reached).collect();
    let validates = own.dnssec == Dnssec::Validate;
    let anchors = validates.then(|| dns::anchors(own.trust_anchors.as_deref())).transpose()?;
    Ok(dns::Resolver::new(dns::Parts {
        config: Dns { private, ..own.clone() },
        name: config.https.name.clone(),
        judge,
        tls: tls.map(Arc::new),
        link,
        anchors,
    }))
}

/// The filter as the resolver asks it. The port is that of pages: DNS knows none. What it refuses is
/// noted.
pub(super) fn judge(judging: Judging, journal: Option<Journal>) -> Judge {
    let account = journal.map(RefusedNames::new);
    Judge::new(move |device, host, now| {
        let target = Target::of_host(host, HTTPS_PORT);
        let Opinion { judged, until, instead, here } = judging.judge(device, &target, now);
        if let (Some(account), Some(reason)) = (&account, &judged.denied) {
            let (profile, category) = (judged.profile.clone(), reason.category.as_deref());
            let profile = profile.filter(|name| !name.is_empty());
            account.note(device, host, Refusal { profile, category, here: here.as_ref() });
        }
        let denied =
            judged.denied.map(|reason| Denial { rule: reason.rule, category: reason.category });
        Ruling { denied, until, instead, filtered: judged.filtered }
    })
}

/// Who tells the gateway addresses: the box's resolver where it has somebody to ask, else the
/// system (nothing).
pub(super) fn for_gateway(config: &Config, resolver: &dns::Resolver) -> Option<gateway::Resolver> {
    if config.dns.resolvers.is_empty() {
        return None;
    }
    let resolver = resolver.clone();
    Some(gateway::Resolver::new(move |name| {
        let resolver = resolver.clone();
        async move { resolver.addresses(&name).await }
    }))
}

impl Daemon {
    /// The resolver's sockets: those passed, else its own.
    pub(super) fn bind_names(
        &self,
        config: &Config,
        inherited: &mut Inherited,
    ) -> Result<dns::Sockets, DaemonError> {
        let mut udp = std::mem::take(&mut inherited.dns_udp);
        let mut tcp = std::mem::take(&mut inherited.dns_tcp);
        let mut under_tls = std::mem::take(&mut inherited.dns_tls);
        let passed = [udp.len(), tcp.len(), under_tls.len()] != [0; 3];
        if passed && config.dns.resolvers.is_empty() {
            tracing::error!("sockets for the resolver were passed, and dns.resolvers is empty");
        }
        if udp.is_empty() && tcp.is_empty() {
            udp = listen::bind_datagrams(&config.dns.listen)?;
            tcp = listen::bind(&config.dns.listen)?;
        }
        if under_tls.is_empty() {
            under_tls = listen::bind(&config.dns.listen_tls)?;
        }
        Ok(dns::Sockets { udp, tcp, tls: self.sealed(under_tls)? })
    }

    /// These show the box's own certificate.
    fn sealed(&self, sockets: Vec<TcpListener>) -> Result<Option<Sealed>, DaemonError> {
        if sockets.is_empty() {
            return Ok(None);
        }
        let Some(secure) = &self.house.secure else {
            tracing::warn!("a socket for names under TLS, and https.name is not set: closed");
            return Ok(None);
        };
        Ok(Some((secure.certificates.resolver_config()?, sockets)))
    }
}
