//! At which devices people are signed in, for whoever judges what a device may do: a role by
//! address. In memory only, bounded, read without a lock.
//!
//! The rule. A role is taken up when a request that bears a session's cookie reaches the portal
//! from an address: not by the key of a reading app, which asks by itself for months, and not from
//! the box's own address, by which whatever comes through the proxy comes. It ends with the
//! session (sign-out, single logout, revocation, its last moment), when nothing signed came from
//! the address for `access.device_idle`, when somebody else signs in there, and when other hardware
//! has the address. What a device does beyond the portal never prolongs it: a computer of a
//! classroom, on which somebody forgot to sign out, talks by itself all day.

use std::{
    array,
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};

use super::{Access, Role, Session, Way, lock};
use crate::{
    config,
    net::around::{Hardware, Seen, is_own},
};

/// Addresses remembered; the one that was silent longest gives way.
const MAX_ADDRESSES: usize = 8192;
/// Addresses of one session: a device has one of each kind, and another on another network.
const MAX_OF_SESSION: usize = 4;
/// A clock put back by less than this makes nobody a stranger.
const SLACK: SignedDuration = SignedDuration::from_mins(5);
/// Changes are told to those who asked about an address of the same part.
const PARTS: usize = 64;

/// Who is at a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// What they are.
    pub role: Role,
    /// First moment at which this no longer counts, if nothing is heard of them.
    pub until: Timestamp,
    /// Their session, by a name that gives no right.
    pub session: Arc<str>,
}

#[derive(Debug)]
struct Presence {
    role: Role,
    /// The session's public name, which gives no right.
    session: Arc<str>,
    until: Timestamp,
    /// The last signed request from here, in seconds since 1970.
    seen: AtomicI64,
    hardware: Option<Hardware>,
}

type People = HashMap<IpAddr, Arc<Presence>>;

/// Who is where.
#[derive(Debug)]
pub(super) struct Present {
    people: ArcSwap<People>,
    /// One change at a time.
    changing: Mutex<()>,
    changes: [watch::Sender<()>; PARTS],
    /// Somebody came whose hardware is not known yet.
    came: Notify,
    idle: SignedDuration,
    /// Networks in which an address is nobody's own.
    shared: Vec<IpNet>,
}

impl Presence {
    fn here(&self, now: Timestamp, idle: SignedDuration) -> Option<Here> {
        let seen = Timestamp::from_second(self.seen.load(Relaxed)).ok()?;
        let until = seen.checked_add(idle).map_or(self.until, |quiet| quiet.min(self.until));
        let counts = seen.duration_since(now) < SLACK && now < until;
        counts.then(|| Here { role: self.role, until, session: self.session.clone() })
    }

    /// The same once its hardware is known.
    fn with_hardware(&self, hardware: Hardware) -> Self {
        Self {
            role: self.role,
            session: self.session.clone(),
            until: self.until,
            seen: AtomicI64::new(self.seen.load(Relaxed)),
            hardware: Some(hardware),
        }
    }
}

impl Present {
    pub(super) fn new(access: &config::Access) -> Self {
        Self {
            people: ArcSwap::default(),
            changing: Mutex::default(),
            changes: array::from_fn(|_| watch::Sender::default()),
            came: Notify::new(),
            idle: SignedDuration::try_from(access.device_idle.0).unwrap_or_default(),
            shared: access.shared_addresses.clone(),
        }
    }

    /// Who is there. Neither locks nor allocates.
    fn at(&self, address: IpAddr, now: Timestamp) -> Option<Here> {
        self.people.load().get(&address.to_canonical())?.here(now, self.idle)
    }

    /// A signed request came from there. Returns whether it was news.
    fn note(&self, session: &Session, address: IpAddr, now: Timestamp) -> bool {
        let address = address.to_canonical();
        if let Some(known) = self.people.load().get(&address)
            && *known.session == *session.public_id
            && known.here(now, self.idle).is_some()
        {
            known.seen.store(now.as_second(), Relaxed);
            return false;
        }
        if session.way == Way::AppKey || !self.may_be_a_device(address) {
            return false;
        }
        let presence = Presence {
            role: session.person.role,
            session: session.public_id.as_str().into(),
            until: session.until,
            seen: AtomicI64::new(now.as_second()),
            hardware: None,
        };
        let gone = self.change(|people| {
            let mut gone = Vec::new();
            let of_session = people
                .iter()
                .filter(|(at, one)| one.session == presence.session && **at != address);
            if of_session.clone().count() >= MAX_OF_SESSION {
                gone.extend(longest_silent(of_session));
            }
            if people.len() >= MAX_ADDRESSES && !people.contains_key(&address) {
                gone.extend(longest_silent(people.iter()));
            }
            people.retain(|address, _| !gone.contains(address));
            people.insert(address, Arc::new(presence));
            gone
        });
        gone.into_iter().chain([address]).for_each(|address| self.tell(address));
        self.came.notify_one();
        true
    }

