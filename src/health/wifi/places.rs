//! Which access point is in which room: a table that the school keeps, as CSV.

use std::{collections::HashMap, io, path::Path};

use serde::{Deserialize, Serialize};

use super::survey::{AccessPoint, Mac};
use crate::config::data_file;

const MAX_FILE_BYTES: u64 = 4 << 20;
const MAX_LINES: usize = 20_000;
const MAX_FIELD_CHARS: usize = 80;

/// Where an access point is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Room.
    pub room: Option<String>,
    /// Building.
    pub building: Option<String>,
    /// Floor.
    pub floor: Option<String>,
}

/// Places by access point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    by_mac: HashMap<Mac, Place>,
    /// In lower case.
    by_name: HashMap<String, Place>,
}

/// Why a table of places is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BadPlaces {
    /// The file.
    #[error("cannot read it: {0} (UTF-8 is expected, of at most 4 MiB)")]
    Unreadable(#[from] io::Error),
    /// Not CSV.
    #[error("{0}")]
    Csv(#[from] csv::Error),
    /// A column is missing.
    #[error(
        "no column is called access_point: the first line names the columns \
         access_point, room, building, floor"
    )]
    NoColumn,
    /// Too long.
    #[error("more than {MAX_LINES} lines")]
    TooLong,
    /// The same access point twice.
    #[error("line {line}: {name} stands on an earlier line too")]
    Twice {
        /// The later line.
        line: u64,
        /// The access point as written.
        name: String,
    },
}

impl Places {
    /// Those of a file. Blocking.
    pub fn read(path: &Path) -> Result<Self, BadPlaces> {
        Self::parse(&data_file(path, MAX_FILE_BYTES)?)
    }

    /// Those of a text, with `,` or, as office programs in French write it, `;` between fields.
    pub fn parse(text: &str) -> Result<Self, BadPlaces> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first = text.lines().next().unwrap_or_default();
        let delimiter = if first.contains(';') { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .trim(csv::Trim::All)
            .flexible(true)
            .from_reader(text.as_bytes());
        let headers = reader.headers()?.clone();
        let column = |name: &str| headers.iter().position(|one| one.eq_ignore_ascii_case(name));
        let who = column("access_point").ok_or(BadPlaces::NoColumn)?;
        let [room, building, floor] = ["room", "building", "floor"].map(column);
        let mut places = Self::default();
        for (count, record) in reader.records().enumerate() {
            let record = record?;
            if count >= MAX_LINES {
                return Err(BadPlaces::TooLong);
            }
            let field = |at: Option<usize>| at.and_then(|at| record.get(at)).and_then(clean);
            let place = Place { room: field(room), building: field(building), floor: field(floor) };
            let Some(name) = field(Some(who)) else { continue };
            let before = match name.parse::<Mac>() {
                Ok(mac) => places.by_mac.insert(mac, place),
                Err(_) => places.by_name.insert(name.to_lowercase(), place),
            };
            if before.is_some() {
                let line = record.position().map_or(0, csv::Position::line);
                return Err(BadPlaces::Twice { line, name });
            }
        }
        Ok(places)
    }

    /// Where this access point is: by its address, or else by its name.
    pub fn of(&self, one: &AccessPoint) -> Option<&Place> {
        let by_name = || self.by_name.get(&one.name.as_ref()?.to_lowercase());
        self.by_mac.get(&one.mac).or_else(by_name)
    }
}

fn clean(field: &str) -> Option<String> {
    let field: String = field.chars().filter(|c| !c.is_control()).take(MAX_FIELD_CHARS).collect();
    (!field.is_empty()).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(mac: &str, name: Option<&str>) -> AccessPoint {
        let name = name.map(str::to_owned);
        AccessPoint { name, ..AccessPoint::new(mac.parse().unwrap()) }
    }

    #[test]
    fn a_place_is_found_by_address_or_else_by_name_in_any_case() {
        let places = Places::parse(
            "\u{feff}Access_Point;building;room;floor\r\n\
             AP-CDI;B;CDI;1\r\n6C-F3-7F-00-00-01;A;A 101;\r\n;;;\r\n",
        )
        .unwrap();
        let place = places.of(&named("000000000000", Some("ap-cdi"))).unwrap();
        assert_eq!((place.room.as_deref(), place.floor.as_deref()), (Some("CDI"), Some("1")));
        let place = places.of(&named("6cf37f000001", Some("AP-CDI"))).unwrap();
        assert_eq!((place.room.as_deref(), place.floor.as_deref()), (Some("A 101"), None));
        assert_eq!(places.of(&named("000000000000", None)), None);
        let places = Places::parse("room,access_point\nCDI,x\n").unwrap();
        assert!(places.of(&named("000000000000", Some("X"))).unwrap().building.is_none());
    }

    #[test]
    fn a_table_that_contradicts_itself_or_names_no_access_point_is_refused_with_the_reason() {
        let twice = Places::parse("access_point,room\nA,1\na,2\n").unwrap_err().to_string();
        assert_eq!(twice, "line 3: a stands on an earlier line too");
        assert!(matches!(Places::parse("room\n1\n"), Err(BadPlaces::NoColumn)));
        assert!(matches!(Places::parse(""), Err(BadPlaces::NoColumn)));
    }
}
