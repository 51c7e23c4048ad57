//! One request, from its reading to its answer: what is stored, or what the origin says.

use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{
    Cache, Carried, Clock, Fetch, Fetched, Shared,
    answer::{self, Shape},
    asked::{self, Asked, Reading},
    entry::Entry,
    exchange::{Outcome, Plan},
    flights::{Boarding, Landed, Lead, landing},
    index::Found,
    pass,
    reader::Source,
    renew,
    rules::{self, Because, Trouble, Use},
    said::{Said, Way},
};
use crate::net::{body::Body, serve::plain};

/// Times that one request looks at what is stored, before it goes to the origin for itself.
const MAX_LOOKS: u32 = 4;

/// A request that what is stored may answer, and the way to the origin.
#[derive(Clone)]
pub(super) struct Visit {
    pub shared: Arc<Shared>,
    pub asked: Arc<Asked>,
    pub fetch: Fetch,
    pub clock: Clock,
}

/// What comes of a look at what is stored.
enum Look {
    /// An answer.
    Answer(Response<Body>),
    /// The origin is to be asked.
    Ask(Plan, Way),
}

impl Cache {
    /// Answers a request. `fetch` is the proxy's own way to the origin: it gets the request, with
    /// conditions and ranges of the cache's own, and may be called again after the answer began.
    pub async fn handle<F, Fut>(
        &self,
        request: Request<Carried>,
        now: Timestamp,
        fetch: F,
    ) -> Response<Body>
    where
        F: Fn(Request<Carried>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Fetched> + Send + 'static,
    {
        let (shared, clock) = (&self.shared, Clock::starting(now));
        match asked::read(request, &shared.rules) {
            Reading::Pass(request) => {
                let fetch: Fetch = Arc::new(move |request| Box::pin(fetch(request)));
                Box::pin(pass::pass(shared, *request, clock, fetch)).await
            }
            Reading::Look(asked) => {
                if let Some(answer) = shared.at_once(&asked, now).await {
                    return answer;
                }
                let fetch: Fetch = Arc::new(move |request| Box::pin(fetch(request)));
                let (shared, asked) = (shared.clone(), Arc::from(asked));
                Box::pin(Visit { shared, asked, fetch, clock }.run()).await
            }
        }
    }
}

impl Shared {
    /// The way that most requests take: what is stored is fresh and whole.
    async fn at_once(self: &Arc<Self>, asked: &Asked, now: Timestamp) -> Option<Response<Body>> {
        let entry = self.index.find(&asked.key, &asked.headers).entry?;
        let head = entry.head();
        let fresh = rules::use_of(&head, &asked.directives, asked.always, now) == Use::Now;
        if asked.directives.no_store || !fresh || !entry.content.is_whole() {
            return None;
        }
        let shape = answer::shape(asked, &head, entry.content.total());
        let said = Said { left: Some(head.left(now)), ..Said::of(Way::Hit) };
        answer::answer(self, asked, &entry, &head, shape, said, now, None).await
    }
}

impl Visit {
    async fn run(self) -> Response<Body> {
        if self.asked.directives.no_store {
            return self.unstored(Way::Bypass).await;
        }
        let (mut landed, mut collapsed) = (None, false);
        for _ in 0..MAX_LOOKS {
            let found = self.found();
            let nothing = found.entry.is_none();
            let (plan, way) = match self.look(found, landed, collapsed).await {
                Look::Answer(answer) => return answer,
                Look::Ask(plan, way) => (plan, way),
            };
            if self.asked.directives.only_if_cached {
                return gateway_timeout();
            }
            if self.asked.method == Method::HEAD {
                return self.head(plan, way).await;
            }
            // Whoever waited once in vain goes for itself, as does one that asks what only it knows.
            let alone = landed.is_some() || (self.asked.is_conditional() && plan.is_miss());
            let boarding = if alone {
                Boarding::Alone
            } else {
                self.shared.flights.board(&self.asked.flight(), self.clock.now())
            };
            let outcome = match boarding {
                Boarding::Wait(flight) => {
                    landed = Some(landing(flight).await);
                    collapsed = true;
                    continue;
                }
                // A flight that landed since the look has brought what is missing.
                Boarding::Lead(lead) if nothing && self.found().entry.is_some() => {
                    lead.land(Landed::Stored, self.clock.now());
                    (landed, collapsed) = (Some(Landed::Stored), true);
                    continue;
                }
                Boarding::Lead(lead) => self.lead(lead, plan).await,
                Boarding::Alone => Some(self.exchange(plan).await),
            };
            match outcome {
                Some(Outcome::Changed) => landed = Some(Landed::Alone),
                Some(outcome) => return self.conclude(outcome, way).await,
                None => break,
            }
        }
        self.unstored(Way::Bypass).await
    }

