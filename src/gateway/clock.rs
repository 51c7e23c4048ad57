//! How long nothing has moved.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Touched at each movement, by any task.
#[derive(Debug)]
pub struct Clock {
    begun: Instant,
    /// Milliseconds since then, at the last touch.
    touched: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { begun: Instant::now(), touched: AtomicU64::new(0) }
    }
}

impl Clock {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Something moves.
    pub fn touch(&self) {
        self.touched.store(self.now(), Relaxed);
    }

    /// Since the last touch.
    pub fn quiet(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.touched.load(Relaxed)))
    }

    /// Ends when nothing has moved for so long.
    pub async fn quiet_for(&self, limit: Duration) {
        while let Some(left) = limit.checked_sub(self.quiet()).filter(|left| !left.is_zero()) {
            tokio::time::sleep(left).await;
        }
    }
}
