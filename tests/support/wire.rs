//! A cable between a browser and a box: it counts, it can be cut, and it can spoil what it carries.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

/// Bytes of one connection after which a spoilt cable turns a bit.
const SPOILS_AFTER_BYTES: u64 = 100_000;

/// The cable, whole and honest at first.
#[derive(Debug)]
pub struct Wire {
    /// Where the browser asks.
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    to: Mutex<SocketAddr>,
    is_up: AtomicBool,
    spoils: AtomicBool,
    carried: AtomicU64,
    /// Bytes until the next cut.
    left: AtomicU64,
    /// Pause before each piece carried, in milliseconds.
    pause: AtomicU64,
    streams: Mutex<Vec<TcpStream>>,
}

impl Wire {
    /// A cable to a box.
    pub fn to(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let state = Arc::new(State {
            to: Mutex::new(address),
            is_up: AtomicBool::new(true),
            spoils: AtomicBool::new(false),
            carried: AtomicU64::new(0),
            left: AtomicU64::new(u64::MAX),
            pause: AtomicU64::new(0),
            streams: Mutex::default(),
        });
        let wire = Self { address: listener.local_addr().unwrap(), state: state.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if state.is_up.load(SeqCst) {
                    state.carry(stream);
                }
            }
        });
        wire
    }

    /// Cuts it, or joins it again.
    pub fn set_up(&self, is_up: bool) {
        self.state.is_up.store(is_up, SeqCst);
        if !is_up {
            self.state.cut();
        }
    }

    /// Cuts every connection once, after so many bytes more.
    pub fn cut_once_after(&self, bytes: u64) {
        self.state.left.store(bytes, SeqCst);
    }

    /// From now on turns a bit of what is long, or no longer does.
    pub fn set_spoils(&self, spoils: bool) {
        self.state.spoils.store(spoils, SeqCst);
    }

    /// Rests so many milliseconds before each piece it carries.
    pub fn set_pause(&self, milliseconds: u64) {
        self.state.pause.store(milliseconds, SeqCst);
    }

    /// Bytes carried to the browser so far.
    pub fn carried(&self) -> u64 {
        self.state.carried.load(SeqCst)
    }
}

impl State {
    fn carry(self: &Arc<Self>, browser: TcpStream) {
        let to = *self.to.lock().unwrap();
        let Ok(school) = TcpStream::connect(to) else { return };
        let both = [browser.try_clone().unwrap(), school.try_clone().unwrap()];
        self.streams.lock().unwrap().extend(both);
        let (mut asks, mut hears) = (browser.try_clone().unwrap(), school.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut asks, &mut hears);
            let _ = hears.shutdown(Shutdown::Write);
        });
        let state = self.clone();
        std::thread::spawn(move || {
            state.answer(school, browser.try_clone().unwrap());
            let _ = browser.shutdown(Shutdown::Both);
        });
    }

    fn answer(&self, mut school: TcpStream, mut browser: TcpStream) {
        let mut piece = vec![0; 32 * 1024];
        let mut of_connection = 0;
        while let Ok(length @ 1..) = school.read(&mut piece) {
            let pause = self.pause.load(SeqCst);
            if pause > 0 {
                #[allow(clippy::disallowed_methods, reason = "a slow cable, in its own thread")]
                std::thread::sleep(std::time::Duration::from_millis(pause));
            }
            let length64 = u64::try_from(length).unwrap();
            of_connection += length64;
            if self.spoils.load(SeqCst) && of_connection > SPOILS_AFTER_BYTES {
                piece[length / 2] ^= 1;
            }
            self.carried.fetch_add(length64, SeqCst);
            if browser.write_all(&piece[..length]).is_err() {
                return;
            }
            let left = self.left.load(SeqCst);
            if left != u64::MAX {
                self.left.store(left.saturating_sub(length64), SeqCst);
                if left <= length64 {
                    self.left.store(u64::MAX, SeqCst);
                    self.cut();
                }
            }
        }
    }

    fn cut(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
