//! Bytes derived from an address: whoever knows where they come from knows every one of them.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    ops::Range,
};

use bytes::Bytes;
use rand::{RngCore as _, SeedableRng as _, rngs::StdRng};

/// Prime: bytes lost, doubled or moved by any power of two do not fit again.
const PERIOD: u64 = 1_048_573;
/// Bytes of one frame of a long body.
const PIECE_BYTES: u64 = 64 * 1024;

/// Where in the noise the bytes of an address begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// Of an address, whatever it is made of.
    pub fn of(text: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self(hasher.finish() % PERIOD)
    }
}

/// The same random bytes for all, twice over. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Noise(Bytes);

impl Noise {
    pub fn new() -> Self {
        let mut bytes = vec![0; usize::try_from(PERIOD).unwrap()];
        StdRng::seed_from_u64(1).fill_bytes(&mut bytes);
        bytes.extend_from_within(..);
        Self(bytes.into())
    }

    /// The bytes of an address, in frames.
    pub fn pieces(&self, seed: Seed, range: Range<u64>) -> impl Iterator<Item = Bytes> + use<> {
        let (noise, mut at) = (self.clone(), range.start);
        std::iter::from_fn(move || {
            let length = PIECE_BYTES.min(range.end.saturating_sub(at));
            let piece = (length > 0).then(|| noise.piece(seed, at, length));
            at += length;
            piece
        })
    }

    /// All of them at once.
    pub fn whole(&self, seed: Seed, range: Range<u64>) -> Vec<u8> {
        self.pieces(seed, range).flatten().collect()
    }

    /// Are these the bytes of an address from `at` on?
    pub fn is(&self, seed: Seed, at: u64, bytes: &[u8]) -> bool {
        let mut at = at;
        bytes.chunks(usize::try_from(PIECE_BYTES).unwrap()).all(|chunk| {
            let length = chunk.len() as u64;
            let same = self.piece(seed, at, length) == chunk;
            at += length;
            same
        })
    }

    fn piece(&self, seed: Seed, at: u64, length: u64) -> Bytes {
        let start = usize::try_from((seed.0 + at) % PERIOD).unwrap();
        self.0.slice(start..start + usize::try_from(length).unwrap())
    }
}
