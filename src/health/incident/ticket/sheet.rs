//! A ticket laid out for people: the same words for the text and for the page, short enough for one A4.

use fluent_bundle::FluentValue;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{About, LinkTerms, Month, State, Ticket};
use crate::{
    health::{
        finding::{Evidence, Kind},
        incident::{
            availability::{Clock, Share},
            rules::{self, Severity},
        },
    },
    library::{self, Language, Speech},
};

const FRENCH: &str = include_str!("../words/fr.ftl");
/// Rooms named on paper; all are in the JSON.
const MAX_ROOMS: usize = 10;
/// Effects named on paper.
const MAX_EFFECTS: usize = 4;
/// Lines of evidence on paper, before, after, and around the end.
const MAX_BEFORE: usize = 5;
const MAX_AFTER: usize = 5;
const MAX_END: usize = 2;
/// Characters of an effect and of a line of evidence on paper: one line there.
const MAX_LINE_CHARS: usize = 100;
/// Links whose month is on paper.
const MAX_MONTHS: usize = 2;

/// The words of tickets. Desks of the region read them, so that there is one language.
#[derive(Debug)]
pub(super) struct Words {
    words: library::Words,
    zone: TimeZone,
}

impl Words {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self { words: library::Words::of(FRENCH, FRENCH, zone.clone()), zone }
    }

    fn speech(&self) -> Speech<'_> {
        self.words.speak(Language::French)
    }

    fn say(&self, id: &str) -> String {
        self.speech().say(id).into_owned()
    }

    fn say_with(&self, id: &str, key: &str, value: impl Into<FluentValue<'static>>) -> String {
        let value: FluentValue<'static> = value.into();
        self.speech().say_with(id, key, value).into_owned()
    }

    fn say_with_two(
        &self,
        id: &str,
        first: (&str, FluentValue<'static>),
        second: (&str, FluentValue<'static>),
    ) -> String {
        self.speech().say_with_two(id, first, second).into_owned()
    }

    /// The fact, in one sentence.
    pub(super) fn fact(&self, kind: Kind, subject: &str, over: bool) -> String {
        let id = format!("fact-{}", rules::name(kind));
        let over = if over { "yes" } else { "no" };
        self.say_with_two(&id, ("subject", subject.to_owned().into()), ("over", over.into()))
    }

    /// What the box does by itself in such a case, and how long it saw it.
    pub(super) fn tried(&self, kind: Kind, seconds: u64) -> Vec<String> {
        let own = self.say(&format!("tried-{}", rules::name(kind)));
        let mut lines: Vec<String> = own.lines().map(|line| line.trim().to_owned()).collect();
        if seconds > 0 {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            lines.push(self.say_with("observed", "count", seconds));
        }
        lines
    }

    fn moment(&self, at: Timestamp) -> String {
        self.local(at, "%d/%m/%Y à %H:%M:%S")
    }

    fn hour(&self, at: Timestamp) -> String {
        self.local(at, "%H:%M:%S")
    }

    fn local(&self, at: Timestamp, form: &str) -> String {
        at.to_zoned_datetime(self.zone.clone()).strftime(form).to_string()
    }
}

/// A part of the sheet under its heading.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    /// Head, then rows of as many cells.
    pub(super) table: Option<Table>,
    /// A bar a day, 0 to 1.
    pub(super) bars: Vec<Option<f64>>,
}

/// A small table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A line of a table; a mark stands between others.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    pub(super) mark: bool,
}

/// What is written, in order.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) title: String,
    pub(super) severity: String,
    pub(super) state: String,
    pub(super) is_open: bool,
    pub(super) fact: String,
    pub(super) facts: Vec<(String, String)>,
    pub(super) sections: Vec<Section>,
    pub(super) days_label: String,
    pub(super) written: String,
}

impl Sheet {
    pub(super) fn of(ticket: &Ticket, about: &About) -> Self {
        let words = &Words::new(about.zone.clone());
        Self {
            title: words.say_with("ticket", "id", ticket.id.clone()),
            severity: words.say(match ticket.severity {
                Severity::Notice => "severity-notice",
                Severity::Degraded => "severity-degraded",
                Severity::Outage => "severity-outage",
            }),
            state: words.say(match ticket.state {
                State::Open => "state-open",
                State::Ended => "state-ended",
                State::Folded => "state-folded",
                State::Unwatched => "state-unwatched",
            }),
            is_open: ticket.state == State::Open,
            fact: ticket.fact.clone(),
            facts: facts(ticket, words),
            sections: sections(ticket, words),
            days_label: words.say("days"),
            written: words.say_with("written", "moment", words.moment(ticket.written_at)),
        }
    }
}

