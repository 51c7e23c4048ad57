//! The last three minutes of a link, second by second: what was asked and when it was answered, what its
//! interface carried. Everything that is told of the recent past is made of this. Pure.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;

/// Seconds that are remembered.
pub const SECONDS: usize = 180;
/// Seconds of which quantiles are told.
pub const MINUTE: usize = 60;

/// How a target is asked each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// An echo request (RFC 792, RFC 4443).
    Icmp,
    /// A TCP connection, opened and closed.
    Tcp,
}

impl Method {
    /// As labels call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Icmp => "icmp",
            Self::Tcp => "tcp",
        }
    }
}

/// One probe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cell {
    /// None was sent.
    #[default]
    Unasked,
    /// It may still be answered.
    Waiting,
    /// It was not answered in time.
    Lost,
    /// It was, after so many microseconds.
    Took(u32),
}

/// One second.
#[derive(Debug, Clone)]
pub struct Second {
    /// Its end.
    pub at: Timestamp,
    /// Bytes that came in during it, and went out.
    pub received: u64,
    /// See `received`.
    pub sent: u64,
    /// Had the interface a carrier?
    pub carrier: Option<bool>,
    /// Was the link nearly full, or nearly empty? Nothing = in between, or nobody knows what it carries.
    pub load: Option<Load>,
    /// By point: ICMP, TCP.
    cells: Vec<[Cell; 2]>,
}

/// How full a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// A fifth of its contract or less.
    Idle,
    /// Seven tenths or more.
    Busy,
}

impl Load {
    const IDLE_TENTHS: u64 = 2;
    const BUSY_TENTHS: u64 = 7;

    /// Of what came in and went out in a second, each with what the contract promises.
    pub fn of(ways: [(u64, Option<u64>); 2]) -> Option<Self> {
        let known = || ways.iter().filter_map(|(bytes, most)| most.map(|most| (*bytes, most)));
        let over = |(bytes, most): (u64, u64), tenths| bytes.saturating_mul(10) >= most * tenths;
        if known().next().is_none() {
            None
        } else if known().any(|way| over(way, Self::BUSY_TENTHS)) {
            Some(Self::Busy)
        } else if known().all(|way| !over(way, Self::IDLE_TENTHS)) {
            Some(Self::Idle)
        } else {
            None
        }
    }
}

impl Second {
    /// What became of a point's probe.
    pub fn cell(&self, point: usize, method: Method) -> Cell {
        self.cells.get(point).map_or(Cell::Unasked, |cells| cells[method as usize])
    }
}

/// Of the last minute of a target, asked in one way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Minute {
    /// Probes that were answered or lost.
    pub sent: u32,
    /// Those that were lost.
    pub lost: u32,
    /// Round trips: half took less, nine tenths, 99 of a hundred.
    pub quantiles: Option<[Duration; 3]>,
    /// Mean difference of successive round trips.
    pub jitter: Option<Duration>,
}

/// Three minutes.
#[derive(Debug, Clone)]
pub struct Ring {
    points: usize,
    seconds: VecDeque<Second>,
    /// Number of the first of them, since the start.
    first: u64,
}

impl Ring {
    /// With so many points, which begins now.
    pub fn new(points: usize, at: Timestamp) -> Self {
        let mut ring = Self { points, seconds: VecDeque::with_capacity(SECONDS), first: 0 };
        ring.begin(at);
        ring
    }

    /// The number of the second under way: what is sent now is noted there.
    pub fn number(&self) -> u64 {
        self.first + self.seconds.len() as u64 - 1
    }

