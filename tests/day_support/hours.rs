//! The hours of the day, compressed: who is at work when, and how much.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// Those who share a network of the school.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    Pupils,
    Teachers,
    Boarders,
    Guests,
}

impl People {
    /// Their name in the policy, the second byte of their addresses, and how many of 2,000 devices
    /// are theirs.
    pub const ALL: [(Self, &'static str, u8, u32); 4] = [
        (Self::Pupils, "eleves", 10, 1400),
        (Self::Teachers, "professeurs", 20, 150),
        (Self::Boarders, "internes", 30, 350),
        (Self::Guests, "visiteurs", 40, 100),
    ];

    /// How busy each of them is at an hour; 1 is the most.
    pub fn pace(self, hour: f64) -> f64 {
        let class = |hour: f64| match hour {
            // Everybody switches on.
            7.5..8.5 => 1.0,
            // Breaks: telephones.
            10.0..10.25 | 15.5..15.75 => 0.9,
            12.0..13.5 => 0.6,
            8.5..12.0 | 13.5..17.5 => 0.45,
            17.5..19.0 => 0.1,
            _ => 0.01,
        };
        match self {
            Self::Pupils => class(hour),
            Self::Teachers => class(hour).max(0.05),
            Self::Boarders => match hour {
                18.0..19.0 => 0.5,
                // After supper.
                19.0..21.5 => 1.0,
                21.5..22.5 => 0.3,
                _ => class(hour),
            },
            Self::Guests => match hour {
                9.0..17.0 => 0.3,
                _ => 0.0,
            },
        }
    }

    /// The sum of their paces over the day: what an errand is measured by.
    fn busy_hours(self) -> f64 {
        (0..96).map(|quarter| self.pace(f64::from(quarter) / 4.0) / 4.0).sum()
    }
}

/// A day that lasts some seconds or minutes.
#[derive(Debug)]
pub struct Day {
    begun: Instant,
    length: Duration,
    /// Errands that a device of the busiest runs in a second of the fullest hour.
    busyness: f64,
    over: CancellationToken,
}

impl Day {
    /// `errands` a device, in the mean over the day.
    pub fn new(length: Duration, errands: f64) -> Self {
        let hour = length.as_secs_f64() / 24.0;
        let busyness = errands / (People::Pupils.busy_hours() * hour);
        Self { begun: Instant::now(), length, busyness, over: CancellationToken::new() }
    }

    /// Ends it.
    pub fn end(&self) {
        self.over.cancel();
    }

    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Half an hour of it.
    pub fn half_hour(&self) -> Duration {
        self.length / 48
    }

    /// The hour, 0 to 24: past the last one, it stays night until somebody ends the day.
    pub fn hour(&self) -> f64 {
        (self.begun.elapsed().as_secs_f64() / self.length.as_secs_f64() * 24.0).min(23.99)
    }

    /// Waits until this share of the day has passed, or it is over.
    pub async fn until(&self, share: f64) {
        self.sleep(self.length.mul_f64(share).saturating_sub(self.begun.elapsed())).await;
    }

    /// Sleeps, but not past the day's end.
    pub async fn sleep(&self, time: Duration) {
        let _ = self.over.run_until_cancelled(tokio::time::sleep(time)).await;
    }

    /// How long a device rests before its next errand: by chance (`luck`, 0 to 1), as people do.
    pub fn rest(&self, people: People, luck: f64) -> Duration {
        let rate = people.pace(self.hour()) * self.busyness;
        let seconds = if rate > 0.0 { -(1.0 - luck).ln() / rate } else { f64::INFINITY };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}
