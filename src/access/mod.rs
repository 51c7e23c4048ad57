//! Knows who asks: sign-in at the ENT (CAS, OpenID Connect) or by what this box signed before
//! (device passes, help codes), sessions, and what each person may open.
//!
//! Not here: pages (`library`), what the school holds (`catalogue`). This room keeps an opaque
//! identifier, a role and classes of a person, and nothing else.

mod asking;
mod attempt;
pub mod attributes;
pub mod cas;
mod cookies;
mod csrf;
mod device;
mod ent;
mod enter;
mod error;
mod help;
mod offered;
mod oidc;
mod own;
mod person;
mod rights;
mod secret;
mod session;
mod sessions;
mod xml;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use http::HeaderMap;
use jiff::{Timestamp, tz::TimeZone};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::{attempt::Attempts, ent::Ent, secret::Seal, sessions::Sessions};
pub use self::{
    attempt::local_path,
    csrf::same_origin,
    error::{AccessError, CodeError, PassError, SignInError},
    offered::{
        About, AboutAppKey, AboutList, AboutPass, AboutSession, AuditLine, Begun, DeviceKey,
        Entered, HelpCode, PassState, Proof, Revoke,
    },
    person::{Assigned, Person, Role},
    rights::{Reader, Right, ends, right},
    session::{Session, Visitor, Way},
};
use crate::{
    config::{self, SignIn, Uai},
    net::client::{Client, ClientOptions},
    store::{BlobId, Store},
};

/// How often what has ended is dropped.
const SWEEP_EVERY: std::time::Duration = std::time::Duration::from_mins(1);

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
    seal: Seal,
    attempts: Mutex<Attempts>,
    sessions: RwLock<Sessions>,
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
        let zone = TimeZone::get(&school.timezone).map_err(|e| AccessError::TimeZone {
            name: school.timezone.clone(),
            reason: e.to_string(),
        })?;
        let inner = Inner {
            school: school.uai.clone(),
            zone,
            config: access.clone(),
            store,
            ent: ent(access, network)?,
            registered: registered(access, https)?,
            seal: Seal::new(&rand::random::<[u8; 32]>()),
            attempts: Mutex::default(),
            sessions: RwLock::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Drops what has ended, until cancelled.
    pub async fn run(&self, token: CancellationToken) {
        let mut ticks = tokio::time::interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                () = token.cancelled() => return,
                _ = ticks.tick() => self.sweep(Timestamp::now()),
            }
        }
    }

    fn sweep(&self, now: Timestamp) {
        lock(&self.inner.attempts).sweep(now);
        self.sessions_mut().end_where(|session| session.until <= now);
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
        let known = cookies::read(headers, cookies::SESSION)
            .and_then(|cookie| self.sessions().of_cookie(cookie, now).cloned());
        self.visitor_with(known)
    }

    /// Who asks for a resource of `blob` by the capability in its path. *In memory.*
    pub fn visitor_of(&self, blob: &BlobId, capability: &str, now: Timestamp) -> Visitor {
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

    fn visitor_with(&self, session: Option<Arc<Session>>) -> Visitor {
        match session {
            Some(session) => Visitor::Session(session),
            None if self.required() => Visitor::Nobody,
            None => Visitor::Anyone,
        }
    }

    fn sessions(&self) -> std::sync::RwLockReadGuard<'_, Sessions> {
        self.inner.sessions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions_mut(&self) -> std::sync::RwLockWriteGuard<'_, Sessions> {
        self.inner.sessions.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a capability's seal is for.
const CAPABILITY: &str = "capability";

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
