//! Carries: the school's way to the Internet for devices that ask a proxy. Requests in the clear are
//! sent on, tunnels are opened, refusals are explained.
//!
//! Not here: what is allowed (`filter` decides, through `judged.rs`), nor the pages of the library.

mod asked;
mod beside;
mod blocked;
mod body;
pub mod cache;
pub mod cache_host;
mod cached;
mod clock;
mod connect;
mod dial;
mod fairness;
mod fields;
mod forward;
pub mod guard;
mod home;
mod interim;
mod judged;
mod link;
mod noted;
mod origins;
mod outage;
mod own_pages;
pub mod pac;
mod pool;
mod probes;
mod recent;
mod refusal;
mod serve;
mod tally;
pub mod transparent;
mod tunnel;
mod upgrade;

use std::{sync::Arc, time::Duration};

use hyper::{Method, Request, Response, body::Incoming};
use jiff::{Timestamp, tz::TimeZone};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    asked::{Asked, BadTarget},
    beside::{Beside, CAPTIVE_API},
    cache::Cache,
    cache_host::Led,
    dial::{Account, NoAccount, Resolver},
    home::Home,
    judged::{Denial, Judge, Ruling, Who},
    recent::{Recent, Refused},
    serve::Door,
};
use self::{
    blocked::Asking,
    dial::Dialer,
    fairness::{Fairness, Meter},
    fields::Pseudonym,
    noted::Note,
    origins::Origins,
    pac::Pac,
    refusal::Pages,
    serve::Seat,
    tunnel::Pipes,
};
use crate::{
    config,
    filter::reviews::Reviews,
    journal::Journal,
    net::{
        body::Body,
        guests::Guests,
        link::{Link, State},
        tally::{Counts, Tally},
    },
};

/// Idle connections to origins, and pipes that wait, are looked through so often.
const TIDY_EVERY: Duration = Duration::from_secs(20);

/// The proxy. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: config::Gateway,
    home: Home,
    judge: Judge,
    link: Link,
    origins: Origins,
    pac: Arc<Pac>,
    pages: Pages,
    pipes: Pipes,
    pseudonym: Pseudonym,
    recent: Recent,
    asking: Asking,
    cache: Option<Cache>,
    /// Nothing: no account is kept.
    journal: Option<Journal>,
    tally: Arc<Tally>,
    /// The link's two ways.
    down: Fairness,
    up: Fairness,
    guests: Guests,
    /// Devices' connections that may still come.
    places: Arc<Semaphore>,
    /// Connections, tunnels, and connections to origins.
    tracker: TaskTracker,
}

/// What the gateway stands on.
#[derive(Debug)]
pub struct Parts {
    /// `[gateway]`
    pub config: config::Gateway,
    /// Where the library's pages are.
    pub home: Home,
    /// The school's time zone.
    pub zone: TimeZone,
    /// Who decides.
    pub judge: Judge,
    /// The link to the Internet.
    pub link: Link,
    /// Who resolves; nothing = the system.
    pub resolver: Option<Resolver>,
    /// What the box says of itself to the upstream proxy.
    pub account: Option<Account>,
    /// What keeps plain HTTP for the next who asks.
    pub cache: Option<Cache>,
    /// What devices ask the CMIL to look at again; nothing = they cannot.
    pub reviews: Option<Reviews>,
}

impl Shared {
    /// A line of the account, when one is kept and the place is not the box itself.
    fn note(&self, seat: &Seat, asked: Option<&Asked>) -> Note {
        let at_home = asked.is_some_and(|asked| self.home.is(asked, seat.local));
        if at_home {
            return Note::default();
        }
        Note::begin(self.journal.as_ref(), &self.tally, seat, asked)
    }

    /// What counts that a device takes, when devices share the link or it is under a ceiling.
    fn meter(&self, seat: &Seat) -> Option<Meter> {
        self.down.meter(seat.device, seat.ceiling.clone())
    }

    /// The same of what it sends.
    fn meter_up(&self, seat: &Seat) -> Option<Meter> {
        self.up.meter(seat.device, seat.ceiling.clone())
    }
}

impl Gateway {
    /// Wires it; nothing listens yet.
    pub fn new(parts: Parts) -> Self {
        Self::keeping(parts, None)
    }

