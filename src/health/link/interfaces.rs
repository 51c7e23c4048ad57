//! Interfaces as the kernel tells them by rtnetlink (rtnetlink(7)): carriers the moment they change, and
//! counters when asked. What they have agreed on stands in sysfs only.

use std::{fmt, future::ready, io, pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use rtnetlink::{
    Error, Handle, MulticastGroup, new_multicast_connection,
    packet_core::NetlinkPayload,
    packet_route::{
        RouteNetlinkMessage,
        link::{LinkAttribute, LinkFlags, LinkMessage},
    },
};
use tokio::{task::JoinHandle, time::timeout};

/// Interfaces that are told.
pub const MAX_INTERFACES: usize = 16;
/// Interfaces that are read of a list at most.
const MAX_LISTED: usize = 256;
/// The kernel answers within this.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// `ENODEV` (errno(3)).
const NO_DEVICE: i32 = 19;

/// An interface, now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number, which is another when it was taken away and came back.
    pub index: u32,
    /// Is it up, and has it a carrier?
    pub carrier: bool,
    /// Is it loopback?
    pub loopback: bool,
    /// Largest packet that it sends, in bytes.
    pub mtu: u32,
    /// What went through it since it is there.
    pub counters: Counters,
    /// What it has agreed on, in bytes a second, where it says so.
    pub speed: Option<u64>,
}

/// Since an interface is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes that came in.
    pub received: u64,
    /// Bytes that went out.
    pub sent: u64,
    /// Frames that came in broken.
    pub receive_errors: u64,
    /// Frames that could not be sent.
    pub send_errors: u64,
    /// Frames that came in and were dropped.
    pub receive_drops: u64,
}

/// What is known of an interface that was looked for.
#[derive(Debug, Clone, Copy)]
pub enum Looked<'a> {
    /// The kernel did not say.
    Unknown,
    /// There is none of this name.
    Gone,
    /// It is there.
    Here(&'a Interface),
}

/// What the kernel says of an interface; nothing of one without a name.
pub fn read(message: &LinkMessage) -> Option<Interface> {
    let flags = message.header.flags;
    let mut interface = Interface {
        index: message.header.index,
        carrier: flags.contains(LinkFlags::Up | LinkFlags::LowerUp),
        loopback: flags.contains(LinkFlags::Loopback),
        ..Interface::default()
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => interface.name.clone_from(name),
            LinkAttribute::Mtu(mtu) => interface.mtu = *mtu,
            LinkAttribute::Stats64(stats) => {
                interface.counters = Counters {
                    received: stats.rx_bytes,
                    sent: stats.tx_bytes,
                    receive_errors: stats.rx_errors,
                    send_errors: stats.tx_errors,
                    receive_drops: stats.rx_dropped,
                };
            }
            _ => {}
        }
    }
    (!interface.name.is_empty()).then_some(interface)
}

/// The kernel, asked and listened to.
pub struct Kernel {
    handle: Handle,
    events: Pin<Box<dyn Stream<Item = Interface> + Send + Sync>>,
    task: JoinHandle<()>,
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").finish_non_exhaustive()
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Kernel {
    /// Opens a socket of the calling thread's network namespace.
    ///
    /// # Errors
    /// The system has none to give.
    pub fn open() -> io::Result<Self> {
        let (connection, handle, messages) = new_multicast_connection(&[MulticastGroup::Link])?;
        let events = messages.filter_map(|(message, _)| {
            ready(match message.payload {
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => read(&link),
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link)) => {
                    read(&link).map(|gone| Interface { carrier: false, ..gone })
                }
                _ => None,
            })
        });
        Ok(Self { handle, events: Box::pin(events), task: tokio::spawn(connection) })
    }

    /// The next interface that changed; nothing when the kernel says no more.
    pub async fn next(&mut self) -> Option<Interface> {
        self.events.next().await
    }

    /// One interface; nothing = there is none of this name.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub async fn interface(&self, name: &str) -> Result<Option<Interface>, Error> {
        let mut asked = Box::pin(self.handle.link().get().match_name(name).execute());
        match timeout(ANSWER_WITHIN, asked.try_next()).await {
            Err(_) => Err(Error::RequestFailed),
            Ok(Err(Error::NetlinkError(error))) if error.raw_code() == -NO_DEVICE => Ok(None),
            Ok(Err(error)) => Err(error),
            Ok(Ok(message)) => Ok(message.as_ref().and_then(read)),
        }
    }

    /// All of them but loopback, within bounds, with what they have agreed on.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub async fn all(&self) -> Result<Vec<Interface>, Error> {
        let listed = self.handle.link().get().execute().take(MAX_LISTED).try_collect::<Vec<_>>();
        let listed = timeout(ANSWER_WITHIN, listed).await.map_err(|_| Error::RequestFailed)??;
        let told = listed.iter().filter_map(read).filter(|one| !one.loopback);
        let mut told: Vec<Interface> = told.take(MAX_INTERFACES).collect();
        for interface in &mut told {
            interface.speed = speed(&interface.name).await;
        }
        Ok(told)
    }
}

/// What an interface has agreed on (sysfs-class-net), in bytes a second.
async fn speed(name: &str) -> Option<u64> {
    const MBIT: u64 = 1_000_000 / 8;
    // Names of interfaces hold no slash (netdevice(7)).
    let said = tokio::fs::read_to_string(format!("/sys/class/net/{name}/speed")).await.ok()?;
    // -1 without a carrier.
    said.trim().parse::<u64>().ok().filter(|mbit| *mbit > 0).map(|mbit| mbit * MBIT)
}