    fn may_be_a_device(&self, address: IpAddr) -> bool {
        let special = address.is_loopback() || address.is_unspecified() || address.is_multicast();
        // Every network has the same ones.
        let of_link = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let shared = || self.shared.iter().any(|network| network.contains(&address));
        !special && !of_link && !shared() && !is_own(address)
    }

    /// These sessions are over.
    pub(super) fn end(&self, sessions: &[Arc<Session>]) {
        if !sessions.is_empty() {
            self.drop_where(|_, one| sessions.iter().any(|ended| *ended.public_id == *one.session));
        }
    }

    /// Lets go of who is there no longer, and of whose address other hardware has; learns the
    /// hardware of those who came.
    fn look_around(&self, seen: &Seen, now: Timestamp) {
        self.drop_where(|address, one| {
            let other = |own| seen.hardware(*address).is_some_and(|hardware| hardware != own);
            one.here(now, self.idle).is_none() || one.hardware.is_some_and(other)
        });
        let learns = |(address, one): (&IpAddr, &Arc<Presence>)| {
            let hardware = seen.hardware(*address).filter(|_| one.hardware.is_none())?;
            Some((*address, Arc::new(one.with_hardware(hardware))))
        };
        if self.people.load().iter().any(|known| learns(known).is_some()) {
            self.change(|people| {
                let learned: Vec<_> = people.iter().filter_map(learns).collect();
                people.extend(learned);
            });
        }
    }

    fn drop_where(&self, goes: impl Fn(&IpAddr, &Presence) -> bool) {
        if !self.people.load().iter().any(|(address, one)| goes(address, one)) {
            return;
        }
        let gone = self.change(|people| {
            let mut gone = Vec::new();
            people.retain(|address, one| {
                let goes = goes(address, one);
                gone.extend(goes.then_some(*address));
                !goes
            });
            gone
        });
        for address in gone {
            self.tell(address);
        }
    }

    /// Puts a changed copy in the place of the whole: who reads sees the one or the other.
    fn change<T>(&self, work: impl FnOnce(&mut People) -> T) -> T {
        let _one = lock(&self.changing);
        let mut people = (**self.people.load()).clone();
        let done = work(&mut people);
        self.people.store(Arc::new(people));
        done
    }

    fn part(&self, address: IpAddr) -> Option<&watch::Sender<()>> {
        let mut hasher = DefaultHasher::new();
        address.to_canonical().hash(&mut hasher);
        let part = hasher.finish() % PARTS as u64;
        self.changes.get(usize::try_from(part).unwrap_or_default())
    }

    fn tell(&self, address: IpAddr) {
        if let Some(part) = self.part(address) {
            part.send_replace(());
        }
    }
}

fn longest_silent<'a>(
    people: impl Iterator<Item = (&'a IpAddr, &'a Arc<Presence>)>,
) -> Option<IpAddr> {
    people.min_by_key(|(_, one)| one.seen.load(Relaxed)).map(|(address, _)| *address)
}

impl Access {
    /// A request of this session came to the portal from this address.
    pub fn is_at(&self, session: &Session, address: IpAddr, now: Timestamp) {
        let (present, now) = (&self.inner.present, self.inner.clock.judged(now));
        if present.note(session, address, now)
            && self.sessions().of_public_id(&session.public_id, now).is_none()
        {
            // It ended while its last request was under way.
            present.drop_where(|_, one| *one.session == *session.public_id);
        }
    }

    /// Who is signed in at the device of this address. Neither locks nor allocates.
    pub fn role_at(&self, address: IpAddr, now: Timestamp) -> Option<Here> {
        self.inner.present.at(address, now)
    }

    /// Changes when who is at this address may have: sometimes also when they have not.
    pub fn changes_at(&self, address: IpAddr) -> watch::Receiver<()> {
        let part = self.inner.present.part(address);
        part.map_or_else(|| watch::channel(()).1, watch::Sender::subscribe)
    }

    /// Ends when somebody came to a device since it last ended: their hardware is best learned now.
    pub async fn somebody_came(&self) {
        self.inner.present.came.notified().await;
    }

    /// Compares the devices with what the kernel says of them.
    pub fn look_around(&self, seen: &Seen, now: Timestamp) {
        self.inner.present.look_around(seen, now);
    }
}

#[cfg(test)]
#[path = "present_tests.rs"]
mod tests;
