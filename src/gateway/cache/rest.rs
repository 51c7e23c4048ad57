//! Bytes that go on to one reader alone, and are stored nowhere: there is no room for them any more,
//! and whoever was promised them gets them all the same.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;

use super::Carried;

/// Where they come from.
#[derive(Debug)]
pub struct Rest {
    /// Where in the whole the next of them lies.
    at: u64,
    /// Where the last of them ends; `u64::MAX` where only the end itself tells.
    end: u64,
    runs: VecDeque<Bytes>,
    body: Carried,
}

impl Rest {
    /// From `at` on: these runs, then what a body brings, and nothing past `end`.
    pub fn new(at: u64, end: u64, runs: Vec<Bytes>, body: Carried) -> Self {
        Self { at, end, runs: runs.into(), body }
    }

    /// Where in the whole the next bytes lie.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next bytes from `from` on, none past `until`; what lies before is left out. `None` at the
    /// end.
    ///
    /// # Errors
    ///
    /// Of the body: it broke off, or stalled.
    pub async fn next(&mut self, from: u64, until: u64) -> Option<Result<Bytes, axum::Error>> {
        let until = until.min(self.end);
        if from >= until {
            return None;
        }
        loop {
            let mut run = match self.runs.pop_front() {
                Some(run) => run,
                None => match self.body.frame().await? {
                    // Trailers end with the connection (RFC 9110 §6.5.1).
                    Ok(frame) => frame.into_data().unwrap_or_default(),
                    Err(error) => return Some(Err(error)),
                },
            };
            let here = self.at;
            self.at = here.saturating_add(run.len() as u64);
            run.advance(within(from.saturating_sub(here), &run));
            run.truncate(within(until - from, &run));
            if !run.is_empty() {
                return Some(Ok(run));
            }
        }
    }
}

fn within(count: u64, run: &Bytes) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).min(run.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn taken(mut rest: Rest, mut from: u64, until: u64) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(run) = rest.next(from, until).await {
            let run = run.unwrap();
            from += run.len() as u64;
            all.extend_from_slice(&run);
        }
        all
    }

    fn rest(at: u64, end: u64) -> Rest {
        let runs = vec![Bytes::from_static(b"abc"), Bytes::from_static(b"def")];
        Rest::new(at, end, runs, Carried::from("ghi"))
    }

    #[tokio::test]
    async fn a_reader_gets_what_lies_at_its_place_and_nothing_past_its_end() {
        assert_eq!(taken(rest(10, u64::MAX), 10, u64::MAX).await, b"abcdefghi");
        assert_eq!(taken(rest(10, u64::MAX), 14, 18).await, b"efgh");
        assert_eq!(taken(rest(10, 15), 10, 99).await, b"abcde", "more than was said to come");
        assert_eq!(taken(rest(10, u64::MAX), 10, 10).await, b"");
        assert_eq!(taken(rest(0, u64::MAX), 7, 99).await, b"hi");
    }
}
