//! Devices share the link: the one with twenty tunnels has no more of it than the one with one, a
//! profile stays under its ceiling, a part is left alone, and what the cache has counts for nobody.
//! What devices send is shared like what they take.
//!
//! Through the built box, from several loopback addresses, over a link said to be slow. What is
//! compared are bytes with bytes of the same moments, and bytes with the most that the time taken
//! allows: a busy machine moves both.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod gateway_support;
mod support;

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Instant,
};

use gateway_support::{Device, Origin};
use socket2::{Domain, Socket, Type};
use support::{school_box::SchoolBox, until};

/// What the link is said to carry, in bytes a second.
const LINK: u64 = 4_000_000;
/// Of it, left alone: far more than any inexactness.
const RESERVED_PERCENT: u64 = 30;
const FOR_DEVICES: u64 = LINK * (100 - RESERVED_PERCENT) / 100;
/// Bytes before anything is measured: what waits in the sockets' buffers comes at once.
const BEFORE: u64 = 2 * LINK;
/// Bytes of all devices during a measure.
const DURING: u64 = 4 * LINK;

/// A box whose devices have this link, and an origin behind it without end.
struct School {
    proxy: SocketAddr,
    origin: Origin,
    /// What came to the origin, by the number of the device that sent it.
    came: Came,
    _box: SchoolBox,
}

impl School {
    fn new(policy: &str) -> Self {
        let came = Came::default();
        let (origin, proxy) = (endless(came.clone()), support::school_box::free_address());
        let port = origin.port();
        let settings = format!(
            "[gateway]\nlisten = [\"{proxy}\"]\nallow_private = [\"127.0.0.0/8\"]\n\
             plain_ports = [{port}]\nconnect_ports = [{port}]\n\
             downlink = \"{LINK} B/s\"\nuplink = \"{LINK} B/s\"\nreserve = \"{RESERVED_PERCENT} %\"\n{policy}"
        );
        let school = SchoolBox::start("0510035L", &settings);
        until("the proxy", || TcpStream::connect(proxy).ok());
        Self { proxy, origin, came, _box: school }
    }

    fn device(&self, number: u8) -> Device {
        let from: IpAddr = [127, 0, 0, number].into();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        socket.connect(&self.proxy.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(gateway_support::PATIENCE)).unwrap();
        Device { stream }
    }

