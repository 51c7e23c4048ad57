//! Rows of a controller's tables, as any controller might send them: what is made of them is within what
//! there can be, and each radio has its access point.

#![no_main]

use libfuzzer_sys::fuzz_target;
use preau::health::wifi::{
    Kind,
    agent::Value,
    decode::{Cells, Decoded},
    tables::family,
};

/// Takes a byte off the front.
fn byte(data: &mut &[u8]) -> Option<u8> {
    let (first, rest) = data.split_first()?;
    *data = rest;
    Some(*first)
}

/// Takes so many off the front, or what there is.
fn bytes<'a>(data: &mut &'a [u8], count: u8) -> &'a [u8] {
    let (taken, rest) = data.split_at(usize::from(count).min(data.len()));
    *data = rest;
    taken
}

fn value(data: &mut &[u8]) -> Option<Value> {
    Some(match byte(data)? % 6 {
        0 => Value::Number(i64::from(byte(data)?)),
        1 => {
            let mut number = [0; 8];
            let said = bytes(data, 8);
            number[..said.len()].copy_from_slice(said);
            Value::Number(i64::from_le_bytes(number))
        }
        2 | 3 => {
            let length = byte(data)?;
            Value::Bytes(bytes(data, length).to_vec())
        }
        4 => Value::Absent,
        _ => Value::Other,
    })
}

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let Some(kind) = byte(&mut data) else { return };
    let family = family([Kind::Aruba, Kind::ArubaInstant, Kind::Cisco][usize::from(kind) % 3]);
    let mut decoded = Decoded::default();
    while let (Some(table), Some(column), Some(arcs)) =
        (byte(&mut data), byte(&mut data), byte(&mut data))
    {
        let table = &family.tables[usize::from(table) % family.tables.len()];
        let column = usize::from(column) % table.columns.len();
        let index: Box<[u32]> =
            bytes(&mut data, arcs % 40).iter().map(|arc| u32::from(*arc)).collect();
        let Some(value) = value(&mut data) else { break };
        let cells = [(index, value)];
        let none: &Cells = &[];
        let columns: Vec<&Cells> =
            (0..table.columns.len()).map(|at| if at == column { &cells[..] } else { none }).collect();
        decoded.take(table, &columns);
    }
    let (points, radios, ssids) = decoded.finish(true);
    assert!(points.is_sorted_by_key(|one| one.mac));
    for radio in &radios {
        assert!(points.binary_search_by_key(&radio.mac, |one| one.mac).is_ok());
        assert!(radio.noise_dbm.is_none_or(|dbm| (-127..0).contains(&dbm)));
        assert!(radio.utilisation_percent.is_none_or(|percent| percent <= 100));
        assert!(radio.power_dbm.is_none_or(|dbm| dbm.is_finite()));
    }
    let names = points.iter().filter_map(|one| one.name.as_ref());
    for name in names.chain(ssids.iter().map(|ssid| &ssid.name)) {
        assert!(!name.is_empty() && !name.chars().any(char::is_control));
    }
});
