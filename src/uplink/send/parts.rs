//! A batch that was refused, halved until what is refused stands alone. Pure.

use crate::uplink::message::{Series, count};

/// Requests that may be spent on one batch: with fifteen bad values among a hundred thousand each is found.
/// Past them what is refused is dropped as it is.
const MAX_ASKED: u32 = 1000;

/// What is left of a batch.
#[derive(Debug, Default)]
pub struct Parts {
    /// The next last.
    waiting: Vec<Vec<Series>>,
    asked: u32,
    /// Samples that were taken.
    pub sent: u64,
    /// Samples that were refused alone.
    pub refused: u64,
}

impl Parts {
    /// A batch that was refused.
    pub fn of(batch: Vec<Series>) -> Self {
        let mut parts = Self { waiting: vec![batch], ..Self::default() };
        parts.halve();
        parts
    }

    /// What is asked next: of each series the oldest first.
    pub fn next(&self) -> Option<&[Series]> {
        self.waiting.last().map(Vec::as_slice)
    }

    /// It was taken.
    pub fn taken(&mut self) {
        self.asked += 1;
        self.sent += count(&self.waiting.pop().unwrap_or_default());
    }

    /// It was refused.
    pub fn halve(&mut self) {
        self.asked += 1;
        let Some(part) = self.waiting.pop() else { return };
        let samples = count(&part);
        if samples <= 1 || self.asked > MAX_ASKED {
            self.refused += samples;
            return;
        }
        let (first, second) = halves(part);
        self.waiting.extend([second, first]);
    }
}

/// By series; one series by its samples.
fn halves(mut part: Vec<Series>) -> (Vec<Series>, Vec<Series>) {
    if part.len() > 1 {
        let second = part.split_off(part.len() / 2);
        return (part, second);
    }
    let mut second = part.clone();
    for (older, newer) in part.iter_mut().zip(&mut second) {
        newer.samples = older.samples.split_off(older.samples.len() / 2);
    }
    (part, second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::message::{NAME, Sample, label};

    fn batch(series: usize, samples: i64) -> Vec<Series> {
        let samples: Vec<_> =
            (0..samples).map(|timestamp| Sample { value: 0.5, timestamp }).collect();
        let one =
            |n| Series { labels: vec![label(NAME, &format!("s{n}"))], samples: samples.clone() };
        (0..series).map(one).collect()
    }

    /// Asks until nothing is left; returns what was taken, in that order, and how often was asked.
    fn ask(
        mut parts: Parts,
        is_bad: impl Fn(&Series, &Sample) -> bool,
    ) -> (Parts, Vec<Series>, u32) {
        let (mut taken, mut asked) = (Vec::new(), 0);
        while let Some(part) = parts.next() {
            asked += 1;
            if part.iter().any(|one| one.samples.iter().any(|sample| is_bad(one, sample))) {
                parts.halve();
            } else {
                taken.extend_from_slice(part);
                parts.taken();
            }
        }
        (parts, taken, asked)
    }

    #[test]
    fn one_bad_series_costs_its_own_samples_alone() {
        let batch = batch(2100, 60);
        let bad = batch[1234].labels.clone();
        let (parts, taken, asked) = ask(Parts::of(batch), |one, _| one.labels == bad);
        assert_eq!((parts.sent, parts.refused), (2099 * 60, 60));
        assert_eq!(count(&taken), 2099 * 60);
        assert!(asked < 200, "{asked}");
    }

    #[test]
    fn one_bad_sample_is_lost_and_its_series_stay_in_order() {
        let (parts, taken, _) = ask(Parts::of(batch(3, 60)), |_, one| one.timestamp == 30);
        assert_eq!((parts.sent, parts.refused), (3 * 59, 3));
        for name in ["s0", "s1", "s2"] {
            let of = taken.iter().filter(|one| one.labels == [label(NAME, name)]);
            let times: Vec<_> = of.flat_map(|one| &one.samples).map(|one| one.timestamp).collect();
            assert!(times.is_sorted() && times.len() == 59, "{name}: {times:?}");
        }
    }

    #[test]
    fn a_batch_that_is_bad_throughout_ends() {
        let (parts, taken, asked) = ask(Parts::of(batch(500, 60)), |_, _| true);
        assert_eq!((parts.sent, parts.refused, taken.len()), (0, 30_000, 0));
        assert!(asked <= MAX_ASKED + 500, "{asked}");
    }
}
