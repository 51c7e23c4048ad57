//! What the kernel knows of the networks around this machine: by which interface an address is
//! reached, and which hardware answers there. One task looks now and then; whoever asks for each
//! request takes no lock, makes no system call and allocates nothing.
//!
//! A device's interface is the one by which answers to it leave: the longest matching route of the
//! kernel's main table (RFC 1812 §5.2.4.3), the smallest metric among equals. That is sound where
//! the others are not: a TCP connection stands only when answers arrived by that way, so that no
//! device chooses its interface by writing another's address; rooms behind a router of the school
//! have one too, which the machine's own networks do not say; and a device has it from its first
//! packet, when no neighbour table may know it yet. Two interfaces with one network cannot be told
//! apart, and link-local addresses, which every interface has, have none.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
};

use arc_swap::{ArcSwap, Guard};
use ipnet::IpNet;

/// The kernel's tables, for this process's network namespace. `/proc/net` would lead here too, but
/// is hidden from a service with `ProcSubset=pid`.
const TABLES: &str = "/proc/self/net";
/// Bytes read of a table; what is past them is as if it were not there.
const MAX_TABLE_BYTES: u64 = 4 << 20;
/// Routes looked through for a device, the most specific first.
const MAX_ROUTES: usize = 512;
/// Neighbours remembered.
const MAX_NEIGHBOURS: usize = 16_384;

/// Flags of routes (`linux/route.h`, `linux/ipv6_route.h`).
const IS_UP: u32 = 0x1;
const REJECTS: u32 = 0x200;
const IS_ANYCAST: u32 = 0x0010_0000;
const IS_LOCAL: u32 = 0x8000_0000;
/// A neighbour that answered (`ATF_COM`, `linux/if_arp.h`).
const ANSWERED: u32 = 0x2;
/// Where a machine speaks to itself.
const LOOPBACK: &str = "lo";

/// What was seen last. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Around(Arc<ArcSwap<Seen>>);

/// The tables at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The most specific first.
    routes: Vec<Route>,
    neighbours: HashMap<IpAddr, Hardware>,
}

/// The address of a network card (48-bit MAC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hardware([u8; 6]);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    network: IpNet,
    metric: u32,
    interface: String,
}

impl Around {
    /// Looks at the tables. Blocking.
    ///
    /// # Errors
    /// One cannot be read; what was seen before stays.
    pub fn look(&self) -> io::Result<()> {
        let seen = Seen::of(&table("route")?, &table("ipv6_route")?, &table("arp")?);
        if **self.seen() != seen {
            self.0.store(Arc::new(seen));
        }
        Ok(())
    }

    /// With these tables, whatever the kernel says.
    #[cfg(test)]
    pub(crate) fn of(seen: Seen) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(seen)))
    }

    /// What was seen last; nothing before the first look.
    pub fn seen(&self) -> Guard<Arc<Seen>> {
        self.0.load()
    }
}

impl Seen {
    /// Of the texts of `route`, `ipv6_route` and `arp` (`proc_net(5)`); a line that is none of its
    /// kind is passed over.
    pub fn of(route: &str, ipv6_route: &str, arp: &str) -> Self {
        let four = route.lines().filter_map(Route::of_ipv4);
        let six = ipv6_route.lines().filter_map(Route::of_ipv6);
        let mut routes: Vec<Route> = four.chain(six).collect();
        routes.sort_by_key(|route| (u8::MAX - route.network.prefix_len(), route.metric));
        routes.truncate(MAX_ROUTES);
        let neighbours = arp.lines().filter_map(neighbour).take(MAX_NEIGHBOURS).collect();
        Self { routes, neighbours }
    }

    /// The interface by which answers to this address leave.
    pub fn interface(&self, address: IpAddr) -> Option<&str> {
        let address = address.to_canonical();
        let route = self.routes.iter().find(|route| route.network.contains(&address))?;
        Some(&route.interface)
    }

    /// The hardware that answers for this address, where the machine itself reaches it (IPv4).
    pub fn hardware(&self, address: IpAddr) -> Option<Hardware> {
        self.neighbours.get(&address.to_canonical()).copied()
    }
}