    /// A device takes all it gets, by so many tunnels.
    fn tunnels(&self, number: u8, count: usize) -> Taking {
        let mut devices: Vec<_> = (0..count).map(|_| self.device(number)).collect();
        for device in &mut devices {
            device.tunnel(self.origin.address);
            device.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        Taking::begin(devices)
    }

    /// A device takes all it gets of one plain answer.
    fn plain(&self, number: u8) -> Taking {
        let mut device = self.device(number);
        let at = self.origin.address;
        device.send(format!("GET http://{at}/endless HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(device.head().starts_with("HTTP/1.1 200"));
        Taking::begin(vec![device])
    }

    /// A device sends all it can, by so many tunnels.
    fn sends(&self, number: u8, tunnels: usize) -> Taking {
        let mut devices: Vec<_> = (0..tunnels).map(|_| self.device(number)).collect();
        for device in &mut devices {
            device.tunnel(self.origin.address);
            device.send(upload("", number));
        }
        self.sending(number, devices)
    }

    /// A device sends all it can in one plain request.
    fn sends_plainly(&self, number: u8) -> Taking {
        let mut device = self.device(number);
        device.send(upload(&format!("http://{}", self.origin.address), number));
        self.sending(number, vec![device])
    }

    fn sending(&self, number: u8, devices: Vec<Device>) -> Taking {
        let taking = Taking { bytes: self.came[usize::from(number)].clone(), over: Arc::default() };
        for mut device in devices {
            let over = taking.over.clone();
            std::thread::spawn(move || {
                let piece = vec![b'x'; 64 * 1024];
                while !over.load(SeqCst) && device.stream.write_all(&piece).is_ok() {}
            });
        }
        taking
    }
}

type Came = Arc<[Arc<AtomicU64>; 8]>;

fn upload(at: &str, number: u8) -> String {
    format!("POST {at}/came/{number} HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n")
}

/// `/endless` never ends, `/cached` is four seconds of the link and may be kept, and what is sent to
/// `/came/N` is counted.
fn endless(came: Came) -> Origin {
    Origin::start(move |head, stream| {
        let mut piece = vec![b'x'; 64 * 1024];
        if let Some((_, number)) = head.split_once("/came/") {
            let bytes = &came[usize::from(number.as_bytes()[0] - b'0')];
            while let Ok(read @ 1..) = stream.read(&mut piece) {
                bytes.fetch_add(read as u64, SeqCst);
            }
            return false;
        }
        if head.contains("/cached") {
            let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n";
            let body = vec![b'x'; CACHED_BYTES];
            write!(stream, "{head}Content-Length: {CACHED_BYTES}\r\n\r\n").unwrap();
            return stream.write_all(&body).is_ok();
        }
        let head = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 999999999999\r\n";
        if write!(stream, "{head}\r\n").is_ok() {
            while stream.write_all(&piece).is_ok() {}
        }
        false
    })
}

const CACHED_BYTES: usize = 8_000_000;

/// Connections of one device that take all they get, until this is dropped.
struct Taking {
    bytes: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Taking {
    fn begin(devices: Vec<Device>) -> Self {
        let taking = Self { bytes: Arc::default(), over: Arc::default() };
        for mut device in devices {
            let (bytes, over) = (taking.bytes.clone(), taking.over.clone());
            std::thread::spawn(move || {
                let mut piece = vec![0; 64 * 1024];
                while !over.load(SeqCst) {
                    match device.stream.read(&mut piece) {
                        Ok(read) if read > 0 => bytes.fetch_add(read as u64, SeqCst),
                        _ => return,
                    };
                }
            });
        }
        taking
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(SeqCst)
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.over.store(true, SeqCst);
    }
}

/// What each took while all of them took so much, and the most that the link carries in that time.
fn measured<const N: usize>(taking: &[Taking; N]) -> ([u64; N], u64) {
    let now = || taking.each_ref().map(Taking::bytes);
    let moved = |since: [u64; N], most: u64| {
        until("bytes of the link", || {
            let moved: u64 = now().iter().zip(since).map(|(now, then)| now - then).sum();
            (moved >= most).then_some(())
        });
    };
    moved(now(), BEFORE);
    let (began, then) = (now(), Instant::now());
    moved(began, DURING);
    let (ended, took) = (now(), then.elapsed().as_millis());
    let mut each = ended;
    each.iter_mut().zip(began).for_each(|(bytes, then)| *bytes -= then);
    (each, u64::try_from(u128::from(LINK) * took / 1000).unwrap())
}

/// Is `bytes` so many hundredths of `whole`, or nearly?
fn is_about(bytes: u64, percent: u64, whole: u64) -> bool {
    let wanted = whole * percent / 100;
    (wanted * 85 / 100..=wanted * 115 / 100).contains(&bytes)
}

#[test]
fn a_device_with_twenty_tunnels_has_no_more_than_one_with_one_and_the_reserve_stays_free() {
    let school = School::new("");
    let taking = [school.tunnels(2, 20), school.tunnels(3, 1)];
    let (took, link) = measured(&taking);
    let all = took.iter().sum();
    assert!(took.iter().all(|bytes| is_about(*bytes, 50, all)), "{took:?}");
    assert!(all <= link * (100 - RESERVED_PERCENT + 10) / 100, "{took:?} of {link}");
    // The rest is theirs, and they get it.
    assert!(all >= link * (100 - RESERVED_PERCENT) / 200, "{took:?} of {link}");
}

#[test]
fn a_plain_answer_and_tunnels_are_counted_alike() {
    let school = School::new("");
    let taking = [school.tunnels(2, 10), school.plain(3), school.tunnels(4, 1)];
    let (took, _) = measured(&taking);
    let all = took.iter().sum();
    assert!(took.iter().all(|bytes| is_about(*bytes, 33, all)), "{took:?}");
}

#[test]
fn what_devices_send_is_shared_like_what_they_take_and_apart_from_it() {
    let school = School::new("");
    // The way down is full: it takes nothing of the way up.
    let _down = school.tunnels(5, 4);
    let sending = [school.sends(2, 10), school.sends_plainly(3), school.sends(4, 1)];
    let (sent, link) = measured(&sending);
    let all = sent.iter().sum();
    assert!(sent.iter().all(|bytes| is_about(*bytes, 33, all)), "{sent:?}");
    assert!(all <= link * (100 - RESERVED_PERCENT + 10) / 100, "{sent:?} of {link}");
    assert!(all >= link * (100 - RESERVED_PERCENT) / 200, "{sent:?} of {link}");
}

#[test]
fn a_profile_stays_under_its_ceiling_and_its_devices_share_that() {
    let school = School::new(
        "[[filter.profiles]]\nname = \"invites\"\nnetworks = [\"127.0.0.2/31\"]\nceiling = \"20 %\"\n\
         [[filter.profiles]]\nname = \"eleves\"\n",
    );
    let taking =
        [school.tunnels(2, 10), school.plain(3), school.tunnels(4, 1), school.tunnels(5, 10)];
    let (took, link) = measured(&taking);
    let guests = took[0] + took[1];
    let all = took.iter().sum();
    assert!(guests <= link * 25 / 100, "{took:?} of {link}");
    assert!(is_about(guests, 100 * LINK / 5 / FOR_DEVICES, all), "{took:?}");
    assert!(is_about(took[0], 50, guests) && is_about(took[1], 50, guests), "{took:?}");
    let others = all - guests;
    assert!(is_about(took[2], 50, others) && is_about(took[3], 50, others), "{took:?}");
}

#[test]
fn what_the_cache_has_counts_for_nobody() {
    let school = School::new("");
    let fetch = || {
        let mut device = school.device(2);
        let at = school.origin.address;
        device.send(format!(
            "GET http://{at}/cached HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ));
        let head = device.head();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        device.take(CACHED_BYTES);
        head
    };
    fetch();
    let busy = school.tunnels(3, 4);
    until("a busy link", || (busy.bytes() > BEFORE).then_some(()));
    let before = busy.bytes();
    for _ in 0..5 {
        let head = fetch();
        let status = gateway_support::field(&head, "cache-status").unwrap_or_default().to_owned();
        assert!(status.contains("hit"), "{head}");
    }
    let meanwhile = busy.bytes() - before;
    let (cached, most) = (5 * CACHED_BYTES as u64, 5 * CACHED_BYTES as u64 / 4);
    assert!(meanwhile < most, "{cached} bytes of the cache while the link carried {meanwhile}");
}
