//! The filter of a running daemon: opened, renewed, asked.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    DaemonError,
    house::House,
    judging::{Judging, Opinion},
};
use crate::{
    config::Config,
    control::{
        filtering::{FilterAnswer, FilterAsk, Question},
        protocol::{Fault, MAX_LISTED, Refusal},
    },
    filter::{
        Filter, OpenError, Wish, own_hosts,
        reviews::{Review, ReviewError},
        safe_search::{BadEngines, Engines},
        target::Target,
    },
    gateway::{Denial, Judge, Ruling},
    store::{Store, StoreError},
};

/// Compiled lists are below the data folder.
pub(super) fn lists_folder(config: &Config) -> PathBuf {
    config.store.path.join("lists")
}

/// The policy, the openings kept, and the last good lists. Blocking.
pub(super) fn open(config: &Config, store: Store) -> Result<Filter, DaemonError> {
    // The settings were checked: an unknown zone was refused there.
    let zone = TimeZone::get(&config.school.timezone).unwrap_or(TimeZone::UTC);
    let now = Timestamp::now();
    let filter = Filter::open(config.filter.merged(), own_hosts(config), zone, store, now)?;
    filter.look_for_lists(&lists_folder(config), now);
    for complaint in filter.report(now).complaints {
        tracing::warn!("{complaint}");
    }
    Ok(filter)
}

/// Search engines that have a safe host. Blocking.
pub(super) fn engines(config: &Config) -> Result<Engines, BadEngines> {
    match &config.gateway.search_engines {
        None => Engines::shipped(),
        Some(path) => Engines::open(path),
    }
}

/// The filter as the gateway asks it.
pub(super) fn judge(judging: Judging) -> Judge {
    let told = judging.access.clone();
    let judge = Judge::new(move |who, asked, path, now| {
        let target = Target { host: &asked.host, port: asked.port, path };
        let Opinion { judged, here, until, instead } = judging.judge(who.address, &target, now);
        let role = here.as_ref().map(|here| here.role);
        let denied = judged.denied.map(|reason| Denial {
            // Denied by no rule: by what the profile says of all the rest.
            rule: reason.rule.unwrap_or_else(|| reason.profile.clone()),
            category: reason.category,
            profile: Some(reason.profile),
            role,
        });
        let session = here.map(|here| here.session);
        let profile = judged.profile.filter(|name| !name.is_empty());
        Ruling { denied, until, instead, ceiling: judged.ceiling, profile, session }
    });
    judge.hearing(move |device| told.changes_at(device))
}

/// What the filter says. Blocking.
pub(super) fn answer(house: &House, ask: FilterAsk) -> Result<FilterAnswer, Refusal> {
    let (filter, now) = (&house.filter, Timestamp::now());
    match ask {
        FilterAsk::Explain(question) => explain(house, &question),
        FilterAsk::Policy => Ok(FilterAnswer::Policy(Box::new(filter.report(now)))),
        FilterAsk::Open { site, network, minutes, by, reason } => {
            let length = SignedDuration::from_mins(i64::from(minutes));
            let wish = Wish { site, network, length, by, reason };
            filter.open_site(wish, now).map(FilterAnswer::Opened).map_err(not_opened)
        }
        FilterAsk::Close { site, network, by } => filter
            .close_site(&site, network.as_ref(), &by, now)
            .map(|count| FilterAnswer::Closed { count })
            .map_err(|error: StoreError| Refusal::new(Fault::Io, error)),
        FilterAsk::Openings => Ok(FilterAnswer::Openings(filter.openings(now))),
        FilterAsk::Reviews => {
            let mut reviews = filter.reviews().all();
            let more = reviews.len().saturating_sub(MAX_LISTED);
            reviews.truncate(MAX_LISTED);
            Ok(FilterAnswer::Reviews { reviews, more })
        }
        FilterAsk::Answer { id, text, by } => {
            let answered: Result<Review, ReviewError> =
                filter.reviews().answer(id, &text, &by, now);
            answered.map(FilterAnswer::Answered).map_err(|error| {
                let fault = match &error {
                    ReviewError::Unknown(_) => Fault::NoInput,
                    ReviewError::Store(_) => Fault::Io,
                    _ => Fault::Data,
                };
                Refusal::new(fault, error)
            })
        }
    }
}

fn not_opened(error: OpenError) -> Refusal {
    let fault = match &error {
        OpenError::Locked { .. } => Fault::Forbidden,
        OpenError::TooMany => Fault::Busy,
        OpenError::Store(_) => Fault::Io,
        OpenError::Length { .. } | OpenError::Wide { .. } | OpenError::Everything => Fault::Data,
    };
    Refusal::new(fault, error)
}

/// What was not said of a device is what the gateway knows of it: the interface, and of now who is
/// signed in there.
fn as_seen(house: &House, mut question: Question) -> Question {
    if let Some(from) = question.from {
        let seen = house.around.seen();
        let interface = || seen.interface(from).map(ToOwned::to_owned);
        question.interface = question.interface.or_else(interface);
        let role = || house.access.role_at(from, Timestamp::now()).map(|here| here.role);
        let now = question.at.is_none();
        question.role = question.role.or_else(|| if now { role() } else { None });
    }
    question
}

fn explain(house: &House, question: &Question) -> Result<FilterAnswer, Refusal> {
    let question = as_seen(house, question.clone());
    let asked = question.read(house.filter.zone()).map_err(|why| Refusal::new(Fault::Data, why))?;
    let told = house.filter.explain(&asked.who(), &asked.typed.target(), asked.at);
    Ok(FilterAnswer::Explained(Box::new(told)))
}

#[cfg(test)]
#[path = "filtering_tests.rs"]
mod tests;
