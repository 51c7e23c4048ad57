use bytes::Bytes;

use super::*;
use crate::uplink::message::{NAME, Sample, count, label};

const BOUNDS: Bounds = Bounds { samples: 50_000, bytes: 1 << 20 };
const A_DAY: i64 = 1440;

/// A folder in memory where there is one: a sync costs nothing there, and nothing here is about it.
fn memory_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// The labels of one of some series.
fn labels(number: usize) -> Vec<Bytes> {
    vec![label(NAME, "preau_test"), label("ap", &format!("{number:05}")), label("uai", "0510035L")]
}

/// One collection, a minute after the one before: a value of each series. As in a school, of five three
/// hardly ever change, one goes up and down, and one counts.
fn collection(series: usize, minute: i64) -> Vec<Body> {
    let sample = |number: usize| {
        let (number, minute) = (u32::try_from(number).unwrap(), u32::try_from(minute).unwrap());
        let value = match number % 5 {
            3 => f64::from((number + minute * 7) % 23),
            4 => f64::from(number * 1000 + minute * 37),
            _ => 1.0,
        };
        Sample { value, timestamp: i64::from(minute) * 60_000 }
    };
    let all: Vec<Series> = (0..series)
        .map(|number| Series { labels: labels(number), samples: vec![sample(number)] })
        .collect();
    all.chunks(2000).map(|part| Body::pack(part).unwrap()).collect()
}

fn spool(folder: &Path, quota: u64) -> Spool {
    Spool::open(folder, quota).unwrap()
}

/// Takes all that waits, and says what it was, a series at a time.
fn drain(spool: &mut Spool) -> Vec<Series> {
    let mut all = Vec::new();
    while let Some(batch) = spool.batch(BOUNDS).unwrap() {
        let sent = count(&batch.series);
        spool.done(&batch, Fate { sent, ..Fate::default() }).unwrap();
        all.extend(batch.series);
    }
    all
}

/// The moments of a series, in minutes, in the order in which they went.
fn minutes(all: &[Series], number: usize) -> Vec<i64> {
    let of = all.iter().filter(|series| series.labels == labels(number));
    of.flat_map(|series| &series.samples).map(|sample| sample.timestamp / 60_000).collect()
}

/// Everything that came is accounted for.
fn assert_balanced(spool: &Spool) {
    let counts = spool.counts();
    let gone = counts.sent
        + counts.thinned_minute
        + counts.thinned_quarter
        + counts.refused
        + counts.full
        + counts.damaged
        + counts.clock;
    assert_eq!(counts.came, gone + spool.room().samples, "{counts:?} {:?}", spool.room());
}

#[test]
fn what_was_put_in_comes_out_whole_in_order_and_once() {
    let folder = memory_folder();
    let mut spool = spool(folder.path(), 64 << 20);
    for minute in 0..200 {
        spool.append(&collection(50, minute)).unwrap();
    }
    assert_eq!(spool.room().samples, 200 * 50);
    assert_eq!(spool.room().oldest, Some(Timestamp::UNIX_EPOCH));
    let all = drain(&mut spool);
    for number in [0, 17, 49] {
        assert_eq!(minutes(&all, number), (0..200).collect::<Vec<_>>(), "{number}");
    }
    assert_eq!((spool.room().samples, spool.counts().sent), (0, 200 * 50));
    assert_balanced(&spool);
    // Of all segments the one under way is left, and it goes with the next.
    spool.append(&collection(1, 300)).unwrap();
    assert_eq!(minutes(&drain(&mut spool), 0), [300]);
}

#[test]
fn a_restart_goes_on_where_the_region_had_taken_it() {
    let folder = memory_folder();
    let mut seen = Vec::new();
    for life in 0..20 {
        let mut spool = spool(folder.path(), 64 << 20);
        for minute in life * 13..(life + 1) * 13 {
            spool.append(&collection(10, minute)).unwrap();
        }
        // Some of it goes, and what is asked for last is not answered.
        let bounds = Bounds { samples: 70, bytes: 1 << 20 };
        for _ in 0..2 {
            let batch = spool.batch(bounds).unwrap().unwrap();
            seen.extend(minutes(&batch.series, 3));
            let sent = count(&batch.series);
            spool.done(&batch, Fate { sent, ..Fate::default() }).unwrap();
        }
        spool.batch(bounds).unwrap();
        assert_balanced(&spool);
    }
    seen.extend(minutes(&drain(&mut spool(folder.path(), 64 << 20)), 3));
    assert_eq!(seen, (0..20 * 13).collect::<Vec<_>>());
}

#[test]
fn while_nothing_is_taken_bodies_are_put_together_and_take_less() {
    let folder = memory_folder();
    let mut spool = spool(folder.path(), 256 << 20);
    let mut live = 0;
    for minute in 0..A_DAY / 4 {
        let bodies = collection(300, minute);
        live += entry::written(&bodies).len() as u64;
        spool.append(&bodies).unwrap();
    }
    let room = spool.room();
    assert_eq!(room.samples, 300 * 360);
    assert!(room.bytes * 3 < live * 2, "{} bytes of {live}", room.bytes);
    let all = drain(&mut spool);
    assert_eq!(minutes(&all, 299), (0..A_DAY / 4).collect::<Vec<_>>());
    let longest = all.iter().map(|series| series.samples.len()).max();
    assert!(longest >= Some(60), "a series' samples go together");
}

