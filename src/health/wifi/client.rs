//! The library that speaks SNMP (async-snmp), as an `Agent`: nothing else in the house knows it.

use std::{collections::HashSet, net::IpAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use async_snmp::{
    Auth, Client as Inner, ClientBuilder, EngineCache, Error, ErrorKind, ErrorStatus, Retry,
    UdpHandle, UdpTransport, VarBind,
};

use super::{
    agent::{Agent, AskError, Binding, Oid, Value},
    credentials::Credentials,
};
use crate::config::Endpoint;

/// A request is sent again so often.
const RETRIES: u32 = 2;
/// An answer as large as UDP carries. Controllers cut theirs far below.
const MAX_ANSWER_BYTES: usize = 65_507;
/// Bytes that wait in the socket: a few answers that come at once.
const SOCKET_BYTES: usize = 1 << 20;
/// Objects of one GET.
const MAX_OBJECTS: usize = 64;

/// Where and how controllers are asked.
#[derive(Debug, Clone)]
pub struct Peer {
    address: Endpoint,
    auth: Auth,
    timeout: Duration,
    /// What v3 learnt of the agent: asked for once, not at every look.
    engines: Arc<ArcSwap<EngineCache>>,
}

impl Peer {
    /// One that is asked again after `timeout`.
    pub fn new(address: Endpoint, credentials: &Credentials, timeout: Duration) -> Self {
        Self { address, auth: credentials.auth(), timeout, engines: Arc::default() }
    }

    /// What v3 learnt of the agent is of no use any more: another may stand at its address, or it lost
    /// count of its starts (RFC 3414 §3.2: neither says so in a way that can be believed).
    pub fn forget(&self) {
        self.engines.store(Arc::default());
    }

    /// The addresses that it may speak from; none when its name is not found.
    pub async fn addresses(&self) -> HashSet<IpAddr> {
        let found = tokio::net::lookup_host((self.address.host.as_str(), self.address.port)).await;
        found.into_iter().flatten().map(|one| one.ip().to_canonical()).collect()
    }

    /// A socket of its own for one look. Its name is looked up anew each time.
    pub async fn connect(&self) -> Result<Client, AskError> {
        let host = self.address.host.as_str();
        let found = tokio::net::lookup_host((host, self.address.port)).await;
        let address = found.ok().and_then(|mut found| found.next());
        let unknown = || AskError::Failed(format!("{host}: no such name"));
        let address = address.ok_or_else(unknown)?;
        let any = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
        let transport = UdpTransport::builder()
            .bind(any)
            .receive_capacity(MAX_ANSWER_BYTES)
            .recv_buffer_size(SOCKET_BYTES)
            .warn_on_source_mismatch(false)
            .build();
        let transport = transport.await.map_err(|error| failed(&error))?;
        let retry = Retry::fixed(RETRIES, Duration::ZERO)
            .map_err(|error| AskError::Failed(error.to_string()))?;
        let client = ClientBuilder::new(self.auth.clone())
            .request_timeout(self.timeout)
            .retry(retry)
            .max_oids_per_request(MAX_OBJECTS)
            .engine_cache(self.engines.load_full())
            .target(address)
            .build_with(&transport);
        Ok(Client(client.await.map_err(|error| failed(&error))?))
    }
}

/// One who asks, for one look; its socket is closed with it.
pub struct Client(Inner<UdpHandle>);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(&self.0.peer_addr()).finish()
    }
}

impl Agent for Client {
    async fn get(&self, oids: &[Oid]) -> Result<Vec<Binding>, AskError> {
        let asked: Vec<_> = oids.iter().map(theirs).collect();
        let answer = self.0.get_many(&asked).await;
        Ok(answer.map_err(|error| failed(&error))?.varbinds.into_iter().map(ours).collect())
    }

    async fn bulk(
        &self,
        once: &[Oid],
        repeated: &[Oid],
        repetitions: u32,
    ) -> Result<Vec<Binding>, AskError> {
        let asked: Vec<_> = once.iter().chain(repeated).map(theirs).collect();
        let singles = u32::try_from(once.len()).unwrap_or_default();
        let answer = self.0.get_bulk_with_metadata(&asked, singles, repetitions).await;
        Ok(answer.map_err(|error| failed(&error))?.varbinds.into_iter().map(ours).collect())
    }
}

fn theirs(oid: &Oid) -> async_snmp::Oid {
    async_snmp::Oid::from_slice(oid.arcs())
}

/// An object as we have it.
pub(super) fn ours(binding: VarBind) -> Binding {
    let value = match binding.value {
        async_snmp::Value::Integer(number) => Value::Number(number.into()),
        async_snmp::Value::Counter32(number)
        | async_snmp::Value::Gauge32(number)
        | async_snmp::Value::UInteger32(number)
        | async_snmp::Value::TimeTicks(number) => Value::Number(number.into()),
        async_snmp::Value::Counter64(number) => {
            i64::try_from(number).map_or(Value::Other, Value::Number)
        }
        async_snmp::Value::OctetString(bytes) => Value::Bytes(bytes.to_vec()),
        async_snmp::Value::IpAddress(octets) => Value::Address(octets.into()),
        async_snmp::Value::ObjectIdentifier(oid) => Value::Oid(Oid::new(oid.arcs())),
        async_snmp::Value::NoSuchObject
        | async_snmp::Value::NoSuchInstance
        | async_snmp::Value::Null => Value::Absent,
        async_snmp::Value::EndOfMibView => Value::End,
        _ => Value::Other,
    };
    Binding { oid: Oid::new(binding.oid.arcs()), value }
}

/// Their words name addresses and reasons, never a community or a key.
fn failed(error: &Error) -> AskError {
    match error.exchange_source() {
        Error::Snmp { status: ErrorStatus::TooBig, .. } => AskError::TooBig,
        refusal @ (Error::Snmp { .. } | Error::Auth { .. } | Error::Report { .. }) => {
            AskError::Refused(refusal.to_string())
        }
        _ if matches!(error.kind(), ErrorKind::Timeout | ErrorKind::ConstructionTimeout) => {
            AskError::Silent
        }
        other => AskError::Failed(other.to_string()),
    }
}
