//! Bytes kept behind one another in a few large pieces of memory, the oldest given up for the newest.
//!
//! A hundred thousand small allocations that live for a day, among those of questions that live for
//! milliseconds, would keep whole pages from going back to the system: several times what they hold.
//! Pure.

use std::collections::VecDeque;

/// Pieces that the memory is divided into: one of them at a time is given up.
const PIECES: usize = 64;
/// Bytes of a piece where there is memory for it: so large a piece lies in pages of its own
/// (mallopt(3), `M_MMAP_THRESHOLD`).
const MAX_PIECE_BYTES: usize = 512 * 1024;
/// Of the pieces, one in so many is old: what is asked for there moves to the newest.
const OLD: usize = 4;
/// Bytes of an item's length.
const LENGTH_BYTES: usize = 4;

/// Where an item lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The piece, counted from the first there ever was.
    piece: u64,
    at: u32,
}

/// The shelf.
#[derive(Debug)]
pub struct Shelf {
    /// The oldest first.
    pieces: VecDeque<Vec<u8>>,
    /// Which the oldest is.
    first: u64,
    piece_bytes: usize,
    most: usize,
}

impl Shelf {
    /// Of at most so many bytes, and of two pieces at least.
    pub fn new(most_bytes: usize) -> Self {
        let piece_bytes = (most_bytes / PIECES).clamp(1, MAX_PIECE_BYTES);
        let most = (most_bytes / piece_bytes).max(2);
        Self { pieces: VecDeque::new(), first: 0, piece_bytes, most }
    }

    /// Puts an item there; `given_up` hears of each that went for it. Nothing: it is too large.
    pub fn put(
        &mut self,
        parts: &[&[u8]],
        mut given_up: impl FnMut(Place, &[u8]),
    ) -> Option<Place> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let needed = LENGTH_BYTES + length;
        if needed > self.piece_bytes {
            return None;
        }
        if self.pieces.back().is_none_or(|newest| newest.len() + needed > self.piece_bytes) {
            let is_full = self.pieces.len() >= self.most;
            let given_up = if is_full { self.give_up(&mut given_up) } else { None };
            let piece = given_up.unwrap_or_else(|| Vec::with_capacity(self.piece_bytes));
            self.pieces.push_back(piece);
        }
        let piece = self.first + u64::try_from(self.pieces.len()).ok()?.checked_sub(1)?;
        let newest = self.pieces.back_mut()?;
        let at = u32::try_from(newest.len()).ok()?;
        newest.extend_from_slice(&u32::try_from(length).ok()?.to_ne_bytes());
        for part in parts {
            newest.extend_from_slice(part);
        }
        Some(Place { piece, at })
    }

    /// Gives up the oldest piece, now empty; `given_up` hears of each item in it.
    pub fn give_up(&mut self, mut given_up: impl FnMut(Place, &[u8])) -> Option<Vec<u8>> {
        let mut oldest = self.pieces.pop_front()?;
        each(self.first, &oldest, &mut given_up);
        self.first += 1;
        oldest.clear();
        Some(oldest)
    }

    /// An item that was put there and not given up.
    pub fn get(&self, place: Place) -> Option<&[u8]> {
        let piece = self.pieces.get(self.index(place)?)?;
        let range = range(piece, usize::try_from(place.at).ok()?)?;
        piece.get(range)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, place: Place) -> Option<&mut [u8]> {
        let index = self.index(place)?;
        let piece = self.pieces.get_mut(index)?;
        let range = range(piece, usize::try_from(place.at).ok()?)?;
        piece.get_mut(range)
    }

    /// Will it be given up soon?
    pub fn is_old(&self, place: Place) -> bool {
        let is_full = self.pieces.len() == self.most;
        is_full && self.index(place).is_some_and(|index| index < self.most / OLD)
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.pieces.len() * self.piece_bytes
    }

    fn index(&self, place: Place) -> Option<usize> {
        usize::try_from(place.piece.checked_sub(self.first)?).ok()
    }
}

/// Where the item that begins at `at` stands.
fn range(piece: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let length = u32::from_ne_bytes(*piece.get(at..)?.first_chunk()?);
    let begin = at + LENGTH_BYTES;
    Some(begin..begin + usize::try_from(length).ok()?)
}

fn each(number: u64, piece: &[u8], told: &mut impl FnMut(Place, &[u8])) {
    let mut at = 0;
    while let Some(range) = range(piece, at) {
        let end = range.end;
        if let (Ok(at), Some(item)) = (u32::try_from(at), piece.get(range)) {
            told(Place { piece: number, at }, item);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_there_until_it_is_given_up_in_its_order() {
        let mut shelf = Shelf::new(6400);
        let (mut there, mut gone) = (VecDeque::new(), Vec::new());
        for number in 0..1000_u32 {
            let text = number.to_string();
            let place = shelf.put(&[b"n", text.as_bytes()], |place, item| {
                gone.push((place, item.to_vec()));
            });
            there.push_back((place.unwrap(), format!("n{text}").into_bytes()));
            for (place, item) in gone.drain(..) {
                assert_eq!(there.pop_front(), Some((place, item)));
                assert_eq!(shelf.get(place), None);
            }
            assert!(shelf.bytes() <= 6400);
        }
        assert!((400..1000).contains(&there.len()), "{}", there.len());
        for (place, item) in &there {
            assert_eq!(shelf.get(*place), Some(&item[..]));
        }
        let old = there.iter().filter(|(place, _)| shelf.is_old(*place)).count();
        assert!(shelf.is_old(there[0].0) && old < there.len() / 3, "{old}");
    }

    #[test]
    fn what_is_changed_stays_changed_and_what_is_too_large_is_not_taken() {
        let mut shelf = Shelf::new(6400);
        let place = shelf.put(&[b"abc"], |_, _| ()).unwrap();
        shelf.get_mut(place).unwrap()[1] = b'x';
        assert_eq!(shelf.get(place), Some(&b"axc"[..]));
        assert_eq!(shelf.put(&[&[0; 100]], |_, _| ()), None);
        assert_eq!(Shelf::new(0).put(&[b"abc"], |_, _| ()), None);
    }
}
