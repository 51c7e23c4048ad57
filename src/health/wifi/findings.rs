//! What is wrong with the Wi-Fi: a controller that tells nothing, access points that are down, wings that
//! are down together. Pure: made of what each look brought.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::{
    places::{Place, Places},
    poll::PollError,
    roster::{Entry, Roster, Standing},
    survey::{AccessPoint, Mac, Survey},
};
use crate::health::finding::{Evidence, Finding, Kind, Verdict};

/// Looks in a row without an answer before a controller counts as silent.
const MISSED_LOOKS: u32 = 2;
/// Access points of a building, and of a controller, from which on they may be down *together*.
const LEAST_OF_A_WING: usize = 3;
/// Of a wing that is down so many hundredths are.
const MOST_PERCENT: usize = 80;
/// One that is gone for so long was taken away: no wing is down for it.
const TAKEN_AWAY_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Looks that are remembered.
const MAX_LOOKS: usize = 32;
/// Access points of which a look remembers that they changed.
const MAX_CHANGES: usize = 256;

/// An access point, how it stands, where it is.
type Point<'a> = (Mac, &'a Entry, Option<&'a Place>);

/// What is known of one controller.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Its name in the settings.
    pub controller: &'a str,
    /// Where it is asked.
    pub address: &'a str,
    /// Its last answer, however old.
    pub survey: Option<&'a Survey>,
    /// What was seen before.
    pub before: &'a Before,
    /// How access points stand.
    pub roster: &'a Roster,
    /// Where they are.
    pub places: &'a Places,
}

/// What earlier looks at a controller brought.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// Clients of each access point when it was last up.
    clients: BTreeMap<Mac, u32>,
    looks: VecDeque<Look>,
    /// Looks in a row without an answer, and the time and reason of the first.
    missed: u32,
    silent_since: Option<(Timestamp, String)>,
    answers_since: Option<Timestamp>,
}

/// One look, as evidence.
#[derive(Debug, Clone)]
struct Look {
    at: Timestamp,
    /// Up, and not, in all and by wing; or why nothing is known.
    counts: Result<BTreeMap<String, (usize, usize)>, String>,
    clients: Option<u64>,
    changed: Vec<(Mac, Standing)>,
}

impl Before {
    /// A look brought an answer; `roster` has taken it already.
    pub fn answered(&mut self, survey: &Survey, roster: &Roster, places: &Places) {
        if self.missed > 0 || self.answers_since.is_none() {
            self.answers_since = Some(survey.at);
        }
        (self.missed, self.silent_since) = (0, None);
        let own = |mac: Mac| roster.get(mac).filter(|one| one.controller == survey.controller);
        let up = |mac: Mac| own(mac).is_some_and(|one| one.standing == Standing::Up);
        let mut sums: BTreeMap<Mac, u32> = BTreeMap::new();
        for radio in survey.radios.iter().filter(|radio| up(radio.mac)) {
            if let Some(clients) = radio.clients {
                let sum = sums.entry(radio.mac).or_default();
                *sum = sum.saturating_add(clients);
            }
        }
        self.clients.extend(sums);
        self.clients.retain(|mac, _| own(*mac).is_some());
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        let mut changed = Vec::new();
        for (mac, entry) in roster.entries().filter(|(_, one)| one.controller == survey.controller)
        {
            let wings = wings(&survey.controller, place(mac, entry, places));
            for wing in wings {
                let (up, down) = counts.entry(wing).or_default();
                match entry.standing {
                    Standing::Up => *up += 1,
                    Standing::Down | Standing::Missing => *down += 1,
                    Standing::Unknown => {}
                }
            }
            if entry.since >= survey.at && changed.len() < MAX_CHANGES {
                changed.push((mac, entry.standing));
            }
        }
        let (at, clients) = (survey.at, survey.clients_in_all());
        self.remember(Look { at, counts: Ok(counts), clients, changed });
    }

    /// A look brought none.
    pub fn silent(&mut self, at: Timestamp, error: &PollError) {
        let why = in_french(error);
        self.missed = self.missed.saturating_add(1);
        self.silent_since.get_or_insert_with(|| (at, why.to_owned()));
        self.remember(Look { at, counts: Err(why.to_owned()), clients: None, changed: Vec::new() });
    }

    /// Is it doubted: did the last look bring nothing, and is that not yet enough to say so?
    pub fn doubts(&self) -> bool {
        (1..MISSED_LOOKS).contains(&self.missed)
    }

