//! Connections that others recorded: the names read from their first bytes are those that nDPI read
//! from the same captures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    net::{IpAddr, SocketAddr},
    path::Path,
};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use preau::gateway::transparent::{ClientHello, Reader};

/// Bytes of one direction of a connection, by their sequence number.
type Direction = BTreeMap<u32, Vec<u8>>;

/// Both ends of each direction that has bytes.
fn directions(file: &Path) -> BTreeMap<(SocketAddr, SocketAddr), Direction> {
    let mut found: BTreeMap<_, Direction> = BTreeMap::new();
    let mut reader = create_reader(1 << 20, File::open(file).unwrap()).unwrap();
    loop {
        match reader.next() {
            Ok((offset, block)) => {
                let packet = match &block {
                    PcapBlockOwned::Legacy(packet) => Some(packet.data),
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => Some(packet.data),
                    PcapBlockOwned::NG(Block::SimplePacket(packet)) => Some(packet.data),
                    _ => None,
                };
                if let Some((ends, sequence, bytes)) = packet.and_then(segment) {
                    found.entry(ends).or_default().entry(sequence).or_insert(bytes);
                }
                reader.consume(offset);
            }
            Err(PcapError::Eof) => return found,
            Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(error) => panic!("{}: {error:?}", file.display()),
        }
    }
}

/// Of a packet that carries TCP: where from and to, its place, and its bytes.
fn segment(packet: &[u8]) -> Option<((SocketAddr, SocketAddr), u32, Vec<u8>)> {
    let sliced = LaxSlicedPacket::from_ethernet(packet).ok()?;
    let (from, to): (IpAddr, IpAddr) = match sliced.net? {
        LaxNetSlice::Ipv4(ip) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        LaxNetSlice::Ipv6(ip) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { return None };
    let ends =
        (SocketAddr::new(from, tcp.source_port()), SocketAddr::new(to, tcp.destination_port()));
    let bytes = tcp.payload().to_vec();
    (!bytes.is_empty()).then(|| (ends, tcp.sequence_number(), bytes))
}

/// What the first bytes of this direction say, if a TLS client sent them.
fn hello(direction: &Direction) -> Option<ClientHello> {
    let mut reader = Reader::default();
    let mut next = *direction.keys().next()?;
    for (sequence, bytes) in direction {
        // A segment that was sent again in part, or one that was not recorded.
        let seen = usize::try_from(next.wrapping_sub(*sequence)).unwrap();
        let Some(new) = bytes.get(seen..) else { continue };
        next = sequence.wrapping_add(u32::try_from(bytes.len()).unwrap());
        match reader.take(new) {
            Ok(Some(hello)) => return Some(hello),
            Ok(None) => {}
            Err(_) => return None,
        }
    }
    None
}

/// Names of the TLS connections over TCP in nDPI's report.
fn reported(report: &str) -> BTreeSet<String> {
    report
        .lines()
        .filter(|line| line.contains("\tTCP ") && line.contains("/TLS"))
        .filter_map(|line| line.split("[Hostname/SNI: ").nth(1)?.split(']').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_names_of_recorded_connections_are_read_as_others_read_them() {
    let Some(samples) = support::sample_folder() else { return };
    let folder = samples.join("gateway/pcap");
    let mut read = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        if !file.extension().is_some_and(|kind| kind == "pcap" || kind == "pcapng") {
            continue;
        }
        let named: BTreeSet<String> =
            directions(&file).values().filter_map(hello).filter_map(|hello| hello.name).collect();
        let report = fs::read_to_string(format!("{}.ndpi.out", file.display())).unwrap();
        assert_eq!(named, reported(&report), "{}", file.display());
        read += named.len();
    }
    assert!(read >= 5, "only {read} names in all captures");
}