#[test]
fn near_the_quota_values_are_thinned_and_only_past_it_are_the_oldest_dropped() {
    let folder = memory_folder();
    let quota = 60_000;
    let mut spool = spool(folder.path(), quota);
    let (mut thinned_at, mut dropped_at) = (None, None);
    for minute in 0..4 * A_DAY {
        spool.append(&collection(40, minute)).unwrap();
        assert!(spool.room().bytes <= quota);
        assert_balanced(&spool);
        let counts = spool.counts();
        assert_eq!(counts.thinned_minute, 0, "there was one a minute");
        if counts.thinned_quarter > 0 {
            thinned_at.get_or_insert((minute, counts.full));
        }
        if counts.full > 0 {
            dropped_at.get_or_insert((minute, counts.thinned_quarter));
        }
    }
    let (thinned_at, dropped_at) = (thinned_at.unwrap(), dropped_at.unwrap());
    assert!(thinned_at.0 < dropped_at.0 && thinned_at.1 == 0, "{thinned_at:?} {dropped_at:?}");
    let all = drain(&mut spool);
    let minutes = minutes(&all, 7);
    assert!(minutes.is_sorted());
    assert!(minutes.contains(&(4 * A_DAY - 1)), "the newest is there");
    // A quarter may begin in one segment and end in the next.
    let in_the_oldest = |quarter| minutes.iter().filter(|&minute| minute / 15 == quarter).count();
    let oldest = minutes[0] / 15 + 1;
    let counts: Vec<_> = (oldest..oldest + 8).map(in_the_oldest).collect();
    assert!(counts.iter().all(|count| (1..=2).contains(count)), "{counts:?}");
    assert_balanced(&spool);
}

#[test]
fn a_value_every_ten_seconds_is_first_thinned_to_a_minute() {
    let folder = memory_folder();
    let mut spool = spool(folder.path(), 60_000);
    for ten in 0.. {
        let sample = |_| Sample { value: f64::from(ten), timestamp: i64::from(ten) * 10_000 };
        let of = |n| Series { labels: labels(n), samples: vec![sample(n)] };
        let series: Vec<_> = (0..40).map(of).collect();
        spool.append(&[Body::pack(&series).unwrap()]).unwrap();
        assert_balanced(&spool);
        if spool.counts().thinned_quarter > 0 {
            break;
        }
    }
    let counts = spool.counts();
    assert!(counts.thinned_minute > counts.thinned_quarter && counts.full == 0, "{counts:?}");
}

#[test]
fn what_is_being_sent_is_neither_thinned_nor_dropped() {
    let folder = memory_folder();
    let mut spool = spool(folder.path(), 60_000);
    for minute in 0..130 {
        spool.append(&collection(20, minute)).unwrap();
    }
    let batch = spool.batch(Bounds { samples: 500, bytes: 1 << 20 }).unwrap().unwrap();
    for minute in 130..5 * A_DAY {
        spool.append(&collection(20, minute)).unwrap();
        assert_balanced(&spool);
    }
    assert!(spool.counts().full > 0);
    let sent = count(&batch.series);
    spool.done(&batch, Fate { sent, ..Fate::default() }).unwrap();
    assert_eq!((spool.counts().sent, spool.counts().damaged), (sent, 0));
    assert_balanced(&spool);
    drain(&mut spool);
    assert_balanced(&spool);
}

#[test]
fn damage_costs_what_it_touches_and_is_counted() {
    let folder = memory_folder();
    {
        let mut spool = spool(folder.path(), 64 << 20);
        for minute in 0..50 {
            spool.append(&collection(10, minute)).unwrap();
        }
    }
    // A torn tail, and a byte in the middle of one.
    let path = folder.path().join("0000000000000001.spool");
    let mut bytes = std::fs::read(&path).unwrap();
    let (begin, _) = bytes.windows(4).enumerate().filter(|(_, w)| w == b"PBDY").nth(20).unwrap();
    bytes[begin + entry::HEAD_BYTES + 50] ^= 1;
    bytes.truncate(bytes.len() - 3);
    std::fs::write(&path, bytes).unwrap();
    let mut spool = spool(folder.path(), 64 << 20);
    let kept = minutes(&drain(&mut spool), 0);
    assert_eq!(kept.len(), 48, "two collections are lost");
    assert_eq!(spool.counts().damaged, 20);
    assert!(kept.is_sorted());
    assert_balanced(&spool);
}

#[test]
fn any_bytes_in_its_folder_are_survived() {
    let folder = memory_folder();
    for (name, bytes) in [
        ("0000000000000003.spool", &b"PREAUSP1"[..]),
        ("0000000000000004.spool", b""),
        ("0000000000000005.spool", &[0xff; 4096]),
        ("0000000000000006.draft", b"half"),
        ("taken", b"\xff\xfe"),
        ("README", b"not of the spool"),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let mut spool = spool(folder.path(), 64 << 20);
    spool.append(&collection(5, 1)).unwrap();
    assert_eq!(minutes(&drain(&mut spool), 4), [1]);
    assert!(folder.path().join("README").exists());
    assert!(!folder.path().join("0000000000000006.draft").exists());
}

#[test]
fn a_large_school_s_hour_is_put_together_a_part_at_a_time() {
    let folder = memory_folder();
    let mut spool = spool(folder.path(), 256 << 20);
    for minute in 0..61 {
        spool.append(&collection(2500, minute)).unwrap();
    }
    let all = drain(&mut spool);
    for number in [0, 2000, 2499] {
        assert_eq!(minutes(&all, number), (0..61).collect::<Vec<_>>(), "{number}");
    }
    assert_balanced(&spool);
}
