//! A task that fails or panics is started again, a little later each time.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Wait after a first failure; doubled after each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A task that ran for so long has proved itself: the next wait is the first one again.
const PROVED: Duration = Duration::from_secs(300);

/// Runs what `make` makes until cancelled, again and again if it must.
pub(super) async fn supervise<F, Fut>(name: &'static str, token: CancellationToken, mut make: F)
where
    F: FnMut(CancellationToken) -> Fut + Send,
    Fut: Future<Output = ()> + Send,
{
    let mut failures = 0;
    while !token.is_cancelled() {
        let begun = Instant::now();
        let ended = AssertUnwindSafe(Box::pin(make(token.child_token()))).catch_unwind().await;
        if token.is_cancelled() {
            return;
        }
        failures = if begun.elapsed() >= PROVED { 1 } else { failures + 1 };
        let (again_in, why) = (wait(failures), ended.err().map(|panic| words(panic.as_ref())));
        tracing::error!(
            task = name,
            why = why.as_deref().unwrap_or("it ended before its time"),
            ?again_in,
            "a task stopped: it will be started again"
        );
        let slept = tokio::time::sleep(again_in);
        let _ = token.run_until_cancelled(slept).await;
    }
}

/// How long to wait after so many failures in a row, from 1.
fn wait(failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_WAIT)
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let seconds: Vec<_> = (1..=8).map(|n| wait(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(wait(u32::MAX), LONGEST_WAIT);
    }

    #[tokio::test]
    async fn a_task_that_panics_or_ends_is_started_again_until_cancelled() {
        let (token, starts) = (CancellationToken::new(), Arc::new(AtomicU32::new(0)));
        let (counted, stop) = (starts.clone(), token.clone());
        let begun = Instant::now();
        supervise("test", token, move |_| {
            let (start, stop) = (counted.fetch_add(1, Ordering::Relaxed), stop.clone());
            async move {
                match start {
                    0 => panic!("on purpose"),
                    1 => {}
                    _ => stop.cancel(),
                }
            }
        })
        .await;
        assert_eq!(starts.load(Ordering::Relaxed), 3);
        assert!(begun.elapsed() >= wait(1) + wait(2), "one second, then two");
    }
}
