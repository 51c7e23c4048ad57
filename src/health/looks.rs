//! Looks at something now and then, each look on a thread that may wait for a disk.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

/// A look is good for so long, for somebody who asks.
const FRESH: SignedDuration = SignedDuration::from_secs(2);

/// Looks at once and then at each interval, until cancelled; ends with a look that panics, so that
/// whoever supervises it hears. What does not answer keeps its look waiting, and nobody else.
pub(super) async fn look_each<L>(every: Duration, token: CancellationToken, look: L)
where
    L: Fn(Timestamp) + Clone + Send + 'static,
{
    loop {
        let own = look.clone();
        let looking = spawn_blocking(move || own(Timestamp::now()));
        if !matches!(token.run_until_cancelled(looking).await, Some(Ok(()))) {
            return;
        }
        if token.run_until_cancelled(sleep(every)).await.is_none() {
            return;
        }
    }
}

/// Was the last look, if there was one, too long ago for somebody who asks?
pub(super) fn is_stale(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| now.duration_since(last).abs() >= FRESH)
}
