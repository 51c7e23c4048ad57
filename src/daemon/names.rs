//! The resolver of a running daemon: wired, bound, asked by the gateway.

use std::sync::Arc;

use super::{
    Daemon, DaemonError,
    judging::{Judging, Opinion},
};
use crate::{
    config::{Config, Dns, Site},
    dns::{self, Denial, Judge, Ruling},
    filter::target::{HTTPS_PORT, Target},
    gateway,
    net::{
        client,
        link::Link,
        listen::{self, Inherited},
    },
};

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
    Ok(dns::Resolver::new(dns::Parts {
        config: Dns { private, ..own.clone() },
        name: config.https.name.clone(),
        judge,
        tls: tls.map(Arc::new),
        link,
    }))
}

/// The filter as the resolver asks it. The port is that of pages: DNS knows none.
pub(super) fn judge(judging: Judging) -> Judge {
    Judge::new(move |device, host, now| {
        let target = Target::of_host(host, HTTPS_PORT);
        let Opinion { judged, until, instead, .. } = judging.judge(device, &target, now);
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
        config: &Config,
        inherited: &mut Inherited,
    ) -> Result<dns::Sockets, DaemonError> {
        let udp = std::mem::take(&mut inherited.dns_udp);
        let tcp = std::mem::take(&mut inherited.dns_tcp);
        let passed = dns::Sockets { udp, tcp };
        if passed.is_empty() {
            let listen = &config.dns.listen;
            return Ok(dns::Sockets {
                udp: listen::bind_datagrams(listen)?,
                tcp: listen::bind(listen)?,
            });
        }
        if config.dns.resolvers.is_empty() {
            tracing::error!("sockets for the resolver were passed, and dns.resolvers is empty");
        }
        Ok(passed)
    }
}
