//! Looks at every controller at its interval, and remembers.

use std::{
    collections::HashSet,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    client::Peer,
    credentials::{Credentials, NoCredentials},
    findings::{self, Before, Scene},
    lines::{self, About, ApLine, ControllerLine},
    places::{BadPlaces, Places},
    poll::{Asked, PollError, poll},
    roster::{Change, News, Roster, Standing},
    survey::{Kind, Mac, Survey},
    suspect::{Pace, Suspects},
};
use crate::{
    config::{Controller, ControllerKind, Health},
    health::finding::{self, Evidence, Finding, Watcher},
    store::{Store, StoreError},
};

/// The roster's name among the documents of the store.
const DOCUMENT: &str = "wifi-roster";
/// What nothing but time changed (who was seen last when) is written this often.
const KEPT_EVERY: SignedDuration = SignedDuration::from_mins(30);
/// A look takes at most this part of its interval, and this long.
const PART: f64 = 0.8;
const LONGEST_LOOK: Duration = Duration::from_secs(120);
/// After a look that brought nothing, the next one comes so soon: is the controller silent?
const SOON: Duration = Duration::from_secs(3);
/// Access points that one look makes the log name.
const MAX_NAMED: usize = 20;

/// Why the Wi-Fi cannot be watched as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum WifiError {
    /// A community or a password.
    #[error(transparent)]
    Credentials(#[from] NoCredentials),
    /// The table of rooms.
    #[error("health.controllers, {controller}: places: {path} is of no use: {source}")]
    Places {
        /// The controller's name.
        controller: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BadPlaces,
    },
    /// Where the roster is kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One controller, ready to be asked.
#[derive(Debug)]
pub struct Target {
    address: String,
    asked: Asked,
    interval: Duration,
    peer: Peer,
    credentials: Credentials,
    places: Places,
    /// Somebody wishes for a look.
    nudge: Notify,
}

impl Target {
    /// As the settings say. Reads files. Blocking.
    pub fn open(controller: &Controller) -> Result<Self, WifiError> {
        let credentials = Credentials::read(controller)?;
        let places = match &controller.places {
            None => Places::default(),
            Some(path) => Places::read(path).map_err(|source| WifiError::Places {
                controller: controller.name.clone(),
                path: path.clone(),
                source,
            })?,
        };
        let interval = controller.interval.0;
        Ok(Self {
            address: controller.address.to_string(),
            asked: Asked {
                controller: controller.name.clone(),
                kind: match controller.kind {
                    ControllerKind::Auto => None,
                    ControllerKind::Aruba => Some(Kind::Aruba),
                    ControllerKind::ArubaInstant => Some(Kind::ArubaInstant),
                    ControllerKind::Cisco => Some(Kind::Cisco),
                },
                within: interval.mul_f64(PART).min(LONGEST_LOOK),
            },
            interval,
            peer: Peer::new(controller.address.clone(), &credentials, controller.timeout.0),
            credentials,
            places,
            nudge: Notify::new(),
        })
    }

    /// The addresses that it may speak from.
    pub(super) async fn addresses(&self) -> HashSet<IpAddr> {
        self.peer.addresses().await
    }

    /// By what it is known.
    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Waits for the next look: the usual one, or one that somebody wishes for and may have.
    async fn rest(&self, usual: Instant, pace: &mut Pace) {
        loop {
            tokio::select! {
                () = sleep_until(usual) => return,
                () = self.nudge.notified() => {
                    if let Some(at) = pace.next(Instant::now()) {
                        return sleep_until(at.min(usual)).await;
                    }
                }
            }
        }
    }

    /// One look, begun now.
    pub async fn look(&self) -> Result<Survey, PollError> {
        let client = self.peer.connect().await?;
        let looked = Box::pin(poll(&client, &self.asked, Timestamp::now())).await;
        if looked == Err(PollError::Silent) {
            self.peer.forget();
        }
        looked
    }

    /// One look, in lines, with nothing remembered from before.
    pub async fn look_alone(&self) -> Result<(ControllerLine, Vec<ApLine>), PollError> {
        let begun = Instant::now();
        let survey = self.look().await?;
        let mut roster = Roster::default();
        roster.take(&survey, survey.at);
        let about = About {
            name: &self.asked.controller,
            address: &self.address,
            trouble: None,
            since: Some(survey.at),
            took_ms: Some(millis(begun.elapsed())),
            survey: Some(&survey),
        };
        let points = lines::access_points(&about, &roster, &self.places);
        Ok((lines::controller(&about, &roster), points))
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// The school's Wi-Fi, watched. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Wifi(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    targets: Vec<Target>,
    store: Store,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    roster: Roster,
    /// One a target.
    states: Vec<State>,
    kept_at: Timestamp,
}

/// What is known of a controller.
#[derive(Debug, Clone, Default)]
struct State {
    survey: Option<Arc<Survey>>,
    trouble: Option<String>,
    since: Option<Timestamp>,
    /// When it was last asked, with or without an answer.
    asked_at: Option<Timestamp>,
    took_ms: Option<u64>,
    suspects: Suspects,
    /// What earlier looks brought, and what is wrong since the last.
    before: Before,
    findings: Arc<[Finding]>,
}

impl State {
    fn scene<'a>(&'a self, target: &'a Target, roster: &'a Roster) -> Scene<'a> {
        Scene {
            controller: &target.asked.controller,
            address: &target.address,
            survey: self.survey.as_deref(),
            before: &self.before,
            roster,
            places: &target.places,
        }
    }
}

