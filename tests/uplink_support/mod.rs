//! A school that measures, with time passed in; and whoever receives what it tells.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod receiver;
pub mod region;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use preau::{
    config::RemoteWrite,
    health::{
        metrics,
        sample::{Source, Telling},
    },
    journal::{Clock, Reading},
    net::client::ClientOptions,
    uplink::{
        collect::{Collector, Whose, ask},
        message::{Label, NAME, Series},
        send::{Pace, Sender, Target},
        spool::{Counts, Spool},
    },
};
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use url::Url;

pub const UAI: &str = "0510035L";

/// Nothing waits long in a test.
pub const PACE: Pace = Pace {
    first: Duration::from_millis(5),
    longest: Duration::from_millis(40),
    hold: Duration::from_millis(40),
    head: Duration::from_millis(1000),
    start: Duration::ZERO,
    clock: Duration::from_millis(5),
};

/// The box's labels.
pub fn whose() -> Whose {
    Whose { uai: UAI.into(), plaque: "IHDEAL".into(), site: String::new() }
}

/// A clock that is synchronised.
pub fn good_clock() -> Clock {
    let begun = Instant::now();
    Clock::new(move || {
        let now = Timestamp::now();
        Reading { steady: begun.elapsed(), now, synchronised: Some(now) }
    })
}

/// A small school: some access points, a link, the box.
#[derive(Debug)]
pub struct School {
    /// Its access points.
    pub access_points: u32,
}

/// Minutes since 1970.
fn minute(at: Timestamp) -> u32 {
    u32::try_from(at.as_second() / 60).unwrap()
}

impl Source for School {
    fn tell(&self, now: Timestamp, telling: &mut Telling) {
        let minute = minute(now);
        for ap in 0..self.access_points {
            let name = format!("6c:f3:7f:00:{:02x}:{:02x}", ap / 256, ap % 256);
            telling.say(&metrics::AP_UP, &[&name], now, 1.0);
            for (radio, share) in [("0", 7), ("1", 23)] {
                let clients = f64::from((minute / 3 + ap) % share);
                telling.say(&metrics::RADIO_CLIENTS, &[&name, radio], now, clients);
            }
        }
        let sent = f64::from(minute % 1_000_000) * 60.0;
        telling.say(&metrics::PROBE_SENT, &["gar", "icmp"], now, sent);
        telling.say(
            &metrics::LINK_UP,
            &["main"],
            now,
            f64::from(u8::from(!minute.is_multiple_of(97))),
        );
        telling.say(&metrics::LOAD, &[], now, f64::from(minute % 13) / 8.0);
    }
}

/// Every value of a school's, as it was put into a spool: by series, by moment in milliseconds.
pub type Truth = BTreeMap<BTreeMap<String, String>, BTreeMap<i64, f64>>;

/// The labels of a series.
pub fn labels(series: &Series) -> BTreeMap<String, String> {
    let labels = series.labels.iter().map(|bytes| Label::decode(bytes.clone()).unwrap());
    labels.map(|label| (label.name, label.value)).collect()
}

/// Collects from a school at each minute, up to a moment, without anything being sent.
pub fn live_through(
    spool: &mut Spool,
    access_points: u32,
    minutes: i64,
    until: Timestamp,
) -> Truth {
    let (mut collector, mut truth) = (Collector::new(&whose()), Truth::new());
    let source: Arc<dyn Source> = Arc::new(School { access_points });
    for minute in (0..minutes).rev() {
        let now = until - SignedDuration::from_mins(minute);
        let telling = ask(std::slice::from_ref(&source), now);
        for sample in telling.samples() {
            let own = [(NAME, sample.metric.name), ("uai", UAI), ("plaque", "IHDEAL")];
            let told =
                sample.metric.labels.iter().copied().zip(sample.labels.iter().map(String::as_str));
            let labels = own.into_iter().chain(told);
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            truth.entry(labels).or_default().insert(sample.at.as_millisecond(), sample.value);
        }
        let collected = collector.collect(&telling, now).unwrap();
        spool.append(&collected.bodies).unwrap();
    }
    truth
}

/// Samples of a truth.
pub fn count(truth: &Truth) -> usize {
    truth.values().map(BTreeMap::len).sum()
}

/// What differs from the truth, in a few words.
pub fn differences(found: &Truth, truth: &Truth) -> Vec<String> {
    let mut said = Vec::new();
    for (labels, values) in truth {
        match found.get(labels) {
            None => said.push(format!("missing: {labels:?}")),
            Some(there) if there != values => {
                let at = values.iter().find(|(at, value)| there.get(at) != Some(value));
                said.push(format!("{labels:?}: {} of {}, {at:?}", there.len(), values.len()));
            }
            Some(_) => {}
        }
    }
    said.extend(
        found
            .keys()
            .filter(|labels| !truth.contains_key(*labels))
            .map(|labels| format!("{labels:?}")),
    );
    said.truncate(5);
    said
}

/// A sender at work on a spool.
pub struct Sending {
    pub spool: Arc<Mutex<Spool>>,
    pub sender: Sender,
    token: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Sending {
    /// Starts one; inside a runtime.
    pub fn start(spool: Spool, url: Url, client: ClientOptions, protocol: RemoteWrite) -> Self {
        Self::with_clock(spool, url, client, protocol, good_clock())
    }

    /// The same by a clock.
    pub fn with_clock(
        spool: Spool,
        url: Url,
        client: ClientOptions,
        protocol: RemoteWrite,
        clock: Clock,
    ) -> Self {
        let spool = Arc::new(Mutex::new(spool));
        let target = Target { url, protocol, client, pace: PACE };
        let sender = Sender::new(target, whose(), spool.clone(), clock);
        let token = CancellationToken::new();
        let task = tokio::spawn(sender.clone().run(token.clone()));
        Self { spool, sender, token, task }
    }

    pub fn counts(&self) -> Counts {
        self.spool.lock().unwrap().counts()
    }

    pub fn waiting(&self) -> u64 {
        self.spool.lock().unwrap().room().samples
    }

    /// Waits until nothing waits.
    pub async fn until_all_is_gone(&self) {
        let begun = Instant::now();
        while self.waiting() > 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", self.counts());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it.
    pub async fn stop(self) {
        self.token.cancel();
        self.task.await.unwrap();
    }
}

/// A folder in memory where there is one.
pub fn memory_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// Everything that came is accounted for.
pub fn assert_balanced(counts: Counts, waiting: u64) {
    let thinned = counts.thinned_minute + counts.thinned_quarter;
    let dropped = counts.refused + counts.full + counts.damaged + counts.clock;
    assert_eq!(
        counts.came,
        counts.sent + waiting + thinned + dropped,
        "{counts:?}, {waiting} wait"
    );
}
