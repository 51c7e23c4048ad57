//! The filter of a running daemon: opened, renewed, asked.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{DaemonError, house::House};
use crate::{
    config::Config,
    control::{
        filtering::{FilterAnswer, FilterAsk, Question},
        protocol::{Fault, Refusal},
    },
    filter::{Filter, OpenError, Who, Wish, own_hosts, target::Target},
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

/// The filter as the gateway asks it.
pub(super) fn judge(filter: Filter) -> Judge {
    Judge::new(move |who, asked, path, now| {
        let target = Target { host: &asked.host, port: asked.port, path };
        let judged = filter.judge(&Who::at(who.address), &target, now);
        let denied = judged.denied.map(|reason| Denial {
            // Denied by no rule: by what the profile says of all the rest.
            rule: reason.rule.unwrap_or_else(|| reason.profile.clone()),
            category: reason.category,
            profile: Some(reason.profile),
        });
        Ruling { denied, until: judged.until }
    })
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

fn explain(house: &House, question: &Question) -> Result<FilterAnswer, Refusal> {
    let asked = question.read(house.filter.zone()).map_err(|why| Refusal::new(Fault::Data, why))?;
    let told = house.filter.explain(&asked.who(), &asked.typed.target(), asked.at);
    Ok(FilterAnswer::Explained(Box::new(told)))
}
