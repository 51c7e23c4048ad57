//! What decoding promises, on rows as real controllers give them and as none should.

use proptest::prelude::*;

use super::*;
use crate::health::wifi::{
    survey::{ApState, Kind},
    tables::{Family, family},
};

const AP: [u32; 6] = [108, 243, 127, 199, 208, 48];

fn index(more: &[u32]) -> Box<[u32]> {
    AP.iter().chain(more).copied().collect()
}

fn letters(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

/// Gives one cell of a table, by its name and column.
fn give(decoded: &mut Decoded, family: &Family, name: &str, column: u32, at: &[u32], value: Value) {
    let table = family.tables.iter().find(|table| table.name == name).unwrap();
    assert!(table.columns.iter().any(|(number, _)| *number == column), "{name} {column}");
    let cell = [(Box::from(at), value)];
    let none: &Cells = &[];
    let cells: Vec<&Cells> = table
        .columns
        .iter()
        .map(|(number, _)| if *number == column { cell.as_slice() } else { none })
        .collect();
    decoded.take(table, &cells);
}

#[test]
fn aruba_s_noise_is_positive_and_its_power_comes_in_halves_or_tenths() {
    let family = family(Kind::Aruba);
    let mut decoded = Decoded::default();
    let radio = index(&[1]);
    let mut cell = |name, column, value| give(&mut decoded, family, name, column, &radio, value);
    cell("wlsxWlanRadioTable", 2, Value::Number(1));
    cell("wlsxWlanRadioTable", 3, Value::Number(44));
    cell("wlsxWlanRadioTable", 4, Value::Number(37));
    cell("wlsxWlanRadioTable", 16, letters("ar6-bib4le2n"));
    cell("wlsxWlanAPChStatsTable", 9, Value::Number(86));
    let (points, radios, _) = decoded.finish(true);
    assert_eq!(points[0].name.as_deref(), Some("ar6-bib4le2n"));
    assert_eq!(points[0].state, None, "nobody said how it is");
    let radio = &radios[0];
    assert_eq!(
        (radio.band, radio.channel, radio.noise_dbm),
        (Some(Band::Five), Some(44), Some(-86))
    );
    assert_eq!((radio.power_dbm, radio.clients), (Some(18.5), None), "unknown is not zero");
    let mut decoded = Decoded::default();
    for (column, value) in [(4, 38), (17, 190)] {
        let value = Value::Number(value);
        give(&mut decoded, family, "wlsxWlanRadioTable", column, &index(&[1]), value);
    }
    assert_eq!(decoded.finish(true).1[0].power_dbm, Some(19.0));
}

#[test]
fn cisco_s_power_is_a_level_into_a_list_and_128_below_zero_is_no_noise() {
    let family = family(Kind::Cisco);
    let mut decoded = Decoded::default();
    let radio = index(&[1]);
    let table = "bsnAPIfTable";
    give(&mut decoded, family, table, 4, &radio, Value::Number(153));
    give(&mut decoded, family, table, 6, &radio, Value::Number(3));
    give(&mut decoded, family, table, 22, &radio, letters("17,14,11,8,5,2,-1"));
    let mac = Mac::of_arcs(&AP).unwrap();
    assert_eq!(decoded.channels().collect::<Vec<_>>(), [(mac, 1, 153)]);
    decoded.noise(mac, 1, &Value::Number(-92));
    let radios = |decoded: Decoded| decoded.finish(true).1;
    let read = radios(decoded);
    assert_eq!((read[0].power_level, read[0].power_dbm), (Some(3), Some(11.0)));
    assert_eq!(read[0].noise_dbm, Some(-92));
    for (level, list) in [(0, "17,14"), (3, "17,14"), (1, ""), (1, "strong")] {
        let mut decoded = Decoded::default();
        give(&mut decoded, family, table, 6, &radio, Value::Number(level));
        give(&mut decoded, family, table, 22, &radio, letters(list));
        decoded.noise(mac, 1, &Value::Number(-128));
        let read = radios(decoded);
        assert_eq!((read[0].power_dbm, read[0].noise_dbm), (None, None), "{level} of {list}");
    }
}

#[test]
fn instant_s_channels_are_texts_and_its_states_numbers() {
    let family = family(Kind::ArubaInstant);
    let mut decoded = Decoded::default();
    let radio = "aiRadioTable";
    give(&mut decoded, family, radio, 4, &index(&[0]), letters("36E"));
    give(&mut decoded, family, radio, 4, &index(&[1]), letters("6"));
    give(&mut decoded, family, radio, 4, &index(&[2]), letters("37"));
    give(&mut decoded, family, "aiAccessPointTable", 11, &index(&[]), Value::Number(2));
    give(&mut decoded, family, "aiWlanSSIDTable", 2, &[0], letters("ECA-Corp"));
    give(&mut decoded, family, "aiWlanSSIDTable", 2, &[1], letters("ECA-Corp"));
    let (points, radios, ssids) = decoded.finish(false);
    let told: Vec<_> = radios.iter().map(|radio| (radio.channel, radio.band)).collect();
    let (five, two) = (Some(Band::Five), Some(Band::Two));
    assert_eq!(told, [(Some(36), five), (Some(6), two), (Some(37), None)], "6 GHz is not 5");
    assert_eq!(points[0].state, Some(ApState::Down));
    assert_eq!(ssids, [Ssid::new("ECA-Corp".into())]);
}

#[test]
fn a_table_that_adds_makes_nothing_by_itself() {
    let family = family(Kind::Aruba);
    let mut decoded = Decoded::default();
    let noise = Value::Number(86);
    give(&mut decoded, family, "wlsxWlanAPChStatsTable", 9, &index(&[1]), noise);
    let (points, radios, _) = decoded.finish(true);
    assert!(points.is_empty() && radios.is_empty());
}

#[test]
fn a_network_s_name_is_in_its_index_and_a_false_length_is_none() {
    let family = family(Kind::Aruba);
    let mut decoded = Decoded::default();
    let table = "wlsxWlanESSIDTable";
    let clients = Value::Number(27);
    give(&mut decoded, family, table, 2, &[6, 66, 85, 80, 84, 45, 49], clients.clone());
    give(&mut decoded, family, table, 2, &[7, 66, 85, 80, 84, 45, 49], clients.clone());
    give(&mut decoded, family, table, 2, &[1, 300], clients.clone());
    give(&mut decoded, family, table, 2, &[0], clients);
    let ssids = decoded.finish(true).2;
    assert_eq!(ssids, [Ssid { clients: Some(27), ..Ssid::new("BUPT-1".into()) }]);
}

#[test]
fn a_text_loses_its_controls_and_its_excess() {
    assert_eq!(text(&letters("  AP\u{1b}[2J\n1\0 ")).as_deref(), Some("AP[2J1"));
    assert_eq!(text(&letters(&"é".repeat(4000))).unwrap().chars().count(), MAX_TEXT_CHARS);
    assert_eq!(text(&Value::Bytes(vec![0xff, 0])).as_deref(), Some("\u{fffd}"));
    assert_eq!((text(&letters("")), text(&Value::Number(3))), (None, None));
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Number),
        (-200_i64..300).prop_map(Value::Number),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        any::<[u8; 4]>().prop_map(|octets| Value::Address(octets.into())),
        Just(Value::Absent),
        Just(Value::Other),
    ]
}

proptest! {
    #[test]
    fn whatever_a_controller_says_is_within_what_there_can_be(
        kind in 0_usize..3,
        cells in proptest::collection::vec(
            (any::<usize>(), any::<usize>(), proptest::collection::vec(0_u32..300, 0..9), values()),
            0..60,
        ),
    ) {
        let family = family([Kind::Aruba, Kind::ArubaInstant, Kind::Cisco][kind]);
        let mut decoded = Decoded::default();
        for (table, column, at, value) in cells {
            let table = &family.tables[table % family.tables.len()];
            let (column, _) = table.columns[column % table.columns.len()];
            give(&mut decoded, family, table.name, column, &at, value);
        }
        let (points, radios, _) = decoded.finish(true);
        for radio in radios {
            prop_assert!(points.iter().any(|one| one.mac == radio.mac));
            prop_assert!(radio.noise_dbm.is_none_or(|dbm| (-127..0).contains(&dbm)));
            prop_assert!(radio.utilisation_percent.is_none_or(|percent| percent <= 100));
            prop_assert!(radio.channel.is_none_or(|channel| (1..=233).contains(&channel)));
        }
    }
}
