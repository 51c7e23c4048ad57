//! The makers' tables as data: which objects are asked for, and what each of them means. The OIDs are
//! those of the makers' MIB files; what their values are in truth was seen on recorded walks.

use super::survey::{
    ApState::{self, Down, Leaving, Loading, Up},
    Band::{self, Five, Two},
    Kind,
};

/// `sysDescr.0`, `sysObjectID.0`, `sysUpTime.0` (RFC 3418).
pub const SYSTEM: [&[u32]; 3] =
    [&[1, 3, 6, 1, 2, 1, 1, 1, 0], &[1, 3, 6, 1, 2, 1, 1, 2, 0], &[1, 3, 6, 1, 2, 1, 1, 3, 0]];
/// `sysUpTime`, for a request that asks what follows: its one instance.
pub const UP_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3];

/// Who a sysObjectID below these is. The longest comes first.
const MAKERS: [(&[u32], Kind); 3] = [
    // aiAP products; an Instant cluster answers with its conductor's model.
    (&[1, 3, 6, 1, 4, 1, 14823, 1, 2], Kind::ArubaInstant),
    (&[1, 3, 6, 1, 4, 1, 14823], Kind::Aruba),
    (&[1, 3, 6, 1, 4, 1, 9], Kind::Cisco),
];

/// Whose tables the agent with this sysObjectID has.
pub fn kind_of(sys_object_id: &[u32]) -> Option<Kind> {
    MAKERS.iter().find(|(prefix, _)| sys_object_id.starts_with(prefix)).map(|(_, kind)| *kind)
}

/// All that is asked of one kind of controller.
#[derive(Debug)]
pub struct Family {
    /// Single objects.
    pub scalars: &'static [Scalar],
    /// Tables. Those that make rows come before those that add to them.
    pub tables: &'static [Table],
    /// Noise by radio and channel: asked for the channel that each radio is on, not for all.
    pub noise: Option<&'static [u32]>,
}

/// A single object.
#[derive(Debug)]
pub struct Scalar {
    /// Its name, with the `.0`.
    pub oid: &'static [u32],
    /// What it says.
    pub means: Total,
}

/// What a single object says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Access points in all.
    AccessPoints,
    /// Clients in all.
    Clients,
}

/// Columns of one table that are asked for.
#[derive(Debug)]
pub struct Table {
    /// Its name in the MIB.
    pub name: &'static str,
    /// Its entry: columns are below it.
    pub entry: &'static [u32],
    /// What a row is about.
    pub about: About,
    /// Does a row tell that there is such a thing? Else it adds to what another table told.
    pub makes: bool,
    /// Its columns. Of two that mean the same, the later says it better.
    pub columns: &'static [(u32, Meaning)],
}

/// What a row is about, which is also how its index reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// An access point: its address.
    AccessPoint,
    /// A radio: its access point's address and its number.
    Radio,
    /// A network: its name's length and letters.
    NamedSsid,
    /// A network: a number, the name being a column.
    NumberedSsid,
}

/// What a column says, and in which unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meaning {
    /// A name.
    Name,
    /// An IPv4 address.
    Address,
    /// A group's name.
    Group,
    /// A serial number.
    Serial,
    /// A model's name.
    Model,
    /// A place, as written in the controller.
    Location,
    /// A version.
    Software,
    /// Hundredths of a second since the access point started.
    UpTime,
    /// A count of starts.
    Reboots,
    /// An access point's state, from 1.
    State(&'static [ApState]),
    /// The name of the access point that a radio is of.
    NameOfAccessPoint,
    /// Is the radio on? The number that says so; 0 says nothing.
    On(i64),
    /// The radio's type, by number, from 1.
    Band(&'static [Option<Band>]),
    /// A channel, as a number or as a text such as `36E`.
    Channel,
    /// As `Channel`, where the radio's number tells its band (Instant: 0 is 5 GHz, 1 is 2.4 GHz).
    ChannelAndBand,
    /// A count of clients.
    Clients,
    /// A count of clients that hear badly.
    PoorClients,
    /// Hundredths of the time.
    Utilisation,
    /// Noise in dBm, said with or without its sign.
    Noise,
    /// Interference.
    Interference,
    /// Transmit power: so many of these are a dBm.
    Power(u8),
    /// Transmit power as a level, from 1, into the list beside it.
    PowerLevel,
    /// Transmit powers in dBm by level: `17,14,11,8,5,2,-1`.
    PowerList,
    /// Access points up.
    Ups,
    /// Access points down.
    Downs,
}

/// What is asked of this kind.
pub fn family(kind: Kind) -> &'static Family {
    match kind {
        Kind::Aruba => &ARUBA,
        Kind::ArubaInstant => &INSTANT,
        Kind::Cisco => &CISCO,
    }
}