impl Route {
    /// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, of the main table alone.
    fn of_ipv4(line: &str) -> Option<Self> {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, _, flags, _, _, metric, mask, ..] = columns[..] else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let leads = flags & IS_UP != 0 && flags & REJECTS == 0 && interface != LOOPBACK;
        let mask = u32::from(ipv4(mask)?);
        let prefix = mask.leading_ones();
        if !leads || mask.count_ones() != prefix {
            return None;
        }
        let network = IpNet::new(ipv4(destination)?.into(), u8::try_from(prefix).ok()?).ok()?;
        Some(Self { network, metric: metric.parse().ok()?, interface: interface.to_owned() })
    }

    /// `destination prefix source prefix next-hop metric references use flags device`, of all
    /// tables: the machine's own addresses and what it answers for are left out.
    fn of_ipv6(line: &str) -> Option<Self> {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [destination, prefix, _, _, _, metric, _, _, flags, interface] = columns[..] else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let leads = flags & IS_UP != 0 && flags & (REJECTS | IS_LOCAL | IS_ANYCAST) == 0;
        let destination = Ipv6Addr::from(u128::from_str_radix(destination, 16).ok()?);
        if !leads || interface == LOOPBACK || is_of_each_link(destination) {
            return None;
        }
        let prefix = u8::from_str_radix(prefix, 16).ok()?;
        let network = IpNet::new(destination.into(), prefix).ok()?;
        let metric = u32::from_str_radix(metric, 16).ok()?;
        Some(Self { network, metric, interface: interface.to_owned() })
    }
}

/// The kernel prints the four bytes, which lie in the network's order, as one number of its own.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    u32::from_str_radix(text, 16).ok().map(|word| Ipv4Addr::from(word.to_ne_bytes()))
}

/// Link-local or multicast: on every interface.
fn is_of_each_link(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || address.is_multicast()
}

/// `address type flags hardware mask device`
fn neighbour(line: &str) -> Option<(IpAddr, Hardware)> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [address, _, flags, hardware, _, _] = columns[..] else { return None };
    let flags = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
    let mut bytes = [0; 6];
    let mut parts = hardware.split(':');
    for byte in &mut bytes {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    let known = flags & ANSWERED != 0 && parts.next().is_none();
    known.then_some((address.parse().ok()?, Hardware(bytes)))
}

