//! One look at a controller: who it is, its tables by groups of columns, several at once, and what they
//! mean together.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{
    agent::{Agent, AskError, Binding, Oid, Value},
    decode::{Cells, Decoded, say_total, text},
    survey::{Kind, Mac, Survey, Totals},
    tables::{self, About, Family, SYSTEM, Table},
    walk::{Column, Course, Cut, Restarted, walk},
};

/// Requests under way at one controller.
const AT_ONCE: usize = 8;
/// Columns asked for in one request. More would make each walk longer, and what bounds it on a long way
/// is the number of answers that follow one another.
const COLUMNS_AT_ONCE: usize = 2;
/// Objects asked for by name in one request.
const OBJECTS_AT_ONCE: usize = 40;
/// Gaps that are told of.
const MAX_GAPS: usize = 40;

/// Why a look told nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    /// Nothing came. Agents say nothing either to a community or a password that they do not know.
    #[error("it does not answer: its address, the community or the passwords may be wrong")]
    Silent,
    /// It gave no answer of use.
    #[error(transparent)]
    Ask(AskError),
    /// It is none that we know.
    #[error(
        "no known controller answers (sysObjectID {0}): \
         health.controllers.kind tells whose tables it has"
    )]
    Unknown(String),
    /// It does not say who it is.
    #[error("it says nothing of itself: may the account read 1.3.6.1.2.1.1?")]
    Nobody,
    /// Twice in a row.
    #[error(transparent)]
    Restarted(#[from] Restarted),
}

impl From<AskError> for PollError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Silent => Self::Silent,
            other => Self::Ask(other),
        }
    }
}

/// What to look at.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The controller's name.
    pub controller: String,
    /// Its tables; nothing = as it says.
    pub kind: Option<Kind>,
    /// How long the whole look may take.
    pub within: Duration,
}

/// Takes a look, begun at `at`. If the controller is started anew meanwhile, once again.
pub async fn poll<A: Agent>(agent: &A, asked: &Asked, at: Timestamp) -> Result<Survey, PollError> {
    let until = Instant::now() + asked.within;
    match Box::pin(look(agent, asked, at, until)).await {
        Err(PollError::Restarted(_)) => Box::pin(look(agent, asked, at, until)).await,
        other => other,
    }
}

async fn look<A: Agent>(
    agent: &A,
    asked: &Asked,
    at: Timestamp,
    until: Instant,
) -> Result<Survey, PollError> {
    let who = who(agent, asked, until).await?;
    let family = tables::family(who.kind);
    let course = Course::new(who.up_time, until);
    let mut gaps = Vec::new();
    let (totals, read) =
        tokio::join!(totals(agent, family, &course), read_tables(agent, family, &course));
    let read = read?;
    let silent = |column: &Column| column.cut == Some(Cut::Ask(AskError::Silent));
    if read.iter().flatten().all(silent) {
        // It went away in the middle.
        return Err(PollError::Silent);
    }
    let mut decoded = Decoded::default();
    for (table, columns) in family.tables.iter().zip(&read) {
        let cells: Vec<&Cells> = columns.iter().map(|column| column.rows.as_slice()).collect();
        decoded.take(table, &cells);
        note_gaps(table, columns, &mut gaps);
    }
    if let Some(noise) = family.noise {
        ask_noise(agent, noise, &mut decoded, &course).await;
    }
    let by_radios = decoded.access_points.is_empty();
    let whole = is_whole(family, &read, by_radios);
    let (access_points, radios, ssids) = decoded.finish(by_radios);
    // Where no table tells of any, an agent that hides them and one that has none look the same.
    let whole = if access_points.is_empty() { totals.access_points == Some(0) } else { whole };
    gaps.truncate(MAX_GAPS);
    Ok(Survey {
        controller: asked.controller.clone(),
        kind: who.kind,
        at,
        description: who.description,
        up_time_centiseconds: who.up_time,
        whole,
        access_points,
        radios,
        ssids,
        totals,
        gaps,
    })
}

/// Who answers.
struct Who {
    kind: Kind,
    description: Option<String>,
    up_time: u32,
}

async fn who<A: Agent>(agent: &A, asked: &Asked, until: Instant) -> Result<Who, PollError> {
    let oids = SYSTEM.map(Oid::new);
    let answer = timeout_at(until, agent.get(&oids)).await.map_err(|_| PollError::Silent)??;
    let [description, object, up_time] =
        oids.map(|oid| answer.iter().find(|one| one.oid == oid).map(|one| &one.value));
    let Some(Value::Number(ticks)) = up_time else { return Err(PollError::Nobody) };
    let kind = match (asked.kind, object) {
        (Some(kind), _) => kind,
        (None, Some(Value::Oid(oid))) => {
            tables::kind_of(oid.arcs()).ok_or_else(|| PollError::Unknown(oid.to_string()))?
        }
        (None, _) => return Err(PollError::Nobody),
    };
    Ok(Who {
        kind,
        description: description.and_then(text),
        up_time: u32::try_from(*ticks).unwrap_or_default(),
    })
}

