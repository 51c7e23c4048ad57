//! Columns of a table, walked together until each has ended: bounded in rows, bytes and time, and not to
//! be led in circles.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::time::{Instant, timeout_at};

use super::{
    agent::{Agent, AskError, Binding, Oid, Value},
    tables::UP_TIME,
};

/// Rows of one column. A controller has at most 6,000 access points, of three radios each.
pub const MAX_ROWS: usize = 20_000;
/// Bytes that all columns of a poll may take together.
pub const MAX_BYTES: i64 = 24 << 20;
/// Values in one answer: two or three fragments of IP at most.
const VALUES_AT_ONCE: usize = 60;
/// The same after silence: one fragment.
const VALUES_IN_DOUBT: usize = 12;
/// An honest answer may have been made a little before the one that was read first.
const SLACK_CENTISECONDS: u32 = 1000;
/// `sysUpTime` this near to its end starts anew without a restart.
const WRAP_CENTISECONDS: u32 = 360_000;
/// What a value takes beside its bytes.
const VALUE_BYTES: i64 = 64;

/// What a whole poll may take.
#[derive(Debug)]
pub struct Course {
    up_time: u32,
    until: Instant,
    bytes_left: AtomicI64,
}

impl Course {
    /// A poll that began at this `sysUpTime` and ends by then.
    pub fn new(up_time: u32, until: Instant) -> Self {
        Self { up_time, until, bytes_left: AtomicI64::new(MAX_BYTES) }
    }

    /// When it ends.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Has the agent started anew since the poll began? (RFC 3418 §2: `sysUpTime` counts from then.)
    fn restarted(&self, up_time: u32) -> bool {
        let wrapped = self.up_time > u32::MAX - WRAP_CENTISECONDS && up_time < WRAP_CENTISECONDS;
        up_time.saturating_add(SLACK_CENTISECONDS) < self.up_time && !wrapped
    }

    /// Takes the bytes of a value; false when too many came.
    fn affords(&self, binding: &Binding) -> bool {
        let bytes = match &binding.value {
            Value::Bytes(bytes) => i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            _ => 0,
        };
        let arcs = i64::try_from(binding.oid.arcs().len()).unwrap_or(i64::MAX);
        let cost = VALUE_BYTES.saturating_add(bytes).saturating_add(arcs.saturating_mul(4));
        self.bytes_left.fetch_sub(cost, Ordering::Relaxed) > cost
    }
}

/// The agent started anew in the middle: what was read is of two minds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was started anew meanwhile")]
pub struct Restarted;

/// Why a column was not read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// No answer that was of use.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// An object that does not come after the one before.
    #[error("its objects go backwards")]
    Backwards,
    /// More than anybody has.
    #[error("it does not end")]
    Endless,
    /// Too many bytes.
    #[error("it is too large")]
    TooLarge,
    /// No time left.
    #[error("it takes too long")]
    TooLong,
    /// An answer without anything in it.
    #[error("its answers are empty")]
    Empty,
}

/// What came of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Index and value, in the order of indexes.
    pub rows: Vec<(Box<[u32]>, Value)>,
    /// Why there may be more.
    pub cut: Option<Cut>,
}

/// A column on its way.
struct Walked<'a> {
    oid: &'a Oid,
    last: Oid,
    column: Column,
    ended: bool,
}

impl Walked<'_> {
    fn cut(&mut self, cut: Cut) {
        self.column.cut = Some(cut);
        self.ended = true;
    }

    /// Takes the next object, if it is one of this column.
    fn take(&mut self, binding: Binding, course: &Course) {
        let Some(index) = binding.oid.index_under(self.oid) else {
            self.ended = true;
            return;
        };
        if matches!(binding.value, Value::End | Value::Absent) {
            self.ended = true;
        } else if binding.oid <= self.last {
            self.cut(Cut::Backwards);
        } else if self.column.rows.len() >= MAX_ROWS {
            self.cut(Cut::Endless);
        } else if !course.affords(&binding) {
            self.cut(Cut::TooLarge);
        } else {
            self.column.rows.push((index.into(), binding.value));
            self.last = binding.oid;
        }
    }
}

/// Reads columns of one table together. Each has its rows and whether they are all; one that an agent
/// cuts short does not hurt another.
pub async fn walk<A: Agent>(
    agent: &A,
    columns: &[Oid],
    course: &Course,
) -> Result<Vec<Column>, Restarted> {
    let begin = |oid| Walked {
        oid,
        last: Oid::clone(oid),
        column: Column { rows: Vec::new(), cut: None },
        ended: false,
    };
    let mut walked: Vec<Walked<'_>> = columns.iter().map(begin).collect();
    let mut values = VALUES_AT_ONCE;
    let up_time = [Oid::new(UP_TIME)];
    loop {
        let mut open: Vec<&mut Walked<'_>> = walked.iter_mut().filter(|one| !one.ended).collect();
        if open.is_empty() {
            break;
        }
        let next: Vec<Oid> = open.iter().map(|one| one.last.clone()).collect();
        let rows = (values / open.len()).max(1);
        let asked = agent.bulk(&up_time, &next, u32::try_from(rows).unwrap_or(1));
        let cut = match timeout_at(course.until, asked).await {
            Err(_) => Some(Cut::TooLong),
            // A large answer is fragmented, and a fragment may not come through.
            Ok(Err(AskError::TooBig)) if values > open.len() => {
                values /= 2;
                None
            }
            Ok(Err(AskError::Silent)) if values > VALUES_IN_DOUBT.max(open.len()) => {
                values = VALUES_IN_DOUBT;
                None
            }
            Ok(Err(error)) => Some(error.into()),
            Ok(Ok(answer)) => give(answer, &mut open, course)?,
        };
        if let Some(cut) = cut {
            open.iter_mut().filter(|one| !one.ended).for_each(|one| one.cut(cut.clone()));
        }
    }
    Ok(walked.into_iter().map(|one| one.column).collect())
}

/// Shares an answer out: what stands first is `sysUpTime`, then rows of the columns that were asked for.
fn give(
    answer: Vec<Binding>,
    open: &mut [&mut Walked<'_>],
    course: &Course,
) -> Result<Option<Cut>, Restarted> {
    let mut bindings = answer.into_iter();
    let first = bindings.next();
    if let Some(Binding { oid, value: Value::Number(ticks) }) = &first
        && oid.arcs().starts_with(UP_TIME)
        && u32::try_from(*ticks).is_ok_and(|ticks| course.restarted(ticks))
    {
        return Err(Restarted);
    }
    let mut any = false;
    let columns = open.len();
    for (place, binding) in bindings.enumerate() {
        any = true;
        // An answer may stop in the middle of a row, or go on after a column's end.
        if let Some(one) = open.get_mut(place % columns).filter(|one| !one.ended) {
            one.take(binding, course);
        }
    }
    Ok((!any).then_some(Cut::Empty))
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