    fn remember(&mut self, look: Look) {
        if self.looks.len() >= MAX_LOOKS {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
    }
}

/// Everything that is watched at a controller. Nothing before it was asked.
pub fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    if scene.before.looks.is_empty() {
        return Vec::new();
    }
    let own = |entry: &Entry| entry.controller == scene.controller;
    let points: Vec<Point<'_>> = scene
        .roster
        .entries()
        .filter(|(_, entry)| own(entry))
        .map(|(mac, entry)| (mac, entry, place(mac, entry, scene.places)))
        .collect();
    let mut all = vec![controller(scene, &points)];
    let mut by_wing: BTreeMap<String, Vec<&Point<'_>>> = BTreeMap::new();
    for point in &points {
        for wing in wings(scene.controller, point.2) {
            by_wing.entry(wing).or_default().push(point);
        }
    }
    all.extend(by_wing.iter().filter_map(|(name, points)| wing(scene, name, points)));
    all.extend(points.iter().map(|(mac, entry, place)| access_point(scene, *mac, entry, *place)));
    all
}

/// What looks between two moments showed of a thing.
pub fn evidence(
    scene: &Scene<'_>,
    kind: Kind,
    subject: &str,
    from: Timestamp,
    to: Timestamp,
) -> Vec<Evidence> {
    let mac: Option<Mac> = subject.parse().ok();
    let looks = scene.before.looks.iter().filter(|look| from <= look.at && look.at <= to);
    let line = |look: &Look| {
        let counts = match &look.counts {
            Err(why) => return format!("{} : {why}", scene.controller),
            Ok(counts) => counts,
        };
        let change = mac.and_then(|mac| look.changed.iter().find(|(one, _)| *one == mac));
        if let (Kind::AccessPointDown, Some((_, standing))) = (kind, change) {
            return format!("borne {}", stands(*standing));
        }
        let named =
            counts.get_key_value(subject).or_else(|| counts.get_key_value(scene.controller));
        let (name, (up, down)) = named.map_or((scene.controller, (0, 0)), |(name, n)| (name, *n));
        let clients =
            look.clients.map_or_else(String::new, |n| format!(", {n} appareils connectés en tout"));
        format!("{name} : {up} bornes en service, {down} hors service{clients}")
    };
    looks.map(|look| Evidence { at: look.at, says: line(look) }).collect()
}

/// May this be asked of this controller?
pub fn is_about(scene: &Scene<'_>, kind: Kind, subject: &str) -> bool {
    let inside = || {
        subject
            .strip_prefix(scene.controller)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match kind {
        Kind::ControllerSilent => subject == scene.controller,
        Kind::WingDown => inside(),
        Kind::AccessPointDown => subject
            .parse()
            .ok()
            .and_then(|mac| scene.roster.get(mac))
            .is_some_and(|entry| entry.controller == scene.controller),
        _ => false,
    }
}

fn controller(scene: &Scene<'_>, points: &[Point<'_>]) -> Finding {
    let (kind, before, name) = (Kind::ControllerSilent, scene.before, scene.controller);
    let answers = before.answers_since.unwrap_or(Timestamp::UNIX_EPOCH);
    let Some((since, why)) = &before.silent_since else {
        return Finding::new(kind, name, Verdict::Good, answers);
    };
    let wrong = before.missed >= MISSED_LOOKS;
    let verdict = if wrong { Verdict::Wrong } else { Verdict::Unknown };
    let survey = scene.survey;
    let clients = survey.and_then(Survey::clients_in_all);
    Finding {
        last_good: survey.map(|survey| survey.at),
        detail: format!("Le contrôleur Wi-Fi {name} ({}) ne dit plus rien : {why}.", scene.address),
        reasoning:
            "Plusieurs interrogations SNMP de suite sont restées sans réponse. L'état de ses \
                    bornes est inconnu : elles émettent peut-être encore."
                .to_owned(),
        rooms: rooms(points.iter().map(|(_, _, place)| *place)),
        access_points: count(points.len()),
        clients: clients.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
        ..Finding::new(kind, name, verdict, *since)
    }
}