    /// Notes a probe in the second of that number, unless that is forgotten.
    pub fn note(&mut self, number: u64, point: usize, method: Method, cell: Cell) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let second = at.and_then(|at| self.seconds.get_mut(at));
        if let Some(cells) = second.and_then(|second| second.cells.get_mut(point)) {
            cells[method as usize] = cell;
        }
    }

    /// The second under way is over: what it carried.
    pub fn end(
        &mut self,
        at: Timestamp,
        (received, sent): (u64, u64),
        carrier: Option<bool>,
        load: Option<Load>,
    ) {
        if let Some(last) = self.seconds.back_mut() {
            (last.at, last.received, last.sent) = (at, received, sent);
            (last.carrier, last.load) = (carrier, load);
        }
        self.begin(at);
    }

    fn begin(&mut self, at: Timestamp) {
        let mut cells = Vec::new();
        if self.seconds.len() >= SECONDS
            && let Some(oldest) = self.seconds.pop_front()
        {
            // Its room is used again: nothing is allocated once the ring is full.
            cells = oldest.cells;
            self.first += 1;
        }
        cells.clear();
        cells.resize(self.points, [Cell::Unasked; 2]);
        let second = Second { at, received: 0, sent: 0, carrier: None, load: None, cells };
        self.seconds.push_back(second);
    }

    /// The seconds that are over, oldest first.
    pub fn past(&self) -> impl DoubleEndedIterator<Item = &Second> {
        self.seconds.iter().take(self.seconds.len().saturating_sub(1))
    }

    /// The last minute of a point.
    pub fn minute(&self, point: usize, method: Method) -> Minute {
        let mut minute = Minute::default();
        let (mut times, mut before) = (Vec::with_capacity(MINUTE), None);
        let mut differences = 0_u64;
        let skip = self.seconds.len().saturating_sub(MINUTE);
        for second in self.seconds.iter().skip(skip) {
            match second.cell(point, method) {
                Cell::Took(took) => {
                    minute.sent += 1;
                    if let Some(before) = before {
                        differences += u64::from(took.abs_diff(before));
                    }
                    before = Some(took);
                    times.push(took);
                }
                Cell::Lost => (minute.sent, minute.lost) = (minute.sent + 1, minute.lost + 1),
                Cell::Unasked | Cell::Waiting => {}
            }
        }
        if times.len() > 1 {
            minute.jitter = Some(Duration::from_micros(differences / (times.len() as u64 - 1)));
        }
        minute.quantiles = quantiles(times);
        minute
    }

    /// The middle of the round trips to some points while the link was full, or empty; nothing below a
    /// few seconds of it.
    pub fn latency(&self, points: &[usize], load: Load) -> Option<Duration> {
        const LEAST_SECONDS: usize = 5;
        let like = || self.past().filter(|second| second.load == Some(load));
        if like().count() < LEAST_SECONDS {
            return None;
        }
        let times = like().flat_map(|second| {
            let took = |point: &usize| {
                [Method::Icmp, Method::Tcp].into_iter().find_map(|method| {
                    match second.cell(*point, method) {
                        Cell::Took(took) => Some(took),
                        _ => None,
                    }
                })
            };
            points.iter().filter_map(took)
        });
        quantiles(times.collect()).map(|[middle, ..]| middle)
    }
}

fn quantiles(mut times: Vec<u32>) -> Option<[Duration; 3]> {
    times.sort_unstable();
    let at = |percent: usize| {
        // The nearest rank.
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times.get(rank - 1).map(|micros| Duration::from_micros(u64::from(*micros)))
    };
    Some([at(50)?, at(90)?, at(99)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(seconds: u32) -> Ring {
        let mut at = Timestamp::UNIX_EPOCH;
        let mut ring = Ring::new(2, at);
        for second in 0..seconds {
            let cell = if second % 10 == 9 { Cell::Lost } else { Cell::Took(1000 + second % 10) };
            ring.note(ring.number(), 0, Method::Icmp, cell);
            at += jiff::SignedDuration::from_secs(1);
            let load = if second % 2 == 0 { Some(Load::Idle) } else { None };
            ring.end(at, (u64::from(second), 0), Some(true), load);
        }
        ring
    }

    #[test]
    fn it_remembers_three_minutes_and_no_more() {
        let ring = ring(1000);
        let past: Vec<_> = ring.past().collect();
        assert_eq!(past.len(), SECONDS - 1);
        assert_eq!((past[0].received, past[past.len() - 1].received), (821, 999));
        assert_eq!(ring.number(), 1000);
    }

    #[test]
    fn the_last_minute_is_told_with_its_loss_and_jitter() {
        let minute = ring(100).minute(0, Method::Icmp);
        assert_eq!((minute.sent, minute.lost), (59, 6));
        let [middle, nine, most] = minute.quantiles.unwrap();
        assert_eq!([middle, nine, most].map(|one| one.as_micros()), [1004, 1008, 1008]);
        // 1 µs from each to the next, 8 µs over each loss.
        assert_eq!(minute.jitter.unwrap().as_micros(), 1);
        assert_eq!(ring(100).minute(0, Method::Tcp), Minute::default());
    }

    #[test]
    fn an_answer_is_noted_where_its_question_was_and_a_late_one_nowhere() {
        let mut ring = ring(10);
        ring.note(3, 1, Method::Tcp, Cell::Took(5));
        assert_eq!(ring.past().nth(3).unwrap().cell(1, Method::Tcp), Cell::Took(5));
        for _ in 0..SECONDS {
            ring.end(Timestamp::UNIX_EPOCH, (0, 0), None, None);
        }
        ring.note(3, 1, Method::Tcp, Cell::Took(6));
        ring.note(u64::MAX, 9, Method::Tcp, Cell::Took(6));
        assert!(ring.past().all(|second| second.cell(1, Method::Tcp) == Cell::Unasked));
    }

    #[test]
    fn idle_and_busy_are_told_of_the_same_samples() {
        assert_eq!(ring(100).latency(&[0], Load::Idle).unwrap().as_micros(), 1004);
        assert_eq!(ring(100).latency(&[0], Load::Busy), None);
        let most = Some(1000);
        assert_eq!(Load::of([(700, most), (0, most)]), Some(Load::Busy));
        assert_eq!(Load::of([(0, most), (900, most)]), Some(Load::Busy));
        assert_eq!(Load::of([(199, most), (0, None)]), Some(Load::Idle));
        assert_eq!(Load::of([(500, most), (0, most)]), None);
        assert_eq!(Load::of([(500, None), (0, None)]), None);
    }
}