/// One of the kernel's tables; empty where the kernel has none (no IPv6).
fn table(name: &str) -> io::Result<String> {
    let file = match File::open(format!("{TABLES}/{name}")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_TABLE_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The address that this machine has toward another: no packet leaves when a datagram socket is
/// connected.
///
/// # Errors
/// There is no way there.
pub fn own_address_toward(address: IpAddr) -> io::Result<IpAddr> {
    /// Any will do.
    const PORT: u16 = 80;
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(SocketAddr::new(address, PORT))?;
    Ok(socket.local_addr()?.ip())
}

/// Is it an address of this machine? What the kernel would send from, to reach it, says so.
pub fn is_own(address: IpAddr) -> bool {
    own_address_toward(address).is_ok_and(|from| from == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a kernel of this machine's byte order prints it.
    fn word(address: &str) -> String {
        format!("{:08X}", u32::from_ne_bytes(address.parse::<Ipv4Addr>().unwrap().octets()))
    }

    fn ipv4_table() -> String {
        let mut text = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n".to_owned();
        for (interface, to, via, flags, metric, mask) in [
            ("wan0", "0.0.0.0", "45.12.0.254", "0003", 0, "0.0.0.0"),
            ("vlan10", "10.31.0.0", "0.0.0.0", "0001", 100, "255.255.224.0"),
            ("vlan64", "10.31.4.0", "0.0.0.0", "0001", 0, "255.255.255.0"),
            ("spare", "10.31.4.0", "0.0.0.0", "0001", 600, "255.255.255.0"),
            ("core", "10.40.0.0", "10.31.0.2", "0003", 0, "255.255.0.0"),
            ("vlan10", "10.50.0.0", "0.0.0.0", "0201", 0, "255.255.0.0"),
            ("down", "10.60.0.0", "0.0.0.0", "0000", 0, "255.255.0.0"),
            ("odd", "10.70.0.0", "0.0.0.0", "0001", 0, "255.0.255.0"),
        ] {
            let (to, via, mask) = (word(to), word(via), word(mask));
            text +=
                &format!("{interface}\t{to}\t{via}\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0\n");
        }
        text
    }

    fn ipv6_line(to: &str, prefix: u8, metric: u32, flags: u32, device: &str) -> String {
        let (to, none) = (u128::from(to.parse::<Ipv6Addr>().unwrap()), 0_u128);
        format!(
            "{to:032x} {prefix:02x} {none:032x} 00 {none:032x} {metric:08x} 00000001 00000000 \
             {flags:08x} {device:>8}\n"
        )
    }

    #[test]
    fn a_device_s_interface_is_the_one_by_which_answers_leave() {
        let seen = Seen::of(&ipv4_table(), "", "");
        for (address, interface) in [
            ("10.31.9.1", "vlan10"),
            ("::ffff:10.31.9.1", "vlan10"),
            // The narrower network, and of two the one with the smaller metric.
            ("10.31.4.9", "vlan64"),
            // Behind a router of the school.
            ("10.40.2.2", "core"),
            ("192.0.2.1", "wan0"),
            // Neither a refusal nor what is down nor what is no mask leads anywhere.
            ("10.50.0.1", "wan0"),
            ("10.60.0.1", "wan0"),
            ("10.70.0.1", "wan0"),
        ] {
            assert_eq!(seen.interface(address.parse().unwrap()), Some(interface), "{address}");
        }
        assert_eq!(seen.interface("2001:db8::1".parse().unwrap()), None);
        assert_eq!(Seen::default().interface("10.31.9.1".parse().unwrap()), None);
    }

    #[test]
    fn ipv6_has_its_routes_and_not_the_machine_s_own() {
        let text = [
            ipv6_line("2001:db8:1::", 64, 0x100, 0x1, "vlan10"),
            ipv6_line("2001:db8:2::", 64, 0x100, 0x1, "vlan64"),
            ipv6_line("2001:db8:1::1", 128, 0, 0x8020_0001, "vlan64"),
            ipv6_line("2001:db8:2::", 128, 0, 0x0020_0001 | IS_ANYCAST, "vlan10"),
            ipv6_line("fe80::", 64, 0x100, 0x1, "vlan10"),
            ipv6_line("ff00::", 8, 0x100, 0x1, "vlan10"),
            ipv6_line("::", 0, 0xffff_ffff, 0x0020_0200, "lo"),
            // The rule of taken connections: all is local to its table.
            ipv6_line("::", 0, 0x400, 0x8020_0001, "lo"),
        ]
        .concat();
        let seen = Seen::of("", &text, "");
        let interface = |text: &str| seen.interface(text.parse().unwrap()).map(str::to_owned);
        assert_eq!(interface("2001:db8:1::1").as_deref(), Some("vlan10"));
        assert_eq!(interface("2001:db8:2::").as_deref(), Some("vlan64"));
        assert_eq!(interface("2001:db8:3::1"), None);
        assert_eq!(interface("fe80::1"), None);
    }

    #[test]
    fn hardware_is_what_answered() {
        let arp = "IP address       HW type     Flags       HW address            Mask     Device\n\
                   10.31.4.9        0x1         0x2         02:00:5e:10:00:09     *        vlan64\n\
                   10.31.4.10       0x1         0x0         00:00:00:00:00:00     *        vlan64\n\
                   10.31.4.11       0x1         0x6         02:00:5e:10:00:0b     *        vlan64\n\
                   10.31.4.12       0x20        0x2         80:00:02:08:fe:80:00:01     *  ib0\n";
        let seen = Seen::of("", "", arp);
        let of = |text: &str| seen.hardware(text.parse().unwrap());
        assert_eq!(of("10.31.4.9"), Some(Hardware([2, 0, 0x5e, 0x10, 0, 9])));
        assert_eq!(of("10.31.4.10"), None, "nobody answered");
        assert_ne!(of("10.31.4.11"), of("10.31.4.9"));
        assert_eq!(of("10.31.4.12"), None, "no 48-bit address");
    }

    #[test]
    fn tables_that_say_nonsense_say_nothing() {
        for text in ["", "\0\0", "a b c d e f g h", "z z z z z z z z z z", &"x ".repeat(4000)] {
            assert_eq!(Seen::of(text, text, text), Seen::default(), "{text:.40}");
        }
    }

    #[test]
    fn this_machine_s_own_tables_are_read() {
        let around = Around::default();
        around.look().unwrap();
        assert!(is_own("127.0.0.1".parse().unwrap()));
        assert!(!is_own("192.0.2.1".parse().unwrap()));
        let loopback = "127.0.0.1".parse().unwrap();
        assert_ne!(around.seen().interface(loopback), Some(LOOPBACK));
    }
}