const ARUBA: Family = Family {
    scalars: &[
        // wlsxSwitchTotalNumAccessPoints, wlsxSwitchTotalNumStationsAssociated.
        Scalar { oid: &[1, 3, 6, 1, 4, 1, 14823, 2, 2, 1, 1, 3, 1, 0], means: Total::AccessPoints },
        Scalar { oid: &[1, 3, 6, 1, 4, 1, 14823, 2, 2, 1, 1, 3, 2, 0], means: Total::Clients },
    ],
    tables: &[
        Table {
            name: "wlsxWlanAPTable",
            entry: &[1, 3, 6, 1, 4, 1, 14823, 2, 2, 1, 5, 2, 1, 4, 1],
            about: About::AccessPoint,
            makes: true,
            columns: &[
                (2, Meaning::Address),
                (3, Meaning::Name),
                (4, Meaning::Group),
                (6, Meaning::Serial),
                (12, Meaning::UpTime),
                (13, Meaning::Model),
                (14, Meaning::Location),
                (19, Meaning::State(&[Up, Down])),
                (21, Meaning::Reboots),
                (34, Meaning::Software),
            ],
        },
        Table {
            name: "wlsxWlanRadioTable",
            entry: &[1, 3, 6, 1, 4, 1, 14823, 2, 2, 1, 5, 2, 1, 5, 1],
            about: About::Radio,
            makes: true,
            columns: &[
                // dot11a, dot11b, dot11g, dot11ag, wired.
                (2, Meaning::Band(&[Some(Five), Some(Two), Some(Two), None, None])),
                (3, Meaning::Channel),
                (4, Meaning::Power(2)),
                (6, Meaning::Utilisation),
                (7, Meaning::Clients),
                (16, Meaning::NameOfAccessPoint),
                (17, Meaning::Power(10)),
            ],
        },
        Table {
            name: "wlsxWlanAPChStatsTable",
            entry: &[1, 3, 6, 1, 4, 1, 14823, 2, 2, 1, 5, 3, 1, 6, 1],
            about: About::Radio,
            makes: false,
            columns: &[(9, Meaning::Noise), (11, Meaning::Interference)],
        },
        Table {
            name: "wlsxWlanESSIDTable",
            entry: &[1, 3, 6, 1, 4, 1, 14823, 2, 2, 1, 5, 2, 1, 8, 1],
            about: About::NamedSsid,
            makes: true,
            columns: &[(2, Meaning::Clients), (3, Meaning::Ups), (4, Meaning::Downs)],
        },
    ],
    noise: None,
};

const INSTANT: Family = Family {
    scalars: &[],
    tables: &[
        Table {
            name: "aiAccessPointTable",
            entry: &[1, 3, 6, 1, 4, 1, 14823, 2, 3, 3, 1, 2, 1, 1],
            about: About::AccessPoint,
            makes: true,
            columns: &[
                (2, Meaning::Name),
                (3, Meaning::Address),
                (4, Meaning::Serial),
                (6, Meaning::Model),
                (9, Meaning::UpTime),
                (11, Meaning::State(&[Up, Down])),
            ],
        },
        Table {
            name: "aiRadioTable",
            entry: &[1, 3, 6, 1, 4, 1, 14823, 2, 3, 3, 1, 2, 2, 1],
            about: About::Radio,
            makes: true,
            columns: &[
                (4, Meaning::ChannelAndBand),
                (5, Meaning::Power(1)),
                (6, Meaning::Noise),
                (8, Meaning::Utilisation),
                (20, Meaning::On(1)),
                (21, Meaning::Clients),
            ],
        },
        Table {
            name: "aiWlanSSIDTable",
            entry: &[1, 3, 6, 1, 4, 1, 14823, 2, 3, 3, 1, 1, 7, 1],
            about: About::NumberedSsid,
            makes: true,
            columns: &[(2, Meaning::Name), (4, Meaning::Clients)],
        },
    ],
    noise: None,
};