    /// What is stored for this request.
    fn found(&self) -> Found {
        self.shared.index.find(&self.asked.key, &self.asked.headers)
    }

    /// Looks at what is stored, after a flight landed or without one.
    async fn look(&self, found: Found, landed: Option<Landed>, collapsed: bool) -> Look {
        let Some(entry) = found.entry else {
            return Look::Ask(Plan::Miss, if found.any { Way::VaryMiss } else { Way::UriMiss });
        };
        let (head, now) = (entry.head(), self.clock.now());
        let (asked, always) = (&self.asked.directives, self.asked.always);
        let mut said = Said { collapsed, left: Some(head.left(now)), ..Said::of(Way::Hit) };
        match rules::use_of(&head, asked, always, now) {
            Use::Now => {}
            Use::AndAsk => self.ask_behind(&entry),
            Use::AskFirst(_)
                if landed == Some(Landed::Trouble)
                    && rules::stands_in(&head, asked, always, Trouble::Unreached, now) =>
            {
                said.way = Way::Stale;
            }
            Use::AskFirst(Because::Request) => {
                return Look::Ask(Plan::Validate(entry), Way::Request);
            }
            Use::AskFirst(Because::Stale) => return Look::Ask(Plan::Validate(entry), Way::Stale),
        }
        match self.serve(&entry, said).await {
            Some(answer) => Look::Answer(answer),
            None => Look::Ask(Plan::Miss, Way::Partial),
        }
    }

    /// Answers with an entry; fetches what is missing of it. `None` where that cannot be.
    pub(super) async fn serve(&self, entry: &Arc<Entry>, said: Said) -> Option<Response<Body>> {
        let head = entry.head();
        let total = entry.content.total();
        let shape = answer::shape(&self.asked, &head, total);
        let source = Source::new(self, entry);
        let wanted = match &shape {
            _ if self.asked.method == Method::HEAD => None,
            Shape::NotModified | Shape::Unsatisfiable(_) => None,
            Shape::Whole => Some(0..total.unwrap_or(u64::MAX)),
            Shape::Part(range, _) => Some(range.clone()),
            Shape::Several(ranges, _) => {
                let held = entry.content.held();
                return if ranges.iter().all(|range| held.covers(range.clone())) {
                    let now = self.clock.now();
                    let (shared, asked) = (&self.shared, &self.asked);
                    answer::answer(shared, asked, entry, &head, shape, said, now, None).await
                } else {
                    None
                };
            }
        };
        // Held from before the look: what is on its way then comes, though all others leave.
        let _joined = entry.content.join();
        if let Some(gap) = wanted.and_then(|wanted| entry.content.next_gap(wanted)) {
            // Before the first byte leaves, it is known that the origin still has this version.
            source.fill(gap.start, gap.end).await.ok()?;
        }
        let now = self.clock.now();
        let (shared, asked) = (&self.shared, &self.asked);
        answer::answer(shared, asked, entry, &head, shape, said, now, Some(source)).await
    }

    /// Asks the origin for all who wait. The exchange goes on if this client leaves.
    async fn lead(&self, lead: Lead, plan: Plan) -> Option<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let visit = self.clone();
        self.shared.tracker.spawn(async move {
            let outcome = visit.exchange(plan).await;
            lead.land(outcome.landed(), visit.clock.now());
            let _ = sender.send(outcome);
        });
        receiver.await.ok()
    }

