//! Large deflated resources for clients that take no gzip: inflated while they are sent, so that a
//! slow reader holds a piece in memory, never the whole.

use std::{io, ops::Range, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::Semaphore;

use crate::{
    net::body::Made,
    publication::{Inflating, Resource},
};

/// Bytes inflated at a time, for each reader.
const PIECE_BYTES: usize = 128 * 1024;

/// A resource to be inflated.
#[derive(Debug)]
pub struct Inflated {
    pub resource: Resource,
    /// Who may inflate a piece now: the processor is for everyone.
    pub turns: Arc<Semaphore>,
}

/// A resource on its way.
struct Way {
    inflating: Inflating,
    /// First byte of the next piece.
    at: u64,
    /// Bytes asked for.
    range: Range<u64>,
    turns: Arc<Semaphore>,
}

impl Made for Inflated {
    fn make(self: Box<Self>, range: Range<u64>) -> Body {
        let Self { resource, turns } = *self;
        let way = Way { inflating: resource.inflate(), at: 0, range, turns };
        Body::from_stream(stream::try_unfold(way, |mut way| async move {
            // One piece a turn, those before the range too: nobody waits for a whole resource.
            while way.at < way.range.end {
                let turn = way.turns.clone().acquire_owned().await.map_err(io::Error::other)?;
                let made = tokio::task::spawn_blocking(move || {
                    let piece = way.piece();
                    drop(turn);
                    piece.map(|piece| (piece, way))
                });
                let (piece, on) = made.await.map_err(io::Error::other)??;
                if !piece.is_empty() {
                    return Ok(Some((piece, on)));
                }
                way = on;
            }
            Ok::<_, io::Error>(None)
        }))
    }
}

impl Way {
    /// What the next piece has of the range. Blocking.
    fn piece(&mut self) -> io::Result<Bytes> {
        let piece = self.inflating.next(PIECE_BYTES).map_err(|error| {
            tracing::warn!(%error, "a resource is damaged: its answer is cut");
            io::Error::other(error)
        })?;
        let (start, end) = (self.at, self.at.saturating_add(piece.len() as u64));
        self.at = end;
        let within = |n: u64| usize::try_from(n.clamp(start, end) - start).unwrap_or(piece.len());
        let (from, to) = (within(self.range.start), within(self.range.end));
        Ok(Bytes::from(piece).slice(from..to))
    }
}
