//! What a poll asks of a controller's SNMP agent, and what it gets: the one seam between our tables and
//! the library that speaks the protocol.

use std::{fmt, net::Ipv4Addr, sync::Arc};

/// An object's name: its arcs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Arc<[u32]>);

impl Oid {
    /// Of these arcs.
    pub fn new(arcs: &[u32]) -> Self {
        Self(arcs.into())
    }

    /// Its arcs.
    pub fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// It, and these arcs after it.
    #[must_use]
    pub fn below(&self, arcs: &[u32]) -> Self {
        Self(self.0.iter().chain(arcs).copied().collect())
    }

    /// What follows `prefix` in it, if it is below that.
    pub fn index_under(&self, prefix: &Self) -> Option<&[u32]> {
        self.0.strip_prefix(&*prefix.0).filter(|rest| !rest.is_empty())
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arc) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            arc.fmt(f)?;
        }
        Ok(())
    }
}

/// What an object holds, whatever the agent's type for it: agents disagree with their own MIBs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// INTEGER, and counters, gauges and ticks of any width.
    Number(i64),
    /// OCTET STRING.
    Bytes(Vec<u8>),
    /// `IpAddress`.
    Address(Ipv4Addr),
    /// OBJECT IDENTIFIER.
    Oid(Oid),
    /// noSuchObject, noSuchInstance, or NULL.
    Absent,
    /// endOfMibView.
    End,
    /// Anything else.
    Other,
}

/// An object and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its name.
    pub oid: Oid,
    /// Its value.
    pub value: Value,
}

/// Why a request got no answer that is of use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Nothing came, however often it was asked.
    #[error("it does not answer")]
    Silent,
    /// The answer would not fit: fewer rows, perhaps.
    #[error("its answer would be too big")]
    TooBig,
    /// It knows us not, or gives us nothing.
    #[error("it refuses: {0}")]
    Refused(String),
    /// Something on this side, or an answer that is none.
    #[error("{0}")]
    Failed(String),
}

/// One who asks an agent. In the box: `client::Client`; in tests, tables in memory.
pub trait Agent: Sync {
    /// GET: each of these, by name.
    fn get(&self, oids: &[Oid]) -> impl Future<Output = Result<Vec<Binding>, AskError>> + Send;

    /// GETBULK (RFC 3416 §4.2.3): what follows each of `once`, once; then up to `repetitions` rows of
    /// what follows each of `repeated`.
    fn bulk(
        &self,
        once: &[Oid],
        repeated: &[Oid],
        repetitions: u32,
    ) -> impl Future<Output = Result<Vec<Binding>, AskError>> + Send;
}
