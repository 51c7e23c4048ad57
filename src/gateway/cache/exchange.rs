//! One exchange with the origin: what is asked of it, and what its answer means for what is
//! stored.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header::RANGE};

use super::{
    Carried, SLICE_BYTES, conditions,
    content::Joined,
    entry::Entry,
    flights::Landed,
    handle::Visit,
    head::Times,
    keep::{self, Kept},
    ranges::{self, Spec},
    renew,
    rules::{self, Trouble},
};
use crate::net::body::Body;

const PARTIAL: StatusCode = StatusCode::PARTIAL_CONTENT;

/// What the origin is asked.
#[derive(Debug, Clone)]
pub(super) enum Plan {
    /// What the client asks.
    Miss,
    /// Whether what is stored is still so.
    Validate(Arc<Entry>),
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An answer that is not stored.
    Passed(Response<Carried>),
    /// The page that says that the origin was not reached.
    Failed(Box<Response<Body>>),
    /// An answer that is stored while it comes.
    Stored {
        entry: Arc<Entry>,
        /// Its fields, where not all of them may be kept.
        original: Option<HeaderMap>,
        /// Says that somebody waits for its bytes.
        waiting: Joined,
    },
    /// What is stored is still so.
    Renewed(Arc<Entry>),
    /// The origin is in trouble, and what is stored takes its place.
    StandsIn {
        entry: Arc<Entry>,
        /// What the origin said, if it said anything.
        origin_status: Option<u16>,
    },
    /// A slice that may not be stored: not what the client asked for.
    Unsliced,
    /// What was asked about is no longer so, and the answer does not say what is.
    Changed,
}

impl Plan {
    pub(super) fn is_miss(&self) -> bool {
        matches!(self, Self::Miss)
    }
}

impl Outcome {
    /// What those who wait for it are told.
    pub(super) fn landed(&self) -> Landed {
        match self {
            Self::Stored { .. } | Self::Renewed(_) => Landed::Stored,
            // A failure is shared by nobody, but says nothing against sharing the next answer.
            Self::StandsIn { .. } | Self::Failed(_) => Landed::Trouble,
            Self::Passed(_) | Self::Unsliced | Self::Changed => Landed::Alone,
        }
    }
}

impl Visit {
    /// Asks the origin.
    pub(super) async fn exchange(&self, plan: Plan) -> Outcome {
        let (request, stored) = self.request(plan);
        let asked = self.clock.now();
        let answer = (self.fetch)(request).await;
        let times = Times { asked, answered: self.clock.now() };
        let response = match answer {
            Ok(response) => response,
            Err(page) => {
                let stands = stored.and_then(|old| self.stand_in(old, Trouble::Unreached, None));
                return stands.unwrap_or(Outcome::Failed(page));
            }
        };
        let status = response.status();
        if let Some(entry) = stored {
            if status == StatusCode::NOT_MODIFIED {
                entry.renew(renew::by_not_modified(&entry.head(), response.headers(), times));
                self.shared.keep_note(&entry);
                return Outcome::Renewed(entry);
            }
            if let Some(trouble) = Trouble::of(status) {
                let said = Some(status.as_u16());
                if let Some(stands) = self.stand_in(entry, trouble, said) {
                    return stands;
                }
            } else {
                self.supersede(&entry, &response);
                if status == StatusCode::RANGE_NOT_SATISFIABLE
                    || status == StatusCode::PRECONDITION_FAILED
                {
                    return Outcome::Changed;
                }
            }
        }
        match keep::keep(self, response, times).await {
            Ok(Kept { entry, original, waiting }) => Outcome::Stored { entry, original, waiting },
            Err(response) if self.asked.slices && response.status() == PARTIAL => Outcome::Unsliced,
            Err(response) => Outcome::Passed(response),
        }
    }

    /// A stale entry in place of an origin in trouble, where that is allowed.
    fn stand_in(
        &self,
        entry: Arc<Entry>,
        trouble: Trouble,
        origin_status: Option<u16>,
    ) -> Option<Outcome> {
        let (head, asked) = (entry.head(), &self.asked.directives);
        rules::stands_in(&head, asked, self.asked.always, trouble, self.clock.now())
            .then_some(Outcome::StandsIn { entry, origin_status })
    }

    /// What is stored is not what the origin has now. Parts of the same version stay, to be combined.
    fn supersede(&self, entry: &Arc<Entry>, response: &Response<Carried>) {
        let part = response.status() == PARTIAL;
        let new = super::head::Validators::of(response.headers());
        if !(part && entry.head().validators().agree(&new)) {
            self.shared.forget(entry);
        }
    }

    /// The request for a plan, and the entry it asks about.
    fn request(&self, plan: Plan) -> (Request<Carried>, Option<Arc<Entry>>) {
        let mut request = self.asked.request();
        let headers = request.headers_mut();
        let mut stored = None;
        if let Plan::Validate(entry) = plan {
            let head = entry.head();
            let mut conditional = headers.clone();
            conditions::strip(&mut conditional);
            if head.status.is_success() && conditions::ask_about(&mut conditional, &head) {
                if let Some(range) = headers.get(RANGE).filter(|_| self.asked.ranges.is_some()) {
                    conditional.insert(RANGE, range.clone());
                }
                *headers = conditional;
            }
            stored = Some(entry);
        }
        if self.asked.slices {
            if stored.is_none() {
                conditions::strip(headers);
            }
            headers.insert(RANGE, self.first_slice());
        }
        (request, stored)
    }

    /// The slice in which the client's range begins; the first, where that is not known yet.
    fn first_slice(&self) -> HeaderValue {
        let start = match self.asked.ranges.as_deref() {
            Some([Spec::Between(start, _) | Spec::From(start), ..]) => *start,
            _ => 0,
        };
        let start = start - start % SLICE_BYTES;
        ranges::range(&(start..start.saturating_add(SLICE_BYTES)))
    }
}