fn facts(ticket: &Ticket, words: &Words) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut tell = |id: &str, value: String| all.push((words.say(id), value));
    tell("school", format!("{} {}", ticket.school.uai, ticket.school.name));
    let lines: Vec<String> = ticket.links.iter().take(MAX_MONTHS).map(link).collect();
    let network: Vec<String> = ticket.school.plaque.iter().cloned().chain(lines).collect();
    if !network.is_empty() {
        tell("network", network.join(" ; "));
    }
    tell("since", words.moment(ticket.since));
    if let Some(good) = ticket.last_good {
        tell("last-good", words.moment(good));
    }
    let lasted = words.say_with("lasted", "time", long(ticket.seconds));
    let ended = ticket.ended_at.map_or_else(|| words.say("still-open"), |at| words.moment(at));
    tell("ended", format!("{ended} ({lasted})"));
    if ticket.returns > 0 {
        let count = i64::try_from(ticket.returns).unwrap_or(i64::MAX);
        let within = long(ticket.merge_seconds);
        let value =
            words.say_with_two("returns-value", ("count", count.into()), ("within", within.into()));
        tell("returns", value);
    }
    let touched = &ticket.touched;
    if !touched.rooms.is_empty() {
        tell("rooms", rooms(&touched.rooms, words));
    }
    if touched.access_points > 0 {
        tell("points", touched.access_points.to_string());
    }
    if let Some(clients) = touched.clients {
        tell("clients", words.say_with("clients-value", "count", i64::from(clients)));
    }
    for (id, value) in [("contract", &ticket.contract), ("contact", &ticket.contact)] {
        if let Some(value) = value {
            tell(id, value.clone());
        }
    }
    all
}

fn rooms(all: &[String], words: &Words) -> String {
    let list = all.iter().take(MAX_ROOMS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match i64::try_from(all.len().saturating_sub(MAX_ROOMS)) {
        Ok(more @ 1..) => {
            words.say_with_two("rooms-more", ("list", list.into()), ("more", more.into()))
        }
        _ => list,
    }
}

fn link(link: &LinkTerms) -> String {
    let mut text = format!("lien {}", link.name);
    if let Some(network) = &link.network {
        text = format!("{network}, {text}");
    }
    if let Some(reference) = &link.reference {
        text.push_str(&format!(", référence {reference}"));
    }
    match (&link.down, &link.up) {
        (Some(down), Some(up)) => text.push_str(&format!(", {down} descendant, {up} montant")),
        (Some(down), None) => text.push_str(&format!(", {down} descendant")),
        _ => {}
    }
    text
}

fn sections(ticket: &Ticket, words: &Words) -> Vec<Section> {
    let plain = |id: &str, lines: Vec<String>| Section {
        title: words.say(id),
        lines,
        table: None,
        bars: Vec::new(),
    };
    let apart = if ticket.told_apart.is_empty() {
        words.say("apart-none")
    } else {
        ticket.told_apart.clone()
    };
    let mut all = vec![
        plain("seen", vec![ticket.seen.clone()]),
        plain("apart", vec![apart]),
        plain("tried", ticket.tried.clone()),
    ];
    all[0].lines.retain(|line| !line.is_empty());
    if all[0].lines.is_empty() {
        all.remove(0);
    }
    if !ticket.effects.is_empty() {
        all.push(effects(ticket, words));
    }
    all.push(begin(ticket, words));
    if let Some(ended) = ticket.ended_at.filter(|_| !ticket.evidence.at_end.is_empty()) {
        let (before, after): (Vec<_>, Vec<_>) =
            ticket.evidence.at_end.iter().cloned().partition(|one| one.at < ended);
        let rows = rows(&before, &after, (ended, "ends"), (MAX_END, MAX_END), words);
        all.push(table("around-end", rows, words));
    }
    all.extend(ticket.availability.iter().take(MAX_MONTHS).map(|one| month(ticket, one, words)));
    all
}

fn effects(ticket: &Ticket, words: &Words) -> Section {
    let name = |kind, subject: &str| words.fact(kind, subject, false);
    let shown = ticket.effects.iter().take(MAX_EFFECTS);
    let mut lines: Vec<String> = shown
        .map(|one| {
            let told = !one.detail.is_empty();
            if told { cut(&one.detail) } else { name(one.kind, &one.subject) }
        })
        .collect();
    let more = ticket.effects_in_all.saturating_sub(lines.len());
    if more > 0 {
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        lines.push(words.say_with("effects-more", "more", more));
    }
    let count = i64::try_from(ticket.effects_in_all).unwrap_or(i64::MAX);
    let title = words.say_with("effects", "count", count);
    Section { title, lines, table: None, bars: Vec::new() }
}

fn begin(ticket: &Ticket, words: &Words) -> Section {
    let Lines { before, after } = Lines::of(ticket);
    if before.is_empty() && after.is_empty() {
        let lines = vec![words.say("no-evidence")];
        return Section { title: words.say("around-begin"), lines, table: None, bars: Vec::new() };
    }
    let rows = rows(before, after, (ticket.since, "begins"), (MAX_BEFORE, MAX_AFTER), words);
    table("around-begin", rows, words)
}

struct Lines<'a> {
    before: &'a [Evidence],
    after: &'a [Evidence],
}

