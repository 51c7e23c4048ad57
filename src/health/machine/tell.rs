//! A reading, as values.

use jiff::Timestamp;

use super::Reading;
use crate::health::{
    metrics::{
        BUILD_INFO, CLOCK_OFFSET, CLOCK_SYNCHRONIZED, CPU, DISK_FREE, DISK_HEALTHY, DISK_SIZE,
        DISK_WEAR, LOAD, MEMORY_AVAILABLE, MEMORY_TOTAL, PROCESS_CPU, PROCESS_FDS, PROCESS_MEMORY,
        START_TIME, TEMPERATURE,
    },
    sample::Telling,
};

/// Tells it, with its own time; and what runs since when.
pub fn tell(reading: &Reading, started_at: Timestamp, telling: &mut Telling) {
    let at = reading.at;
    telling.say(&BUILD_INFO, &[env!("CARGO_PKG_VERSION")], at, 1.0);
    telling.say(&START_TIME, &[], at, started_at.as_duration().as_secs_f64());
    if let Some(one) = &reading.processor {
        for (mode, seconds) in [
            ("user", one.user),
            ("system", one.system),
            ("irq", one.interrupts),
            ("idle", one.idle),
            ("iowait", one.waiting),
            ("steal", one.stolen),
        ] {
            telling.say(&CPU, &[mode], at, seconds);
        }
    }
    telling.say_known(&LOAD, &[], at, reading.load);
    if let Some(memory) = reading.memory {
        telling.say(&MEMORY_TOTAL, &[], at, number(memory.total));
        telling.say(&MEMORY_AVAILABLE, &[], at, number(memory.available));
    }
    disks(reading, at, telling);
    for heat in &reading.heat {
        telling.say(&TEMPERATURE, &[&heat.sensor], at, heat.celsius);
    }
    telling.say(&CLOCK_SYNCHRONIZED, &[], at, f64::from(u8::from(reading.clock.synchronised)));
    telling.say_known(&CLOCK_OFFSET, &[], at, reading.clock.offset);
    telling.say_known(&PROCESS_CPU, &[], at, reading.own.processor);
    telling.say_known(&PROCESS_MEMORY, &[], at, reading.own.memory.map(number));
    let descriptors = reading.own.descriptors.map(|count| number(count as u64));
    telling.say_known(&PROCESS_FDS, &[], at, descriptors);
}

fn disks(reading: &Reading, at: Timestamp, telling: &mut Telling) {
    for disk in &reading.disks {
        telling.say(&DISK_SIZE, &[&disk.mountpoint], at, number(disk.size));
        telling.say(&DISK_FREE, &[&disk.mountpoint], at, number(disk.free));
    }
    for disk in &reading.wear {
        let healthy = disk.healthy.map(|healthy| f64::from(u8::from(healthy)));
        telling.say_known(&DISK_HEALTHY, &[&disk.device], at, healthy);
        telling.say_known(&DISK_WEAR, &[&disk.device], at, disk.used);
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a machine, far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}