    /// The same, with an account of what it carries and refuses.
    pub fn keeping(parts: Parts, journal: Option<Journal>) -> Self {
        let Parts { config, home, zone, judge, link, resolver, account, cache, reviews } = parts;
        let (tracker, pseudonym) = (TaskTracker::new(), Pseudonym::new());
        let resolver = resolver.unwrap_or_else(dial::system);
        let dialer = Dialer::new(&config, resolver, account, link.clone());
        let origins =
            Origins::new(dialer, pseudonym.clone(), config.answer_timeout.0, tracker.clone());
        let shared = Shared {
            pac: Arc::new(Pac::new(&config, &home)),
            pages: Pages::new(zone, config.contact.clone()),
            guests: Guests::of_at_most(config.connections_per_device),
            places: Arc::new(Semaphore::new(config.max_connections)),
            pipes: Pipes::default(),
            recent: Recent::default(),
            asking: Asking::new(reviews),
            cache,
            journal,
            tally: Arc::default(),
            down: Fairness::new(config.downlink, config.reserve),
            up: Fairness::new(config.uplink, config.reserve),
            config,
            home,
            judge,
            link,
            origins,
            pseudonym,
            tracker,
        };
        Self { shared: Arc::new(shared) }
    }

    /// What devices are told of their proxy.
    pub fn pac(&self) -> Arc<Pac> {
        self.shared.pac.clone()
    }

    /// What devices were refused lately.
    pub fn recent(&self) -> Recent {
        self.shared.recent.clone()
    }

    /// Serves one listener until `token` is cancelled; its sockets are transparent
    /// (`IP_TRANSPARENT`) where devices are taken on their way.
    pub async fn serve(&self, listener: TcpListener, door: Door, token: CancellationToken) {
        serve::accept(self.clone(), listener, door, token).await;
    }

    /// Keeps house until cancelled; ends when the last connection has.
    pub async fn run(&self, token: CancellationToken) {
        let keep = async {
            if let Some(cache) = &self.shared.cache {
                cache.run(token.clone()).await;
            }
        };
        let house = async { tokio::join!(keep, self.tidy(token.clone())) };
        tokio::select! {
            _ = house => {}
            // Without end: devices that are still served wait for their turns.
            () = self.shared.down.run() => {}
            () = self.shared.up.run() => {}
        }
    }

    /// How much its cache holds, if it has one.
    pub fn cached(&self) -> Option<cache::Usage> {
        self.shared.cache.as_ref().map(Cache::usage)
    }

    /// What came of what it was asked, since its start.
    pub fn counts(&self) -> Counts {
        self.shared.tally.counts()
    }

    async fn tidy(&self, token: CancellationToken) {
        let mut ticks = tokio::time::interval(TIDY_EVERY);
        let mut link = self.shared.link.changes();
        loop {
            tokio::select! {
                () = token.cancelled() => break,
                _ = ticks.tick() => {
                    self.shared.origins.pool.tidy();
                    self.shared.pipes.tidy();
                    self.shared.recent.tidy(Timestamp::now());
                }
                Ok(()) = link.changed() => {
                    if *link.borrow_and_update() == State::Down {
                        self.shared.origins.pool.clear();
                    }
                }
            }
        }
        self.shared.origins.pool.close();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }

    /// One request, one answer.
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        seat: Arc<Seat>,
        token: CancellationToken,
    ) -> Response<Body> {
        if let Some(original) = seat.original {
            // No origin is asked for a tunnel: forward.rs refuses the method.
            return match transparent::plain::make_absolute(&mut request, original) {
                Ok(()) => Box::pin(forward::answer(self, request, seat, token)).await,
                Err(bad) => forward::refuse(&self.shared, &request, &seat, bad),
            };
        }
        if *request.method() == Method::CONNECT {
            Box::pin(connect::answer(self, request, seat, token)).await
        } else if request.uri().authority().is_none() {
            match cache_host::lead(self, &mut request) {
                Led::Elsewhere => own_pages::answer(&self.shared, &request, &seat),
                Led::Refused => cache_host::refused(),
                Led::ToOrigin => Box::pin(forward::answer(self, request, seat, token)).await,
            }
        } else {
            Box::pin(forward::answer(self, request, seat, token)).await
        }
    }
}