impl<'a> Lines<'a> {
    fn of(ticket: &'a Ticket) -> Self {
        Self { before: &ticket.evidence.before, after: &ticket.evidence.after }
    }
}

/// The last lines before a moment, the moment, the first after it.
fn rows(
    before: &[Evidence],
    after: &[Evidence],
    (at, mark): (Timestamp, &str),
    (most_before, most_after): (usize, usize),
    words: &Words,
) -> Vec<Row> {
    let line = |run: &[Evidence]| {
        let (first, last) = (run.first()?, run.last()?);
        let mut when = words.hour(first.at);
        if run.len() > 1 {
            when.push_str(&format!(" – {}", words.hour(last.at)));
        }
        Some(Row { cells: vec![when, cut(&first.says)], mark: false })
    };
    // What says the same for ten seconds is one line.
    let same = |one: &Evidence, other: &Evidence| one.says == other.says;
    let before: Vec<Row> = before.chunk_by(same).filter_map(line).collect();
    let skipped = before.len().saturating_sub(most_before);
    let mut all: Vec<Row> = before.into_iter().skip(skipped).collect();
    all.push(Row { cells: vec![words.hour(at), words.say(mark)], mark: true });
    all.extend(after.chunk_by(same).filter_map(line).take(most_after));
    all
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_LINE_CHARS {
        return text.to_owned();
    }
    text.chars().take(MAX_LINE_CHARS - 1).chain(['…']).collect()
}

fn table(title: &str, rows: Vec<Row>, words: &Words) -> Section {
    let head = vec![words.say("time"), words.say("measure")];
    let table = Some(Table { head, rows });
    Section { title: words.say(title), lines: Vec::new(), table, bars: Vec::new() }
}

/// Is the promise kept? Little of a month says nothing of the whole: what was lost in it may be less than
/// the promise leaves, whatever came in the rest.
pub(super) fn kept(promised: f64, all: &Share) -> &'static str {
    match all.availability() {
        Some(part) if all.unknown() <= all.watched => {
            if part >= promised {
                "promised-kept"
            } else {
                "promised-broken"
            }
        }
        _ => "promised-unknown",
    }
}

fn month(ticket: &Ticket, month: &Month, words: &Words) -> Section {
    let whole = &month.whole;
    let head = ["clock", "share", "down", "unknown"].map(|id| words.say(id)).to_vec();
    let row = |share: &Share| {
        let clock = words.say(match share.clock {
            Clock::Always => "clock-always",
            Clock::Classes => "clock-classes",
            Clock::Boarding => "clock-boarding",
        });
        let part = share.availability().map_or_else(|| "–".to_owned(), percent);
        Row { cells: vec![clock, part, long(share.down), long(share.unknown())], mark: false }
    };
    let rows = whole.shares.iter().map(row).collect();
    let promise = ticket
        .promised
        .zip(whole.shares.first())
        .map(|(promised, all)| words.say_with(kept(promised, all), "promised", percent(promised)));
    let name = format!("month-{}", whole.first.month());
    let name = words.say_with(&name, "year", whole.first.year().to_string());
    let link = whole.link.clone();
    Section {
        title: words.say_with_two("availability", ("link", link.into()), ("month", name.into())),
        lines: promise.into_iter().collect(),
        table: Some(Table { head, rows }),
        bars: month.days.clone(),
    }
}

/// A part of one, as French writes it, never rounded up to all.
pub(super) fn percent(part: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "0 to 100,000")]
    let thousandths = (part.clamp(0.0, 1.0) * 100_000.0 + 1e-6).floor() as i64;
    format!("{},{:03} %", thousandths / 1000, thousandths % 1000)
}

/// A time, in its two largest units.
pub(super) fn long(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let two = |large: i64, one: &str, small: i64, two: &str| {
        if small > 0 { format!("{large} {one} {small} {two}") } else { format!("{large} {one}") }
    };
    match () {
        () if days > 0 => two(days, "j", hours, "h"),
        () if seconds >= SignedDuration::from_hours(1).as_secs() => two(hours, "h", minutes, "min"),
        () if minutes > 0 => two(minutes, "min", rest, "s"),
        () => format!("{rest} s"),
    }
}