    /// Asks the origin while the client has its answer already (RFC 5861 §3).
    fn ask_behind(&self, entry: &Arc<Entry>) {
        let name = self.asked.flight();
        if let Boarding::Lead(lead) = self.shared.flights.board(&name, self.clock.now()) {
            let (visit, plan) = (self.clone(), Plan::Validate(entry.clone()));
            self.shared.tracker.spawn(async move {
                let outcome = visit.exchange(plan).await;
                lead.land(outcome.landed(), visit.clock.now());
            });
        }
    }

    /// Makes the answer of what came of an exchange.
    async fn conclude(&self, outcome: Outcome, way: Way) -> Response<Body> {
        match outcome {
            Outcome::Passed(response) => passed(response, way),
            Outcome::Failed(page) => *page,
            Outcome::Stored { entry, original, waiting } => {
                let left = Some(entry.head().left(self.clock.now()));
                let said = Said { stored: true, left, ..Said::of(way) };
                let answer = self.serve(&entry, said).await;
                drop(waiting);
                match answer {
                    Some(answer) => answer::with_original(answer, original),
                    None => self.unstored(way).await,
                }
            }
            Outcome::Renewed(entry) => {
                let left = Some(entry.head().left(self.clock.now()));
                let origin_status = Some(StatusCode::NOT_MODIFIED.as_u16());
                let said = Said { origin_status, left, ..Said::of(way) };
                match self.serve(&entry, said).await {
                    Some(answer) => answer,
                    None => self.unstored(way).await,
                }
            }
            Outcome::StandsIn { entry, origin_status } => {
                let left = Some(entry.head().left(self.clock.now()));
                let said = Said { origin_status, left, ..Said::of(Way::Stale) };
                match self.serve(&entry, said).await {
                    Some(answer) => answer,
                    None => self.unstored(way).await,
                }
            }
            Outcome::Unsliced | Outcome::Changed => self.unstored(way).await,
        }
    }

    /// A HEAD that what is stored does not answer: its answer may renew what is stored, or show that
    /// it is another version (RFC 9111 §4.3.5).
    async fn head(&self, plan: Plan, way: Way) -> Response<Body> {
        let asked = self.clock.now();
        let response = match (self.fetch)(self.asked.request()).await {
            Ok(response) => response,
            Err(page) => return *page,
        };
        if let Plan::Validate(entry) = plan {
            let times = super::head::Times { asked, answered: self.clock.now() };
            let status = response.status();
            match renew::by_head(&entry.head(), status, response.headers(), times) {
                Some(head) => {
                    entry.renew(head);
                    self.shared.keep_note(&entry);
                }
                None if Trouble::of(status).is_some() || status == StatusCode::NOT_MODIFIED => {}
                None => self.shared.forget(&entry),
            }
        }
        passed(response, way)
    }

    /// Asks the origin for this client alone, and stores nothing.
    async fn unstored(&self, way: Way) -> Response<Body> {
        if self.asked.directives.only_if_cached {
            return gateway_timeout();
        }
        match (self.fetch)(self.asked.request()).await {
            Ok(response) => passed(response, way),
            Err(page) => *page,
        }
    }
}

/// The origin's answer, as it is.
pub(super) fn passed(response: Response<Carried>, way: Way) -> Response<Body> {
    let mut response = response.map(Body::Page);
    let status = Some(response.status().as_u16());
    Said { origin_status: status, ..Said::of(way) }.tell(response.headers_mut());
    response
}

/// RFC 9111 §5.2.1.7.
fn gateway_timeout() -> Response<Body> {
    let mut response =
        plain(StatusCode::GATEWAY_TIMEOUT, "Pas en cache. Not stored, and not to be asked for.\n");
    let fields = response.headers_mut();
    fields.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Said::of(Way::UriMiss).tell(fields);
    response
}