const CISCO: Family = Family {
    scalars: &[
        // clsSysApConnectCount (CISCO-LWAPP-SYS-MIB), cLApGlobalAPConnectCount (CISCO-LWAPP-AP-MIB).
        Scalar { oid: &[1, 3, 6, 1, 4, 1, 9, 9, 513, 1, 3, 35, 0], means: Total::AccessPoints },
        Scalar { oid: &[1, 3, 6, 1, 4, 1, 9, 9, 618, 1, 8, 4, 0], means: Total::AccessPoints },
    ],
    tables: &[
        Table {
            name: "bsnAPTable",
            entry: &[1, 3, 6, 1, 4, 1, 14179, 2, 2, 1, 1],
            about: About::AccessPoint,
            makes: true,
            columns: &[
                (3, Meaning::Name),
                (4, Meaning::Location),
                (6, Meaning::State(&[Up, Leaving, Loading])),
                (8, Meaning::Software),
                (16, Meaning::Model),
                (17, Meaning::Serial),
                (19, Meaning::Address),
                (30, Meaning::Group),
            ],
        },
        Table {
            name: "cLApTable",
            entry: &[1, 3, 6, 1, 4, 1, 9, 9, 513, 1, 1, 1, 1],
            about: About::AccessPoint,
            makes: false,
            columns: &[(6, Meaning::UpTime)],
        },
        Table {
            name: "bsnAPIfTable",
            entry: &[1, 3, 6, 1, 4, 1, 14179, 2, 2, 2, 1],
            about: About::Radio,
            makes: true,
            columns: &[
                // dot11b, dot11a. Others are said nothing of.
                (2, Meaning::Band(&[Some(Two), Some(Five)])),
                (4, Meaning::Channel),
                (6, Meaning::PowerLevel),
                (12, Meaning::On(2)),
                (15, Meaning::Clients),
                (22, Meaning::PowerList),
            ],
        },
        Table {
            // Its own count of clients (4) is wrong: 153 where radios have 94 and networks 95.
            name: "bsnAPIfLoadParametersTable",
            entry: &[1, 3, 6, 1, 4, 1, 14179, 2, 2, 13, 1],
            about: About::Radio,
            makes: false,
            columns: &[(3, Meaning::Utilisation), (24, Meaning::PoorClients)],
        },
        Table {
            name: "bsnDot11EssTable",
            entry: &[1, 3, 6, 1, 4, 1, 14179, 2, 1, 1, 1],
            about: About::NumberedSsid,
            makes: true,
            columns: &[(2, Meaning::Name), (38, Meaning::Clients)],
        },
    ],
    // bsnIfDBNoisePower of bsnAPIfChannelNoiseInfoTable.
    noise: Some(&[1, 3, 6, 1, 4, 1, 14179, 2, 2, 15, 1, 21]),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_are_told_by_their_object_identifier() {
        for (arcs, kind) in [
            (&[1, 3, 6, 1, 4, 1, 14823, 1, 1, 32][..], Some(Kind::Aruba)),
            (&[1, 3, 6, 1, 4, 1, 14823, 1, 2, 59], Some(Kind::ArubaInstant)),
            (&[1, 3, 6, 1, 4, 1, 9, 6, 1, 37, 240, 1], Some(Kind::Cisco)),
            (&[1, 3, 6, 1, 4, 1, 8072, 3, 2, 10], None),
            (&[], None),
        ] {
            assert_eq!(kind_of(arcs), kind, "{arcs:?}");
        }
    }

    #[test]
    fn no_table_of_stations_is_asked_for() {
        // Where pupils' devices are: wlsxUserTable, aiClientTable, bsnMobileStationTable.
        let stations: [&[u32]; 3] = [
            &[1, 3, 6, 1, 4, 1, 14823, 2, 2, 1, 4, 1, 2],
            &[1, 3, 6, 1, 4, 1, 14823, 2, 3, 3, 1, 2, 4],
            &[1, 3, 6, 1, 4, 1, 14179, 2, 1, 4],
        ];
        for kind in [Kind::Aruba, Kind::ArubaInstant, Kind::Cisco] {
            for table in family(kind).tables {
                assert!(stations.iter().all(|one| !table.entry.starts_with(one)), "{}", table.name);
                assert!(table.columns.is_sorted_by_key(|(number, _)| *number), "{}", table.name);
            }
        }
    }
}