impl Wifi {
    /// With every controller of the settings; nothing when there is none. Reads files. Blocking.
    pub fn open(config: &Health, store: Store) -> Result<Option<Self>, WifiError> {
        if config.controllers.is_empty() {
            return Ok(None);
        }
        let targets: Result<Vec<Target>, WifiError> =
            config.controllers.iter().map(Target::open).collect();
        let names: Vec<&str> = config.controllers.iter().map(|one| one.name.as_str()).collect();
        let roster =
            store.document(DOCUMENT)?.map(|bytes| serde_json::from_slice::<Roster>(&bytes));
        let roster = roster.and_then(|read| {
            read.inspect_err(|error| {
                tracing::warn!(%error, "the roster of access points cannot be read: it begins anew");
            })
            .ok()
        });
        let states = vec![State::default(); config.controllers.len()];
        let roster = roster.unwrap_or_default().of_controllers(&names);
        let seen = Mutex::new(Seen { roster, states, kept_at: Timestamp::UNIX_EPOCH });
        Ok(Some(Self(Arc::new(Shared { targets: targets?, store, seen }))))
    }

    /// Looks, until cancelled.
    pub async fn run(&self, token: CancellationToken) {
        let watched = self.0.targets.iter().enumerate();
        join_all(watched.map(|(place, target)| self.watch(place, target, &token))).await;
        self.keep().await;
    }

    /// What is known now.
    pub fn lines(&self) -> (Vec<ControllerLine>, Vec<ApLine>) {
        let (roster, states) = {
            let seen = self.seen();
            (seen.roster.clone(), seen.states.clone())
        };
        let (mut controllers, mut points) = (Vec::new(), Vec::new());
        for (target, state) in self.0.targets.iter().zip(&states) {
            let about = about(target, state);
            controllers.push(lines::controller(&about, &roster));
            points.extend(lines::access_points(&about, &roster, &target.places));
        }
        (controllers, points)
    }

