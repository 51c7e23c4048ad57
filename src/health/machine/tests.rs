use std::{fs, path::Path, time::Duration};

use jiff::SignedDuration;
use rustix::fs::{CWD, FileType, Mode};
use tempfile::TempDir;

use super::*;
use crate::{
    health::{
        finding::{Kind, Verdict, Watcher as _},
        sample::{Source as _, Telling},
    },
    journal,
};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap()
}

/// A tree of small files, as the kernel has them.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(folder.path(), path, text);
    }
    folder
}

fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const PROC: [(&str, &str); 5] = [
    ("proc/stat", "cpu  1000 200 300 40000 50 6 7 8 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 9\n"),
    ("proc/loadavg", "0.42 0.30 0.20 1/200 4242\n"),
    ("proc/meminfo", "MemTotal:        4000 kB\nMemFree:  10 kB\nMemAvailable:    1000 kB\n"),
    ("proc/self/stat", "7 (a) b (c)) S 1 7 7 0 -1 0 0 0 0 0 250 150 0 0 20 0 9 0 1 1 1\n"),
    ("proc/self/status", "Name:\tpreau\nVmRSS:\t   20480 kB\n"),
];

fn clock(synchronised: Option<i64>, now: i64) -> journal::Clock {
    journal::Clock::new(move || journal::Reading {
        steady: Duration::from_secs(u64::try_from(60 * now).unwrap()),
        now: at(now),
        synchronised: synchronised.map(at),
    })
}

fn places(root: &Path) -> Places {
    let disks = vec![(root.to_owned(), Free::Bytes(0))];
    Places { root: root.to_owned(), disks, clock: clock(Some(0), 0), offset: root.join("offset") }
}

/// `name{labels} value` of everything told after one look.
fn told(machine: &Machine) -> Vec<String> {
    let mut telling = Telling::default();
    machine.tell(at(99), &mut telling);
    assert_eq!(telling.left_out(), 0);
    let line = |one: &crate::health::sample::Sample| {
        assert_eq!(one.at, at(0), "the time of the look, not of the collection");
        format!("{} {} {}", one.metric.name, one.labels.join(","), one.value)
    };
    telling.samples().iter().map(line).collect()
}

fn looked(root: &Path) -> Vec<String> {
    let machine = Machine::new(places(root), at(-5));
    machine.look(at(0));
    told(&machine)
}

fn starting<'a>(lines: &'a [String], start: &str) -> Vec<&'a str> {
    lines.iter().map(String::as_str).filter(|line| line.starts_with(start)).collect()
}

#[test]
fn processor_load_memory_and_the_daemons_own_share_are_told_in_seconds_and_bytes() {
    let root = tree(&PROC);
    write(root.path(), "proc/self/fd/0", "");
    let lines = looked(root.path());
    assert_eq!(
        starting(&lines, "preau_cpu"),
        [
            "preau_cpu_seconds_total user 12",
            "preau_cpu_seconds_total system 3",
            "preau_cpu_seconds_total irq 0.13",
            "preau_cpu_seconds_total idle 400",
            "preau_cpu_seconds_total iowait 0.5",
            "preau_cpu_seconds_total steal 0.08"
        ]
    );
    assert_eq!(starting(&lines, "preau_load1"), ["preau_load1  0.42"]);
    assert_eq!(
        starting(&lines, "preau_memory"),
        ["preau_memory_total_bytes  4096000", "preau_memory_available_bytes  1024000"]
    );
    assert_eq!(
        starting(&lines, "preau_process"),
        [
            "preau_process_start_time_seconds  1799999700",
            "preau_process_cpu_seconds_total  4",
            "preau_process_resident_memory_bytes  20971520",
            "preau_process_open_fds  1"
        ],
        "the name of a program may hold parentheses and blanks"
    );
}

