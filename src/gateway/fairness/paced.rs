//! A body's frames, each in its turn.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use super::{Meter, Turn};

/// What the frames of one body wait for. The first comes when it comes; each further one waits until
/// its device may have as many bytes as the last one brought.
pub struct Paced {
    meter: Meter,
    turn: Option<Turn>,
    coming: Option<Pin<Box<dyn Future<Output = Turn> + Send>>>,
}

impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paced").field("meter", &self.meter).finish_non_exhaustive()
    }
}

impl Paced {
    /// By this meter.
    pub fn new(meter: Meter) -> Self {
        Self { meter, turn: None, coming: None }
    }

    /// Ready when the next frame may be taken.
    pub fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(coming) = &mut self.coming {
            self.turn = Some(ready!(coming.as_mut().poll(cx)));
            self.coming = None;
        }
        Poll::Ready(())
    }

    /// A frame brought so many bytes.
    pub fn took(&mut self, bytes: usize) {
        match self.turn.take() {
            Some(turn) => turn.took(bytes),
            None => self.meter.took(bytes as u64),
        }
        self.turn = self.meter.at_once(bytes as u64);
        if self.turn.is_none() {
            let meter = self.meter.clone();
            self.coming = Some(Box::pin(async move { meter.turn_for(Some(bytes as u64)).await }));
        }
    }
}
