//! Knows who asks: sign-in at the ENT (CAS, OpenID Connect) or by what this box signed before
//! (device passes, help codes), sessions, and what each person may open.
//!
//! Not here: pages (`library`), what the school holds (`catalogue`). This room keeps an opaque
//! identifier, a role and classes of a person, and nothing else; of a device where somebody is signed
//! in, the address, in memory.

mod app_keys;
mod asking;
mod attempt;
pub mod attributes;
mod audit;
pub mod cas;
mod clock;
mod codes;
mod cookies;
mod csrf;
mod device;
mod ent;
mod enter;
mod error;
mod help;
mod journal;
mod keys;
mod lists;
mod offered;
mod oidc;
mod own;
mod pass;
mod passes;
mod person;
mod present;
mod proof;
mod revocations;
mod rights;
mod secret;
mod session;
mod sessions;
mod tend;
mod term;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_own;
mod throttle;
mod xml;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use http::HeaderMap;
use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::Semaphore;
use url::Url;

use self::{
    app_keys::AppKeys, attempt::Attempts, audit::Audit, clock::Clock, codes::Codes, ent::Ent,
    journal::Journal, keys::Keys, lists::Lists, passes::Passes, present::Present, proof::Used,
    revocations::Revocations, secret::Seal, sessions::Sessions, throttle::Throttle,
};
pub use self::{
    attempt::local_path,
    csrf::same_origin,
    error::{AccessError, CodeError, PassError, SignInError},
    help::MAX_CODES,
    offered::{
        About, AboutAppKey, AboutList, AboutPass, AboutSession, AuditLine, Begun, DeviceKey,
        Entered, HelpCode, PassState, Proof, Revoke,
    },
    person::{Assigned, Person, Role},
    present::Here,
    rights::{Reader, Right, ends, right},
    session::{Session, Visitor, Way},
};
use crate::{
    catalogue::PersonalSource,
    config::{self, SignIn, Uai},
    net::client::{Client, ClientOptions},
    store::{BlobId, Store},
};

/// Persons whose lists are asked at once.
const ASKED_AT_ONCE: usize = 8;
/// What a capability's seal is for.
const CAPABILITY: &str = "capability";

/// The room. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    school: Uai,
    zone: TimeZone,
    config: config::Access,
    store: Store,
    ent: Ent,
    /// Where people come back to from the ENT.
    registered: Url,
    /// Where persons' lists are asked, when they are.
    personal: Option<PersonalSource>,
    asking: Semaphore,
    clock: Clock,
    seal: Seal,
    journal: Journal,
    /// One writer of documents at a time.
    writing: Mutex<()>,
    attempts: Mutex<Attempts>,
    sessions: RwLock<Sessions>,
    present: Present,
    keys: RwLock<Keys>,
    passes: Mutex<Passes>,
    challenges: Mutex<Used>,
    revocations: Mutex<Revocations>,
    codes: Mutex<Codes>,
    throttle: Mutex<Throttle>,
    audit: Mutex<Audit>,
    lists: Mutex<Lists>,
    app_keys: RwLock<AppKeys>,
}