#[test]
fn an_emmc_tells_its_wear_and_what_it_does_not_define_is_unknown() {
    let wear = |life: &str, reserve: &str| {
        let root = tree(&[
            ("sys/block/mmcblk0/device/life_time", life),
            ("sys/block/mmcblk0/device/pre_eol_info", reserve),
            ("sys/block/mmcblk0boot0/device/life_time", "0x0b 0x0b\n"),
        ]);
        let lines = looked(root.path());
        starting(&lines, "preau_disk_healthy")
            .iter()
            .chain(&starting(&lines, "preau_disk_wear"))
            .map(|line| line.rsplit(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(wear("0x01 0x03\n", "0x01\n"), ["1", "0.2"]);
    assert_eq!(wear("0x0b 0x01\n", "0x01\n"), ["0", "1"], "past what it was made for");
    assert_eq!(wear("0x02 0x02\n", "0x03\n"), ["0", "0.1"], "urgent");
    assert_eq!(wear("0x00 0x00\n", "0x00\n"), [""; 0]);
    assert_eq!(wear("0xff -1\n", "worn\n"), [""; 0]);
}

#[test]
fn an_nvme_box_tells_heat_by_sensor_with_the_limits_of_its_hardware() {
    let root = tree(&[
        ("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n"),
        ("sys/class/thermal/thermal_zone0/temp", "51000\n"),
        ("sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n"),
        ("sys/class/thermal/thermal_zone0/trip_point_0_temp", "0\n"),
        ("sys/class/thermal/thermal_zone0/trip_point_1_type", "critical\n"),
        ("sys/class/thermal/thermal_zone0/trip_point_1_temp", "105000\n"),
        ("sys/class/hwmon/hwmon0/name", "nvme\n"),
        ("sys/class/hwmon/hwmon0/temp1_input", "38850\n"),
        ("sys/class/hwmon/hwmon0/temp1_label", "Composite\n"),
        ("sys/class/hwmon/hwmon0/temp1_crit", "84850\n"),
        ("sys/class/hwmon/hwmon1/name", "drivetemp\n"),
        ("sys/class/hwmon/hwmon1/temp1_input", "35000\n"),
        ("sys/class/hwmon/hwmon2/name", "drivetemp\n"),
        ("sys/class/hwmon/hwmon2/temp1_input", "36000\n"),
        ("sys/class/hwmon/hwmon3/name", "x86-pkg-temp\n"),
        ("sys/class/hwmon/hwmon3/temp1_input", "51000\n"),
        ("sys/block/nvme0n1/device/state", "live\n"),
    ]);
    let heat: Vec<_> = heat::heat(root.path())
        .into_iter()
        .map(|one| (one.sensor, one.celsius.to_string(), one.limit.to_string()))
        .collect();
    let one = |name: &str, celsius: &str, limit: &str| {
        (name.to_owned(), celsius.to_owned(), limit.to_owned())
    };
    assert_eq!(
        heat,
        [
            one("x86_pkg_temp", "51", "100"),
            one("nvme Composite", "38.85", "79.85"),
            one("drivetemp temp1", "35", "70"),
            one("drivetemp temp1 2", "36", "70"),
        ]
    );
    let lines = looked(root.path());
    assert_eq!(starting(&lines, "preau_disk_healthy"), [""; 0], "SMART is not ours to read");
}

#[test]
fn a_machine_without_sensors_or_files_tells_only_its_clock_and_disk() {
    let root = tree(&[]);
    let lines = looked(root.path());
    let names: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(
        names,
        [
            "preau_build_info",
            "preau_process_start_time_seconds",
            "preau_disk_size_bytes",
            "preau_disk_free_bytes",
            "preau_clock_synchronized"
        ]
    );
}

#[test]
fn files_that_are_huge_binary_negative_or_no_files_tell_nothing() {
    let root = tree(&[
        ("proc/stat", "cpu  -1 2 3 4\n"),
        ("proc/loadavg", "-3 nan\n"),
        ("proc/meminfo", "MemTotal: 1 kB\nMemAvailable: 99999999999999999999 kB\n"),
        ("proc/self/stat", "no parentheses"),
        ("sys/class/thermal/thermal_zone0/type", "a\u{1b}[31m\"é{}\n"),
        ("sys/class/thermal/thermal_zone0/temp", "-2147483648\n"),
        ("sys/class/hwmon/hwmon0/name", "chip\n"),
        ("sys/class/hwmon/hwmon0/temp1_input", "999999\n"),
        ("sys/class/hwmon/hwmon0/temp2_input/deeper", "folder\n"),
    ]);
    write(root.path(), "proc/self/status", [0xff; 9000]);
    write(root.path(), "sys/block/mmcblk0/device/life_time", vec![b'0'; 1 << 20]);
    let pipe = root.path().join("sys/class/hwmon/hwmon0/temp3_input");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
    let lines = looked(root.path());
    let told: Vec<_> = lines
        .iter()
        .filter(|line| {
            !["_disk_", "_clock_", "_build_", "_start_"].iter().any(|name| line.contains(name))
        })
        .collect();
    assert!(told.is_empty(), "{told:?}");
    write(root.path(), "sys/class/thermal/thermal_zone0/temp", "40000");
    let lines = looked(root.path());
    assert_eq!(starting(&lines, "preau_temp"), ["preau_temperature_celsius a31m 40"]);
}

#[test]
fn what_is_wrong_is_found_said_in_french_and_good_again_only_well_below_its_limit() {
    let root = tree(&[
        ("sys/class/thermal/thermal_zone0/type", "soc\n"),
        ("sys/block/mmcblk0/device/pre_eol_info", "0x02\n"),
        ("sys/block/md0/md/degraded", "1\n"),
    ]);
    let machine = Machine::new(places(root.path()), at(-5));
    let hot = |minute: i64, celsius: &str| {
        write(root.path(), "sys/class/thermal/thermal_zone0/temp", celsius);
        machine.look(at(minute));
        let found = machine.findings(at(minute));
        let one = found.into_iter().find(|one| one.kind == Kind::Hot).unwrap();
        (one.subject, one.verdict, one.since, one.detail)
    };
    let wrong = |says: &str| ("soc".to_owned(), Verdict::Wrong, at(1), says.to_owned());
    assert_eq!(hot(0, "70000").1, Verdict::Good);
    assert_eq!(hot(1, "91000"), wrong("soc : 91 °C, pour une limite de 90 °C"));
    assert_eq!(hot(2, "83000"), wrong("soc : 83 °C, pour une limite de 90 °C"));
    assert_eq!(hot(3, "81000").1, Verdict::Good);
    let failing = machine
        .findings(at(3))
        .into_iter()
        .filter(|one| one.kind == Kind::DiskFailing && one.verdict == Verdict::Wrong);
    let says: Vec<_> = failing.map(|one| one.detail).collect();
    assert_eq!(
        says,
        [
            "md0 : il manque un disque à l’ensemble RAID",
            "mmcblk0 : plus de 80 % des blocs de réserve sont consommés"
        ]
    );
    let evidence = machine.evidence(Kind::Hot, "soc", at(1), at(2));
    let says: Vec<_> = evidence.iter().map(|one| (one.at, one.says.as_str())).collect();
    assert_eq!(says, [(at(1), "soc : 91 °C"), (at(2), "soc : 83 °C")]);
    fs::remove_dir_all(root.path().join("sys")).unwrap();
    machine.look(at(4));
    let gone = machine.findings(at(4)).into_iter().filter(|one| one.kind == Kind::Hot);
    assert_eq!(gone.map(|one| one.verdict).collect::<Vec<_>>(), [Verdict::Unknown]);
}

#[test]
fn a_disk_is_full_when_what_is_to_stay_free_is_not_and_good_with_half_as_much_more() {
    let disk = |free, files| Disk {
        mountpoint: "/var".into(),
        size: 100 << 30,
        free,
        wanted: 1 << 30,
        files,
        read_only: false,
    };
    let mut verdicts = crate::health::verdicts::Verdicts::default();
    let mut seen = Vec::new();
    for (minute, disk) in (0..).zip([
        disk(2 << 30, (0, 0)),
        disk(900 << 20, (0, 0)),
        disk(1200 << 20, (0, 0)),
        disk(1600 << 20, (0, 0)),
        disk(50 << 30, (1000, 19)),
    ]) {
        let reading = Reading { at: at(minute), disks: vec![disk], ..Reading::default() };
        faults::judge(&reading, None, &mut verdicts);
        let found = verdicts.findings();
        let full = found.iter().find(|one| one.kind == Kind::DiskFull).unwrap();
        seen.push((full.verdict, full.detail.clone()));
    }
    let wrong = |says: &str| (Verdict::Wrong, says.to_owned());
    let good = (Verdict::Good, String::new());
    assert_eq!(
        seen,
        [
            good.clone(),
            wrong("/var : 900,0 Mio libres sur 100,0 Gio, il en faut 1,0 Gio"),
            wrong("/var : 1,2 Gio libres sur 100,0 Gio, il en faut 1,0 Gio"),
            good,
            wrong("/var : il ne reste de place que pour 19 fichiers sur 1000"),
        ]
    );
}

#[test]
fn a_clock_is_wrong_once_it_was_not_synchronised_for_ten_minutes_or_is_off_by_a_second() {
    let root = tree(&[]);
    let verdict = |synchronised: Option<i64>, offset: Option<&str>| {
        match offset {
            Some(text) => write(root.path(), "offset", text),
            None => drop(fs::remove_file(root.path().join("offset"))),
        }
        let now = Timestamp::now();
        let clock = journal::Clock::new(move || journal::Reading {
            steady: Duration::from_secs(9),
            now,
            synchronised: synchronised.map(|ago| now - SignedDuration::from_secs(ago)),
        });
        let machine = Machine::new(Places { clock, ..places(root.path()) }, at(-5));
        machine.look(now);
        machine.look(now + SignedDuration::from_mins(9));
        let before = machine.findings(now);
        machine.look(now + SignedDuration::from_mins(10));
        let after = machine.findings(now);
        let of = |all: Vec<crate::health::finding::Finding>| {
            all.into_iter().find(|one| one.kind == Kind::ClockWrong).unwrap()
        };
        let (before, after) = (of(before), of(after));
        assert!(after.verdict != Verdict::Wrong || after.since == now, "since the first look");
        (before.verdict, after.verdict)
    };
    let (good, wrong) = (Verdict::Good, Verdict::Wrong);
    assert_eq!(verdict(Some(60), None), (good, good));
    assert_eq!(verdict(None, None), (good, wrong));
    assert_eq!(verdict(Some(7 * 3600), None), (good, wrong), "that is too long ago");
    assert_eq!(verdict(Some(60), Some("       Offset: +123us\n")), (good, good));
    assert_eq!(verdict(Some(60), Some("Offset: -1.5s")), (wrong, wrong));
    assert_eq!(verdict(Some(60), Some("Offset: infs")), (good, good), "that is no offset");
}

#[test]
fn this_machine_can_be_looked_at() {
    let places = Places { disks: vec![("/".into(), Free::Twentieth)], ..places(Path::new("/")) };
    let machine = Machine::new(places, at(-5));
    machine.look(at(0));
    let lines = told(&machine);
    let value = |start: &str| {
        let line = starting(&lines, start)[0];
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(value("preau_process_resident_memory_bytes") > 1e6);
    assert!(value("preau_process_cpu_seconds_total") >= 0.0);
    assert!(value("preau_cpu_seconds_total idle") > 0.0);
    assert!(value("preau_disk_size_bytes /") > value("preau_disk_free_bytes /"));
    assert!(value("preau_process_open_fds") >= 3.0);
}

#[test]
fn how_far_the_clock_is_off_is_read_from_chrony_and_from_timesyncd() {
    let chrony = "A29FC801,162.159.200.1,4,1794262000.1,0.000006523,-0.000004,0.00002,-2.5,0.1,0.4,\
                  0.01,0.002,64.5,Normal\n";
    let close = |text: &str, expected: f64| {
        let offset = clock::offset(text).unwrap();
        assert!((offset - expected).abs() < 1e-12, "{text}: {offset}");
    };
    close(chrony, -0.000_006_523);
    close("       Server: 10.1.0.1 (ntp)\n       Offset: -1min 2.5s\n       Delay: 3ms\n", 62.5);
    close("Offset: +37us", -0.000_037);
    for text in [
        "",
        "506 Cannot talk to daemon\n",
        "Offset: n/a",
        "Offset:",
        "Offset: 3 weeks",
        ",,,,,,,,,,,,,",
    ] {
        assert_eq!(clock::offset(text), None, "{text}");
    }
}
