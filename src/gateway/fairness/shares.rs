//! Whose turn it is on the link: in the order of the devices, as the link's rate and the ceilings of
//! profiles have room. Pure: the time is passed in.

use std::{
    collections::{BTreeMap, HashMap, btree_map::OccupiedEntry},
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

use super::{
    lane::{LONGEST_PIECE, Lane},
    order::Order,
};
use crate::filter::Ceiling;

/// Ceilings remembered before those that nobody is under are forgotten.
const MANY_CEILINGS: usize = 128;

/// Bytes that a device may take, or took.
#[derive(Debug)]
pub struct Piece {
    device: IpAddr,
    ceiling: Option<Under>,
    /// How many.
    pub bytes: u64,
}

/// A ceiling, and what it comes to on this link.
#[derive(Debug, Clone)]
pub struct Under {
    pub ceiling: Arc<Ceiling>,
    /// Bytes a second.
    pub rate: u64,
}

/// Those who wait, by the tag of their piece and the order in which they came.
type Queue<W> = BTreeMap<(u64, u64), Waiting<W>>;

/// The first of them.
type Head<'a, W> = OccupiedEntry<'a, (u64, u64), Waiting<W>>;

#[derive(Debug)]
struct Waiting<W> {
    piece: Piece,
    /// Of the piece, among all who share the link.
    tag: u64,
    who: W,
}

/// Those who are under the same ceiling. They have an order of their own: the link's forgets who is
/// kept below it for long.
#[derive(Debug)]
struct Class<W> {
    lane: Lane,
    order: Order,
    queue: Queue<W>,
}

/// The link, and who waits for it; `W` is how somebody who waits is told.
#[derive(Debug)]
pub struct Shares<W> {
    /// Nothing: only ceilings hold.
    link: Option<Lane>,
    order: Order,
    classes: HashMap<Arc<str>, Class<W>>,
    /// Those who are under no ceiling.
    free: Queue<W>,
    waiting: usize,
    /// How many ever waited.
    came: u64,
}

impl<W> Shares<W> {
    /// Of a link that carries so many bytes a second.
    pub fn new(rate: Option<u64>, now: Instant) -> Self {
        Self {
            link: rate.map(|rate| Lane::new(rate, now)),
            order: Order::new(rate.unwrap_or(0)),
            classes: HashMap::new(),
            free: BTreeMap::new(),
            waiting: 0,
            came: 0,
        }
    }

    /// A device's next piece: of so many bytes, or of the usual size.
    pub fn piece(
        &mut self,
        device: IpAddr,
        ceiling: Option<Under>,
        bytes: Option<u64>,
        now: Instant,
    ) -> Piece {
        let link = self.link.as_ref().map_or(LONGEST_PIECE, Lane::piece);
        let class = ceiling.as_ref().map(|under| self.class(under, now).lane.piece());
        let usual = class.map_or(link, |class| class.min(link));
        Piece { device, ceiling, bytes: bytes.unwrap_or(usual) }
    }

    /// Grants a piece at once, if nobody waits and there is room; gives it back otherwise.
    pub fn at_once(&mut self, piece: Piece, now: Instant) -> Result<Piece, Piece> {
        if self.waiting > 0 || self.opens(piece.ceiling.as_ref(), now) > now {
            return Err(piece);
        }
        let (tag, in_class) = self.tags(&piece, now);
        self.grant(&piece, tag, in_class, now);
        Ok(piece)
    }

    /// Somebody waits for a piece.
    pub fn wait(&mut self, piece: Piece, who: W, now: Instant) {
        let (tag, in_class) = self.tags(&piece, now);
        self.came += 1;
        self.waiting += 1;
        let place = (in_class, self.came);
        let under = piece.ceiling.clone();
        let waiting = Waiting { piece, tag, who };
        match under {
            None => self.free.insert(place, waiting),
            Some(under) => self.class(&under, now).queue.insert(place, waiting),
        };
    }

    /// Grants the pieces whose turn it is; the moment at which the next one's may come, if anybody
    /// still waits.
    pub fn release(&mut self, now: Instant) -> (Vec<(W, Piece)>, Option<Instant>) {
        let mut granted = Vec::new();
        while self.waiting > 0 {
            if let Some(opens) = self.link.as_ref().map(Lane::opens).filter(|opens| *opens > now) {
                return (granted, Some(opens));
            }
            let (first, opens) = self.first(now);
            let Some(first) = first else { return (granted, opens) };
            let ((in_class, _), Waiting { piece, tag, who }) = first.remove_entry();
            self.waiting -= 1;
            self.grant(&piece, tag, in_class, now);
            granted.push((who, piece));
        }
        (granted, None)
    }

    /// Everybody who waits, at once.
    pub fn release_all(&mut self) -> Vec<(W, Piece)> {
        self.waiting = 0;
        let classes = self.classes.values_mut().map(|class| &mut class.queue);
        let queues = classes.chain(std::iter::once(&mut self.free));
        let waiting = queues.flat_map(|queue| std::mem::take(queue).into_values());
        waiting.map(|one| (one.who, one.piece)).collect()
    }

    /// Of a granted piece so many bytes were taken: what was not is given back.
    pub fn settle(&mut self, piece: &Piece, took: u64, now: Instant) {
        let more = took.saturating_sub(piece.bytes);
        let less = piece.bytes.saturating_sub(took);
        let class = piece.ceiling.as_ref();
        let class = class.and_then(|under| self.classes.get_mut(&under.ceiling.profile));
        let (lane, order) = class.map(|class| (&mut class.lane, &mut class.order)).unzip();
        for order in order.into_iter().chain([&mut self.order]) {
            order.correct(piece.device, more, less);
        }
        for lane in lane.into_iter().chain(&mut self.link) {
            lane.correct(more, less, now);
        }
    }

    /// A device took these bytes without having asked.
    pub fn took(&mut self, piece: &Piece, now: Instant) {
        self.tags(piece, now);
        self.charge(piece, now);
    }

    fn grant(&mut self, piece: &Piece, tag: u64, in_class: u64, now: Instant) {
        self.order.granted(tag);
        if let Some(under) = &piece.ceiling {
            self.class(under, now).order.granted(in_class);
        }
        self.charge(piece, now);
    }

    fn charge(&mut self, piece: &Piece, now: Instant) {
        if let Some(link) = &mut self.link {
            link.take(piece.bytes, now);
        }
        if let Some(under) = &piece.ceiling {
            self.class(under, now).lane.take(piece.bytes, now);
        }
    }

    /// Among all, and among those under its ceiling.
    fn tags(&mut self, piece: &Piece, now: Instant) -> (u64, u64) {
        let (device, bytes) = (piece.device, piece.bytes);
        let tag = self.order.tag(device, bytes);
        match &piece.ceiling {
            None => (tag, tag),
            Some(under) => (tag, self.class(under, now).order.tag(device, bytes)),
        }
    }

    /// The first of those whose ceiling has room; else when one will have.
    fn first(&mut self, now: Instant) -> (Option<Head<'_, W>>, Option<Instant>) {
        let (mut first, mut opens) = (self.free.first_entry(), None);
        for class in self.classes.values_mut() {
            let Some(head) = class.queue.first_entry() else { continue };
            let room = class.lane.opens();
            if room > now {
                opens = Some(opens.map_or(room, |opens: Instant| opens.min(room)));
            } else if first.as_ref().is_none_or(|first| head.get().tag < first.get().tag) {
                first = Some(head);
            }
        }
        (first, opens)
    }

    fn opens(&mut self, ceiling: Option<&Under>, now: Instant) -> Instant {
        let link = self.link.as_ref().map_or(now, Lane::opens);
        let class = ceiling.map(|under| self.class(under, now).lane.opens());
        class.map_or(link, |class| class.max(link))
    }

    fn class(&mut self, under: &Under, now: Instant) -> &mut Class<W> {
        if self.classes.len() >= MANY_CEILINGS {
            self.classes.retain(|_, class| !class.queue.is_empty() || class.lane.opens() > now);
        }
        let fresh = || Class {
            lane: Lane::new(under.rate, now),
            order: Order::new(under.rate),
            queue: BTreeMap::new(),
        };
        let class = self.classes.entry(under.ceiling.profile.clone()).or_insert_with(fresh);
        // A policy read again may say another.
        class.lane.set_rate(under.rate);
        class
    }
}

#[cfg(test)]
#[path = "shares_tests.rs"]
mod tests;