/// A lock whose holder panicked still guards whole data here: every change is made in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Access {
    /// Reads what is kept, and the keys. Blocking.
    pub fn open(
        school: &config::School,
        access: &config::Access,
        https: &config::Https,
        network: &config::Network,
        store: Store,
    ) -> Result<Self, AccessError> {
        Self::open_at(school, access, https, network, store, Timestamp::now())
    }

    fn open_at(
        school: &config::School,
        access: &config::Access,
        https: &config::Https,
        network: &config::Network,
        store: Store,
        now: Timestamp,
    ) -> Result<Self, AccessError> {
        let zone = TimeZone::get(&school.timezone).map_err(|e| AccessError::TimeZone {
            name: school.timezone.clone(),
            reason: e.to_string(),
        })?;
        let latest = journal::read::<Timestamp>(&store, journal::CLOCK).into_iter().next();
        let personal = access.resource_list.clone();
        let inner = Inner {
            school: school.uai.clone(),
            ent: ent(access, network)?,
            registered: registered(access, https)?,
            personal: personal.map(|list| PersonalSource::new(list, network.clone())),
            asking: Semaphore::new(ASKED_AT_ONCE),
            clock: Clock::new(latest, now),
            seal: keys::seal(&store)?,
            journal: Journal::default(),
            writing: Mutex::default(),
            attempts: Mutex::default(),
            sessions: RwLock::default(),
            present: Present::new(access),
            keys: RwLock::new(Keys::open(&store, now)?),
            passes: Mutex::new(Passes::of(journal::read(&store, journal::PASS))),
            challenges: Mutex::default(),
            revocations: Mutex::new(Revocations::open(&store)?),
            codes: Mutex::new(Codes::of(journal::read(&store, journal::CODE))),
            throttle: Mutex::default(),
            audit: Mutex::new(Audit::open(&store, zone.clone(), now)?),
            lists: Mutex::new(Lists::open(&store)?),
            app_keys: RwLock::default(),
            zone,
            config: access.clone(),
            store,
        };
        let room = Self { inner: Arc::new(inner) };
        room.take_up(now)?;
        Ok(room)
    }

    /// Takes up the sessions and reading apps of before. Blocking.
    fn take_up(&self, now: Timestamp) -> Result<(), AccessError> {
        let now = self.inner.clock.judged(now);
        let mut kept: Vec<Session> = journal::read(&self.inner.store, journal::SESSION);
        kept.retain(|session| !lock(&self.inner.revocations).covers_session(session));
        for session in &mut kept {
            session.assigned = self.assigned(&session.person.id, session.way, now);
        }
        *self.sessions_mut() = Sessions::of(kept);
        let keys = AppKeys::open(&self.inner.store, |key| Session {
            assigned: self.assigned(&key.person.id, Way::AppKey, now),
            ..self.session_of_key(key)
        })?;
        *self.app_keys_mut() = keys;
        Ok(())
    }

    /// Must readers sign in?
    pub fn required(&self) -> bool {
        self.inner.config.sign_in == SignIn::Required
    }

    /// Is there an ENT to sign in at?
    pub fn has_ent(&self) -> bool {
        !matches!(self.inner.ent, Ent::None)
    }

    /// Who asks, by the session's cookie or a reading app's key (HTTP Basic). *In memory.*
    pub fn visitor(&self, headers: &HeaderMap, now: Timestamp) -> Visitor {
        self.visitor_with(self.recognised(headers, now))
    }

    /// Who asks for a resource of `blob` by the capability in its path. *In memory.*
    pub fn visitor_of(&self, blob: &BlobId, capability: &str, now: Timestamp) -> Visitor {
        let now = self.inner.clock.judged(now);
        let known = capability.split_once('.').and_then(|(id, seal)| {
            let holds = self.inner.seal.holds(seal, CAPABILITY, &[id.as_bytes(), &blob.0]);
            holds.then(|| self.sessions().of_public_id(id, now).cloned()).flatten()
        });
        self.visitor_with(known)
    }

    /// Opens the resources of one package to a frame that sends no cookies, as long as the
    /// session lasts. Safe in a path.
    pub fn capability(&self, session: &Session, blob: &BlobId) -> String {
        let id = &session.public_id;
        format!("{id}.{}", self.inner.seal.of(CAPABILITY, &[id.as_bytes(), &blob.0]))
    }

    fn sessions(&self) -> RwLockReadGuard<'_, Sessions> {
        self.inner.sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions_mut(&self) -> RwLockWriteGuard<'_, Sessions> {
        self.inner.sessions.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn app_keys(&self) -> RwLockReadGuard<'_, AppKeys> {
        self.inner.app_keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn app_keys_mut(&self) -> RwLockWriteGuard<'_, AppKeys> {
        self.inner.app_keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.inner.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_keys(&self, keys: Keys) {
        *self.inner.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }
}

fn ent(access: &config::Access, network: &config::Network) -> Result<Ent, AccessError> {
    let client = || {
        Client::new(ClientOptions {
            allow_private: network.allow_private.clone(),
            extra_authorities: network.extra_authorities.clone(),
            ..ClientOptions::default()
        })
    };
    Ok(match (&access.cas, &access.oidc) {
        (Some(cas), _) => Ent::Cas(cas::Client::new(cas, client()?)),
        (None, Some(oidc)) => Ent::Oidc(oidc::Client::new(oidc, client()?)?),
        (None, None) => Ent::None,
    })
}

/// The region's relay page, or this box's own page for people who come back.
fn registered(access: &config::Access, https: &config::Https) -> Result<Url, AccessError> {
    if let Some(service) = &access.service {
        return Ok(service.clone());
    }
    let name = https.name.as_deref().unwrap_or("localhost");
    let port = https.listen.first().map_or(443, std::net::SocketAddr::port);
    let address = format!("https://{name}:{port}/connexion/retour");
    let reason = |error: url::ParseError| AccessError::Settings {
        what: "https.name",
        reason: error.to_string(),
    };
    Url::parse(&address).map_err(reason)
}
