//! Names: the school's resolver. It tells devices the addresses of names that they may go to, keeps
//! answers for the next who asks, and goes on telling what it knows when the Internet is away.
//!
//! It asks other resolvers (`[dns] resolvers`) and walks no zones itself. Not here: what is allowed
//! (`filter` decides, through `judge.rs`), and who carries what follows (`gateway`).

pub mod answer;
mod cache;
mod flights;
#[cfg(test)]
mod hostile;
mod judge;
mod made;
mod own;
mod rebinding;
mod reserved;
mod resolve;
mod serve;
mod shelf;
mod signs;
mod special;
pub mod svcb;
#[cfg(test)]
mod testing;
pub mod upstream;
mod validate;
pub mod wire;

use std::{
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use hickory_proto::{
    op::{Query, ResponseCode},
    rr::{Name, RecordType},
};
use jiff::Timestamp;
use rustls::ClientConfig;
use tokio_util::task::TaskTracker;

use self::{
    answer::{Answer, Bounds},
    cache::{Cache, Found, Kept, Key},
    flights::{Flights, Outcome, Place, landed},
    own::Own,
    rebinding::Private,
    reserved::Reserved,
    serve::Rates,
    signs::Signs,
    special::Special,
    upstream::{Unanswered, Upstreams, Wanted},
    validate::{Validator, Verdict},
    wire::address,
};
pub use self::{
    judge::{Denial, Judge, Ruling},
    resolve::{Asked, Reply},
    serve::Sockets,
    validate::{Anchors, AnchorsError, anchors},
};
use crate::{
    config,
    net::{
        link::Link,
        tally::{Counts, Tally},
    },
};

/// Addresses of one name that the box's own rooms are told.
const MAX_ADDRESSES: usize = 32;

/// The resolver. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Resolver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: config::Dns,
    judge: Judge,
    own: Own,
    special: Special,
    /// What the two above say something of.
    reserved: Reserved,
    private: Private,
    bounds: Bounds,
    upstreams: Upstreams,
    signs: Signs,
    /// Where signatures are checked.
    validator: Option<Validator>,
    cache: Mutex<Cache>,
    flights: Flights,
    rates: Rates,
    tally: Tally,
    /// Questions under way, and devices' connections.
    tracker: TaskTracker,
}

/// What the resolver stands on.
#[derive(Debug)]
pub struct Parts {
    /// `[dns]`
    pub config: config::Dns,
    /// `https.name`: the box is called so wherever it is asked for.
    pub name: Option<String>,
    /// Who decides.
    pub judge: Judge,
    /// For resolvers that are asked under TLS.
    pub tls: Option<Arc<ClientConfig>>,
    /// The link to the Internet: what resolvers answer says something of it, and while it is down
    /// nobody waits for them.
    pub link: Link,
    /// The keys that are trusted, where signatures are checked.
    pub anchors: Option<Anchors>,
}

impl Resolver {
    /// Wires it; nothing listens yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { config, name, judge, tls, link, anchors } = parts;
        let seconds =
            |period: config::Period| u32::try_from(period.0.as_secs()).unwrap_or(u32::MAX);
        let most_bytes = usize::try_from(config.memory.0).unwrap_or(usize::MAX);
        let itself = Own::new(config.zone.as_deref(), name.as_deref(), &config.addresses);
        let special = Special::default();
        let shared = Arc::new_cyclic(|own| Shared {
            validator: anchors.map(|anchors| Validator::new(own.clone(), anchors)),
            judge,
            reserved: Reserved::new(itself.names().chain(special.names())),
            own: itself,
            special,
            private: Private::new(&config.private),
            bounds: Bounds {
                floor: seconds(config.ttl_floor),
                ceiling: seconds(config.ttl_ceiling),
            },
            upstreams: Upstreams::new(&config.resolvers, tls.as_ref()),
            signs: Signs::new(link, &config.resolvers),
            cache: Mutex::new(Cache::new(most_bytes, config.stale.0)),
            flights: Flights::default(),
            rates: Rates::new(config.per_device),
            tally: Tally::default(),
            tracker: TaskTracker::new(),
            config,
        });
        Self { shared }
    }

    /// The answer to a device's question, as the policy has it.
    pub async fn lookup(&self, asked: &Asked<'_>) -> Reply {
        resolve::reply(self, asked).await
    }

    /// The addresses of a name (lower case, no trailing dot), for the box's own rooms: judged by
    /// nobody, private ones included only where `[dns] private` says so. None: there is no such name.
    ///
    /// # Errors
    /// No resolver answers.
    pub async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let bad = || io::Error::new(io::ErrorKind::InvalidInput, "this is no name");
        let name = wire::name(name).ok_or_else(bad)?;
        let question = |kind| Query::query(name.clone(), kind);
        let (v6, v4) = tokio::join!(
            self.found(question(RecordType::AAAA)),
            self.found(question(RecordType::A))
        );
        let mut addresses = Vec::new();
        for answer in [&v6, &v4].into_iter().flatten() {
            addresses.extend(answer.answers.iter().filter_map(address));
        }
        addresses.truncate(MAX_ADDRESSES);
        match v6.or(v4) {
            Err(why) if addresses.is_empty() => Err(io::Error::new(io::ErrorKind::TimedOut, why)),
            _ => Ok(addresses),
        }
    }

    async fn found(&self, question: Query) -> Result<Answer, Unanswered> {
        let wanted = Wanted { question, signatures: false, no_checking: false };
        let (kept, left) = self.answer(&wanted).await.map(|(kept, left, _)| (kept, left))?;
        let message = kept.message.read().map_err(|_| Unanswered::Silent)?;
        Ok(Answer::of_kept(message, left))
    }

    /// Is it away, what answers are asked of?
    pub fn is_cut_off(&self) -> bool {
        self.shared.signs.are_cut() || self.shared.upstreams.are_away()
    }

    /// What came of devices' questions, since its start.
    pub fn counts(&self) -> Counts {
        self.shared.tally.counts()
    }

    /// Answers that are kept, and bytes they take.
    pub fn kept(&self) -> (usize, usize) {
        self.shared.cache().size()
    }

    /// Starts to ask, unless another does: who asks the same hears the same.
    fn ask(&self, key: &Key, wanted: &Wanted) -> Result<flights::Heard, Unanswered> {
        let (flight, heard) = match self.shared.flights.board(key) {
            Place::Waiting(heard) => return Ok(heard),
            Place::Full => return Err(Unanswered::Silent),
            Place::Asking(flight, heard) => (flight, heard),
        };
        let (own, key, wanted) = (self.clone(), key.clone(), wanted.clone());
        self.shared.tracker.spawn(async move {
            let outcome = own.shared.asked(&key, &wanted).await;
            flight.land(outcome);
        });
        Ok(heard)
    }
}

