//! A journal to write, and a day that looks like a school's.

#![allow(dead_code, reason = "each test uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

pub mod machine;

use std::{
    collections::BinaryHeap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use preau::journal::{
    Book, Identity, Record, Row, Settings, Verdict, new_identity,
    read::{Report, read},
};

/// A year of 365 days.
pub const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

pub fn pair() -> (Identity, Settings) {
    let (public, private) = new_identity();
    let settings = Settings { recipient: public.parse().unwrap(), term: YEAR };
    (private.parse().unwrap(), settings)
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Told apart by its number.
pub fn record(number: u64, at: Timestamp) -> Record {
    Record {
        at,
        lasted: 1,
        device: SocketAddr::from(([10, 0, 0, 1], 40_000)),
        session: None,
        profile: Some(Arc::from("eleves")),
        destination: Some(IpAddr::from([192, 0, 2, 1])),
        port: 443,
        name: Some(Arc::from("manuel.example")),
        up: number,
        down: 2 * number,
        verdict: Verdict::Carried,
        doubt: false,
    }
}

/// Everything in a log, and what does not hold.
pub fn all<R: Row>(log: &Path, identity: &Identity, now: Timestamp) -> (Vec<R>, Report) {
    let mut rows = Vec::new();
    let report = read(log, identity, now, |row, _| {
        rows.push(row);
        Ok(())
    });
    (rows, report.unwrap())
}

/// The same, row by row.
pub fn all_of<R: Row>(
    log: &Path,
    identity: &Identity,
    now: Timestamp,
    mut each: impl FnMut(R),
) -> Report {
    let report = read(log, identity, now, |row, _| {
        each(row);
        Ok(())
    });
    report.unwrap()
}

pub fn open(log: &Path, settings: &Settings, now: Timestamp) -> Book<Record> {
    Book::open(log, settings.clone(), now).unwrap()
}

/// Numbers that look random and are the same each time (xorshift64*).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    /// From 0 to 1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Log-normal, as sizes and durations of connections are.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and positive"
    )]
    fn spread(&mut self, middle: f64, wide: f64) -> u64 {
        let normal: f64 = (0..12).map(|_| self.share()).sum::<f64>() - 6.0;
        (middle.ln() + wide * normal).exp() as u64
    }
}

struct Device {
    address: IpAddr,
    session: Option<Arc<str>>,
    profile: Arc<str>,
    port: u16,
    counts_up: bool,
}

struct Site {
    name: Arc<str>,
    addresses: Vec<IpAddr>,
    up: u64,
    down: u64,
}

/// A school of 900 devices that visit 30,000 names (few of them often, as Zipf says), a page of some
/// twelve connections at a time; half of the devices count their ports up, half draw them.
pub struct Day {
    dice: Dice,
    devices: Vec<Device>,
    sites: Vec<Site>,
    /// Sums of the sites' shares.
    sums: Vec<f64>,
    now: Timestamp,
    /// Connections that go on, the next to end last.
    open: BinaryHeap<std::cmp::Reverse<(Timestamp, u64)>>,
    pages: u64,
}

impl Day {
    pub fn new(seed: u64, morning: Timestamp) -> Self {
        let mut dice = Dice(seed);
        let devices = (0..900).map(|number| device(number, &mut dice)).collect();
        let sites: Vec<Site> = (0..30_000).map(|number| site(number, &mut dice)).collect();
        let mut sum = 0.0;
        let sums = (0..30_000).map(|rank| {
            sum += 1.0 / (f64::from(rank) + 3.0);
            sum
        });
        let sums = sums.collect();
        Self { dice, devices, sites, sums, now: morning, open: BinaryHeap::default(), pages: 0 }
    }

    /// What ends in the next second, in the order in which it ends: about 280 connections.
    pub fn second(&mut self) -> Vec<Record> {
        let end = self.now + SignedDuration::from_secs(1);
        for _ in 0..23 {
            let device = self.dice.below(900);
            for _ in 0..=self.dice.below(24) {
                self.pages += 1;
                let lasts = i64::try_from(self.dice.spread(12_000.0, 1.6)).unwrap().min(7_200_000);
                let late = i64::try_from(self.dice.below(2_000)).unwrap();
                let ends = self.now + SignedDuration::from_millis(lasts + late);
                // Device and duration, in one number.
                let packed = device << 32 | u64::try_from(lasts / 1000).unwrap();
                self.open.push(std::cmp::Reverse((ends, packed)));
            }
        }
        self.now = end;
        let mut ended = Vec::new();
        while self.open.peek().is_some_and(|first| first.0.0 < end) {
            let Some(std::cmp::Reverse((at, packed))) = self.open.pop() else { break };
            ended.push(self.record(at, usize::try_from(packed >> 32).unwrap(), packed));
        }
        ended
    }

    fn record(&mut self, at: Timestamp, device: usize, packed: u64) -> Record {
        let wanted = self.dice.share() * self.sums[self.sums.len() - 1];
        let site = self.sums.partition_point(|sum| *sum < wanted);
        let step = u16::try_from(1 + self.dice.below(3)).unwrap();
        let drawn = u16::try_from(32_768 + self.dice.below(28_000)).unwrap();
        let device = &mut self.devices[device];
        device.port =
            if device.counts_up { 0xc000 | device.port.wrapping_add(step) } else { drawn };
        let site = &self.sites[site];
        let denied = self.dice.below(50) == 0;
        let address = self.dice.below(site.addresses.len() as u64);
        let address = site.addresses[usize::try_from(address).unwrap()];
        Record {
            at,
            lasted: if denied { 0 } else { u32::try_from(packed & 0xffff_ffff).unwrap() },
            device: SocketAddr::new(device.address, device.port),
            session: device.session.clone(),
            profile: Some(device.profile.clone()),
            destination: (!denied).then_some(address),
            port: 443,
            name: Some(site.name.clone()),
            up: if denied { 0 } else { 300 + self.dice.spread(to_f64(site.up), 0.7) },
            down: if denied { 0 } else { 150 + self.dice.spread(to_f64(site.down), 1.2) },
            verdict: if denied { Verdict::Denied } else { Verdict::Carried },
            doubt: false,
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "small")]
fn to_f64(number: u64) -> f64 {
    number as f64
}

fn device(number: u64, dice: &mut Dice) -> Device {
    let bytes = u16::try_from(number).unwrap().to_be_bytes();
    let name = format!("{:022x}", u128::from(dice.next()) << 24);
    Device {
        address: IpAddr::from([10, 12, bytes[0], bytes[1]]),
        session: (!number.is_multiple_of(3)).then(|| Arc::from(name)),
        profile: Arc::from(if number.is_multiple_of(10) { "personnels" } else { "eleves" }),
        port: u16::try_from(dice.below(16_384)).unwrap(),
        counts_up: number.is_multiple_of(2),
    }
}

fn site(number: u64, dice: &mut Dice) -> Site {
    let many = [1, 1, 2, 4, 4, 8][usize::try_from(dice.below(6)).unwrap()];
    let draw = |dice: &mut Dice| {
        let bits = u32::try_from(dice.next() >> 32).unwrap();
        IpAddr::from(Ipv4Addr::from(bits))
    };
    Site {
        name: Arc::from(format!("h{}.site{number}.example", dice.below(1_000_000))),
        addresses: (0..many).map(|_| draw(dice)).collect(),
        up: 150 + dice.below(2_800),
        down: 400 + dice.below(50_000),
    }
}