/// What the controller counts. A failure leaves it unknown: tables tell too.
async fn totals<A: Agent>(agent: &A, family: &Family, course: &Course) -> Totals {
    let mut totals = Totals::default();
    let oids: Vec<Oid> = family.scalars.iter().map(|one| Oid::new(one.oid)).collect();
    if oids.is_empty() {
        return totals;
    }
    if let Ok(Ok(answer)) = timeout_at(course.until(), agent.get(&oids)).await {
        for (oid, scalar) in oids.iter().zip(family.scalars) {
            if let Some(found) = answer.iter().find(|one| one.oid == *oid) {
                say_total(&mut totals, scalar.means, &found.value);
            }
        }
    }
    totals
}

/// Every column of every table, as they are listed there.
async fn read_tables<A: Agent>(
    agent: &A,
    family: &Family,
    course: &Course,
) -> Result<Vec<Vec<Column>>, Restarted> {
    let mut groups = Vec::new();
    for (place, table) in family.tables.iter().enumerate() {
        let entry = Oid::new(table.entry);
        for columns in table.columns.chunks(COLUMNS_AT_ONCE) {
            let oids = columns.iter().map(|(number, _)| entry.below(&[*number]));
            groups.push((place, oids.collect::<Vec<Oid>>()));
        }
    }
    let walks = groups.into_iter().map(|(place, oids)| async move {
        walk(agent, &oids, course).await.map(|columns| (place, columns))
    });
    // In their order, so that columns stand where their table has them.
    let mut walked = stream::iter(walks).buffered(AT_ONCE);
    let mut read: Vec<Vec<Column>> = family.tables.iter().map(|_| Vec::new()).collect();
    while let Some(group) = walked.next().await {
        let (place, columns) = group?;
        if let Some(table) = read.get_mut(place) {
            table.extend(columns);
        }
    }
    Ok(read)
}

/// Noise on each radio's own channel: a tenth of the objects that a walk would bring.
async fn ask_noise<A: Agent>(agent: &A, entry: &[u32], decoded: &mut Decoded, course: &Course) {
    let entry = Oid::new(entry);
    let wanted: Vec<(Oid, Mac, u32)> = decoded
        .channels()
        .map(|(mac, number, channel)| {
            let place = entry.below(&mac.arcs()).below(&[number, u32::from(channel)]);
            (place, mac, number)
        })
        .collect();
    let parts: Vec<Vec<(Oid, Mac, u32)>> =
        wanted.chunks(OBJECTS_AT_ONCE).map(<[_]>::to_vec).collect();
    let asks = parts.into_iter().map(|part| async move {
        let names: Vec<Oid> = part.iter().map(|(oid, ..)| oid.clone()).collect();
        let answer = timeout_at(course.until(), agent.get(&names)).await;
        (part, answer.unwrap_or(Err(AskError::Silent)).unwrap_or_default())
    });
    let mut answers = stream::iter(asks).buffer_unordered(AT_ONCE);
    while let Some((part, answer)) = answers.next().await {
        // As a rule the answer has the order of the question.
        for (place, (oid, mac, number)) in part.iter().enumerate() {
            let same = |one: &&Binding| one.oid == *oid;
            let found = answer.get(place).filter(same).or_else(|| answer.iter().find(same));
            if let Some(found) = found {
                decoded.noise(*mac, *number, &found.value);
            }
        }
    }
}

/// Are all access points told? By their own table; by that of radios only when there is no other, for
/// those that are down may have none there. One column that came whole tells of every row.
fn is_whole(family: &Family, read: &[Vec<Column>], by_radios: bool) -> bool {
    let of = |about| {
        let tables = family.tables.iter().zip(read);
        tables
            .filter(move |(table, _)| table.makes && table.about == about)
            .flat_map(|(_, all)| all)
    };
    let told = |column: &Column| column.cut.is_none() && !column.rows.is_empty();
    if by_radios {
        of(About::AccessPoint).all(|column| column.cut.is_none()) && of(About::Radio).any(told)
    } else {
        of(About::AccessPoint).any(told)
    }
}

/// What of a table is not here, for a person.
fn note_gaps(table: &Table, columns: &[Column], gaps: &mut Vec<String>) {
    if columns.iter().all(|column| column.rows.is_empty() && column.cut.is_none()) {
        gaps.push(format!("{}: not there", table.name));
        return;
    }
    for ((number, means), column) in table.columns.iter().zip(columns) {
        let means = format!("{means:?}");
        let means = means.split('(').next().unwrap_or_default();
        match &column.cut {
            Some(cut) => gaps.push(format!(
                "{}, column {number} ({means}): after {} rows, {cut}",
                table.name,
                column.rows.len()
            )),
            None if column.rows.is_empty() => {
                gaps.push(format!("{}, column {number} ({means}): not there", table.name));
            }
            None => {}
        }
    }
}