impl Shared {
    /// Asks the resolvers and keeps what they say.
    async fn asked(&self, key: &Key, wanted: &Wanted) -> Outcome {
        let answer = match self.found_out(wanted).await {
            Ok(answer) => self.private.checked(answer, &wanted.question),
            Err(why) => {
                self.cache().not_renewed(key);
                return Err(why);
            }
        };
        let message = answer.encoded(&wanted.question).map_err(|why| {
            tracing::debug!(%why, "an answer cannot be kept");
            Unanswered::Code(ResponseCode::ServFail)
        })?;
        let kept = Kept { message, is_plain: !answer.leads_on() };
        self.cache().keep(key, &kept, answer.ttl, Instant::now());
        Ok((kept, answer.ttl))
    }

    /// What the resolvers say, if it may be believed.
    async fn found_out(&self, wanted: &Wanted) -> Result<Answer, Unanswered> {
        let Some(validator) = &self.validator else { return self.said(wanted).await };
        // RFC 6840 §5.9: what others made of the signatures does not matter.
        let signed = Wanted { signatures: true, no_checking: true, ..wanted.clone() };
        let mut answer = self.said(&signed).await?;
        answer.authentic = false;
        if !wanted.no_checking && !self.private.is_own(&wanted.question.name) {
            match validator.verdict(&answer, &wanted.question).await {
                Verdict::Secure(seconds) => {
                    answer.authentic = true;
                    answer.hold_for(answer.ttl.min(seconds.max(1)));
                }
                Verdict::Insecure => {}
                Verdict::Bogus => return Err(Unanswered::Bogus),
            }
        }
        if !wanted.signatures {
            answer.strip_proofs(wanted.question.query_type);
        }
        Ok(answer)
    }

    async fn said(&self, wanted: &Wanted) -> Result<Answer, Unanswered> {
        let message = self.signs.heard(self.upstreams.ask(wanted)).await?;
        Answer::read(message, &wanted.question, self.bounds).map_err(|why| match why {
            answer::NoAnswer::Code(code) => Unanswered::Code(code),
            answer::NoAnswer::Loop => Unanswered::Code(ResponseCode::ServFail),
        })
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        // What panicked in there left an entry more or less.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ruling(&self, who: IpAddr, name: &Name) -> Ruling {
        // Of a name that is no host's, and whose parents are none either, nothing is known.
        wire::host(name)
            .map(|host| self.judge.judge(who, &host, Timestamp::now()))
            .unwrap_or_default()
    }
}

/// What was found out of a question: the answer, the seconds it counts, and whether it is old.
type FoundOut = Result<(Kept, u32, bool), Unanswered>;

impl Resolver {
    /// From the cache, else from the resolvers, else from the cache though it is old.
    async fn answer(&self, wanted: &Wanted) -> FoundOut {
        let key = Key::new(&wanted.question, wanted.signatures, wanted.no_checking);
        let old = match self.kept_answer(&key, wanted) {
            Found::Fresh { kept, left, .. } => return Ok((kept, left, false)),
            Found::Stale(kept) => Some(kept),
            Found::Nothing => None,
        };
        let asking = async { landed(self.ask(&key, wanted)?).await };
        let patience = match &old {
            _ if self.is_cut_off() => Some(signs::NO_PATIENCE),
            Some(_) => Some(signs::PATIENCE),
            None => None,
        };
        let asked = self.shared.signs.within(patience, asking).await;
        match (asked, old) {
            (Some(Ok((kept, ttl))), _) => Ok((kept, ttl, false)),
            // Nothing old in the place of what is forged.
            (Some(Err(Unanswered::Bogus)), _) => Err(Unanswered::Bogus),
            // It goes on being asked behind the back of who is told the old answer.
            (_, Some(old)) => Ok((old, resolve::STALE_SECONDS, true)),
            (Some(Err(why)), None) => Err(why),
            (None, None) => Err(Unanswered::Away),
        }
    }

    /// What the cache has; asks anew where it is time to.
    fn kept_answer(&self, key: &Key, wanted: &Wanted) -> Found {
        let found = self.shared.cache().find(key.as_ref(), Instant::now());
        if matches!(found, Found::Fresh { renew: true, .. }) && self.ask(key, wanted).is_err() {
            self.shared.cache().not_renewed(key);
        }
        found
    }
}

#[cfg(test)]
mod tests;