/// A building's access points, or a controller's; nothing when there are too few to speak of.
fn wing(scene: &Scene<'_>, name: &str, points: &[&Point<'_>]) -> Option<Finding> {
    let last = scene.before.looks.back().map(|look| look.at)?;
    let taken_away = |entry: &Entry| {
        entry.standing == Standing::Missing
            && last.duration_since(entry.last_seen) > TAKEN_AWAY_AFTER
    };
    let there: Vec<_> = points.iter().filter(|(_, entry, _)| !taken_away(entry)).collect();
    if there.len() < LEAST_OF_A_WING {
        return None;
    }
    let down: Vec<_> = there.iter().filter(|(_, entry, _)| is_down(entry)).collect();
    let unknown = there.iter().filter(|(_, entry, _)| entry.standing == Standing::Unknown).count();
    let together = |down: usize| down * 100 >= there.len() * MOST_PERCENT;
    let verdict = match () {
        () if scene.before.missed > 0 => Verdict::Unknown,
        () if together(down.len()) => Verdict::Wrong,
        // Those of which nobody knows could make the difference.
        () if together(down.len() + unknown) && unknown > 0 => Verdict::Unknown,
        () => Verdict::Good,
    };
    let within = vec![scene.controller.to_owned()];
    if verdict != Verdict::Wrong {
        let since = there.iter().map(|(_, entry, _)| entry.since).max().unwrap_or(last);
        return Some(Finding { within, ..Finding::new(Kind::WingDown, name, verdict, since) });
    }
    let since = down.iter().map(|(_, entry, _)| entry.since).max().unwrap_or(last);
    let building = name.strip_prefix(scene.controller).and_then(|rest| rest.strip_prefix('/'));
    let (count_down, all) = (down.len(), there.len());
    let place = building.map_or_else(
        || format!("du contrôleur {name}"),
        |building| format!("du bâtiment {building}"),
    );
    Some(Finding {
        within,
        last_good: Some(since),
        detail: format!("{count_down} des {all} bornes Wi-Fi {place} sont hors service."),
        reasoning: "Le contrôleur répond et signale ces bornes ensemble : la cause est commune \
                    (commutateur, alimentation PoE, câble du bâtiment), non chaque borne."
            .to_owned(),
        rooms: rooms(down.iter().map(|(_, _, place)| *place)),
        access_points: count(count_down),
        clients: clients(scene, down.iter().map(|(mac, _, _)| *mac)),
        ..Finding::new(Kind::WingDown, name, Verdict::Wrong, since)
    })
}

fn access_point(scene: &Scene<'_>, mac: Mac, entry: &Entry, place: Option<&Place>) -> Finding {
    let (kind, subject) = (Kind::AccessPointDown, mac.to_string());
    let within = wings(scene.controller, place);
    let silent = scene.before.missed > 0;
    if silent || !is_down(entry) {
        let unknown = silent || entry.standing == Standing::Unknown;
        let verdict = if unknown { Verdict::Unknown } else { Verdict::Good };
        return Finding { within, ..Finding::new(kind, &subject, verdict, entry.since) };
    }
    let name = entry.name.as_deref().unwrap_or("sans nom");
    let state = stands(entry.standing);
    Finding {
        within,
        last_good: Some(entry.since),
        detail: format!("La borne Wi-Fi {name} ({mac}) est {state}."),
        reasoning: format!(
            "Le contrôleur {} répond ; les autres bornes du même bâtiment ne sont pas toutes touchées.",
            scene.controller
        ),
        rooms: rooms([place].into_iter()),
        access_points: 1,
        clients: clients(scene, [mac].into_iter()),
        ..Finding::new(kind, &subject, Verdict::Wrong, entry.since)
    }
}

/// For those who read tickets; the log has the whole error.
fn in_french(error: &PollError) -> &'static str {
    match error {
        PollError::Silent => "pas de réponse SNMP",
        PollError::Ask(_) => "réponse SNMP inutilisable",
        PollError::Unknown(_) => "un équipement inconnu répond à sa place",
        PollError::Nobody => "il répond sans dire qui il est (droits SNMP)",
        PollError::Restarted(_) => "il redémarre sans cesse",
    }
}

fn is_down(entry: &Entry) -> bool {
    matches!(entry.standing, Standing::Down | Standing::Missing)
}

fn stands(standing: Standing) -> &'static str {
    match standing {
        Standing::Up => "en service",
        Standing::Down => "signalée hors service par son contrôleur",
        Standing::Missing => "absente de la liste de son contrôleur",
        Standing::Unknown => "dans un état inconnu",
    }
}

/// Its controller, and its building there.
fn wings(controller: &str, place: Option<&Place>) -> Vec<String> {
    let building = place.and_then(|place| place.building.as_ref());
    let building = building.map(|building| format!("{controller}/{building}"));
    [Some(controller.to_owned()), building].into_iter().flatten().collect()
}

fn place<'a>(mac: Mac, entry: &Entry, places: &'a Places) -> Option<&'a Place> {
    places.of(&AccessPoint { name: entry.name.clone(), ..AccessPoint::new(mac) })
}

fn rooms<'a>(places: impl Iterator<Item = Option<&'a Place>>) -> Vec<String> {
    let mut rooms: Vec<String> = places.filter_map(|place| place?.room.clone()).collect();
    rooms.sort();
    rooms.dedup();
    rooms
}

fn clients(scene: &Scene<'_>, of: impl Iterator<Item = Mac>) -> Option<u32> {
    let mut known = of.filter_map(|mac| scene.before.clients.get(&mac)).copied().peekable();
    known.peek().is_some().then(|| known.fold(0_u32, u32::saturating_add))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;
