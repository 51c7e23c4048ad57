//! Reads the configuration again. A bad one leaves the old in force.

use std::sync::Arc;

use jiff::Timestamp;

use super::{filtering, house::House};
use crate::{
    config::{Change, Config, Severity, changes},
    control::{
        protocol::{Fault, Refusal, ReloadReport},
        socket,
    },
};

/// Reads, checks, and applies what a running daemon can take up.
pub(super) async fn reload(house: &Arc<House>) -> Result<ReloadReport, Refusal> {
    // The semaphore is never closed; were it, two reloads at once would harm nothing.
    let _one = house.reloading.acquire().await.ok();
    let inner = house.clone();
    let applied = tokio::task::spawn_blocking(move || apply(&inner)).await;
    let result = applied.unwrap_or_else(|error| Err(Refusal::new(Fault::Internal, error)));
    match &result {
        Ok(report) if report.waiting_for_restart.is_empty() => {
            tracing::info!(applied = ?report.applied, "settings read again");
        }
        Ok(report) => {
            let (applied, waiting) = (&report.applied, &report.waiting_for_restart);
            tracing::warn!(?applied, ?waiting, "settings read again: some keys need a restart");
        }
        Err(refusal) => {
            tracing::error!("the settings were not taken, the old ones stay in force:\n{refusal}");
        }
    }
    result
}

/// Blocking.
fn apply(house: &House) -> Result<ReloadReport, Refusal> {
    let file = house.file.as_deref().ok_or_else(|| {
        Refusal::new(Fault::Config, "this daemon was started without a settings file")
    })?;
    let (new, report) =
        Config::load(file).map_err(|error| Refusal::new(Fault::Config, error.render(false)))?;
    for finding in report.findings.iter().filter(|one| one.severity == Severity::Warning) {
        tracing::warn!(line = finding.line, key = finding.key, "{}", finding.message);
    }
    let old = house.config();
    let (live, waiting): (Vec<Change>, Vec<Change>) =
        changes(&old, &new).into_iter().partition(|change| change.live);
    let next = old.with_live(&new);
    if let Some(secure) = &house.secure {
        secure.reread(&next.https).map_err(|error| Refusal::new(Fault::Config, error))?;
    }
    if next.control.group != old.control.group {
        if let Some(group) = &next.control.group {
            socket::give(&next.control.socket, group)
                .map_err(|error| Refusal::new(Fault::Config, error))?;
        }
        house.group.send_replace(next.control.group.clone());
    }
    if next.catalogue != old.catalogue {
        house
            .catalogue
            .reconfigure(&next.catalogue, &next.network)
            .map_err(|error| Refusal::new(Fault::Config, error))?;
    }
    house.mirror.reconfigure(&next.mirror);
    if let Some(links) = &house.links {
        links.set_class_hours(&next.mirror.class_hours);
    }
    let (now, policy) = (Timestamp::now(), next.filter.merged());
    let set_aside = policy.set_aside.clone();
    if next.filter != old.filter {
        house.filter.replace_policy(policy, now);
    }
    house.filter.look_for_lists(&filtering::lists_folder(&next), now);
    house.set_config(next);
    let keys = |changes: Vec<Change>| changes.into_iter().map(|change| change.key).collect();
    let (applied, waiting_for_restart): (Vec<String>, Vec<String>) = (keys(live), keys(waiting));
    house.waiting.send_replace(waiting_for_restart.clone());
    Ok(ReloadReport { applied, waiting_for_restart, set_aside })
}
