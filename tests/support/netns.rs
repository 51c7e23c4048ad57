//! Several hosts on one machine: network namespaces joined by cables (veth), of which no packet
//! leaves. Names carry the process's number, so that tests run beside each other.

use std::{
    ffi::OsStr,
    fs::{self, File},
    process::{Child, Command, Stdio},
    thread,
};

use nix::{
    sched::{CloneFlags, setns},
    sys::signal,
    unistd::Pid,
};

/// Namespaces are root's to make. Elsewhere a test is skipped, loudly.
pub fn allowed() -> bool {
    let root = nix::unistd::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "network namespaces need root");
    if !root {
        eprintln!("SKIPPED: network namespaces need root");
    }
    root
}

/// A program that is asked to end with the test.
#[derive(Debug)]
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let _ = signal::kill(pid, signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// A host; it goes when it is dropped, with all that runs in it.
#[derive(Debug)]
pub struct Host {
    name: String,
}

impl Host {
    /// A host with nothing but loopback.
    pub fn new(name: &str) -> Self {
        let name = format!("preau-{}-{name}", std::process::id());
        ip(&["netns", "add", &name]);
        let host = Self { name };
        host.ip(&["link", "set", "lo", "up"]);
        host
    }

    /// What it reads in `/etc/hosts`: lines of `address name`.
    pub fn knows(&self, names: &str) {
        self.finds(names, "nameserver 127.0.0.1\n");
    }

    /// The resolver that it asks, and the zone in which a name alone is looked for, as DHCP tells it.
    pub fn asks(&self, resolver: &str, zone: &str) {
        self.finds("", &format!("nameserver {resolver}\nsearch {zone}\n"));
    }

    fn finds(&self, names: &str, resolving: &str) {
        let folder = format!("/etc/netns/{}", self.name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(format!("{folder}/hosts"), format!("127.0.0.1 localhost\n{names}")).unwrap();
        fs::write(format!("{folder}/resolv.conf"), resolving).unwrap();
    }

    /// A command of ip(8) there.
    pub fn ip(&self, words: &[&str]) {
        ip(&[&["-netns", &self.name], words].concat());
    }

    /// A command that runs there, to its end.
    pub fn run(&self, program: &str, words: &[&str]) {
        let output = self.command(program).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {}: {said}", words.join(" "));
    }

    /// A command that would run there.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program).stdin(Stdio::null());
        command
    }

    /// Does something there, whose sockets are of that host.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let file = File::open(format!("/run/netns/{}", self.name)).unwrap();
        thread::scope(|scope| {
            let there = scope.spawn(move || {
                setns(file, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            });
            there.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
        let _ = fs::remove_dir_all(format!("/etc/netns/{}", self.name));
    }
}

/// A cable: at each end a host and the name of its interface.
pub fn cable(a: (&Host, &str), b: (&Host, &str)) {
    ip(&[
        "link", "add", a.1, "netns", &a.0.name, "type", "veth", "peer", "name", b.1, "netns",
        &b.0.name,
    ]);
    for (host, interface) in [a, b] {
        host.ip(&["link", "set", interface, "up"]);
    }
}

/// The same, each end with its address and prefix too.
pub fn join(a: (&Host, &str, &str), b: (&Host, &str, &str)) {
    cable((a.0, a.1), (b.0, b.1));
    for (host, interface, address) in [a, b] {
        host.ip(&["address", "add", address, "dev", interface]);
    }
}

fn ip(words: &[&str]) {
    let output = Command::new("ip").args(words).output();
    let output = output.unwrap_or_else(|error| panic!("ip(8), scripts/install test: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {}: {said}", words.join(" "));
}