    /// Shows what is known of each controller that was asked, without a copy of it; and when it was
    /// last asked. Others wait meanwhile: nothing is waited for in there.
    pub(super) fn show(&self, mut see: impl FnMut(&About<'_>, Timestamp, &Roster, &Places)) {
        let seen = self.seen();
        for (target, state) in self.0.targets.iter().zip(&seen.states) {
            let Some(asked_at) = state.asked_at else { continue };
            see(&about(target, state), asked_at, &seen.roster, &target.places);
        }
    }

    async fn watch(&self, place: usize, target: &Target, token: &CancellationToken) {
        let mut next = Instant::now();
        let mut pace = Pace::new(next);
        loop {
            let begun = Instant::now();
            let Some(result) = token.run_until_cancelled(target.look()).await else { return };
            let took = begun.elapsed();
            if self.hear(place, target, result, took, Timestamp::now()) {
                self.keep().await;
            }
            // A look that took long is not followed by another at once; one before its time moves none.
            if begun >= next {
                next = (next + target.interval).max(Instant::now());
            }
            let doubts = self.seen().states.get(place).is_some_and(|one| one.before.doubts());
            let soon = if doubts { next.min(Instant::now() + SOON) } else { next };
            if token.run_until_cancelled(target.rest(soon, &mut pace)).await.is_none() {
                return;
            }
        }
    }

    /// The controllers.
    pub(super) fn targets(&self) -> &[Target] {
        &self.0.targets
    }

    /// Somebody says, and need not be believed, that something befell these access points of a
    /// controller: it is looked at as soon as its pace allows.
    pub(super) fn suspect(&self, place: usize, named: impl Iterator<Item = Mac>) {
        let Some(target) = self.0.targets.get(place) else { return };
        let mut seen = self.seen();
        let seen = &mut *seen;
        let Some(state) = seen.states.get_mut(place) else { return };
        let own = |mac: &Mac| {
            seen.roster.get(*mac).is_some_and(|one| one.controller == target.asked.controller)
        };
        let now = Timestamp::now();
        named.filter(own).for_each(|mac| state.suspects.suspect(mac, now));
        target.nudge.notify_one();
    }

    /// Takes what a look brought. Is there something to be kept?
    fn hear(
        &self,
        place: usize,
        target: &Target,
        result: Result<Survey, PollError>,
        took: Duration,
        now: Timestamp,
    ) -> bool {
        let name = &target.asked.controller;
        let mut seen = self.seen();
        let seen = &mut *seen;
        let Some(state) = seen.states.get_mut(place) else { return false };
        let answered = state.since.is_some() && state.trouble.is_none();
        state.took_ms = Some(millis(took));
        state.asked_at = Some(now);
        let changes = match result {
            Ok(survey) => {
                if !answered {
                    tracing::info!(controller = name, kind = %survey.kind, "the controller answers");
                    state.since = Some(now);
                }
                state.trouble = None;
                let changes = seen.roster.take(&survey, now);
                state.before.answered(&survey, &seen.roster, &target.places);
                state.survey = Some(Arc::new(survey));
                changes
            }
            Err(error) => {
                let why = error.to_string();
                if answered || state.since.is_none() {
                    tracing::warn!(controller = name, why, "the controller tells nothing");
                    state.since = Some(now);
                }
                state.before.silent(now, &error);
                state.trouble = Some(why);
                seen.roster.unreachable(name, now)
            }
        };
        state.findings = findings::findings(&state.scene(target, &seen.roster)).into();
        say(name, &changes, &seen.roster);
        let stands =
            |mac| seen.roster.get(mac).filter(|one| !one.is_open()).map(|one| one.standing);
        if state.suspects.looked(now, stands) {
            target.nudge.notify_one();
        }
        let due = !changes.is_empty() || now.duration_since(seen.kept_at) >= KEPT_EVERY;
        if due {
            seen.kept_at = now;
        }
        due
    }

    /// Writes the roster down.
    async fn keep(&self) {
        let shared = self.0.clone();
        let roster = self.seen().roster.clone();
        let kept = tokio::task::spawn_blocking(move || {
            // A roster has text keys only, so that this cannot fail.
            let bytes = serde_json::to_vec(&roster).unwrap_or_default();
            shared.store.keep_document(DOCUMENT, &bytes)
        });
        if let Ok(Err(error)) = kept.await {
            tracing::warn!(%error, "the roster of access points is not kept");
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn about<'a>(target: &'a Target, state: &'a State) -> About<'a> {
    About {
        name: &target.asked.controller,
        address: &target.address,
        trouble: state.trouble.as_deref(),
        since: state.since,
        took_ms: state.took_ms,
        survey: state.survey.as_deref(),
    }
}

impl Watcher for Wifi {
    fn findings(&self, _: Timestamp) -> Vec<Finding> {
        self.seen().states.iter().flat_map(|state| state.findings.iter().cloned()).collect()
    }

    fn evidence(
        &self,
        kind: finding::Kind,
        subject: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<Evidence> {
        let seen = self.seen();
        let about = self.0.targets.iter().zip(&seen.states).find_map(|(target, state)| {
            let scene = state.scene(target, &seen.roster);
            findings::is_about(&scene, kind, subject).then_some(scene)
        });
        about.map_or_else(Vec::new, |scene| findings::evidence(&scene, kind, subject, from, to))
    }
}

/// Tells the log what changed: the first few by name, all by number.
fn say(controller: &str, changes: &[Change], roster: &Roster) {
    let new = changes.iter().filter(|change| change.what == News::New).count();
    if new > 0 {
        tracing::info!(controller, new, "access points seen for the first time");
    }
    let unknown =
        |change: &&Change| matches!(change.what, News::Stands { now: Standing::Unknown, .. });
    let others = changes.iter().filter(|change| change.what != News::New);
    for change in others.filter(|change| !unknown(change)).take(MAX_NAMED) {
        let name = roster.get(change.mac).and_then(|entry| entry.name.as_deref());
        tracing::info!(controller, access_point = %change.mac, name, what = ?change.what, "changed");
    }
    if roster.unlisted() > 0 {
        tracing::warn!(controller, left_out = roster.unlisted(), "too many access points");
    }
}
