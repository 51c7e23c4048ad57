//! A batch is put together: bodies from the cursor on, until its bounds.

use std::path::Path;

use super::{
    Bounds, Place,
    entry::{Entries, Found},
    file::{self, Segment},
};
use crate::{
    store::StoreError,
    uplink::message::{Gathered, unpack},
};

/// Read at once: any body fits in.
const WINDOW_BYTES: u64 = 2 << 20;

/// A batch under way.
#[derive(Debug, Default)]
pub struct Gathering {
    bounds: Bounds,
    /// What it holds.
    pub gathered: Gathered,
    /// How far it reaches, and how many samples stand before that in the same segment.
    pub to: Option<(Place, u64)>,
    samples: u64,
    bytes: u64,
}

impl Gathering {
    /// One that may hold so much.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// Adds a segment's bodies. `false`: it is full.
    pub fn read(
        &mut self,
        folder: &Path,
        number: u64,
        segment: &Segment,
    ) -> Result<bool, StoreError> {
        let (mut offset, mut passed) = (segment.offset, 0);
        while offset < segment.bytes {
            let upto = segment.bytes.min(offset + WINDOW_BYTES);
            let window = file::read(folder, number, offset..upto)?;
            let mut entries = Entries::new(&window, upto == segment.bytes);
            while let Some(found) = entries.next() {
                if let Found::Entry(entry) = found {
                    let samples = u64::from(entry.samples);
                    if !self.takes(samples, entry.body) {
                        return Ok(false);
                    }
                    passed += samples;
                }
                let place = Place { number, offset: offset + entries.at() as u64 };
                self.to = Some((place, passed));
            }
            // A window that holds no whole body: what is here is none.
            offset += (entries.at() as u64).max(1);
            self.to = Some((Place { number, offset }, passed));
        }
        Ok(true)
    }

    fn takes(&mut self, samples: u64, body: &[u8]) -> bool {
        let bytes = body.len() as u64;
        let fits = self.samples + samples <= self.bounds.samples
            && self.bytes + bytes <= self.bounds.bytes;
        if self.samples > 0 && !fits {
            return false;
        }
        // One that is damaged is passed by: its samples are missed when the batch is done.
        for one in unpack(body).unwrap_or_default() {
            self.gathered.add(one.labels, &one.samples);
        }
        self.samples += samples;
        self.bytes += bytes;
        true
    }
}
